"""The sources that the contract suite tries: each made for a test, with a secret that is easy to find again."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sqlite3
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString, Protocol

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from app.foundation.errors import UserError
from app.foundation.words import text
from app.jobs.sources.driver import RecordsWriter
from app.settings.model import Source, SourceKind
from tests.features.greenhouse import make_tree
from tests.real.servers.mariadb import MariadbServer, mariadb_server
from tests.real.servers.postgresql import PostgresServer, postgres_server
from tests.trees import described

PASSWORD = "canary:pass\\word \"Zq7' № 1"


class Subject(Protocol):
    """One source, and what its own plain tools say of it."""

    source: Source

    @property
    def secrets(self) -> Mapping[str, str]:
        """The source's secrets, by name."""

    def state(self) -> object:
        """Everything that a backup must bring back, in terms of the source's own tools."""

    def put_back(self, content: Path) -> object:
        """Puts back, by plain tools, what plain restic took out (a file, or a folder); gives its state."""

    def spoil(self) -> str:
        """From now on the source cannot be taken, half-way through where that can be; gives the code of the error."""

    def left(self) -> list[str]:
        """Connections and the like that a capture left behind."""


@dataclass
class Files:
    """A tree with odd names in it."""

    root: Path
    secrets: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        make_tree(self.root, files=20)
        self.source = Source(name="laravel", kind=SourceKind.FILES, root=str(self.root))

    def state(self) -> object:
        return described(self.root)

    def put_back(self, content: Path) -> object:
        return described(content)

    def spoil(self) -> str:
        self.root.rename(self.root.with_name("away"))
        return "source.root-missing"

    def left(self) -> list[str]:
        return []


@dataclass
class Postgresql:
    """A database of PostgreSQL and its owner."""

    server: PostgresServer
    name: str = field(default_factory=lambda: f"hydro-{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        self.server.create_role(self.name, PASSWORD)
        self.server.create_database(self.name, self.name)
        self._as_owner("CREATE TABLE nodes (id int PRIMARY KEY, t text)")
        self._as_owner("INSERT INTO nodes SELECT n, '🌱 сад ' || n FROM generate_series(1, 2000) n")
        self.source = Source(
            name="database",
            kind=SourceKind.POSTGRESQL,
            database=self.name,
            server=self.server.host,
            port=self.server.port,
            user=self.name,
        )
        self.secrets = {"source:database:password": PASSWORD}

    def _as_owner(self, statement: LiteralString) -> None:
        where = make_conninfo(host=self.server.host, port=self.server.port, dbname=self.name, user=self.name)
        with psycopg.connect(where, password=PASSWORD, autocommit=True) as connection:
            connection.execute(SQL(statement))

    def state(self) -> object:
        return self._plain(self.name)

    def put_back(self, content: Path) -> object:
        copy = f"{self.name}-copy"
        self.server.create_database(copy, self.name)
        try:
            self._program("pg_restore", "--exit-on-error", f"--dbname={self._place(copy)}", str(content))
            return self._plain(copy)
        finally:
            self.server._execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(copy)))

    def _plain(self, database: str) -> bytes:
        said = self._program("pg_dump", f"--dbname={self._place(database)}")
        return re.sub(rb"(?m)^\\(un)?restrict .*$", b"", said)

    def _program(self, name: str, *arguments: str) -> bytes:
        return subprocess.run([self.server.bin / name, *arguments], capture_output=True, check=True).stdout

    def _place(self, database: str) -> str:
        return make_conninfo(
            host=str(self.server.socket_folder), port=self.server.port, user="postgres", dbname=database
        )

    def spoil(self) -> str:
        self.server.sql("CREATE TABLE hidden (x int)", self.name)
        return "postgres.no-rights"

    def left(self) -> list[str]:
        rows = self.server.sql("SELECT pid, query FROM pg_stat_activity WHERE application_name = 'overwinter'")
        return [str(row) for row in rows]


