"""Finds recovery points again: the snapshots of one run, closed by its manifest.

Everything here is read from the snapshots' tags, so that a list of a thousand points costs one restic process.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.words import text
from app.jobs.tags import COMPLETE, value_of
from app.settings.model import Site
from app.tools.restic.output import Snapshot
from app.tools.restic.repository import Restic

SHORT = 8


class PointSnapshot(msgspec.Struct, frozen=True):
    """One source's snapshot within a point."""

    id: str
    source: str
    layer: str
    type: str


class Point(msgspec.Struct, frozen=True):
    """A recovery point. `status` is complete, partial, or unfinished when its run wrote no manifest.

    `manifest` is the id of its manifest's snapshot, "" for an unfinished one.
    """

    id: str
    short_id: str
    time: datetime
    status: str
    complete: bool
    verified: bool
    kept: bool
    layers: tuple[str, ...]
    snapshots: tuple[PointSnapshot, ...]
    manifest: str


def points_of(snapshots: Iterable[Snapshot]) -> list[Point]:
    """The points that a site's snapshots make, newest first; snapshots without a run are not among them."""
    runs: dict[str, list[Snapshot]] = {}
    for snapshot in snapshots:
        run = value_of(snapshot.tags, "run")
        if run:
            runs.setdefault(run, []).append(snapshot)
    points = [_point(run, members) for run, members in runs.items()]
    return sorted(points, key=lambda point: point.time, reverse=True)


def _point(run: str, members: list[Snapshot]) -> Point:
    manifest = next((found for found in members if value_of(found.tags, "type") == "manifest"), None)
    sources = sorted((found for found in members if found is not manifest), key=lambda found: found.time)
    whole = bool(sources) and all(value_of(found.tags, "type") == "full" for found in sources)
    outcome = value_of(manifest.tags, "outcome") if manifest is not None else "unfinished"
    return Point(
        id=run,
        short_id=run[:SHORT],
        time=(manifest or sources[-1]).time,
        status=outcome,
        complete=whole and outcome == COMPLETE,
        verified=False,
        kept=False,
        layers=tuple(dict.fromkeys(value_of(found.tags, "layer") for found in sources)),
        snapshots=tuple(_member(found) for found in sources),
        manifest=manifest.id if manifest is not None else "",
    )


def _member(snapshot: Snapshot) -> PointSnapshot:
    tags = snapshot.tags
    return PointSnapshot(snapshot.id, value_of(tags, "source"), value_of(tags, "layer"), value_of(tags, "type"))


async def list_points(restic: Restic, site: Site) -> list[Point]:
    """The site's recovery points, newest first."""
    return points_of(await site_snapshots(restic, site))


async def site_snapshots(restic: Restic, site: Site) -> list[Snapshot]:
    """The site's snapshots, newest first.

    Those that belong to no site (adopted ones) count as this site's, since no other shares its repository.
    """
    ours = [snapshot for snapshot in await restic.snapshots() if value_of(snapshot.tags, "site") in ("", site.name)]
    return sorted(ours, key=lambda snapshot: snapshot.time, reverse=True)


async def site_snapshot(restic: Restic, site: Site, wanted: str) -> Snapshot:
    """The snapshot of this site named by an id or a unique beginning of one; another site's is refused."""
    found = [snapshot for snapshot in await site_snapshots(restic, site) if snapshot.id.startswith(wanted)]
    if len(found) != 1 or len(wanted) < SHORT:
        raise _no_such_snapshot(site, wanted)
    return found[0]


def _no_such_snapshot(site: Site, wanted: str) -> UserError:
    return Refused(
        text("{site} has no snapshot {snapshot}.", site=site.name, snapshot=wanted),
        text("Nothing was read and nothing was written."),
        text("Take an id from the list: overwinter snapshots {site}", site=site.name),
        "snapshot.unknown",
    )
