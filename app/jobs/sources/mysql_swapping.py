"""MySQL and MariaDB: the tables of a point in a database beside the live one, until they can take the place of its own.

Triggers, views, routines and events are no part of that: an event would run there, a trigger would keep its table from
being renamed. They are written on the run's mark, and made in the live database when its tables are those of the point.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import msgspec

from app.foundation.errors import Problem, UserError
from app.foundation.words import text
from app.hosts.host import Ending
from app.jobs.cutover.plan import Kept
from app.jobs.effects.every import AnyEffect
from app.jobs.effects.mysql import ChangePrograms, DropTables, Form, LockAccounts, SwapTables, UnlockAccounts, Users
from app.jobs.effects.mysql_dump import BEFORE, TakeDump
from app.jobs.effects.mysql_server import MysqlServer, key_of
from app.jobs.effects.names import before_name, shadow_name
from app.jobs.manifest import SqlDumpFacts
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.restore.checks import Check
from app.jobs.restore.folder import below
from app.jobs.sources.loading import Order, other_counts, while_telling
from app.jobs.sources.mysql_checks import MysqlChecks, live_unreadable
from app.jobs.sources.mysql_loading import Reached, load_failed, reached_for_loading
from app.tools.found import ToolFound
from app.tools.mysql import exchanging, load
from app.tools.mysql.dump import programs_command
from app.tools.mysql.exchanging import Mark
from app.tools.mysql.facts import Client
from app.tools.mysql.programs import dump_for, find_programs
from app.tools.mysql.server import Server
from app.tools.mysql.split import load_tables_command, programs_in, split_programs
from app.tools.mysql.surroundings import Granted, Surroundings, read_surroundings

PROGRAMS = "programs"
"""What the programs of the point are called on the mark."""

DUMPS = "cutovers"
"""The folder of ours on a host that the last dump of what was live is kept in."""

_ROUTINE = re.compile(r"DROP (PROCEDURE|FUNCTION|PACKAGE|PACKAGE BODY) IF EXISTS (`(?:[^`]|``)+`)")


Changes = tuple[ChangePrograms | None, ChangePrograms | None]
"""What takes the old programs out, and what makes the new ones, where there are any."""


class StagedMysql(msgspec.Struct, frozen=True):
    """See `swapping.StagedDatabase`."""

    source: str
    dump: TakeDump
    lock: LockAccounts
    take_out: ChangePrograms | None
    swap: SwapTables
    make: ChangePrograms | None
    unlock: UnlockAccounts
    remove: DropTables
    problems: tuple[Problem, ...] = ()

    @property
    def host(self) -> str:
        """The host of its server."""
        return self.swap.host

    @property
    def prepare(self) -> tuple[AnyEffect, ...]:
        """The dump, where there is something to be dumped."""
        return (self.dump,) if self.swap.existed else ()

    @property
    def close(self) -> tuple[AnyEffect, ...]:
        """Nobody gets in; triggers would keep the tables where they are."""
        return (self.lock, *((self.take_out,) if self.take_out is not None else ()))

    @property
    def exchange(self) -> tuple[AnyEffect, ...]:
        """All tables, and then what belongs to them."""
        return (self.swap, *((self.make,) if self.make is not None else ()))

    @property
    def open(self) -> tuple[AnyEffect, ...]:
        """Everybody gets in again."""
        return (self.unlock,)

    @property
    def kept(self) -> tuple[Kept, ...]:
        """The old tables, and the dump of them."""
        if not self.swap.existed:
            return ()
        old = Kept(host=self.host, name=self.swap.old, fact=self.swap.mark.number, source=self.source)
        return (old, Kept(host=self.host, name=self.dump.at.dump, fact=0, source=self.source))


class MysqlSwap:
    """One database of a point on its way to its own name; the order's `name` is that of the live one."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._mark = mark_of(order.run)
        self._server = Server(order.source.server, order.source.port, order.source.user, self.staged)

    @property
    def staged(self) -> str:
        """The name of the database beside the live one."""
        return shadow_name(self._order.name, self._order.run)

    @property
    def _before(self) -> str:
        return before_name(self._order.name, self._order.run)

    @property
    def target(self) -> str:
        """The live one, and its server."""
        source = self._order.source
        return f"{source.server}:{source.port}/{self._order.name}"

    @property
    def _dump(self) -> SqlDumpFacts:
        assert self._order.entry is not None, "removing alone needs no manifest"
        assert self._order.entry.sql_dump is not None, "what can be loaded is in the manifest"
        return self._order.entry.sql_dump

    def _reached(self, ctx: Ctx) -> AbstractAsyncContextManager[Reached]:
        return reached_for_loading(ctx, self._order, self._server)

    async def _around(self, client: Client) -> Surroundings:
        return await read_surroundings(client, self._order.name, self.staged, self._before)

    async def look(self, ctx: Ctx) -> Surroundings:
        """The live database and its server."""
        async with self._reached(ctx) as reached:
            return await self._around(reached.client)

    def checks(self) -> list[Check]:
        """See `swapping.DatabaseSwap`."""
        others = MysqlChecks(self._order, self.staged, self._before, self.look).checks()
        return [*others, Check("database-programs", self._check_programs)]

    async def _check_programs(self, ctx: Ctx) -> None:
        """What runs in the live database can be written down, so that it can be made again."""
        if (await self.look(ctx)).exists:
            async with self._reached(ctx) as reached:
                await self._programs(ctx, await self._dumper(ctx, reached), reached)

    async def _dumper(self, ctx: Ctx, reached: Reached) -> ToolFound:
        host = ctx.host(self._order.source.host)
        return await dump_for(host, await find_programs(host, self._order.equipment.versions), reached.version)

    async def exists(self, ctx: Ctx) -> bool:
        """Whether there is a live one."""
        return (await self.look(ctx)).exists

    # --- staging ------------------------------------------------------------------------------------------------------

    async def load(self, ctx: Ctx, dump: str, pace: Pace) -> None:
        """Makes the database with the mark, and loads the tables of the dump that stands at that path; its programs
        are written on the mark."""
        facts = self._dump.database
        async with self._reached(ctx) as reached:
            made = exchanging.make_database(self.staged, facts.character_set, facts.collation)
            await reached.client.ask(made + exchanging.make_mark(self.staged, self._mark))

            async def size() -> int:
                return int((await reached.client.ask(load.size_statements(self.staged)))[0])

            await while_telling(self._loaded(ctx, reached, dump), size, facts.size, pace)

    async def _loaded(self, ctx: Ctx, reached: Reached, dump: str) -> None:
        host = ctx.host(self._order.source.host)
        written = str(below(await ctx.scratch(host.name), f"programs-{self._order.source.name}"))
        await host.remove_tree(written)
        finished = await host.run(load_tables_command(reached.program, self._server, dump, written, reached.options))
        if finished.code != 0 or finished.ending is not Ending.EXITED:
            raise load_failed(self._server, finished)
        programs = split_programs(await host.read(written))
        if programs is None:
            raise other_counts(self._order.name, ["the dump was not read to its end"])
        await host.remove_tree(written)
        await reached.client.ask(exchanging.write_on(self.staged, self._mark, PROGRAMS, programs))

    async def compare(self, ctx: Ctx) -> None:
        """Counts the rows of every table. Raises `restore.other-counts`."""
        expected = {one.table: one.rows for one in self._dump.tables}
        async with self._reached(ctx) as reached:
            versioned = self._dump.database.versioned
            counts = await load.count_rows(reached.client, self.staged, list(expected), versioned)
        wrong = [
            f"`{table}`: {rows} → {found}"
            for (table, rows), found in zip(expected.items(), counts, strict=True)
            if rows != found
        ]
        if wrong:
            raise other_counts(self._order.name, wrong)

    async def remove(self, ctx: Ctx) -> None:
        """Drops the database beside the live one where the mark says that it is ours."""
        async with self._reached(ctx) as reached:
            (found,) = await exchanging.look(reached.client, self._mark, self.staged)
            if found.marked or found.is_empty:
                await reached.client.ask(exchanging.drop_database(self.staged, found.tables))

    # --- what it takes ------------------------------------------------------------------------------------------------

    async def settle(self, ctx: Ctx) -> StagedMysql:
        """Finds out who uses the live one and what runs in it, and says what puts the other one in its place."""
        name = self._order.name
        async with self._reached(ctx) as reached:
            around = await self._around(reached.client)
            (shadow,) = await exchanging.look(reached.client, self._mark, self.staged)
            if not shadow.marked:
                raise _shadow_gone(self.staged)
            new = await exchanging.read_on(reached.client, self.staged, self._mark, PROGRAMS) or b""
            program = await self._dumper(ctx, reached)
            old = await self._programs(ctx, program, reached) if around.exists else b""
            at = await self._at(ctx, reached)
        users = Users(name, around.users.to_lock if around.users is not None else ())
        granted = around.granted or ()
        take_out = self._change(at, users, "take out", _script(old, granted), "") if old else None
        make = self._change(at, users, "make", "", _script(new, granted)) if new else None
        return self._staged(at, users, around, program, (take_out, make))

    def _staged(
        self, at: MysqlServer, users: Users, around: Surroundings, program: ToolFound, changes: Changes
    ) -> StagedMysql:
        facts = self._dump.database
        form = Form(around.character_set or facts.character_set, around.collation or facts.collation)
        dump = TakeDump(
            at, users.live, self.staged, self._mark, form, program.path, program.version, history=around.versioned
        )
        swap = SwapTables(at, users, self._mark, self.staged, self._before, form, existed=around.exists)
        return StagedMysql(
            self._order.source.name,
            dump,
            LockAccounts(at, users),
            changes[0],
            swap,
            changes[1],
            UnlockAccounts(at, users),
            DropTables(at, self.staged, self._mark),
        )

    def _change(self, at: MysqlServer, users: Users, name: str, before: str, after: str) -> ChangePrograms:
        return ChangePrograms(at, users, self._mark, name, before, after)

    async def _programs(self, ctx: Ctx, program: ToolFound, reached: Reached) -> bytes:
        """Those of the live database, as the dump program writes them."""
        server = msgspec.structs.replace(self._server, database=self._order.name)
        taken = bytearray()

        async def take(piece: bytes) -> None:
            taken.extend(piece)

        command = programs_command(program, server, reached.options)
        finished = await ctx.host(self._order.source.host).run(command, stdout=take)
        if finished.code != 0:
            raise live_unreadable(self._order.name, finished)
        return programs_in(bytes(taken))

    async def _at(self, ctx: Ctx, reached: Reached) -> MysqlServer:
        source = self._order.source
        folder = await ctx.host(source.host).kept_folder(DUMPS)
        (secret,) = source.secret_names()
        return MysqlServer(
            host=source.host,
            server=source.server,
            port=source.port,
            user=source.user,
            secret=secret,
            program=reached.program.path,
            version=reached.version,
            key=key_of(self._order.run),
            dump=str(below(folder, f"{source.name}{BEFORE}{self._order.run[:8]}.sql")),
        )


def mark_of(run: str) -> Mark:
    """The mark of a run."""
    number = int.from_bytes(hashlib.sha256(run.encode()).digest()[:8]) >> 1
    return Mark(f"overwinter_{run[:8]}", number)


def _script(programs: bytes, granted: Sequence[Granted]) -> str:
    """With the grants on its routines, which go when these are dropped."""
    script = programs.decode("utf-8", "surrogateescape")
    routines = {f"{kind} {name}" for kind, name in _ROUTINE.findall(script)}
    again = [grant.statement for grant in granted if grant.routine in routines]
    return "\n".join([script, *again, ""]) if again else script


def _shadow_gone(name: str) -> UserError:
    return UserError(
        text("The staged database {name} is gone.", name=name),
        text("The live database is as it was."),
        text("See in the server's log who dropped it, then restore again."),
        "restore.shadow-gone",
    )
