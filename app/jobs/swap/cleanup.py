"""The plan of removing what stays of old states and has stayed long enough; and what does stay still."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.foundation.errors import Refused
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


def removal_phrase(site: str, run: str) -> str:
    """What has to be typed before an old state goes that would stay still."""
    return f"REMOVE OLD {site} {run[:8]}"


def plan_cleanup(
    site: Site, equipment: Equipment, shelf: Shelf, *, at_once: str = "", typed: str = ""
) -> Plan[CleanupState]:
    """The steps of it; what the run `at_once` has put aside goes before its time, for which a phrase was typed.

    Raises `Refused` `restore.removal-not-confirmed`.
    """
    if at_once and typed != removal_phrase(site.name, at_once):
        raise _not_confirmed(removal_phrase(site.name, at_once))
    cleaning = _Cleaning(equipment, shelf, site.name, at_once)
    return Plan(
        run=new_run_id(),
        kind=KIND,
        site=site,
        choice=at_once,
        key=f"{KIND} {at_once}".strip(),
        steps=(
            Step("old", text("Remove old states whose time is over"), Phase.STAGE, cleaning.remove),
            Step("stays", text("Look what stays still"), Phase.STAGE, cleaning.look),
        ),
        state=CleanupState(),
        optional_secrets=secrets_of(site),
        needs_whole_site=True,
    )


async def remove_old_states(world: World, shelf: Shelf, site: str, at_once: str = "") -> list[str]:
    """Removes those whose time is over, and what was staged and forgotten; writes it down. See `remove_due`."""
    if await shelf.unfinished(site) is not None:
        return []
    now = datetime.now(UTC)
    removed = [*await remove_due(world, shelf, site, now, at_once), *await remove_forgotten(world, now)]
    for name in removed:
        await world.ctx.records.add_audit(getpass.getuser(), REMOVED, {"name": name})
    return removed


@dataclass(frozen=True)
class _Cleaning:
    """Whose old states, and which of them whatever its age."""

    equipment: Equipment
    shelf: Shelf
    site: str
    at_once: str

    async def remove(self, ctx: Ctx, state: CleanupState) -> None:
        state.removed += await remove_old_states(World(ctx, self.equipment), self.shelf, self.site, self.at_once)

    async def look(self, ctx: Ctx, state: CleanupState) -> None:
        for run in await self.shelf.finished_runs(self.site):
            plan = await self.shelf.finished(self.site, run)
            if plan is not None:
                state.old += await old_of(World(ctx, self.equipment), plan)


def _not_confirmed(phrase: str) -> Refused:
    return Refused(
        text("Without the old state there is no way back but a recovery point."),
        text("Nothing was removed: that was not the phrase."),
        text("Type {phrase}", phrase=phrase),
        "restore.removal-not-confirmed",
    )
