"""What a site's repository holds, as far as its list of snapshots tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from app.jobs.check.marks import CheckMark, check_marks
from app.jobs.points import Point, points_of, today_of
from app.jobs.tags import FAIL, MARKS, PASS, VERIFY, value_of
from app.settings.model import Site
from app.tools.restic.output import Snapshot

SIZES_KEPT = 12
"""So many of the newest sizes of each source are kept to compare with."""


class Proof(msgspec.Struct, frozen=True):
    """What a verification found of a point."""

    point: str
    time: datetime
    passed: bool


class Growth(msgspec.Struct, frozen=True):
    """What a point added to the repository, in bytes as they are stored there."""

    time: datetime
    bytes: int


class SourceSize(msgspec.Struct, frozen=True):
    """How much of a source was read for a point, in bytes."""

    source: str
    run: str
    time: datetime
    bytes: int


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What was found when the repository was read at `read`. Points newest first, the others oldest first."""

    read: datetime
    points: tuple[Point, ...] = ()
    checks: tuple[CheckMark, ...] = ()
    proofs: tuple[Proof, ...] = ()
    growth: tuple[Growth, ...] = ()
    sizes: tuple[SourceSize, ...] = ()


def inventory_of(snapshots: Sequence[Snapshot], site: Site, read: datetime) -> Inventory:
    """What these snapshots say, which were listed at `read`."""
    ordered = sorted(snapshots, key=lambda one: (one.time, one.id))
    return Inventory(
        read=read,
        points=tuple(points_of(ordered, today_of(site))),
        checks=tuple(check_marks(ordered)),
        proofs=tuple(_proofs(ordered)),
        growth=tuple(_growth(ordered)),
        sizes=tuple(_sizes(ordered)),
    )


def _proofs(ordered: Iterable[Snapshot]) -> Iterable[Proof]:
    for one in ordered:
        outcome = value_of(one.tags, "outcome")
        if value_of(one.tags, "type") == VERIFY and outcome in (PASS, FAIL):
            yield Proof(value_of(one.tags, "run"), one.time, outcome == PASS)


def _growth(ordered: Iterable[Snapshot]) -> Iterable[Growth]:
    added: dict[str, Growth] = {}
    for one in ordered:
        run = value_of(one.tags, "run")
        if run and one.summary is not None and value_of(one.tags, "type") not in MARKS:
            before = added[run].bytes if run in added else 0
            added[run] = Growth(one.time, before + one.summary.data_added_packed)
    return added.values()


def _sizes(ordered: Iterable[Snapshot]) -> Iterable[SourceSize]:
    """Only of what a backup took of a whole source; a manifest is one too, and is none."""
    found: dict[str, list[SourceSize]] = {}
    for one in ordered:
        source, run = value_of(one.tags, "source"), value_of(one.tags, "run")
        if run and one.summary is not None and value_of(one.tags, "type") in ("full", "part"):
            read = SourceSize(source, run, one.time, one.summary.total_bytes_processed)
            found.setdefault(source, []).append(read)
    return (size for sizes in found.values() for size in sizes[-SIZES_KEPT:])
