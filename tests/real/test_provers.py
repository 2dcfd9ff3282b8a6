"""What is proven, source by source, with real servers: dumps as they were taken, and dumps that are not."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.redact import Redactor
from app.hosts.local import LocalHost
from app.jobs.manifest import SourceEntry
from app.jobs.pace import Pace
from app.jobs.repositories import Repositories
from app.jobs.sources.driver import Captured, Equipment
from app.jobs.verify.kinds import prove
from app.jobs.verify.proof import Proving, Shown, is_wrong
from app.jobs.verify.throwaways import database_name, left_over
from app.records.run import new_run_id
from app.runs.context import RunContext
from app.settings.model import REPOSITORY_PASSWORD as REPOSITORY_SECRET
from app.settings.model import Repository, Site, Source
from tests.contracts.sources import Files, Globals, Mysql, MysqlUsers, Postgresql, Sqlite, Subject
from tests.real.capturing import REPOSITORY_PASSWORD, SITE, Capturing, no_records
from tests.real.practice import opened
from tests.real.servers.mariadb import MariadbServer
from tests.real.servers.postgresql import PostgresServer
from tests.running import run

if sys.platform == "win32":
    pytest.skip("throwaway servers and pipes as POSIX has them", allow_module_level=True)

pytestmark = pytest.mark.spec("V1")

long = pytest.mark.long


@dataclass
class Bench(Capturing):
    """Takes one source, and proves it."""

    python: str = sys.executable
    run: str = field(default_factory=new_run_id)

    def take(self, subject: Subject) -> SourceEntry:
        """What the manifest says of the source after a backup."""
        return entry_of(subject.source, run(self.here(subject.source, subject.secrets)))

    def prove(self, subject: Subject, entry: SourceEntry) -> Shown:
        """What a verification says of it; everything that it made is gone afterwards."""
        return run(self._proven(subject.source, subject.secrets, entry))

    def code(self, subject: Subject, entry: SourceEntry) -> tuple[str, bool]:
        """The error that is said of it, and whether that is the data's fault."""
        with pytest.raises(UserError) as raised:
            self.prove(subject, entry)
        return raised.value.code, is_wrong(raised.value)

    async def _proven(self, source: Source, known: Mapping[str, str], entry: SourceEntry) -> Shown:
        blocking = Blocking()
        async with opened(self.folder / "program") as app:
            repositories = Repositories((self.program,), {}, str(self.folder / "cache"), Redactor())
            site = Site(name=SITE, repository=Repository(url=str(self.repository)), sources=(source,))
            host = LocalHost(blocking, self.scratch)
            all_secrets = {REPOSITORY_SECRET: REPOSITORY_PASSWORD, **dict.fromkeys(source.secret_names(), ""), **known}
            context = RunContext(self.run, {host.name: host}, all_secrets, self.events.append, app.records(SITE))
            proving = Proving(
                site=site,
                run=self.run,
                entry=entry,
                source=source,
                repositories=repositories,
                equipment=Equipment(blocking, {}, self.python, no_records),
                ways=repositories.ways(),
                pace=Pace("x", self.events.append),
            )
            try:
                return await prove(context, proving)
            finally:
                await context.remove_scratch()
                assert await left_over(app.records(SITE)) == []
                assert (self.warnings(), self.throwaways()) == ([], [])
                blocking.close()

    def throwaways(self) -> list[Path]:
        """What should be gone again."""
        return [*Path("/var/tmp").glob(database_name(self.run)), *self.scratch.glob("*")]

    def with_content(self, entry: SourceEntry, content: bytes) -> SourceEntry:
        """The source with another dump in the place of its own."""
        folder = self.folder / f"wrong-{secrets.token_hex(4)}"
        folder.mkdir()
        name = entry.path.strip("/")
        (folder / name).write_bytes(content)
        password = self.folder / "plain-password"
        password.write_text(REPOSITORY_PASSWORD)
        restic = [self.program, "--repo", str(self.repository), "--no-cache", "-p", str(password)]
        taken = subprocess.run([*restic, "backup", "--json", "--", name], cwd=folder, capture_output=True, check=True)
        (made,) = re.findall(rb'"snapshot_id":"([0-9a-f]{64})"', taken.stdout)
        return msgspec.structs.replace(entry, snapshot=made.decode(), bytes=len(content))

    def content_of(self, entry: SourceEntry) -> bytes:
        """The dump, as plain restic gives it back."""
        return self.restic("dump", entry.snapshot, entry.path)


