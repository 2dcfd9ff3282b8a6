"""Finds recovery points again: the snapshots of one run, closed by its manifest.

Everything here is read from the snapshots' tags, so that a list of a thousand points costs one restic process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.words import text
from app.jobs.check.marks import CheckMark, check_marks, is_hit, known_damage
from app.jobs.tags import CHECK, COMPLETE, FAIL, KEEP, MANIFEST, MARKS, PARTIAL, PASS, REPAIRED, VERIFY, value_of
from app.settings.model import Site
from app.tools.restic.output import Snapshot

if TYPE_CHECKING:  # the window shows points before it can ask a repository
    from app.tools.restic.repository import Restic

SHORT = 8
UNFINISHED = "unfinished"


class PointSnapshot(msgspec.Struct, frozen=True):
    """One source's snapshot within a point."""

    id: str
    source: str
    layer: str
    type: str


class Mark(msgspec.Struct, frozen=True):
    """A small snapshot that says something of a point: a Keep, or what a verification found."""

    id: str
    type: str


class Point(msgspec.Struct, frozen=True):
    """A recovery point. `status` is complete, partial, or unfinished when its run wrote no manifest.

    `manifest` is the id of its manifest's snapshot, "" for an unfinished one. Of its `marks`, oldest first, the newest
    Keep says the last day (in the site's time zone) that it is `kept_until`, and the newest proof whether it is
    `verified`; `kept` is whether that day is still to come. One that is `damaged` by what checks found, or that a
    repair took something from, is partial and not verified.
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
    kept_until: date | None = None
    marks: tuple[Mark, ...] = ()
    damaged: bool = False

    @property
    def all_snapshots(self) -> tuple[str, ...]:
        """The ids of everything in the repository that goes when the point goes."""
        parts = [*(one.id for one in self.snapshots), *(mark.id for mark in self.marks)]
        return (*parts, self.manifest) if self.manifest else tuple(parts)


def points_of(snapshots: Iterable[Snapshot], today: date) -> list[Point]:
    """The points that a site's snapshots make, newest first; snapshots without a run are not among them.

    `today` is the day in the site's time zone.
    """
    listed = list(snapshots)
    damage = known_damage(check_marks(listed))
    runs: dict[str, list[Snapshot]] = {}
    for snapshot in listed:
        run = value_of(snapshot.tags, "run")
        if run:
            runs.setdefault(run, []).append(snapshot)
    points = [_point(run, members, today, damage) for run, members in runs.items()]
    return sorted(filter(None, points), key=lambda point: (point.time, point.id), reverse=True)


def _point(run: str, members: list[Snapshot], today: date, damage: Sequence[CheckMark]) -> Point | None:
    """The point of a run; None when nothing but marks is left of it."""
    manifest = next((found for found in members if _type(found) == MANIFEST), None)
    ordered = sorted(members, key=lambda found: (found.time, found.id))
    marks = [found for found in ordered if _type(found) in MARKS]
    sources = [found for found in ordered if found is not manifest and _type(found) not in MARKS]
    if manifest is None and not sources:
        return None
    whole = bool(sources) and all(_type(found) == "full" for found in sources)
    time = (manifest or sources[-1]).time
    damaged = is_hit(run, time, damage) or any(map(is_repaired, members))
    status = PARTIAL if damaged and manifest is not None else _status(manifest, sources)
    kept_until = _kept_until(marks)
    return Point(
        id=run,
        short_id=run[:SHORT],
        time=time,
        status=status,
        complete=whole and status == COMPLETE,
        verified=_is_verified(marks) and not damaged,
        kept=kept_until is not None and today <= kept_until,
        layers=tuple(dict.fromkeys(value_of(found.tags, "layer") for found in sources)),
        snapshots=tuple(_member(found) for found in sources),
        manifest=manifest.id if manifest is not None else "",
        kept_until=kept_until,
        marks=tuple(Mark(found.id, _type(found)) for found in marks if _type(found) != CHECK),
        damaged=damaged,
    )


def is_repaired(snapshot: Snapshot) -> bool:
    """Whether restic made it out of a damaged one; people may have a tag of their own that sounds alike."""
    return REPAIRED in snapshot.tags and bool(snapshot.original)


def _type(snapshot: Snapshot) -> str:
    return value_of(snapshot.tags, "type")


def _status(manifest: Snapshot | None, sources: Sequence[Snapshot]) -> str:
    """As the manifest says; a point that has lost a snapshot since then is partial."""
    if manifest is None:
        return UNFINISHED
    made_of = value_of(manifest.tags, "snapshots")
    lost_some = made_of.isdecimal() and len(sources) < int(made_of)
    return PARTIAL if lost_some else value_of(manifest.tags, "outcome")


def _kept_until(marks: Sequence[Snapshot]) -> date | None:
    """What the newest Keep says; the later day, when two are equally new."""
    days = [(mark.time, day) for mark in marks if _type(mark) == KEEP and (day := _day(value_of(mark.tags, "until")))]
    return max(days)[1] if days else None


def _day(said: str) -> date | None:
    try:
        return date.fromisoformat(said)
    except ValueError:
        return None


def _is_verified(marks: Sequence[Snapshot]) -> bool:
    """What the newest proof says that says anything; when two are equally new, one that failed."""
    proofs = [(mark.time, value_of(mark.tags, "outcome") == PASS) for mark in marks if _is_decided(mark)]
    newest = max((at for at, _ in proofs), default=None)
    return bool(proofs) and all(passed for at, passed in proofs if at == newest)


def _is_decided(mark: Snapshot) -> bool:
    return _type(mark) == VERIFY and value_of(mark.tags, "outcome") in (PASS, FAIL)


def _member(snapshot: Snapshot) -> PointSnapshot:
    tags = snapshot.tags
    return PointSnapshot(snapshot.id, value_of(tags, "source"), value_of(tags, "layer"), value_of(tags, "type"))


async def list_points(restic: Restic, site: Site) -> list[Point]:
    """The site's recovery points, newest first."""
    return points_of(await site_snapshots(restic, site), today_of(site))


