"""PostgreSQL: a dump of a point into a shadow database beside the live one, until it can take its place.

The shadow is made as the live database is (locale, encoding, owner, tablespace); where there is none, as the manifest
says. It refuses connections from the end of staging on. What belongs to a database but is in no dump of it is carried
over in the transaction that renames; what the server would refuse of that is tried before, and told.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import msgspec
import psycopg

from app.foundation.errors import Problem, Refused, UserError
from app.foundation.words import text
from app.jobs.cutover.plan import Kept
from app.jobs.effects.every import AnyEffect
from app.jobs.effects.names import before_name, shadow_name
from app.jobs.effects.postgresql import (
    LEAVES_WITHIN,
    CloseDatabase,
    DatabaseServer,
    DropDatabase,
    OpenDatabase,
    SwapDatabases,
    emptied,
    key_of,
    pooled,
    prepared_transactions,
)
from app.jobs.effects.postgresql_change import DatabaseChange
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.restore.checks import UNCHANGED, Check, Unchecked
from app.jobs.sources.loading import Order, name_taken
from app.jobs.sources.postgresql import password_name
from app.jobs.sources.postgresql_filling import (
    Filling,
    check_offers,
    dump_of,
    expect_server_room,
    makeable,
    not_kept,
)
from app.jobs.sources.postgresql_way import PostgresqlWay
from app.tools.postgres import making, swapping
from app.tools.postgres.connected import Connected
from app.tools.postgres.facts import DatabaseFacts
from app.tools.postgres.making import LONGEST_NAME, TIMESCALE, Offers
from app.tools.postgres.surroundings import Surroundings, is_restoring, read_surroundings
from app.tools.postgres.swapping import Move

LIKE_LIVE = (
    *("owner", "encoding", "collation", "character_type", "locale_provider", "locale", "icu_rules", "tablespace"),
    *("connection_limit", "access", "comment", "settings"),
)
"""What the live database decides where there is one: it is what the site works with today."""


class StagedPostgresql(msgspec.Struct, frozen=True):
    """A shadow that can take the live one's place; `remove` is for when it is not to.

    `kept_from` says where settings and privileges are taken from, `problems` what of them could not be kept.
    """

    source: str
    change: DatabaseChange
    remove: DropDatabase
    kept_from: Literal["live", "point"]
    problems: tuple[Problem, ...] = ()

    @property
    def host(self) -> str:
        """The host of its server."""
        return self.remove.at.host

    @property
    def prepare(self) -> tuple[AnyEffect, ...]:
        """Nothing."""
        return ()

    @property
    def close(self) -> tuple[CloseDatabase, ...]:
        """Nobody is let into the live one, where there is one."""
        return (self.change.close,) if self.change.close is not None else ()

    @property
    def exchange(self) -> tuple[SwapDatabases, ...]:
        """Both names in one transaction."""
        return (self.change.swap,)

    @property
    def open(self) -> tuple[OpenDatabase, ...]:
        """Everybody is let into the new one."""
        return (self.change.open,)

    @property
    def kept(self) -> tuple[Kept, ...]:
        """The live one, where there was one."""
        old = self.change.swap.moves[:-1]
        return tuple(Kept(host=self.host, name=move.after, fact=move.oid, source=self.source) for move in old)


class PostgresqlSwap:
    """One database of a point on its way to its own name; the order's `name` is that of the live one."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._way = PostgresqlWay(order.source, order.equipment)

    @property
    def staged(self) -> str:
        """The shadow's name."""
        return shadow_name(self._order.name, self._order.run)

    @property
    def target(self) -> str:
        """The live one, and its server."""
        source = self._order.source
        return f"{source.server}:{source.port}/{self._order.name}"

    @property
    def _before(self) -> str:
        return before_name(self._order.name, self._order.run)

    @property
    def _point(self) -> DatabaseFacts:
        return dump_of(self._order).database

    # --- what must be so ----------------------------------------------------------------------------------------------

    def checks(self) -> list[Check]:
        """What is to be looked at, before and again in the run; none changes anything.

        Left open they can be accepted, but for `database` and `database-identity`.
        """
        return [
            Check("database", self._check),
            Check("database-identity", self._check_identity),
            Check("database-space", self._check_room),
            Check("database-sessions", self._check_sessions),
            Check("database-replication", self._check_replication),
            Check("database-closed", self._check_closed),
            Check("database-restoring", self._check_restoring),
        ]

    async def _check(self, ctx: Ctx) -> None:
        """It answers, and can do it: rights, names, roles, extensions, version, no transaction that was prepared."""
        if len(self.staged.encode()) > LONGEST_NAME:
            raise _too_long(self._order.name, len(self.staged) - len(self._order.name))
        around, offers = await self._look(ctx)
        if around.answering.pooled:
            raise pooled(self._order.source.server)
        if around.standby:
            raise _standby(self._order.source.server)
        if self._before in offers.databases:
            raise name_taken(self._before)
        check_offers(self._facts(around), self.staged, offers, makeable(self._order))
        if around.prepared:
            raise prepared_transactions(self._order.name, around.prepared)

    async def _check_identity(self, ctx: Ctx) -> None:
        """The cluster that answers is the one that the point was made from."""
        around, _ = await self._look(ctx)
        found, expected = around.answering.system_identifier, self._point.system_identifier
        if not found or not expected:
            raise _identity_unknown(self._order.name)
        if found != expected:
            raise _other_server(self._order.name, found, expected)

    async def _check_room(self, ctx: Ctx) -> None:
        """The shadow stands beside the live database, which stays."""
        _, offers = await self._look(ctx)
        await expect_server_room(ctx, self._order, offers)

    async def _check_sessions(self, ctx: Ctx) -> None:
        """Who is in the live database now can be ended by this account."""
        around, offers = await self._look(ctx)
        staying = [str(one) for one in around.attached if not one.ending]
        if staying:
            raise _sessions_stay(self._order.name, offers.user, staying)

    async def _check_replication(self, ctx: Ctx) -> None:
        """Slots and subscriptions stay with the old database, by its number."""
        around, _ = await self._look(ctx)
        if around.slots or around.subscriptions:
            raise _replicated(self._order.name, around.slots, around.subscriptions)

    async def _check_closed(self, ctx: Ctx) -> None:
        around, _ = await self._look(ctx)
        if not around.allowed:
            raise _closed(self._order.name)

    async def _check_restoring(self, ctx: Ctx) -> None:
        around, _ = await self._look(ctx)
        if around.restoring:
            raise _restoring(self._order.name)

    async def _look(self, ctx: Ctx) -> tuple[Surroundings, Offers]:
        async with self._way.beside(ctx) as (server, _):
            return await self._around(server), await server.do(making.read_offers)

    async def _around(self, server: Connected) -> Surroundings:
        return await server.do(partial(read_surroundings, name=self._order.name))

    def _facts(self, around: Surroundings) -> DatabaseFacts:
        """What the new database is to be like: the point's, and of the live one what the site works with today."""
        if around.facts is None:
            return self._point
        return msgspec.structs.replace(self._point, **{name: getattr(around.facts, name) for name in LIKE_LIVE})

    async def exists(self, ctx: Ctx) -> bool:
        """Whether there is a live one."""
        async with self._way.server(ctx) as server:
            return bool(await server.do(partial(swapping.oid_of, name=self._order.name)))

    # --- staging ------------------------------------------------------------------------------------------------------

    async def load(self, ctx: Ctx, dump: str, pace: Pace) -> None:
        """Makes the shadow and loads the dump that stands at that path of the source's host."""
        async with self._way.beside(ctx) as (server, _):
            filling = self._filling(self._facts(await self._around(server)))
            offers = await filling.make(server)
            await filling.load(ctx, server, offers, dump, pace)

    async def compare(self, ctx: Ctx) -> None:
        """Counts every table, and gathers what the planner goes by. Raises `restore.other-counts`."""
        await self._filling(self._point).compare(ctx)

    def _filling(self, facts: DatabaseFacts) -> Filling:
        return Filling(self._order, self.staged, facts)

    async def settle(self, ctx: Ctx) -> StagedPostgresql:
        """Closes the shadow, and says what takes it to the live name; may be asked again, such as on another day.

        Raises `Refused` `restore.load-not-ended` where TimescaleDB still waits for the end of a load.
        """
        async with self._way.beside(ctx) as (server, base):
            around = await self._around(server)
            if await server.do(partial(is_restoring, name=self.staged)):
                raise _load_not_ended(self.staged)
            facts = self._facts(around)
            refused = await server.do(partial(making.refusals, name=self.staged, facts=facts))
            statements = await server.do(lambda sql: _statements(sql, self._order.name, facts, refused))
            shadow = await self._closed(server)
        at = self._at(base, around)
        problems = (not_kept(self._order.name, (), list(refused.values())),) if refused else ()
        return self._staged(at, around, shadow, statements, problems)

    async def _closed(self, server: Connected) -> int:
        """The shadow's number; nobody is in it and nobody gets in. What was loaded is on the disk with that."""
        shadow = await server.do(partial(swapping.oid_of, name=self.staged))
        if not shadow:
            raise _shadow_gone(self.staged)
        await server.do(partial(swapping.allow, name=self.staged, allowed=False))
        await emptied(server, (shadow,), self.staged, LEAVES_WITHIN)
        return shadow

    def _at(self, base: str, around: Surroundings) -> DatabaseServer:
        source = self._order.source
        system = around.answering.system_identifier
        where = (source.host, source.server, source.port, source.user)
        return DatabaseServer(*where, base, password_name(source), system, key_of(self._order.run))

    def _staged(
        self, at: DatabaseServer, around: Surroundings, shadow: int, statements: Sequence[str],
        problems: tuple[Problem, ...]
    ) -> StagedPostgresql:  # fmt: skip
        name, close = self._order.name, None
        workers = any(one.name == TIMESCALE for one in self._point.extensions)
        moves = [Move(shadow, self.staged, name)]
        if around.oid:
            moves.insert(0, Move(around.oid, name, self._before))
            close = CloseDatabase(at, name, around.oid, around.allowed, workers)
        swap = SwapDatabases(at, tuple(moves), tuple(statements))
        change = DatabaseChange(close, swap, OpenDatabase(at, name, shadow, workers))
        return StagedPostgresql(
            self._order.source.name,
            change,
            DropDatabase(at, self.staged, shadow),
            "live" if around.oid else "point",
            problems,
        )

    async def remove(self, ctx: Ctx) -> None:
        """Drops the shadow, whatever it holds. Nothing there is success."""
        async with self._way.server(ctx) as server:
            await server.do(partial(making.drop, name=self.staged))