def entry_of(source: Source, captured: Captured) -> SourceEntry:
    return SourceEntry(
        source=source.name,
        layer=source.layer,
        kind=source.kind.value,
        host=source.host,
        status=captured.status,
        snapshot=captured.snapshot,
        path=captured.path,
        bytes=captured.bytes,
        tree=captured.tree,
        dump=captured.dump,
        sql_dump=captured.sql_dump,
        copy=captured.copy,
    )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Postgresql]:
    made = Postgresql(postgres)
    yield made
    postgres.sql(f'DROP DATABASE "{made.name}" WITH (FORCE)')
    postgres.sql(f'DROP ROLE "{made.name}"')


ODD = """
CREATE TABLE odd (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "one row of overwinter's" text, f float8, b bytea,
                  t timestamptz DEFAULT '2026-03-29 01:30+00', m money DEFAULT 5.5, j jsonb, twice int
                  GENERATED ALWAYS AS (1 + 1) STORED);
INSERT INTO odd (f, b, j) SELECT random(), '\\xff00', '{"a": [1, null]}' FROM generate_series(1, 50);
ALTER TABLE odd DROP COLUMN b;
CREATE TABLE parted (at date) PARTITION BY RANGE (at);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO parted SELECT '2026-01-01' FROM generate_series(1, 9);
CREATE TABLE parent (x int); CREATE TABLE child () INHERITS (parent); INSERT INTO child VALUES (1), (2);
CREATE UNLOGGED TABLE unlogged AS SELECT 1 AS x;
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
CREATE MATERIALIZED VIEW computed AS SELECT count(*) FROM odd;
CREATE VIEW seen AS SELECT * FROM odd;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER before BEFORE INSERT ON odd FOR EACH ROW EXECUTE FUNCTION f();
CREATE ROLE "policy's role"; ALTER TABLE odd ENABLE ROW LEVEL SECURITY;
CREATE POLICY only_some ON odd TO "policy's role" USING (id > 3);
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE PUBLICATION published FOR ALL TABLES;
SELECT lo_from_bytea(0, 'large');
"""


def test_everything_that_postgresql_can_hold_is_proven(
    bench: Bench, database: Postgresql, postgres: PostgresServer
) -> None:
    postgres.sql(f'ALTER ROLE "{database.name}" SUPERUSER')
    try:
        for statement in filter(str.strip, ODD.split(";\n")):
            postgres.sql(statement, database.name)
        entry = bench.take(database)
        assert entry.dump is not None
        assert "policy's role" in entry.dump.database.roles
        assert len(entry.dump.checksums) == len(entry.dump.counts.tables) == 7
        shown = bench.prove(database, entry)
        assert shown.compared == {"tables": 7, "rows": 2063, "large_objects": 1, "checksums": 7}
    finally:
        postgres.sql('DROP OWNED BY "policy\'s role"', database.name)
        postgres.sql('DROP ROLE "policy\'s role"')


Change = Callable[[bytes, Callable[[str], bytes]], bytes]

