"""The list of a site's snapshots as it was read last, kept in a file; and the rows that are made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from app.foundation.errors import UserError
from app.jobs.catalogue.rows import Listed, PointRow
from app.jobs.points import Point, points_of, today_of
from app.jobs.tags import value_of
from app.settings.model import Site
from app.settings.private_files import make_folder, read_file, write_file
from app.tools.restic.output import Snapshot

NOT_CHOSEN_BY = ("run:", "site:", "hit:", "snapshots:", "until:")
"""Beginnings of tags that are other ones at every point, so that nobody chooses by them."""

FORMAT = 1


class KnownSnapshots(msgspec.Struct, frozen=True):
    """The snapshots of a site, newest first, as they were read from the repository at `address`."""

    format: int
    address: str
    read: datetime
    snapshots: tuple[Snapshot, ...]


def list_file(folder: Path, site: str) -> Path:
    """The file of a site's list, in the folder of the catalogue."""
    return folder / "lists" / f"{site}.json"


def remembered(file: Path, address: str) -> KnownSnapshots | None:
    """What the file holds; None when there is none, or none of this repository, or a damaged one. Blocks."""
    try:
        content = read_file(file)
        known = None if content is None else msgspec.json.decode(content, type=KnownSnapshots)
    except (UserError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return known if known is not None and (known.format, known.address) == (FORMAT, address) else None


def remember(file: Path, known: KnownSnapshots) -> None:
    """Writes them down, for their owner only. Blocks; raises `UserError` `places.…`."""
    make_folder(file.parent)
    write_file(file, msgspec.json.encode(known))


def listed_of(known: KnownSnapshots, site: Site) -> Listed:
    """The points that the snapshots make, with what the snapshots say beside them."""
    by_id = {snapshot.id: snapshot for snapshot in known.snapshots}
    points = points_of(known.snapshots, today_of(site))
    rows = tuple(_row(point, [by_id[one] for one in point.all_snapshots]) for point in points)
    loose = sum(not value_of(snapshot.tags, "run") for snapshot in known.snapshots)
    return Listed(known.read, rows, loose)


def _row(point: Point, snapshots: Sequence[Snapshot]) -> PointRow:
    sizes = [snapshot.summary for snapshot in snapshots if snapshot.summary is not None]
    sources = {one.id for one in point.snapshots}
    return PointRow(
        point=point,
        added=sum(size.data_added_packed for size in sizes),
        bytes=sum(
            snapshot.summary.total_bytes_processed
            for snapshot in snapshots
            if snapshot.id in sources and snapshot.summary is not None
        ),
        hosts=tuple(sorted({_host(snapshot) for snapshot in snapshots if snapshot.id in sources} - {""})),
        tags=tuple(sorted({tag for snapshot in snapshots for tag in _chosen_by(snapshot.tags)})),
        trigger=next((found for snapshot in snapshots if (found := value_of(snapshot.tags, "trigger"))), ""),
    )


def _host(snapshot: Snapshot) -> str:
    return value_of(snapshot.tags, "host") or snapshot.hostname


def _chosen_by(tags: Iterable[str]) -> list[str]:
    return [tag for tag in tags if not tag.startswith(NOT_CHOSEN_BY)]
