"""Two things change places, and both names stay taken all the while: what goes over from the old tree into the new."""

from __future__ import annotations

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.hosts.host import Host
from app.jobs.effects.effect import Happened, World, unclear
from app.jobs.effects.paths import below, inode, pure, sync_parents

Numbers = tuple[int | None, int | None, int | None]


class TradePlaces(msgspec.Struct, frozen=True, kw_only=True, tag="trade-places"):
    """What stands at `path`, by its inode `first`, and what stands at `other` (`second`) change places.

    `path` is in the tree that was put aside as `kept` and has the inode `old`: while that does not stand there, nothing
    has happened and there is nothing to be undone; nor while the new tree, which `other` is in, has not come. Where the
    file system cannot do it in one step, `second` is called `aside` for a moment.
    """

    host: str
    kept: str
    old: int
    path: str
    other: str
    aside: str
    first: int
    second: int

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Carry {path} over to {other} on {host}", path=self.path, other=self.other, host=self.host)

    async def do(self, world: World) -> None:
        """Goes on from wherever the two stand."""
        host = world.ctx.host(self.host)
        if not await self._is_put_aside(host):
            raise unclear(self.title, f"the old tree, inode {self.old}, does not stand at {self.kept}")
        await self._traded(host)

    async def _traded(self, host: Host) -> None:
        found = await self._found(host)
        if found == (self.first, self.second, None):
            if await self._exchanged(host):
                return
            await host.rename(self.other, self.aside)
        if found in ((self.first, self.second, None), (self.first, None, self.second)):
            await host.rename(self.path, self.other)
        if found != (self.second, self.first, None):
            await self._expect_on_the_way(host)
            await host.rename(self.aside, self.path)
        await sync_parents(host, self.path, self.other)

    async def undo(self, world: World) -> None:
        """The way back, by the same steps."""
        host = world.ctx.host(self.host)
        if await self._is_put_aside(host) and await self._found(host) != self._without_the_new_tree:
            await self._back()._traded(host)

    def from_tree(self, kept: str) -> TradePlaces:
        """The same, where the old tree is put aside under another name."""
        path, aside = (below(kept, pure(one).relative_to(self.kept).as_posix()) for one in (self.path, self.aside))
        return msgspec.structs.replace(self, kept=kept, path=path, aside=aside)

    def _back(self) -> TradePlaces:
        return msgspec.structs.replace(self, path=self.other, other=self.path)

    async def _is_put_aside(self, host: Host) -> bool:
        return await inode(host, self.kept) == self.old

    async def happened(self, world: World) -> Happened:
        """By the inodes; on the way it is still NO."""
        host = world.ctx.host(self.host)
        if not await self._is_put_aside(host):
            return Happened.NO
        found = await self._found(host)
        if found == (self.second, self.first, None):
            return Happened.YES
        on_the_way = ((self.first, None, self.second), (None, self.first, self.second))
        before = (self._without_the_new_tree, (self.first, self.second, None))
        return Happened.NO if found in (*before, *on_the_way) else Happened.UNCLEAR

    @property
    def _without_the_new_tree(self) -> Numbers:
        return (self.first, None, None)

    async def _expect_on_the_way(self, host: Host) -> None:
        found = await self._found(host)
        if found != (None, self.first, self.second):
            told = f"{self.path}: {found[0]}, {self.other}: {found[1]}, {self.aside}: {found[2]}"
            raise unclear(self.title, f"{told}; inodes {self.first} and {self.second} were to change places")

    async def _exchanged(self, host: Host) -> bool:
        try:
            await host.exchange(self.path, self.other)
        except UserError as error:
            if error.code != "host.no-exchange":
                raise
            return False
        return True

    async def _found(self, host: Host) -> Numbers:
        return await inode(host, self.path), await inode(host, self.other), await inode(host, self.aside)
