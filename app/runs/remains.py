"""What a closed run's record still tells of it when its files are gone: its steps, its items, part of its log."""

from __future__ import annotations

from datetime import datetime

from app.foundation.events import (
    ItemFinished,
    LogLines,
    Outcome,
    RunClosed,
    StepFinished,
    StepStarted,
    Told,
)
from app.records.run import Run, StepRecord
from app.records.site_records import SiteRecords


class Remains:
    """The record of one run, told like its files did."""

    def __init__(self, records: SiteRecords, run: str) -> None:
        self._records = records
        self._run = run

    async def story(self) -> list[Told]:
        """The events of a run as its record keeps them."""
        run, steps = await self._records.run(self._run), await self._records.steps(self._run)
        ended = run.closed or run.started
        told = [event for number, step in enumerate(steps, 1) for event in _step(step, number, len(steps), ended)]
        told += [ItemFinished(at=ended, item=item) for item in await self._records.items(self._run)]
        return [*told, _closed(run, ended)]

    async def log(self) -> list[Told]:
        """The beginning and the end of a run's log as its record keeps them, after a line that says so."""
        kept = (await self._records.run(self._run)).log_excerpt.removesuffix("\n")
        lines = [GONE, *kept.encode("utf-8", "surrogateescape").split(b"\n")] if kept else [GONE]
        return [LogLines(first=0, lines=lines)]


GONE = "[… the log file of this run is not there any more; this is what its record keeps of it …]".encode()


def _step(step: StepRecord, number: int, of: int, ended: datetime) -> list[Told]:
    started = StepStarted(at=step.started, key=step.key, title=step.title, phase=step.phase, number=number, of=of)
    if step.outcome is None:
        return [started]
    return [started, StepFinished(at=step.ended or ended, key=step.key, outcome=step.outcome, error=step.error)]


def _closed(run: Run, ended: datetime) -> RunClosed:
    outcome = run.outcome or Outcome.INTERRUPTED
    return RunClosed(at=ended, outcome=outcome, rollback=run.rollback, counters=run.counters, error=run.error)
