"""`points`, `snapshots`, `ls`, `find`, `save`: look into the repository and take something out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from app.assembly import Overwinter
from app.cli.output import printable
from app.cli.session import Session, pass_session
from app.foundation.words import Size, text
from app.jobs.browse import find_name, list_folder, save_path
from app.jobs.points import SHORT, Point, site_snapshots
from app.tools.restic.output import Entry


@click.command()
@click.argument("site")
@pass_session
def points(session: Session, site: str) -> None:
    """The recovery points, newest first."""

    async def work(app: Overwinter) -> None:
        found = await app.points(site)
        for point in found:
            session.output.row(point, _point_line(session, point))
        if not found and not session.output.json:
            session.output.result(None, [text("No recovery point yet: overwinter backup {site}", site=site)])

    session.perform(work)


def _point_line(session: Session, point: Point) -> str:
    when = session.output.moment(point.time)
    proven = ", verified" if point.verified else ""
    return f"{point.short_id}  {when}  {point.status}{proven}  {', '.join(point.layers)}"


@click.command()
@click.argument("site")
@pass_session
def snapshots(session: Session, site: str) -> None:
    """The snapshots behind the points, newest first."""

    async def work(app: Overwinter) -> None:
        repository = await app.repository(site)
        for snapshot in await site_snapshots(repository.restic, repository.site):
            when = session.output.moment(snapshot.time)
            line = f"{snapshot.id[:SHORT]}  {when}  {' '.join(snapshot.paths)}  {' '.join(snapshot.tags)}"
            session.output.row(snapshot, line)

    session.perform(work)


@click.command()
@click.argument("site")
@click.argument("snapshot")
@click.argument("path", default="/")
@pass_session
def ls(session: Session, site: str, snapshot: str, path: str) -> None:
    """What a folder of a snapshot holds."""

    async def work(app: Overwinter) -> None:
        repository = await app.repository(site)

        async def take(entries: Sequence[Entry]) -> None:
            for entry in entries:
                session.output.row(entry, _entry_line(session, entry))

        await list_folder(repository, snapshot, path, take)

    session.perform(work)


def _entry_line(session: Session, entry: Entry) -> str:
    size = session.output.language.size(entry.size) if entry.type == "file" else entry.type
    return f"{size:>10}  {printable(entry.path)}"


@click.command()
@click.argument("site")
@click.argument("pattern")
@pass_session
def find(session: Session, site: str, pattern: str) -> None:
    """Where a name stands in all snapshots; `*` and `?` stand for anything."""

    async def work(app: Overwinter) -> None:
        repository = await app.repository(site)
        for hit in await find_name(repository, pattern):
            session.output.row(hit, f"{hit.snapshot[:SHORT]}  {printable(hit.path)}")

    session.perform(work)


@click.command()
@click.argument("site")
@click.argument("snapshot")
@click.argument("path")
@click.argument("target", type=click.Path(path_type=Path))
@pass_session
def save(session: Session, site: str, snapshot: str, path: str, target: Path) -> None:
    """Save one file or folder of a snapshot as TARGET, which must not exist yet."""
    place = Path.cwd() / target

    async def work(app: Overwinter) -> None:
        repository = await app.repository(site)
        saved = await save_path(repository, snapshot, path, place)
        session.output.result(
            saved, [text("Saved {size} as {target}", size=Size(saved.bytes), target=printable(saved.target))]
        )

    session.perform(work)
