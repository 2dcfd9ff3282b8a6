"""The staging plan of a swap, out of all that stands staged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.jobs.cutover.plan import Kept, StagingPlan
from app.jobs.cutover.shelf import spots_of
from app.jobs.effects.dropping import DropShadow
from app.jobs.effects.every import AnyEffect
from app.jobs.effects.paths import RemoveTree
from app.jobs.plan import Ctx
from app.jobs.sources.postgresql_swapping import StagedDatabase
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
        *(one.shadow.at.host for one in databases.values()),
        *(command.host for command in site.commands),
    ]
    stages: list[AnyEffect] = [RemoveTree(host=tree.host, path=tree.stage) for tree in trees]
    shadows: list[AnyEffect] = [DropShadow(shadow=one.shadow) for one in databases.values()]
    return StagingPlan(
        run=run,
        kind=kind,
        site=site,
        point=point,
        effects=effects_of(around, trees, list(databases.values()), named_by),
        spots=tuple(await spots_of(site, hosts, ctx.host)),
        choice=choice,
        when_new=tuple(stages),
        when_old=(*stages, *shadows),
        kept=(*_kept_trees(trees, named_by), *_kept_databases(databases)),
        bypass=bypass,
    )


def _kept_trees(trees: Sequence[StagedTree], run: str) -> Iterator[Kept]:
    for tree in trees:
        for pair in tree.pairs:
            if pair.live_inode:
                yield Kept(host=tree.host, name=kept_at(pair, run), fact=pair.live_inode)


def _kept_databases(databases: dict[str, StagedDatabase]) -> Iterator[Kept]:
    for source, one in databases.items():
        if one.aside is not None:
            yield Kept(host=one.aside.at.host, name=one.aside.name, fact=one.aside.oid, source=source)
