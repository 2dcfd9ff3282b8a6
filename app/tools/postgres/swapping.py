"""Closes databases, ends who is connected to them, and gives them other names in one moment. Everything blocks.

Databases go by their number (OID), which stays theirs under any name. What was answered is on the server's disk, even
where the server is set up not to wait for that: what follows (files exchanged, services started) relies on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.errors import LockNotAvailable, ObjectInUse, QueryCanceled
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from app.tools.postgres.facts import read_system_identifier

RENAMES_WITHIN = 2
"""Seconds that a rename may take. It waits up to five by itself for others to leave, and meanwhile new connections
hang; so it is ended sooner, the others are ended, and it is tried again."""


class Move(msgspec.Struct, frozen=True):
    """A database that gets another name."""

    oid: int
    before: str
    after: str

    @property
    def back(self) -> Move:
        """The other way round."""
        return Move(self.oid, self.after, self.before)


class Standing(msgspec.Struct, frozen=True):
    """A database that is there: its name, and whether it accepts connections."""

    name: str
    allowed: bool


class Attached(msgspec.Struct, frozen=True):
    """A session of a database; `ending` says that it was told to end, which this account may not tell everybody."""

    pid: int
    user: str
    application: str
    kind: str
    ending: bool

    def __str__(self) -> str:
        """For people: `4711 (user hydro, psql)`."""
        about = ", ".join(filter(None, (f"user {self.user}" if self.user else "", self.application or self.kind)))
        return f"{self.pid} ({about})"


class Answering(msgspec.Struct, frozen=True):
    """Who answers: the cluster's identifier ("" when this account may not know it), and whether a pooler stands
    between, behind which a session is not a session."""

    system_identifier: str
    pooled: bool


# A role may have been given limits of its own; `local` waits for this server's disk, never for a standby that is gone.
_SETTLE = """
    SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '10s', false),
           set_config('idle_in_transaction_session_timeout', '0', false),
           set_config('synchronous_commit', 'local', false), set_config('default_transaction_read_only', 'off', false)
"""


def settle(connection: psycopg.Connection[Any]) -> Answering:
    """Makes the session fit for changes, and says who answers."""
    connection.execute(_SETTLE)
    (row,) = connection.execute("SELECT pg_backend_pid()").fetchall()
    return Answering(read_system_identifier(connection), row[0] != connection.info.backend_pid)


# --- one at a time: a session whose client is gone may still be at work ----------------------------------------------

_HOLDERS = """
    SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
     WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
       AND (l.classid::bigint << 32 | l.objid::bigint) = %s AND l.pid <> pg_backend_pid()
"""


def hold(connection: psycopg.Connection[Any], key: int) -> bool:
    """Takes the lock `key` (0 to 2^63 - 1) for this session; False when another one has it."""
    (row,) = connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchall()
    return bool(row[0])


def end_holders(connection: psycopg.Connection[Any], key: int) -> None:
    """Ends the sessions that have the lock `key`; what they have committed by then counts."""
    connection.execute(_HOLDERS, (key,))


# --- what stands there ------------------------------------------------------------------------------------------------


def read_standing(connection: psycopg.Connection[Any], oids: Sequence[int]) -> dict[int, Standing]:
    """Those of these databases that are there."""
    rows = connection.execute(
        "SELECT oid::bigint, datname::text, datallowconn FROM pg_database WHERE oid = ANY(%s::oid[])", (list(oids),)
    ).fetchall()
    return {oid: Standing(name, allowed) for oid, name, allowed in rows}


def oid_of(connection: psycopg.Connection[Any], name: str) -> int:
    """The number of the database of that name; 0 where there is none."""
    row = connection.execute("SELECT oid::bigint FROM pg_database WHERE datname = %s", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def prepared(connection: psycopg.Connection[Any], oids: Sequence[int]) -> list[str]:
    """Transactions that were prepared in these databases and wait for their second phase; no session has them."""
    rows = connection.execute(
        "SELECT x.gid FROM pg_prepared_xacts x JOIN pg_database d ON d.datname = x.database"
        " WHERE d.oid = ANY(%s::oid[]) ORDER BY 1",
        (list(oids),),
    ).fetchall()
    return [gid for (gid,) in rows]


# A session that is just being let in has read that it may, and is not among the activity yet. Until it is, it holds a
# lock of its database (InitPostgres in PostgreSQL's source). So the locks are read first: who has let go of his by then
# is found among the activity.
_ENTERING = """
    SELECT DISTINCT pid, '?' AS user, '' AS application, 'entering' AS kind, true AS ending FROM pg_locks
     WHERE locktype = 'object' AND classid = 'pg_database'::regclass AND objid = ANY(%s::oid[])
       AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()
