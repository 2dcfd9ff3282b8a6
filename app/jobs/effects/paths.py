"""Effects on trees and files: exchanged, renamed, replaced, carried over, cleared, removed.

A tree is known by its inode, a file by its hash. Numbers of devices are no facts: they may be others after a reboot.
After a death what stands there may not be on the disk yet, so whoever finds that it has happened syncs it once more.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Sequence
from pathlib import PurePath, PurePosixPath, PureWindowsPath

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.hosts.host import WHILE_COPIED, FileKind, FileStat, Host
from app.jobs.effects.effect import Happened, World, unclear

NOTHING = ""
"""The hash of a file that is not there."""

ENTRIES_AT_MOST = 100_000


class _Stands(enum.Enum):
    """Where the two trees of an exchange stand."""

    BEFORE = "before"
    ASIDE = "the live one put aside, nothing in its place"
    EXCHANGED = "exchanged, the old one not under its name yet"
    AFTER = "after"
    BACK = "taken back, the restored one not where it was staged yet"
    ALONE = "the live one alone: the other was cleared away, since it is over"


_Three = tuple[int | None, int | None, int | None]
"""The inodes at the places of the live, the staged and the kept tree; None where nothing stands."""


class ExchangePaths(msgspec.Struct, frozen=True, kw_only=True, tag="exchange-paths"):
    """The staged tree takes the place of the live one, which is kept as `kept`; all in one file system.

    Where the file system can, the two are exchanged in one step, and the old one gets its name after that. Elsewhere
    the live tree is renamed, then the staged one: between the two steps nothing stands at `live`. `old` and `new` are
    the inodes of what stood at `live` and `staged` before.
    """

    host: str
    live: str
    staged: str
    kept: str
    old: int
    new: int

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Exchange {path} on {host} for the restored one", path=self.live, host=self.host)

    async def do(self, world: World) -> None:
        """Goes on from wherever the two stand."""
        host = world.ctx.host(self.host)
        match await self._stand(host):
            case _Stands.ALONE:
                raise unclear(self.title, f"nothing stands at {self.staged} any more")
            case _Stands.BEFORE:
                await self._exchange(host)
            case _Stands.BACK:
                await host.rename(self.kept, self.staged)
                await self._exchange(host)
            case _Stands.ASIDE:
                await host.rename(self.staged, self.live)
                await self._make_last(host)
            case _Stands.EXCHANGED:
                await host.rename(self.staged, self.kept)
                await self._make_last(host)
            case _Stands.AFTER:
                await self._make_last(host)

    async def _exchange(self, host: Host) -> None:
        if await _exchanged(host, self.live, self.staged):
            await host.rename(self.staged, self.kept)
        else:
            await host.rename(self.live, self.kept)
            await host.rename(self.staged, self.live)

    async def undo(self, world: World) -> None:
        """Likewise; the restored tree goes back to where it was staged."""
        host = world.ctx.host(self.host)
        match await self._stand(host):
            case _Stands.AFTER:
                await self._take_back(host)
            case _Stands.EXCHANGED:
                if not await _exchanged(host, self.live, self.staged):
                    await host.rename(self.staged, self.kept)
                    await self._take_back(host)
            case _Stands.ASIDE:
                await host.rename(self.kept, self.live)
                await self._make_last(host)
            case _Stands.BACK:
                await host.rename(self.kept, self.staged)
                await self._make_last(host)
            case _Stands.BEFORE | _Stands.ALONE:
                await self._make_last(host)

    async def _take_back(self, host: Host) -> None:
        if await _exchanged(host, self.live, self.kept):
            await host.rename(self.kept, self.staged)
        else:
            await host.rename(self.live, self.staged)
            await host.rename(self.kept, self.live)

    async def happened(self, world: World) -> Happened:
        """By the inodes; a live tree that is put aside while its successor has not come is still NO."""
        match self._judged(await self._found(world.ctx.host(self.host))):
            case None:
                return Happened.UNCLEAR
            case _Stands.EXCHANGED | _Stands.AFTER:
                return Happened.YES
            case _:
                return Happened.NO

    async def _stand(self, host: Host) -> _Stands:
        found = await self._found(host)
        stands = self._judged(found)
        if stands is None:
            raise unclear(self.title, self._told(found))
        return stands

    async def _found(self, host: Host) -> _Three:
        places = (inode(host, self.live), inode(host, self.staged), inode(host, self.kept))
        live, staged, kept = await asyncio.gather(*places)
        return live, staged, kept

    def _judged(self, found: _Three) -> _Stands | None:
        return {
            (self.old, self.new, None): _Stands.BEFORE,
            (None, self.new, self.old): _Stands.ASIDE,
            (self.new, self.old, None): _Stands.EXCHANGED,
            (self.new, None, self.old): _Stands.AFTER,
            (self.old, None, self.new): _Stands.BACK,
            (self.old, None, None): _Stands.ALONE,
        }.get(found)

    def _told(self, found: _Three) -> str:
        there = zip((self.live, self.staged, self.kept), found, strict=True)
        said = ", ".join(f"{path}: {'nothing' if one is None else f'inode {one}'}" for path, one in there)
        return f"{said}; the old one has inode {self.old}, the restored one {self.new}"

    async def _make_last(self, host: Host) -> None:
        """What a dead process had begun may not be on the disk."""
        await sync_parents(host, self.live, self.staged, self.kept)

    def reversed(self, kept: str) -> ExchangePaths:
        """What takes it back later, when it is over and its stage gone; the restored tree is kept as `kept` then."""
        return ExchangePaths(host=self.host, live=self.live, staged=self.kept, kept=kept, old=self.new, new=self.old)


async def _exchanged(host: Host, path: str, target: str) -> bool:
    """False, with nothing changed, where two names cannot be exchanged in one step."""
    try:
        await host.exchange(path, target)
    except UserError as error:
        if error.code != "host.no-exchange":
            raise
        return False
    return True


class RenamePath(msgspec.Struct, frozen=True, kw_only=True, tag="rename-path"):
    """What stands at `path`, known by its inode, gets the name `target`; what stands there is never replaced.

    Where even the folder of `path` is gone, a stage that was cleared away, it has not happened and cannot any more.
    """

    host: str
    path: str
    target: str
    inode: int

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Rename {path} on {host} to {target}", path=self.path, host=self.host, target=self.target)

    async def do(self, world: World) -> None:
        """Renames it, unless it was."""
        if await self._is_cleared_away(world.ctx.host(self.host)):
            raise self._unclear()
        await self._rename(world, self.path, self.target)

    async def undo(self, world: World) -> None:
        """Gives it its former name."""
        if not await self._is_cleared_away(world.ctx.host(self.host)):
            await self._rename(world, self.target, self.path)

    async def _rename(self, world: World, path: str, target: str) -> None:
        host = world.ctx.host(self.host)
        at_path, at_target = await inode(host, path), await inode(host, target)
        if self.inode not in (at_path, at_target):
            raise self._unclear()
        if at_target != self.inode:
            await host.rename(path, target)
        else:
            await sync_parents(host, path, target)

    async def happened(self, world: World) -> Happened:
        """By where the inode stands."""
        host = world.ctx.host(self.host)
        if await inode(host, self.target) == self.inode:
            return Happened.YES
        is_before = await inode(host, self.path) == self.inode or await self._is_cleared_away(host)
        return Happened.NO if is_before else Happened.UNCLEAR

    async def _is_cleared_away(self, host: Host) -> bool:
        is_there = await inode(host, self.target) == self.inode
        return not is_there and await host.stat(str(pure(self.path).parent)) is None

    def _unclear(self) -> UserError:
        return unclear(self.title, f"inode {self.inode} stands neither at {self.path} nor at {self.target}")


class ReplaceFile(msgspec.Struct, frozen=True, kw_only=True, tag="replace-file"):
    """A file gets the content, owner and mode of `source`; what it was before is kept at `kept`.

    `before` and `after` are the SHA-256 of both; `before` is `NOTHING` where there was none. Never half of it. Both
    `source` and `kept` have to stand as long as it may be taken back.
    """

    host: str
    path: str
    source: str
    kept: str
    before: str
    after: str

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Replace {path} on {host}", path=self.path, host=self.host)

    async def do(self, world: World) -> None:
        """Keeps the former one, then replaces it."""
        host = world.ctx.host(self.host)
        found = await content_of(host, self.path)
        if found == self.before != self.after:
            if self.before != NOTHING:
                await host.copy(self.path, self.kept)
            await host.copy(self.source, self.path)
        else:
            await self._expect(host, found, self.after)

    async def undo(self, world: World) -> None:
        """Puts the former one back."""
        host = world.ctx.host(self.host)
        found = await content_of(host, self.path)
        if found == self.after != self.before:
            if self.before != NOTHING:
                await host.copy(self.kept, self.path)
            else:
                await host.remove_tree(self.path)
        else:
            await self._expect(host, found, self.before)

    async def _expect(self, host: Host, found: str, wanted: str) -> None:
        """It is so already, perhaps by a process that died: that may have left a copy, and what was not synced."""
        if found != wanted:
            raise unclear(self.title, f"{self.path}: {found or 'nothing'}, neither {self.before} nor {self.after}")
        await host.remove_tree(str(pure(self.path).with_name(WHILE_COPIED.format(name=pure(self.path).name))))
        await sync_parents(host, self.path)

    async def happened(self, world: World) -> Happened:
        """By the hash."""
        found = await content_of(world.ctx.host(self.host), self.path)
        if found == self.after:
            return Happened.YES
        return Happened.NO if found == self.before else Happened.UNCLEAR


class KeepLive(msgspec.Struct, frozen=True, kw_only=True, tag="keep-live"):
    """A file of the live tree is carried over into the staged one once more: it may have changed since staging.

    Only while the live tree is the one with the inode `old`: afterwards its name belongs to the restored one. There is
    nothing to undo, since nobody sees the staged tree. `path` is as seen from both trees. A file that is not there
    (any more), and what is no file, leaves what was staged.
    """

    host: str
    live: str
    staged: str
    path: str
    old: int

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Carry {path} of {live} over once more", path=self.path, live=self.live)

    async def do(self, world: World) -> None:
        """Copies it where it is another one by now."""
        if await self.happened(world) is not Happened.YES:
            host = world.ctx.host(self.host)
            await host.copy(below(self.live, self.path), below(self.staged, self.path))

    async def undo(self, world: World) -> None:
        """Nothing: see above."""

    async def happened(self, world: World) -> Happened:
        """YES also where there is nothing to carry over any more."""
        host = world.ctx.host(self.host)
        if await inode(host, self.live) != self.old:
            return Happened.YES
        found = await host.stat(below(self.live, self.path))
        if found is None or found.kind is not FileKind.FILE:
            return Happened.YES
        staged = await host.stat(below(self.staged, self.path))
        return Happened.YES if await self._is_same(host, found, staged) else Happened.NO

    async def _is_same(self, host: Host, live: FileStat, staged: FileStat | None) -> bool:
        if staged is None or (live.size, live.mode) != (staged.size, staged.mode):
            return False
        return await host.sha256(below(self.live, self.path)) == await host.sha256(below(self.staged, self.path))


class ClearPaths(msgspec.Struct, frozen=True, kw_only=True, tag="clear-paths"):
    """Removes what fits one of the patterns below `folder` (caches, sessions); each `*` stands within one name.

    It is not undone: what is cleared makes itself anew.
    """

    host: str
    folder: str
    patterns: tuple[str, ...]

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Clear caches in {path} on {host}", path=self.folder, host=self.host)

    async def do(self, world: World) -> None:
        """Removes all that fits."""
        host = world.ctx.host(self.host)
        for pattern in self.patterns:
            *folders, last = PurePosixPath(pattern).parts
            for folder in await folders_that_fit(host, self.folder, folders):
                await host.remove_matching(folder, last)
                await host.sync(folder)

    async def undo(self, world: World) -> None:
        """Nothing: see above."""

    async def happened(self, world: World) -> Happened:  # noqa: ARG002  every effect's signature
        """Never known for sure, since whoever works there fills it again: it is done again."""
        return Happened.NO


class RemoveTree(msgspec.Struct, frozen=True, kw_only=True, tag="remove-tree"):
    """Removes a folder of ours that is not needed any more, such as a stage; it is not undone.

    It is renamed first: whoever looks while it goes finds it there whole, or not at all.
    """

    host: str
    path: str

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Remove {path} on {host}", path=self.path, host=self.host)

    async def do(self, world: World) -> None:
        """Removes it where it is there."""
        host, going = world.ctx.host(self.host), f"{self.path}.going"
        if await host.stat(self.path) is not None:
            await host.remove_tree(going)
            await host.rename(self.path, going)
        await host.remove_tree(going)

    async def undo(self, world: World) -> None:
        """Nothing: what is removed is gone."""

    async def happened(self, world: World) -> Happened:
        """Whether nothing is there."""
        return Happened.YES if await world.ctx.host(self.host).stat(self.path) is None else Happened.NO


async def inode(host: Host, path: str) -> int | None:
    """The inode of what stands there, a link itself; None where nothing does."""
    found = await host.stat(path)
    return None if found is None else found.inode


async def content_of(host: Host, path: str) -> str:
    """The hash of a file; `NOTHING` where there is none."""
    return NOTHING if await host.stat(path) is None else await host.sha256(path)


async def sync_parents(host: Host, *paths: str) -> None:
    """Makes the names of these paths last, in the folders that are there."""
    for folder in sorted({str(pure(path).parent) for path in paths}):
        if await host.stat(folder) is not None:
            await host.sync(folder)


async def folders_that_fit(host: Host, folder: str, parts: Sequence[str]) -> list[str]:
    """The folders below `folder` whose names fit the parts, one after the other; links are not followed."""
    found = [folder]
    for part in parts:
        found = [below(each, name) for each in found for name in await _names_that_fit(host, each, part)]
    return [each for each in found if await _is_folder(host, each)]


async def _names_that_fit(host: Host, folder: str, part: str) -> list[str]:
    if not any(sign in part for sign in "*?["):
        return [part]
    if not await _is_folder(host, folder):
        return []
    listed = await host.entries(folder, ENTRIES_AT_MOST)
    return [entry.name for entry in listed.entries if PurePosixPath(entry.name).match(part)]


async def _is_folder(host: Host, path: str) -> bool:
    found = await host.stat(path)
    return found is not None and found.kind is FileKind.FOLDER


def below(folder: str, path: str) -> str:
    """A path below a folder, as the folder's system writes it."""
    return str(pure(folder) / path)


def pure(path: str) -> PurePath:
    """A path of whatever system it is of."""
    return PurePosixPath(path) if PurePosixPath(path).is_absolute() else PureWindowsPath(path)
