"""Restores sources into a folder that holds nothing: trees with all their metadata, dumps as files.

Everything is put together in a folder that says by its name that it is incomplete, and stands in its place only when
it was compared with the point.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import PurePath, PurePosixPath, PureWindowsPath

import msgspec

from app.foundation.errors import Problem, Refused, UserError
from app.foundation.events import MISSING_SHOWN, ItemFinished, Phase, Warned
from app.foundation.words import plural, text
from app.hosts import file_errors
from app.hosts.host import Below, Command, FileKind, Host
from app.jobs.manifest import SourceEntry
from app.jobs.pace import Pace
from app.jobs.plan import Ctx, OnFailure, Step, failed_item
from app.jobs.restore.checks import UNCHANGED, Check, Unchecked, demand, expect_room, judged
from app.jobs.restore.choice import Folder
from app.jobs.restore.contents import not_in_point
from app.jobs.restore.listing import Faults, faults, sum_expected
from app.jobs.restore.ownership import concerned, expect_owners, owners_moved, reading_on
from app.jobs.restore.setting import (
    Planned,
    RestoreState,
    Setting,
    begin_unfinished,
    item_of,
    root_of,
)
from app.jobs.restore.unfinished import Unfinished
from app.settings.model import THIS_COMPUTER
from app.settings.paths import is_absolute
from app.tools.restic.backup import Headway

KIND = "folder"
OWNERSHIP, OWNERS = "ownership", "owners"


class FolderRestore(msgspec.Struct, frozen=True):
    """The steps of it."""

    setting: Setting
    target: Folder

    def steps(self) -> list[Step[RestoreState]]:
        """Look, check; then each source, and all of them into their place."""
        looking = [
            Step("point", text("Look at what the point holds"), Phase.PREFLIGHT, self._look),
            Step("checks", text("Check that it can be restored there"), Phase.PREFLIGHT, self._check),
        ]
        if self.setting.choice.dry_run:
            return looking
        restoring = [
            Step(
                f"source:{entry.source}",
                text("Restore {source}", source=entry.source),
                Phase.STAGE,
                partial(self._restore, entry),
                item=entry.source,
                on_failure=OnFailure.FAIL_ITEM,
            )
            for entry in self.setting.entries
        ]
        placing = Step("place", text("Put it in its place"), Phase.STAGE, self._place)
        return [*looking, *restoring, placing]

    # --- before anything is done -----------------------------------------------------------------

    async def _look(self, ctx: Ctx, state: RestoreState) -> None:
        """Lists every source; from this computer, which is next to the repository."""
        for entry in self._present():
            host = ctx.host(self._host_of(entry))
            reading = await reading_on(host, entry, self.setting.choice)
            tree = await self.setting.tree(ctx, THIS_COMPUTER, state, entry)
            expected = state.expected[entry.source] = await sum_expected(tree, reading)
            state.readings[entry.source] = reading.of_owners(expected)
            target = str(below(self.target.path, entry.source))
            state.planned.append(Planned(entry.source, host.name, target, expected.files, expected.bytes))

    async def _tell_planned(self, ctx: Ctx, state: RestoreState) -> None:
        """What a dry run comes to, source by source."""
        for entry in self.setting.entries:
            if entry.snapshot:
                ctx.emit(ItemFinished(item=item_of(entry, state.expected[entry.source].bytes)))
            else:
                missing = not_in_point(self.setting.contents.point, entry.source)
                ctx.emit(ItemFinished(item=failed_item(entry.source, missing.problem)))

    async def _check(self, ctx: Ctx, state: RestoreState) -> None:
        checks = [check for host in self._hosts() for check in self._checks_of(host, state)]
        state.judged = await judged(ctx, checks)
        demand(state.judged, self.setting.choice.accepted)
        if self.setting.choice.dry_run:
            await self._tell_planned(ctx, state)

    def _checks_of(self, host: str, state: RestoreState) -> list[Check]:
        return [
            Check("folder", partial(self._expect_free, host)),
            Check("space", partial(self._expect_room, host, state)),
            Check(OWNERSHIP, partial(self._expect_ownership, host, state)),
            *(Check(OWNERS, partial(self._look_at_owners, host, entry, state)) for entry in self._of(host)),
        ]

    async def _expect_free(self, name: str, ctx: Ctx) -> None:
        """The folder is not there, or holds nothing; the one above it is there."""
        host, path = ctx.host(name), self.target.path
        if not is_absolute(path):
            raise _not_absolute(path)
        found = await host.stat(path)
        if found is not None and (found.kind is not FileKind.FOLDER or await _holds_anything(host, path)):
            raise _not_free(path, host)
        above = str(pure(path).parent)
        if found is None and await host.stat(above) is None:
            raise _nothing_above(above, host)

    async def _expect_room(self, name: str, state: RestoreState, ctx: Ctx) -> None:
        host, path = ctx.host(name), self.target.path
        there = path if await host.stat(path) is not None else str(pure(path).parent)
        expected = sum(state.expected[entry.source].bytes for entry in self._of(name))
        await expect_room(host, there, expected, text("the list of the point"))

    async def _expect_ownership(self, name: str, state: RestoreState, ctx: Ctx) -> None:
        """Only root may give files away: anybody else's restore leaves them his own, without a word of restic's."""
        user = await ctx.host(name).stat(await ctx.scratch(name))
        if user is None or user.uid == 0:
            return
        ours = (user.uid, user.gid)
        foreign = [entry for entry in self._of(name) if set(state.expected[entry.source].owners) - {ours}]
        if not foreign:
            return
        for entry in foreign:
            reading = state.readings[entry.source]
            state.readings[entry.source] = msgspec.structs.replace(reading, owners=False)
        raise owners_lost(foreign[0], ctx.host(name))

    async def _look_at_owners(self, name: str, entry: SourceEntry, state: RestoreState, ctx: Ctx) -> None:
        """In a folder to look at, a number that is another's today is only worth a word."""
        if self.setting.choice.by_name:
            await expect_owners(self.setting, entry, name, state, ctx)
        elif state.readings[entry.source].owners:
            found = await concerned(ctx.host(name), entry, state.expected[entry.source])
            if found:
                ctx.emit(Warned(warning=owners_moved(entry, ctx.host(name), found)))

    # --- each source -----------------------------------------------------------------------------

    async def _restore(self, entry: SourceEntry, ctx: Ctx, state: RestoreState) -> None:
        if not entry.snapshot:
            raise not_in_point(self.setting.contents.point, entry.source)
        name = self._host_of(entry)
        host, staged = ctx.host(name), await self._staged_folder(ctx, state, name)
        folder = str(below(staged, entry.source))
        try:
            found = await self._put_there(ctx, state, entry, folder)
        except UserError:
            await host.remove_tree(folder)
            raise
        state.whole.append(entry)
        if entry.missing_count:
            ctx.emit(Warned(warning=_lacking_in_point(entry)))
        problems = [_not_kept(entry)] if found.beside_differs else []
        size = state.expected[entry.source].bytes
        ctx.emit(ItemFinished(item=item_of(entry, size, problems, found.beside[:MISSING_SHOWN])))

    async def _put_there(self, ctx: Ctx, state: RestoreState, entry: SourceEntry, folder: str) -> Faults:
        """Restores one source below `folder`, and compares it with its snapshot's own list."""
        name, pace = self._host_of(entry), Pace(f"source:{entry.source}", ctx.emit)
        reading, expected = state.readings[entry.source], state.expected[entry.source]
        far = await self.setting.tree(ctx, name, state, entry)
        await far.restore(root_of(entry), folder, partial(tell, pace), by_name=bool(reading.moved))
        near = await self.setting.tree(ctx, THIS_COMPUTER, state, entry)
        found = await faults(near, ctx.host(name), folder, reading, expected)
        if found.content_differs:
            raise not_as_in_point(entry, found)
        return found

    async def _staged_folder(self, ctx: Ctx, state: RestoreState, name: str) -> str:
        """The folder that says it is incomplete: beside the target, or in it where that is there already."""
        host = ctx.host(name)
        mark = f"incomplete-restore-{self.setting.run[:8]}"
        is_there = await host.stat(self.target.path) is not None
        path = str(below(self.target.path, mark)) if is_there else f"{self.target.path}.{mark}"
        begun = next((one.name for one in state.begun if one.host == name), path)
        unfinished = Unfinished(self.setting.run, KIND, name, begun)
        await begin_unfinished(ctx, state, unfinished, partial(remove_folder, ctx))
        return begun

    async def _place(self, ctx: Ctx, state: RestoreState) -> None:
        """What is whole gets its name: nothing is ever replaced."""
        for staged in [one for one in state.begun if one.kind == KIND]:
            whole = [entry.source for entry in state.whole if self._host_of(entry) == staged.host]
            if whole:
                await self._place_on(ctx.host(staged.host), staged.name, whole)

    async def _place_on(self, host: Host, staged: str, whole: Sequence[str]) -> None:
        """The whole folder at once, where it stands beside its place; else each source."""
        await on_disk(host, staged)
        if pure(staged).parent == pure(self.target.path):
            for source in whole:
                await host.rename(str(below(staged, source)), str(below(self.target.path, source)))
            return
        for entry in self._of(host.name):
            remains = str(below(staged, entry.source))
            if entry.source not in whole and await host.stat(remains) is not None:
                raise file_errors.unwritable(remains, "what failed could not be removed")
        await host.rename(staged, self.target.path)

    # --- who is where ----------------------------------------------------------------------------

    def _present(self) -> list[SourceEntry]:
        return [entry for entry in self.setting.entries if entry.snapshot]

    def _host_of(self, entry: SourceEntry) -> str:
        return self.target.host or entry.host

    def _hosts(self) -> list[str]:
        return list(dict.fromkeys(self._host_of(entry) for entry in self._present()))

    def _of(self, host: str) -> list[SourceEntry]:
        return [entry for entry in self._present() if self._host_of(entry) == host]


