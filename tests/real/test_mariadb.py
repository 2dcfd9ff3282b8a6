"""MariaDB itself: a dump holds what was counted in it, and each refusal is told apart."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.hosts.host import Command
from app.hosts.local import LocalHost
from app.jobs.manifest import SqlDumpFacts
from app.jobs.sources.driver import Captured
from app.settings.model import Source, SourceKind
from app.tools.found import ToolFound
from app.tools.mysql.programs import Flavour as Whose
from app.tools.mysql.programs import dump_for, find_programs, package_of
from tests.contracts.sources import AWKWARD_ROWS, PASSWORD, make_awkward
from tests.faults.gate import Gate
from tests.real.capturing import Capturing
from tests.real.servers.mariadb import MariadbServer, mariadb_server
from tests.real.servers.restic import VERSIONS
from tests.running import run

if sys.platform == "win32":
    pytest.skip("stand-ins are scripts of the shell", allow_module_level=True)

DUMP_BEGINS = b"START TRANSACTION /*!40100 WITH CONSISTENT SNAPSHOT"


@pytest.fixture
def name(mariadb: MariadbServer) -> Iterator[str]:
    """An awkward database, and the account of the same name that may read it all."""
    made = f"od-d сад {secrets.token_hex(4)}"
    make_awkward(mariadb, made)
    yield made
    mariadb.sql(f"DROP DATABASE `{made}`; DROP USER IF EXISTS `{made}`@`127.0.0.1`")


@pytest.fixture
def capturing(tmp_path: Path) -> Capturing:
    """A fresh repository."""
    return Capturing(tmp_path)


def source(mariadb: MariadbServer, name: str, /, **fields: object) -> Source:
    """A database of that server as a source; its account has the database's name."""
    values = {"database": name, "server": mariadb.host, "port": mariadb.port, "user": name, **fields}
    return msgspec.convert({"name": "telemetry", "kind": "mysql", **values}, Source)


def take(capturing: Capturing, of: Source, password: str = PASSWORD) -> Captured:
    """Captures it, with that password stored."""
    return run(capturing.here(of, {f"source:{of.name}:password": password}))


def refused(capturing: Capturing, of: Source, password: str = PASSWORD) -> UserError:
    """What its capture is refused with; then nothing of it is in the repository or on the disk."""
    with pytest.raises(UserError) as raised:
        take(capturing, of, password)
    assert capturing.snapshots() == []
    assert list(capturing.scratch.glob("*")) == []
    return raised.value


def facts(captured: Captured) -> SqlDumpFacts:
    """What is known of the dump."""
    assert captured.sql_dump is not None
    return captured.sql_dump


def rows(captured: Captured) -> dict[str, int]:
    """The rows that were counted, by table."""
    return {counted.table: counted.rows for counted in facts(captured).tables}


# --- what is taken ---------------------------------------------------------------------------------------------------


@pytest.mark.spec("B1", "B3")
@pytest.mark.parametrize("version", VERSIONS)
def test_the_dump_is_what_mariadbs_own_program_writes(
    mariadb: MariadbServer, name: str, tmp_path: Path, version: str
) -> None:
    capturing = Capturing(tmp_path, version)
    captured = take(capturing, source(mariadb, name))
    of_its_own = mariadb.dump(name).replace(b"-- Host: localhost", b"-- Host: 127.0.0.1")
    assert capturing.content(captured) == of_its_own
    assert (captured.path, captured.bytes) == ("/telemetry.sql", len(of_its_own))
    assert rows(captured) == AWKWARD_ROWS
    found = facts(captured)
    assert found.dumped_by.startswith("mariadb-dump 10.")
    assert found.database.flavour is Whose.MARIADB
    assert (found.database.character_set, found.database.collation) == ("utf8mb4", "utf8mb4_czech_ci")
    database = found.database
    assert (database.views, database.routines, database.triggers, database.events) == (2, 2, 1, 1)
    assert database.definers == ("keeper@127.0.0.1", "root@localhost")
    assert (database.account, database.size > 0) == (f"{name}@127.0.0.1", True)
    assert msgspec.json.decode(msgspec.json.encode(found), type=SqlDumpFacts) == found


