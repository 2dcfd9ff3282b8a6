"""Proves a dump of PostgreSQL: reads it into a throwaway database and counts what came of it.

On a server of our own, made for a moment, on this computer or on the source's host: so the site's server gets no work,
no log of writes, and needs no right for it. Where there are no server programs, on the site's own server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Any, TypeVar

import msgspec
import psycopg

from app.foundation.words import Text, text
from app.hosts.host import Address
from app.jobs.manifest import DumpFacts
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
    comment_of,
    database_name,
    name_taken,
    noted,
    source_of,
    throwaway_folder,
)
from app.settings.model import THIS_COMPUTER, Site, Source, SourceKind
from app.tools.found import version_numbers
from app.tools.postgres import throwaway
from app.tools.postgres.archive import LONGEST_HEAD, database_in
from app.tools.postgres.cluster import USER, ServerPrograms, find_servers, owner_of_files, private_cluster, server_for
from app.tools.postgres.facts import DatabaseFacts
from app.tools.postgres.programs import RESTORE, find_programs, program_for
from app.tools.postgres.restore import restore_command, restore_failed
from app.tools.postgres.server import Server, password_file
from app.tools.postgres.session import asked
from app.tools.postgres.snapshot import Counts, TableChecksum, read_checksums, read_counts

T = TypeVar("T")

KIND = SourceKind.POSTGRESQL.value
NAMED = 20
"""So many differences are named."""


async def prove(ctx: Ctx, proving: Proving) -> Shown:
    """Reads the dump in and compares the rows of each table with those counted in the dump's own moment."""
    dump = _facts(proving)
    said = database_in(await (await proving.tree(ctx)).head(proving.entry.path, LONGEST_HEAD))
    if said is not None and said != dump.database.database:
        raise other_database(proving.entry.source, dump.database.database, said)
    return await first_able(_attempts(ctx, proving, dump))


def _facts(proving: Proving) -> DumpFacts:
    if proving.entry.dump is None:
        raise no_counts(proving.entry.source)
    return proving.entry.dump


def _attempts(ctx: Ctx, proving: Proving, dump: DumpFacts) -> list[Attempt]:
    hosts = dict.fromkeys((THIS_COMPUTER, proving.entry.host))
    attempts: list[Attempt] = [
        partial(_on_private_server, ctx, proving, dump, host) for host in hosts if proving.knows_host(host)
    ]
    if proving.source is not None:
        attempts.append(partial(_on_own_server, ctx, proving, dump, proving.source))
    return attempts


class _Place(msgspec.Struct, frozen=True):
    """A server that takes the dump: on which host its programs run, how it is reached from here."""

    host: str
    server: Server
    way: Address
    where: Text
    password: str = ""


async def _on_private_server(ctx: Ctx, proving: Proving, dump: DumpFacts, name: str) -> Shown:
    host, equipment, facts = ctx.host(name), proving.equipment, dump.database
    programs = server_for(await find_servers(host, equipment.versions), facts.major, name)
    await expect_room(host, BASE, facts.size)
    owner = await owner_of_files(host)
    preload = throwaway.TIMESCALE if any(one.name == throwaway.TIMESCALE for one in facts.extensions) else ""
    async with (
        throwaway_folder(ctx, name, proving.run, owner) as folder,
        private_cluster(host, programs, folder, equipment.blocking, preload) as server,
        host.tunnel(server.address.server, server.address.port) as way,
    ):
        place = _Place(name, server, way, _private_words(programs, name))
        roles = tuple(role for role in facts.roles if role != USER)
        await _ask(proving, place, lambda connection: throwaway.make_roles(connection, roles))
        return await _compared(ctx, proving, dump, place, nullcontext())


def _private_words(programs: ServerPrograms, host: str) -> Text:
    return text("a throwaway server on {host} (PostgreSQL {version})", host=host, version=programs.version)


async def _on_own_server(ctx: Ctx, proving: Proving, dump: DumpFacts, source: Source) -> Shown:
    async with _own_server(ctx, source) as place:
        await _check_own_room(ctx, proving, place, dump.database)
        return await _compared(ctx, proving, dump, place, _noted(ctx, proving, place))


@asynccontextmanager
async def _own_server(ctx: Ctx, source: Source) -> AsyncIterator[_Place]:
    server = Server(source.server, source.port, source.user, source.database)
    at = server.address
    async with ctx.host(source.host).tunnel(at.server, at.port) as way:
        where = text("a throwaway database on {server}, the site's own server", server=source.server)
        yield _Place(source.host, server, way, where, ctx.secret(f"source:{source.name}:password"))


async def _check_own_room(ctx: Ctx, proving: Proving, place: _Place, facts: DatabaseFacts) -> None:
    """Where the server's folder is known, and is on that host; a server elsewhere has to know its own room."""
    folder = await _ask(proving, place, throwaway.data_folder)
    if folder and await ctx.host(place.host).stat(folder) is not None:
        await expect_room(ctx.host(place.host), folder, facts.size)


