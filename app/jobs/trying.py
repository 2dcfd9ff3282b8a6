"""Tries a connection of a site for real, as a backup would use it: a login, a database and its rights, a repository.

What is tried may not be stored yet: the site is the one of the forms, and secrets that were typed there come along.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from app.foundation.errors import Problem, Refused, UserError
from app.foundation.words import Size, Text, plural, text
from app.hosts.host import Host
from app.jobs.plan import Ctx
from app.jobs.repositories import Repositories
from app.jobs.sources.driver import Equipment
from app.jobs.sources.files import FilesDriver
from app.jobs.sources.mysql import reached_server, warnings_of
from app.jobs.sources.postgresql import (
    MAINTENANCE_DATABASE,
    fit_program,
    held_moment,
    password_name,
    without_role_passwords,
)
from app.jobs.supported import can_be_backed_up
from app.settings.model import REPOSITORY_PASSWORD, Site, Source, SourceKind
from app.settings.site_file import Examined, ReadSite
from app.tools.mysql.server import Server as MysqlServer
from app.tools.mysql.server import check_name
from app.tools.postgres.programs import DUMP, DUMP_ALL
from app.tools.postgres.server import Server
from app.tools.restic.output import Lock
from app.tools.sqlite.copying import look_at
from app.tools.sqlite.programs import find_programs, opener

NAMES_LOOKED_AT = 1000

Typed = Mapping[str, str]
"""Secrets that were typed and are not stored yet, by their names."""

Reach = Callable[[Site, Typed], AbstractAsyncContextManager[Ctx]]
"""The hosts of a site, each connected anew, with the secrets that they and its sources need."""


class Tried(msgspec.Struct, frozen=True):
    """What a trial that went well found, and what a person should know all the same."""

    said: tuple[Text, ...]
    warnings: tuple[Problem, ...] = ()


class Trials:
    """What the Test buttons ask. Whatever keeps a connection from being used is raised as in a backup."""

    def __init__(
        self,
        *,
        examined: Callable[[Mapping[str, Any]], Awaitable[Examined]],
        secret: Callable[[Site, str, Typed], Awaitable[str]],
        reach: Reach,
        here: Host,
        repositories: Repositories,
        equipment: Equipment,
    ) -> None:
        """`secret` gives what was typed or else what is stored, and raises `secrets.missing`."""
        self._examined = examined
        self._secret = secret
        self._reach = reach
        self._here = here
        self._repositories = repositories
        self._equipment = equipment

    async def host(self, document: Mapping[str, Any], name: str, typed: Typed) -> Tried:
        """Logs in to a server, starts a program there, and makes a folder for temporary files."""
        site = await self._usable(document)
        way = site.site.way_to(name)
        if not way or way[-1].secret_names() == ():
            raise _no_way(name)
        async with self._reach(site.site, {**site.secrets, **typed}) as ctx:
            host = ctx.host(name)
            facts = await host.facts()
            await ctx.scratch(name)
            free = await host.free_space("/")
        return Tried(
            (
                text("Logged in to {computer} as {user}.", computer=facts.computer, user=facts.user),
                text("Programs start there ({system} {machine}).", system=facts.system, machine=facts.machine),
                text("Temporary files can be written; {size} are free on /.", size=Size(free)),
            )
        )

    async def source(self, document: Mapping[str, Any], name: str, typed: Typed) -> Tried:
        """Reaches what is to be backed up, and sees whether all of it may be read."""
        read = await self._usable(document)
        source = next(each for each in read.site.sources if each.name == name)
        if source.kind not in _TRIED or not can_be_backed_up(read.site, source):
            raise _unsupported(source)
        async with self._reach(read.site, {**read.secrets, **typed}) as ctx:
            return await _TRIED[source.kind](ctx, source, self._equipment)

    async def repository(self, document: Mapping[str, Any], typed: Typed) -> Tried:
        """Opens the repository with its password."""
        read = await self._usable(document)
        password = await self._secret(read.site, REPOSITORY_PASSWORD, {**read.secrets, **typed})
        opened = await self._repositories.open(self._here, read.site, password)
        config = await opened.restic.config()
        locks = await opened.restic.locks()
        return Tried(
            (
                text("The repository answers, and the password opens it."),
                text("Its id is {id}, its format {version}.", id=config.id[:8], version=config.version),
                *(_held(lock) for lock in locks),
            )
        )

    async def _usable(self, document: Mapping[str, Any]) -> ReadSite:
        found = await self._examined(document)
        if found.read is None:
            fault = found.faults[0]
            raise Refused(
                fault.what,
                text("Nothing was tried."),
                fault.remedy,
                f"site.{fault.code}",
                ".".join(map(str, fault.where)),
            )
        return found.read


def _held(lock: Lock) -> Text:
    return text("{user} on {computer} works with it now.", user=lock.username, computer=lock.hostname)


async def _try_postgresql(ctx: Ctx, source: Source, equipment: Equipment) -> Tried:
    """The moment that a dump is taken in: for it every table is locked, which takes the right to read it."""
    server = Server(source.server, source.port, source.user, source.database)
    async with held_moment(ctx, source, equipment, server, ctx.secret(password_name(source))) as moment:
        facts = await moment.facts()
    program = await fit_program(ctx, source, equipment, DUMP, facts)
    return Tried(
        (
            text("PostgreSQL {version} answers, and the login is right.", version=facts.server_version),
            text("All of {database} may be read; it takes {size}.", database=facts.database, size=Size(facts.size)),
            _dumped_by(program.name, program.version),
        )
    )


async def _try_globals(ctx: Ctx, source: Source, equipment: Equipment) -> Tried:
    server = Server(source.server, source.port, source.user, source.database or MAINTENANCE_DATABASE)
    async with held_moment(ctx, source, equipment, server, ctx.secret(password_name(source))) as moment:
        facts = await moment.facts()
    program = await fit_program(ctx, source, equipment, DUMP_ALL, facts)
    said = (
        text("PostgreSQL {version} answers, and the login is right.", version=facts.server_version),
        _dumped_by(program.name, program.version),
    )
    return Tried(said, () if facts.reads_role_passwords else (without_role_passwords(source),))


async def _try_mysql(ctx: Ctx, source: Source, equipment: Equipment) -> Tried:
    check_name(source.database)
    server = MysqlServer(source.server, source.port, source.user, source.database)
    async with reached_server(ctx, source, equipment, server) as reached:
        answer = await reached.client.database()
        answer.check_rights()
        warnings = warnings_of(source, answer.facts, reached.program)
    facts, program = answer.facts, reached.program
    return Tried(
        (
            text("{server} answers, and the login is right.", server=facts.server_version),
            text("All of {database} may be read; it takes {size}.", database=facts.database, size=Size(facts.size)),
            _dumped_by(program.name, program.version),
        ),
        tuple(warnings),
    )


async def _try_accounts(ctx: Ctx, source: Source, equipment: Equipment) -> Tried:
    server = MysqlServer(source.server, source.port, source.user, "mysql")
    async with reached_server(ctx, source, equipment, server) as reached:
        answer = await reached.client.database()
        answer.check_rights()
    said = text("{server} answers, and the login is right.", server=answer.facts.server_version)
    return Tried((said, _dumped_by(reached.program.name, reached.program.version)))


async def _try_sqlite(ctx: Ctx, source: Source, equipment: Equipment) -> Tried:
    host = ctx.host(source.host)
    program = opener(await find_programs(host, equipment.python, equipment.versions), host.name)
    size = await look_at(host, program, source.database, await ctx.scratch(source.host))
    return Tried(
        (
            text("The database opens; it takes {size}.", size=Size(size)),
            text("{program} with SQLite {version} copies it.", program=program.tool.name, version=program.tool.version),
        )
    )


async def _try_files(ctx: Ctx, source: Source, equipment: Equipment) -> Tried:
    host = ctx.host(source.host)
    present, absent = await FilesDriver(source, equipment).parts(host)
    if source.include:
        said = plural("{count} of the named parts is there.", "{count} of the named parts are there.", len(present))
        return Tried((said,), (_absent(source, absent),) if absent else ())
    listed = await host.entries(source.root, NAMES_LOOKED_AT)
    count = len(listed.entries)
    if listed.cut:
        return Tried((text("The folder may be read; there are more than {count} names in it.", count=count),))
    return Tried(
        (
            plural(
                "The folder may be read; {count} name is in it.",
                "The folder may be read; {count} names are in it.",
                count,
            ),
        )
    )


async def _try_records(_ctx: Ctx, _source: Source, _equipment: Equipment) -> Tried:
    return Tried((text("These records are on this computer, and open."),))


_TRIED: Mapping[SourceKind, Callable[[Ctx, Source, Equipment], Awaitable[Tried]]] = {
    SourceKind.POSTGRESQL: _try_postgresql,
    SourceKind.POSTGRESQL_GLOBALS: _try_globals,
    SourceKind.MYSQL: _try_mysql,
    SourceKind.MYSQL_USERS: _try_accounts,
    SourceKind.SQLITE: _try_sqlite,
    SourceKind.FILES: _try_files,
    SourceKind.RECORDS: _try_records,
}


def _dumped_by(program: str, version: str) -> Text:
    return text("{program} {version} is there to dump it.", program=program, version=version)


def _absent(source: Source, absent: list[str]) -> Problem:
    return Problem(
        text("Some of the named parts of {source} are not there, such as {path}.", source=source.name, path=absent[0]),
        text("A backup takes the others, and says that these are missing."),
        text("Correct the list, or see that the disk is mounted."),
        "source.parts-missing",
        "\n".join(absent),
    )


def _unsupported(source: Source) -> UserError:
    return Refused(
        text("This version cannot reach or back up {source} yet.", source=source.name),
        text("It is left out of backups while it is switched off."),
        text("Switch it off, or update Overwinter."),
        "source.kind-unsupported",
    )


def _no_way(host: str) -> UserError:
    return Refused(
        text("This version has no way into the container {host} yet.", host=host),
        text("Nothing was started there."),
        text("Update Overwinter when it has one; what is in the container cannot be backed up until then."),
        "host.kind-unsupported",
    )
