"""What every restore works with: the point, the repository as each host reaches it, and what is to be put away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from app.foundation.errors import Problem
from app.foundation.events import Item, ItemStatus
from app.jobs.manifest import SourceEntry
from app.jobs.plan import Ctx
from app.jobs.repositories import OpenRepository, Repositories
from app.jobs.restore.checks import Judged
from app.jobs.restore.choice import RestoreChoice
from app.jobs.restore.contents import Contents
from app.jobs.restore.listing import Reading, Sums
from app.jobs.restore.unfinished import Remove, Unfinished, begin, end
from app.jobs.sources.loading import Loader
from app.jobs.ways import Ways
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, Site
from app.tools.restic.names import stored_path
from app.tools.restic.tree import Tree


class Planned(msgspec.Struct, frozen=True):
    """What would be restored of one source: `files` counts everything but folders, `bytes` is their content.

    `target` is where on `host` it would stand.
    """

    source: str
    host: str
    target: str
    files: int
    bytes: int


@dataclass
class RestoreState:
    """What the steps of one restore hand on.

    `entries` are the sources that are meant, `expected` is what each is to look like, `readings` how that is compared;
    `begun` is what stands somewhere under a name of ours.
    """

    ways: Ways
    entries: tuple[SourceEntry, ...] = ()
    expected: dict[str, Sums] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    judged: list[Judged] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)
    whole: list[SourceEntry] = field(default_factory=list)
    loader: Loader | None = None
    begun: dict[Unfinished, tuple[Ctx, Remove]] = field(default_factory=dict)


class Setting(msgspec.Struct, frozen=True):
    """One restore with everything it needs to know; `entries` are the sources that are meant."""

    site: Site
    choice: RestoreChoice
    contents: Contents
    entries: tuple[SourceEntry, ...]
    repositories: Repositories
    run: str

    async def repository(self, ctx: Ctx, host: str, state: RestoreState) -> OpenRepository:
        """The repository as reached from that host."""
        there, here, password = ctx.host(host), ctx.host(THIS_COMPUTER), ctx.secret(REPOSITORY_PASSWORD)
        scratch = await ctx.scratch(host)
        return await self.repositories.open_on(there, here, self.site, password, scratch=scratch, ways=state.ways)

    async def tree(self, ctx: Ctx, host: str, state: RestoreState, entry: SourceEntry) -> Tree:
        """A source's snapshot as that host reaches it."""
        return (await self.repository(ctx, host, state)).restic.tree(entry.snapshot)


def root_of(entry: SourceEntry) -> str:
    """Where a source stands in its snapshot."""
    return stored_path(entry.path)


async def begin_unfinished(ctx: Ctx, state: RestoreState, unfinished: Unfinished, remove: Remove) -> None:
    """Writes down what is about to be made, and that it is to be removed when the run ends before it is whole."""
    if unfinished not in state.begun:
        await begin(ctx, unfinished)
        state.begun[unfinished] = (ctx, remove)


async def put_away(state: RestoreState) -> None:
    """Removes what is not whole, then takes down the ways to the repository."""
    try:
        while state.begun:
            unfinished, (ctx, remove) = state.begun.popitem()
            await remove(unfinished)
            await end(ctx.records, unfinished)
    finally:
        await state.ways.close()


def item_of(entry: SourceEntry, size: int, problems: Sequence[Problem] = (), names: Sequence[str] = ()) -> Item:
    """What became of a source that was restored: PARTIAL when something could not be kept."""
    return Item(
        source=entry.source,
        status=ItemStatus.PARTIAL if problems else ItemStatus.SUCCESS,
        snapshot=entry.snapshot,
        bytes=size,
        error=problems[0] if problems else None,
        missing=tuple(names),
        missing_count=len(names),
    )
