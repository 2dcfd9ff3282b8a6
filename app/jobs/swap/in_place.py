"""Trees that are changed where they stand, since they cannot be exchanged: what must be so, and the effects of it.

Nothing of the old state is kept, so all that could go wrong is looked for before: what would change is found out by the
very comparison that the change itself goes by.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from app.foundation.errors import Problem, Refused, UserError
from app.foundation.events import Warned
from app.foundation.words import text
from app.hosts.host import Host
from app.jobs.cutover.names import sync_note
from app.jobs.effects.paths import RemoveTree
from app.jobs.effects.syncing import BackUpPresent, SyncTree
from app.jobs.manifest import SourceEntry
from app.jobs.plan import Ctx
from app.jobs.restore.checks import UNCHANGED, Check, Unchecked, expect_room
from app.jobs.restore.folder import below, pure
from app.jobs.restore.ownership import expect_owners
from app.jobs.restore.setting import root_of
from app.jobs.sources.sqlite_swapping import databases_in
from app.jobs.swap.foreseen import NAMED as MANY_NAMED
from app.jobs.swap.foreseen import Change, Foreseen
from app.jobs.swap.mounts import is_in
from app.jobs.swap.order import InPlace
from app.jobs.swap.place import WINDOWS, Place
from app.jobs.swap.preflight import Preflight
from app.jobs.swap.setting import Part, SwapSetting, SwapState
from app.jobs.swap.staged import StagedTree
from app.jobs.sync.carrying import Carrying, TreeOn, expect_nothing_in_the_way
from app.jobs.sync.difference import NAMED, Difference
from app.jobs.sync.note import KeptTree
from app.jobs.sync.region import Region, region_of
from app.settings.model import Source
from app.settings.site_file import read
from app.tools.restic.names import shown, stored_path
from app.tools.restic.tree import Tree


class InPlacePreflight(Preflight, frozen=True):
    """The checks of trees that are changed in place."""

    def _of(self, tree: Part) -> list[Check]:
        return [
            Check("point", partial(_expect_named, tree.entry)),
            Check("root", partial(self._find_tree, tree)),
            Check("apart", self._placed(tree, self._expect_apart)),
            Check("region", self._placed(tree, partial(self._find_region, tree))),
            Check("ownership", self._placed(tree, partial(self._expect_ownership, tree))),
            Check("owners", partial(expect_owners, self.setting.base, tree.entry, tree.source.host, self.state)),
            Check("changes", self._placed(tree, partial(self._find_changes, tree))),
            Check("writable", self._placed(tree, self._expect_ours)),
            Check("in-place", self._placed(tree, self._tell_price)),
        ]

    async def _find_tree(self, tree: Part, ctx: Ctx) -> None:
        await self._find_place(tree, ctx)
        place = self.state.places[tree.source.name]
        if place.found is None:
            del self.state.places[tree.source.name]
            raise _nothing_there(place)

    async def _find_region(self, tree: Part, place: Place, _ctx: Ctx) -> None:
        """What is no part of the backup, today or on the point's day, is not the point's to change."""
        then = source_then(self.setting, tree.source)
        untouched = [
            *lacking_in_point(tree.entry),
            *databases_in(self.setting.site, tree.source, (place.asked, place.root)),
        ]
        region = region_of(tree.source, then, untouched)
        if region is None:
            raise _no_part_in_common(tree.source)
        self.state.regions[tree.source.name] = region

    async def _find_changes(self, tree: Part, place: Place, ctx: Ctx) -> None:
        """Raises `Refused` for what would be found in the way."""
        if (region := self.state.regions.get(place.source)) is None:
            return
        carrying = carrying_of(self.state, ctx.host(place.host), tree, region)
        try:
            await carrying.expect_free_ways()
            found = await carrying.look(tree_on(self.setting, self.state, ctx, tree.entry))
            expect_nothing_in_the_way(place.root, found)
        except UserError as error:
            if not error.code.startswith("sync."):
                raise
            raise Refused(
                error.problem.what, UNCHANGED, error.problem.next, error.code, error.problem.detail
            ) from error
        self.state.differences[place.source] = found
        left_alone = found.mounts_left_alone
        if left_alone:
            ctx.emit(Warned(warning=_mounts_stay(place, left_alone)))

    async def _expect_ours(self, place: Place, ctx: Ctx) -> None:
        """Only root may change what belongs to others; on Windows only trying would tell."""
        user = await ctx.host(place.host).stat(await ctx.scratch(place.host))
        found = self.state.differences.get(place.source)
        if place.system == WINDOWS or user is None or user.uid == 0 or found is None:
            return
        if place.found is not None and found.users | {place.found.uid} > {user.uid}:
            raise _not_ours(place)

    async def _tell_price(self, place: Place, ctx: Ctx) -> None:
        ctx.emit(Warned(warning=price_of(place, safety=self.setting.swap.safety)))

    async def _expect_room(self, ctx: Ctx) -> None:
        """Nothing stands twice: what is new, and what is another, is all that may take more room."""
        for name, found in self.state.differences.items():
            place = self.state.places[name]
            size = found.created.bytes + found.overwritten.bytes
            await expect_room(ctx.host(place.host), place.root, size, text("what differs from the point"))


def tree_on(setting: SwapSetting, state: SwapState, ctx: Ctx, entry: SourceEntry) -> TreeOn:
    """The snapshot of a source, as hosts reach it."""

    async def tree(host: str) -> Tree:
        return await setting.base.tree(ctx, host, state, entry)

    return tree


def carrying_of(state: SwapState, host: Host, tree: Part, region: Region) -> Carrying:
    """What makes a tree what the point holds."""
    name = tree.source.name
    return Carrying(
        host, state.places[name].root, root_of(tree.entry), region, tree.source.clear_after,
        owners=state.readings[name].owners,
    )  # fmt: skip


def source_then(setting: SwapSetting, now: Source) -> Source:
    """As the site file had it on the point's day. Raises `Refused` `restore.source-then-unknown`."""
    manifest = setting.base.contents.manifest
    try:
        site = read(manifest.site_file.encode()).site if manifest is not None else None
    except UserError:  # of a version that wrote other things
        site = None
    found = next((one for one in site.sources if one.name == now.name), None) if site is not None else None
    if found is None:
        raise _then_unknown(now)
    return found


