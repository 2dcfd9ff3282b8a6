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
from app.settings.model import Site

S = TypeVar("S")


class OnFailure(enum.Enum):
    """What the failure of a step means for the run."""

    STOP = "stop"
    """The run fails; only the steps of phase FINISH are still done."""
    FAIL_ITEM = "fail-item"
    """Its item fails, the run goes on and ends partial."""
    WARN = "warn"
    """Told as a warning, nothing more."""


class Ctx(Protocol):
    """What a step acts through; nothing else of the program reaches it."""

    def host(self, name: str) -> Host:
        """The host of that name in the site file; what its programs say goes into the run's log."""

    def secret(self, name: str) -> str:
        """A secret that the plan named; all of them were read before the first step."""

    def emit(self, event: Recorded) -> None:
        """Tells what happened to whoever follows the run."""

    async def scratch(self, host: str) -> str:
        """This run's folder for temporary files on that host; removed when the run ends, however it ends."""


class Step(msgspec.Struct, Generic[S], frozen=True):
    """One step of a plan. `item` names what fails with it under FAIL_ITEM; `deadline` is in seconds."""

    key: str
    title: Text
    phase: Phase
    do: Callable[[Ctx, S], Awaitable[None]]
    item: str = ""
    on_failure: OnFailure = OnFailure.STOP
    deadline: float | None = None


class Plan(msgspec.Struct, Generic[S], frozen=True):
    """What a run will do.

    `choice` is what was asked for, as the record keeps it. `key` is the same for the same request: while a run with
    this key is active, the request joins it. `secrets` are read before the first step; `items` are counted.
    `state` is handed from step to step; the runner does not look into it but for what `items_of` gives.
    """

    kind: str
    site: Site
    choice: str
    key: str
    steps: tuple[Step[S], ...]
    state: S
    secrets: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    trigger: str = "manual"


class ItemFailed(Exception):  # noqa: N818  it is an outcome, told by a step to the runner
    """A step's item ended in a way of its own: partial, or failed with what it had done so far."""

    def __init__(self, item: Item) -> None:
        super().__init__(item.source)
        self.item = item


def failed_item(source: str, problem: Problem) -> Item:
    """The item of a step that failed before it could say anything itself."""
    return Item(source, ItemStatus.FAILED, error=problem)


AnyPlan = Plan[Any]


def as_problem(error: BaseException) -> Problem:
    """Any exception as what a person is shown; an unexpected one is named as a defect, with its kind as detail."""
    from app.foundation.words import text

    if isinstance(error, UserError):
        return error.problem
    return Problem(
        text("Something went wrong inside Overwinter."),
        text("What was finished before it is kept; what was under way is not counted as done."),
        text("Try again; if it happens again, send the details to the people who make Overwinter."),
        "internal.defect",
        f"{type(error).__name__}: {error}",
    )
