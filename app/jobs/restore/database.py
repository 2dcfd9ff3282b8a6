"""Restores one database of a point as a new one, on the server of its source."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.events import ItemFinished, Phase, Warned
from app.foundation.words import Text, text
from app.jobs.manifest import SourceEntry
from app.jobs.pace import Pace
from app.jobs.plan import Ctx, Step
from app.jobs.restore.checks import Check, demand, expect_room, judged
from app.jobs.restore.choice import NewDatabase
from app.jobs.restore.folder import below
from app.jobs.restore.setting import Planned, RestoreState, Setting, begin_unfinished, item_of, root_of
from app.jobs.restore.unfinished import Unfinished
from app.jobs.sources.driver import Equipment
from app.jobs.sources.kinds import LOADERS
from app.jobs.sources.loading import Loader, Order
from app.settings.model import THIS_COMPUTER, Source
from app.tools.restic.backup import Headway

SPACE = "database-space"


class DatabaseRestore(msgspec.Struct, frozen=True):
    """The steps of it; `globals` is the source with the roles of the same server, where missing ones may be made."""

    setting: Setting
    target: NewDatabase
    entry: SourceEntry
    source: Source
    equipment: Equipment
    globals: SourceEntry | None = None

    def steps(self) -> list[Step[RestoreState]]:
        """Check; then fetch the dump, load it, count it, and give it its name."""
        checking = Step("checks", text("Check that it can be restored there"), Phase.PREFLIGHT, self._check)
        if self.setting.choice.dry_run:
            return [checking]
        return [
            checking,
            self._step("fetch", text("Fetch the dump of {source}", source=self.source.name), self._fetch),
            self._step("load", text("Load it into a new database"), self._load),
            self._step("compare", text("Count what was loaded"), self._compare),
            self._step("place", text("Name it {name}", name=self.target.name), self._place),
        ]

    def _step(self, key: str, title: Text, do: Callable[[Ctx, RestoreState], Awaitable[None]]) -> Step[RestoreState]:
        async def restoring(ctx: Ctx, state: RestoreState) -> None:
            try:
                await do(ctx, state)
            except UserError as error:
                raise _restated(error) from error

        return Step(key, title, Phase.STAGE, restoring, item=self.source.name)

    async def _check(self, ctx: Ctx, state: RestoreState) -> None:
        loader = state.loader = LOADERS[self.source.kind](await self._order(ctx, state))
        checks = [
            Check("database", loader.check),
            Check("space", self._check_room_here),
            Check(SPACE, loader.check_room),
        ]
        state.judged = await judged(ctx, checks)
        state.planned.append(Planned(self.source.name, self.source.host, self.target.name, 1, self.entry.bytes))
        demand(state.judged, self.setting.choice.accepted)
        if self.setting.choice.dry_run:
            ctx.emit(ItemFinished(item=item_of(self.entry, self.entry.bytes)))

    async def _order(self, ctx: Ctx, state: RestoreState) -> Order:
        roles = await self._written_globals(ctx, state)
        return Order(self.source, self.entry, self.equipment, self.target.name, self.setting.run, roles)

    async def _written_globals(self, ctx: Ctx, state: RestoreState) -> str:
        """What pg_dumpall wrote of the server; "" where no roles are to be made."""
        if self.globals is None:
            return ""
        content = bytearray()

        async def take(piece: bytes) -> None:
            content.extend(piece)

        tree = await self.setting.tree(ctx, THIS_COMPUTER, state, self.globals)
        await tree.dump(root_of(self.globals), take)
        return content.decode("utf-8", "surrogateescape")

    async def _check_room_here(self, ctx: Ctx) -> None:
        """The dump itself stands among the temporary files while it is loaded."""
        host = ctx.host(self.source.host)
        folder = await ctx.scratch(self.source.host)
        await expect_room(host, folder, self.entry.bytes, text("the size of the dump in the point"))

    async def _fetch(self, ctx: Ctx, state: RestoreState) -> None:
        pace = Pace("fetch", ctx.emit)
        tree = await self.setting.tree(ctx, self.source.host, state, self.entry)
        await tree.restore(root_of(self.entry), await self._fetched(ctx), partial(_tell, pace))

    async def _fetched(self, ctx: Ctx) -> str:
        """The folder that the dump stands in."""
        return str(below(await ctx.scratch(self.source.host), "restored"))

    async def _load(self, ctx: Ctx, state: RestoreState) -> None:
        unfinished = Unfinished(
            self.setting.run, self.source.kind.value, self.source.host, self.target.name, self.source.name
        )
        await begin_unfinished(ctx, state, unfinished, partial(_remove, ctx, self._loader(state)))
        dump = str(below(await self._fetched(ctx), root_of(self.entry).rpartition("/")[2]))
        await self._loader(state).load(ctx, dump, Pace("load", ctx.emit))
        await ctx.host(self.source.host).remove_tree(dump)

    async def _compare(self, ctx: Ctx, state: RestoreState) -> None:
        await self._loader(state).compare(ctx)

    async def _place(self, ctx: Ctx, state: RestoreState) -> None:
        problems = await self._loader(state).place(ctx)
        for problem in problems:
            ctx.emit(Warned(warning=problem))
        ctx.emit(ItemFinished(item=item_of(self.entry, self.entry.bytes, problems)))

    def _loader(self, state: RestoreState) -> Loader:
        assert state.loader is not None, "it was checked"
        return state.loader


async def _remove(ctx: Ctx, loader: Loader, _unfinished: Unfinished) -> None:
    await loader.remove(ctx)


def _tell(pace: Pace, seen: Headway) -> None:
    pace.tell(seen.bytes, seen.total_bytes)


NOT_BACKED_UP = ("postgres.", "mysql.", "sqlite.")
"""Errors of databases, whose sentences are made for a backup."""


def _restated(error: UserError) -> UserError:
    """The same error, with what it means for a restore."""
    problem = error.problem
    if not problem.code.startswith(NOT_BACKED_UP) or isinstance(error, Refused):
        return error
    what = problem.what
    if problem.code.endswith(".no-rights"):  # whose sentence speaks of reading
        what = text("The database server refused: {said}", said=problem.detail.partition("\n")[0])
    means = text("The database was not restored, and what was made of it is removed. All others are as they were.")
    return UserError(what, means, problem.next, problem.code, problem.detail)
