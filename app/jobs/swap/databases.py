"""Puts a database of the point beside the live one, while the site works on."""

from __future__ import annotations

from functools import partial

import msgspec

from app.foundation.events import Warned
from app.foundation.words import text
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.restore.checks import Check, expect_room
from app.jobs.restore.folder import below, tell
from app.jobs.restore.setting import begin_unfinished, root_of
from app.jobs.restore.unfinished import SHADOW, Unfinished
from app.jobs.sources.kinds import SWAPS
from app.jobs.sources.loading import Order
from app.jobs.sources.sqlite_swapping import folder_beside
from app.jobs.sources.swapping import DatabaseSwap
from app.jobs.swap.foreseen import Amount, Foreseen
from app.jobs.swap.setting import Part, SwapSetting, SwapState
from app.settings.model import THIS_COMPUTER


class DatabaseStaging(msgspec.Struct, frozen=True):
    """One database on its way to stand beside the live one."""

    setting: SwapSetting
    part: Part

    def swap(self, globals_: str = "") -> DatabaseSwap:
        """What knows how; `globals_` is what pg_dumpall wrote of the server's roles."""
        source = self.part.source
        return SWAPS[source.kind](
            Order(
                source,
                self.part.entry,
                self.setting.equipment,
                source.database,
                self.setting.run,
                globals_,
                folder_beside(self.setting.site, source),
            )
        )

    async def ready(self, ctx: Ctx, state: SwapState) -> DatabaseSwap:
        """Likewise, with the roles that the point has of its server: missing ones are made."""
        entry = self.setting.globals.get(self.part.source.name)
        if entry is None:
            return self.swap()
        content = bytearray()

        async def take(piece: bytes) -> None:
            content.extend(piece)

        tree = await self.setting.base.tree(ctx, THIS_COMPUTER, state, entry)
        await tree.dump(root_of(entry), take)
        return self.swap(content.decode("utf-8", "surrogateescape"))

    def checks(self, ready: DatabaseSwap) -> list[Check]:
        """What must be so: its server, and room for the dump itself among the temporary files."""
        return [*ready.checks(), Check("dump-space", self._expect_room_for_dump)]

    async def _expect_room_for_dump(self, ctx: Ctx) -> None:
        name = self.part.source.host
        expected = self.part.entry.bytes
        await expect_room(ctx.host(name), await ctx.scratch(name), expected, text("the size of the dump in the point"))

    async def fetch(self, ctx: Ctx, state: SwapState) -> None:
        """The dump, on the host of its server."""
        host = self.part.source.host
        tree = await self.setting.base.tree(ctx, host, state, self.part.entry)
        pace = Pace(f"fetch:{self.part.source.name}", ctx.emit)
        await tree.restore(root_of(self.part.entry), await self._fetched(ctx), partial(tell, pace))

    async def _fetched(self, ctx: Ctx) -> str:
        return str(below(await ctx.scratch(self.part.source.host), f"dump-{self.part.source.name}"))

    async def load(self, ctx: Ctx, state: SwapState) -> None:
        """Into the shadow, which is noted before it is made."""
        source, ready = self.part.source, await self.ready(ctx, state)

        async def remove(_unfinished: Unfinished) -> None:
            await ready.remove(ctx)

        unfinished = Unfinished(self.setting.base.run, SHADOW, source.host, ready.staged, source.name)
        await begin_unfinished(ctx, state, unfinished, remove)
        folder = await self._fetched(ctx)
        dump = str(below(folder, root_of(self.part.entry).rpartition("/")[2]))
        await ready.load(ctx, dump, Pace(f"load:{source.name}", ctx.emit))
        await ctx.host(source.host).remove_tree(folder)

    async def compare(self, ctx: Ctx, _state: SwapState) -> None:
        """Counts what was loaded."""
        await self.swap().compare(ctx)

    async def settle(self, ctx: Ctx, state: SwapState) -> None:
        """Closes the shadow, and finds out what it takes to swap it in."""
        staged = state.databases[self.part.source.name] = await self.swap().settle(ctx)
        for problem in staged.problems:
            ctx.emit(Warned(warning=problem))

    async def exists(self, ctx: Ctx) -> bool:
        """Whether there is a live one."""
        return await self.swap().exists(ctx)

    async def foreseen(self, ctx: Ctx) -> Foreseen:
        """One database is overwritten, or made."""
        source, amount = self.part.source, Amount(1, self.part.entry.bytes)
        target = self.swap().target
        if await self.exists(ctx):
            return Foreseen(source.name, source.host, target, overwritten=amount)
        return Foreseen(source.name, source.host, target, created=amount)
