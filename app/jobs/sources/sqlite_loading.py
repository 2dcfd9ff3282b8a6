"""SQLite: a copy of a point as a new file, copied and looked at by SQLite itself, named last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath, PurePosixPath, PureWindowsPath

from app.foundation.errors import Problem, Refused
from app.foundation.words import text
from app.hosts.host import Command, Host
from app.jobs.manifest import CopyFacts
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.restore.checks import UNCHANGED, expect_room
from app.jobs.sources.loading import Order, name_taken, other_counts
from app.settings.paths import is_absolute
from app.tools.sqlite.copying import copy_database
from app.tools.sqlite.programs import find_programs, opener


class SqliteLoader:
    """See `loading.Loader`."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._rows: dict[str, int] = {}

    @property
    def staged(self) -> str:
        """Beside its place."""
        return f"{self._order.name}.restoring-{self._order.run[:8]}"

    @property
    def _copy(self) -> CopyFacts:
        """What the manifest says of it."""
        assert self._order.entry is not None, "removing alone needs no manifest"
        assert self._order.entry.copy is not None, "what can be loaded is in the manifest"
        return self._order.entry.copy

    @property
    def _bytes(self) -> int:
        return self._order.entry.bytes if self._order.entry is not None else 0

    @property
    def _folder(self) -> PurePath:
        return _pure(self._order.name).parent

    async def check(self, ctx: Ctx) -> None:
        """Raises `Refused` unless the path is free, in a folder that is there."""
        host = ctx.host(self._order.source.host)
        if not is_absolute(self._order.name):
            raise _not_absolute(self._order.name)
        if await host.stat(self._order.name) is not None:
            raise name_taken(self._order.name)
        if await host.stat(str(self._folder)) is None:
            raise _no_folder(self._folder)

    async def check_room(self, ctx: Ctx) -> None:
        """The size of the copy is expected."""
        host = ctx.host(self._order.source.host)
        await expect_room(host, str(self._folder), self._bytes, text("the size of the copy in the point"))

    async def load(self, ctx: Ctx, dump: str, pace: Pace) -> None:
        """Copies it beside its place, and looks whether it is sound."""
        host = ctx.host(self._order.source.host)
        program = opener(
            await find_programs(host, self._order.equipment.python, self._order.equipment.versions), host.name
        )
        copied = await copy_database(host, program, dump, str(self._folder), _pure(self.staged).name)
        self._rows = copied.rows
        pace.tell(self._bytes, self._bytes)

    async def compare(self, _ctx: Ctx) -> None:
        """Compares the rows of every table."""
        was = {one.table: one.rows for one in self._copy.tables}
        names = sorted(was.keys() | self._rows.keys())
        wrong = [f"{name}: {was.get(name)} → {self._rows.get(name)}" for name in names]
        wrong = [line for name, line in zip(names, wrong, strict=True) if was.get(name) != self._rows.get(name)]
        if wrong:
            raise other_counts(self._order.name, wrong)

    async def place(self, ctx: Ctx) -> Sequence[Problem]:
        """Gives it the owner and the mode that the live one had, then its name, which nothing has."""
        host = ctx.host(self._order.source.host)
        refused = await self._own(host)
        await host.rename(self.staged, self._order.name)
        return [_not_owned(self._order.name, refused)] if refused else []

    async def _own(self, host: Host) -> str:
        """What the system refused; Windows knows neither owners nor modes of this kind."""
        wanted = self._copy.file
        if wanted is None or (await host.facts()).system == "windows":
            return ""
        said = [
            await _refused(host, Command("chown", ("--", f"{wanted.uid}:{wanted.gid}", self.staged))),
            await _refused(host, Command("chmod", ("--", f"{wanted.mode:04o}", self.staged))),
        ]
        return "\n".join(filter(None, said))

    async def remove(self, ctx: Ctx) -> None:
        """Removes what stands under the name of ours."""
        for beside in ("", "-journal", "-wal", "-shm"):
            await ctx.host(self._order.source.host).remove_tree(self.staged + beside)


async def _refused(host: Host, command: Command) -> str:
    finished = await host.run(command)
    return "" if finished.code == 0 else finished.stderr.decode("utf-8", "replace").strip() or command.program


def _not_owned(path: str, refused: str) -> Problem:
    return Problem(
        text("{path} could not get the owner and mode that the live database had.", path=path),
        text("All its data is there, and counted; it belongs to the account that restored it."),
        text("Let an administrator change its owner, or restore as root."),
        "restore.not-kept",
        refused,
    )


def _pure(path: str) -> PurePath:
    return PurePosixPath(path) if PurePosixPath(path).is_absolute() else PureWindowsPath(path)


def _not_absolute(path: str) -> Refused:
    return Refused(
        text("{path} is not an absolute path.", path=path),
        UNCHANGED,
        text("Write the whole path of the new file, from the root of the disk."),
        "restore.not-absolute",
    )


def _no_folder(folder: PurePath) -> Refused:
    return Refused(
        text("The folder {folder} is not there.", folder=str(folder)),
        UNCHANGED,
        text("Make the folder, or choose another."),
        "restore.no-folder",
    )
