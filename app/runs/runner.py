"""Launches plans, once each, and knows the runs: waits for them, follows them, cancels them.

One task per run. A request that is already under way is joined; what a dead process left open is closed first.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.errors import Problem, Refused, UserError
from app.foundation.events import Counters
from app.foundation.redact import Redactor
from app.hosts.host import Host
from app.jobs.plan import AnyPlan
from app.records.owners import this_process
from app.records.run import Run
from app.records.site_records import SiteRecords
from app.runs.feed import RunFeed, Wake
from app.runs.files import RunWriter
from app.runs.hold import Hold
from app.runs.lease import Lease
from app.runs.recovery import Recovery, Unlock
from app.runs.remains import Remains
from app.runs.site_lock import SiteLock, busy, is_gone
from app.runs.work import SecretReader, Work, to_its_end
from app.settings.model import HostKind
from app.settings.places import Places


class Launched(msgspec.Struct, frozen=True):
    """What became of a request: its run; `joined` when the same request was already under way."""

    run: str
    joined: bool


class Runner:
    """Runs plans on the engine's loop, one task each, and knows the runs of this process."""

    def __init__(
        self,
        *,
        places: Places,
        blocking: Blocking,
        redactor: Redactor,
        secrets: SecretReader,
        records: Callable[[str], SiteRecords],
        hosts: Callable[[AnyPlan, Mapping[str, str]], Awaitable[Mapping[str, Host]]],
        unlock: Unlock,
        permit: Callable[[AnyPlan], Awaitable[None]],
        interrupted: Callable[[Run], Awaitable[Problem]],
        clear: Callable[[AnyPlan], Awaitable[None]],
    ) -> None:
        """`unlock` removes the dead locks of a site's repository; `permit` raises where a plan may not be carried out
        now; `interrupted` says what it means that a run died; `clear` removes what has had its time on the plan's site.
        """
        self._clear = clear
        self._permit = permit
        self._places = places
        self._blocking = blocking
        self._redactor = redactor
        self._secrets = secrets
        self._records = records
        self._hosts = hosts
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wakes: dict[str, Wake] = {}
        self._owner = this_process()
        self.recovery = Recovery(places, blocking, records, unlock, self._tasks, interrupted=interrupted)

    async def launch(self, plan: AnyPlan) -> Launched:
        """Begins a run in the background and names it.

        A request that is already under way is joined. When another operation holds the site, the run is closed at
        once as `skipped`, naming the holder. A caller that is cancelled meanwhile does not keep the run from working:
        a record that was begun and that nobody works on would be joined for ever.
        """
        launching = asyncio.create_task(self._launch(plan))
        cancelled: asyncio.CancelledError | None = None
        while not launching.done():
            try:
                await asyncio.wait({launching})
            except asyncio.CancelledError as stopped:
                cancelled = stopped
        launched = launching.result()
        if cancelled is not None:
            raise cancelled
        return launched

    async def _launch(self, plan: AnyPlan) -> Launched:
        records = self._records(plan.site.name)
        await self.recovery.close_interrupted(plan.site.name, plan.run)
        begun = await records.begin(self._new_run(plan))
        if begun.joined:
            return Launched(begun.run.id, joined=True)
        lock = SiteLock(self._places.locks, begun.run, records, self._blocking)
        leases = partial(_leases, begun.run, plan, records)
        put_in_order = partial(self._put_in_order, plan)
        work = self._work(begun.run, plan, records, lock=lock, leases=leases, put_in_order=put_in_order)
        self._tasks[begun.run.id] = asyncio.create_task(work.carry_out(), name=f"run {begun.run.id[:8]}")
        await asyncio.sleep(0)  # a task that is cancelled before its first step would never close its record
        return Launched(begun.run.id, joined=False)

    async def _put_in_order(self, plan: AnyPlan) -> None:
        await self.recovery.tidy(plan.site.name)
        await self._clear(plan)

    async def _run_child(self, parent: Run, plan: AnyPlan) -> Run:
        """Carries a plan out under what its parent holds; whoever cancels the parent cancels it, and waits for it."""
        records = self._records(plan.site.name)
        begun = await records.begin(msgspec.structs.replace(self._new_run(plan), parent=parent.id))
        if begun.joined:
            raise busy(plan.site.name, await records.site_holder())
        work = self._work(begun.run, plan, records, lock=None, leases=_no_leases, put_in_order=_in_order)
        task = self._tasks[begun.run.id] = asyncio.create_task(work.carry_out(), name=f"run {begun.run.id[:8]}")
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            await to_its_end(asyncio.wait({task}))
            raise
        return await records.run(begun.run.id)

    def _work(
        self,
        run: Run,
        plan: AnyPlan,
        records: SiteRecords,
        *,
        lock: SiteLock | None,
        leases: Callable[[Mapping[str, Host]], Sequence[Lease]],
        put_in_order: Callable[[], Awaitable[None]],
    ) -> Work:
        wake = self._wakes[run.id] = Wake()
        return Work(
            run,
            plan,
            records=records,
            writer=RunWriter(self._places.run_folder(run.id), self._blocking, self._redactor, wake),
            redactor=self._redactor,
            secrets=self._secrets,
            hosts=partial(self._hosts, plan),
            leases=leases,
            hold=partial(Hold, run, records, lock),
            put_in_order=put_in_order,
            run_child=partial(self._run_child, run),
            permit=partial(self._permit, plan),
        )

    def _new_run(self, plan: AnyPlan) -> Run:
        return Run(
            id=plan.run,
            site=plan.site.name,
            kind=plan.kind,
            trigger=plan.trigger,
            who=getpass.getuser(),
            choice=plan.choice,
            key=plan.key,
            owner=self._owner,
            started=datetime.now(UTC),
            tags=plan.tags,
            counters=Counters(total=len(plan.items)),
        )

    async def wait(self, site: str, run: str) -> Run:
        """The closed record of a run, ours or another process's, when it has ended."""
        task = self._tasks.get(run)
        if task is not None:
            await asyncio.shield(task)
        else:
            async for _ in self.feed(site, run).batches():
                pass
            await self.recovery.close_interrupted(site)
        return await self._records(site).run(run)

    def feed(self, site: str, run: str) -> RunFeed:
        """What that run told and tells; of one whose files are gone, what its record keeps."""
        records = self._records(site)

        async def alive() -> bool:
            if run in self._tasks:
                return not self._tasks[run].done()
            found = next((found for found in await records.working() if found.run.id == run), None)
            return found is not None and not is_gone(found.run.owner, found.silent)

        return RunFeed(
            self._places.run_folder(run),
            self._blocking,
            wake=self._wakes.get(run),
            alive=alive,
            record=Remains(records, run),
        )

    async def cancel(self, site: str, run: str) -> None:
        """Asks the run's owner to stop; ours is told at once, another process sees the stored request.

        Raises `Refused` `records.run-closed` when it has ended already.
        """
        task = self._tasks.get(run)
        if task is None or task.done():
            await self._records(site).request_cancel(run, getpass.getuser())
            return
        task.cancel()
        with contextlib.suppress(UserError):  # it stops all the same: who asked for it is only noted
            await self._records(site).request_cancel(run, getpass.getuser())

    async def close(self) -> None:
        """Cancels what still runs here and waits until it is put away."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _no_leases(_hosts: Mapping[str, Host]) -> list[Lease]:
    """A run that works for another one uses that one's."""
    return []


async def _in_order() -> None:
    """As its parent left it."""


def _leases(run: Run, plan: AnyPlan, records: SiteRecords, hosts: Mapping[str, Host]) -> list[Lease]:
    """One for each host of a plan that is reached over a network: other laptops may work there too."""
    servers = [host.name for host in plan.site.hosts if host.kind is HostKind.SSH and host.name in hosts]
    return [Lease(hosts[name], run, is_over=partial(_is_over, records)) for name in servers]


async def _is_over(records: SiteRecords, run: str) -> bool:
    """Whether our own records know this run as closed."""
    with contextlib.suppress(Refused):  # a run of another computer
        return (await records.run(run)).closed is not None
    return False
