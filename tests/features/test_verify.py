"""Verify as a technician meets it: green for what restores, red for what does not, neither for what cannot be told."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.sources import PASSWORD as MYSQL_PASSWORD
from tests.contracts.sources import make_awkward
from tests.features.console import Console, Said
from tests.features.forged import Forger, throwaway_folders
from tests.features.greenhouse import (
    DATABASE,
    PASSWORD,
    REPOSITORY_PASSWORD,
    USER,
    make_database,
    make_tree,
    writer,
)
from tests.real.servers.mariadb import MariadbServer
from tests.real.servers.postgresql import PostgresServer
from tests.real.servers.restic import VERSIONS, restic_program
from tests.real.servers.sshd import SshServer, ssh_server

if sys.platform == "win32":
    pytest.skip("throwaway servers and pipes as POSIX has them", allow_module_level=True)

SITE = "north-house"
SHOP = "greenhouse-shop"

HEAD = """
format = 1
name = "north-house"
time_zone = "Europe/Prague"

[repository]
url = "{repository}"
"""

TELEMETRY = """
[[sources]]
name = "telemetry"
kind = "postgresql"
database = "{database}"
port = {postgres}
user = "{user}"
"""

SHOP_SOURCE = """
[[sources]]
name = "shop"
kind = "mysql"
database = "{shop}"
port = {mariadb}
user = "{shop}"
"""

READINGS = """
[[sources]]
name = "readings"
kind = "sqlite"
database = "{readings}"
"""

LARAVEL = """
[[sources]]
name = "laravel"
kind = "files"
root = "{root}"
"""

OTHERS = """
[[sources]]
name = "roles"
kind = "postgresql-globals"
port = {postgres}
user = "{user}"

[[sources]]
name = "accounts"
kind = "mysql-users"
port = {mariadb}
user = "{shop}"

