"""PostgreSQL: a dump of a point into a new database, made as the manifest says it was.

It is loaded under a name of ours, counted, given what belongs to it, and gets its own name last.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from app.foundation.blocking import Blocking
from app.foundation.errors import Problem, Refused, UserError
from app.foundation.words import text
from app.hosts.host import Address, Command, Ending
from app.jobs.manifest import DumpFacts
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.restore.checks import UNCHANGED, Unchecked, expect_room, unknowable
from app.jobs.sources.loading import Order, name_taken, nearby, other_counts, while_telling
from app.jobs.sources.postgresql import MAINTENANCE_DATABASE, password_name
from app.jobs.sources.private_file import private_file
from app.settings.model import Source
from app.tools.found import version_numbers
from app.tools.postgres import making
from app.tools.postgres.connected import Connected
from app.tools.postgres.facts import DatabaseFacts, read_facts
from app.tools.postgres.load import AT_ONCE, load_command, load_failed
from app.tools.postgres.making import Offers
from app.tools.postgres.programs import RESTORE, find_programs, program_for
from app.tools.postgres.roles import made_by, make, statements_for
from app.tools.postgres.server import Server, password_file
from app.tools.postgres.snapshot import Counts, ExportedSnapshot

Way = tuple[Blocking, Server, str, Address]
"""What it takes to connect."""

CLOSED_TO_US = ("postgres.database-missing", "postgres.not-allowed", "postgres.no-rights")

TIMESCALE = "timescaledb"


class PostgresqlLoader:
    """See `loading.Loader`."""

    def __init__(self, order: Order) -> None:
        self._order = order

    @property
    def staged(self) -> str:
        """The name until it is whole."""
        return staged_name(self._order.name, self._order.run)

    @property
    def _dump(self) -> DumpFacts:
        """What the manifest says of it."""
        assert self._order.entry is not None, "removing alone needs no manifest"
        assert self._order.entry.dump is not None, "what can be loaded is in the manifest"
        return self._order.entry.dump

    @property
    def _facts(self) -> DatabaseFacts:
        return self._dump.database

    async def check(self, ctx: Ctx) -> None:
        """Raises `Refused` when the server cannot take it."""
        if len(self._order.name.encode()) > making.LONGEST_NAME:
            raise _name_too_long(self._order.name)
        async with self._server(ctx) as server:
            offers = await server.do(making.read_offers)
        check_offers(self._facts, self._order.name, offers, self._makeable())

    def _makeable(self) -> set[str]:
        return made_by(statements_for(self._order.globals, self._facts.roles)) if self._order.globals else set()

    async def check_room(self, ctx: Ctx) -> None:
        """The database's size then is expected of the disk that holds the server's data."""
        async with self._server(ctx) as server:
            offers = await server.do(making.read_offers)
        host = ctx.host(self._order.source.host)
        try:
            known = offers.data_folder and nearby(self._order.source)
            if not known or await host.stat(offers.data_folder) is None:
                raise _room_unknown(self._order.source)
            await expect_room(host, offers.data_folder, self._facts.size, text("the database's size at the backup"))
        except (Refused, Unchecked):
            raise
        except UserError as error:
            raise unknowable(error) from error

    async def load(self, ctx: Ctx, dump: str, pace: Pace) -> None:
        """Makes the database, then loads."""
        async with self._server(ctx) as server:
            offers = await server.do(making.read_offers)
            await self._make_roles(server, offers)
            await server.do(lambda sql: making.create(sql, self.staged, self._facts, offers.tablespaces))
            await server.do(lambda sql: making.comment_on(sql, self.staged, _unfinished(self._order.run)))
            await self._before_loading(ctx)
            await while_telling(self._loaded(ctx, dump, offers), partial(self._size, server), self._facts.size, pace)
            await self._after_loading(ctx)

    async def _make_roles(self, server: Connected, offers: Offers) -> None:
        missing = set(self._facts.roles) - offers.roles
        if missing:
            statements = statements_for(self._order.globals, missing)
            await server.do(lambda sql: make(sql, statements))

    async def _loaded(self, ctx: Ctx, dump: str, offers: Offers) -> None:
        host = ctx.host(self._order.source.host)
        major = max(offers.major, version_numbers(self._dump.dumped_by.rpartition(" ")[2])[0])
        program = program_for(await find_programs(host, self._order.equipment.versions), RESTORE, major, host.name)
        async with self._password_on_disk(ctx) as file:
            command = load_command(program.path, self._at(self.staged), dump, file, at_once=self._at_once)
            await _run(ctx, self._order.source, self._at(self.staged), command)

    @property
    def _at_once(self) -> int:
        return 1 if self._timescale else AT_ONCE

    async def _size(self, server: Connected) -> int:
        return await server.do(lambda sql: making.size_of(sql, self.staged))

    async def compare(self, ctx: Ctx) -> None:
        """Counts every table, and gathers what the planner goes by."""
        async with self._reached(ctx, self.staged) as way, ExportedSnapshot(*way) as moment:
            counts = await moment.counts()
        if counts != self._dump.counts:
            raise _other_counts(self._order.name, self._dump.counts, counts)
        async with self._reached(ctx, self.staged) as way, Connected(*way) as database:
            await database.do(making.analyze)

    async def place(self, ctx: Ctx) -> Sequence[Problem]:
        """What belongs to it, then its name; then it is looked at once more."""
        async with self._server(ctx) as server:
            refused = await server.do(lambda sql: making.keep(sql, self.staged, self._facts))
            await server.do(lambda sql: making.rename(sql, self.staged, self._order.name))
        differing = await self._differing(ctx)
        return [_not_kept(self._order.name, differing, refused)] if differing or refused else []

    async def _differing(self, ctx: Ctx) -> list[str]:
        try:
            async with self._reached(ctx, self._order.name) as way, Connected(*way) as database:
                return making.not_kept(self._facts, await database.do(read_facts))
        except UserError as error:  # it is there, and its settings may keep this account out
            return [str(error)]

    async def remove(self, ctx: Ctx) -> None:
        """Drops what stands under the name of ours."""
        async with self._server(ctx) as server:
            await server.do(lambda sql: making.drop(sql, self.staged))

    # --- TimescaleDB: its own version of the extension first, and its own word before and after ----------------------

    @property
    def _timescale(self) -> tuple[str, str] | None:
        """The version and the schema of the extension, where the database has it."""
        return next(((one.version, one.schema) for one in self._facts.extensions if one.name == TIMESCALE), None)

    async def _before_loading(self, ctx: Ctx) -> None:
        if self._timescale is not None:
            version, schema = self._timescale
            await self._in_staged(ctx, lambda sql: making.begin_timescale(sql, version, schema))

    async def _after_loading(self, ctx: Ctx) -> None:
        if self._timescale is not None:
            _, schema = self._timescale
            await self._in_staged(ctx, lambda sql: making.end_timescale(sql, schema))

    async def _in_staged(self, ctx: Ctx, work: making.Statements) -> None:
        async with self._reached(ctx, self.staged) as way, Connected(*way) as database:
            await database.do(work)

    # --- the way there ------------------------------------------------------------------------------------------------

    def _at(self, database: str) -> Server:
        return Server(self._order.source.server, self._order.source.port, self._order.source.user, database)

    @asynccontextmanager
    async def _reached(self, ctx: Ctx, database: str) -> AsyncIterator[Way]:
        """What it takes to connect to a database, while the body runs."""
        server = self._at(database)
        at = server.address
        async with ctx.host(self._order.source.host).tunnel(at.server, at.port) as way:
            yield self._order.equipment.blocking, server, ctx.secret(password_name(self._order.source)), way

    @asynccontextmanager
    async def _server(self, ctx: Ctx) -> AsyncIterator[Connected]:
        """A connection for what concerns no database; through the live one where the usual one is closed to us."""
        async with AsyncExitStack() as stack:
            try:
                opened = await self._connected(ctx, MAINTENANCE_DATABASE, stack)
            except UserError as error:
                if error.code not in CLOSED_TO_US:
                    raise
                opened = await self._connected(ctx, self._order.source.database, stack)
            yield opened

    async def _connected(self, ctx: Ctx, database: str, stack: AsyncExitStack) -> Connected:
        way = await stack.enter_async_context(self._reached(ctx, database))
        return await stack.enter_async_context(Connected(*way))

    @asynccontextmanager
    async def _password_on_disk(self, ctx: Ctx) -> AsyncIterator[str]:
        password = ctx.secret(password_name(self._order.source))
        if not password:
            yield ""
            return
        content = password_file(password)
        async with private_file(
            ctx, self._order.source.host, f"pgpass-restore-{self._order.source.name}", content
        ) as path:
            yield path


def staged_name(name: str, run: str) -> str:
    """The name of a database that is not whole yet, by the run that makes it; cut in front where it gets too long."""
    mark = f"__restoring_{run[:8]}"
    return name.encode()[: making.LONGEST_NAME - len(mark)].decode("utf-8", "ignore") + mark


def _unfinished(run: str) -> str:
    return f"Overwinter restores into this database (run {run[:8]}); it is not whole yet"


async def _run(ctx: Ctx, source: Source, server: Server, command: Command) -> None:
    finished = await ctx.host(source.host).run(command)
    if finished.code != 0 or finished.ending is not Ending.EXITED:
        raise load_failed(server, finished)


def check_offers(facts: DatabaseFacts, name: str, offers: Offers, makeable: Collection[str]) -> None:
    """Raises `Refused` for the first thing that the server lacks, or that this account may not do there."""
    missing = sorted(set(facts.roles or (facts.owner,)) - offers.roles - set(makeable))
    if name in offers.databases:
        raise name_taken(name)
    if not offers.makes_databases:
        raise _may_not_make(offers)
    if missing:
        raise _roles_missing(missing)
    if facts.owner not in offers.grantable and facts.owner not in makeable:
        raise _may_not_give(offers, facts.owner)
    if offers.major < facts.major:
        raise _older_server(facts, offers)
    if lacking := _extensions_lacking(facts, offers):
        raise _extension_missing(lacking)


def _extensions_lacking(facts: DatabaseFacts, offers: Offers) -> list[str]:
    """Extensions that are not there at all; of TimescaleDB, whose catalogue is in the dump, the very version."""
    names = {one.partition(" ")[0] for one in offers.extensions}
    needed = [one for one in facts.extensions if one.name not in names]
    exact = [one for one in facts.extensions if one.name == TIMESCALE]
    needed += [one for one in exact if f"{one.name} {one.version}" not in offers.extensions]
    return sorted({f"{one.name} {one.version}" for one in needed})


def _name_too_long(name: str) -> Refused:
    return Refused(
        text(
            "{name} is too long for the name of a database: {count} bytes at most.",
            name=name,
            count=making.LONGEST_NAME,
        ),
        UNCHANGED,
        text("Choose a shorter name."),
        "restore.name-too-long",
    )


def _may_not_make(offers: Offers) -> Refused:
    return Refused(
        text("{user} may not make databases on that server.", user=offers.user),
        UNCHANGED,
        text('Let an administrator of the server run: ALTER ROLE "{user}" CREATEDB', user=offers.user),
        "restore.may-not-make",
    )


def _may_not_give(offers: Offers, owner: str) -> Refused:
    return Refused(
        text("{user} may not make a database that belongs to {owner}.", user=offers.user, owner=owner),
        UNCHANGED,
        text('Let an administrator of the server run: GRANT "{owner}" TO "{user}"', owner=owner, user=offers.user),
        "restore.may-not-give",
    )


def _roles_missing(missing: list[str]) -> Refused:
    return Refused(
        text("The server lacks roles that own or use something in this database: {roles}", roles=", ".join(missing)),
        text("Nothing was changed: without them the dump does not load."),
        text(
            "Create them, or add --make-roles where the roles are in the point (a source of kind postgresql-globals)."
        ),
        "restore.roles-missing",
    )


def _older_server(facts: DatabaseFacts, offers: Offers) -> Refused:
    return Refused(
        text(
            "The server is PostgreSQL {server}, and the dump is of {dump}.",
            server=offers.version,
            dump=facts.server_version,
        ),
        text("Nothing was changed: an older server does not understand the dump of a newer one."),
        text("Restore to a server of version {major} or newer.", major=facts.major),
        "restore.older-server",
    )


def _extension_missing(lacking: list[str]) -> Refused:
    return Refused(
        text("The server lacks extensions that this database uses: {extensions}", extensions=", ".join(lacking)),
        text("Nothing was changed: without them the dump does not load."),
        text("Install their packages on the server, then try again."),
        "restore.extension-missing",
    )


def _room_unknown(source: Source) -> Unchecked:
    return Unchecked(
        text("How much room the database server of {source} has cannot be told.", source=source.name),
        text("Nothing was changed. When its disk runs full meanwhile, the live databases suffer too."),
        text("Look yourself, or use an account that may read its settings (pg_read_all_settings)."),
        "restore.room-unknown",
    )


def _other_counts(name: str, expected: Counts, counted: Counts) -> UserError:
    was = {(one.schema, one.table): one.rows for one in expected.tables}
    now = {(one.schema, one.table): one.rows for one in counted.tables}
    wrong = [
        f"{table}: {was.get(table)} → {now.get(table)}"
        for table in sorted(was.keys() | now.keys())
        if was.get(table) != now.get(table)
    ]
    if expected.large_objects != counted.large_objects:
        wrong.append(f"large objects: {expected.large_objects} → {counted.large_objects}")
    return other_counts(name, wrong)


def _not_kept(name: str, differing: list[str], refused: list[str]) -> Problem:
    return Problem(
        text("Not everything that belongs to {name} is as it was: {what}", name=name, what=", ".join(differing) or "…"),
        text("All its data is there, and counted."),
        text("Set it by hand, or restore with an account that may (a superuser)."),
        "restore.not-kept",
        "\n".join(refused),
    )