@pytest.mark.spec("B1", "B3")
def test_a_restored_dump_holds_exactly_what_was_counted_under_a_writer(
    mariadb: MariadbServer, name: str, capturing: Capturing
) -> None:
    """Two tables are written in one transaction; the counts agree with each other and with the restored rows."""
    mariadb.sql("CREATE TABLE a_first (x int); CREATE TABLE z_last (x int)", name)
    wide = "INSERT INTO wide SELECT seq, REPEAT('сад (1),(2) \\'', 20) FROM seq_1_to_20000"
    mariadb.sql(f"CREATE TABLE wide (id int PRIMARY KEY, t text); {wide}", name)
    both = "BEGIN; INSERT INTO a_first VALUES (1), (2); INSERT INTO z_last VALUES (1), (2); COMMIT"
    with mariadb.writer(name, both) as written:
        captured = take(capturing, source(mariadb, name))
        assert written() > 0
    counted = rows(captured)
    assert counted["a_first"] == counted["z_last"] > 0
    assert counted["wide"] == 20_000
    mariadb.sql(f"CREATE DATABASE `{name}-copy`; USE `{name}-copy`; {capturing.content(captured).decode()}")
    try:
        for table, expected in counted.items():
            quoted = table.replace("`", "``")
            assert mariadb.sql(f"SELECT COUNT(*) FROM `{quoted}`", f"{name}-copy") == f"{expected}\n"
    finally:
        mariadb.sql(f"DROP DATABASE `{name}-copy`")


@pytest.mark.spec("B1")
def test_an_unchanged_database_gives_the_same_bytes(mariadb: MariadbServer, name: str, capturing: Capturing) -> None:
    one, other = (take(capturing, source(mariadb, name)) for _ in range(2))
    assert capturing.content(one) == capturing.content(other)


@pytest.mark.spec("B1")
def test_the_history_of_versioned_tables_is_taken_along(
    mariadb: MariadbServer, name: str, capturing: Capturing
) -> None:
    mariadb.sql(
        "CREATE TABLE kept (x int) WITH SYSTEM VERSIONING; INSERT INTO kept VALUES (1); UPDATE kept SET x = 2", name
    )
    captured = take(capturing, source(mariadb, name))
    assert rows(captured)["kept"] == 2
    assert facts(captured).database.versioned == ("kept",)


@pytest.mark.spec("B1")
def test_tables_without_transactions_are_named(mariadb: MariadbServer, name: str, capturing: Capturing) -> None:
    mariadb.sql("CREATE TABLE old (x int) ENGINE = MyISAM; INSERT INTO old VALUES (1), (2)", name)
    captured = take(capturing, source(mariadb, name))
    assert rows(captured)["old"] == 2
    assert capturing.warnings() == ["mysql.not-transactional"]
    assert facts(captured).database.not_transactional == ("old",)


@pytest.mark.spec("B2")
def test_the_socket_is_a_way_too(mariadb: MariadbServer, name: str, capturing: Capturing) -> None:
    mariadb.sql(
        f"CREATE OR REPLACE USER `{name}`@localhost IDENTIFIED BY '{'pw'}'; GRANT ALL ON *.* TO `{name}`@localhost"
    )
    for place in (str(mariadb.socket), str(mariadb.socket.parent)):
        captured = take(capturing, source(mariadb, name, server=place), "pw")
        assert rows(captured) == AWKWARD_ROWS
    mariadb.sql(f"DROP USER `{name}`@localhost")


