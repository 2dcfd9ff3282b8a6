"""MySQL and MariaDB: a database by mariadb-dump or mysqldump in one transaction; accounts by the same programs.

Both run as restic's child on the source's host, so no data passes through here on its way into the repository. There a
dump is read once more before it counts: that its last line is there, and how many rows of each table it holds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.foundation.errors import Problem, UserError
from app.foundation.events import Warned
from app.foundation.words import text
from app.hosts.host import Command, Host
from app.jobs.manifest import SqlDumpFacts, TableRows
from app.jobs.plan import Ctx
from app.jobs.sources.driver import Captured, Equipment, Intake
from app.jobs.sources.private_file import private_file
from app.settings.model import Source
from app.tools.found import ToolFound
from app.tools.mysql.dump import dump_command, keeps_history, users_command
from app.tools.mysql.errors import from_words
from app.tools.mysql.facts import Client, MysqlFacts, first_to_answer
from app.tools.mysql.programs import clients, dump_for, find_programs
from app.tools.mysql.server import Server, check_name, option_file
from app.tools.mysql.written import WrittenDump
from app.tools.restic.backup import Backup, Label
from app.tools.restic.errors import DumpFailed

TELL_EVERY = 8 * 1024 * 1024
"""Bytes read back between two words on how far it is."""

NAMED = 20
"""So many tables are named in a warning."""


class MysqlDriver:
    """Takes one database as `/<source>.sql`."""

    def __init__(self, source: Source, equipment: Equipment) -> None:
        self._source = source
        self._equipment = equipment
        self._server = Server(source.server, source.port, source.user, source.database)

    async def capture(self, ctx: Ctx, intake: Intake) -> Captured:
        """One snapshot that holds the dump. A dump that fails, or lacks its end, makes none."""
        check_name(self._source.database)
        async with _reached(ctx, self._source, self._equipment, self._server) as reached:
            answer = await reached.client.database()
            answer.check_rights()
            for warning in _warnings(self._source, answer.facts, reached.program):
                ctx.emit(Warned(warning=warning))
            command = dump_command(reached.program, self._server, answer.facts, reached.options)
            made = await _take_output(self._source, self._server, intake, command)
        written = await _checked(ctx, self._source, self._server, intake, made)
        tables = tuple(TableRows(table, rows) for table, rows in sorted(written.rows.items()))
        facts = SqlDumpFacts(dumped_by=_named(reached.program), database=answer.facts, tables=tables)
        return _captured(self._source, made, facts)


class UsersDriver:
    """Takes what belongs to the whole server as `/<source>.sql`: accounts, roles, grants."""

    def __init__(self, source: Source, equipment: Equipment) -> None:
        self._source = source
        self._equipment = equipment
        self._server = Server(source.server, source.port, source.user, "mysql")

    async def capture(self, ctx: Ctx, intake: Intake) -> Captured:
        """One snapshot; it holds the accounts' password hashes too."""
        async with _reached(ctx, self._source, self._equipment, self._server) as reached:
            command = users_command(reached.program, self._server, reached.options)
            made = await _take_output(self._source, self._server, intake, command)
        await _checked(ctx, self._source, self._server, intake, made)
        return _captured(self._source, made, None)


@dataclass(frozen=True)
class _Reached:
    """A server that answers: the client that it answered, a dump program that fits it, and their option file."""

    client: Client
    program: ToolFound
    options: str


@asynccontextmanager
async def _reached(ctx: Ctx, source: Source, equipment: Equipment, server: Server) -> AsyncIterator[_Reached]:
    """The server, asked with fit programs; the file with the password is there while the body runs."""
    host: Host = ctx.host(source.host)
    found = await find_programs(host, equipment.versions)
    able = await clients(host, found)
    (secret,) = source.secret_names()
    content = option_file(ctx.secret(secret))
    async with private_file(ctx, source.host, f"mysql-{source.name}.cnf", content) as options:
        client, version = await first_to_answer([Client(host, program, server, options) for program in able])
        yield _Reached(client, await dump_for(host, found, version), options)


async def _take_output(source: Source, server: Server, intake: Intake, command: Command) -> Backup:
    label = Label(source.host, intake.tags)
    try:
        return await intake.restic.backup_output(
            command, _path(source), label, lambda seen: intake.pace.tell(seen.bytes)
        )
    except DumpFailed as failed:
        raise from_words(server, failed.said) or _dump_failed(server, failed) from failed


