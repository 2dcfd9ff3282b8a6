"""What the contract suites run on: every kind of store, empty and of their own."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import URL, Engine, create_engine, make_url

from app.foundation.blocking import Blocking
from app.store.engine import Database, open_database
from tests.guards import descendants
from tests.real.servers.postgresql import PostgresServer


@dataclass(frozen=True)
class StorePlace:
    """Where a test's database is; nothing is there yet. `kind` is sqlite or postgresql."""

    kind: str
    where: str
    password: str = ""

    @asynccontextmanager
    async def opened(self, patience: float = 10.0) -> AsyncIterator[Database]:
        """The database as one process has it: with its own thread and its own connection."""
        blocking = Blocking()
        try:
            database = await open_database(self.where, blocking, password=self.password, patience=patience)
            try:
                yield database
            finally:
                await database.close()
        finally:
            blocking.close()

    @contextmanager
    def behind_its_back(self) -> Iterator[Engine]:
        """An engine of no program of ours."""
        engine = create_engine(self._url())
        try:
            yield engine
        finally:
            engine.dispose()

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What is really there."""
        with self.behind_its_back() as engine, engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

    def change(self, *statements: str) -> None:
        """Changes what is there, as no program of ours would."""
        with self.behind_its_back() as engine, engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def _url(self) -> URL:
        if self.kind == "sqlite":
            return URL.create("sqlite", database=self.where)
        return make_url(self.where).set(drivername="postgresql+psycopg", password=self.password)


@pytest.fixture
def sqlite_place(tmp_path: Path) -> StorePlace:
    """A file that is not there, in a folder that is not there."""
    return StorePlace("sqlite", str(tmp_path / "data" / "overwinter.db"))


RECORDS = "records"
RECORDS_PASSWORD = "a team's password %:/@"


@pytest.fixture(scope="session")
def _records_database(postgres: PostgresServer) -> None:
    postgres.create_role(RECORDS, RECORDS_PASSWORD)
    postgres.create_database(RECORDS, RECORDS)


@pytest.fixture
def postgres_place(postgres: PostgresServer, _records_database: None) -> StorePlace:
    """An empty database; one for all tests, emptied for each, since making one takes longer than most of them."""
    postgres.sql(f"DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION {RECORDS}", database=RECORDS)
    postgres.sql("GRANT USAGE ON SCHEMA public TO PUBLIC", database=RECORDS)
    address = f"postgresql://{RECORDS}@{postgres.host}:{postgres.port}/{RECORDS}"
    return StorePlace("postgresql", address, RECORDS_PASSWORD)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> StorePlace:
    """Each kind of store in turn."""
    fixture = "sqlite_place" if request.param == "sqlite" else "postgres_place"
    found: StorePlace = request.getfixturevalue(fixture)
    return found


@pytest.fixture
def nothing_left_over() -> Iterator[None]:
    """No process, not even for a moment, and no pipe is left by a test."""
    before = descendants()
    open_before = _open_files()
    yield
    gc.collect()  # an unclosed pipe speaks up when it is collected
    assert descendants() <= before
    assert _open_files() <= open_before


def _open_files() -> int:
    this = psutil.Process()
    if sys.platform == "win32":
        return int(this.num_handles())
    return int(this.num_fds())
