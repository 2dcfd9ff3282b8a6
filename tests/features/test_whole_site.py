"""The whole of a small site in one run, and all of it back on bare servers by nothing but plain tools."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.sources import AWKWARD_ROWS, make_awkward
from tests.contracts.sources import PASSWORD as MYSQL_PASSWORD
from tests.features.console import Console
from tests.features.greenhouse import DATABASE, PASSWORD, REPOSITORY_PASSWORD, USER, make_database, make_tree
from tests.features.test_backup import plain_restic
from tests.real.servers.mariadb import MariadbServer, mariadb_server
from tests.real.servers.postgresql import SUPERUSER, SUPERUSER_PASSWORD, PostgresServer, postgres_server
from tests.real.servers.restic import VERSIONS, restic_program
from tests.trees import add_rarities, described

if sys.platform == "win32":
    pytest.skip("a site as it stands on a Linux server", allow_module_level=True)

SHOP = "greenhouse-shop"
KEEPER = "accounts-keeper"

SITE = f"""
format = 1
name = "north-house"
app = "hydro"

[repository]
url = "{{repository}}"

[[sources]]
name = "records"
kind = "records"

[[sources]]
name = "roles"
kind = "postgresql-globals"
port = {{postgres}}
user = "{SUPERUSER}"

[[sources]]
name = "telemetry"
kind = "postgresql"
database = "{DATABASE}"
port = {{postgres}}
user = "{USER}"

[[sources]]
name = "accounts"
kind = "mysql-users"
port = {{mariadb}}
user = "{KEEPER}"

[[sources]]
name = "shop"
kind = "mysql"
database = "{SHOP}"
port = {{mariadb}}
user = "{SHOP}"

[[sources]]
name = "readings"
kind = "sqlite"
database = "{{root}}/readings.db"

[[sources]]
name = "backend"
kind = "files"
layer = "laravel"
root = "{{root}}/laravel"
exclude = ["storage/logs"]

[[sources]]
name = "services"
kind = "files"
layer = "python"
root = "{{root}}/services"
exclude = ["*/__pycache__", ".venv"]

[[sources]]
name = "broker"
kind = "files"
layer = "mosquitto"
root = "{{root}}/mosquitto"
"""

# What a dump has to bring back besides what `AWKWARD` holds: a history, and a blob larger than any buffer.
RARE = """
CREATE TABLE kept (x int PRIMARY KEY, t text) WITH SYSTEM VERSIONING;
INSERT INTO kept VALUES (1, '🌱'); UPDATE kept SET t = '🌿'; DELETE FROM kept; INSERT INTO kept VALUES (2, NULL);
CREATE TABLE big (id int PRIMARY KEY, b longblob);
INSERT INTO big VALUES (1, REPEAT(x'00ff27', 1500000)), (2, '');
"""


@pytest.fixture
def greenhouse(tmp_path: Path, postgres: PostgresServer, mariadb: MariadbServer) -> Iterator[Path]:
    """The site as it stands: two database servers, a file with readings, and three trees below the folder."""
    root = tmp_path / "site"
    make_tree(root / "laravel", files=120)
    add_rarities(root / "laravel")
    make_services(root / "services")
    make_broker(root / "mosquitto")
    make_database(postgres, rows=2000)
    postgres.sql(f"COMMENT ON DATABASE {DATABASE} IS 'сад'; ALTER DATABASE {DATABASE} SET work_mem = '5MB'")
    postgres.sql(f"REVOKE CONNECT ON DATABASE {DATABASE} FROM PUBLIC")
    make_awkward(mariadb, SHOP)
    mariadb.sql(RARE, SHOP)
    mariadb.create_account(KEEPER, MYSQL_PASSWORD, "SELECT ON mysql.*")
    with readings(root / "readings.db"):
        yield root
    postgres.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    mariadb.sql(f"DROP DATABASE `{SHOP}`; DROP USER `{SHOP}`@`127.0.0.1`, `{KEEPER}`@`127.0.0.1`")


def make_services(root: Path) -> None:
    """Python services with what lies about beside them."""
    for part in ("collector", "alarms/__pycache__", ".venv/lib"):
        (root / part).mkdir(parents=True)
    (root / "collector" / "main.py").write_text("print('сад')\n")
    (root / "alarms" / "__pycache__" / "main.pyc").write_bytes(b"left out")
    (root / ".venv" / "lib" / "site.py").write_text("left out")
    (root / "pyproject.toml").write_text("[project]\nname = 'services'\n")


def make_broker(root: Path) -> None:
    """Mosquitto's folders: its configuration, its passwords for itself alone, and what it keeps of sessions."""
    (root / "conf.d").mkdir(parents=True)
    (root / "mosquitto.conf").write_text("persistence true\ninclude_dir /etc/mosquitto/conf.d\n")
    (root / "conf.d" / "tls.conf").write_text("listener 8883\n")
    (root / "passwd").write_text("node-1:$7$101$abc\n")
    (root / "passwd").chmod(0o600)
    (root / "mosquitto.db").write_bytes(b"\x00\xb5\x00mosquitto db" + os.urandom(4096))