async def _checked(ctx: Ctx, source: Source, server: Server, intake: Intake, made: Backup) -> WrittenDump:
    """The dump, read once more; a snapshot that does not hold up is taken out again."""
    try:
        return await _read_back(source, server, intake, made)
    except UserError:
        await _withdraw(ctx, intake, made)
        raise


async def _read_back(source: Source, server: Server, intake: Intake, made: Backup) -> WrittenDump:
    """The dump as it stands in the repository; raises `mysql.truncated` when it does not end as a whole one does."""
    written = WrittenDump()
    intake.pace.begin()
    told = 0

    async def take(piece: bytes) -> None:
        nonlocal told
        written.take(piece)
        if written.bytes - told >= TELL_EVERY:
            told = written.bytes
            intake.pace.tell(written.bytes, made.bytes)

    await intake.restic.tree(made.snapshot).dump(_path(source), take)
    if not written.whole or written.bytes != made.bytes:
        raise _truncated(server, written, made)
    return written


async def _withdraw(ctx: Ctx, intake: Intake, made: Backup) -> None:
    """Takes a snapshot out that must not count; where that is refused it is at least said."""
    try:
        await intake.restic.forget([made.snapshot])
    except UserError as error:
        ctx.emit(Warned(warning=_still_there(made, error.problem)))


def _path(source: Source) -> str:
    return f"/{source.name}.sql"


def _captured(source: Source, made: Backup, facts: SqlDumpFacts | None) -> Captured:
    return Captured(snapshot=made.snapshot, path=_path(source), bytes=made.bytes, added=made.added, sql_dump=facts)


def _named(program: ToolFound) -> str:
    return f"{program.name} {program.version}"


def _warnings(source: Source, facts: MysqlFacts, program: ToolFound) -> list[Problem]:
    lost_history = facts.versioned and not keeps_history(program)
    return [
        *([_not_of_one_moment(source, facts.not_transactional)] if facts.not_transactional else []),
        *([_without_history(source, facts.versioned)] if lost_history else []),
    ]


def _not_of_one_moment(source: Source, tables: tuple[str, ...]) -> Problem:
    return Problem(
        text("Some tables of {source} know no transactions, such as {table}.", source=source.name, table=tables[0]),
        text("Their rows are in the dump, but not as of the same moment as the others when they are written to."),
        text("Convert them: ALTER TABLE … ENGINE=InnoDB."),
        "mysql.not-transactional",
        "\n".join(tables[:NAMED]),
    )


def _without_history(source: Source, tables: tuple[str, ...]) -> Problem:
    return Problem(
        text("Some tables of {source} keep their history, such as {table}.", source=source.name, table=tables[0]),
        text("Their present rows are in the dump, their history is not: this mariadb-dump cannot take it."),
        text("Install MariaDB's client programs of version 10.11 or newer."),
        "mysql.without-history",
        "\n".join(tables[:NAMED]),
    )


def _dump_failed(server: Server, failed: DumpFailed) -> UserError:
    return UserError(
        text("The dump of {database} failed ({ended}).", database=server.database, ended=failed.ended),
        text("Nothing of it was kept: half a dump would look like a whole one. Older dumps are untouched."),
        text("Read below what the dump program said, and put that right.")
        if failed.said
        else text("See whether the dump or its connection was ended, or memory ran out, then try again."),
        "mysql.dump-failed",
        failed.said,
    )


def _truncated(server: Server, written: WrittenDump, made: Backup) -> UserError:
    return UserError(
        text("The dump of {database} lacks its end.", database=server.database),
        text("It was taken out of the repository again, and is no part of this recovery point."),
        text("See that the dump program is the real one and not a script around it, then try again."),
        "mysql.truncated",
        f"{written.bytes} of {made.bytes} bytes were read back from snapshot {made.snapshot}",
    )


def _still_there(made: Backup, why: Problem) -> Problem:
    return Problem(
        text("A dump that must not be used could not be taken out of the repository."),
        text(
            "Its snapshot is {snapshot}; the recovery point does not count it. {what}",
            snapshot=made.snapshot[:8],
            what=why.what,
        ),
        text("Remove it with an account that may: restic forget {snapshot}", snapshot=made.snapshot[:8]),
        "mysql.not-withdrawn",
        why.detail,
    )
