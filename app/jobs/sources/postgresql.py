"""PostgreSQL: a database by pg_dump in a moment that is held still while its rows are counted; roles by pg_dumpall.

Both run as restic's child on the source's host, so no data passes through here and half a dump makes no snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from app.foundation.errors import Problem, UserError
from app.foundation.events import Warned
from app.foundation.words import text
from app.hosts.host import Command
from app.jobs.manifest import DumpFacts
from app.jobs.plan import Ctx
from app.jobs.sources.driver import Captured, Equipment, Intake
from app.jobs.sources.private_file import private_file
from app.jobs.sources.read_again import check_whole
from app.settings.model import Source
from app.tools.found import ToolFound
from app.tools.postgres.dump import WrittenRoles, dump_command, globals_command
from app.tools.postgres.errors import from_words
from app.tools.postgres.facts import DatabaseFacts
from app.tools.postgres.programs import DUMP, DUMP_ALL, find_programs, program_for
from app.tools.postgres.server import Server, password_file
from app.tools.postgres.snapshot import Counts, ExportedSnapshot, TableChecksum
from app.tools.restic.backup import Backup, Headway, Label
from app.tools.restic.errors import DumpFailed

T = TypeVar("T")

MAINTENANCE_DATABASE = "postgres"
"""The database that every server has, for what belongs to no other."""


class PostgresqlDriver:
    """Takes one database as `/<source>.dump`, in pg_dump's custom format."""

    def __init__(self, source: Source, equipment: Equipment) -> None:
        self._source = source
        self._equipment = equipment
        self._server = Server(source.server, source.port, source.user, source.database)

    async def capture(self, ctx: Ctx, intake: Intake) -> Captured:
        """One snapshot that holds the dump. A dump that fails half-way makes none."""
        password = ctx.secret(password_name(self._source))
        async with held_moment(ctx, self._source, self._equipment, self._server, password) as moment:
            facts = await moment.facts()
            program = await fit_program(ctx, self._source, self._equipment, DUMP, facts)
            async with _password_on_disk(ctx, self._source, password) as file:
                command = dump_command(program.path, self._server, moment.id, file)
                taking = _take_output(self._source, self._server, intake, command, self._path)
                made, (counts, checksums) = await both(taking, _counted(moment))
        dumped = DumpFacts(dumped_by=_named(program), database=facts, counts=counts, checksums=checksums)
        return Captured(snapshot=made.snapshot, path=self._path, bytes=made.bytes, added=made.added, dump=dumped)

    @property
    def _path(self) -> str:
        return f"/{self._source.name}.dump"


class GlobalsDriver:
    """Takes what belongs to the whole server as `/<source>.sql`: roles, memberships, tablespaces."""

    def __init__(self, source: Source, equipment: Equipment) -> None:
        self._source = source
        self._equipment = equipment
        self._server = Server(source.server, source.port, source.user, source.database or MAINTENANCE_DATABASE)

    async def capture(self, ctx: Ctx, intake: Intake) -> Captured:
        """One snapshot; where the account may not read the roles' passwords they are left out, with a warning."""
        password = ctx.secret(password_name(self._source))
        async with held_moment(ctx, self._source, self._equipment, self._server, password) as moment:
            facts = await moment.facts()
        program = await fit_program(ctx, self._source, self._equipment, DUMP_ALL, facts)
        if not facts.reads_role_passwords:
            ctx.emit(Warned(warning=without_role_passwords(self._source)))
        path = f"/{self._source.name}.sql"
        async with _password_on_disk(ctx, self._source, password) as file:
            command = globals_command(program.path, self._server, file, with_passwords=facts.reads_role_passwords)
            made = await _take_output(self._source, self._server, intake, command, path)
        await check_whole(ctx, intake, made, path, WrittenRoles())
        return Captured(snapshot=made.snapshot, path=path, bytes=made.bytes, added=made.added)


@asynccontextmanager
async def held_moment(
    ctx: Ctx, source: Source, equipment: Equipment, server: Server, password: str
) -> AsyncIterator[ExportedSnapshot]:
    """A moment of the database, asked from this computer through whatever leads to the source's host."""
    at = server.address
    async with (
        ctx.host(source.host).tunnel(at.server, at.port) as way,
        ExportedSnapshot(equipment.blocking, server, password, way) as moment,
    ):
        yield moment


async def _counted(moment: ExportedSnapshot) -> tuple[Counts, tuple[TableChecksum, ...]]:
    return await moment.counts(), await moment.checksums()


def password_name(source: Source) -> str:
    """The name of the source's secret."""
    return f"source:{source.name}:password"


async def fit_program(ctx: Ctx, source: Source, equipment: Equipment, name: str, facts: DatabaseFacts) -> ToolFound:
    """The program of the source's host that fits the server; raises `postgres.client-missing`, `.client-older`."""
    host = ctx.host(source.host)
    return program_for(await find_programs(host, equipment.versions), name, facts.major, host.name)


async def _take_output(source: Source, server: Server, intake: Intake, command: Command, path: str) -> Backup:
    label = Label(source.host, intake.tags)
    try:
        return await intake.restic.backup_output(command, path, label, lambda seen: _tell(intake, seen))
    except DumpFailed as failed:
        raise from_words(server, failed.said) or _dump_failed(server, failed) from failed


def _tell(intake: Intake, seen: Headway) -> None:
    intake.pace.tell(seen.bytes)


def _named(program: ToolFound) -> str:
    return f"{program.name} {program.version}"


def _dump_failed(server: Server, failed: DumpFailed) -> UserError:
    return UserError(
        text("The dump of {database} failed ({ended}).", database=server.database, ended=failed.ended),
        text("Nothing of it was kept: half a dump would look like a whole one. Older dumps are untouched."),
        text("Read below what pg_dump said, and put that right.")
        if failed.said
        else text("See whether somebody ended pg_dump or the computer ran out of memory, then try again."),
        "postgres.dump-failed",
        failed.said,
    )


def without_role_passwords(source: Source) -> Problem:
    """What it means that the account may not read the roles' passwords."""
    return Problem(
        text("{source} was taken without the passwords of the roles.", source=source.name),
        text("After a restore on a bare server the roles cannot log in before they get new passwords."),
        text("Name an account that may read them (a superuser) in the site's settings."),
        "postgres.no-role-passwords",
    )


@asynccontextmanager
async def _password_on_disk(ctx: Ctx, source: Source, password: str) -> AsyncIterator[str]:
    """A file for PGPASSFILE (0600, in the run's own folder) while the body runs; "" where there is no password."""
    if not password:
        yield ""
        return
    async with private_file(ctx, source.host, f"pgpass-{source.name}", password_file(password)) as path:
        yield path


async def both(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, Any]) -> tuple[T, Any]:
    """The results of two things done at once; when one fails the other is ended, and that failure is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            one, other = group.create_task(first), group.create_task(second)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return one.result(), other.result()