def _statements(
    connection: psycopg.Connection[Any], name: str, facts: DatabaseFacts, refused: dict[int, str]
) -> list[str]:
    groups = making.belonging(connection, name, facts)
    done = [group for number, group in enumerate(groups) if number not in refused]
    return [statement.as_string(connection) for group in done for statement in group]


# --- what a person is told -------------------------------------------------------------------------------------------


def _too_long(name: str, added: int) -> Refused:
    return Refused(
        text("{name} is too long a name for this: {count} bytes at most.", name=name, count=LONGEST_NAME - added),
        text("Nothing was changed: a second database of that name with a mark at its end must stand beside it."),
        text("Rename the database, or restore it as a new one: --mode database:NAME"),
        "restore.name-too-long",
    )


def _standby(server: str) -> Refused:
    return Refused(
        text("The PostgreSQL at {server} is a standby, which takes no writes.", server=server),
        UNCHANGED,
        text("Name its primary in the site file."),
        "restore.standby",
    )


def _identity_unknown(name: str) -> UserError:
    return UserError(
        text("Whether this is the server that {database} was backed up from cannot be told.", database=name),
        text("Nothing was changed: the restore would replace a database that may be another site's."),
        text("Let the account run pg_control_system(), or say which server is meant: --onto-other"),
        "restore.identity-unknown",
    )


