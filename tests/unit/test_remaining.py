"""How long a restore still takes: made-up runs of many shapes, told as they go."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app.foundation.events import Outcome, Phase, Progress, RunClosed, StepFinished, StepOutcome, StepStarted, Told
from app.foundation.words import text
from app.jobs.restore.remaining import MIB, PACES, Ahead, Forecast, Left, Past, bytes_of

pytestmark = pytest.mark.spec("R3")

BEGAN = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
STEPS = ("point", "checks", "safety", "stage:laravel", "fetch:hydro", "load:hydro", "compare:hydro", "ready", "cutover")


def told(steps: list[tuple[str, float, int]], chance: random.Random) -> Iterator[Told]:
    """A run whose steps take so many seconds, with progress by bytes where they move any."""
    at = BEGAN
    for number, (key, seconds, moved) in enumerate(steps, 1):
        yield StepStarted(at=at, key=key, title=text("Step"), phase=Phase.STAGE, number=number, of=len(steps))
        for part in range(1, 20):
            share = min(1.0, part / 20 * chance.uniform(0.85, 1.15))
            if moved:
                when = at + timedelta(seconds=seconds * part / 20)
                yield Progress(at=when, key=key, bytes=int(moved * share), total_bytes=moved)
        at += timedelta(seconds=seconds)
        yield StepFinished(at=at, key=key, outcome=StepOutcome.DONE)
    yield RunClosed(at=at, outcome=Outcome.SUCCESS)


def shape(chance: random.Random) -> list[tuple[str, float, int]]:
    """Sizes, and paces of a computer that nobody knows yet."""
    sizes = {"laravel": chance.randrange(50, 4000) * MIB, "hydro": chance.randrange(20, 2000) * MIB}
    quick = chance.uniform(0.5, 6)
    steps = []
    for key in STEPS:
        moved, pace = bytes_of(key, sizes), PACES.get(key.partition(":")[0])
        seconds = moved / (pace * quick) * chance.uniform(0.8, 1.25) if pace else chance.uniform(0.2, 2)
        steps.append((key, max(seconds, 0.1), moved))
    return steps


def past_of(steps: list[tuple[str, float, int]], chance: random.Random) -> list[Past]:
    """The same site two weeks ago: smaller, and not quite as quick."""
    return [Past(key, seconds * 0.7 * chance.uniform(0.85, 1.15), int(moved * 0.7)) for key, seconds, moved in steps]


def worst(steps: list[tuple[str, float, int]], past: list[Past], chance: random.Random) -> float:
    """How far the figure is off at most, from a fifth of the time on, as a share of what then is left; what is left
    of the last tenth is judged by the whole."""
    whole = sum(seconds for _, seconds, _ in steps)
    forecast = Forecast([Ahead(key, moved) for key, _, moved in steps], past)
    off = 0.0
    for event in told(steps, chance):
        forecast.tell(event)
        passed = (event.at - BEGAN).total_seconds()
        left = forecast.left(event.at)
        if passed >= whole / 5 and left is not None:
            truth = whole - passed
            off = max(off, abs(passed + left.middle - whole) / whole, *_of_rest(left, truth, whole))
    return off


def _of_rest(left: Left, truth: float, whole: float) -> list[float]:
    return [abs(left.middle - truth) / truth] if truth > whole / 4 else [0.0]


def test_a_site_that_was_restored_before_is_told_within_a_quarter_in_nine_of_ten_runs() -> None:
    near = 0
    for seed in range(100):
        chance = random.Random(seed)
        steps = shape(chance)
        near += worst(steps, past_of(steps, chance), chance) <= 0.25
    assert near >= 90


def test_where_nothing_is_known_it_is_a_range_until_it_is() -> None:
    steps = [("stage:laravel", 100.0, 6000 * MIB), ("load:hydro", 300.0, 4500 * MIB)]
    forecast = Forecast([Ahead(key, moved) for key, _, moved in steps])
    assert not forecast.left_at_start().is_known
    known = []
    for event in told(steps, random.Random(0)):
        forecast.tell(event)
        if (left := forecast.left(event.at)) is not None:
            known.append(left.is_known)
    assert known[-1]
    assert known == sorted(known), "once it is known it stays so"


def test_a_step_that_takes_longer_than_was_thought_never_says_that_nothing_is_left() -> None:
    forecast = Forecast([Ahead("stage:laravel", 60 * MIB)])
    for event in list(told([("stage:laravel", 100.0, 0)], random.Random(0)))[:1]:
        forecast.tell(event)
    for seconds in (5, 50, 500):
        left = forecast.left(BEGAN + timedelta(seconds=seconds))
        assert left is not None
        assert left.middle > 0


def test_when_it_is_over_nothing_is_said() -> None:
    forecast = Forecast([Ahead("ready")])
    for event in told([("ready", 1.0, 0)], random.Random(0)):
        forecast.tell(event)
    assert forecast.left(BEGAN) is None
