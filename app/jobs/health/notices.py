"""What a person should look at: runs that did not go well, and sources whose size jumped. Newest first."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from app.foundation.events import Outcome
from app.foundation.words import Field, Size, Text, text
from app.jobs.health.inventory import Inventory, SourceSize
from app.jobs.health.judgement import Condition
from app.records.run import Run

NOTICED_FOR = timedelta(days=30)
MOST = 50
FEWEST_TO_COMPARE = 3
SHRUNK_TO, GROWN_TO = 0.5, 3.0
"""A source is suspicious that is less than half, or more than three times, of what it used to be."""
TOO_SMALL_TO_JUDGE = 1024 * 1024

_BAD = {
    Outcome.FAILED: Condition.FAIL,
    Outcome.INTERRUPTED: Condition.FAIL,
    Outcome.PARTIAL: Condition.STALE,
}


class Notice(msgspec.Struct, frozen=True):
    """Something to look at. `kind` is the kind of the run that it is about, `run` that run."""

    at: datetime
    condition: Condition
    kind: str
    sentence: Text
    run: str


def notices_of(runs: Iterable[Run], inventory: Inventory | None, now: datetime) -> tuple[Notice, ...]:
    """The notices of the last 30 days."""
    found = [*_of_runs(runs), *_of_sizes(() if inventory is None else inventory.sizes)]
    recent = [notice for notice in found if now - notice.at <= NOTICED_FOR]
    return tuple(sorted(recent, key=lambda notice: notice.at, reverse=True)[:MOST])


def _of_runs(runs: Iterable[Run]) -> Iterable[Notice]:
    for run in runs:
        if run.closed is not None and run.outcome in _BAD:
            yield Notice(run.closed, _BAD[run.outcome], run.shown_kind, _why(run), run.id)


def _why(run: Run) -> Text:
    if run.error is not None:
        return run.error.what
    if run.outcome is Outcome.PARTIAL:
        done = run.counters.succeeded
        return text("Only {done} of {total} are whole.", done=done, total=run.counters.total)
    return text("It did not come to its end.")


def _of_sizes(sizes: Iterable[SourceSize]) -> Iterable[Notice]:
    of_source: dict[str, list[SourceSize]] = {}
    for size in sizes:
        of_source.setdefault(size.source, []).append(size)
    for listed in of_source.values():
        sentence = _jump(listed)
        if sentence is not None:
            yield Notice(listed[-1].time, Condition.STALE, "backup", sentence, listed[-1].run)


def _jump(sizes: Sequence[SourceSize]) -> Text | None:
    """Whether the newest size is far from the median of those before."""
    *before, newest = sizes
    if len(before) < FEWEST_TO_COMPARE:
        return None
    usual = round(statistics.median(size.bytes for size in before))
    if max(usual, newest.bytes) < TOO_SMALL_TO_JUDGE:
        return None
    fields: dict[str, Field] = {"source": newest.source, "now": Size(newest.bytes), "usual": Size(usual)}
    if newest.bytes < usual * SHRUNK_TO:
        return text("{source} has shrunk to {now}, from {usual} as it used to be.", **fields)
    if newest.bytes > usual * GROWN_TO:
        return text("{source} has grown to {now}, from {usual} as it used to be.", **fields)
    return None
