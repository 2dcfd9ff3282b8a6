"""One moment of a database, held open: pg_dump dumps it, and its rows are counted in the same moment.

The tables are locked (against being changed, not against being used) from the beginning. TRUNCATE and rewriting ALTERs
do not respect snapshots: without the locks one of them between our start and pg_dump's would make counts and dump
disagree.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import msgspec
import psycopg
from psycopg import IsolationLevel
from psycopg.sql import SQL, Composed, Identifier

from app.foundation.blocking import Blocking
from app.hosts.host import Address
from app.tools.postgres.facts import DatabaseFacts, read_facts
from app.tools.postgres.server import Server
from app.tools.postgres.session import Session

LOCK_WAIT = 60
"""Seconds that a table may stay locked by somebody who changes it."""

LOCKED_AT_ONCE = 200
"""Tables in one LOCK statement."""

# As pg_dump does, and for as long as the dump takes. The last one is known from PostgreSQL 17 on.
_SETTINGS: tuple[tuple[int, SQL], ...] = (
    (0, SQL("SET search_path = ''")),
    (0, SQL("SET row_security = off")),
    (0, SQL("SET statement_timeout = 0")),
    (0, SQL("SET idle_in_transaction_session_timeout = 0")),
    (170000, SQL("SET transaction_timeout = 0")),
)

# What pg_dump takes rows from and pg_restore puts rows into: tables, partitions (not their parents, which hold none),
# unlogged ones too except on a standby. Not what belongs to an extension, foreign tables (their rows are elsewhere),
# materialized views (they are computed anew), or other sessions' temporary tables.
_TABLES = SQL("""
    SELECT n.nspname, c.relname
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r'
       AND (c.relpersistence = 'p' OR c.relpersistence = 'u' AND NOT pg_catalog.pg_is_in_recovery())
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                          AND d.objid = c.oid AND d.deptype = 'e')
     ORDER BY 1, 2
""")


class TableCount(msgspec.Struct, frozen=True):
    """The rows of one table itself, without those of its partitions or children."""

    schema: str
    table: str
    rows: int


class Counts(msgspec.Struct, frozen=True):
    """What a dump of this moment holds, so what a restore of it must hold again."""

    tables: tuple[TableCount, ...]
    large_objects: int


class ExportedSnapshot:
    """A moment of a database: an asynchronous context manager, valid until its end.

    `id` is what `pg_dump --snapshot` wants. However it is left, the connection is gone from the server afterwards.
    """

    def __init__(self, blocking: Blocking, server: Server, password: str, way: Address | None = None) -> None:
        """`password` is "" where the server asks for none; `way` is where it is reached from here, when not at its own
        address."""
        self.id = ""
        self._blocking = blocking
        self._session = Session(server, password, way)
        self._tables: Sequence[tuple[str, str]] = ()

    async def __aenter__(self) -> ExportedSnapshot:
        """Connects, exports the moment and locks its tables; raises `UserError` `postgres.…`."""
        try:
            await self._blocking.call("database", self._session.open)
            self.id, self._tables = await self._blocking.call("database", lambda: self._session.do(_begin))
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def facts(self) -> DatabaseFacts:
        """What the database says of itself."""
        return await self._blocking.call("database", lambda: self._session.do(read_facts))

    async def counts(self) -> Counts:
        """The rows of every table; takes as long as reading them all once."""
        return await self._blocking.call("database", lambda: self._session.do(self._count))

    async def close(self) -> None:
        """Ends it at once, also while it counts; does nothing the second time."""
        await asyncio.shield(self._blocking.call("database", self._session.end))

    def _count(self, connection: psycopg.Connection[Any]) -> Counts:
        return _counted(connection, self._tables)


def read_counts(connection: psycopg.Connection[Any]) -> Counts:
    """The rows of a database that nobody else uses, counted as those of a moment are; blocks."""
    _settle(connection)
    return _counted(connection, connection.execute(_TABLES).fetchall())


def _counted(connection: psycopg.Connection[Any], tables: Sequence[tuple[str, str]]) -> Counts:
    counted = [TableCount(*table, _number(connection, _count_of(*table))) for table in tables]
    large_objects = SQL("SELECT count(*) FROM pg_catalog.pg_largeobject_metadata")
    return Counts(tuple(counted), _number(connection, large_objects))


def _settle(connection: psycopg.Connection[Any]) -> None:
    for since, setting in _SETTINGS:
        if connection.info.server_version >= since:
            connection.execute(setting)


def _begin(connection: psycopg.Connection[Any]) -> tuple[str, list[tuple[str, str]]]:
    _settle(connection)
    connection.execute(SQL("SET lock_timeout = {}").format(f"{LOCK_WAIT}s"))
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    connection.autocommit = False
    (exported,) = connection.execute("SELECT pg_catalog.pg_export_snapshot()").fetchall()
    tables: list[tuple[str, str]] = connection.execute(_TABLES).fetchall()
    for first in range(0, len(tables), LOCKED_AT_ONCE):
        connection.execute(_lock_of(tables[first : first + LOCKED_AT_ONCE]))
    return exported[0], tables


def _lock_of(tables: Sequence[tuple[str, str]]) -> Composed:
    names = SQL(", ").join(SQL("ONLY {}").format(Identifier(*table)) for table in tables)
    return SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names)


def _count_of(schema: str, table: str) -> Composed:
    return SQL("SELECT count(*) FROM ONLY {}").format(Identifier(schema, table))


def _number(connection: psycopg.Connection[Any], query: SQL | Composed) -> int:
    (row,) = connection.execute(query).fetchall()
    return int(row[0])
