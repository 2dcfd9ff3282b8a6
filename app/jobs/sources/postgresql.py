"""A PostgreSQL database: pg_dump as restic's child, in a moment that is held still while its rows are counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, TypeVar

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Host
from app.jobs.manifest import DumpFacts
from app.jobs.plan import Ctx
from app.jobs.sources.driver import Captured, Equipment, Intake
from app.settings.model import Source
from app.tools.found import ToolFound
from app.tools.postgres.dump import dump_command
from app.tools.postgres.errors import from_words
from app.tools.postgres.programs import DUMP, find_programs, program_for
from app.tools.postgres.server import Server, password_file
from app.tools.postgres.snapshot import ExportedSnapshot
from app.tools.restic.backup import Backup, Headway, Label
from app.tools.restic.errors import DumpFailed

T = TypeVar("T")


class PostgresqlDriver:
    """Takes one database as `/<source>.dump`, in pg_dump's custom format."""

    def __init__(self, source: Source, equipment: Equipment) -> None:
        self._source = source
        self._equipment = equipment
        self._server = Server(source.server, source.port, source.user, source.database)

    async def capture(self, ctx: Ctx, intake: Intake) -> Captured:
        """One snapshot that holds the dump. A dump that fails half-way makes none."""
        host = ctx.host(self._source.host)
        password = ctx.secret(f"source:{self._source.name}:password")
        async with ExportedSnapshot(self._equipment.blocking, self._server, password) as moment:
            facts = await moment.facts()
            found = await find_programs(host, self._equipment.versions)
            program = program_for(found, DUMP, facts.major, host.name)
            async with _password_on_disk(host, await ctx.scratch(host.name), self._source.name, password) as file:
                command = dump_command(program.path, self._server, moment.id, file)
                made, counts = await both(self._dump(intake, command), moment.counts())
        dumped = DumpFacts(dumped_by=_named(program), database=facts, counts=counts)
        return Captured(snapshot=made.snapshot, path=self._path, bytes=made.bytes, added=made.added, dump=dumped)

    @property
    def _path(self) -> str:
        return f"/{self._source.name}.dump"

    async def _dump(self, intake: Intake, command: Command) -> Backup:
        label = Label(self._source.host, intake.tags)
        try:
            return await intake.restic.backup_output(command, self._path, label, lambda seen: _tell(intake, seen))
        except DumpFailed as failed:
            raise from_words(self._server, failed.said) or _dump_failed(self._server, failed) from failed


def _tell(intake: Intake, seen: Headway) -> None:
    intake.pace.tell(seen.bytes)


def _named(program: ToolFound) -> str:
    return f"{program.name} {program.version}"


def _dump_failed(server: Server, failed: DumpFailed) -> UserError:
    return UserError(
        text("The dump of {database} failed ({ended}).", database=server.database, ended=failed.ended),
        text("Nothing of it was kept: half a dump would look like a whole one. Older dumps are untouched."),
        text("Read below what pg_dump said, and put that right."),
        "postgres.dump-failed",
        failed.said,
    )


@asynccontextmanager
async def _password_on_disk(host: Host, folder: str, source: str, password: str) -> AsyncIterator[str]:
    """A file for PGPASSFILE (0600, in the run's own folder) while the body runs; "" where there is no password."""
    if not password:
        yield ""
        return
    windows = not PurePosixPath(folder).is_absolute()
    path = str((PureWindowsPath if windows else PurePosixPath)(folder) / f"pgpass-{source}")
    try:
        await host.write_durably(path, password_file(password))
        yield path
    finally:
        await host.remove_tree(path)


async def both(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, Any]) -> tuple[T, Any]:
    """The results of two things done at once; when one fails the other is ended, and that failure is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            one, other = group.create_task(first), group.create_task(second)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return one.result(), other.result()
