"""One run being carried out: secrets, steps, cleaning up, and the one close of its record."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec

from app.foundation.errors import Busy, Cancelled, Problem, Refused, UserError, as_problem
from app.foundation.events import (
    Counters,
    Item,
    ItemFinished,
    ItemStatus,
    Outcome,
    Phase,
    Recorded,
    Rollback,
    RolledBack,
    RunClosed,
    StepFinished,
    StepOutcome,
    StepStarted,
    Warned,
)
from app.foundation.redact import Redactor
from app.foundation.words import Text, text
from app.hosts.host import Host
from app.jobs.plan import AnyPlan, OnFailure, Step, StepSkipped, failed_item
from app.records.cleaned import cleaned_item, cleaned_problem
from app.records.run import Run
from app.records.site_records import SiteRecords
from app.runs.context import LoggedHost, RunContext
from app.runs.files import RunWriter
from app.runs.hold import Hold
from app.runs.lease import Lease
from app.settings.repository import REPOSITORY_PASSWORD

CANCEL_LOOK_EVERY = 1.0  # seconds between looks for a cancel that another process asked for
HAPPENED_WITHIN = 15.0  # seconds in which it must be told whether a step that was cut short has happened

PATIENCE = 600.0  # seconds that a run waits for a database that is kept locked, or is away
TRY_AGAIN_AFTER = 1.0
PASSING = ("store.busy", "store.unreachable")

T = TypeVar("T")

KEPT = (ItemStatus.SUCCESS, ItemStatus.PARTIAL)
NOT_LOST = (*KEPT, ItemStatus.UNCHECKED)
_DONE: tuple[StepOutcome, Problem | None] = (StepOutcome.DONE, None)


class SecretReader(Protocol):
    """Where the secrets of a plan come from: the keyring or the vault."""

    async def get(self, site: str, name: str) -> str | None:
        """The secret, taught to the redactor; None when it is not stored."""


class Work:
    """Carries one plan out and closes its record exactly once, whatever happens."""

    def __init__(
        self,
        run: Run,
        plan: AnyPlan,
        *,
        records: SiteRecords,
        writer: RunWriter,
        redactor: Redactor,
        secrets: SecretReader,
        hosts: Callable[[Mapping[str, str]], Awaitable[Mapping[str, Host]]],
        leases: Callable[[Mapping[str, Host]], Sequence[Lease]],
        hold: Callable[[Callable[[Problem], object]], Hold],
        put_in_order: Callable[[], Awaitable[None]],
        run_child: Callable[[AnyPlan], Awaitable[Run]],
        permit: Callable[[], Awaitable[None]],
    ) -> None:
        """`hosts` makes the hosts of the plan, given its secrets, and `leases` what is held on them; `hold` makes what
        the run holds while it works; `put_in_order` clears away what dead runs left; `run_child` carries a plan out
        for this run; `permit` raises where the plan may not be carried out now.
        """
        self._run = run
        self._plan = plan
        self._records = records
        self._writer = writer
        self._redactor = redactor
        self._secrets = secrets
        self._hosts = hosts
        self._leases = leases
        self._hold = hold(self._warn)
        self._put_in_order = put_in_order
        self._run_child = run_child
        self._permit = permit
        self._items: dict[str, Item] = {}
        self._unstored: list[Item] = []
        self._began = False
        self._refused = False
        self._shortfall: Problem | None = None
        self._rollback = Rollback.NONE
        self._known: list[str] = []

    async def carry_out(self) -> None:
        """The whole story. Raises only when the record itself could not be closed."""
        error: Problem | None = None
        try:
            await self._writer.open()
            async with self._watched():
                await self._hold.take()
                await self._permit()
                error = await self._all_steps()
            outcome = self._outcome(error)
        except asyncio.CancelledError:
            lost = self._hold.lost
            outcome, error = (Outcome.CANCELLED, CANCELLED) if lost is None else (Outcome.FAILED, lost)
        except Busy as busy:
            outcome, error = Outcome.FAILED if self._began else Outcome.SKIPPED, busy.problem
        except Refused as refused:
            outcome, error = Outcome.REFUSED, refused.problem
        except Exception as failure:  # noqa: BLE001  closed with what it was: a run owes exactly one record
            outcome, error = Outcome.FAILED, cleaned_problem(self._redactor, as_problem(failure))
        await to_its_end(self._put_away(outcome, error))
        for secret in self._known:
            self._redactor.forget(secret)

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Meanwhile a cancel from another process is heard, and the run gives signs of life; it stops without hold."""
        work = asyncio.current_task()
        watches = [asyncio.create_task(watch) for watch in (self._watch_for_cancel(work), self._keep_hold(work))]
        try:
            yield
        finally:
            for watch in watches:
                watch.cancel()
            await to_its_end(asyncio.wait(watches))

    async def _keep_hold(self, work: asyncio.Task[Any] | None) -> None:
        await self._hold.keep()
        if work is not None:
            work.cancel()

    async def _put_away(self, outcome: Outcome, error: Problem | None) -> None:
        """Lets go in the order that leaves no gap: whoever comes next finds either this run, or nothing of it."""
        try:
            await self._hold.release_leases()
            await self._close(outcome, error)
        finally:
            await self._hold.release_site()

    async def _all_steps(self) -> Problem | None:
        """The steps; gives the error that stopped them, if one did."""
        secrets = await self._read_secrets()
        hosts = await self._hosts(secrets)
        await self._hold.lease(self._leases(hosts))
        self._began = True
        await self._clear_after_dead_runs()
        logged = {name: LoggedHost(host, self._run.id, self._writer.log) for name, host in hosts.items()}
        context = RunContext(self._run.id, logged, secrets, self._tell, self._records, run_child=self._run_child)
        try:
            return await self._steps(context)
        finally:
            await to_its_end(self._put_plan_away(context))

    async def _clear_after_dead_runs(self) -> None:
        """What cannot be cleared away now is told, and is no reason not to work."""
        try:
            await self._put_in_order()
        except UserError as error:
            self._warn(error.problem)

    async def _put_plan_away(self, context: RunContext) -> None:
        """Closes what the plan holds open, then removes the run's temporary files."""
        if self._plan.close is not None:
            await self._told_at_most(self._plan.close(self._plan.state))
        await self._told_at_most(context.remove_scratch())

    async def _told_at_most(self, work: Awaitable[None]) -> None:
        """What cannot be put away is told, and changes nothing of what the run has done."""
        try:
            await work
        except Exception as error:  # noqa: BLE001  told
            self._warn(as_problem(error))

    async def _read_secrets(self) -> dict[str, str]:
        """All secrets of the plan, before its first effect; a missing or unreadable one refuses the whole run."""
        site = self._plan.site.name
        found = {name: await self._secrets.get(site, name) for name in self._plan.secrets}
        missing = [name for name, value in found.items() if value is None]
        if missing:
            raise missing_secret(site, missing[0])
        optional = {name: await self._secrets.get(site, name) for name in self._plan.optional_secrets}
        self._known = [value for value in (found | optional).values() if value]
        return {name: value or "" for name, value in (found | optional).items()}

    async def _watch_for_cancel(self, work: asyncio.Task[Any] | None) -> None:
        while True:
            with contextlib.suppress(UserError):  # a store that is away for a moment may not end the run
                if await self._records.cancel_requested(self._run.id):
                    break
            await asyncio.sleep(CANCEL_LOOK_EVERY)
        if work is not None:
            work.cancel()

    async def _steps(self, context: RunContext) -> Problem | None:
        stopped: Problem | None = None
        last = self._last_that_counts()
        for number, step in enumerate(self._plan.steps, 1):
            left_out = stopped or self._shortfall or (number > last and _was_cancelled())
            if left_out and step.phase is not Phase.FINISH:
                continue
            try:
                failure = await self._step(number, step, context)
            except asyncio.CancelledError:
                if number <= last:
                    raise
                failure = _cut_short(step.title)
            if failure is not None and step.on_failure is OnFailure.STOP:
                stopped = stopped or failure
            if failure is not None and step.on_failure is OnFailure.PARTIAL:
                self._shortfall = self._shortfall or failure
        return stopped

    def _last_that_counts(self) -> int:
        """The number of the last step without which the run has not done what it is for."""
        counting = [n for n, step in enumerate(self._plan.steps, 1) if step.on_failure is not OnFailure.PARTIAL]
        return max(counting, default=0)

    async def _step(self, number: int, step: Step[Any], context: RunContext) -> Problem | None:
        """Does one step; gives what went wrong. A cancel closes the step and goes on up.

        When the last step that counts has happened it comes too late, and the run ends as what it is.
        """
        of, last, ending = len(self._plan.steps), self._last_that_counts(), _DONE
        await patiently(partial(self._records.add_step, self._run.id, number, step.key, step.title, step.phase))
        self._tell(StepStarted(key=step.key, title=step.title, phase=step.phase, number=number, of=of))
        try:
            async with asyncio.timeout(step.deadline):
                await step.do(context, self._plan.state)
        except asyncio.CancelledError:
            if number < last or not await to_its_end(self._happened(step, context)):
                await to_its_end(self._finish_step(number, step, StepOutcome.CANCELLED, None))
                raise
        except StepSkipped as skipped:
            ending = (StepOutcome.SKIPPED, self._warn(as_problem(skipped)))
        except Exception as error:  # noqa: BLE001  told, recorded and judged by the step's own rule
            if not await to_its_end(self._happened(step, context)):
                return await self._step_failed(number, step, error)
            self._warn(as_problem(error))
        finishing = self._finish_step(number, step, *ending)
        await (to_its_end(finishing) if number >= last else finishing)
        return None

    async def _happened(self, step: Step[Any], context: RunContext) -> bool:
        """Whether a step that was cut short has had its whole effect all the same; not to be told counts as no."""
        if step.happened is None:
            return False
        try:
            async with asyncio.timeout(HAPPENED_WITHIN):
                return await step.happened(context, self._plan.state)
        except Exception as error:  # noqa: BLE001  what cut the step short is what the run is judged by
            self._warn(_unclear(step.title, cleaned_problem(self._redactor, as_problem(error))))
            return False

    async def _step_failed(self, number: int, step: Step[Any], error: Exception) -> Problem:
        if isinstance(error, TimeoutError) and step.deadline is not None:
            error = _overdue(step.title)
        failure = cleaned_problem(self._redactor, as_problem(error))
        self._refused = self._refused or (isinstance(error, Refused) and step.phase is Phase.PREFLIGHT)
        outcome = StepOutcome.FAILED
        if step.on_failure is OnFailure.WARN:
            outcome = StepOutcome.WARNED
            self._tell(Warned(warning=failure))
        if step.item and step.item not in self._items:
            self._tell(ItemFinished(item=failed_item(step.item, failure)))
        await self._finish_step(number, step, outcome, failure)
        return failure

    async def _finish_step(self, number: int, step: Step[Any], outcome: StepOutcome, failure: Problem | None) -> None:
        await self._store_items()
        await patiently(partial(self._records.finish_step, self._run.id, number, outcome, failure))
        self._tell(StepFinished(key=step.key, outcome=outcome, error=failure))

    def _warn(self, problem: Problem) -> Problem:
        """Tells what does the run no harm."""
        cleaned = cleaned_problem(self._redactor, problem)
        self._tell(Warned(warning=cleaned))
        return cleaned

    def _tell(self, event: Recorded) -> None:
        if isinstance(event, ItemFinished):
            item = cleaned_item(self._redactor, event.item)
            event = msgspec.structs.replace(event, item=item)
            self._items[item.source] = item
            self._unstored.append(item)
        if isinstance(event, RolledBack):
            self._rollback = event.rollback
        self._writer.tell(event)

    async def _store_items(self) -> None:
        while self._unstored:
            await patiently(partial(self._records.add_item, self._run.id, self._unstored[0]))
            self._unstored.pop(0)

    def _outcome(self, error: Problem | None) -> Outcome:
        if error is not None:
            return Outcome.REFUSED if self._refused else Outcome.FAILED
        statuses = [item.status for item in self._items.values()]
        all_told = self._items.keys() >= set(self._plan.items)
        if all_told and all(status is ItemStatus.SUCCESS for status in statuses):
            return Outcome.PARTIAL if self._shortfall else Outcome.SUCCESS
        return Outcome.PARTIAL if any(status in NOT_LOST for status in statuses) else Outcome.FAILED

    def _counters(self) -> Counters:
        statuses = [item.status for item in self._items.values()]
        total = len({*self._plan.items, *self._items})
        return Counters(
            total=total,
            processed=len(statuses),
            succeeded=sum(status in KEPT for status in statuses),
            failed=sum(status is ItemStatus.FAILED for status in statuses),
            skipped=total - len(statuses),
        )

    async def _close(self, outcome: Outcome, error: Problem | None) -> None:
        """Closes the record, then the files: a follower that sees the last event finds the record closed.

        A run that somebody took for dead, and closed, ends as what they recorded.
        """
        if error is None and outcome is not Outcome.SUCCESS:
            error = next((item.error for item in self._items.values() if item.error is not None), self._shortfall)
        if self._writer.incomplete:
            self._writer.tell(Warned(warning=_log_incomplete(self._writer.incomplete)))
        closed = RunClosed(outcome=outcome, rollback=self._rollback, counters=self._counters(), error=error)
        try:
            await self._store_items()
            excerpt = await self._writer.excerpt()
            await patiently(
                partial(
                    self._records.close,
                    self._run.id,
                    outcome,
                    rollback=closed.rollback,
                    counters=closed.counters,
                    error=error,
                    log_excerpt=excerpt,
                )
            )
        except Refused as refused:
            if refused.code != "records.run-closed":
                raise
            closed = await self._closed_by_others(closed)
        finally:
            await self._writer.close(closed)

    async def _closed_by_others(self, ours: RunClosed) -> RunClosed:
        found = await self._records.run(self._run.id)
        outcome, error = found.outcome or ours.outcome, found.error
        return msgspec.structs.replace(ours, outcome=outcome, error=error, counters=found.counters)


