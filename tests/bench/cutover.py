"""How long a database refuses during a cutover, under a client that reconnects 100 times a second, by its size.

`python -m tests.bench.cutover [MB …]` (50 and 1000 when none is named). The client is a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.jobs.effects.effect import Effect, World
from app.jobs.effects.postgresql_change import DatabaseChange
from tests.bench.measure import machine_line, spread, table
from tests.real.cutting_over import Cutover, do_all, in_order, refused_for, undo_all
from tests.real.servers.postgresql import PostgresServer, postgres_server
from tests.running import run

SIZES = (50, 1000)
TIMES = 10
ROW = 400
"""Bytes that a row takes, about."""

SETTLES = 0.4
"""Seconds of the client alone before and after, so that it is at its usual pace."""

Way = Callable[[Sequence[Effect], World], Awaitable[None]]

REAL = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
}

TELEMETRY = """
CREATE TABLE garden.telemetry (id bigserial PRIMARY KEY, node int, at timestamptz, raw text);
INSERT INTO garden.telemetry (node, at, raw)
    SELECT n % 40, '2026-01-01'::timestamptz + n * interval '1 second', repeat(md5(n::text), 10)
      FROM generate_series(1, {rows}) n;
CREATE INDEX ON garden.telemetry (node, at);
"""


def main(sizes: Sequence[int]) -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as folder, postgres_server(Path(folder), REAL) as server:
        rows = [_measured(server, Path(folder), size) for size in sizes]
        print(machine_line((), server.bin))
    head = ("database", "staged in", "refuses, forward", "refuses, back", "effects, forward", "effects, back")
    table(f"A database taking another's place, {TIMES} times each way, ms", head, rows)


def _measured(server: PostgresServer, folder: Path, size: int) -> list[str]:
    cutover = Cutover(server, folder, more=TELEMETRY.format(rows=size * 1_000_000 // ROW))
    cutover.make()
    try:
        (bytes_,) = server.sql("SELECT pg_database_size('hydro')")[0]
        began = time.monotonic()
        change = run(_staged(cutover))
        staged = time.monotonic() - began
        ways = [_both_ways(cutover, change) for _ in range(TIMES)]
    finally:
        cutover.unmake()
    figures = [spread([1000 * way[column] for way in ways], "{:.0f}".format) for column in range(4)]
    return [f"{bytes_ / 1e6:.0f} MB", f"{staged:.1f} s", figures[0], figures[2], figures[1], figures[3]]


async def _staged(cutover: Cutover) -> DatabaseChange:
    async with cutover.world() as world:
        return (await cutover.staged(world)).change


def _both_ways(cutover: Cutover, change: DatabaseChange) -> tuple[float, float, float, float]:
    """How long it refuses and how long all effects take, there and back; in seconds."""
    return *_one_way(cutover, change, do_all), *_one_way(cutover, change, undo_all)


def _one_way(cutover: Cutover, change: DatabaseChange, way: Way) -> tuple[float, float]:
    with reconnecting_client(cutover.server.port) as answers:
        time.sleep(SETTLES)
        began = time.monotonic()
        run(_carried_out(cutover, change, way))
        took = time.monotonic() - began
        time.sleep(SETTLES)
    return refused_for(answers), took


async def _carried_out(cutover: Cutover, change: DatabaseChange, way: Way) -> None:
    async with cutover.world() as world:
        await way(in_order(change), world)


@contextmanager
def reconnecting_client(port: int) -> Iterator[list[tuple[float, str]]]:
    """What the application is answered while the body runs; there when it is over."""
    answers: list[tuple[float, str]] = []
    command = [sys.executable, "-m", "tests.bench.reconnecting", str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        client.stdout.readline()
        yield answers
        said, _ = client.communicate()
    for line in said.splitlines():
        at, _, state = line.partition(" ")
        assert "mixture" not in state, state
        answers.append((float(at), "" if state == "-" else state))


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or SIZES)