@pytest.mark.spec("B3")
def test_what_a_person_wrote_for_their_own_dumps_does_not_matter(
    mariadb: MariadbServer, name: str, capturing: Capturing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".my.cnf").write_text("[mysqldump]\nno-data\nskip-comments\n[client]\npassword=nonsense\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert rows(take(capturing, source(mariadb, name))) == AWKWARD_ROWS


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.spec("B3", "X3")
def test_each_way_not_to_get_in_has_its_own_error(
    mariadb: MariadbServer, name: str, capturing: Capturing, postgres_port: int
) -> None:
    of = source(mariadb, name)
    mariadb.sql(f"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO `{name}`@`127.0.0.1`")
    assert refused(capturing, of, "wrong").code == "mysql.password-wrong"
    assert refused(capturing, of, "").code == "mysql.password-missing"
    assert refused(capturing, source(mariadb, name, database="nowhere")).code == "mysql.database-missing"
    assert refused(capturing, source(mariadb, name, port=1)).code == "mysql.server-down"
    assert refused(capturing, source(mariadb, name, server="/nowhere")).code == "mysql.server-down"
    assert refused(capturing, source(mariadb, name, port=postgres_port)).code == "mysql.not-mysql"


@pytest.fixture
def postgres_port(request: pytest.FixtureRequest) -> int:
    """A server that speaks otherwise."""
    port: int = request.getfixturevalue("postgres").port
    return port


@pytest.mark.spec("B3")
@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        ("SELECT, SHOW VIEW, EVENT, EXECUTE", "TRIGGER"),
        ("SELECT, SHOW VIEW, EVENT, TRIGGER", "EXECUTE"),
        ("SELECT, EVENT, TRIGGER, EXECUTE", "SHOW VIEW"),
    ],
)
def test_what_a_dump_would_leave_out_without_a_word_is_asked_for_before(
    mariadb: MariadbServer, name: str, capturing: Capturing, granted: str, missing: str
) -> None:
    """The error says what to type, and when that is done the backup is whole."""
    mariadb.create_account(name, PASSWORD, f"{granted} ON `{name}`.*", "SELECT ON mysql.proc")
    error = refused(capturing, source(mariadb, name))
    assert error.code == "mysql.no-rights"
    assert str(error.problem.next).endswith(f"GRANT {missing} ON `{name}`.* TO `{name}`@`127.0.0.1`;")
    mariadb.sql(str(error.problem.next).partition(": ")[2])
    captured = take(capturing, source(mariadb, name))
    assert capturing.content(captured).count(b"TRIGGER before_nothing") == 1
    assert capturing.content(captured).count(b"PROCEDURE `fill`") == 1


@pytest.mark.spec("B3")
def test_routines_that_may_be_seen_but_not_read_end_the_dump(
    mariadb: MariadbServer, name: str, capturing: Capturing
) -> None:
    mariadb.create_account(name, PASSWORD, f"ALL PRIVILEGES ON `{name}`.*")
    error = refused(capturing, source(mariadb, name))
    assert error.code == "mysql.no-rights"
    assert "insufficient privileges to SHOW CREATE" in error.problem.detail


@pytest.mark.spec("B3")
def test_what_runs_as_an_account_that_is_gone_is_taken_and_the_account_is_named(
    mariadb: MariadbServer, name: str, capturing: Capturing
) -> None:
    """It goes back where the account is not there either; who restores it can be told who is missing."""
    mariadb.sql("CREATE OR REPLACE USER gone; CREATE DEFINER = gone VIEW left_over AS SELECT * FROM kinds", name)
    mariadb.sql("CREATE DEFINER = gone PROCEDURE nothing() SELECT 1; DROP USER gone", name)
    captured = take(capturing, source(mariadb, name))
    assert "gone@%" in facts(captured).database.definers
    assert capturing.content(captured).count(b"DEFINER=`gone`@`%`") == 2


