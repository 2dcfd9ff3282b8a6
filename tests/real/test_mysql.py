"""MySQL itself, where there is one: its dumps, and whose programs are used for whose server."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings.model import Source, SourceKind
from app.tools.mysql.programs import Flavour
from tests.contracts.sources import PASSWORD
from tests.faults.gate import Gate
from tests.real.capturing import Capturing
from tests.real.servers.mariadb import MariadbServer
from tests.real.servers.mysql import MysqlServer, mysql_programs, mysql_server
from tests.real.test_mariadb import facts, held, refused, rows, source, take

pytestmark = [pytest.mark.long, pytest.mark.spec("B1", "B3")]

NAME = "od-d сад"
ACCOUNT = "backup"
CONTENT = """
SET sql_mode = '';
CREATE TABLE zones (id int PRIMARY KEY, since date, seen datetime, at timestamp NULL);
INSERT INTO zones VALUES (0, '0000-00-00', '0000-00-00 00:00:00', NULL), (2, '2026-00-10', NULL, '1970-01-01 12:00:01');
CREATE TABLE children (id int PRIMARY KEY CHECK (id > 0), zone int NOT NULL, parent int,
    label varchar(20) AS (concat('🌱', id)) VIRTUAL, hidden int DEFAULT 1 INVISIBLE,
    CONSTRAINT in_zone FOREIGN KEY (zone) REFERENCES zones (id) ON DELETE CASCADE,
    CONSTRAINT below FOREIGN KEY (parent) REFERENCES children (id));
INSERT INTO children (id, zone, parent) VALUES (2, 0, NULL), (1, 2, 2);
CREATE TABLE kinds (
    a int, b int AS (a + 1) STORED, c blob, d bit(3), g point SRID 4326, j json, f double, at datetime(6));