def lacking_in_point(entry: SourceEntry) -> list[str]:
    """What the backup could not read or find, as seen from the root: what is live of it stays."""
    root = entry.path.rstrip("/\\")
    return [pure(path).relative_to(root).as_posix() for path in entry.missing if is_in(path, root) and path != root]


def foreseen_in_place(place: Place, found: Difference) -> Foreseen:
    """What it comes to, with names of what goes for good."""
    return Foreseen(
        place.source,
        place.host,
        place.root,
        created=found.created,
        overwritten=found.overwritten,
        deleted=found.deleted,
        unchanged=found.unchanged,
        kept=found.kept,
        going=tuple(sorted(shown(one.path) for one in found.extras)[:NAMED]),
    )


def changes_in_place(source: str, found: Difference) -> list[Change]:
    """Names of what goes, and some of what is overwritten."""
    gone = [Change(source, shown(one.path), "deleted", None) for one in found.extras[:MANY_NAMED]]
    return [*gone, *(Change(source, path, "overwritten", None) for path in found.others)]


def unmoved(place: Place) -> StagedTree:
    """A tree of which nothing is staged."""
    return StagedTree(
        source=place.source,
        host=place.host,
        asked=place.asked,
        live=place.root,
        stage="",
        tree=place.root,
        before="",
        pairs=(),
    )


async def in_place_of(ctx: Ctx, setting: SwapSetting, state: SwapState, databases: Sequence[KeptTree]) -> InPlace:
    """The effects on all trees; with the backup before, that of `databases` too."""
    syncs = [await _sync_of(ctx, setting, state, tree) for tree in setting.trees]
    kept = [*databases, *(KeptTree(one.source, one.host, one.root, one.note) for one in syncs)]
    notes = [RemoveTree(host=one.host, path=one.note) for one in syncs]
    backing_up = [BackUpPresent(run=setting.base.run, trees=tuple(kept))] if setting.swap.safety else []
    return InPlace(tuple(backing_up), tuple(syncs), tuple(notes))