[[sources]]
name = "records"
kind = "records"
"""

HUGE = 10**16


@dataclass
class Site:
    """A site with its servers, set up once a test; `point` is its newest one."""

    console: Console
    postgres: PostgresServer
    mariadb: MariadbServer
    forger: Forger
    point: dict[str, Any] = field(default_factory=dict)

    def back_up(self) -> dict[str, Any]:
        """A backup that succeeds; its point."""
        run = self.console.run("backup", SITE, "--no-retention").json["run"]
        self.point = next(point for point in self.points() if point["id"] == run)
        return self.point

    def points(self) -> list[dict[str, Any]]:
        return self.console.run("points", SITE).rows

    def verify(self, *arguments: str, expect: int) -> dict[str, Any]:
        """What `verify` says."""
        said: dict[str, Any] = self.console.run("verify", SITE, *arguments, expect=expect).json
        return said

    def verified(self) -> list[bool]:
        return [point["verified"] for point in self.points()]

    def throwaways(self) -> list[str]:
        """What should be gone: databases, folders, processes."""
        folders = [str(path) for path in throwaway_folders(self.console)]
        rows = self.postgres.sql("SELECT datname FROM pg_database WHERE datname LIKE 'overwinter%verify%'")
        names = self.mariadb.sql("SHOW DATABASES LIKE 'overwinter%verify%'").split()
        scratch = [str(path) for path in (self.console.data / "scratch").rglob("*")]
        locks = [str(path) for path in (self.console.folder / "repository" / "locks").iterdir()]
        return [*folders, *(name for (name,) in rows), *names, *scratch, *locks]


@pytest.fixture
def shop(mariadb: MariadbServer) -> Iterator[str]:
    make_awkward(mariadb, SHOP)
    mariadb.sql(f"GRANT SELECT ON mysql.* TO `{SHOP}`@`127.0.0.1`")
    yield SHOP
    mariadb.sql(f"DROP DATABASE IF EXISTS `{SHOP}`; DROP USER IF EXISTS `{SHOP}`@`127.0.0.1`")


@pytest.fixture
def telemetry(postgres: PostgresServer) -> Iterator[str]:
    make_database(postgres, rows=20_000)
    yield DATABASE
    postgres.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    postgres.sql(f"ALTER ROLE {USER} NOCREATEDB NOSUPERUSER")


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
    """Where the sources are, as the site file says it."""
    ports = {"postgres": postgres.port, "mariadb": mariadb.port}
    return {"database": telemetry, "user": USER, "shop": shop, "readings": readings, **ports}


@pytest.fixture
def make_site(tmp_path: Path, places: dict[str, object], mariadb: MariadbServer, postgres: PostgresServer) -> Any:
    """Sets a site up with the sources whose descriptions are given."""

    def make(*sources: str) -> Site:
        console = Console(tmp_path / "console", Path(restic_program(VERSIONS[-1])))
        root = tmp_path / "laravel"
        make_tree(root, files=300)
        described = "".join((HEAD, *sources)).format(repository=console.folder / "repository", root=root, **places)
        named = {
            "telemetry": PASSWORD, "roles": PASSWORD, "shop": MYSQL_PASSWORD, "accounts": MYSQL_PASSWORD,
        }  # fmt: skip
        secrets = {f"source:{name}:password": secret for name, secret in named.items() if f'"{name}"' in described}
        console.add_site(described, {"repository-password": REPOSITORY_PASSWORD, **secrets})
        return Site(console, postgres, mariadb, Forger(console, REPOSITORY_PASSWORD))

    return make


def items_of(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["source"]: item for item in said["items"]}


def logs(console: Console) -> list[str]:
    return sorted(path.name for path in (console.data / "verify" / SITE).iterdir())


@pytest.mark.spec("V1", "B7", "J8")
def test_a_point_of_every_kind_of_source_is_proven_and_marked(make_site: Any) -> None:
    """The backup is made while rows are written."""
    site: Site = make_site(TELEMETRY, SHOP_SOURCE, READINGS, LARAVEL, OTHERS)
    with writer(site.postgres), site.mariadb.writer(SHOP, "INSERT INTO parted VALUES (1)"):
        site.back_up()
    assert site.verified() == [False]
    said = site.verify(expect=0)
    items = items_of(said)
    assert (said["outcome"], said["point"], said["error"]) == ("pass", site.point["id"], None)
    assert {name: item["verdict"] for name, item in items.items()} == dict.fromkeys(
        ("telemetry", "shop", "readings", "laravel", "roles", "accounts", "records"), "pass"
    )
    counts = site.forger.entry(site.point, "telemetry")["dump"]["counts"]["tables"]
    assert items["telemetry"]["compared"]["rows"] == sum(one["rows"] for one in counts) > 20_000
    assert items["telemetry"]["where"].startswith("a throwaway server on this-computer (PostgreSQL ")
    assert items["shop"]["where"].startswith("a throwaway server on this-computer (MariaDB ")
    assert items["shop"]["compared"]["objects"] >= 5
    assert items["readings"]["compared"] == {"tables": 1, "rows": 3000}
    assert items["laravel"]["compared"]["files"] >= 60
    assert items["laravel"]["compared"]["hashes"] > 0
    assert items["roles"]["compared"]["accounts"] >= 1

    assert site.verified() == [True]
    (mark,) = json.loads(site.forger.restic("snapshots", "--json", "--tag", "type:verify"))
    assert {f"run:{site.point['id']}", "outcome:pass"} <= set(mark["tags"])
    marked = json.loads(site.forger.restic("dump", mark["id"], "/verify.json"))
    assert [proof["verdict"] for proof in marked["proofs"]] == ["pass"] * 7
    assert re.fullmatch(r"verify-\d{8}-\d{4}\.log", Path(said["log"]).name)
    written = Path(said["log"]).read_text("utf-8")
    assert written.startswith("Verification of north-house: PASS\n")
    assert "telemetry (postgresql): PASS" in written
    assert site.throwaways() == []
    shown = site.console.run("run", "show", SITE, said["run"]).json
    assert (shown["type"], shown["status"], shown["counters"]["succeeded"]) == ("verify", "success", 7)
    # What is proven may not be deleted.
    phrase = f"DELETE {SITE} {site.point['short_id']}"
    refused = site.console.run("point", "delete", SITE, site.point["id"], "--confirm", phrase, expect=4)
    assert refused.json["error"]["code"] == "point.newest-proven"


# --- red -------------------------------------------------------------------------------------------------------------


@pytest.mark.spec("V1", "V2")
def test_a_dump_that_is_cut_short_and_a_flipped_byte_in_the_repository_are_red(make_site: Any) -> None:
    """The other sources are looked at all the same; the point before is proven still."""
    site: Site = make_site(TELEMETRY, READINGS)
    before = site.back_up()
    packs = [path for path in (site.console.folder / "repository" / "data").rglob("*") if path.is_file()]
    largest = max(packs, key=lambda path: path.stat().st_size)  # the dump's, which both points share
    newest = site.back_up()
    content = site.forger.content(newest, "telemetry")
    site.forger.swap(newest, "telemetry", content[: len(content) // 2])
    said = site.verify(expect=1)
    assert code_of(said, "telemetry") == ("fail", "postgres.dump-damaged")
    assert code_of(said, "readings") == ("pass", "")
    assert (said["status"], said["outcome"], said["error"]["code"]) == ("failed", "fail", "verify.failed")
    assert re.fullmatch(r"verify-\d{8}-\d{4}-fail\.log", Path(said["log"]).name)
    assert site.verify(before["id"][:8], expect=0)["outcome"] == "pass"
    assert site.verified() == [False, True]

    flip(largest, largest.stat().st_size // 2)
    said = site.verify(before["id"], expect=1)
    assert code_of(said, "telemetry") == ("fail", "restic.damaged")
    assert site.verified() == [False, False]

    site.forger.replace(site.points()[0]["manifest"], "/manifest.json", b"{}")
    said = site.verify(newest["id"], expect=1)
    assert {item["source"]: item["error"]["code"] for item in said["items"]} == {"manifest": "manifest.unreadable"}
    assert site.throwaways() == []


def flip(file: Path, at: int) -> None:
    file.chmod(0o600)
    with file.open("r+b") as opened:
        opened.seek(at)
        (byte,) = opened.read(1)
        opened.seek(at)
        opened.write(bytes([byte ^ 1]))


# --- neither ---------------------------------------------------------------------------------------------------------


def code_of(said: dict[str, Any], source: str) -> tuple[str, str]:
    item = items_of(said)[source]
    return item["verdict"], item["error"]["code"] if item["error"] else ""


@pytest.mark.spec("V1")
def test_what_cannot_be_verified_is_neither_red_nor_green(make_site: Any) -> None:
    site: Site = make_site(TELEMETRY, READINGS)
    point = site.back_up()

    def of_database(**changes: Any) -> None:
        site.forger.change(site.points()[0], "telemetry", lambda one: one["dump"]["database"].update(changes))

    of_database(extensions=[{"name": "no_such_extension", "version": "1", "schema": "public"}])
    said = site.verify(expect=3)
    assert code_of(said, "telemetry") == ("unchecked", "postgres.extension-missing")
    assert code_of(said, "readings") == ("pass", "")
    assert (said["status"], said["outcome"], said["error"]["code"]) == (
        "partial", "unchecked", "postgres.extension-missing",
    )  # fmt: skip
    assert said["log"].endswith("-unchecked.log")

    of_database(extensions=[], size=HUGE)
    said = site.verify(expect=3)
    assert code_of(said, "telemetry") == ("unchecked", "postgres.no-create")
    assert "verify.no-room" in items_of(said)["telemetry"]["error"]["detail"]

    site.postgres.sql(f"ALTER ROLE {USER} CREATEDB")
    said = site.verify(expect=0)
    assert items_of(said)["telemetry"]["where"] == "a throwaway database on 127.0.0.1, the site's own server"
    assert site.throwaways() == []
    assert site.verified() == [True]

    assert site.verify(point["id"][:7], expect=4)["error"]["code"] == "point.unknown"
    site.forger.restic("forget", site.points()[0]["manifest"])
    assert site.verify(point["id"], expect=4)["error"]["code"] == "verify.no-manifest"


@pytest.mark.long
@pytest.mark.spec("V1")
def test_more_that_cannot_be_verified(make_site: Any) -> None:
    """There is no point; the versions that are there are older; nowhere is there room; the server is away."""
    site: Site = make_site(TELEMETRY)
    assert site.verify(expect=4)["error"]["code"] == "verify.no-point"
    site.back_up()

    def of_database(**changes: Any) -> None:
        site.forger.change(site.points()[0], "telemetry", lambda one: one["dump"]["database"].update(changes))

    of_database(server_version_number=990000)
    assert code_of(site.verify(expect=3), "telemetry") == ("unchecked", "postgres.no-create")
    of_database(server_version_number=150000, size=HUGE)
    site.postgres.sql(f"ALTER ROLE {USER} SUPERUSER")  # who may read where the server's files are
    assert code_of(site.verify(expect=3), "telemetry") == ("unchecked", "verify.no-room")
    file = site.console.folder / "site.toml"
    file.write_text(file.read_text("utf-8").replace(f"port = {site.postgres.port}", "port = 1"), "utf-8")
    site.console.run("site", "add", str(file), "--replace")
    assert code_of(site.verify(expect=3), "telemetry") == ("unchecked", "postgres.server-down")
    file.write_text(file.read_text("utf-8").partition("[[sources]]")[0] + READINGS.format(readings="/nowhere"), "utf-8")
    site.console.run("site", "add", str(file), "--replace")
    of_database(size=1)
    said = site.verify(expect=0)  # a source that the site no longer has needs no server of its own
    assert list(items_of(said)) == ["telemetry"]
    assert site.verify("0" * 32, expect=4)["error"]["code"] == "point.unknown"


@pytest.mark.long
@pytest.mark.spec("V1")
def test_a_dump_of_mariadb_goes_to_the_own_server_only_without_events(make_site: Any) -> None:
    site: Site = make_site(SHOP_SOURCE)
    site.back_up()

    def no_room() -> None:
        site.forger.change(site.points()[0], "shop", lambda one: one["sql_dump"]["database"].update(size=HUGE))

    no_room()
    assert code_of(site.verify(expect=3), "shop") == ("unchecked", "mysql.has-events")
    site.mariadb.sql("DROP EVENT nightly", SHOP)
    site.back_up()
    no_room()
    assert code_of(site.verify(expect=3), "shop") == ("unchecked", "mysql.no-rights")
    site.mariadb.sql(f"GRANT ALL ON *.* TO `{SHOP}`@`127.0.0.1`")
    said = site.verify(expect=0)
    assert items_of(said)["shop"]["where"] == "a throwaway database on 127.0.0.1, the site's own server"
    assert site.throwaways() == []


# --- on a server -----------------------------------------------------------------------------------------------------

HOST = """
[[hosts]]
name = "server"
kind = "ssh"
address = "127.0.0.1"
port = {port}
key_file = "{key_file}"
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    with ssh_server(tmp_path / "sshd") as server:
        yield server


