"""A site of several kinds of databases in one run: a bad dump is no part of it, and the others are."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.sources import PASSWORD as MYSQL_PASSWORD
from tests.contracts.sources import make_awkward
from tests.features.console import Console
from tests.features.greenhouse import DATABASE, PASSWORD, REPOSITORY_PASSWORD, USER, make_database
from tests.features.test_backup import plain_restic
from tests.real.servers.mariadb import MariadbServer
from tests.real.servers.postgresql import PostgresServer
from tests.real.servers.restic import VERSIONS, restic_program

if sys.platform == "win32":
    pytest.skip("stand-ins are scripts of the shell", allow_module_level=True)

NAME = "greenhouse-shop"

SITE = """
format = 1
name = "north-house"

[repository]
url = "{repository}"

[[sources]]
name = "records"
kind = "records"

[[sources]]
name = "telemetry"
kind = "postgresql"
database = "{database}"
port = {postgres}
user = "{user}"

[[sources]]
name = "shop"
kind = "mysql"
database = "{shop}"
port = {mariadb}
user = "{shop}"

[[sources]]
name = "readings"
kind = "sqlite"
database = "{readings}"
"""


@pytest.fixture
def shop(mariadb: MariadbServer) -> Iterator[str]:
    make_awkward(mariadb, NAME)
    yield NAME
    mariadb.sql(f"DROP DATABASE IF EXISTS `{NAME}`; DROP USER IF EXISTS `{NAME}`@`127.0.0.1`")


@pytest.fixture
def telemetry(postgres: PostgresServer) -> Iterator[str]:
    make_database(postgres, rows=2000)
    yield DATABASE
    postgres.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture
def readings(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "readings.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as live:
        live.execute("PRAGMA journal_mode = WAL")
        live.execute("CREATE TABLE readings (at TEXT, value REAL)")
        live.executemany("INSERT INTO readings VALUES (?, ?)", [(f"2026-01-01 {n}", n / 7) for n in range(3000)])
        yield path


@pytest.fixture
def places(
    telemetry: str, shop: str, readings: Path, mariadb: MariadbServer, postgres: PostgresServer
) -> dict[str, object]:
    """Where the databases are, as the site file says it."""
    ports = {"postgres": postgres.port, "mariadb": mariadb.port}
    return {"database": telemetry, "user": USER, "shop": shop, "readings": readings, **ports}


@pytest.fixture
def console(tmp_path: Path, places: dict[str, object]) -> Console:
    """The program with a site of all these."""
    made = Console(tmp_path / "console", Path(restic_program(VERSIONS[-1])))
    secrets = {"source:telemetry:password": PASSWORD, "source:shop:password": MYSQL_PASSWORD}
    described = SITE.format(repository=made.folder / "repository", **places)
    made.add_site(described, {"repository-password": REPOSITORY_PASSWORD, **secrets})
    return made


def manifest_of(console: Console, point: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the manifest says of each source."""
    manifest = json.loads(plain_restic(console, "dump", point["manifest"], "/manifest.json"))
    return {entry["source"]: entry for entry in manifest["sources"]}


@pytest.mark.spec("B3", "B5")
def test_a_truncated_dump_is_no_part_of_the_point_and_the_others_are(console: Console, tmp_path: Path) -> None:
    stand_in = tmp_path / "programs" / "mariadb-dump"
    stand_in.parent.mkdir()
    real = "/usr/bin/mariadb-dump"
    stand_in.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec {real} --version\n{real} "$@" | /usr/bin/head -c 3000\nexit 0\n'
    )
    stand_in.chmod(0o755)
    console.environment["PATH"] = f"{stand_in.parent}{os.pathsep}{console.environment['PATH']}"
    said = console.run("backup", "north-house", expect=3).json
    items = {item["source"]: item for item in said["items"]}
    assert (items["shop"]["status"], items["shop"]["error"]["code"]) == ("failed", "source.truncated")
    (point,) = console.run("points", "north-house").rows
    assert (point["status"], point["complete"]) == ("partial", False)
    assert {snapshot["source"] for snapshot in point["snapshots"]} == {"telemetry", "readings", "records"}
    assert b"source:shop" not in plain_restic(console, "snapshots", "--json")
    assert manifest_of(console, point)["shop"]["error_code"] == "source.truncated"


@pytest.mark.spec("B1")
def test_databases_alone_are_taken_when_they_alone_are_asked_for(console: Console) -> None:
    said = console.run("backup", "north-house", "--only", "databases").json
    assert [item["source"] for item in said["items"]] == ["telemetry", "shop", "readings"]


def test_the_programs_are_listed_with_their_versions(console: Console) -> None:
    listed = {tool["name"]: tool for tool in console.run("tools").json}
    assert {"restic", "pg_dump", "mariadb-dump", "mariadb", "python3"} <= set(listed)
    assert listed["mariadb-dump"]["version"].endswith("-MariaDB")