INSERT INTO kinds (a, c, d, g, j, f, at) VALUES
    (1, x'00ff27', b'101', ST_SRID(POINT(1, 2), 4326), '{"a(": "),("}', 1e-300, '2026-01-01 00:00:00.123456'),
    (2, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE big (id int PRIMARY KEY, b longblob);
INSERT INTO big VALUES (1, REPEAT(x'00ff27', 1500000)), (2, '');
CREATE TABLE nothing (x int) COMMENT 'it''s
INSERT INTO `foo` VALUES (1)';
CREATE VIEW few AS SELECT a, c FROM kinds WHERE a < 3;
DELIMITER ;;
CREATE PROCEDURE fill() BEGIN
INSERT INTO `log` VALUES (1);
-- Dump completed
END;;
CREATE TRIGGER before_nothing BEFORE INSERT ON nothing FOR EACH ROW BEGIN
INSERT INTO kinds (a) VALUES (3);
END;;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2026-01-01' DO INSERT INTO `foo` VALUES (1);;
DELIMITER ;
"""
ROWS = {"big": 2, "children": 2, "kinds": 2, "nothing": 0, "zones": 2}
LIKE = "CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_as_cs"


@pytest.fixture(scope="module")
def mysql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MysqlServer]:
    with mysql_server(tmp_path_factory.mktemp("mysql")) as server:
        yield server


@pytest.fixture
def database(mysql: MysqlServer) -> Iterator[Source]:
    """A database of MySQL's, and an account that may read it all."""
    mysql.sql(f"CREATE DATABASE `{NAME}` {LIKE}")
    mysql.sql(CONTENT, NAME)
    mysql.create_account(ACCOUNT, PASSWORD, f"ALL PRIVILEGES ON `{NAME}`.*", "SHOW_ROUTINE ON *.*")
    yield source(mysql, NAME, user=ACCOUNT)
    mysql.sql(f"DROP DATABASE `{NAME}`")


@pytest.fixture
def capturing(tmp_path: Path) -> Capturing:
    return Capturing(tmp_path)


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A search path on which MySQL's programs go by their names and MariaDB's by theirs."""
    return only(monkeypatch, tmp_path, "mysql", "mysqldump", "mariadb", "mariadb-dump")


def only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *names: str) -> Path:
    """A search path with these programs alone; those named for MySQL are MySQL's own."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in names:
        found = shutil.which(name) if name.startswith("mariadb") else str(mysql_programs() / name)
        assert found is not None
        (folder / name).symlink_to(found)
    for name in ("sh", "cat"):
        (folder / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_a_dump_goes_back_and_is_the_same_bytes_again(
    mysql: MysqlServer, database: Source, capturing: Capturing, both: Path
) -> None:
    captured = take(capturing, database)
    assert facts(captured).dumped_by.startswith("mysqldump ")
    assert facts(captured).database.flavour is Flavour.MYSQL
    assert rows(captured) == ROWS
    before = mysql.dump(NAME)
    mysql.sql(f"DROP DATABASE `{NAME}`; CREATE DATABASE `{NAME}` {LIKE}")
    command = [*mysql.client(), f"--database={NAME}"]
    subprocess.run(command, input=capturing.content(captured), capture_output=True, check=True)
    assert plain(mysql.dump(NAME)) == plain(before)
    assert plain(capturing.content(take(capturing, database))) == plain(capturing.content(captured))


def plain(dump: bytes) -> bytes:
    """Without the character set that MySQL itself writes out, once it was restored, where it was implied before."""
    return dump.replace(b" CHARACTER SET utf8mb4 COLLATE", b" COLLATE")


def test_each_server_gets_the_programs_of_its_own_maker(
    mysql: MysqlServer, mariadb: MariadbServer, database: Source, capturing: Capturing, both: Path
) -> None:
    assert facts(take(capturing, database)).dumped_by.startswith("mysqldump ")
    mariadb.sql("CREATE OR REPLACE DATABASE plain; CREATE TABLE plain.t (x int)")
    mariadb.create_account("plain", PASSWORD, "ALL PRIVILEGES ON *.*")
    assert facts(take(capturing, source(mariadb, "plain"))).dumped_by.startswith("mariadb-dump ")
    mariadb.sql("DROP DATABASE plain; DROP USER plain@`127.0.0.1`")


def test_mariadbs_programs_alone_are_refused_for_mysql(
    database: Source, capturing: Capturing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only(monkeypatch, tmp_path, "mariadb", "mariadb-dump")
    error = refused(capturing, database)
    assert error.code == "mysql.wrong-flavour", error.problem.detail
    assert "The server is MySQL" in str(error.problem.what)


def test_mysqls_programs_alone_are_refused_for_mariadb(
    mariadb: MariadbServer, capturing: Capturing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Newer ones cannot even log in, by which alone they would learn whose server it is."""
    client = mariadb.client_program
    mariadb.client_program = shutil.which(client) or ""
    mariadb.create_account("plain", PASSWORD, "ALL PRIVILEGES ON *.*")
    only(monkeypatch, tmp_path, "mysql", "mysqldump")
    error = refused(capturing, source(mariadb, "mysql", user="plain"))
    assert error.code in ("mysql.login-unknown", "mysql.wrong-flavour"), error.problem.detail
    assert "MariaDB" in str(error.problem.next)
    mariadb.sql("DROP USER plain@`127.0.0.1`")
    mariadb.client_program = client


def test_each_way_not_to_get_in_has_its_own_error(database: Source, capturing: Capturing, both: Path) -> None:
    assert refused(capturing, database, "wrong").code == "mysql.password-wrong"
    assert refused(capturing, database, "").code == "mysql.password-missing"


def test_a_table_that_changes_its_shape_meanwhile_makes_no_snapshot(
    mysql: MysqlServer, database: Source, capturing: Capturing, both: Path
) -> None:
    mysql.sql("CREATE TABLE a_big (id int PRIMARY KEY AUTO_INCREMENT, t longtext)", NAME)
    mysql.sql("INSERT INTO a_big (t) VALUES (REPEAT('x', 9000000)), (REPEAT('y', 9000000))", NAME)
    with Gate(mysql.port, b"") as gate:
        through = source(mysql, NAME, user=ACCOUNT, port=gate.port)
        error = held(gate, capturing, through, lambda: mysql.sql("ALTER TABLE kinds ADD COLUMN more int", NAME))
    assert error.code == "mysql.changing", error.problem.detail


def test_a_server_that_dies_half_way_makes_no_snapshot(
    mysql: MysqlServer, database: Source, capturing: Capturing, both: Path
) -> None:
    mysql.sql("CREATE TABLE a_big (id int PRIMARY KEY AUTO_INCREMENT, t longtext)", NAME)
    mysql.sql("INSERT INTO a_big (t) VALUES (REPEAT('x', 9000000)), (REPEAT('y', 9000000))", NAME)
    with Gate(mysql.port, b"") as gate:
        error = held(gate, capturing, source(mysql, NAME, user=ACCOUNT, port=gate.port), mysql.kill)
    mysql.start()
    assert error.code == "mysql.connection-lost", error.problem.detail


def test_a_view_of_an_account_that_is_gone_is_taken_and_the_account_is_named(
    mysql: MysqlServer, database: Source, capturing: Capturing, both: Path
) -> None:
    mysql.sql("CREATE USER gone; CREATE DEFINER = gone VIEW left_over AS SELECT * FROM kinds; DROP USER gone", NAME)
    assert "gone@%" in facts(take(capturing, database)).database.definers


def test_accounts_are_taken(mysql: MysqlServer, capturing: Capturing, both: Path) -> None:
    mysql.create_account("keeper", PASSWORD, "SELECT ON mysql.*")
    of = Source(name="accounts", kind=SourceKind.MYSQL_USERS, server=mysql.host, port=mysql.port, user="keeper")
    content = capturing.content(take(capturing, of))
    assert b"CREATE USER `keeper`@`127.0.0.1`" in content
