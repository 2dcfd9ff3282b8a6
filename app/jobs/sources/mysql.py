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
from app.jobs.sources.read_again import check_whole
from app.settings.model import Source
from app.tools.found import ToolFound
from app.tools.mysql.dump import dump_command, keeps_history, users_command, words_file
from app.tools.mysql.errors import from_words
from app.tools.mysql.facts import Client, MysqlFacts, first_to_answer
from app.tools.mysql.programs import clients, dump_for, find_programs
from app.tools.mysql.server import Server, check_name, option_file
from app.tools.mysql.written import WrittenDump
from app.tools.restic.backup import Backup, Label
from app.tools.restic.errors import DumpFailed

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
        async with reached_server(ctx, self._source, self._equipment, self._server) as reached:
            answer = await reached.client.database()
            answer.check_rights()
            for warning in warnings_of(self._source, answer.facts, reached.program):
                ctx.emit(Warned(warning=warning))
            command = dump_command(reached.program, self._server, answer.facts, reached.options)
            made = await _take_output(self._source, self._server, intake, reached, command)
        written = WrittenDump()
        await check_whole(ctx, intake, made, _path(self._source), written)
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
        async with reached_server(ctx, self._source, self._equipment, self._server) as reached:
            command = users_command(reached.program, self._server, reached.options)
            made = await _take_output(self._source, self._server, intake, reached, command)
        await check_whole(ctx, intake, made, _path(self._source), WrittenDump())
        return _captured(self._source, made, None)


@dataclass(frozen=True)
class Reached:
    """A server that answers: the client that it answered, a dump program that fits it, and their option file."""

    host: Host
    client: Client
    program: ToolFound
    options: str


@asynccontextmanager
async def reached_server(ctx: Ctx, source: Source, equipment: Equipment, server: Server) -> AsyncIterator[Reached]:
    """The server, asked with fit programs; the file with the password is there while the body runs."""
    host: Host = ctx.host(source.host)
    found = await find_programs(host, equipment.versions)
    able = await clients(host, found)
    (secret,) = source.secret_names()
    content = option_file(ctx.secret(secret))
    async with private_file(ctx, source.host, f"mysql-{source.name}.cnf", content) as options:
        client, version = await first_to_answer([Client(host, program, server, options) for program in able])
        yield Reached(host, client, await dump_for(host, found, version), options)


async def _take_output(source: Source, server: Server, intake: Intake, reached: Reached, command: Command) -> Backup:
    label = Label(source.host, intake.tags)
    try:
        return await intake.restic.backup_output(
            command, _path(source), label, lambda seen: intake.pace.tell(seen.bytes)
        )
    except DumpFailed as failed:
        said = await _words(reached) or failed.said
        raise from_words(server, said) or _dump_failed(server, said, failed.ended) from failed


async def _words(reached: Reached) -> str:
    """What the dump program wrote down of its failure, "" when it came to none."""
    path = words_file(reached.options)
    try:
        written = await reached.host.read(path) if await reached.host.stat(path) is not None else b""
    except UserError:
        return ""  # the failure of the dump is what has to be told, with what else is known of it
    return written.decode("utf-8", "replace").strip()


def _path(source: Source) -> str:
    return f"/{source.name}.sql"


def _captured(source: Source, made: Backup, facts: SqlDumpFacts | None) -> Captured:
    return Captured(snapshot=made.snapshot, path=_path(source), bytes=made.bytes, added=made.added, sql_dump=facts)


def _named(program: ToolFound) -> str:
    return f"{program.name} {program.version}"


def warnings_of(source: Source, facts: MysqlFacts, program: ToolFound) -> list[Problem]:
    """What a dump of this database by this program would not be."""
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


def _dump_failed(server: Server, said: str, ended: str) -> UserError:
    return UserError(
        text("The dump of {database} failed ({ended}).", database=server.database, ended=ended),
        text("Nothing of it was kept: half a dump would look like a whole one. Older dumps are untouched."),
        text("Read below what the dump program said, and put that right.")
        if said
        else text("See whether the dump or its connection was ended, or memory ran out, then try again."),
        "mysql.dump-failed",
        said,
    )
