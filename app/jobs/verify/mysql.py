"""Proves a dump of MySQL or MariaDB: reads it into a throwaway database and counts what came of it.

On a server of our own, made for a moment; on the site's own server only where that is MySQL's or there are no server
programs, and never where the dump holds events: they would run there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.jobs.manifest import SqlDumpFacts
from app.jobs.plan import Ctx
from app.jobs.sources.driver import Equipment
from app.jobs.sources.private_file import private_file
from app.jobs.verify.attempts import Attempt, first_able
from app.jobs.verify.proof import Proving, Shown, differs, no_counts, other_database, table_differences
from app.jobs.verify.room import expect_room
from app.jobs.verify.streaming import read_in
from app.jobs.verify.throwaways import (
    BASE,
    Throwaway,
    database_name,
    name_taken,
    noted,
    source_of,
    throwaway_folder,
)
from app.settings.model import THIS_COMPUTER, Site, Source, SourceKind
from app.tools.found import ToolFound
from app.tools.mysql.cluster import ServerPrograms, find_server, fit_server, private_server
from app.tools.mysql.facts import Client, MysqlFacts, first_to_answer, quoted
from app.tools.mysql.programs import clients, find_programs, flavour_of
from app.tools.mysql.restore import LONGEST_HEAD, database_in, restore_command, restore_failed
from app.tools.mysql.server import Server, option_file

KIND = SourceKind.MYSQL.value
NAMED = 20
"""So many differences are named."""


async def prove(ctx: Ctx, proving: Proving) -> Shown:
    """Reads the dump in and compares the rows of each table with those that were counted in the dump itself."""
    dump = proving.entry.sql_dump
    if dump is None:
        raise no_counts(proving.entry.source)
    said = database_in(await (await proving.tree(ctx)).head(proving.entry.path, LONGEST_HEAD))
    if said is not None and said != dump.database.database:
        raise other_database(proving.entry.source, dump.database.database, said)
    return await first_able(_attempts(ctx, proving, dump))


def _attempts(ctx: Ctx, proving: Proving, dump: SqlDumpFacts) -> list[Attempt]:
    hosts = dict.fromkeys((THIS_COMPUTER, proving.entry.host))
    attempts: list[Attempt] = [
        partial(_on_private_server, ctx, proving, dump, host) for host in hosts if proving.knows_host(host)
    ]
    if proving.source is not None:
        attempts.append(partial(_on_own_server, ctx, proving, dump, proving.source))
    return attempts


class _Place(msgspec.Struct, frozen=True):
    """A server that takes the dump, and what a client on that host needs to log in there."""

    host: str
    server: Server
    program: ToolFound
    options: str
    where: Text

    def client(self, ctx: Ctx, database: str = "") -> Client:
        """A client that asks that database."""
        server = msgspec.structs.replace(self.server, database=database)
        return Client(ctx.host(self.host), self.program, server, self.options)


async def _on_private_server(ctx: Ctx, proving: Proving, dump: SqlDumpFacts, name: str) -> Shown:
    host, facts = ctx.host(name), dump.database
    programs = fit_server(await find_server(host, proving.equipment.versions), facts.server_version, name)
    await expect_room(host, BASE, facts.size)
    client = (await clients(host, await find_programs(host, proving.equipment.versions)))[0]
    async with (
        throwaway_folder(ctx, name, proving.run, "") as folder,
        private_file(ctx, name, f"verify-{proving.entry.source}.cnf", option_file("")) as options,
    ):

        async def answers(server: Server) -> bool:
            return await _takes_connections(Client(host, client, server, options))

        async with private_server(host, programs, folder, facts.lower_case_table_names, answers) as server:
            place = _Place(name, server, client, options, _private_words(programs, name))
            return await _compared(ctx, proving, dump, place, nullcontext())


async def _takes_connections(client: Client) -> bool:
    try:
        return bool(await client.server_version())
    except UserError:  # it is starting; one that never answers is found by its end or by the time
        return False


def _private_words(programs: ServerPrograms, host: str) -> Text:
    return text("a throwaway server on {host} (MariaDB {version})", host=host, version=programs.version)


async def _on_own_server(ctx: Ctx, proving: Proving, dump: SqlDumpFacts, source: Source) -> Shown:
    if dump.database.events:
        raise _has_events()
    async with _own_server(ctx, source, proving.equipment) as place:
        return await _compared(ctx, proving, dump, place, _noted(ctx, proving, place))


@asynccontextmanager
async def _own_server(ctx: Ctx, source: Source, equipment: Equipment) -> AsyncIterator[_Place]:
    host = ctx.host(source.host)
    server = Server(source.server, source.port, source.user)
    able = await clients(host, await find_programs(host, equipment.versions))
    content = option_file(ctx.secret(f"source:{source.name}:password"))
    async with private_file(ctx, source.host, f"verify-{source.name}.cnf", content) as options:
        _, version = await first_to_answer([Client(host, program, server, options) for program in able])
        # The server's own maker's client reads best what that maker's dump program wrote.
        fit = next((tool for tool in able if flavour_of(tool.version) is flavour_of(version)), able[0])
        where = text("a throwaway database on {server}, the site's own server", server=source.server)
        yield _Place(source.host, server, fit, options, where)


@asynccontextmanager
async def _noted(ctx: Ctx, proving: Proving, place: _Place) -> AsyncIterator[None]:
    """What is made on a server that is not ours is written down first, and dropped whatever happens."""
    name = database_name(proving.run)
    if name in await place.client(ctx).databases():
        raise name_taken(name)
    thing = Throwaway(proving.run, KIND, place.host, name, proving.entry.source)
    async with noted(ctx, thing, partial(_drop, ctx, place, thing)):
        yield


async def _drop(ctx: Ctx, place: _Place, thing: Throwaway) -> None:
    await place.client(ctx).do(f"DROP DATABASE IF EXISTS {quoted(thing.name)};\n")


async def remove_left_over(ctx: Ctx, thing: Throwaway, site: Site, equipment: Equipment) -> None:
    """Drops the database of a run that was killed."""
    async with _own_server(ctx, source_of(site, thing), equipment) as place:
        await _drop(ctx, place, thing)


async def _compared(
    ctx: Ctx, proving: Proving, dump: SqlDumpFacts, place: _Place, around: AbstractAsyncContextManager[None]
) -> Shown:
    """Makes the database, reads the dump in, counts, compares."""
    facts, name = dump.database, database_name(proving.run)
    async with around:
        like = f"CHARACTER SET {quoted(facts.character_set)} COLLATE {quoted(facts.collation)}"
        await place.client(ctx).do(f"CREATE DATABASE {quoted(name)} {like};\n")
        server = msgspec.structs.replace(place.server, database=name)
        command = restore_command(place.program, server, place.options)
        await read_in(ctx, proving, place.host, command, partial(restore_failed, server))
        client = place.client(ctx, name)
        rows = await client.rows(await client.tables(), facts.versioned)
        restored = (await client.database()).facts
    expected = {one.table: one.rows for one in dump.tables}
    if lines := [*table_differences(expected, rows), *lost_objects(facts, restored)]:
        raise differs(proving.entry.source, lines[:NAMED])
    objects = sum(getattr(restored, what) for what in OBJECTS)
    return Shown(place.where, {"tables": len(rows), "rows": sum(rows.values()), "objects": objects})


OBJECTS = ("views", "routines", "triggers", "events")


def lost_objects(before: MysqlFacts, after: MysqlFacts) -> list[str]:
    """Views, routines, triggers and events that the database had and that did not come back."""
    return [
        f"{what}: {getattr(before, what)} in the database, {getattr(after, what)} restored"
        for what in OBJECTS
        if getattr(after, what) < getattr(before, what)
    ]


def _has_events() -> UserError:
    return UserError(
        text("The dump holds events, which would run on the site's own server."),
        text("Nothing was read in there."),
        text("Install MariaDB's server on this computer; it need not run."),
        "mysql.has-events",
    )
