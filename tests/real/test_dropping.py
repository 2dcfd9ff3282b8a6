"""Databases of ours go away, whoever is at work in them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psycopg
import pytest

from app.tools.postgres import making
from tests.real.servers.postgresql import PostgresServer

NAME, PASSWORD = "to_be_dropped", "canary"
BUSY = {
    "autovacuum_naptime": "1s",
    "autovacuum_vacuum_cost_delay": "100ms",
    "autovacuum_vacuum_cost_limit": "1",
    "autovacuum_vacuum_insert_threshold": "0",
    "autovacuum_vacuum_insert_scale_factor": "0",
}
AT_WORK = f"SELECT pid FROM pg_stat_activity WHERE datname = '{NAME}' AND backend_type = 'autovacuum worker'"
COMES_WITHIN = 60.0


@pytest.fixture
def vacuumed(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A server that vacuums whatever changed at once, and takes its time over it."""
    for name, value in BUSY.items():
        postgres.sql(f"ALTER SYSTEM SET {name} = '{value}'")
    postgres.sql("SELECT pg_reload_conf()")
    yield postgres
    postgres.sql("ALTER SYSTEM RESET ALL")
    postgres.sql("SELECT pg_reload_conf()")
    postgres.sql(f"DROP DATABASE IF EXISTS {NAME}")
    postgres.sql(f"DROP ROLE {NAME}")


@pytest.mark.spec("V1", "R13")
def test_an_ordinary_account_drops_its_database_while_autovacuum_and_a_client_are_in_it(
    vacuumed: PostgresServer,
) -> None:
    vacuumed.create_role(NAME, PASSWORD)
    vacuumed.create_database(NAME, NAME)
    with contextlib.closing(opened(vacuumed, NAME)) as client:
        client.execute("CREATE TABLE readings AS SELECT n, repeat('x', 500) FROM generate_series(1, 50000) n")
        deadline = time.monotonic() + COMES_WITHIN
        while not vacuumed.sql(AT_WORK):
            assert time.monotonic() < deadline, "autovacuum did not come"
            time.sleep(0.02)
        with contextlib.closing(opened(vacuumed, "postgres")) as ours:
            making.drop(ours, NAME)
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    assert vacuumed.sql(f"SELECT 1 FROM pg_database WHERE datname = '{NAME}'") == []


def opened(server: PostgresServer, database: str) -> psycopg.Connection[tuple[object, ...]]:
    """A session of the database's owner, who is nobody special."""
    return psycopg.connect(
        host=server.host, port=server.port, user=NAME, password=PASSWORD, dbname=database, autocommit=True
    )
