"""PostgreSQL: a dump of a point into an empty database, to its end, counted, and fit to be used."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from app.foundation.errors import Problem, Refused, UserError
from app.foundation.words import text
from app.hosts.host import Ending
from app.jobs.manifest import DumpFacts
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.restore.checks import UNCHANGED, Unchecked, expect_room, unknowable
from app.jobs.sources.loading import Order, name_taken, nearby, other_counts, while_telling
from app.jobs.sources.postgresql_way import PostgresqlWay
from app.settings.model import Source
from app.tools.found import version_numbers
from app.tools.postgres import making
from app.tools.postgres.connected import Connected
from app.tools.postgres.facts import DatabaseFacts
from app.tools.postgres.load import AT_ONCE, load_command, load_failed
from app.tools.postgres.making import TIMESCALE, Offers
from app.tools.postgres.programs import RESTORE, find_programs, program_for
from app.tools.postgres.roles import made_by, make, statements_for
from app.tools.postgres.snapshot import Counts, ExportedSnapshot


class Filling:
    """A new database `name`, made as `facts` say, and filled with what the order's dump holds."""

    def __init__(self, order: Order, name: str, facts: DatabaseFacts) -> None:
        self._order = order
        self._name = name
        self._facts = facts
        self._way = PostgresqlWay(order.source, order.equipment)

    @property
    def _dump(self) -> DumpFacts:
        return dump_of(self._order)

    async def make(self, server: Connected) -> Offers:
        """Makes the roles that are missing and may be made, then the empty database, marked as not whole yet."""
        offers = await server.do(making.read_offers)
        missing = set(self._facts.roles) - offers.roles
        if missing:
            statements = statements_for(self._order.globals, missing)
            await server.do(lambda sql: make(sql, statements))
        await server.do(lambda sql: making.create(sql, self._name, self._facts, offers.tablespaces))
        await server.do(lambda sql: making.comment_on(sql, self._name, _unfinished(self._order.run)))
        return offers

    async def load(self, ctx: Ctx, server: Connected, offers: Offers, dump: str, pace: Pace) -> None:
        """Loads the dump that stands at that path of the source's host, TimescaleDB by its own rules."""
        await self._before_loading(ctx)
        await while_telling(self._loaded(ctx, dump, offers), partial(self._size, server), self._facts.size, pace)
        await self._after_loading(ctx)

    async def _loaded(self, ctx: Ctx, dump: str, offers: Offers) -> None:
        host, database = ctx.host(self._order.source.host), self._way.at(self._name)
        major = max(offers.major, version_numbers(self._dump.dumped_by.rpartition(" ")[2])[0])
        program = program_for(await find_programs(host, self._order.equipment.versions), RESTORE, major, host.name)
        async with self._way.password_on_disk(ctx) as file:
            finished = await host.run(load_command(program.path, database, dump, file, at_once=self._at_once))
        if finished.code != 0 or finished.ending is not Ending.EXITED:
            raise load_failed(database, finished)

    @property
    def _at_once(self) -> int:
        return 1 if self._timescale else AT_ONCE

    async def _size(self, server: Connected) -> int:
        return await server.do(lambda sql: making.size_of(sql, self._name))

    async def compare(self, ctx: Ctx) -> None:
        """Counts every table, and gathers what the planner goes by. Raises `restore.other-counts`."""
        async with self._way.reached(ctx, self._name) as way, ExportedSnapshot(*way) as moment:
            counts = await moment.counts()
        if counts != self._dump.counts:
            raise _other_counts(self._order.name, self._dump.counts, counts)
        async with self._way.connected(ctx, self._name) as database:
            await database.do(making.analyze)

    # --- TimescaleDB: its own version of the extension first, and its own word before and after ----------------------

    @property
    def _timescale(self) -> tuple[str, str] | None:
        """The version and the schema of the extension, where the database has it."""
        return next(((one.version, one.schema) for one in self._facts.extensions if one.name == TIMESCALE), None)

    async def _before_loading(self, ctx: Ctx) -> None:
        if self._timescale is not None:
            version, schema = self._timescale
            async with self._way.connected(ctx, self._name) as database:
                await database.do(lambda sql: making.begin_timescale(sql, version, schema))

    async def _after_loading(self, ctx: Ctx) -> None:
        if self._timescale is not None:
            _, schema = self._timescale
            async with self._way.connected(ctx, self._name) as database:
                await database.do(lambda sql: making.end_timescale(sql, schema))


def dump_of(order: Order) -> DumpFacts:
    """What the manifest says of the order's dump."""
    assert order.entry is not None, "removing alone needs no manifest"
    assert order.entry.dump is not None, "what can be loaded is in the manifest"
    return order.entry.dump


def _unfinished(run: str) -> str:
    return f"Overwinter restores into this database (run {run[:8]}); it is not whole yet"


# --- what must be so before ------------------------------------------------------------------------------------------


def makeable(order: Order) -> set[str]:
    """The roles that the point's globals would make."""
    return made_by(statements_for(order.globals, dump_of(order).database.roles)) if order.globals else set()


async def expect_server_room(ctx: Ctx, order: Order, offers: Offers) -> None:
    """The database's size at the backup is expected of the disk that holds the server's data."""
    host, size = ctx.host(order.source.host), dump_of(order).database.size
    try:
        known = offers.data_folder and nearby(order.source)
        if not known or await host.stat(offers.data_folder) is None:
            raise _room_unknown(order.source)
        await expect_room(host, offers.data_folder, size, text("the database's size at the backup"))
    except (Refused, Unchecked):
        raise
    except UserError as error:
        raise unknowable(error) from error


def check_name(name: str) -> None:
    """Raises `Refused` for a name that PostgreSQL would cut off."""
    if len(name.encode()) > making.LONGEST_NAME:
        raise _name_too_long(name)


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


def not_kept(name: str, differing: Sequence[str], refused: Sequence[str]) -> Problem:
    return Problem(
        text("Not everything that belongs to {name} is as it was: {what}", name=name, what=", ".join(differing) or "…"),
        text("All its data is there, and counted."),
        text("Set it by hand, or restore with an account that may (a superuser)."),
        "restore.not-kept",
        "\n".join(refused),
    )
