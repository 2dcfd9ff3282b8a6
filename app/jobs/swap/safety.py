"""A backup of the present state, before anything takes its place: a run of its own, which the restore names."""

from __future__ import annotations

from collections.abc import Sequence

from app.foundation.errors import Problem, UserError
from app.foundation.events import ItemStatus, Outcome, Warned
from app.foundation.words import text
from app.jobs.backup import SAFETY, BackupChoice, plan_backup
from app.jobs.plan import Ctx
from app.jobs.repositories import Repositories
from app.jobs.sources.driver import Equipment
from app.records.run import Run
from app.settings.model import Site

TAKEN = (ItemStatus.SUCCESS, ItemStatus.PARTIAL)


async def back_up_present(
    ctx: Ctx, site: Site, sources: Sequence[str], repositories: Repositories, equipment: Equipment
) -> Run:
    """Backs these sources up as they are now. Raises `restore.no-safety-backup` when one of them could not be taken."""
    choice = BackupChoice(sources=tuple(sources), retention=False)
    run = await ctx.run_child(plan_backup(site, choice, repositories, equipment, SAFETY))
    items = await ctx.records.items(run.id)
    taken = {item.source for item in items if item.status in TAKEN}
    if run.outcome not in (Outcome.SUCCESS, Outcome.PARTIAL) or set(sources) - taken:
        raise _failed(run)
    if run.outcome is Outcome.PARTIAL and run.error is not None:
        ctx.emit(Warned(warning=_partial(run, run.error)))
    return run


def _failed(run: Run) -> UserError:
    why = run.error
    return UserError(
        text("The present state could not be backed up: {what}", what=why.what if why is not None else run.short_id),
        text("The restore was not begun; the site is as it was."),
        text("Mend that, or add --no-safety-backup where the present state is worth nothing."),
        "restore.no-safety-backup",
        f"run {run.id}" + (f"\n{why.detail}" if why is not None and why.detail else ""),
    )


def _partial(run: Run, why: Problem) -> Problem:
    return Problem(
        text("The backup of the present state ({run}) is not whole: {what}", run=run.short_id, what=why.what),
        text("What it lacks stays in the old tree for a while; the restore goes on."),
        why.next,
        "restore.safety-partial",
        why.detail,
    )
