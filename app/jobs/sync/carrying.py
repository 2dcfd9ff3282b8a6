"""Makes a live tree what a snapshot holds: looks, removes, restores, and looks again.

All of it may be done again, and then goes on from whatever stands there. restic writes a file anew only where its
content differs, and never through a link or a second name; what the site keeps it is not even told of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import PurePath

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Host
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.restore.folder import on_disk, pure, tell
from app.jobs.restore.listing import Reading
from app.jobs.sources.private_file import private_file
from app.jobs.swap.made_ready import Workshop
from app.jobs.swap.mounts import at_or_below, mounts_of
from app.jobs.swap.patterns import is_folder, is_meant, outermost, under
from app.jobs.swap.place import WINDOWS
from app.jobs.sync.difference import NAMED, Difference, Going, Snapshot, compare, lineage, read_snapshot, shared_names
from app.jobs.sync.region import Region
from app.jobs.sync.removing import remove_all
from app.settings.model import THIS_COMPUTER
from app.tools.restic.names import as_pattern, file_line, shown
from app.tools.restic.tree import Tree

TreeOn = Callable[[str], Awaitable[Tree]]
"""The snapshot as a host reaches it."""


class Carrying(msgspec.Struct, frozen=True):
    """The tree `root` of `host`, and the snapshot whose folder `stored` it is to be like."""

    host: Host
    root: str
    stored: str
    region: Region
    clear_after: tuple[str, ...] = ()
    since: int = 0
    owners: bool = True

    async def look(self, tree_on: TreeOn) -> Difference:
        """What would change; changes nothing."""
        reading = await self._reading()
        mounts = [pure(point).relative_to(pure(self.root)).as_posix() for point in await self._mounts()]
        snapshot = Snapshot(self.region, self.clear_after, tuple(mounts), self.owners)
        await read_snapshot(await tree_on(THIS_COMPUTER), reading, snapshot)
        return await compare(self.host, self.root, reading, snapshot, self.since)

    async def _reading(self) -> Reading:
        return Reading(self.stored, owners=self.owners, modes=await self._system() != WINDOWS)

    async def _system(self) -> str:
        return (await self.host.facts()).system

    async def _mounts(self) -> list[str]:
        """Below the root; Windows' own kind of them are seen as no folders."""
        system = await self._system()
        found = at_or_below(await mounts_of(self.host, system), self.root) if system != WINDOWS else []
        return [point for point in found if point != self.root]

    async def carry(self, ctx: Ctx, tree_on: TreeOn, begin: Callable[[], Awaitable[None]], pace: Pace) -> None:
        """Makes it so; `begin` is called when all was looked at and nothing is changed yet.

        Raises `sync.in-the-way` before that, and afterwards `sync.not-as-in-point` and what the host and restic raise.
        """
        found = await self.look(tree_on)
        await self.expect_free_ways()
        expect_nothing_in_the_way(self.root, found)
        await begin()
        shared = await shared_names(self.host, self.root, found)
        await remove_all(self.host, self.root, await self._system(), [*found.going(), *shared])
        await self._restore(ctx, await tree_on(self.host.name), found, pace)
        await self._prove(ctx, await self.look(tree_on))
        await on_disk(self.host, self.root)

    async def expect_free_ways(self) -> None:
        """Raises `sync.behind-a-link`: restic would put a folder in the place of a link that leads to a part."""
        for part in self.region.parts:
            for above in list(PurePath(part).parents)[:-1]:
                path = under(self.root, above.as_posix())
                if await self.host.stat(path) is not None and not await is_folder(self.host, path):
                    raise _behind_a_link(path, self.host)

    async def _restore(self, ctx: Ctx, tree: Tree, found: Difference, pace: Pace) -> None:
        """From the folder above, where it has the same name: so the root gets its own mode, owner and time too."""
        windows = await self._system() == WINDOWS
        name, parent = self.stored.rpartition("/")[2], str(pure(self.root).parent)
        has_its_name = pure(self.root).name == name and parent != self.root
        folder, target = (self.stored.rpartition("/")[0] or "/", parent) if has_its_name else (self.stored, self.root)
        begin = f"/{as_pattern(name, windows=windows)}" if has_its_name else ""
        parts = [f"{begin}/{as_pattern(part, windows=windows)}" for part in self.region.parts]
        wanted = parts or [begin or "/*"]
        left_out = [f"!{begin}/{as_pattern(path, windows=windows)}" for path in found.left_out]
        lines = "".join(f"{file_line(pattern)}\n" for pattern in (*wanted, *left_out))
        content = lines.encode("utf-8", "surrogateescape")
        async with private_file(ctx, self.host.name, "restored-names", content) as include:
            await tree.restore_onto(folder, include, target, partial(tell, pace))

    async def _prove(self, ctx: Ctx, found: Difference) -> None:
        """What the site wants emptied has come with the rest, and goes; then nothing may be left that differs."""
        cleared = [one for one in found.extras if self._is_cleared(one)]
        await self._clear(ctx, cleared)
        others = [one.path for one in (*found.extras, *found.misfits) if one not in cleared]
        if others or found.created.count or found.overwritten.count:
            raise _not_as_in_point(self.root, [*others, *found.others], found.created.count)
        if found.beside:
            raise _not_kept(self.root, found.beside)

    def _is_cleared(self, one: Going) -> bool:
        return is_meant(shown(one.path), self.clear_after)

    async def _clear(self, ctx: Ctx, cleared: Sequence[Going]) -> None:
        """Folder by folder, each of which keeps its time."""
        groups: dict[str, list[Going]] = {}
        outer = set(outermost([one.path for one in cleared]))
        for one in cleared:
            top = next(path for path in lineage(one.path) if path in outer)
            groups.setdefault(top.rpartition("/")[0], []).append(one)
        system, scratch = await self._system(), await ctx.scratch(self.host.name)
        shop = Workshop(self.host, self.root, self.root, system, scratch)
        for folder, going in groups.items():
            async with shop.keeping_time(under(self.root, folder)):
                await remove_all(self.host, self.root, system, going)


