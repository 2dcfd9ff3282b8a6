"""`repo`: make a site's repository, test it, count it."""

from __future__ import annotations

import click

from app.assembly import Overwinter
from app.cli.repair import repair
from app.cli.session import Session, pass_session
from app.foundation.words import Size, Text, plural, text
from app.tools.restic.output import Lock


@click.group()
def repo() -> None:
    """The repository of a site."""


repo.add_command(repair)


@repo.command()
@click.argument("site")
@pass_session
def init(session: Session, site: str) -> None:
    """Make the repository, encrypted with the site's repository-password."""

    async def work(app: Overwinter) -> None:
        made = await app.init_repository(site)
        address = (await app.sites.get(site)).repository.address
        session.output.result(
            {"id": made, "repository": address}, [text("The repository is made: {address}", address=address)]
        )

    session.perform(work)


@repo.command()
@click.argument("site")
@pass_session
def test(session: Session, site: str) -> None:
    """Open the repository for real: reached, password right, who holds a lock."""

    async def work(app: Overwinter) -> None:
        repository = await app.repository(site)
        config = await repository.restic.config()
        locks = await repository.restic.locks()
        said = [text("The repository answers and the password is right (format {version}).", version=config.version)]
        said += [_held(session, lock) for lock in locks]
        session.output.result({"id": config.id, "version": config.version, "locks": locks}, said)

    session.perform(work)


def _held(session: Session, lock: Lock) -> Text:
    return text(
        "Locked by {user} on {host} since {when}.",
        user=lock.username,
        host=lock.hostname,
        when=session.output.moment(lock.time),
    )


@repo.command()
@click.argument("site")
@pass_session
def unlock(session: Session, site: str) -> None:
    """Remove the locks of work that is dead; those of work that goes on stay."""

    async def work(app: Overwinter) -> None:
        done = await app.unlock_repository(site)
        removed, left = len(done.removed), len(done.left)
        said = [plural("{count} dead lock removed.", "{count} dead locks removed.", removed)]
        said += [plural("{count} lock of living work stays.", "{count} locks of living work stay.", left)]
        said += [_held(session, lock) for lock in done.left]
        session.output.result({"removed": removed, "left": left, "locks": done.left}, said)

    session.perform(work)


@repo.command()
@click.argument("site")
@pass_session
def stats(session: Session, site: str) -> None:
    """How big the repository is."""

    async def work(app: Overwinter) -> None:
        repository = await app.repository(site)
        counted = await repository.restic.stats()
        count, size = counted.snapshots_count, Size(counted.total_size)
        session.output.result(
            counted, [plural("{size} in {count} snapshot", "{size} in {count} snapshots", count, size=size)]
        )

    session.perform(work)