WRONG_POSTGRESQL: Mapping[str, tuple[Change, str]] = {
    "half of it": (lambda content, _dump: content[: len(content) // 2], "postgres.dump-damaged"),
    "without its last byte": (lambda content, _dump: content[:-1], "postgres.dump-damaged"),
    "its contents alone": (lambda content, _dump: content[:1500], "postgres.dump-damaged"),
    "nothing of it": (lambda _content, _dump: b"PGDMP" + b"\xff" * 5000, "postgres.dump-damaged"),
    "of another database": (lambda _content, dump: dump("postgres"), "verify.other-database"),
    "with a row more": (lambda _content, dump: dump("INSERT INTO nodes VALUES (0, '')"), "verify.differs"),
    "with as many rows": (lambda _content, dump: dump("UPDATE nodes SET t = 'x' WHERE id = 7"), "verify.differs"),
    "with a table more": (lambda _content, dump: dump("CREATE TABLE more ()"), "verify.differs"),
}
IN_CI = ("half of it", "of another database", "with as many rows")


@pytest.mark.parametrize("what", [pytest.param(what, marks=[] if what in IN_CI else long) for what in WRONG_POSTGRESQL])
def test_a_dump_of_postgresql_that_is_not_what_was_backed_up_is_wrong(
    bench: Bench, database: Postgresql, postgres: PostgresServer, what: str
) -> None:
    entry = bench.take(database)

    def dump(statement: str) -> bytes:
        other = statement if " " not in statement else database.name
        if other is not statement:
            postgres.sql(statement, database.name)
        where = ["--host", str(postgres.socket_folder), "--port", str(postgres.port), "--username", "postgres"]
        program = [str(postgres.bin / "pg_dump"), *where, "--format=custom", "--compress=0", other]
        return subprocess.run(program, capture_output=True, check=True).stdout

    change, code = WRONG_POSTGRESQL[what]
    assert bench.code(database, bench.with_content(entry, change(bench.content_of(entry), dump))) == (code, True)


def test_data_that_the_repository_lacks_is_wrong(bench: Bench, readings: Sqlite) -> None:
    entry = bench.take(readings)
    packs = [path for path in (bench.repository / "data").rglob("*") if path.is_file()]
    largest = max(packs, key=lambda path: path.stat().st_size)
    largest.rename(largest.with_name("away"))
    assert bench.code(readings, entry) == ("restic.data-missing", True)
    assert bench.code(readings, msgspec.structs.replace(entry, snapshot="0" * 64)) == ("restic.no-such-snapshot", True)
    assert bench.code(readings, msgspec.structs.replace(entry, snapshot="")) == ("verify.not-in-point", False)


# --- MariaDB ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(mariadb: MariadbServer) -> Iterator[Mysql]:
    made = Mysql(mariadb)
    yield made
    mariadb.sql(f"DROP DATABASE `{made.name}`; DROP USER `{made.name}`@`127.0.0.1`")


VERSIONED = """
CREATE TABLE versioned (x int) WITH SYSTEM VERSIONING; INSERT INTO versioned VALUES (1), (2); DELETE FROM versioned
WHERE x = 1; UPDATE versioned SET x = 3
"""


def test_everything_that_mariadb_can_hold_is_proven(bench: Bench, shop: Mysql, mariadb: MariadbServer) -> None:
    mariadb.sql(VERSIONED, shop.name)
    mariadb.sql(f"GRANT DELETE HISTORY ON `{shop.name}`.* TO `{shop.name}`@`127.0.0.1`")
    shown = bench.prove(shop, bench.take(shop))
    assert (shown.compared["tables"], shown.compared["objects"]) == (7, 6)


WRONG_MARIADB: Mapping[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut between statements": (lambda sql: sql[: sql.index(b"INSERT INTO `parted`")], "verify.differs"),
    "cut in a statement": (lambda sql: sql[: sql.index(b"INSERT INTO `parted`") + 3000], "mysql.dump-damaged"),
    "without its routines": (
        lambda sql: sql[: sql.rindex(b"DELIMITER ;;", 0, sql.index(b"PROCEDURE"))],
        "verify.differs",
    ),
    "of another database": (lambda sql: re.sub(rb"Database: [^\n]+", b"Database: other", sql), "verify.other-database"),
}


@pytest.mark.parametrize(
    "what",
    [
        "cut between statements",
        pytest.param("cut in a statement", marks=long),
        pytest.param("without its routines", marks=long),
        "of another database",
    ],
)
def test_a_dump_of_mariadb_that_is_not_what_was_backed_up_is_wrong(bench: Bench, shop: Mysql, what: str) -> None:
    entry = bench.take(shop)
    change, code = WRONG_MARIADB[what]
    assert bench.code(shop, bench.with_content(entry, change(bench.content_of(entry)))) == (code, True)


# --- the others ------------------------------------------------------------------------------------------------------


@pytest.fixture
def readings(tmp_path: Path) -> Iterator[Sqlite]:
    made = Sqlite(tmp_path / "live" / "readings.db")
    yield made
    made.close()


def test_a_copy_of_sqlite_that_is_not_what_was_backed_up_is_wrong(
    bench: Bench, readings: Sqlite, tmp_path: Path
) -> None:
    entry = bench.take(readings)
    assert bench.prove(readings, entry).compared["rows"] > 500
    content = bench.content_of(entry)
    half = len(content) // 2
    damaged = content[:half] + b"\xff" * 4096 + content[half + 4096 :]
    assert bench.code(readings, bench.with_content(entry, damaged)) == ("sqlite.damaged", True)
    assert bench.code(readings, bench.with_content(entry, content[:half])) == ("sqlite.damaged", True)
    assert bench.code(readings, bench.with_content(entry, b"nothing")) == ("sqlite.not-a-database", True)
    other = tmp_path / "other.db"
    other.write_bytes(content)
    with contextlib.closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute('DELETE FROM "od""d; (x\n" WHERE id = 1')
    assert bench.code(readings, bench.with_content(entry, other.read_bytes())) == ("verify.differs", True)


def test_roles_and_accounts_are_read_statement_by_statement(
    bench: Bench, postgres: PostgresServer, mariadb: MariadbServer, tmp_path: Path
) -> None:
    for subject in (Globals(postgres, tmp_path), MysqlUsers(mariadb, tmp_path)):
        entry = bench.take(subject)
        content = bench.content_of(entry)
        assert bench.prove(subject, entry).compared["accounts"] >= 1
        assert bench.code(subject, bench.with_content(entry, content[: len(content) // 2])) == (
            "verify.truncated",
            True,
        )
        strange = content.replace(b"\nCREATE ", b"\nCONJURE ", 1)
        assert bench.code(subject, bench.with_content(entry, strange)) == ("verify.statement-unknown", False)


def test_a_sample_of_files_is_restored_and_compared(bench: Bench, tmp_path: Path) -> None:
    tree = Files(tmp_path / "laravel")
    entry = bench.take(tree)
    shown = bench.prove(tree, entry)
    assert shown.compared["files"] == shown.compared["of_files"] > 20
    assert shown.compared["hashes"] >= 1
    assert entry.tree is not None
    lied = msgspec.structs.replace(entry.tree, composer_lock_sha256="0" * 64)
    assert bench.code(tree, msgspec.structs.replace(entry, tree=lied)) == ("verify.differs", True)
    empty = Files(tmp_path / "other")
    for path in sorted(empty.root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert bench.prove(empty, bench.take(empty)).compared == {"files": 0, "bytes": 0, "of_files": 0}


# --- ended in the middle ---------------------------------------------------------------------------------------------


@pytest.mark.spec("J2")
@pytest.mark.parametrize("moment", [0.3, pytest.param(1.0, marks=long), pytest.param(2.0, marks=long)])
def test_a_cancel_at_any_moment_leaves_nothing(bench: Bench, shop: Mysql, database: Postgresql, moment: float) -> None:
    for subject in (shop, database):
        entry = bench.take(subject)

        async def cancelled(subject: Any = subject, entry: SourceEntry = entry) -> bool:
            work = asyncio.create_task(bench._proven(subject.source, subject.secrets, entry))
            _, pending = await asyncio.wait({work}, timeout=moment + 1)
            work.cancel()
            await asyncio.wait({work})
            return bool(pending) and work.cancelled()

        run(cancelled())
        assert subject.left() == []
