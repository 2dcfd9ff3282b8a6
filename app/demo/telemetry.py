"""Telemetry in SQLite, with a service that goes on writing into it while everything else happens."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from app.foundation.blocking import Blocking
from app.hosts.files import writing

NODES = tuple(f"nd-{kind}-{number}" for kind in ("ph", "ec", "climate", "light") for number in range(1, 7))
DAY = timedelta(days=1)
EVERY = timedelta(minutes=10)
AGAIN = 0.05
"""Seconds between two readings that are written."""

_INSERT = "INSERT INTO telemetry (at, node, value) VALUES (?, ?, ?)"


def record(file: Path) -> int:
    """Makes the file with a day of readings and gives their number. Blocks; raises `UserError` `host.…`."""
    began = datetime.now(UTC) - DAY
    readings = [
        ((began + turn * EVERY).isoformat(), node, 6.0 + (turn * len(node) % 17) / 10)
        for turn in range(DAY // EVERY)
        for node in NODES
    ]
    with writing(file), contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE telemetry (id INTEGER PRIMARY KEY, at TEXT, node TEXT, value REAL)")
        connection.executemany(_INSERT, readings)
    return len(readings)


@asynccontextmanager
async def written(file: Path, blocking: Blocking) -> AsyncIterator[None]:
    """While the body runs a reading is added again and again."""
    task = asyncio.get_running_loop().create_task(_write_on(file, blocking))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _write_on(file: Path, blocking: Blocking) -> None:
    turn = 0
    while True:
        node = NODES[turn % len(NODES)]
        await blocking.call("files", partial(_add, file, node))
        turn += 1
        await asyncio.sleep(AGAIN)


def _add(file: Path, node: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(_INSERT, (datetime.now(UTC).isoformat(), node, 6.5))


def readings(file: Path, *, live: bool) -> list[tuple[object, ...]]:
    """All readings in a file, in their order; beside one that nobody writes to nothing is left. Blocks."""
    how = "mode=ro" if live else "mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?{how}", uri=True)) as connection:
        return list(connection.execute("SELECT id, at, node, value FROM telemetry ORDER BY id"))