@pytest.mark.spec("B3")
def test_rights_that_come_with_a_role_count(mariadb: MariadbServer, name: str, capturing: Capturing) -> None:
    mariadb.create_account(name, PASSWORD)
    mariadb.sql(
        f"CREATE OR REPLACE ROLE reader; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO reader;"
        f"GRANT reader TO `{name}`@`127.0.0.1`; SET DEFAULT ROLE reader FOR `{name}`@`127.0.0.1`"
    )
    assert rows(take(capturing, source(mariadb, name))) == AWKWARD_ROWS


@pytest.fixture
def gate(mariadb: MariadbServer) -> Iterator[Gate]:
    """A gate on the way to the server, at which a dump can be held."""
    with Gate(mariadb.port, DUMP_BEGINS) as made:
        yield made


@contextmanager
def meanwhile(gate: Gate, interference: Callable[[], object]) -> Iterator[None]:
    """This happens while a dump of the body stands still in the midst of the tables."""

    def interfere() -> None:
        gate.wait_until_held()
        interference()
        gate.release()

    with gate.holding(400_000):
        thread = threading.Thread(target=interfere)
        thread.start()
        try:
            yield
        finally:
            gate.release()
            thread.join()


def held(gate: Gate, capturing: Capturing, of: Source, interference: Callable[[], object]) -> UserError:
    """What a capture is refused with when this happens while its dump stands still."""
    with meanwhile(gate, interference):
        return refused(capturing, of)


def until(fact: Callable[[], bool]) -> None:
    """Waits for it to be so."""
    deadline = time.monotonic() + 30
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def big(mariadb: MariadbServer, name: str) -> str:
    """The database with a big table that comes first, so that a dump can be held within it."""
    rows_of = "INSERT INTO a_big SELECT seq, REPEAT('x', 200) FROM seq_1_to_20000"
    mariadb.sql(f"CREATE TABLE a_big (id int PRIMARY KEY, t text); {rows_of}", name)
    return name


@pytest.mark.spec("B3")
@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE kinds ADD COLUMN more int, ALGORITHM = COPY",
        "TRUNCATE TABLE parted",
        "DROP TABLE nothing",
        "RENAME TABLE nothing TO something",
    ],
)
def test_a_table_that_changes_its_shape_meanwhile_makes_no_snapshot(
    mariadb: MariadbServer, big: str, capturing: Capturing, gate: Gate, change: str
) -> None:
    of = source(mariadb, big, port=gate.port)
    assert held(gate, capturing, of, lambda: mariadb.sql(change, big)).code == "mysql.changing"


@pytest.mark.spec("B3")
def test_a_table_that_is_just_being_dumped_keeps_its_shape_until_then(
    mariadb: MariadbServer, big: str, capturing: Capturing, gate: Gate
) -> None:
    """Who wants to change it waits, and the dump holds what was there in its moment."""
    change = [*mariadb.client(), f"--database={big}", "--execute=ALTER TABLE a_big ADD COLUMN more int"]
    altering: list[subprocess.Popen[bytes]] = []

    def alter() -> None:
        altering.append(subprocess.Popen(change, stdin=subprocess.DEVNULL))
        until(lambda: any("Waiting for table metadata lock" in line for line in mariadb.states()))

    with meanwhile(gate, alter):
        captured = take(capturing, source(mariadb, big, port=gate.port))
    assert altering[0].wait(30) == 0
    assert rows(captured)["a_big"] == 20_000
    assert b"`more` int" not in capturing.content(captured)


@pytest.mark.spec("B3")
@pytest.mark.parametrize("how", ["killed by an administrator", "cut"])
def test_a_connection_that_is_lost_half_way_makes_no_snapshot(
    mariadb: MariadbServer, big: str, capturing: Capturing, gate: Gate, how: str
) -> None:
    """The server still sends: what it has sent, the connection would give the dump all the same."""
    mariadb.sql("INSERT INTO a_big SELECT seq, REPEAT('x', 200) FROM seq_20001_to_300000", big)

    def kill() -> None:
        for line in mariadb.connections():
            if big in line:
                mariadb.sql(f"KILL {line.split()[0]}")

    error = held(gate, capturing, source(mariadb, big, port=gate.port), gate.cut if how == "cut" else kill)
    assert error.code == "mysql.connection-lost", error.problem.detail


