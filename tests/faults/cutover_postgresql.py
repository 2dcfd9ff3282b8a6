"""A database of PostgreSQL that takes part in the cutovers of the matrix, on a server of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence

import psycopg

from app.jobs.cutover.plan import Kept
from app.jobs.effects.every import AnyEffect
from app.jobs.effects.names import before_name
from app.jobs.effects.postgresql import CloseDatabase, DatabaseServer, DropDatabase, OpenDatabase, SwapDatabases, key_of
from app.settings.model import THIS_COMPUTER
from app.tools.postgres.swapping import Move
from tests.faults.cutover_parts import NEW, OLD, Left, Part
from tests.real.servers.postgresql import SUPERUSER, SUPERUSER_PASSWORD, PostgresServer

LIVE, SHADOW, BEFORE, PRISTINE = "hydro", "hydro__restored", "hydro__before", "pristine"

SECRET = "source:database:password"
SECRETS = {SECRET: SUPERUSER_PASSWORD}

ROWS = {OLD: 20, NEW: 30}

QUESTIONS = 20
"""What a client asks on one connection before it connects anew."""

LEAVES_WITHIN = 10.0  # seconds

FILL = """
CREATE TABLE ident (state text);
INSERT INTO ident VALUES ('{state}');
CREATE TABLE nodes (id int PRIMARY KEY);
INSERT INTO nodes SELECT generate_series(1, {rows});
GRANT SELECT ON ident, nodes TO app
"""

END_OURS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE pid <> pg_backend_pid() AND (application_name = 'overwinter' OR datname LIKE 'hydro%')
"""
COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
NAMES = "SELECT datname, datallowconn FROM pg_database WHERE datname LIKE 'hydro%'"


class DatabasePart(Part):
    """One database, which lets nobody in while the site is exchanged. The restored one has a comment of its own."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._client: psycopg.Connection[tuple[object, ...]] | None = None
        self._asked = 0
        server.sql("CREATE ROLE app LOGIN")
        for name, state in ((LIVE, OLD), (PRISTINE, NEW)):
            server.sql(f"CREATE DATABASE {name}")
            server.sql(FILL.format(state=state, rows=ROWS[state]), name)
        server.sql(f"ALTER DATABASE {PRISTINE} ALLOW_CONNECTIONS false")
        self._old, self._new = self._oid(LIVE), 0
        ((system,),) = server.sql("SELECT system_identifier FROM pg_control_system()")
        self._system = str(system)

    def _oid(self, name: str) -> int:
        ((oid,),) = self._server.sql(f"SELECT oid::bigint FROM pg_database WHERE datname = '{name}'")
        return int(oid)

    def fresh(self, run: str) -> None:  # noqa: ARG002  the others' signature
        """The live one has its name again; the restored one, where a rollback has removed it, is copied anew."""
        with self._connect(SUPERUSER, "postgres") as server:
            server.execute("SET synchronous_commit = on")  # a case may begin with the death of the server
            _end_sessions(server)
            names = {
                int(str(oid)): name for oid, name in server.execute("SELECT oid::bigint, datname FROM pg_database")
            }
            if self._new in names and names[self._new] != SHADOW:
                server.execute(f"ALTER DATABASE {names[self._new]} RENAME TO {SHADOW}".encode())
            if names[self._old] != LIVE:
                server.execute(f"ALTER DATABASE {names[self._old]} RENAME TO {LIVE}".encode())
            if self._new not in names:
                server.execute(f"CREATE DATABASE {SHADOW} TEMPLATE {PRISTINE}".encode())
            server.execute(f"ALTER DATABASE {SHADOW} ALLOW_CONNECTIONS false".encode())
            server.execute(f"ALTER DATABASE {LIVE} ALLOW_CONNECTIONS true".encode())
            server.execute(f"COMMENT ON DATABASE {SHADOW} IS NULL".encode())
        self._new = self._oid(SHADOW) if self._new not in names else self._new

    def _at(self, run: str) -> DatabaseServer:
        where = (THIS_COMPUTER, self._server.host, self._server.port, SUPERUSER, "postgres")
        return DatabaseServer(*where, SECRET, self._system, key_of(run))

    def closing(self, run: str) -> Sequence[AnyEffect]:
        """Nobody is let in."""
        return [CloseDatabase(self._at(run), LIVE, self._old)]

    def swapping(self, run: str) -> Sequence[AnyEffect]:
        """Both names in one transaction, and the comment."""
        moves = (Move(self._old, LIVE, BEFORE), Move(self._new, SHADOW, LIVE))
        return [SwapDatabases(self._at(run), moves, (f"COMMENT ON DATABASE {LIVE} IS '{NEW}'",))]

    def opening(self, run: str) -> Sequence[AnyEffect]:
        """Everybody is."""
        return [OpenDatabase(self._at(run), LIVE, self._new)]

    def clearing(self, run: str, state: str) -> Sequence[AnyEffect]:
        """What was staged is not needed where it is not live."""
        return [DropDatabase(self._at(run), SHADOW, self._new)] if state == OLD else []

    def kept(self, run: str) -> Sequence[Kept]:  # noqa: ARG002  the others' signature
        """The database that was live."""
        return [Kept(host=THIS_COMPUTER, name=BEFORE, fact=self._old, source="database")]

    def seen(self) -> str | None:
        """What a client reads, which stays connected for a while."""
        if self._asked % QUESTIONS == 0:
            self.leave()
        self._asked += 1
        try:
            self._client = self._client or self._connect()
            return self._read(self._client)
        except psycopg.Error:
            self.leave()
            return None

    def leave(self) -> None:
        """Ends the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connect(self, user: str = "app", database: str = LIVE) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self._server.socket_folder), port=self._server.port, user=user, dbname=database, autocommit=True,
            connect_timeout=30,
        )  # fmt: skip

    def _read(self, client: psycopg.Connection[tuple[object, ...]]) -> str:
        """By two tables, which have to agree."""
        ((state, rows),) = client.execute("SELECT (SELECT state FROM ident), (SELECT count(*) FROM nodes)").fetchall()
        return str(state) if rows == ROWS[str(state)] else f"{state} with {rows} rows"

    def faults(self, state: str, left: Left) -> list[str]:
        """By its rows and its comment, and by the databases that there are."""
        with self._connect() as client:
            read = self._read(client)
            ((comment,),) = client.execute(COMMENT).fetchall()
            found = {str(name): allowed for name, allowed in client.execute(NAMES)}
        if left.is_staged and found.get(SHADOW) is False:
            del found[SHADOW]
        return [
            *([] if read == state else [f"database: {read}"]),
            *([] if comment == (NEW if state == NEW else None) else [f"database: its comment is {comment}"]),
            *([] if found == {LIVE: True, **self._put_aside(state, left)} else [f"names of databases: {found}"]),
        ]

    def _put_aside(self, state: str, left: Left) -> dict[str, bool]:
        if state == NEW:
            return {BEFORE: False}
        return {before_name(LIVE, left.kept_by): False} if left.kept_by else {}


def _end_sessions(server: psycopg.Connection[tuple[object, ...]]) -> None:
    """Those that a killed process has left, too."""
    deadline = time.monotonic() + LEAVES_WITHIN
    while server.execute(END_OURS).fetchall():
        assert time.monotonic() < deadline
        time.sleep(0.002)
