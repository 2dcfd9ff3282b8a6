"""What a run tells while it works: frozen facts, written to the run's file and followed by whoever looks.

Times are UTC. Sentences are `Text`, so that a run made here can be read in another language later.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime

import msgspec

from app.foundation.errors import Problem
from app.foundation.words import Text


class Outcome(enum.Enum):
    """How a run ended."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    REFUSED = "refused"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Rollback(enum.Enum):
    """What became of the changes of a run that failed."""

    NONE = "none"
    DONE = "done"
    FAILED = "failed"


class Phase(enum.Enum):
    """The part of a run that a step belongs to."""

    PREFLIGHT = "preflight"
    STAGE = "stage"
    CUTOVER = "cutover"
    FINISH = "finish"


class StepOutcome(enum.Enum):
    """How one step ended; `WARNED` went wrong but may not stop the run."""

    DONE = "done"
    WARNED = "warned"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class ItemStatus(enum.Enum):
    """What became of one item of a run, such as one source of a backup.

    `UNCHECKED` is what a verification could not tell: neither good nor bad.
    """

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    UNCHECKED = "unchecked"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of one item. `bytes` is what was read, `added` what the repository grew by (both in bytes).

    `missing` names what could not be taken, at most `MISSING_SHOWN` of `missing_count`.
    """

    source: str
    status: ItemStatus
    snapshot: str = ""
    bytes: int = 0
    added: int = 0
    error: Problem | None = None
    missing: tuple[str, ...] = ()
    missing_count: int = 0


MISSING_SHOWN = 200


class Counters(msgspec.Struct, frozen=True):
    """How many items a run had and what became of them."""

    total: int = 0
    processed: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="event"):
    """Anything a run tells; `at` is when, in UTC."""

    at: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))


class StepStarted(Event, frozen=True, tag="step-started"):
    """Step `number` of `of` began."""

    key: str
    title: Text
    phase: Phase
    number: int
    of: int


class StepFinished(Event, frozen=True, tag="step-finished"):
    """A step ended."""

    key: str
    outcome: StepOutcome
    error: Problem | None = None


class Progress(Event, frozen=True, tag="progress"):
    """How far a step is: bytes and files so far and in all (0: not known).

    `speed` is in bytes per second, `remaining` in seconds (-1: not known).
    """

    key: str
    bytes: int = 0
    total_bytes: int = 0
    files: int = 0
    total_files: int = 0
    speed: float = 0.0
    remaining: float = -1.0
    current: str = ""


class ItemFinished(Event, frozen=True, tag="item-finished"):
    """One item ended."""

    item: Item


class Warned(Event, frozen=True, tag="warned"):
    """Something that a person should know and that does not stop the run."""

    warning: Problem


class RolledBack(Event, frozen=True, tag="rolled-back"):
    """What a run had changed was undone, or could not be."""

    rollback: Rollback


class SiteTurned(Event, frozen=True, tag="site-turned"):
    """The site begins to be taken down, or is `up` again: whichever of its states it is in now."""

    up: bool


class RunClosed(Event, frozen=True, tag="run-closed"):
    """The run ended; nothing follows."""

    outcome: Outcome
    rollback: Rollback = Rollback.NONE
    counters: Counters = Counters()
    error: Problem | None = None


class LogLines(Event, frozen=True, tag="log-lines"):
    """Redacted lines of the run's log, without line ends; `first` is the number of the first one, from 0.

    Never in the run's event file: they are read out of its log.
    """

    first: int
    lines: list[bytes]


Recorded = StepStarted | StepFinished | Progress | ItemFinished | Warned | RolledBack | SiteTurned | RunClosed
Told = Recorded | LogLines