@pytest.mark.spec("V1", "H1", "H2")
def test_sources_on_a_server_are_proven_there_when_not_here(make_site: Any, server: SshServer) -> None:
    host = HOST.format(port=server.port, key_file=server.key_file)
    on_server = [one.replace("[[sources]]\n", '[[sources]]\nhost = "server"\n') for one in (TELEMETRY, LARAVEL)]
    site: Site = make_site(*on_server, host)
    site.postgres.sql(f"ALTER ROLE {USER} CREATEDB")
    with writer(site.postgres):
        point = site.back_up()
    site.forger.change(point, "telemetry", lambda one: one["dump"]["database"].update(size=HUGE))
    said = site.verify(expect=0)
    assert items_of(said)["telemetry"]["where"].startswith("a throwaway database on 127.0.0.1")
    assert site.throwaways() == []
    assert list((server.home / ".cache" / "overwinter" / "scratch").glob("*")) == []


# --- under a writer --------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.spec("V1", "B1")
@pytest.mark.timeout(3600)
def test_backups_under_writers_are_green_twenty_times_of_twenty(make_site: Any) -> None:
    site: Site = make_site(TELEMETRY, SHOP_SOURCE, READINGS)
    for time in range(20):
        with writer(site.postgres), site.mariadb.writer(SHOP, "INSERT INTO parted VALUES (1)"):
            site.back_up()
        said: Said = site.console.run("verify", SITE, expect=None)
        assert said.code == 0, f"time {time}: {said.out}"
    assert site.verified() == [True] * 20
    assert site.throwaways() == []