def _other_server(name: str, found: str, expected: str) -> Refused:
    return Refused(
        text("This is not the server that {database} was backed up from.", database=name),
        text("Nothing was changed: the restore would replace another server's database."),
        text("Correct the site file; if this server is meant to have it, say so: --onto-other"),
        "restore.other-server",
        f"system identifier {found}, in the point {expected}",
    )


def _sessions_stay(name: str, user: str, who: Sequence[str]) -> Unchecked:
    return Unchecked(
        text("{user} may not end these sessions of {database}: {who}", user=user, database=name, who="; ".join(who)),
        text("Nothing was changed. Are they still there at the cutover, everything goes back as it was."),
        text(
            'Close them, or use a superuser (for sessions of others: GRANT pg_signal_backend TO "{user}").', user=user
        ),
        "restore.sessions-stay",
    )


def _replicated(name: str, slots: Sequence[str], subscriptions: Sequence[str]) -> Unchecked:
    return Unchecked(
        text("{database} takes part in logical replication: {names}", database=name,
             names=", ".join((*slots, *subscriptions))),
        text("Nothing was changed. Slots and subscriptions stay with the old database and have to be made anew; until"
             " then a slot keeps the server's WAL, and a subscription keeps the old database from being dropped."),
        text("Remove them before, and make them anew afterwards."),
        "restore.replicated",
        f"slots: {', '.join(slots) or '-'}; subscriptions: {', '.join(subscriptions) or '-'}",
    )  # fmt: skip


def _closed(name: str) -> Unchecked:
    return Unchecked(
        text("{database} accepts no connections: somebody has closed it.", database=name),
        text("Nothing was changed. After the restore the database of that name is open."),
        text("See whether a restore is unfinished: overwinter recover; or open it with ALLOW_CONNECTIONS true."),
        "restore.database-closed",
    )


def _restoring(name: str) -> Unchecked:
    return Unchecked(
        text("A load into {database} was begun and never ended (timescaledb.restoring is on).", database=name),
        text("Nothing was changed. Somebody may be restoring into it by hand."),
        text("Wait for them, or end it: SELECT timescaledb_post_restore();"),
        "restore.database-restoring",
    )


def _load_not_ended(name: str) -> Refused:
    return Refused(
        text("The load into {database} was not ended (timescaledb.restoring is on).", database=name),
        text("The live database is as it was; this one is not put in its place."),
        text("Restore again; what was staged is removed."),
        "restore.load-not-ended",
    )


def _shadow_gone(name: str) -> UserError:
    return UserError(
        text("The staged database {name} is gone.", name=name),
        text("The live database is as it was."),
        text("See in the server's log who dropped it, then restore again."),
        "restore.shadow-gone",
    )
