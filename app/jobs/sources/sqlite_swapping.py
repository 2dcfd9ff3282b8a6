"""SQLite: a copy of a point beside the live database, until its content is put into it.

Where there is no live one the copy gets its name. The files stand beside the database, or beside the tree of files that
it is in: in there they would go with the tree, or be taken for what no point has.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from app.foundation.errors import Problem, Refused
from app.foundation.words import text
from app.hosts.host import Command, Host
from app.jobs.cutover.names import kept_tree
from app.jobs.cutover.plan import Kept
from app.jobs.effects.every import AnyEffect
from app.jobs.effects.names import shadow_name
from app.jobs.effects.paths import RenamePath, pure, sync_parents
from app.jobs.effects.sqlite import PutDatabase, RemoveStaged
from app.jobs.manifest import CopyFacts
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.restore.checks import UNCHANGED, Check, expect_room
from app.jobs.sources.loading import Order, other_counts
from app.settings.model import Site, Source, SourceKind
from app.tools.sqlite.copying import copy_database, look_at, look_into
from app.tools.sqlite.programs import Opener, find_programs, opener
from app.tools.sqlite.putting import names_beside


class StagedSqlite(msgspec.Struct, frozen=True):
    """A copy whose content can be put into the live database. See `swapping.StagedDatabase`."""

    source: str
    change: PutDatabase | RenamePath
    remove: RemoveStaged
    problems: tuple[Problem, ...] = ()

    @property
    def host(self) -> str:
        """The host of its file."""
        return self.change.host

    @property
    def prepare(self) -> tuple[AnyEffect, ...]:
        """Nothing."""
        return ()

    @property
    def close(self) -> tuple[AnyEffect, ...]:
        """Nothing: SQLite itself keeps everybody out for the moment that it takes."""
        return ()

    @property
    def exchange(self) -> tuple[AnyEffect, ...]:
        """In one transaction; or the one file gets its name."""
        return (self.change,)

    @property
    def open(self) -> tuple[AnyEffect, ...]:
        """Nothing."""
        return ()

    @property
    def kept(self) -> tuple[Kept, ...]:
        """What the live one held, where there was one."""
        if not isinstance(self.change, PutDatabase):
            return ()
        return (Kept(host=self.host, name=self.change.kept, fact=self.change.number, source=self.source),)


class SqliteSwap:
    """One database of a point on its way into the live one, which is the order's `name`."""

    def __init__(self, order: Order) -> None:
        self._order = order

    @property
    def staged(self) -> str:
        """The copy's path."""
        return self._beside(shadow_name(pure(self._order.name).name, self._order.run))

    @property
    def target(self) -> str:
        """The live one."""
        return self._order.name

    @property
    def _kept(self) -> str:
        return self._beside(pure(kept_tree(self._order.name, self._order.run)).name)

    @property
    def _folder(self) -> str:
        return self._order.beside or str(pure(self._order.name).parent)

    def _beside(self, name: str) -> str:
        return str(pure(self._folder) / name)

    @property
    def _copy(self) -> CopyFacts:
        assert self._order.entry is not None, "removing alone needs no manifest"
        assert self._order.entry.copy is not None, "what can be swapped in is in the manifest"
        return self._order.entry.copy

    # --- what must be so ----------------------------------------------------------------------------------------------

    def checks(self) -> list[Check]:
        """None of them can be accepted."""
        return [Check("database", self._check), Check("database-space", self._check_room)]

    async def _check(self, ctx: Ctx) -> None:
        """It can be opened and written, and what stands beside it too; nothing of ours is there yet."""
        host = self._host(ctx)
        program = await self._program(ctx)
        for path in (str(pure(self._order.name).parent), self._folder):
            if await host.stat(path) is None:
                raise _no_folder(path)
            await self._expect_writable(host, path)
        if await host.stat(self._kept) is not None:
            raise _taken(self._kept)
        if await self.exists(ctx):
            await self._expect_writable(host, self._order.name)
            await look_at(host, program, self._order.name, await ctx.scratch(host.name))
            return
        for path in names_beside(self._order.name):
            if await host.stat(path) is not None:
                raise _log_left(path)

    async def _expect_writable(self, host: Host, path: str) -> None:
        """Windows has no such program; there only trying tells."""
        if (await host.facts()).system == "windows":
            return
        if (await host.run(Command("test", ("-w", path)))).code != 0:
            raise _not_writable(path, host)

    async def _check_room(self, ctx: Ctx) -> None:
        """For the copy, what is saved, and what the live one grows by."""
        host, size = self._host(ctx), self._order.entry.bytes if self._order.entry is not None else 0
        live = await host.stat(self._order.name)
        expected = 2 * size + (live.size if live is not None else 0)
        await expect_room(host, self._folder, expected, text("the size of the copy in the point"))

    # --- staging ------------------------------------------------------------------------------------------------------

    async def exists(self, ctx: Ctx) -> bool:
        """Whether something stands at its path."""
        return await self._host(ctx).stat(self._order.name) is not None

    async def load(self, ctx: Ctx, dump: str, pace: Pace) -> None:
        """Copies it beside its place, for nobody else's eyes; like the live one of its day where there is none now."""
        host = self._host(ctx)
        await host.write_durably(self.staged, b"")
        await copy_database(host, await self._program(ctx), dump, self._folder, pure(self.staged).name)
        if not await self.exists(ctx):
            await self._own(host)
        pace.tell(0, 0)

    async def _own(self, host: Host) -> None:
        wanted = self._copy.file
        if wanted is None or (await host.facts()).system == "windows":
            return
        await host.run(Command("chown", ("--", f"{wanted.uid}:{wanted.gid}", self.staged)))
        await host.run(Command("chmod", ("--", f"{wanted.mode:04o}", self.staged)))

    async def compare(self, ctx: Ctx) -> None:
        """Looks whether it is sound, and compares the rows of every table."""
        name = pure(self.staged).name
        copied = await look_into(self._host(ctx), await self._program(ctx), self.staged, self._folder, name)
        was = {one.table: one.rows for one in self._copy.tables}
        names = [one for one in sorted(was.keys() | copied.rows.keys()) if was.get(one) != copied.rows.get(one)]
        wrong = [f"{one}: {was.get(one)} → {copied.rows.get(one)}" for one in names]
        if wrong:
            raise other_counts(self._order.name, wrong)

    async def settle(self, ctx: Ctx) -> StagedSqlite:
        """By whether there is a live one now."""
        host = self._host(ctx)
        staged = await host.stat(self.staged)
        if staged is None:
            raise _staged_gone(self.staged)
        await sync_parents(host, self.staged)
        remove = RemoveStaged(host=host.name, staged=self.staged, kept=self._kept)
        if await self.exists(ctx):
            change = PutDatabase(
                host=host.name, path=self._order.name, staged=self.staged, kept=self._kept, number=staged.inode
            )
            return StagedSqlite(self._order.source.name, change, remove)
        rename = RenamePath(host=host.name, path=self.staged, target=self._order.name, inode=staged.inode)
        return StagedSqlite(self._order.source.name, rename, remove)

    async def remove(self, ctx: Ctx) -> None:
        """Removes what stands under names of ours."""
        for path in names_beside(self.staged):
            await self._host(ctx).remove_tree(path)

    def _host(self, ctx: Ctx) -> Host:
        return ctx.host(self._order.source.host)

    async def _program(self, ctx: Ctx) -> Opener:
        host, equipment = self._host(ctx), self._order.equipment
        return opener(await find_programs(host, equipment.python, equipment.versions), host.name)