async def remove_folder(ctx: Ctx, unfinished: Unfinished) -> None:
    """Removes a folder that says it is incomplete."""
    await ctx.host(unfinished.host).remove_tree(unfinished.name)


async def _holds_anything(host: Host, folder: str) -> bool:
    async def take(_some: Sequence[Below]) -> None:
        raise _SomethingThere

    try:
        await host.walk(folder, take)
    except _SomethingThere:
        return True
    return False


async def on_disk(host: Host, folder: str) -> None:
    """Waits until what was restored would survive a power cut; restic does not. Windows has no such program."""
    system = (await host.facts()).system
    if system != "windows":
        finished = await host.run(Command("sync", ("-f", folder) if system == "linux" else ()))
        if finished.code != 0:
            raise _not_on_disk(folder, finished.stderr.decode("utf-8", "replace"))


class _SomethingThere(Exception):
    """One entry is enough."""


def tell(pace: Pace, seen: Headway) -> None:
    """How far a restore is."""
    pace.tell(seen.bytes, seen.total_bytes, files=seen.files, total_files=seen.total_files, current=seen.current)


def pure(path: str) -> PurePath:
    """A path of whatever system it is of."""
    return PurePosixPath(path) if PurePosixPath(path).is_absolute() else PureWindowsPath(path)