"""

# Never with pg_terminate_backend's timeout: it waits 100 ms for each session, one after the other (measured).
# Whom nobody stands for (autovacuum) an ordinary account can neither see nor end; a rename ends it itself.
_ATTACHED = """
    SELECT s.pid, coalesce(s.usename::text, '') AS user, coalesce(s.application_name, '') AS application,
           coalesce(s.backend_type, '') AS kind, CASE WHEN may.end THEN {end} ELSE false END AS ending
      FROM pg_stat_activity s
      JOIN pg_roles me ON me.rolname = current_user
      LEFT JOIN pg_roles them ON them.oid = s.usesysid
     CROSS JOIN LATERAL (SELECT me.rolsuper OR coalesce(NOT them.rolsuper AND (
           pg_has_role(s.usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE')), false) AS end) may
     WHERE s.datid = ANY(%s::oid[]) AND s.pid <> pg_backend_pid() AND (me.rolsuper OR s.usesysid IS NOT NULL)
     ORDER BY s.pid
"""


def read_attached(connection: psycopg.Connection[Any], oids: Sequence[int]) -> list[Attached]:
    """The sessions of these databases, also those that are just being let in; `ending` are those that this account
    could end."""
    return _attached(connection, SQL(_ATTACHED).format(end=SQL("true")), oids)


def end_attached(connection: psycopg.Connection[Any], oids: Sequence[int]) -> list[Attached]:
    """Tells all sessions of these databases to end, where this account may; gives those that were there.

    One that is just being let in cannot be told yet; it is among them, and is to be looked for again.
    """
    return _attached(connection, SQL(_ATTACHED).format(end=SQL("pg_terminate_backend(s.pid) IS NOT NULL")), oids)


def _attached(connection: psycopg.Connection[Any], query: Any, oids: Sequence[int]) -> list[Attached]:
    with connection.cursor(row_factory=dict_row) as cursor:
        entering = cursor.execute(_ENTERING, (list(oids),)).fetchall()
        attached = cursor.execute(query, (list(oids),)).fetchall()
    known = {one["pid"] for one in attached}
    return msgspec.convert([*attached, *(one for one in entering if one["pid"] not in known)], list[Attached])


# --- changes ----------------------------------------------------------------------------------------------------------


def allow(connection: psycopg.Connection[Any], name: str, *, allowed: bool) -> None:
    """Whether a database accepts connections; those that it has stay. Not even a superuser gets into a closed one."""
    choice = SQL("true") if allowed else SQL("false")
    connection.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(Identifier(name), choice))


def rename_all(connection: psycopg.Connection[Any], moves: Sequence[Move], statements: Sequence[str]) -> str:
    """All moves in their order, then the statements, in one transaction; gives why it could not be done just now.

    "" is done. Whoever loses the connection meanwhile does not know, and has to look.
    """
    try:
        with connection.transaction():
            connection.execute(SQL("SET LOCAL lock_timeout = {}").format(f"{RENAMES_WITHIN}s"))
            connection.execute(SQL("SET LOCAL statement_timeout = {}").format(f"{RENAMES_WITHIN}s"))
            for move in moves:
                rename = SQL("ALTER DATABASE {} RENAME TO {}")
                connection.execute(rename.format(Identifier(move.before), Identifier(move.after)))
            for statement in statements:
                connection.execute(statement.encode())
    except (LockNotAvailable, QueryCanceled, ObjectInUse) as busy:
        return str(busy).strip()
    return ""


def drop_idle(connection: psycopg.Connection[Any], name: str) -> None:
    """Removes a database that nobody is connected to, and fails where somebody is."""
    connection.execute(SQL("DROP DATABASE {}").format(Identifier(name)))


# --- TimescaleDB ------------------------------------------------------------------------------------------------------

_WORKERS = """
    SELECT n.nspname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE p.proname = 'start_background_workers' AND p.pronargs = 0
       AND n.nspname IN ('_timescaledb_functions', '_timescaledb_internal')
     ORDER BY n.nspname LIMIT 1
"""


def start_workers(connection: psycopg.Connection[Any]) -> None:
    """Starts TimescaleDB's workers of the database that is connected: a rename has stopped them for good."""
    for (schema,) in connection.execute(_WORKERS).fetchall():
        connection.execute(SQL("SELECT {}()").format(Identifier(schema, "start_background_workers")))
