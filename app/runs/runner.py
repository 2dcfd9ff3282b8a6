"""Launches plans, once each, and knows the runs: waits for them, follows them, cancels them.

One task per run. A request that is already under way is joined; what a dead process left open is closed first.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.errors import Problem, Refused, UserError
from app.foundation.events import Outcome
from app.foundation.redact import Redactor
from app.foundation.words import text
from app.hosts import files
from app.hosts.host import Host
from app.jobs.plan import AnyPlan
from app.records.owners import owner_alive, this_process
from app.records.runs import Run
from app.records.site_records import SiteRecords
from app.runs.context import scratch_name
from app.runs.feed import RunFeed, Wake
from app.runs.files import RunWriter
from app.runs.work import SecretReader, Work
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
    ) -> None:
        self._places = places
        self._blocking = blocking
        self._redactor = redactor
        self._secrets = secrets
        self._records = records
        self._hosts = hosts
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wakes: dict[str, Wake] = {}
        self._owner = this_process()

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
        await self.close_interrupted(plan.site.name)
        begun = await records.begin(self._new_run(plan))
        if begun.joined:
            return Launched(begun.run.id, joined=True)
        wake = self._wakes[begun.run.id] = Wake()
        writer = RunWriter(self._places.run_folder(begun.run.id), self._blocking, self._redactor, wake)
        work = Work(
            begun.run,
            plan,
            records=records,
            writer=writer,
            redactor=self._redactor,
            secrets=self._secrets,
            hosts=partial(self._hosts, plan),
        )
        self._tasks[begun.run.id] = asyncio.create_task(work.carry_out(), name=f"run {begun.run.id[:8]}")
        await asyncio.sleep(0)  # a task that is cancelled before its first step would never close its record
        return Launched(begun.run.id, joined=False)

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
        )

    async def wait(self, site: str, run: str) -> Run:
        """The closed record of a run, ours or another process's, when it has ended."""
        task = self._tasks.get(run)
        if task is not None:
            await asyncio.shield(task)
        else:
            async for _ in self.feed(site, run).batches():
                pass
            await self.close_interrupted(site)
        return await self._records(site).run(run)

    def feed(self, site: str, run: str) -> RunFeed:
        """What that run told and tells."""
        records = self._records(site)

        async def alive() -> bool:
            if run in self._tasks:
                return not self._tasks[run].done()
            found = await records.run(run)
            return found.closed is None and owner_alive(found.owner) is not False

        return RunFeed(self._places.run_folder(run), self._blocking, wake=self._wakes.get(run), alive=alive)

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

    async def close_interrupted(self, site: str) -> None:
        """Closes what a dead process of this computer left open, so that it stands in nobody's way.

        Its temporary files go first: a database's password may be among them.
        """
        records = self._records(site)
        for run in await records.active_runs():
            if run.id not in self._tasks and owner_alive(run.owner) is False:
                await self._blocking.call("files", partial(_remove_scratch, self._places.scratch, run.id))
                with contextlib.suppress(Refused):  # another process was faster
                    await records.close(run.id, Outcome.INTERRUPTED, error=INTERRUPTED)

    async def close(self) -> None:
        """Cancels what still runs here and waits until it is put away."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _remove_scratch(folder: Path, run: str) -> None:
    for left in folder.glob(f"{scratch_name(run)}-*"):
        with contextlib.suppress(UserError):  # what cannot be removed may not keep the next run from working
            files.remove_tree(left)


INTERRUPTED = Problem(
    text("The program stopped while this run was under way."),
    text("What it had finished is kept; it made a recovery point only if the list of points shows it as complete."),
    text("Start it again; what is already in the repository is not uploaded twice."),
    "run.interrupted",
)
