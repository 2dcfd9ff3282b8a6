"""The plan of a recovery: the runner makes sure that there is one at a time, and records it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.foundation.errors import Problem, UserError
from app.foundation.events import Outcome, Phase
from app.foundation.words import text
from app.jobs.cutover.forward import check_smoke
from app.jobs.cutover.plan import StagingPlan, State
from app.jobs.cutover.recover import Found, Recovered, Wanted, close_over, end_programs, is_over, look, recover
from app.jobs.cutover.shelf import Shelf
from app.jobs.effects.effect import Saving, World
from app.jobs.plan import Ctx, OnFailure, Plan, Step
from app.jobs.sources.driver import Equipment
from app.records.run import new_run_id
from app.settings.model import REPOSITORY_PASSWORD, Site

KIND = "recover"


@dataclass
class RecoveryState:
    """What the steps of a recovery hand on."""

    found: Found | None = None
    recovered: Recovered | None = None


@dataclass(frozen=True)
class _Recovery:
    plan: StagingPlan
    wanted: Wanted
    equipment: Equipment
    shelf: Shelf
    repository: Saving | None

    def steps(self) -> tuple[Step[RecoveryState], ...]:
        return (
            Step("look", text("See how far the restore had come"), Phase.PREFLIGHT, self._look),
            Step("recover", text("Put the site right"), Phase.CUTOVER, self._recover),
            Step("smoke", text("See whether the site works"), Phase.FINISH, self._smoke, on_failure=OnFailure.PARTIAL),
        )

    async def _look(self, ctx: Ctx, state: RecoveryState) -> None:
        world = self._world(ctx)
        await end_programs(self.plan, world, await self._dead_recoveries(ctx))
        state.found = await look(self.plan, world)
        if await is_over(self.plan, world) and not state.found.is_between:
            state.recovered = await close_over(self.plan, state.found, world, self.shelf)

    def _world(self, ctx: Ctx) -> World:
        return World(ctx, self.equipment, self.repository)

    async def _dead_recoveries(self, ctx: Ctx) -> list[str]:
        since = await ctx.records.runs(kind=KIND, since=self.plan.made)
        return [run.id for run in since if run.outcome is Outcome.INTERRUPTED]

    async def _recover(self, ctx: Ctx, state: RecoveryState) -> None:
        if state.recovered is None and state.found is not None:
            world = self._world(ctx)
            state.recovered = await recover(self.plan, state.found, self.wanted, world, self.shelf)

    async def _smoke(self, ctx: Ctx, state: RecoveryState) -> None:
        if state.recovered is not None and state.recovered.state is State.NEW:
            expect_smoke(await check_smoke(self.plan, self._world(ctx)))


def plan_recovery(
    plan: StagingPlan,
    wanted: Wanted,
    equipment: Equipment,
    shelf: Shelf,
    *,
    repository: Saving | None = None,
    close: Callable[[], Awaitable[None]] | None = None,
) -> Plan[RecoveryState]:
    """The steps of putting right what that cutover has left. Its own description of the site is used, not today's.

    `repository` is that of a plan which changes a tree in place, `close` what puts the ways to it away.
    """

    async def put_away(_state: RecoveryState) -> None:
        if close is not None:
            await close()

    return Plan(
        run=new_run_id(),
        kind=KIND,
        site=plan.site,
        choice=wanted.value,
        key=f"{KIND} {plan.run} {wanted.value}",
        steps=_Recovery(plan, wanted, equipment, shelf, repository).steps(),
        state=RecoveryState(),
        close=put_away,
        optional_secrets=(*secrets_of(plan.site), *((REPOSITORY_PASSWORD,) if plan.is_in_place else ())),
    )


def secrets_of(site: Site) -> tuple[str, ...]:
    """The names of the secrets that a cutover may need: those of hosts and of databases."""
    of_hosts = [name for host in site.hosts for name in host.secret_names()]
    return tuple(dict.fromkeys((*of_hosts, *[name for source in site.sources for name in source.secret_names()])))


def expect_smoke(problems: list[Problem]) -> None:
    """Raises `restore.smoke` when something of the new site does not work."""
    if problems:
        first = problems[0]
        raise UserError(
            text("The site is up, but a check of it failed. {what}", what=first.what),
            text("It is the restored one, whole; nothing was rolled back."),
            text("Mend it, or take the restore back: overwinter restore-undo"),
            "restore.smoke",
            first.detail,
        )
