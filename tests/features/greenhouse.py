"""A practice greenhouse for the stories: a PostgreSQL database under a writer, and a Laravel-like tree."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.real.servers.postgresql import PostgresServer

USER, PASSWORD, DATABASE = "hydro", "canary:db\\pass word-Zq7", "hydro"
REPOSITORY_PASSWORD = "canary'repo \"pass-Xw3"

SITE = """
format = 1
name = "north-house"
title = "Северная теплица"
app = "hydro"

[repository]
url = "{repository}"

[[sources]]
name = "laravel"
kind = "files"
layer = "laravel"
root = "{root}"
exclude = ["storage/logs"]

[[sources]]
name = "database"
kind = "postgresql"
database = "{database}"
server = "127.0.0.1"
port = {port}
user = "{user}"
"""

SECRETS = {"repository-password": REPOSITORY_PASSWORD, "source:database:password": PASSWORD}


def make_tree(root: Path, files: int) -> None:
    """A tree with odd things in it: empty and odd-named files, modes, links, times, a git head, logs left out."""
    for number in range(files):
        folder = root / "app" / f"part-{number % 50:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file-{number}.php").write_bytes(os.urandom(64) * (number % 30))
    (root / ".env").write_text("APP_KEY=base64:secret-of-the-site\n")
    (root / ".env").chmod(0o640)
    (root / "composer.lock").write_text("{}")
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("a" * 40 + "\n")
    odd = root / "storage" / "app"
    odd.mkdir(parents=True)
    (odd / "name with\nnewline").write_text("newline")
    (odd / os.fsdecode(b"latin-\xe9")).write_text("latin")
    (odd / "-dash [x]*?").write_text("glob")
    (odd / "Теплица").write_text("кириллица")
    (odd / "link").symlink_to("../../.env")
    os.link(root / "composer.lock", odd / "hard")
    os.utime(odd / "Теплица", ns=(1_600_000_000_123_456_789, 1_600_000_000_987_654_321))
    logs = root / "storage" / "logs"
    logs.mkdir()
    (logs / "laravel.log").write_text("left out")


def make_database(server: PostgresServer, rows: int, name: str = DATABASE) -> None:
    """A role and its database with telemetry, a partitioned table and a table with an awkward name."""
    if not server.sql(f"SELECT 1 FROM pg_roles WHERE rolname = '{USER}'"):
        server.create_role(USER, PASSWORD)
    server.create_database(name, USER)
    with psycopg.connect(host=server.host, port=server.port, user=USER, password=PASSWORD, dbname=name) as made:
        made.execute("CREATE TABLE telemetry (id bigserial PRIMARY KEY, node text, at timestamptz, value float8)")
        made.execute(
            "INSERT INTO telemetry (node, at, value) SELECT 'nd-ph-' || n % 24, now() - n * interval '1 s',"
            f" random() * 14 FROM generate_series(1, {rows}) n"
        )
        made.execute('CREATE TABLE "Odd ""name""\n" (x int)')
        made.execute('INSERT INTO "Odd ""name""\n" SELECT generate_series(1, 7)')
        made.execute("CREATE TABLE events (at date, what text) PARTITION BY RANGE (at)")
        made.execute("CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')")
        made.execute("INSERT INTO events SELECT '2026-03-01'::date + n % 100, 'x' FROM generate_series(1, 500) n")


@contextmanager
def writer(server: PostgresServer, name: str = DATABASE) -> Iterator[None]:
    """Writes rows, a few thousand a second, as long as the body runs."""
    stop, began = threading.Event(), threading.Event()

    def write() -> None:
        with psycopg.connect(
            host=server.host, port=server.port, user=USER, password=PASSWORD, dbname=name, autocommit=True
        ) as connection:
            while not stop.is_set():
                connection.execute(
                    "INSERT INTO telemetry (node, at, value) SELECT 'w', now(), n FROM generate_series(1, 50) n"
                )
                began.set()

    thread = threading.Thread(target=write)
    thread.start()
    began.wait(10)
    try:
        yield
    finally:
        stop.set()
        thread.join()


def site_file(folder: Path, root: Path, port: int, database: str = DATABASE) -> str:
    """The greenhouse's site file; `port` is the database server's."""
    repository = folder / "repository"
    return SITE.format(repository=repository, root=root, port=port, user=USER, database=database)
