"""What is asked of restores: begun, put right, put back; and what a death left is cleared away."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

from app.assembly.point_questions import PointQuestions
from app.foundation.errors import Problem
from app.foundation.words import Language
from app.jobs.cutover.job import RecoveryState, plan_recovery
from app.jobs.cutover.plan import StagingPlan
from app.jobs.cutover.recover import Found, Wanted, look
from app.jobs.cutover.shelf import found_on_hosts, spots_of, unfinished
from app.jobs.cutover.undo import KIND as UNDO
from app.jobs.cutover.undo import UndoState, no_way_back, plan_undo
from app.jobs.effects.effect import World
from app.jobs.extending import write_for_a_person
from app.jobs.plan import AnyPlan, Plan
from app.jobs.report.contents import report_of
from app.jobs.restore.choice import RestoreChoice, Swap
from app.jobs.restore.clearing import remove_left
from app.jobs.restore.contents import read_contents
from app.jobs.restore.job import plan_restore
from app.jobs.restore.setting import RestoreState
from app.jobs.restore.unfinished import clear, left
from app.jobs.runbook.document import Part, as_markdown
from app.jobs.swap.cleanup import CleanupState, plan_cleanup, remove_old_states
from app.jobs.swap.job import plan_swap
from app.jobs.swap.kept import STAYS
from app.jobs.swap.safety import SiteSaving
from app.jobs.swap.waiting import all_waiting, waiting_of
from app.jobs.verify.kinds import removers
from app.jobs.verify.throwaways import left_over, sweep
from app.records.run import Run
from app.runs.recovery import INTERRUPTED
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, HostKind


class RestoreQuestions(PointQuestions):
    """Restores, and half of one that died."""

    async def _unlock_after_death(self, site: str) -> None:
        if await self.secrets.get(site, REPOSITORY_PASSWORD) is not None:
            await self.unlock_repository(site)

    async def _clear_after_death(self, site: str) -> None:
        """What dead runs left besides temporary files: locks, throwaway servers and databases, restores not whole.

        What of it cannot be removed now is told, and tried again at the next start and before the next run.
        """
        async with AsyncExitStack() as clearing:  # each is tried, whatever becomes of the others
            clearing.push_async_callback(self._clear_restores, site)
            clearing.push_async_callback(self._sweep, site)
            clearing.push_async_callback(self._unlock_after_death, site)

    async def _sweep(self, site: str) -> None:
        records = self.records(site)
        if await left_over(records):
            async with self._clearing(site) as (found, context):
                await sweep(context, removers(found, self._equipment))

    async def _clear_restores(self, site: str) -> None:
        """What an unfinished cutover needs stays where it is: that is its recovery's to put away."""
        records = self.records(site)
        if await left(records):
            plan = await self.shelf.unfinished(site)
            async with self._clearing(site) as (found, context):
                remove = partial(remove_left, context, found, self._equipment)
                await clear(records, remove, but="" if plan is None else plan.run)

    async def _remove_old_states(self, plan: AnyPlan) -> None:
        """What restores put aside and has stayed long enough; not before the one run that would put it back."""
        site = plan.site.name
        records = self.records(site)
        if plan.kind != UNDO and (await self.shelf.finished_runs(site) or await all_waiting(records)):
            async with self._clearing(site) as (_, context):
                await remove_old_states(World(context, self._equipment), self.shelf, site)

    async def plan_restore(self, site: str, choice: RestoreChoice, confirmed: str = "") -> Plan[RestoreState]:
        """The plan of restoring a point of that site; what the point holds is read first.

        For one that takes the place of what is live a phrase has to be `confirmed`.
        """
        contents = await read_contents(await self.repository(site), choice.point)
        if isinstance(choice.target, Swap):
            cutover, records = choice.target.cutover, self.records(site)
            return plan_swap(
                await self.sites.get(site),
                choice,
                contents,
                self._repositories,
                self._equipment,
                shelf=self.shelf,
                waiting=await waiting_of(records, cutover) if cutover else None,
                typed=confirmed,
            )
        return plan_restore(await self.sites.get(site), choice, contents, self._repositories, self._equipment)

    async def plan_cleanup(self, site: str, at_once: str = "", confirmed: str = "") -> Plan[CleanupState]:
        """The plan of removing what restores put aside, where its time is over; what the run `at_once` put aside goes
        before, for which a phrase was `confirmed`. Raises `Refused` `restore.…`.
        """
        found = await self.sites.get(site)
        if at_once:
            finished = await self.shelf.finished(found.name, at_once)
            if finished is None:
                raise no_way_back(site, at_once)
            at_once = finished.run
        return plan_cleanup(found, self._equipment, self.shelf, at_once=at_once, typed=confirmed)

    async def plan_recovery(self, site: str, wanted: Wanted) -> Plan[RecoveryState] | None:
        """The plan of putting right what a restore that died has left; None where there is nothing.

        Where this computer knows of none it is looked for on the site's hosts: another one may have begun it.
        """
        found = await self.shelf.unfinished(site) or await self._unfinished_elsewhere(site)
        if found is None:
            return None
        ways = self._repositories.ways()
        saving = SiteSaving(found.site, self._repositories, self._equipment, ways)
        return plan_recovery(found, wanted, self._equipment, self.shelf, repository=saving, close=ways.close)

    async def found_unfinished(self, site: str) -> Found | None:
        """How far the unfinished restore of a site had come: its hosts are asked. None where there is none."""
        plan = await self.shelf.unfinished(site)
        if plan is None:
            return None
        async with self._clearing(site) as (_, context):
            return await look(plan, World(context, self._equipment))

    async def _unfinished_elsewhere(self, site: str) -> StagingPlan | None:
        async with self._clearing(site) as (found, context):
            hosts = [THIS_COMPUTER, *(host.name for host in found.hosts if host.kind is HostKind.SSH)]
            plan = await found_on_hosts(await spots_of(found, hosts, context.host), context.host)
            return plan if plan is not None and plan.site.name == site else None

    async def plan_undo(self, site: str, run: str) -> Plan[UndoState]:
        """The plan of putting back what a restore put aside. Raises `Refused` `restore.no-way-back`."""
        finished = await self.shelf.finished((await self.sites.get(site)).name, run)
        if finished is None:
            raise no_way_back(site, run)
        return plan_undo(finished, self._equipment, self.shelf)

    async def old_state(self, site: str, run: str) -> datetime | None:
        """Until when the old state that a restore put aside stays; None where there is nothing to put back."""
        finished = await self.shelf.finished((await self.sites.get(site)).name, run)
        return None if finished is None or finished.is_in_place else finished.made + STAYS

    async def is_waiting(self, site: str, run: str) -> bool:
        """Whether what that run has prepared still waits to be exchanged."""
        return any(one.run == run for one in await all_waiting(self.records(site)))

    async def report(self, site: str, run: str) -> list[Part]:
        """The report of a restore that has ended. Raises `Refused` `report.…`."""
        return await report_of(self.records(site), run)

    async def save_report(self, site: str, run: str, target: Path, language: Language) -> None:
        """Writes that report into a new file: as PDF where its name ends so, else as Markdown.

        Raises `Refused` `report.…`, `file.exists`.
        """
        from app.jobs.report.paper import as_pdf  # noqa: PLC0415  when one is made

        parts = await self.report(site, run)
        if target.suffix.lower() == ".pdf":
            content = await self._blocking.call("files", partial(as_pdf, parts, language))
        else:
            content = as_markdown(parts, language).encode()
        await write_for_a_person(self._here, str(target), content, replace=False)

    async def _permit(self, plan: AnyPlan) -> None:
        """Nothing that needs a whole site begins while a restore of it is unfinished."""
        if plan.needs_whole_site:
            await self._expect_whole(plan.site.name)

    async def _expect_whole(self, site: str) -> None:
        if (found := await self.shelf.unfinished(site)) is not None:
            raise unfinished(found)

    async def _interrupted(self, run: Run) -> Problem:
        """What it means that a run died: one that left half a site is told apart."""
        found = await self.shelf.unfinished(run.site)
        return unfinished(found).problem if found is not None and found.run == run.id else INTERRUPTED
