"""The plan of removing what stays of old states and has stayed long enough; and what does stay still."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from app.foundation.events import Phase
from app.foundation.words import text
from app.jobs.cutover.job import secrets_of
from app.jobs.cutover.shelf import Shelf
from app.jobs.effects.effect import World
from app.jobs.plan import Ctx, Plan, Step
from app.jobs.sources.driver import Equipment
from app.jobs.swap.kept import Old, old_of, remove_due
from app.jobs.swap.waiting import remove_forgotten
from app.records.run import new_run_id
from app.settings.model import Site

KIND = "cleanup"
REMOVED = "restore-old-removed"


@dataclass
class CleanupState:
    """Names of what was removed, and what stays still."""

    removed: list[str] = field(default_factory=list)
    old: list[Old] = field(default_factory=list)


def plan_cleanup(site: Site, equipment: Equipment, shelf: Shelf) -> Plan[CleanupState]:
    """The steps of it."""
    remove, look = (partial(do, equipment, shelf, site.name) for do in (_remove, _look))
    return Plan(
        run=new_run_id(),
        kind=KIND,
        site=site,
        choice="",
        key=KIND,
        steps=(
            Step("old", text("Remove old states whose time is over"), Phase.STAGE, remove),
            Step("stays", text("Look what stays still"), Phase.STAGE, look),
        ),
        state=CleanupState(),
        optional_secrets=secrets_of(site),
        needs_whole_site=True,
    )


async def _remove(equipment: Equipment, shelf: Shelf, site: str, ctx: Ctx, state: CleanupState) -> None:
    state.removed += await remove_old_states(World(ctx, equipment), shelf, site)


async def remove_old_states(world: World, shelf: Shelf, site: str) -> list[str]:
    """Removes those whose time is over, and what was staged and forgotten; writes it down."""
    if await shelf.unfinished(site) is not None:
        return []
    now = datetime.now(UTC)
    removed = [*await remove_due(world, shelf, site, now), *await remove_forgotten(world, now)]
    for name in removed:
        await world.ctx.records.add_audit(getpass.getuser(), REMOVED, {"name": name})
    return removed


async def _look(equipment: Equipment, shelf: Shelf, site: str, ctx: Ctx, state: CleanupState) -> None:
    for run in await shelf.finished_runs(site):
        plan = await shelf.finished(site, run)
        if plan is not None:
            state.old += await old_of(World(ctx, equipment), plan)
