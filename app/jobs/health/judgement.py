"""Judges a site's protection by ages and thresholds (specification V3): a pure function over what was read.

Ages are those of what is in the repository. What could not be checked is never called well.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from app.jobs.check.marks import CheckMark, known_damage
from app.jobs.health.inventory import Inventory, Proof
from app.jobs.points import Point
from app.jobs.tags import COMPLETE
from app.settings.model import Site
from app.settings.source import Source

STALE_AFTER = timedelta(hours=26)
FAIL_AFTER = timedelta(hours=50)
PROOF_STALE_AFTER = timedelta(days=8)
CHECK_STALE_AFTER = timedelta(days=8)
"""The defaults of specification V3. It names an age at which a dump has failed; other backups fail with it."""

CLOCK_DIFFERENCE = timedelta(minutes=10)
"""So far ahead of this clock a point may be before the clock is doubted."""


class Condition(enum.StrEnum):
    """How something that is watched stands."""

    OK = "ok"
    STALE = "stale"
    FAIL = "fail"
    NEVER = "never"
    UNKNOWN = "unknown"


class LayerHealth(msgspec.Struct, frozen=True):
    """How one layer stands. `newest` is the moment to which all of it can be brought back; `without` names its sources
    that no whole point holds.
    """

    layer: str
    condition: Condition
    newest: datetime | None = None
    without: tuple[str, ...] = ()


class Aspect(msgspec.Struct, frozen=True):
    """How something stands that is done now and then; `at` is when it was done last."""

    condition: Condition
    at: datetime | None = None


NOT_KNOWN = Aspect(Condition.UNKNOWN)


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a site stands. `newest` is the time of its newest complete point, as far as that is known.

    `known` says whether the repository was read and not too long ago.
    """

    known: bool
    layers: tuple[LayerHealth, ...] = ()
    proof: Aspect = NOT_KNOWN
    check: Aspect = NOT_KNOWN
    newest: datetime | None = None
    damaged: bool = False


def health_of(site: Site, inventory: Inventory | None, now: datetime, *, readable: bool = True) -> Health:
    """How the site stands by what was read last; `readable` is False when the last try to read failed.

    What was read so long ago that even a point of that moment would be stale proves nothing any more.
    """
    sources = [source for source in site.sources if source.enabled]
    if inventory is None:
        return Health(known=False, layers=tuple(_unknown(sources)))
    newest = next((point.time for point in inventory.points if point.complete), None)
    known = readable and abs(now - inventory.read) <= STALE_AFTER
    layers = tuple(_layers(sources, inventory.points, now))
    if not known:
        unsure = tuple(msgspec.structs.replace(layer, condition=Condition.UNKNOWN) for layer in layers)
        return Health(known=False, layers=unsure, newest=newest)
    return Health(
        known=True,
        layers=layers,
        proof=_proof(inventory.proofs, now),
        check=_check(inventory.checks, now),
        newest=newest,
        damaged=bool(known_damage(inventory.checks)),
    )


def _unknown(sources: Iterable[Source]) -> Iterable[LayerHealth]:
    return (LayerHealth(layer, Condition.UNKNOWN) for layer in _layers_of(sources))


def _layers_of(sources: Iterable[Source]) -> list[str]:
    return list(dict.fromkeys(source.layer for source in sources))


def _layers(sources: Sequence[Source], points: Sequence[Point], now: datetime) -> Iterable[LayerHealth]:
    newest = newest_of_sources(points)
    for layer in _layers_of(sources):
        names = [source.name for source in sources if source.layer == layer]
        yield _layer(layer, names, newest, now)


def newest_of_sources(points: Sequence[Point]) -> dict[str, Point]:
    """The newest whole point of each source; one that was made of that source alone counts for it."""
    found: dict[str, Point] = {}
    for point in points:
        if point.status == COMPLETE:
            for snapshot in point.snapshots:
                found.setdefault(snapshot.source, point)
    return found


def _layer(layer: str, names: Sequence[str], newest: dict[str, Point], now: datetime) -> LayerHealth:
    without = tuple(name for name in names if name not in newest)
    if len(without) == len(names):
        return LayerHealth(layer, Condition.NEVER, without=without)
    oldest = min((newest[name] for name in names if name in newest), key=lambda point: point.time)
    condition = Condition.FAIL if without else condition_of_age(now - oldest.time, STALE_AFTER, FAIL_AFTER)
    return LayerHealth(layer, condition, oldest.time, without)


def condition_of_age(age: timedelta, stale_after: timedelta, fail_after: timedelta | None = None) -> Condition:
    """What an age says; one that lies ahead of this clock proves nothing."""
    if age < -CLOCK_DIFFERENCE:
        return Condition.UNKNOWN
    if fail_after is not None and age > fail_after:
        return Condition.FAIL
    return Condition.STALE if age > stale_after else Condition.OK


def _proof(proofs: Sequence[Proof], now: datetime) -> Aspect:
    """How the newest proof came out; of two of one moment the one that failed."""
    if not proofs:
        return Aspect(Condition.NEVER)
    at = proofs[-1].time
    if not all(proof.passed for proof in proofs if proof.time == at):
        return Aspect(Condition.FAIL, at)
    return Aspect(condition_of_age(now - at, PROOF_STALE_AFTER), at)


def _check(checks: Sequence[CheckMark], now: datetime) -> Aspect:
    """What backups read back of their own is no check of the repository, but damage that they find counts."""
    read = [mark for mark in checks if mark.share is not None]
    if known_damage(checks):
        return Aspect(Condition.FAIL, checks[-1].time)
    if not read:
        return Aspect(Condition.NEVER)
    return Aspect(condition_of_age(now - read[-1].time, CHECK_STALE_AFTER), read[-1].time)