@pytest.mark.spec("B3", "X3")
def test_what_a_dump_said_is_known_also_where_restic_lost_it(
    mariadb: MariadbServer, name: str, capturing: Capturing, only: Path
) -> None:
    real = _real("mariadb-dump")
    stand_in(only / "mariadb-dump", f'[ "$1" = --version ] && exec {real} --version\nexec {real} "$@" 2> /dev/null')
    mariadb.sql("CREATE TABLE gone (x int); CREATE VIEW lost AS SELECT * FROM gone; DROP TABLE gone", name)
    error = refused(capturing, source(mariadb, name))
    assert (error.code, "lost" in error.problem.detail) == ("mysql.view-broken", True)


@pytest.mark.spec("B3")
def test_a_server_that_dies_half_way_makes_no_snapshot(capturing: Capturing, tmp_path: Path) -> None:
    with mariadb_server(tmp_path) as server, Gate(server.port, DUMP_BEGINS) as gate:
        make_awkward(server, "hydro")
        server.sql("CREATE TABLE a_big (id int PRIMARY KEY, t text)", "hydro")
        server.sql("INSERT INTO a_big SELECT seq, REPEAT('x', 200) FROM seq_1_to_300000", "hydro")
        error = held(gate, capturing, source(server, "hydro", port=gate.port), server.kill)
        assert error.code == "mysql.connection-lost", error.problem.detail
        server.start()
        assert rows(take(capturing, source(server, "hydro")))["a_big"] == 300_000


# --- programs --------------------------------------------------------------------------------------------------------


