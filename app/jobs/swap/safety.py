"""A backup of the present state, before anything takes its place: a run of its own, which the restore names.

Where nothing old is kept it has to be whole: then it is the one way back.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from app.foundation.errors import Problem, UserError
from app.foundation.events import Item, ItemStatus, Outcome, Warned
from app.foundation.words import text
from app.hosts.host import Host
from app.jobs.backup import SAFETY, BackupChoice, plan_backup
from app.jobs.plan import AnyPlan, Ctx
from app.jobs.repositories import Repositories
from app.jobs.sources.driver import Equipment
from app.jobs.sync.note import KeptTree, Saved
from app.jobs.ways import Ways
from app.records.run import Run
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, Site
from app.tools.restic.names import is_unclear
from app.tools.restic.tree import Tree

TAKEN = (ItemStatus.SUCCESS, ItemStatus.PARTIAL)


async def back_up_present(
    ctx: Ctx, site: Site, sources: Sequence[str], repositories: Repositories, equipment: Equipment
) -> Run:
    """Backs these sources up as they are now. Raises `restore.no-safety-backup` when one of them could not be taken."""
    choice = BackupChoice(sources=tuple(sources), retention=False)
    run, _ = await _backed_up(ctx, sources, plan_backup(site, choice, repositories, equipment, SAFETY))
    if run.outcome is Outcome.PARTIAL and run.error is not None:
        ctx.emit(Warned(warning=_partial(run, run.error)))
    return run


async def _backed_up(ctx: Ctx, sources: Sequence[str], plan: AnyPlan) -> tuple[Run, dict[str, Item]]:
    run = await ctx.run_child(plan)
    taken = {item.source: item for item in await ctx.records.items(run.id) if item.status in TAKEN}
    if run.outcome not in (Outcome.SUCCESS, Outcome.PARTIAL) or set(sources) - set(taken):
        raise _failed(run)
    return run, taken


class SiteSaving(msgspec.Struct, frozen=True):
    """See `effects.effect.Saving`."""

    site: Site
    repositories: Repositories
    equipment: Equipment
    ways: Ways

    async def tree(self, ctx: Ctx, host: str, snapshot: str) -> Tree:
        """By a way of this run, where the host is another one."""
        there, here, password = ctx.host(host), ctx.host(THIS_COMPUTER), ctx.secret(REPOSITORY_PASSWORD)
        scratch = await ctx.scratch(host)
        opened = await self.repositories.open_on(there, here, self.site, password, scratch=scratch, ways=self.ways)
        return opened.restic.tree(snapshot)

    async def back_up(self, ctx: Ctx, run: str, trees: Sequence[KeptTree]) -> dict[str, Saved]:
        """Of a part that is not there nothing has to be saved; anything else that it lacks would be lost."""
        names = [tree.source for tree in trees]
        choice = BackupChoice(sources=tuple(names), retention=False)
        plan = plan_backup(self.site, choice, self.repositories, self.equipment, SAFETY, for_restore=run)
        saved, taken = await _backed_up(ctx, names, plan)
        for tree in trees:
            lacking = await _lacking(ctx.host(tree.host), taken[tree.source])
            if lacking:
                raise _not_whole(tree.source, saved, lacking)
        return {name: Saved(saved.id, item.snapshot) for name, item in taken.items()}


async def _lacking(host: Host, item: Item) -> list[str]:
    """What is there, and was not taken."""
    unnamed = [""] if item.missing_count > len(item.missing) else []
    return [*unnamed, *[path for path in item.missing if is_unclear(path) or await host.stat(path) is not None]]


def _not_whole(source: str, run: Run, lacking: Sequence[str]) -> UserError:
    return UserError(
        text("The backup of the present state ({run}) lacks files of {source}.", run=run.short_id, source=source),
        text("The restore was not begun: in place nothing else is kept of them."),
        text("Make them readable, or leave them out (exclude); then restore again."),
        "restore.no-safety-backup",
        "\n".join(filter(None, lacking)),
    )


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