def folder_beside(site: Site, source: Source) -> str:
    """Where the files of its restore stand: beside the tree of files that a SQLite database is in, the outermost one;
    "" for one that is in none.
    """
    if source.kind is not SourceKind.SQLITE:
        return ""
    roots = [one.root for one in site.sources if one.kind is SourceKind.FILES and one.host == source.host]
    holding = [root for root in roots if pure(source.database).is_relative_to(pure(root))]
    return str(pure(min(holding, key=len)).parent) if holding else ""


def databases_in(site: Site, source: Source, roots: Sequence[str]) -> list[str]:
    """The files of SQLite databases in a tree of files, as seen from its root, with what SQLite keeps beside them."""
    files = [one.database for one in site.sources if one.kind is SourceKind.SQLITE and one.host == source.host]
    return [
        pure(path).relative_to(pure(root)).as_posix()
        for file in files
        for root in dict.fromkeys(roots)
        if pure(file).is_relative_to(pure(root))
        for path in names_beside(file)
    ]


# --- what a person is told -------------------------------------------------------------------------------------------


def _no_folder(path: str) -> Refused:
    return Refused(
        text("The folder {folder} is not there.", folder=path),
        UNCHANGED,
        text("Make the folder, or mount its disk; then restore again."),
        "restore.no-folder",
    )


def _not_writable(path: str, host: Host) -> Refused:
    return Refused(
        text("This account may not write to {path} on {host}.", path=path, host=host.name),
        UNCHANGED,
        text("Restore as root, or as the account that {path} belongs to.", path=path),
        "restore.not-writable",
    )


def _taken(path: str) -> Refused:
    return Refused(
        text("There is something at {path} already.", path=path),
        text("Nothing was changed, and what stands there is untouched."),
        text("Move it away, then restore again."),
        "restore.name-taken",
    )


def _log_left(path: str) -> Refused:
    return Refused(
        text("There is no database, but {path} is left of one.", path=path),
        text("Nothing was changed: SQLite would mix it with the restored database."),
        text("Look whether it is still needed, move it away, and restore again."),
        "sqlite.log-left",
    )


def _staged_gone(path: str) -> Refused:
    return Refused(
        text("What was staged at {path} is not there.", path=path),
        text("The site was not touched."),
        text("Restore again."),
        "restore.stage-gone",
    )