def stand_in(folder: Path, script: str) -> Path:
    """A script that can be started."""
    folder.parent.mkdir(exist_ok=True)
    folder.write_text(f"#!/bin/sh\n{script}\n")
    folder.chmod(folder.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole search path, with nothing but the client in it."""
    folder = tmp_path / "only"
    folder.mkdir()
    client = shutil.which("mariadb")
    assert client is not None
    (folder / "mariadb").symlink_to(client)
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.spec("B3")
@pytest.mark.parametrize("kept", [900, 3000, 6000])
def test_a_dump_that_ends_early_and_calls_it_success_makes_no_snapshot(
    mariadb: MariadbServer, name: str, capturing: Capturing, only: Path, kept: int
) -> None:
    real, head = _real("mariadb-dump"), "/usr/bin/head"
    stand_in(
        only / "mariadb-dump",
        f'[ "$1" = --version ] && exec {real} --version\n{real} "$@" | {head} -c {kept}\nexit 0',
    )
    error = refused(capturing, source(mariadb, name))
    assert error.code == "source.truncated"
    assert f"{kept} of {kept} bytes" in error.problem.detail


def _real(program: str) -> str:
    return f"/usr/bin/{program}"


@pytest.mark.spec("B3")
def test_a_client_that_is_missing_is_named_with_its_package(
    mariadb: MariadbServer, name: str, capturing: Capturing, only: Path
) -> None:
    error = refused(capturing, source(mariadb, name))
    assert error.code == "mysql.client-missing"
    assert "mariadb-dump" in str(error.problem.what)
    assert "mariadb" in str(error.problem.next)
    (only / "mariadb").unlink()
    assert refused(capturing, source(mariadb, name)).code == "mysql.client-missing"


@pytest.mark.spec("B3")
def test_mysqls_dump_program_is_refused_for_mariadb(
    mariadb: MariadbServer, name: str, capturing: Capturing, only: Path
) -> None:
    stand_in(only / "mysqldump", "echo 'mysqldump  Ver 9.7.4 for Linux on x86_64 (MySQL Community Server - GPL)'")
    error = refused(capturing, source(mariadb, name))
    assert error.code == "mysql.wrong-flavour"
    assert "MySQL's" in str(error.problem.what)


@pytest.mark.spec("B3")
def test_mariadbs_dump_program_is_refused_for_mysql(
    mariadb: MariadbServer, name: str, capturing: Capturing, only: Path
) -> None:
    """A client that says of the server what one says that asks MySQL; a real one is asked in the long tier."""
    real = (only / "mariadb").resolve()
    (only / "mariadb").unlink()
    stand_in(only / "mariadb", f'[ "$1" = --version ] && exec {real} --version\n/bin/cat > /dev/null\necho 9.7.4-2')
    (only / "mariadb-dump").symlink_to(_real("mariadb-dump"))
    error = refused(capturing, source(mariadb, name))
    assert error.code == "mysql.wrong-flavour"
    assert str(error.problem.what).startswith("The server is MySQL, and mariadb-dump on this-computer is MariaDB's.")
    assert "mysql" in str(error.problem.next)


@pytest.mark.spec("B3")
def test_a_client_that_cannot_log_in_as_the_server_wants_is_named_so(
    mariadb: MariadbServer, name: str, capturing: Capturing, only: Path
) -> None:
    """The words of MySQL's client 9.7.4 about this server, as they were recorded."""
    (only / "mariadb").unlink()
    said = "ERROR 2059 (HY000): Authentication plugin 'mysql_native_password' cannot be loaded: /usr/lib/mysql/plugin/"
    version = "mysql  Ver 9.7.4-2 for Linux on x86_64 ((Debian))"
    stand_in(
        only / "mysql",
        f'[ "$1" = --version ] && echo "{version}" && exit 0\n/bin/cat > /dev/null\necho "{said}" >&2\nexit 1',
    )
    assert refused(capturing, source(mariadb, name)).code == "mysql.login-unknown"


@pytest.mark.spec("B3")
def test_an_older_client_is_refused(mariadb: MariadbServer, name: str, capturing: Capturing, only: Path) -> None:
    stand_in(only / "mariadb-dump", "echo 'mariadb-dump  Ver 10.19 Distrib 10.3.39-MariaDB, for debian-linux-gnu'")
    error = refused(capturing, source(mariadb, name))
    assert error.code == "mysql.client-older"
    assert "10.3.39-MariaDB" in str(error.problem.what)


def tool(name: str, version: str) -> ToolFound:
    """A program of that version."""
    return ToolFound(name, version, f"/bin/{version}/{name}", fit=True)


@pytest.mark.spec("B3")
def test_the_program_nearest_to_the_server_is_chosen(tmp_path: Path) -> None:
    found = [
        tool("mariadb-dump", "11.8.2-MariaDB"),
        tool("mysqldump", "8.4.0"),
        tool("mariadb-dump", "10.11.19-MariaDB"),
        tool("mysqldump", "9.7.4"),
        ToolFound("mysqldump", "", "/bin/broken", fit=False),
    ]

    async def chosen(server: str) -> str:
        blocking = Blocking()
        try:
            return (await dump_for(LocalHost(blocking, tmp_path), found, server)).version
        except UserError as error:
            return error.code
        finally:
            blocking.close()

    assert run(chosen("10.11.4-MariaDB-log")) == "10.11.19-MariaDB"
    assert run(chosen("10.6.1-MariaDB")) == "10.11.19-MariaDB"
    assert run(chosen("11.4.1-MariaDB")) == "11.8.2-MariaDB"
    assert run(chosen("12.3.0-MariaDB")) == "mysql.client-older"
    assert run(chosen("8.0.36")) == "8.4.0"
    assert run(chosen("8.4.9")) == "8.4.0"
    assert run(chosen("9.8.0")) == "mysql.client-older"


@pytest.mark.spec("B3")
def test_a_package_has_the_name_that_the_system_gives_it(tmp_path: Path) -> None:
    class Elsewhere(LocalHost):
        """Another system, by its own word for what it is."""

        os_release = ""

        async def read(self, path: str, limit: int = 1000) -> bytes:
            """The one file that is asked for."""
            assert path == "/etc/os-release"
            return self.os_release.encode()[:limit]

    async def named(os_release: str, flavour: Whose) -> str:
        blocking = Blocking()
        try:
            host = Elsewhere(blocking, tmp_path)
            host.os_release = os_release
            return await package_of(host, flavour)
        finally:
            blocking.close()

    assert run(named('ID=ubuntu\nID_LIKE="debian"\n', Whose.MYSQL)) == "mysql-client"
    assert run(named("ID=linuxmint\nID_LIKE='ubuntu debian'\n", Whose.MARIADB)) == "mariadb-client"
    assert run(named('ID="almalinux"\nID_LIKE="rhel centos fedora"\n', Whose.MARIADB)) == "mariadb"
    assert run(named("ID=unheard-of\n", Whose.MARIADB)) == "mariadb-client"


@pytest.mark.spec("B3")
def test_programs_are_listed_with_their_versions(tmp_path: Path) -> None:
    async def listed() -> list[ToolFound]:
        blocking = Blocking()
        try:
            return await find_programs(LocalHost(blocking, tmp_path), {})
        finally:
            blocking.close()

    found = {each.name: each for each in run(listed())}
    assert found["mariadb-dump"].fit
    assert found["mariadb-dump"].version.endswith("-MariaDB")
    assert found["mariadb"].version == found["mariadb-dump"].version


@pytest.mark.spec("J2")
def test_a_cancel_while_the_dump_is_read_again_leaves_nothing_but_whole_data(
    mariadb: MariadbServer, name: str, capturing: Capturing
) -> None:
    async def cancelled() -> bool:
        work = asyncio.create_task(capturing.here(source(mariadb, name), {"source:telemetry:password": PASSWORD}))

        def cancel_at(command: Command) -> None:
            if "dump" in command.arguments:
                asyncio.get_running_loop().call_soon(work.cancel)

        capturing.on_command = cancel_at
        await asyncio.wait({work})
        return work.cancelled()

    assert run(cancelled())
    (snapshot,) = capturing.snapshots()
    assert capturing.restic("dump", snapshot, "/telemetry.sql").endswith(b"-- Dump completed\n")
    assert list(capturing.scratch.iterdir()) == []
    assert list((capturing.repository / "locks").iterdir()) == []


@pytest.mark.spec("B2")
def test_accounts_are_taken_with_their_password_hashes(mariadb: MariadbServer, capturing: Capturing) -> None:
    keeper = f"keeper-{secrets.token_hex(4)}"
    mariadb.create_account(keeper, PASSWORD, "SELECT ON mysql.*")
    (line,) = [line for line in mariadb.sql(f"SHOW GRANTS FOR `{keeper}`@`127.0.0.1`").splitlines() if "USAGE" in line]
    of = Source(name="accounts", kind=SourceKind.MYSQL_USERS, server=mariadb.host, port=mariadb.port, user=keeper)
    captured = take(capturing, of)
    content = capturing.content(captured).decode()
    assert captured.path == "/accounts.sql"
    assert line.rpartition("'*")[2] in content
    assert f"CREATE USER `{keeper}`@`127.0.0.1`" in content
    mariadb.sql(f"DROP USER `{keeper}`@`127.0.0.1`")


@pytest.mark.spec("S4")
def test_the_password_is_in_no_argument_and_no_environment(
    mariadb: MariadbServer, name: str, capturing: Capturing
) -> None:
    take(capturing, source(mariadb, name))
    told = [repr((command.arguments, command.environment)) for command in capturing.commands]
    assert not [line for line in told if PASSWORD[:10] in line]

    def started(command: Command) -> bool:
        return any("mariadb-dump" in argument for argument in (command.program, *command.arguments))

    assert any(started(command) for command in capturing.commands)
