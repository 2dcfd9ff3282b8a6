"""What of the live tree goes over into the new one: files that are kept as they are, and what no backup has."""

from __future__ import annotations

import msgspec

from app.foundation.errors import Problem
from app.foundation.events import Warned
from app.foundation.words import text
from app.hosts.host import FileKind
from app.jobs.plan import Ctx
from app.jobs.restore.folder import pure
from app.jobs.swap.made_ready import Workshop
from app.jobs.swap.patterns import expanded, is_meant, is_reached, is_special, outermost, parts_of, under
from app.jobs.swap.staged import LeftAlone
from app.settings.model import Source


class KeptLive(msgspec.Struct, frozen=True):
    """What a source keeps (`keep_live`) and what it leaves out of backups (`exclude`), in one of its trees.

    One level `down` whatever stands directly in the tree and is kept is not swapped at all.
    """

    shop: Workshop
    source: Source
    down: bool = False

    async def copy_files(self, ctx: Ctx) -> tuple[str, ...]:
        """Copies the live files into the staged tree; of one that is not there the point's stays, with a warning."""
        copied = [path for path in await self._kept(FileKind.FILE) if await self._copied(ctx, path)]
        for pattern in self.source.keep_live:
            if not any(map(is_special, parts_of(pattern))):
                await self._tell_missing(ctx, "/".join(parts_of(pattern)))
        return tuple(copied)

    async def left_alone(self) -> tuple[LeftAlone, ...]:
        """Folders and links that are kept, and whatever is left out of backups: they change places with what stands
        for them. What the point lacks gets an empty stand-in, so that there is never nothing in either place.
        """
        kept = await self._kept(FileKind.FOLDER, FileKind.LINK, FileKind.OTHER)
        out = await expanded(self.shop.host, self.shop.live, self.source.exclude, hidden=True)
        paths = outermost(list(dict.fromkeys([*kept, *filter(self._is_staged, out)])))
        return tuple([one for path in paths if (one := await self._stood_in(path)) is not None])

    def _is_staged(self, path: str) -> bool:
        """Where only parts of a tree are backed up, what is in none of them stays where it is anyway, and so does a
        part that is kept as a whole.
        """
        source = self.source
        if self.down and "/" not in path:
            return False
        whole = [part for part in source.include if is_meant("/".join(parts_of(part)), source.keep_live)]
        return not source.include or (is_meant(path, source.include) and not is_meant(path, whole))

    async def _kept(self, *kinds: FileKind) -> list[str]:
        found = await expanded(self.shop.host, self.shop.live, self.source.keep_live)
        return [path for path in filter(self._is_staged, found) if await self._kind(path) in kinds]

    async def _kind(self, path: str) -> FileKind | None:
        found = await self.shop.host.stat(under(self.shop.live, path))
        return None if found is None else found.kind

    async def _copied(self, ctx: Ctx, path: str) -> bool:
        """The copy keeps owner, mode, times and attributes."""
        host = self.shop.host
        live, staged = under(self.shop.live, path), under(self.shop.tree, path)
        if not await self.shop.make_way(path):
            ctx.emit(Warned(warning=_behind_a_link(self.source, path)))
            return False
        async with self.shop.keeping_time(str(pure(staged).parent)):
            await host.remove_tree(staged)
            await host.copy(live, staged)
        return True

    async def _tell_missing(self, ctx: Ctx, path: str) -> None:
        host = self.shop.host
        if self._is_staged(path) and await host.stat(under(self.shop.live, path)) is None:
            in_point = await is_reached(host, self.shop.tree, path) and await host.stat(under(self.shop.tree, path))
            ctx.emit(Warned(warning=_none_live(self.source, path) if in_point else _none_at_all(self.source, path)))

    async def _stood_in(self, path: str) -> LeftAlone | None:
        host = self.shop.host
        live, staged = under(self.shop.live, path), under(self.shop.tree, path)
        there = await host.stat(live)
        if there is None or not await self.shop.make_way(path):
            return None
        if await host.stat(staged) is None:
            await self.shop.make_like(there, path)
        here = await host.stat(staged)
        return LeftAlone(path, there.inode, here.inode) if here is not None else None


def _none_live(source: Source, path: str) -> Problem:
    return Problem(
        text("There is no live {path} of {source} to be kept.", path=path, source=source.name),
        text("The one of the point is taken instead."),
        text("Look whether what is in it fits this server (passwords, addresses)."),
        "restore.keep-live-missing",
    )


def _none_at_all(source: Source, path: str) -> Problem:
    return Problem(
        text("There is neither a live {path} of {source} nor one in the point.", path=path, source=source.name),
        text("The site has none after the restore either."),
        text("If the application needs it, make it by hand."),
        "restore.keep-live-nowhere",
    )


def _behind_a_link(source: Source, path: str) -> Problem:
    return Problem(
        text("{path} of {source} is not copied: in the point it is reached by a link.", path=path, source=source.name),
        text("What the link leads to is not touched."),
        text("Nothing has to be done where the link leads to the same place as on the live site."),
        "restore.keep-live-behind-link",
    )
