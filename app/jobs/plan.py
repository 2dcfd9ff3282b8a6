"""The vocabulary of jobs: a job is a Plan of Steps, and a step acts through its Ctx alone.

The runner owns everything that all jobs have in common (record, events, timing, log, locks, secrets, cancel).
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from app.foundation.errors import Problem, UserError
from app.foundation.events import Item, ItemStatus, Phase, Recorded
from app.foundation.words import Text
from app.hosts.host import Host
from app.records.run import Run
from app.records.site_records import SiteRecords
from app.settings.model import Site

S = TypeVar("S")


class OnFailure(enum.Enum):
    """What the failure of a step means for the run."""

    STOP = "stop"
    """The run fails; only the steps of phase FINISH are still done."""
    FAIL_ITEM = "fail-item"
    """Its item fails, the run goes on and ends partial."""
    PARTIAL = "partial"
    """What the run is for was done before; the run stops as after STOP, and ends partial. A cancel does the same."""
    WARN = "warn"
    """Told as a warning, nothing more."""


class StepSkipped(UserError):
    """Raised by a step that is left out for once: its reason is told, and the run goes on."""


class Ctx(Protocol):
    """What a step acts through; nothing else of the program reaches it."""

    def host(self, name: str) -> Host:
        """The host of that name in the site file; what its programs say goes into the run's log."""

    def secret(self, name: str) -> str:
        """A secret that the plan named, "" for an optional one that is not stored; read before the first step."""

    def emit(self, event: Recorded) -> None:
        """Tells what happened to whoever follows the run."""

    @property
    def records(self) -> SiteRecords:
        """What happened on the plan's site: what a job has to know of earlier runs, and leaves to later ones."""

    async def scratch(self, host: str) -> str:
        """This run's folder for temporary files on that host; removed when the run ends, however it ends."""

    async def run_child(self, plan: AnyPlan) -> Run:
        """Carries another plan of the same site out, as a run of its own that names this one; gives its record.

        It works under what this run holds. A cancel of this run cancels it too.
        """


class Step(msgspec.Struct, Generic[S], frozen=True):
    """One step of a plan. `item` names what fails with it under FAIL_ITEM; `deadline` is in seconds.

    `happened` is asked when the step was cut short or failed: whether it has had its whole effect all the same, such
    as when a cancel came while the last answer was under way.
    """

    key: str
    title: Text
    phase: Phase
    do: Callable[[Ctx, S], Awaitable[None]]
    item: str = ""
    on_failure: OnFailure = OnFailure.STOP
    deadline: float | None = None
    happened: Callable[[Ctx, S], Awaitable[bool]] | None = None


class Plan(msgspec.Struct, Generic[S], frozen=True):
    """What a run will do.

    `run` is the id the run will have; `choice` is what was asked for, as the record keeps it. `key` is the same for
    the same request: while a run with this key is active, the request joins it. `secrets` are read before the first
    step, and so are `optional_secrets`, which may not exist (a database that asks for no password). `items` are
    counted, with those that only the steps find out. `state` is handed from step to step; the runner does not look into
    it. `close` puts away what it holds open when the run ends, however it ends, before the temporary files go. One
    that `needs_whole_site` is refused while a restore of the site is unfinished.
    """

    run: str
    kind: str
    site: Site
    choice: str
    key: str
    steps: tuple[Step[S], ...]
    state: S
    close: Callable[[S], Awaitable[None]] | None = None
    secrets: tuple[str, ...] = ()
    optional_secrets: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    trigger: str = "manual"
    needs_whole_site: bool = False


def failed_item(source: str, problem: Problem) -> Item:
    """The item of a step that failed before it could say anything itself."""
    return Item(source, ItemStatus.FAILED, error=problem)


AnyPlan = Plan[Any]
