"""What was run on a site, by whatever computer: those recorded here, and those that other computers left points of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from app.foundation.events import Outcome
from app.jobs.backup import KIND as BACKUP
from app.jobs.points import Point
from app.jobs.tags import COMPLETE, PARTIAL
from app.records.run import Run, Tally

_OF_STATUS = {COMPLETE: Outcome.SUCCESS, PARTIAL: Outcome.PARTIAL}


class PastRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run in a list. `outcome` is None while it works, and where nobody here knows how it ended.

    `here` says that it is recorded in this program's database; of others only the point is known that they made, and
    `started` is when they had made it.
    """

    id: str
    kind: str
    started: datetime
    closed: datetime | None = None
    outcome: Outcome | None = None
    trigger: str = ""
    who: str = ""
    computer: str = ""
    added: int = 0
    warnings: int = 0
    here: bool = True
    point: bool = False
    """Whether a recovery point of it is known."""


_NOTHING = Tally()


def history_of(runs: Iterable[Run], tallies: Mapping[str, Tally], points: Iterable[Point]) -> list[PastRun]:
    """All that is known, newest first."""
    held = {point.id: point for point in points}
    ours = [_recorded(run, tallies.get(run.id, _NOTHING), point=run.id in held) for run in runs]
    known = {run.id for run in ours}
    others = [_elsewhere(point) for point in held.values() if point.id not in known]
    return sorted([*ours, *others], key=lambda run: run.started, reverse=True)


def _recorded(run: Run, tally: Tally, *, point: bool) -> PastRun:
    return PastRun(
        id=run.id,
        kind=run.shown_kind,
        started=run.started,
        closed=run.closed,
        outcome=run.outcome,
        trigger=run.trigger,
        who=run.who,
        computer=run.owner.computer_name,
        added=tally.added,
        warnings=tally.warnings,
        point=point,
    )


def _elsewhere(point: Point) -> PastRun:
    outcome = _OF_STATUS.get(point.status)
    closed = point.time if outcome is not None else None
    return PastRun(id=point.id, kind=BACKUP, started=point.time, closed=closed, outcome=outcome, here=False, point=True)
