"""What a server says around a database that is to be replaced: who is in it, and what hangs on it. It blocks."""

from __future__ import annotations

from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from app.tools.postgres.facts import DatabaseFacts, read_outside
from app.tools.postgres.swapping import Answering, Attached, prepared, read_attached, settle


class Surroundings(msgspec.Struct, frozen=True):
    """`facts` is None, `oid` 0, where there is no such database; then nothing hangs on it.

    `prepared` are transactions between their two phases, `slots` logical replication slots, `subscriptions` those that
    bring changes into it. `restoring` says that TimescaleDB waits for a load to end.
    """

    answering: Answering
    standby: bool
    facts: DatabaseFacts | None
    oid: int
    allowed: bool
    restoring: bool
    prepared: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    attached: tuple[Attached, ...] = ()


_ABOUT = """
    SELECT d.oid::bigint AS oid, d.datallowconn AS allowed,
           ARRAY(SELECT slot_name::text FROM pg_replication_slots WHERE database = d.datname ORDER BY 1) AS slots,
           ARRAY(SELECT subname::text FROM pg_subscription WHERE subdbid = d.oid ORDER BY 1) AS subscriptions
      FROM pg_database d WHERE d.datname = %s
"""

_RESTORING = """
    SELECT EXISTS (SELECT FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
                    WHERE d.datname = %s AND s.setrole = 0 AND 'timescaledb.restoring=on' = ANY(s.setconfig))
"""


def read_surroundings(connection: psycopg.Connection[Any], name: str) -> Surroundings:
    """Asks from another database of the server."""
    answering = settle(connection)
    (row,) = connection.execute("SELECT pg_is_in_recovery()").fetchall()
    with connection.cursor(row_factory=dict_row) as cursor:
        about = cursor.execute(_ABOUT, (name,)).fetchone()
    if about is None:
        return Surroundings(answering, row[0], None, 0, allowed=True, restoring=False)
    return Surroundings(
        answering,
        row[0],
        read_outside(connection, name),
        about["oid"],
        about["allowed"],
        is_restoring(connection, name),
        tuple(prepared(connection, (about["oid"],))),
        tuple(about["slots"]),
        tuple(about["subscriptions"]),
        tuple(read_attached(connection, (about["oid"],))),
    )


def is_restoring(connection: psycopg.Connection[Any], name: str) -> bool:
    """Whether TimescaleDB was told that a load begins, and not yet that it has ended."""
    (row,) = connection.execute(_RESTORING, (name,)).fetchall()
    return bool(row[0])