def below(folder: str, name: str) -> PurePath:
    """What stands in a folder under that name."""
    return pure(folder) / name


def _not_absolute(path: str) -> Refused:
    return Refused(
        text("{path} is not an absolute path.", path=path),
        UNCHANGED,
        text("Write the whole path of the folder, from the root of the disk."),
        "restore.not-absolute",
    )


def _not_free(path: str, host: Host) -> Refused:
    return Refused(
        text("There is something in {path} on {host} already.", path=path, host=host.name),
        text("Nothing was changed, and what stands there is untouched."),
        text("Choose a folder that is empty or not there yet."),
        "restore.folder-not-empty",
    )


def _nothing_above(above: str, host: Host) -> Refused:
    return Refused(
        text("The folder {folder} is not there on {host}.", folder=above, host=host.name),
        UNCHANGED,
        text("Make the folder, or choose another."),
        "restore.no-folder",
    )


def owners_lost(entry: SourceEntry, host: Host) -> Unchecked:
    """What only root can keep."""
    return Unchecked(
        text(
            "Files of {source} belong to others, and only root on {host} may give files away.",
            source=entry.source,
            host=host.name,
        ),
        text("Nothing was changed. Everything would belong to this account instead; all else would be as it was."),
        text("Restore as root to keep the owners."),
        "restore.ownership",
    )


def not_as_in_point(entry: SourceEntry, found: Faults) -> UserError:
    """It was compared with the point's own list."""
    return UserError(
        text("What was restored of {source} is not what the point holds.", source=entry.source),
        text("It was removed again; the point itself is as it was."),
        text("See whether somebody wrote there meanwhile or the disk fails, then restore again."),
        "restore.not-as-in-point",
        "\n".join(found.content[:MISSING_SHOWN]),
    )


def _lacking_in_point(entry: SourceEntry) -> Problem:
    return Problem(
        plural(
            "{count} file of {source} could not be read at the backup.",
            "{count} files of {source} could not be read at the backup.",
            entry.missing_count,
            source=entry.source,
        ),
        text("The point lacks them; everything that it holds is restored."),
        text("Look for them in another point."),
        "restore.point-lacks-files",
        "\n".join(entry.missing),
    )


def _not_on_disk(folder: str, said: str) -> UserError:
    return UserError(
        text("The disk with {folder} did not take everything that was written.", folder=folder),
        text("What was restored may be damaged, and was removed again. The point itself is as it was."),
        text("Check that disk and its cable, then restore again."),
        "restore.not-on-disk",
        said,
    )


def _not_kept(entry: SourceEntry) -> Problem:
    return Problem(
        text("Not every file of {source} could keep its owner, mode or time.", source=entry.source),
        text("All content is there. The files are named."),
        text("Restore as root to a file system that knows owners, modes and exact times."),
        "restore.metadata-not-kept",
    )
