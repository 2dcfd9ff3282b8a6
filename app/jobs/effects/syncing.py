"""A live tree becomes what a snapshot holds, in place: nothing old is kept, but for the backup that is made before.

How far it is stands in a note on the tree's host. A tree that is neither is `HALF`: forward it comes by doing all of
it again, back by the backup of the state before, where there is one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.jobs.effects.effect import Happened, World
from app.jobs.pace import Pace
from app.jobs.sync.carrying import Carrying
from app.jobs.sync.note import KeptTree, Note, Saved, Stand, read_note, write_note
from app.jobs.sync.region import Region
from app.tools.restic.tree import Tree


class BackUpPresent(msgspec.Struct, frozen=True, kw_only=True, tag="back-up-present"):
    """The state before is backed up for the cutover `run`, now that nobody writes to it any more."""

    run: str
    trees: tuple[KeptTree, ...]

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Back up the present state")

    async def do(self, world: World) -> None:
        """Unless it was. Raises `restore.no-safety-backup`."""
        if await self.happened(world) is Happened.YES:
            return
        saved = await world.saving.back_up(world.ctx, self.run, self.trees)
        for tree in self.trees:
            if tree.note:
                note = Note(Stand.SAVED, saved[tree.source])
                await write_note(world.ctx.host(tree.host), tree.note, note)

    async def undo(self, world: World) -> None:
        """A backup stays."""

    async def happened(self, world: World) -> Happened:
        """By the notes."""
        notes = [await read_note(world.ctx.host(tree.host), tree.note) for tree in self.trees if tree.note]
        return Happened.YES if all(note is not None and note.saved for note in notes) else Happened.NO


class SyncTree(msgspec.Struct, frozen=True, kw_only=True, tag="sync-tree"):
    """The tree at `root` becomes what the snapshot has in its folder `stored`, as far as the region goes.

    `before` is the folder of the tree in a backup of it as it is today. See `Carrying` for the rest.
    """

    host: str
    source: str
    root: str
    snapshot: str
    stored: str
    before: str
    region: Region
    note: str
    clear_after: tuple[str, ...] = ()
    since: int = 0
    owners: bool = True

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Make {path} on {host} what the point holds", path=self.root, host=self.host)

    async def do(self, world: World) -> None:
        """From the beginning, unless it was done to its end."""
        note = await self._note(world)
        if note is not None and note.stand is Stand.DONE:
            return
        saved = note.saved if note is not None else None
        carrying = Carrying(
            world.ctx.host(self.host), self.root, self.stored, self.region, self.clear_after, self.since, self.owners
        )
        await carrying.carry(world.ctx, self._tree(world, self.snapshot), self._begin(world, saved), self._pace(world))
        await self._write(world, Note(Stand.DONE, saved))

    async def undo(self, world: World) -> None:
        """By the backup of the state before. Raises `sync.no-way-back` where none was made."""
        note = await self._note(world)
        if note is None or note.stand is Stand.SAVED:
            return
        if note.saved is None:
            raise _no_way_back(self.root)
        host = world.ctx.host(self.host)
        carrying = Carrying(host, self.root, self.before, self.region, (), self.since, self.owners)
        tree = self._tree(world, note.saved.snapshot)
        await carrying.carry(world.ctx, tree, self._begin(world, note.saved), self._pace(world))
        await self._write(world, Note(Stand.SAVED, note.saved))

    async def happened(self, world: World) -> Happened:
        """By the note; `HALF` from the first change to the last look."""
        note = await self._note(world)
        if note is None or note.stand is Stand.SAVED:
            return Happened.NO
        return Happened.YES if note.stand is Stand.DONE else Happened.HALF

    async def _note(self, world: World) -> Note | None:
        return await read_note(world.ctx.host(self.host), self.note)

    async def _write(self, world: World, note: Note) -> None:
        await write_note(world.ctx.host(self.host), self.note, note)

    def _begin(self, world: World, saved: Saved | None) -> Callable[[], Awaitable[None]]:
        async def begin() -> None:
            await self._write(world, Note(Stand.BEGUN, saved))

        return begin

    def _tree(self, world: World, snapshot: str) -> Callable[[str], Awaitable[Tree]]:
        async def tree(host: str) -> Tree:
            return await world.saving.tree(world.ctx, host, snapshot)

        return tree

    def _pace(self, world: World) -> Pace:
        return Pace(f"sync:{self.source}", world.ctx.emit)


def _no_way_back(root: str) -> UserError:
    return UserError(
        text("{root} was changed in place, and no backup of the state before was made.", root=root),
        text("There is no way back; forward there is: all of it can be done again."),
        text("Mend what went wrong, then: overwinter recover --finish"),
        "sync.no-way-back",
    )