async def _sync_of(ctx: Ctx, setting: SwapSetting, state: SwapState, tree: Part) -> SyncTree:
    name, place = tree.source.name, state.places[tree.source.name]
    host = ctx.host(place.host)
    return SyncTree(
        host=place.host,
        source=name,
        root=place.root,
        snapshot=tree.entry.snapshot,
        stored=root_of(tree.entry),
        before=stored_path(str(pure(tree.source.root))),
        region=state.regions[name],
        note=sync_note(await host.kept_folder("cutovers"), setting.site.name, name, setting.run),
        clear_after=tree.source.clear_after,
        since=await _now(ctx, place.host),
        owners=state.readings[name].owners,
    )


async def _now(ctx: Ctx, name: str) -> int:
    """The time that a file gets there now, ns; a little earlier, as file systems are not that exact."""
    path = str(below(await ctx.scratch(name), "now"))
    host = ctx.host(name)
    await host.write_durably(path, b"")
    written = await host.stat(path)
    assert written is not None, "it was just written"
    return written.modified - 10_000_000


def price_of(place: Place, *, safety: bool) -> Problem:
    """What it costs to change a tree in place."""
    way_back = text("The way back is the backup of the state before, made when the site is down already.")
    none = text("There is no way back: no backup of the state before is made.")
    return Problem(
        text("{root} on {host} is changed in place: the site is down for as long as the whole restore takes.",
             root=place.root, host=place.host),
        text("Nothing of the old state is kept. {way_back}", way_back=way_back if safety else none),
        text("Use --mode swap wherever the tree can be exchanged: then the site is down for seconds."),
        "restore.in-place",
    )  # fmt: skip


async def _expect_named(entry: SourceEntry, _ctx: Ctx) -> None:
    """What the backup could not read is left alone; so its names have to be known, all of them."""
    if entry.missing_count > len(entry.missing):
        raise Refused(
            text("Not all files are known that the backup of {source} could not read.", source=entry.source),
            UNCHANGED,
            text("Take another point, or restore to a folder: --mode folder:DIR"),
            "restore.point-lacks-files",
            "\n".join(entry.missing),
        )
    if entry.missing_count:
        raise Unchecked(
            text("The backup of {source} could not read or find some of its files.", source=entry.source),
            text("Nothing was changed. They are not in the point; what is live of them stays as it is."),
            text("Look for a point that has them."),
            "restore.point-lacks-files",
            "\n".join(entry.missing),
        )


def _nothing_there(place: Place) -> Refused:
    return Refused(
        text("There is no {root} on {host} that could be changed in place.", root=place.root, host=place.host),
        UNCHANGED,
        text("Restore with --mode swap, which puts the whole tree there."),
        "restore.nothing-in-place",
    )


def _no_part_in_common(source: Source) -> Refused:
    return Refused(
        text("Nothing that is backed up of {source} today was backed up then.", source=source.name),
        UNCHANGED,
        text("Restore to a folder: --mode folder:DIR"),
        "restore.no-part-in-common",
    )


def _then_unknown(source: Source) -> Refused:
    return Refused(
        text("What the backup has left out of {source} is not known of this point.", source=source.name),
        text("Nothing was changed: what no backup has must not be removed."),
        text("Restore with --mode swap, which keeps the old tree for a while, or to a folder: --mode folder:DIR"),
        "restore.source-then-unknown",
    )


def _not_ours(place: Place) -> Refused:
    return Refused(
        text("Something in {root} on {host} belongs to another account.", root=place.root, host=place.host),
        text("Nothing was changed: only root may change it in place."),
        text("Restore as root."),
        "restore.not-writable",
    )


def _mounts_stay(place: Place, mounts: Sequence[str]) -> Problem:
    return Problem(
        text("Something is mounted in {root} on {host} that the point has nothing of: {mount}", root=place.root,
             host=place.host, mount=mounts[0]),
        text("It stays as it is."),
        text("Nothing has to be done, unless it is to be removed by hand."),
        "restore.mount-stays",
        "\n".join(mounts),
    )  # fmt: skip