def expect_nothing_in_the_way(root: str, found: Difference) -> None:
    """Raises `sync.in-the-way` where something that stays is in a folder which the point has as a file."""
    if found.in_the_way:
        raise UserError(
            text("{path} is a folder with something in it that stays, and no folder in the point.",
                 path=under(root, found.in_the_way[0])),
            text("What is kept is never removed, so the point's cannot take this place. No file was changed."),
            text("Move what is in it away, or take it out of keep_live and exclude; then restore again."),
            "sync.in-the-way",
            "\n".join(found.in_the_way),
        )  # fmt: skip


def _behind_a_link(path: str, host: Host) -> UserError:
    return UserError(
        text("{path} on {host} is a link, and a part that is backed up is behind it.", path=path, host=host.name),
        text("In place it would be replaced by a folder. No file was changed."),
        text("Back up the folder that it leads to as a source of its own, or restore with --mode swap."),
        "sync.behind-a-link",
    )


def _not_as_in_point(root: str, names: Sequence[str], missing: int) -> UserError:
    return UserError(
        text("{root} is not what the point holds.", root=root),
        text("Something else has written there meanwhile, or the disk fails."),
        text("Stop what writes there (a command of the site with when = stop), then restore again."),
        "sync.not-as-in-point",
        "\n".join([*names[:NAMED], *([f"{missing} names are not there"] if missing else [])]),
    )


def _not_kept(root: str, names: Sequence[str]) -> UserError:
    return UserError(
        text("Not every file in {root} could get its owner, mode or time.", root=root),
        text("All content is there. The files are named."),
        text("Restore as root, on a file system that knows owners, modes and exact times."),
        "sync.metadata-not-kept",
        "\n".join(names),
    )