@asynccontextmanager
async def _noted(ctx: Ctx, proving: Proving, place: _Place) -> AsyncIterator[None]:
    """What is made on a server that is not ours is written down first, and dropped whatever happens."""
    name = database_name(proving.run)
    if await _ask(proving, place, lambda connection: throwaway.exists(connection, name)):
        raise name_taken(name)
    thing = Throwaway(proving.run, KIND, place.host, name, proving.entry.source)
    async with noted(ctx, thing, partial(_drop, place, thing, proving.equipment)):
        yield


async def remove_left_over(ctx: Ctx, thing: Throwaway, site: Site, equipment: Equipment) -> None:
    """Drops the database of a run that was killed."""
    async with _own_server(ctx, source_of(site, thing)) as place:
        await _drop(place, thing, equipment)


async def _drop(place: _Place, thing: Throwaway, equipment: Equipment) -> None:
    def drop(connection: psycopg.Connection[Any]) -> None:
        throwaway.drop(connection, thing.name, comment_of(thing.run))

    await asked(equipment.blocking, place.server, place.password, place.way, drop)


async def _compared(
    ctx: Ctx, proving: Proving, dump: DumpFacts, place: _Place, around: AbstractAsyncContextManager[None]
) -> Shown:
    """Makes the database, reads the dump in, counts, compares."""
    facts = dump.database
    await _ask(proving, place, lambda connection: throwaway.check_able(connection, facts))
    async with around:
        name = database_name(proving.run)
        comment = comment_of(proving.run)
        await _ask(proving, place, lambda connection: throwaway.create(connection, name, comment, facts))
        inside = msgspec.structs.replace(place, server=msgspec.structs.replace(place.server, database=name))
        await _ask(proving, inside, lambda connection: throwaway.before_restore(connection, facts))
        await _read_in(ctx, proving, dump, inside)
        await _ask(proving, inside, lambda connection: throwaway.after_restore(connection, facts))
        counts = await _ask(proving, inside, read_counts)
        lines = differences(dump.counts, counts, standby=facts.standby)
        lines += [] if lines else await _other_checksums(proving, dump, inside)
    if lines:
        raise differs(proving.entry.source, lines[:NAMED])
    rows = sum(table.rows for table in counts.tables)
    return Shown(
        place.where,
        {
            "tables": len(counts.tables),
            "rows": rows,
            "large_objects": counts.large_objects,
            "checksums": len(dump.checksums),
        },
    )


async def _other_checksums(proving: Proving, dump: DumpFacts, place: _Place) -> list[str]:
    """The small tables whose rows are others; compared on the same major version alone, which writes them alike."""
    tables = [(one.schema, one.table) for one in dump.checksums]

    def read(connection: psycopg.Connection[Any]) -> tuple[TableChecksum, ...]:
        same = connection.info.server_version // 10000 == dump.database.major
        return read_checksums(connection, tables) if same else dump.checksums

    found = await _ask(proving, place, read)
    return [
        f'"{was.schema}"."{was.table}": as many rows as backed up, but others'
        for was, now in zip(dump.checksums, found, strict=True)
        if was.checksum != now.checksum
    ]


async def _read_in(ctx: Ctx, proving: Proving, dump: DumpFacts, place: _Place) -> None:
    found = await find_programs(ctx.host(place.host), proving.equipment.versions)
    program = program_for(found, RESTORE, _dumped_major(dump), place.host)
    failed = partial(restore_failed, place.server)
    if not place.password:
        await read_in(ctx, proving, place.host, restore_command(program.path, place.server), failed)
        return
    content = password_file(place.password)
    async with private_file(ctx, place.host, f"pgpass-{proving.entry.source}", content) as file:
        await read_in(ctx, proving, place.host, restore_command(program.path, place.server, file), failed)


def _dumped_major(dump: DumpFacts) -> int:
    """The major version of the pg_dump that wrote it, which an older pg_restore may not understand."""
    numbers = version_numbers(dump.dumped_by.rpartition(" ")[2])
    return numbers[0] if numbers else dump.database.major


async def _ask(proving: Proving, place: _Place, work: Callable[[psycopg.Connection[Any]], T]) -> T:
    return await asked(proving.equipment.blocking, place.server, place.password, place.way, work)


def differences(expected: Counts, found: Counts, *, standby: bool) -> list[str]:
    """How what was restored differs from what was dumped, a line for each table.

    A standby has no unlogged tables' rows to count, but their shape is in its dump: they come back empty.
    """
    before, after = _rows_of(expected), _rows_of(found)
    if standby:
        after = {table: rows for table, rows in after.items() if rows or table in before}
    lines = table_differences(before, after)
    if expected.large_objects != found.large_objects:
        lines.append(f"large objects: {expected.large_objects} backed up, {found.large_objects} restored")
    return lines


def _rows_of(counts: Counts) -> dict[str, int]:
    """By a name that two tables cannot share, whatever dots are in it."""
    return {f'"{one.schema}"."{one.table}"': one.rows for one in counts.tables}