def points_by_name(snapshots: Iterable[Snapshot], site: Site) -> list[Point]:
    """The points whose every snapshot says that it is of this site; only these may be removed, or marked."""
    return points_of((one for one in snapshots if value_of(one.tags, "site") == site.name), today_of(site))


def zone_of(site: Site) -> tzinfo:
    """The site's time zone, by which its days are counted."""
    return UTC if site.time_zone == "UTC" else ZoneInfo(site.time_zone)


def today_of(site: Site) -> date:
    """The day that it is at the site."""
    return datetime.now(zone_of(site)).date()


def point_named(points: Iterable[Point], site: Site, wanted: str) -> Point:
    """The point named by its id or a unique beginning of it; raises `Refused` `point.unknown`."""
    found = [point for point in points if point.id.startswith(wanted)]
    if len(found) != 1 or len(wanted) < SHORT:
        raise _no_such_point(site, wanted)
    return found[0]


async def site_snapshots(restic: Restic, site: Site, *, lock: bool = False) -> list[Snapshot]:
    """The site's snapshots, newest first; `lock` says to fail where somebody has the repository for himself.

    Those that belong to no site (adopted ones) count as this site's, since no other shares its repository.
    """
    listed = await restic.snapshots(lock=lock)
    ours = [snapshot for snapshot in listed if value_of(snapshot.tags, "site") in ("", site.name)]
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


def _no_such_point(site: Site, wanted: str) -> UserError:
    return Refused(
        text("{site} has no recovery point {point}.", site=site.name, point=wanted),
        text("Nothing was changed."),
        text("Take an id from the list, at least its first 8 characters: overwinter points {site}", site=site.name),
        "point.unknown",
    )
