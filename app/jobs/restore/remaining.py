"""How long a restore will still take: restic tells nothing of it, so it is reckoned from what this site's took before.

Each step has a duration that is expected: by its bytes and the pace of the same step in earlier runs, or by a cautious
pace where there was none. What the run shows of itself (how far a step is, how long finished ones took) then corrects
the step under way and those like it that are to come. Until enough is known it is a range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median

import msgspec

from app.foundation.events import Outcome, Progress, RunClosed, StepFinished, StepStarted, Told
from app.jobs.plan import Plan
from app.jobs.restore.setting import RestoreState
from app.records.site_records import SiteRecords

MIB = 1024 * 1024

PACES = {"safety": 60 * MIB, "stage": 60 * MIB, "sync": 60 * MIB, "fetch": 100 * MIB, "load": 15 * MIB,
         "compare": 150 * MIB}  # fmt: skip
"""Bytes per second where no earlier run tells: slow disks, so that the wait is rather shorter than was said."""

SHORT = 0.5
"""Seconds of a step that moves no data."""

LEAST_SHARE = 0.03
"""Less than that of a step done says nothing of its pace."""

NEARLY_ALL = 0.98
"""When all bytes are there a step still compares and waits for the disk; its share says nothing of that."""

SEVERAL = 8
"""So many earlier runs are looked at."""


class Ahead(msgspec.Struct, frozen=True):
    """A step that will be taken, and how many bytes it moves (0: none, or nobody knows)."""

    key: str
    bytes: int = 0


class Past(msgspec.Struct, frozen=True):
    """How long a step took in an earlier run, and how many bytes it moved."""

    key: str
    seconds: float
    bytes: int = 0


class Left(msgspec.Struct, frozen=True):
    """Seconds that it takes at least and at most."""

    least: float
    most: float

    @property
    def is_known(self) -> bool:
        """Whether the two are so near that one figure says it."""
        return self.most - self.least <= 0.35 * (self.most + self.least) / 2 or self.most < FEW

    @property
    def middle(self) -> float:
        """The likeliest."""
        return (self.least + self.most) / 2


FEW = 10.0
"""Seconds that nobody needs to know more exactly."""


class _Expected(msgspec.Struct):
    seconds: float
    was_seen: bool


class Forecast:
    """Takes what a run tells and says how long it will still take."""

    def __init__(self, ahead: Sequence[Ahead], past: Iterable[Past] = ()) -> None:
        self._expected = _expected(ahead, list(past))
        self._took: dict[str, float] = {}
        self._step = ""
        self._began: datetime | None = None
        self._share = 0.0
        self._closed = False

    def tell(self, event: Told) -> None:
        """Takes an event."""
        match event:
            case StepStarted():
                self._step, self._began, self._share = event.key, event.at, 0.0
                self._expected.setdefault(event.key, _Expected(SHORT, was_seen=False))
            case Progress(key=key) if key == self._step:
                self._share = max(self._share, _share_of(event))
            case StepFinished(key=key) if key == self._step and self._began is not None:
                self._took[key] = (event.at - self._began).total_seconds()
                self._step, self._began = "", None
            case RunClosed():
                self._closed = True
            case _:
                pass

    def left(self, now: datetime) -> Left | None:
        """How long it still takes, None once it is over."""
        if self._closed:
            return None
        under_way = self._of_current(now)
        coming = [(key, one) for key, one in self._expected.items() if key not in self._took and key != self._step]
        seconds = {key: one.seconds * self._ratio(key, now) for key, one in coming}
        total = under_way + sum(seconds.values())
        unsure = sum(seconds[key] for key, one in coming if not one.was_seen and not self._knows_kind(key))
        if self._step and not self._expected[self._step].was_seen and self._share < 5 * LEAST_SHARE:
            unsure += under_way
        spread = min(0.6, 0.1 + 0.6 * unsure / total) if total > 0 else 0.1
        return Left(total * (1 - spread), total * (1 + spread))

    def left_at_start(self) -> Left:
        """How long all of it takes, before it has begun."""
        return self.left(datetime.now(UTC)) or Left(0, 0)

    def _elapsed(self, now: datetime) -> float:
        return max(0.0, (now - self._began).total_seconds()) if self._began is not None else 0.0

    def _of_current(self, now: datetime) -> float:
        if not self._step:
            return 0.0
        elapsed, expected = self._elapsed(now), self._expected[self._step]
        whole = expected.seconds * self._ratio_of_finished(self._step)
        if LEAST_SHARE <= self._share < NEARLY_ALL:
            weight = self._share if expected.was_seen else min(1.0, 3 * self._share)
            whole = weight * elapsed / self._share + (1 - weight) * whole
        return max(whole - elapsed, 0.1 * elapsed)  # longer than was thought: nobody knows how much longer

    def _ratio(self, key: str, now: datetime) -> float:
        """How much longer than was expected a step like this one takes."""
        same = kind_of(key) == kind_of(self._step)
        if same and 3 * LEAST_SHARE <= self._share < NEARLY_ALL:
            whole = self._elapsed(now) / self._share
            expected = self._expected[self._step]
            weight = self._share if expected.was_seen else min(1.0, 2 * self._share)
            return weight * whole / max(expected.seconds, SHORT / 10) + (1 - weight) * self._ratio_of_finished(key)
        return self._ratio_of_finished(key)

    def _ratio_of_finished(self, key: str) -> float:
        """By the finished steps of the same kind, else by all: the longer they were, the more they say."""
        alike = [each for each in self._took if kind_of(each) == kind_of(key)]
        others = [each for each in self._took if self._expected[each].was_seen] if self._expected[key].was_seen else []
        doubt = SHORT if alike else 4.0
        measured = alike or others
        expected = sum(self._expected[each].seconds for each in measured)
        if not expected:
            return 1.0
        weight = expected / (expected + doubt)
        return weight * sum(self._took[each] for each in measured) / expected + (1 - weight)

    def _knows_kind(self, key: str) -> bool:
        return any(kind_of(each) == kind_of(key) for each in self._took)


def kind_of(key: str) -> str:
    """What a step does, whichever source it does that to."""
    return key.partition(":")[0]


def _share_of(progress: Progress) -> float:
    if progress.total_bytes > 0:
        return min(1.0, progress.bytes / progress.total_bytes)
    return min(1.0, progress.files / progress.total_files) if progress.total_files > 0 else 0.0


def _expected(ahead: Sequence[Ahead], past: Sequence[Past]) -> dict[str, _Expected]:
    by_key, by_kind = _grouped(past, lambda key: key), _grouped(past, kind_of)
    return {one.key: _expect(one, by_key.get(one.key) or by_kind.get(kind_of(one.key), [])) for one in ahead}


def _grouped(past: Sequence[Past], name: Callable[[str], str]) -> Mapping[str, list[Past]]:
    found: dict[str, list[Past]] = {}
    for one in past:
        found.setdefault(name(one.key), []).append(one)
    return found


def _expect(one: Ahead, past: Sequence[Past]) -> _Expected:
    """As long as it took for as many bytes; a part of it is the same however few they are."""
    if past and one.bytes and all(each.bytes for each in past):
        rates = [each.seconds / each.bytes for each in past]
        return _Expected(max(SHORT / 5, median(rates) * one.bytes), was_seen=True)
    if past:
        return _Expected(median(each.seconds for each in past), was_seen=True)
    pace = PACES.get(kind_of(one.key))
    return _Expected(SHORT + (one.bytes / pace if pace else 0.0), was_seen=pace is None)


async def past_steps(records: SiteRecords, kind: str) -> list[Past]:
    """The steps of this site's last runs of that kind which did all they had to."""
    done = await records.runs(kind=kind, status=Outcome.SUCCESS, limit=SEVERAL)
    return [step for run in done for step in await steps_of_run(records, run.id)]


async def steps_of_run(records: SiteRecords, run: str) -> list[Past]:
    """The steps of one run."""
    sizes = {item.source: item.bytes for item in await records.items(run)}
    return [
        Past(step.key, (step.ended - step.started).total_seconds(), bytes_of(step.key, sizes))
        for step in await records.steps(run)
        if step.ended is not None
    ]


def bytes_of(key: str, sizes: Mapping[str, int]) -> int:
    """The bytes that a step moves, by the sizes of the sources: those of its own, or all of them for what is before."""
    kind, _, source = key.partition(":")
    if source:
        return sizes.get(source, 0)
    return sum(sizes.values()) if kind in PACES else 0


async def forecast_of(records: SiteRecords, plan: Plan[RestoreState]) -> Forecast:
    """How long this plan will take, by the sizes in the point and by what this site's runs took before."""
    sizes = {entry.source: entry.bytes for entry in plan.state.entries}
    ahead = [Ahead(step.key, bytes_of(step.key, sizes)) for step in plan.steps]
    return Forecast(ahead, await past_steps(records, plan.kind))
