"""One moment of a database, held open: pg_dump dumps it, and its rows are counted in the same moment.

The tables are locked (against being changed, not against being used) from the beginning. TRUNCATE and rewriting ALTERs
do not respect snapshots: without the locks one of them between our start and pg_dump's would make counts and dump
disagree.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

import msgspec
import psycopg
from psycopg import IsolationLevel
from psycopg.sql import SQL, Composed, Identifier, Literal

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


# Of small tables alone, since every row is made text: settings, users, nodes, recipes. They tell databases apart that
# have the same tables with as many rows each.
SMALL = 1024 * 1024
SMALL_IN_ALL = 8 * 1024 * 1024
"""Bytes."""

_TEXT_IS_STABLE = 120000
"""From this version on a float's text is the shortest that stands for it, whatever the settings."""

_TEXT_SETTINGS = (
    SQL("SET DateStyle = 'ISO, YMD'"),
    SQL("SET IntervalStyle = 'postgres'"),
    SQL("SET TimeZone = 'UTC'"),
    SQL("SET extra_float_digits = 1"),
    SQL("SET bytea_output = 'hex'"),
    SQL("SET lc_monetary = 'C'"),
)

_SIZE = SQL("SELECT pg_catalog.pg_table_size({}::pg_catalog.regclass)")

# Seven bytes of each row's SHA-256, added up.
_CHECKSUM = SQL("""
    SELECT coalesce(sum(('x' || encode(substr(s.hash, 1, 7), 'hex'))::bit(56)::bigint), 0)::text
      FROM (SELECT sha256(convert_to({row}::text, getdatabaseencoding())) AS hash FROM ONLY {table} AS {row}) AS s
""")
_ROW = "one row of overwinter's"


class TableCount(msgspec.Struct, frozen=True):
    """The rows of one table itself, without those of its partitions or children."""

    schema: str
    table: str
    rows: int


class TableChecksum(msgspec.Struct, frozen=True):
    """What the rows of one table add up to, whatever their order."""

    schema: str
    table: str
    checksum: str


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

    async def checksums(self) -> tuple[TableChecksum, ...]:
        """What the rows of the small tables add up to; takes a second at most."""
        return await self._blocking.call("database", lambda: self._session.do(_small_checksums))

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


def _small_checksums(connection: psycopg.Connection[Any]) -> tuple[TableChecksum, ...]:
    if connection.info.server_version < _TEXT_IS_STABLE:
        return ()
    left, small = SMALL_IN_ALL, []
    for table in connection.execute(_TABLES).fetchall():
        size = _number(connection, _SIZE.format(Literal(_named(*table))))
        if size <= min(SMALL, left):
            small.append(table)
            left -= size
    return read_checksums(connection, small)


def _named(schema: str, table: str) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in (schema, table))


def read_checksums(connection: psycopg.Connection[Any], tables: Iterable[tuple[str, str]]) -> tuple[TableChecksum, ...]:
    """What the rows of these tables add up to; blocks."""
    for setting in _TEXT_SETTINGS:
        connection.execute(setting)
    return tuple(TableChecksum(*table, _checksum(connection, *table)) for table in tables)


def _checksum(connection: psycopg.Connection[Any], schema: str, table: str) -> str:
    (row,) = connection.execute(_CHECKSUM.format(row=Identifier(_ROW), table=Identifier(schema, table))).fetchall()
    return str(row[0])


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