def missing_secret(site: str, name: str) -> Refused:
    """What is said when a secret that is needed was never stored."""
    of_repository = text("The repository's password of {site} is not stored.", site=site)
    return Refused(
        of_repository
        if name == REPOSITORY_PASSWORD
        else text("The secret {name} of {site} is not stored.", name=name, site=site),
        text("Nothing was started and nothing was changed."),
        text("Store it: overwinter secret set {site} {name}", site=site, name=name),
        "secrets.missing",
    )


CANCELLED = Cancelled(
    text("The run was cancelled."),
    text("What was in the repository stays there; only what the list of points shows as complete was finished."),
    text("Start it again when you are ready; what is already there is not uploaded twice."),
    "run.cancelled",
).problem


def _overdue(title: Text) -> UserError:
    return UserError(
        text("The step took longer than it may: {step}", step=title),
        text("It was ended; what it had not finished does not count as done."),
        text("Look into the log, mend what is slow, and start again."),
        "run.step-overdue",
    )


def _cut_short(title: Text) -> Problem:
    return Problem(
        text("The run was cancelled in its last part: {step}", step=title),
        text("What it was for is done and kept; only this part was cut short."),
        text("Nothing has to be done: the next run finishes it."),
        "run.cut-short",
    )


def _unclear(title: Text, why: Problem) -> Problem:
    return Problem(
        text("It could not be found out whether this step was done all the same: {step}", step=title),
        text("It is counted as not done. {what}", what=why.what),
        why.next,
        "run.step-unclear",
        why.detail,
    )


def _log_incomplete(why: str) -> Problem:
    return Problem(
        text("The log of this run is incomplete: it could not be written."),
        text("The backup itself is not affected."),
        text("Make room on the disk that holds Overwinter's files."),
        "run.log-incomplete",
        why,
    )


def _was_cancelled() -> bool:
    """Whether a cancel of this task came that was too late for the step it met."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def patiently(write: Callable[[], Awaitable[None]]) -> None:
    """Writes a record of a run under way, and waits as long as another program keeps the database to itself.

    What the run does matters more than that it is written down at once. After `PATIENCE` seconds, or for any other
    reason, it fails. Each try waits for a while by itself.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            await write()
        except UserError as error:
            if error.code not in PASSING or time.monotonic() > until:
                raise
            await asyncio.sleep(TRY_AGAIN_AFTER)
        else:
            return


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Finishes `work` even when the task is cancelled meanwhile (again): cleaning up is never left half done."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({task})
    return task.result()
