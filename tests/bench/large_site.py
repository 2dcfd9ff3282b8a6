"""A greenhouse of the size of real ones: telemetry as nodes send it, and trees of half-compressible files."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg

from tests.features.greenhouse import DATABASE, PASSWORD, USER, make_database
from tests.real.servers.postgresql import PostgresServer

ROWS = 4_300_000
"""Rows of telemetry whose dump takes 300 MB."""

# Values of a sensor have three places; one row in fifty has a remark. What is random does not compress to nothing.
TELEMETRY = """
INSERT INTO telemetry (node, at, value, metric, note)
SELECT 'nd-' || (ARRAY['ph', 'ec', 'climate', 'light', 'irrig'])[1 + n % 5] || '-' || n % 24,
       '2026-01-01'::timestamptz + n * interval '250 ms' + random() * interval '200 ms',
       round((random() * 14)::numeric, 3)::float8,
       (ARRAY['ph', 'ec', 'air_temperature', 'lux', 'flow'])[1 + n % 5],
       CASE WHEN random() < 0.02 THEN 'calibrated against ' || md5(random()::text) END
FROM generate_series((SELECT coalesce(max(id), 0) + 1 FROM telemetry),
                     (SELECT coalesce(max(id), 0) + {rows} FROM telemetry)) n
"""

FILE = 10_000_000
BLOCK = 16 * 1024


def make_large_database(server: PostgresServer, rows: int, name: str = DATABASE) -> None:
    """The practice greenhouse's database with that many rows of telemetry."""
    make_database(server, rows=1, name=name)
    with _connected(server, name) as connection:
        connection.execute("ALTER TABLE telemetry ADD COLUMN metric text, ADD COLUMN note text")
    append_telemetry(server, rows, name)


def append_telemetry(server: PostgresServer, rows: int, name: str = DATABASE) -> None:
    """What the nodes send meanwhile."""
    with _connected(server, name) as connection:
        connection.execute(TELEMETRY.format(rows=rows).encode())


def _connected(server: PostgresServer, name: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(host=server.host, port=server.port, user=USER, password=PASSWORD, dbname=name)


def make_half_compressible_tree(root: Path, size: int) -> None:
    """Files of 10 MB, `size` bytes in all: half of each is random, half is text; no two of their blocks are alike."""
    root.mkdir(parents=True)
    for number in range(max(1, size // FILE)):
        (root / f"film-{number:04d}.bin").write_bytes(_half_compressible(min(FILE, size), number))


def _half_compressible(size: int, number: int) -> bytes:
    text = b"".join(b"%d %d the same words again and again\n" % (number, line) for line in range(BLOCK // 30))[:BLOCK]
    return b"".join(os.urandom(BLOCK) + text for _ in range(size // (2 * BLOCK) + 1))[:size]