@dataclass
class Globals:
    """The roles of a server, put back into another one."""

    server: PostgresServer
    folder: Path
    name: str = field(default_factory=lambda: f"keeper-{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        self.server.create_role(self.name, PASSWORD)
        self.server._execute(SQL("ALTER ROLE {} SUPERUSER CONNECTION LIMIT 7").format(Identifier(self.name)))
        self.source = Source(
            name="roles",
            kind=SourceKind.POSTGRESQL_GLOBALS,
            server=self.server.host,
            port=self.server.port,
            user=self.name,
        )
        self.secrets = {"source:roles:password": PASSWORD}

    def state(self) -> object:
        return self._roles(self.server)

    def put_back(self, content: Path) -> object:
        with postgres_server(self.folder) as other:
            place = ["--host", str(other.socket_folder), "--port", str(other.port), "--username", "postgres"]
            subprocess.run([other.bin / "psql", *place, "--file", content, "postgres"], capture_output=True, check=True)
            return self._roles(other)

    def _roles(self, server: PostgresServer) -> object:
        return server.sql(
            "SELECT rolname, rolsuper, rolcanlogin, rolconnlimit, rolpassword FROM pg_authid"
            f" WHERE rolname = '{self.name}'"
        )

    def spoil(self) -> str:
        self.server._execute(SQL("ALTER ROLE {} PASSWORD 'another'").format(Identifier(self.name)))
        return "postgres.password-wrong"

    def left(self) -> list[str]:
        rows = self.server.sql("SELECT pid, query FROM pg_stat_activity WHERE application_name = 'overwinter'")
        return [str(row) for row in rows]


AWKWARD = """
CREATE TABLE `two
lines (x) VALUES` (id int PRIMARY KEY AUTO_INCREMENT, t text, `a(b'` varchar(50));
INSERT INTO `two
lines (x) VALUES` (t, `a(b'`) VALUES ('x),(y', "it's"), ('line\\nline', 'back\\\\'), ('🌱 हिन्दी \\\\\\'', '');
CREATE TABLE kinds (a int, b int AS (a + 1) STORED, c blob, d bit(3), g point, j json, f double, at datetime(6));
INSERT INTO kinds (a, c, d, g, j, f, at) VALUES
    (1, x'00ff27', b'101', POINT(1, 2), '{"a(": "),("}', 1e-300, '2026-01-01 00:00:00.123456'),
    (2, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE nothing (x int) COMMENT 'it''s
INSERT INTO `foo` VALUES (1)';
CREATE TABLE parted (x int) PARTITION BY HASH (x) PARTITIONS 3;
INSERT INTO parted SELECT seq FROM seq_1_to_1000;
CREATE SEQUENCE counter START WITH 5;
SELECT NEXTVAL(counter);
SET sql_mode = '';
CREATE TABLE zones (id int PRIMARY KEY, since date, seen datetime, at timestamp NULL);
INSERT INTO zones VALUES (0, '0000-00-00', '0000-00-00 00:00:00', NULL), (2, '2026-00-10', NULL, '1970-01-01 12:00:01');
CREATE TABLE children (
    id int PRIMARY KEY CHECK (id > 0), zone int NOT NULL, parent int, label varchar(20) AS (concat('🌱', id)) VIRTUAL,
    CONSTRAINT in_zone FOREIGN KEY (zone) REFERENCES zones (id) ON DELETE CASCADE,
    CONSTRAINT below FOREIGN KEY (parent) REFERENCES children (id));
INSERT INTO children (id, zone, parent) VALUES (2, 0, NULL), (1, 2, 2);
CREATE VIEW few AS SELECT a, c FROM kinds WHERE a < 3;
CREATE VIEW a_view_of_a_view AS SELECT a FROM few;
DELIMITER ;;
CREATE DEFINER = keeper@`127.0.0.1` PROCEDURE fill() BEGIN
INSERT INTO `log` VALUES (1);
-- Dump completed
END;;
CREATE FUNCTION one() RETURNS INT DETERMINISTIC RETURN 1;;
CREATE DEFINER = keeper@`127.0.0.1` TRIGGER before_nothing BEFORE INSERT ON nothing FOR EACH ROW BEGIN
INSERT INTO kinds (a) VALUES (3);
END;;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2026-01-01' DO INSERT INTO `foo` VALUES (1);;
DELIMITER ;
"""

AWKWARD_ROWS = {"children": 2, "kinds": 2, "nothing": 0, "parted": 1000, "two\nlines (x) VALUES": 3, "zones": 2}


def make_awkward(server: MariadbServer, name: str) -> None:
    """A database with everything in it that a dump may treat in its own way, and an account that may read it all."""
    server.sql("CREATE USER IF NOT EXISTS keeper@`127.0.0.1`")
    server.sql(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_czech_ci")
    server.sql(AWKWARD, name)
    server.create_account(name, PASSWORD, f"ALL PRIVILEGES ON `{name}`.*", "SELECT ON mysql.proc")


@dataclass
class Mysql:
    """A database of MariaDB, put back under its own name."""

    server: MariadbServer
    name: str = field(default_factory=lambda: f"od-d сад {secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        make_awkward(self.server, self.name)
        self.source = Source(
            name="telemetry",
            kind=SourceKind.MYSQL,
            database=self.name,
            server=self.server.host,
            port=self.server.port,
            user=self.name,
        )
        self.secrets = {"source:telemetry:password": PASSWORD}

    def state(self) -> object:
        return self.server.dump(self.name)

    def put_back(self, content: Path) -> object:
        self.server.sql(f"DROP DATABASE `{self.name}`")
        self.server.sql(f"CREATE DATABASE `{self.name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_czech_ci")
        with content.open("rb") as dump:
            subprocess.run(
                [*self.server.client(), f"--database={self.name}"], stdin=dump, capture_output=True, check=True
            )
        return self.server.dump(self.name)

    def spoil(self) -> str:
        """Tables are in the dump already when it comes to the view."""
        self.server.sql("CREATE TABLE gone (x int); CREATE VIEW lost AS SELECT * FROM gone; DROP TABLE gone", self.name)
        return "mysql.view-broken"

    def left(self) -> list[str]:
        return self.server.connections()


@dataclass
class MysqlUsers:
    """The accounts of a server, put back into another one."""

    server: MariadbServer
    folder: Path
    name: str = field(default_factory=lambda: f"keeper-{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        self.server.create_account(self.name, PASSWORD, "SELECT ON mysql.*", "INSERT ON `some_db`.*")
        self.source = Source(
            name="accounts",
            kind=SourceKind.MYSQL_USERS,
            server=self.server.host,
            port=self.server.port,
            user=self.name,
        )
        self.secrets = {"source:accounts:password": PASSWORD}

    def state(self) -> object:
        return self._account(self.server)

    def put_back(self, content: Path) -> object:
        """The administrator's own account stands there already, which the client is told to pass over."""
        with mariadb_server(self.folder) as other, content.open("rb") as dump:
            subprocess.run([*other.client(), "--force"], stdin=dump, capture_output=True, check=False)
            return self._account(other)

    def _account(self, server: MariadbServer) -> object:
        return server.sql(f"SHOW CREATE USER `{self.name}`@`127.0.0.1`; SHOW GRANTS FOR `{self.name}`@`127.0.0.1`")

    def spoil(self) -> str:
        self.server.sql(f"REVOKE SELECT ON mysql.* FROM `{self.name}`@`127.0.0.1`")
        return "mysql.no-rights"

    def left(self) -> list[str]:
        return self.server.connections()


@dataclass
class Sqlite:
    """A database in WAL mode that a program has open, with rows that are not in its file yet."""

    path: Path
    secrets: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path.parent.mkdir()
        self.live = sqlite3.connect(self.path, isolation_level=None)
        self.live.execute("PRAGMA journal_mode = WAL")
        self.live.execute("PRAGMA user_version = 42")
        self.live.execute('CREATE TABLE "od""d; (x\n" (id INTEGER PRIMARY KEY, t TEXT, b BLOB)')
        self.live.execute("CREATE VIRTUAL TABLE words USING fts5 (t)")
        self.live.execute("INSERT INTO words VALUES ('сад')")
        self.live.executemany(
            'INSERT INTO "od""d; (x\n" (t, b) VALUES (?, ?)', [("🌱 сад", b"\0\xff" * n) for n in range(500)]
        )
        self.source = Source(name="readings", kind=SourceKind.SQLITE, database=str(self.path))

    def state(self) -> object:
        return everything_in(self.path)

    def put_back(self, content: Path) -> object:
        return everything_in(content)

    def spoil(self) -> str:
        """The copy succeeds: SQLite copies damaged pages as they are."""
        self.live.close()
        with self.path.open("r+b") as file:
            file.seek(self.path.stat().st_size // 2)
            file.write(os.urandom(4096))
        return "sqlite.damaged"

    def left(self) -> list[str]:
        beside = {file.name for file in self.path.parent.iterdir()}
        return sorted(beside - {self.path.name, f"{self.path.name}-wal", f"{self.path.name}-shm"})

    def close(self) -> None:
        """Lets the database go."""
        self.live.close()


def everything_in(path: Path) -> object:
    """A database as SQL, and what is no part of that."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return version, list(connection.iterdump())


@dataclass
class Records:
    """Overwinter's own records, of which another site's are no part."""

    fails: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict)
    write: RecordsWriter | None = None

    def __post_init__(self) -> None:
        self.source = Source(name="records", kind=SourceKind.RECORDS)

    async def records(self, site: str, target: str) -> Mapping[str, int]:
        """The writer, which fails half-way when it is told to."""
        if self.fails:
            Path(target).write_bytes(b"SQLite format 3\0 half of it")  # noqa: ASYNC240  a few bytes of a test
            raise UserError(text("The disk is full."), text("Nothing."), text("Make room."), "store.disk-full")
        assert self.write is not None
        return await self.write(site, target)

    def state(self) -> object:
        return {"audit": [("north-house", "site-added")], "sites": [("north-house",)]}

    def put_back(self, content: Path) -> object:
        with contextlib.closing(sqlite3.connect(content)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return {
                "audit": connection.execute("SELECT site, what FROM audit").fetchall(),
                "sites": connection.execute("SELECT name FROM sites").fetchall(),
            }

    def spoil(self) -> str:
        self.fails = True
        return "store.disk-full"

    def left(self) -> list[str]:
        return []
