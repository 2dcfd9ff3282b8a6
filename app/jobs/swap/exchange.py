"""The staging plan of a swap, out of all that stands staged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.jobs.cutover.names import plan_beside, plan_in
from app.jobs.cutover.plan import Kept, Spot, StagingPlan
from app.jobs.effects.every import AnyEffect
from app.jobs.effects.paths import RemoveTree
from app.jobs.plan import Ctx
from app.jobs.restore.folder import pure
from app.jobs.sources.swapping import StagedDatabase
from app.jobs.swap.around import Around
from app.jobs.swap.order import effects_of, kept_at
from app.jobs.swap.staged import StagedTree
from app.settings.model import Site


async def staging_plan(
    ctx: Ctx,
    site: Site,
    *,
    run: str,
    named_by: str,
    kind: str,
    point: str,
    choice: str,
    trees: Sequence[StagedTree],
    databases: dict[str, StagedDatabase],
    bypass: str,
) -> StagingPlan:
    """Everything that the cutover `run` will do with what the run `named_by` has staged; what is cleared away
    afterwards is ours in any case.
    """
    around = Around(site.commands, tuple(trees), bypass)
    hosts = [
        *(tree.host for tree in trees),
        *(one.host for one in databases.values()),
        *(command.host for command in site.commands),
    ]
    stages: list[AnyEffect] = [RemoveTree(host=tree.host, path=tree.stage) for tree in trees]
    shadows: list[AnyEffect] = [one.remove for one in databases.values()]
    return StagingPlan(
        run=run,
        kind=kind,
        site=site,
        point=point,
        effects=effects_of(around, trees, list(databases.values()), named_by),
        spots=tuple(await _spots(ctx, site, trees, hosts)),
        choice=choice,
        when_new=tuple(stages),
        when_old=(*stages, *shadows),
        kept=(*_kept_trees(trees, named_by), *(kept for one in databases.values() for kept in one.kept)),
        bypass=bypass,
    )


async def _spots(ctx: Ctx, site: Site, trees: Sequence[StagedTree], hosts: Sequence[str]) -> list[Spot]:
    """Beside each tree, where whoever knows the site file alone looks for it; one at least on each host.

    One that cannot be moved may be on a file system of its own, and the folder above it closed to us.
    """
    beside = [Spot(tree.host, plan_beside(tree.asked), _by(tree)) for tree in trees if not tree.down]
    without = [name for name in dict.fromkeys(hosts) if name not in {spot.host for spot in beside}]
    folders = [(name, await ctx.host(name).kept_folder("cutovers")) for name in without]
    return [*beside, *(Spot(name, plan_in(folder, site.name), folder) for name, folder in folders)]


def _by(tree: StagedTree) -> str:
    """Behind a link the stage may be on another file system than the link."""
    return tree.stage if tree.asked == tree.live else str(pure(tree.asked).parent)


def _kept_trees(trees: Sequence[StagedTree], run: str) -> Iterator[Kept]:
    for tree in trees:
        for pair in tree.pairs:
            if pair.live_inode:
                yield Kept(host=tree.host, name=kept_at(tree, pair, run), fact=pair.live_inode)