@contextmanager
def readings(path: Path) -> Iterator[None]:
    """A database in WAL mode that its program has open, with rows that are in the log alone."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as live:
        live.execute("PRAGMA journal_mode = WAL")
        live.execute("PRAGMA user_version = 42")
        live.execute("CREATE TABLE readings (id INTEGER PRIMARY KEY, at TEXT, value REAL, raw BLOB)")
        live.execute("CREATE INDEX by_time ON readings (at)")
        live.execute("CREATE VIEW latest AS SELECT max(at) FROM readings")
        live.execute("CREATE TRIGGER trim AFTER DELETE ON readings BEGIN SELECT 1; END")
        rows = [(f"2026-01-01 🌱 {n}", n / 7, b"\0\xff" * n) for n in range(1000)]
        live.executemany("INSERT INTO readings (at, value, raw) VALUES (?, ?, ?)", rows)
        yield


@pytest.fixture
def console(tmp_path: Path, greenhouse: Path, postgres: PostgresServer, mariadb: MariadbServer) -> Console:
    """The program with that site."""
    made = Console(tmp_path / "console", Path(restic_program(VERSIONS[-1])))
    ports = {"postgres": postgres.port, "mariadb": mariadb.port}
    file = SITE.format(repository=made.folder / "repository", root=greenhouse, **ports)
    secrets = {"roles": SUPERUSER_PASSWORD, "telemetry": PASSWORD, "accounts": MYSQL_PASSWORD, "shop": MYSQL_PASSWORD}
    named = {f"source:{source}:password": secret for source, secret in secrets.items()}
    made.add_site(file, {"repository-password": REPOSITORY_PASSWORD, **named})
    return made


class Taken:
    """A recovery point as anybody finds it who has the repository, its password and plain restic."""

    def __init__(self, console: Console, run: str, folder: Path) -> None:
        self._console = console
        self._folder = folder
        (manifest,) = json.loads(plain_restic(console, "snapshots", "--json", "--tag", f"run:{run},type:manifest"))
        said = json.loads(plain_restic(console, "dump", manifest["id"], "/manifest.json"))
        self.complete = said["complete"]
        self.entries: dict[str, dict[str, Any]] = {entry["source"]: entry for entry in said["sources"]}

    def file(self, source: str) -> Path:
        """The file that a source was taken as."""
        entry, target = self.entries[source], self._folder / source
        target.write_bytes(plain_restic(self._console, "dump", entry["snapshot"], entry["path"]))
        return target

    def tree(self, source: str) -> Path:
        """The folder that a source was taken as."""
        entry, target = self.entries[source], self._folder / source
        plain_restic(self._console, "restore", f"{entry['snapshot']}:{entry['path']}", "--target", str(target))
        return target


@pytest.mark.spec("B1", "B2", "B3", "R2", "R11", "R14")
def test_all_of_a_site_comes_back_from_one_run_by_plain_tools(
    console: Console, greenhouse: Path, postgres: PostgresServer, mariadb: MariadbServer, tmp_path: Path
) -> None:
    said = console.run("backup", "north-house").json
    assert (said["status"], {item["status"] for item in said["items"]}) == ("success", {"success"})
    taken = Taken(console, said["run"], tmp_path)
    kinds = [entry["kind"] for entry in taken.entries.values()]
    assert kinds == sorted(kinds, key=lambda kind: kind in ("files", "records")), "databases before files"
    assert (len(kinds), taken.complete) == (9, True)

    postgresql_is_back(taken, postgres, tmp_path)
    mariadb_is_back(taken, mariadb, tmp_path)
    sqlite_is_back(taken, greenhouse / "readings.db")
    records_are_there(taken, said["run"])
    for source, folder, without in (
        ("backend", "laravel", ["storage/logs"]),
        ("services", "services", ["alarms/__pycache__", ".venv"]),
        ("broker", "mosquitto", []),
    ):
        assert described(taken.tree(source)) == described(greenhouse / folder, without)


def postgresql_is_back(taken: Taken, server: PostgresServer, folder: Path) -> None:
    """On a bare server: psql brings the roles, pg_restore the database with all that belongs to it."""
    with postgres_server(folder) as bare:
        postgres_program(bare, "psql", "--dbname=postgres", f"--file={taken.file('roles')}")
        assert roles_of(bare) == roles_of(server)
        postgres_program(
            bare, "pg_restore", "--exit-on-error", "--create", "--dbname=postgres", taken.file("telemetry")
        )
        assert dump_of(bare) == dump_of(server)


def postgres_program(server: PostgresServer, name: str, *arguments: str | Path) -> bytes:
    place = ["--host", str(server.socket_folder), "--port", str(server.port), "--username", SUPERUSER]
    said = subprocess.run([server.bin / name, *place, *arguments], capture_output=True, check=True).stdout
    return re.sub(rb"(?m)^\\(un)?restrict .*$", b"", said)  # another word in each dump


def roles_of(server: PostgresServer) -> bytes:
    return postgres_program(server, "pg_dumpall", "--globals-only")


def dump_of(server: PostgresServer) -> bytes:
    return postgres_program(server, "pg_dump", "--create", DATABASE)


def mariadb_is_back(taken: Taken, server: MariadbServer, folder: Path) -> None:
    """On a bare server: its client brings the accounts, then the database; dumped again it is the same bytes."""
    entry = taken.entries["shop"]["sql_dump"]
    counted = {one["table"]: one["rows"] for one in entry["tables"]}
    assert counted == {**AWKWARD_ROWS, "big": 2, "kept": 3}
    with mariadb_server(folder) as bare:
        assert set(entry["database"]["definers"]) - accounts_of(bare), "its views and routines would run as nobody"
        with taken.file("accounts").open("rb") as accounts:  # --force: the administrator's own account is there
            subprocess.run([*bare.client(), "--force"], stdin=accounts, capture_output=True, check=False)
        assert set(entry["database"]["definers"]) <= accounts_of(bare)
        for account in (SHOP, KEEPER):
            assert grants_of(bare, account) == grants_of(server, account)
        kept = entry["database"]
        bare.sql(f"CREATE DATABASE `{SHOP}` CHARACTER SET {kept['character_set']} COLLATE {kept['collation']}")
        with taken.file("shop").open("rb") as dump:
            subprocess.run([*bare.client(), f"--database={SHOP}"], stdin=dump, capture_output=True, check=True)
        assert bare.dump(SHOP, "--dump-history") == server.dump(SHOP, "--dump-history")


def accounts_of(server: MariadbServer) -> set[str]:
    return set(server.sql("SELECT CONCAT(user, '@', host) FROM mysql.user").splitlines())


def grants_of(server: MariadbServer, account: str) -> str:
    return server.sql(f"SHOW CREATE USER `{account}`@`127.0.0.1`; SHOW GRANTS FOR `{account}`@`127.0.0.1`")


def sqlite_is_back(taken: Taken, live: Path) -> None:
    """The copy is the database itself; SQLite's own program finds it whole and the same."""
    copy = taken.file("readings")
    assert sqlite_says(copy, "PRAGMA integrity_check; PRAGMA user_version") == b"ok\n42\n"
    assert sqlite_says(copy, ".dump") == sqlite_says(live, ".dump")


def sqlite_says(path: Path, command: str) -> bytes:
    return subprocess.run(["sqlite3", "-readonly", path, command], capture_output=True, check=True).stdout


def records_are_there(taken: Taken, run: str) -> None:
    with contextlib.closing(sqlite3.connect(taken.file("records"))) as records:
        assert records.execute("SELECT id FROM runs").fetchall() == [(run,)]
        assert records.execute("SELECT name FROM sites").fetchall() == [("north-house",)]
