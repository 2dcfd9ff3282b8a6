"""Opens the database and is the way to it: reading and writing transactions, off the engine's loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine

from app.foundation.blocking import Blocking
from app.store.backend import Backend, explained, transaction
from app.store.extract import extract_site
from app.store.sqlite import SqliteFile
from app.store.versions import bring_up_to_date

T = TypeVar("T")

PATIENCE = 10.0  # seconds that a writer waits for another process's


class Database:
    """An open database.

    Both kinds follow the same rules: one writer at a time, whatever process it is in; a reader sees one moment and
    cannot write. A caller that is cancelled does not know whether its change was made.
    """

    def __init__(self, backend: Backend, engine: Engine, blocking: Blocking) -> None:
        self._backend = backend
        self._engine = engine
        self._blocking = blocking

    async def read(self, query: Callable[[Connection], T]) -> T:
        """What `query` finds, in one transaction."""
        return await self._blocking.call("store", lambda: self._do(query, writing=False))

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Makes a change: committed and synced when this comes back, rolled back when `change` raises.

        Raises `Busy` `store.busy` when others wrote all the time, `UserError` `store.disk-full`, `store.read-only`,
        `store.damaged`, `store.unreachable`.
        """
        return await self._blocking.call("store", lambda: self._do(change, writing=True))

    async def extract(self, site: str, target: Path) -> dict[str, int]:
        """Writes one site's rows into a new SQLite file; gives how many of each table.

        Nobody waits for it: it reads beside the store's own thread. Raises `UserError` `store.…`.
        """
        return await self._blocking.call(
            "files", lambda: self._do(partial(extract_site, site=site, target=target), writing=False)
        )

    def _do(self, work: Callable[[Connection], T], *, writing: bool) -> T:
        with explained(self._backend), transaction(self._engine, writing=writing) as connection:
            return work(connection)

    async def close(self) -> None:
        """Closes every connection."""
        await self._blocking.call("store", self._engine.dispose)


async def open_database(
    where: str | Path, blocking: Blocking, *, password: str = "", patience: float = PATIENCE
) -> Database:
    """The database at `where`: a path is a SQLite file, `postgresql://user@server/database` a PostgreSQL database.

    It is made where there is none, and an older one is brought up to date (a copy of the older file is kept beside
    it). Raises `UserError` `store.…`; a newer one and another program's are `Refused`, untouched.
    """
    backend = _backend(where, password, patience)
    engine = await blocking.call("store", lambda: _opened(backend))
    return Database(backend, engine, blocking)


def _backend(where: str | Path, password: str, patience: float) -> Backend:
    if isinstance(where, str) and "://" in where:
        from app.store.postgresql import PostgresDatabase  # noqa: PLC0415  its driver is slow to import, and rarely needed

        return PostgresDatabase(where, password, patience)
    return SqliteFile(Path(where), patience)


def _opened(backend: Backend) -> Engine:
    with explained(backend):
        engine = backend.engine()
        try:
            bring_up_to_date(backend, engine)
        except BaseException:
            engine.dispose()
            raise
        return engine
