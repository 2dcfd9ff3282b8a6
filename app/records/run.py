"""What is kept of a run, of its steps and of what it came to; how they are kept is `runs`."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Literal

import msgspec

from app.foundation.errors import Problem
from app.foundation.events import Counters, Outcome, Phase, Rollback, StepOutcome
from app.foundation.words import Text
from app.records.owners import Owner

RUNNING: Literal["running"] = "running"
DRY_RUN = "dry-run"
"""The tag of a run that changes nothing."""

Status = Outcome | Literal["running"]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `closed` and `outcome` are None while it runs; times are UTC.

    `choice` is what was asked for; `key` is the same for the same request and holds no secret. `parent` is the run
    that it was started for. `log_excerpt` is only filled in what `SiteRecords.run` gives.
    """

    id: str
    site: str
    kind: str
    trigger: str
    who: str
    choice: str
    key: str
    owner: Owner
    started: datetime
    parent: str | None = None
    tags: tuple[str, ...] = ()
    closed: datetime | None = None
    outcome: Outcome | None = None
    rollback: Rollback = Rollback.NONE
    counters: Counters = Counters()
    error: Problem | None = None
    log_excerpt: str = ""

    @property
    def shown_kind(self) -> str:
        """Its kind as people are told it: one that only looked is never taken for one that did something."""
        return f"{self.kind}-look" if DRY_RUN in self.tags else self.kind

    @property
    def short_id(self) -> str:
        """The id as people are shown it."""
        return self.id[:8]


class Begun(msgspec.Struct, frozen=True):
    """The run that does what was asked for; `joined`: it was under way already."""

    run: Run
    joined: bool


class Closing(msgspec.Struct, frozen=True):
    """How a run ended, as its record keeps it."""

    closed: datetime
    outcome: Outcome
    rollback: Rollback
    counters: Counters
    error: Problem | None
    log_excerpt: str


class StepRecord(msgspec.Struct, frozen=True):
    """One step of a run; `ended` and `outcome` are None while it works."""

    number: int
    key: str
    title: Text
    phase: Phase
    started: datetime
    ended: datetime | None = None
    outcome: StepOutcome | None = None
    error: Problem | None = None


class Tally(msgspec.Struct, frozen=True):
    """What a run came to: bytes that it added, and how many of its items and steps went wrong."""

    added: int = 0
    warnings: int = 0


def new_run_id() -> str:
    """An id that no other run has."""
    return uuid.uuid4().hex


class Working(msgspec.Struct, frozen=True):
    """A run that is not closed; `silent` is for how many seconds its process gave no sign of life.

    The database's clock counts them, so that computers whose clocks differ agree.
    """

    run: Run
    silent: float
