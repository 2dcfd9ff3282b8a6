"""Puts a tree of the point beside the live one, whole and as it will be, while the site works on.

It is compared with the point's own list as restic left it; only then what the site keeps is put into it, and what it
wants emptied is emptied.
"""

from __future__ import annotations

from functools import partial

import msgspec

from app.foundation.errors import Problem, Refused, UserError
from app.foundation.events import Warned
from app.foundation.words import text
from app.hosts.host import Host
from app.jobs.manifest import SourceEntry
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.restore.folder import below, not_as_in_point, on_disk, remove_folder, tell
from app.jobs.restore.listing import Faults, faults
from app.jobs.restore.setting import begin_unfinished, root_of
from app.jobs.restore.unfinished import STAGE, Unfinished
from app.jobs.sources.files import OURS
from app.jobs.swap.kept_live import KeptLive
from app.jobs.swap.made_ready import Workshop, clear, make_folder, taken
from app.jobs.swap.patterns import MOST_NAMES, is_folder, is_meant, outermost, parts_of, too_many, under
from app.jobs.swap.place import Place, stored_name
from app.jobs.swap.setting import Part, SwapSetting, SwapState
from app.jobs.swap.staged import Pair, StagedTree
from app.settings.model import THIS_COMPUTER


class Staging(msgspec.Struct, frozen=True):
    """One tree on its way to stand beside the live one."""

    setting: SwapSetting
    tree: Part

    async def restore(self, ctx: Ctx, state: SwapState) -> None:
        """Puts it into the stage folder and compares it with the point.

        Raises `restore.…`; what stands in the stage folder then is removed when the run ends.
        """
        place = state.places[self.tree.source.name]
        stage = place.stage(self.setting.run)
        await self._make_stage(ctx, state, place, stage)
        await self._restore(ctx, state, place, stage)

    async def make_ready(self, ctx: Ctx, state: SwapState) -> StagedTree:
        """Keeps and clears; on disk when it comes back. May be asked again, such as on another day."""
        place = state.places[self.tree.source.name]
        host, stage = ctx.host(place.host), place.stage(self.setting.run)
        restored = str(below(stage, stored_name(self.tree.entry)))
        if not await is_folder(host, restored):
            raise _stage_gone(restored)
        shop = Workshop(host, place.root, restored, place.system, await ctx.scratch(place.host))
        await clear(shop, self.tree.source.clear_after)
        keeping = KeptLive(shop, self.tree.source, place.down)
        kept = await keeping.copy_files(ctx) if place.found is not None else ()
        left_alone = await keeping.left_alone() if place.found is not None else ()
        await on_disk(host, stage)
        return StagedTree(
            source=self.tree.source.name,
            host=place.host,
            asked=place.asked,
            live=place.root,
            stage=stage,
            tree=restored,
            before=place.before(self.setting.run),
            pairs=await self._pairs(host, place, restored),
            left_alone=left_alone,
            kept=kept,
            down=place.down,
            root_before=await host.stat(place.root),
            root_after=await host.stat(restored),
        )

    async def _make_stage(self, ctx: Ctx, state: SwapState, place: Place, stage: str) -> None:
        """Noted before it is made, made by one alone: of two laptops the other one is refused."""
        if await ctx.host(place.host).stat(stage) is not None:
            raise taken(stage)
        unfinished = Unfinished(self.setting.base.run, STAGE, place.host, stage)
        await begin_unfinished(ctx, state, unfinished, partial(remove_folder, ctx))
        await make_folder(ctx.host(place.host), stage, place.system)

    async def _restore(self, ctx: Ctx, state: SwapState, place: Place, stage: str) -> None:
        entry, pace = self.tree.entry, Pace(f"stage:{self.tree.source.name}", ctx.emit)
        reading, expected = state.readings[entry.source], state.expected[entry.source]
        far = await self.setting.base.tree(ctx, place.host, state, entry)
        await far.restore(root_of(entry), stage, partial(tell, pace), by_name=bool(reading.moved))
        near = await self.setting.base.tree(ctx, THIS_COMPUTER, state, entry)
        found = await faults(near, ctx.host(place.host), stage, reading, expected)
        if found.content_differs:
            raise not_as_in_point(entry, found)
        if found.beside_differs:
            raise _not_kept(entry, found)
        if entry.missing_count:
            ctx.emit(Warned(warning=_lacking(entry)))

    async def _pairs(self, host: Host, place: Place, restored: str) -> tuple[Pair, ...]:
        """What takes which place: the whole tree, or each part of it that is backed up."""
        parts = ["/".join(parts_of(part)) for part in self.tree.source.include]
        if place.down and not parts:
            return await self._one_level_down(host, place, restored)
        if place.found is None or not parts:
            return (await pair_of(host, place.root, restored),)
        found = [await _outermost_missing(host, place.root, part) for part in outermost(sorted(set(parts)))]
        keep = self.tree.source.keep_live
        pairs = [await pair_of(host, under(place.root, part), under(restored, part)) for part in dict.fromkeys(found)]
        kept = {under(place.root, part) for part in found if is_meant(part, keep)}
        return tuple(
            pair
            for pair in pairs
            if (pair.live_inode or pair.staged_inode) and not (pair.live in kept and pair.live_inode)
        )

    async def _one_level_down(self, host: Host, place: Place, restored: str) -> tuple[Pair, ...]:
        """Everything in both, but for what stays and for folders of ours."""
        source = self.tree.source
        live = await _names_in(host, place.root)
        names = dict.fromkeys((*live, *await _names_in(host, restored)))
        staying = [name for name in live if is_meant(name, source.keep_live)]
        staying += [name for name in live if is_meant(name, source.exclude, hidden=True)]
        return tuple(
            [
                await pair_of(host, under(place.root, name), under(restored, name))
                for name in names
                if name not in staying and not name.startswith(OURS)
            ]
        )


async def _names_in(host: Host, folder: str) -> list[str]:
    listing = await host.entries(folder, MOST_NAMES)
    if listing.cut:
        raise too_many(folder)
    return [entry.name for entry in listing.entries]


async def pair_of(host: Host, live: str, staged: str) -> Pair:
    """The two as they stand there now."""
    there, here = await host.stat(live), await host.stat(staged)
    return Pair(live, staged, there.inode if there else 0, here.inode if here else 0)


async def _outermost_missing(host: Host, root: str, part: str) -> str:
    """The part, or the first folder on the way to it that the live tree does not have."""
    names = part.split("/")
    for count in range(1, len(names)):
        path = "/".join(names[:count])
        if await host.stat(under(root, path)) is None:
            return path
    return part


def _not_kept(entry: SourceEntry, found: Faults) -> UserError:
    return UserError(
        text("Not every file of {source} could keep its owner, mode or time.", source=entry.source),
        text("The site was not touched, and what was restored is removed again."),
        text("Restore as root, on a file system that knows owners, modes and exact times."),
        "restore.metadata-not-kept",
        "\n".join(found.beside),
    )


def _stage_gone(path: str) -> Refused:
    return Refused(
        text("What was staged at {path} is not there.", path=path),
        text("The site was not touched."),
        text("Restore again."),
        "restore.stage-gone",
    )


def _lacking(entry: SourceEntry) -> Problem:
    return Problem(
        text("The point lacks files of {source} that the backup could not read.", source=entry.source),
        text("The site has none of them after the restore; they stay in the old tree for a while."),
        text("Look for them in another point, or in the old tree."),
        "restore.point-lacks-files",
        "\n".join(entry.missing),
    )
