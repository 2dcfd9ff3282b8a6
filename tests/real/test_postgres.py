"""PostgreSQL itself: dumps agree with the counts taken beside them, and each refusal is told apart."""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from app.foundation.blocking import Blocking
from app.foundation.errors import Refused, UserError
from app.hosts.host import Command
from app.hosts.local import LocalHost
from app.tools.found import ToolFound
from app.tools.postgres.dump import dump_command, globals_command
from app.tools.postgres.errors import from_words
from app.tools.postgres.facts import DatabaseFacts, Extension, Setting
from app.tools.postgres.programs import DUMP, DUMP_ALL, RESTORE, find_programs, program_for
from app.tools.postgres.server import Server, password_file
from app.tools.postgres.snapshot import Counts, ExportedSnapshot, TableCount
from app.tools.restic.backup import Label
from app.tools.restic.errors import DumpFailed
from app.tools.restic.repository import Restic
from app.tools.restic.session import Repository
from tests.guards import descendants
from tests.real.servers.postgresql import PostgresServer
from tests.real.servers.restic import VERSIONS, fresh_repository, restic_program
from tests.running import run

PASSWORD = 'it\'s: \\a "canary" пароль'
REPOSITORY_PASSWORD = "second canary"
LABEL = Label("server", ("site:test",))

# Everything whose rows a dump may treat in its own way. `CREATE DATABASE` is not in here: each test has its own.
AWKWARD = r"""
CREATE SCHEMA "od""d 'schema'";
CREATE TABLE "od""d 'schema'"."две строки
и точка;" (id int PRIMARY KEY, "a""b" text);
INSERT INTO "od""d 'schema'"."две строки
и точка;" SELECT n, 'x' FROM generate_series(1, 7) n;
CREATE TABLE public.measured (at timestamptz, node int, value float) PARTITION BY RANGE (node);
CREATE TABLE public.measured_low PARTITION OF public.measured FOR VALUES FROM (0) TO (100);
CREATE TABLE public.measured_high PARTITION OF public.measured FOR VALUES FROM (100) TO (200) PARTITION BY LIST (node);
CREATE TABLE public.measured_150 PARTITION OF public.measured_high FOR VALUES IN (150);
CREATE TABLE public.measured_rest PARTITION OF public.measured_high DEFAULT;
INSERT INTO public.measured SELECT now(), n % 200, random() FROM generate_series(1, 1000) n;
CREATE TABLE public.parent (id int);
CREATE TABLE public.child (extra int) INHERITS (public.parent);
INSERT INTO public.parent VALUES (1), (2);
INSERT INTO public.child VALUES (3, 3);
CREATE UNLOGGED TABLE public.unlogged (id int);
INSERT INTO public.unlogged SELECT generate_series(1, 5);
CREATE MATERIALIZED VIEW public.computed AS SELECT * FROM public.parent;
INSERT INTO public.parent VALUES (4);
CREATE MATERIALIZED VIEW public.never_computed AS SELECT * FROM public.parent WITH NO DATA;
CREATE TABLE public.guarded (id int);
INSERT INTO public.guarded SELECT generate_series(1, 9);
ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON public.guarded USING (id < 3);
CREATE TABLE public.empty (id int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE public.busy (id bigserial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp());
CREATE EXTENSION hstore;
CREATE EXTENSION lo SCHEMA "od""d 'schema'";
CREATE TABLE public.owned_by_extension (id int);
INSERT INTO public.owned_by_extension VALUES (1);
ALTER EXTENSION hstore ADD TABLE public.owned_by_extension;
CREATE SCHEMA of_extension;
ALTER EXTENSION lo ADD SCHEMA of_extension;
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE public.far_away (id int) SERVER elsewhere;
CREATE TABLE public.pg_like (id int);
SELECT lo_from_bytea(0, 'large object'::bytea) FROM generate_series(1, 3);
"""

COUNTED = {
    ("od\"d 'schema'", "две строки\nи точка;"): 7,
    ("public", "busy"): 0,
    ("public", "child"): 1,
    ("public", "empty"): 0,
    ("public", "guarded"): 9,
    ("public", "measured_150"): 5,
    ("public", "measured_low"): 500,
    ("public", "measured_rest"): 495,
    ("public", "parent"): 3,
    ("public", "pg_like"): 0,
    ("public", "unlogged"): 5,
}


def odd_name() -> str:
    return f'od\'d "name" сад={secrets.token_hex(4)}'


@pytest.fixture
def blocking() -> Iterator[Blocking]:
    made = Blocking()
    yield made
    made.close()


@pytest.fixture
def host(blocking: Blocking, tmp_path: Path) -> LocalHost:
    return LocalHost(blocking, tmp_path / "scratch")


@pytest.fixture
def owner(postgres: PostgresServer) -> Iterator[Server]:
    """A fresh database with an odd name, and its owner, who logs in by password."""
    name = odd_name()
    postgres.create_role(name, PASSWORD)
    postgres.create_database(name, name)
    yield Server(postgres.host, postgres.port, name, name)
    drop(postgres, name)
    superuser(postgres, SQL("DROP ROLE {}").format(Identifier(name)))


@pytest.fixture
def awkward(postgres: PostgresServer, owner: Server) -> Server:
    """That database with awkward content, and its superuser."""
    postgres.sql(AWKWARD, owner.database)
    return Server(str(postgres.socket_folder), postgres.port, "postgres", owner.database)


def superuser(postgres: PostgresServer, statement: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
    place = make_conninfo(host=str(postgres.socket_folder), port=postgres.port, user="postgres", dbname=database)
    with psycopg.connect(place, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def drop(postgres: PostgresServer, database: str) -> None:
    superuser(postgres, SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(database)))


def sessions(postgres: PostgresServer, database: str) -> list[int]:
    """The processes of the server that serve a database."""
    asked = SQL("SELECT pid FROM pg_stat_activity WHERE datname = {} AND backend_type = 'client backend'")
    return [row[0] for row in superuser(postgres, asked.format(database))]


async def until(fact: Callable[[], object], seconds: float = 20.0) -> None:
    """Waits for a fact."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.02)


async def expect(code: str, work: Awaitable[object]) -> UserError:
    with pytest.raises(UserError) as caught:
        await work
    assert caught.value.code == code, caught.value
    return caught.value


async def opened(blocking: Blocking, server: Server, password: str = PASSWORD) -> Counts:
    async with ExportedSnapshot(blocking, server, password) as snapshot:
        return await snapshot.counts()


async def facts(blocking: Blocking, server: Server, password: str) -> DatabaseFacts:
    async with ExportedSnapshot(blocking, server, password) as snapshot:
        return await snapshot.facts()


def by_table(counts: Counts) -> dict[tuple[str, str], int]:
    return {(count.schema, count.table): count.rows for count in counts.tables}


# --- counts ----------------------------------------------------------------------------------------------------------


@pytest.mark.spec("B1")
def test_every_table_that_a_dump_holds_is_counted_and_no_other(blocking: Blocking, awkward: Server) -> None:
    counts = run(opened(blocking, awkward, ""))
    assert by_table(counts) == COUNTED
    assert counts.large_objects == 3


@contextmanager
def hammering(postgres: PostgresServer, database: str) -> Iterator[Callable[[], int]]:
    """A writer that never rests; gives how much it has written."""
    stop, written = threading.Event(), [0]
    place = make_conninfo(host=str(postgres.socket_folder), port=postgres.port, user="postgres", dbname=database)

    def write() -> None:
        with psycopg.connect(place, autocommit=True) as connection:
            while not stop.is_set():
                connection.execute("INSERT INTO public.busy SELECT FROM generate_series(1, 50)")
                connection.execute("INSERT INTO public.measured SELECT now(), 150, 1")
                connection.execute("DELETE FROM public.parent")
                written[0] += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield lambda: written[0]
    finally:
        stop.set()
        thread.join()


class Kitchen:
    """What a dump needs: a host, fit programs, a repository."""

    def __init__(self, host: LocalHost, folder: Path, restic: str) -> None:
        self.host = host
        self.folder = folder
        fresh_repository(restic, folder / "repository", REPOSITORY_PASSWORD)
        repository = Repository(str(folder / "repository"), str(folder / "cache"))
        self.restic = Restic(host, restic, repository, REPOSITORY_PASSWORD)

    async def program(self, name: str, major: int = 15) -> str:
        return program_for(await find_programs(self.host, {}), name, major, "this computer").path

    async def password_file(self, password: str) -> str:
        path = str(self.folder / "password")
        await self.host.write_durably(path, password_file(password))
        return path

    async def restore(self, snapshot: str, postgres: PostgresServer, database: str) -> None:
        """The dump out of the repository into a new database."""
        pieces: list[bytes] = []

        async def keep(piece: bytes) -> None:
            pieces.append(piece)

        await self.restic.tree(snapshot).dump("/x.dump", keep)
        (self.folder / "x.dump").write_bytes(b"".join(pieces))
        drop(postgres, database)
        superuser(postgres, SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(database)))
        place = Server(str(postgres.socket_folder), postgres.port, "postgres", database)
        arguments = ("--exit-on-error", f"--dbname={place.conninfo()}", str(self.folder / "x.dump"))
        restored = await self.host.run(Command(await self.program(RESTORE), arguments))
        assert restored.code == 0, restored.stderr


@pytest.fixture(params=VERSIONS)
def kitchen(request: pytest.FixtureRequest, host: LocalHost, tmp_path: Path) -> Kitchen:
    return Kitchen(host, tmp_path, restic_program(request.param))


@pytest.mark.spec("B1", "B3")
def test_a_restored_dump_holds_exactly_what_was_counted(
    blocking: Blocking, postgres: PostgresServer, awkward: Server, kitchen: Kitchen
) -> None:
    """A writer works all the while; the dump goes through restic and back."""
    restored = f"{awkward.database} restored"

    async def back_up(written: Callable[[], int]) -> tuple[Counts, str]:
        await until(lambda: written() > 5)
        async with ExportedSnapshot(blocking, awkward, "") as snapshot:
            began = written()
            command = dump_command(await kitchen.program(DUMP), awkward, snapshot.id)
            dump = asyncio.create_task(kitchen.restic.backup_output(command, "x.dump", LABEL))
            counts = await snapshot.counts()
            made = await dump
            await until(lambda: written() > began + 5)
            assert made.bytes > 10_000
            return counts, made.snapshot

    with hammering(postgres, awkward.database) as written:
        counts, made = run(back_up(written))
    assert by_table(counts)["public", "busy"] > 250
    try:
        run(kitchen.restore(made, postgres, restored))
        there = Server(awkward.server, awkward.port, awkward.user, restored)
        assert run(opened(blocking, there, "")) == counts
    finally:
        drop(postgres, restored)


@pytest.mark.spec("B1")
def test_a_truncate_between_the_snapshot_and_the_dump_has_to_wait(
    blocking: Blocking, postgres: PostgresServer, owner: Server
) -> None:
    superuser(postgres, "CREATE TABLE t AS SELECT generate_series(1, 10) AS n", owner.database)
    superuser(postgres, SQL("ALTER TABLE t OWNER TO {}").format(Identifier(owner.user)), owner.database)

    async def work() -> Counts:
        async with ExportedSnapshot(blocking, owner, PASSWORD) as snapshot:
            truncate = "SET lock_timeout = '100ms'; TRUNCATE t"
            with pytest.raises(psycopg.errors.LockNotAvailable):
                await blocking.call("files", lambda: superuser(postgres, truncate, owner.database))
            return await snapshot.counts()

    assert run(work()) == Counts((TableCount("public", "t", 10),), 0)


# --- facts -----------------------------------------------------------------------------------------------------------


@pytest.mark.spec("B1", "R14")
def test_a_database_says_all_that_is_needed_to_make_it_anew(
    blocking: Blocking, postgres: PostgresServer, awkward: Server, owner: Server
) -> None:
    name = Identifier(owner.database)
    for statement in (
        "ALTER DATABASE {} SET search_path TO app, public",
        "ALTER DATABASE {} SET work_mem = '7MB'",
        "ALTER DATABASE {} CONNECTION LIMIT 77",
        "COMMENT ON DATABASE {} IS 'the \"north\" house\nсад'",
        "GRANT CONNECT ON DATABASE {} TO pg_monitor",
        "ALTER ROLE postgres IN DATABASE {} SET timezone = 'Europe/Prague'",
    ):
        superuser(postgres, SQL(statement).format(name))

    found = run(facts(blocking, awkward, ""))
    assert found.access is not None
    assert (found.database, found.owner, found.encoding) == (owner.database, owner.user, "UTF8")
    assert (found.collation, found.character_type, found.locale_provider, found.locale) == ("C", "C", "libc", "")
    assert (found.connection_limit, found.comment) == (77, 'the "north" house\nсад')
    assert found.settings == (
        Setting("", ("search_path=app, public", "work_mem=7MB")),
        Setting("postgres", ("TimeZone=Europe/Prague",)),
    )
    assert "pg_monitor=c/" in "".join(found.access)
    assert [extension.name for extension in found.extensions] == ["hstore", "lo", "plpgsql", "postgres_fdw"]
    assert Extension("hstore", "1.8", "public") in found.extensions
    assert found.tablespace == "pg_default"
    assert found.size > 5_000_000
    assert found.server_version.startswith(f"{found.major}.")
    ((identifier,),) = superuser(postgres, "SELECT system_identifier::text FROM pg_control_system()")
    assert (found.system_identifier, found.reads_role_passwords, found.standby) == (identifier, True, False)


@pytest.mark.spec("B1")
def test_what_a_plain_user_may_not_know_is_left_out(
    blocking: Blocking, postgres: PostgresServer, owner: Server
) -> None:
    superuser(postgres, "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC", owner.database)
    found = run(facts(blocking, owner, PASSWORD))
    assert (found.system_identifier, found.reads_role_passwords) == ("", False)
    assert (found.database, found.access, found.settings) == (owner.database, None, ())
    assert msgspec.json.decode(msgspec.json.encode(found), type=DatabaseFacts) == found


# --- passwords -------------------------------------------------------------------------------------------------------


@pytest.mark.spec("S4")
@pytest.mark.parametrize("password", [PASSWORD, "::\\:\\\\", "#not a comment", " spaces ", "*", "a" * 2000])
def test_any_password_reaches_the_programs_by_file(
    host: LocalHost, postgres: PostgresServer, owner: Server, tmp_path: Path, password: str
) -> None:
    superuser(postgres, SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(owner.user), password))

    async def work() -> None:
        path = str(tmp_path / "password")
        await host.write_durably(path, password_file(password))
        found = await find_programs(host, {})
        for command in (
            dump_command(program_for(found, DUMP, 15, host.name).path, owner, "", path),
            globals_command(program_for(found, DUMP_ALL, 15, host.name).path, owner, path, with_passwords=False),
        ):
            arguments = tuple(argument for argument in command.arguments if not argument.startswith("--snapshot"))
            done = await host.run(Command(command.program, arguments, environment=command.environment))
            assert done.code == 0, done.stderr

    run(work())


@pytest.mark.parametrize("password", ["", "two\nlines", "return\r", "nul\0"])
def test_a_password_that_the_programs_would_cut_is_refused(password: str) -> None:
    with pytest.raises(Refused) as refused:
        password_file(password)
    assert refused.value.code == "postgres.password-unusable"


@pytest.mark.spec("S4")
def test_no_password_is_in_any_argument_or_environment(
    blocking: Blocking, owner: Server, kitchen: Kitchen, tmp_path: Path
) -> None:
    """restic and pg_dump are recorded on their way."""
    record = tmp_path / "record"

    def shim(program: str) -> str:
        path = tmp_path / f"recorded-{Path(program).name}"
        said = f"(tr '\\0' '\\n' < /proc/$$/cmdline; env) >> {record}"
        path.write_text(f'#!/bin/sh\n{said}\nexec {program} "$@"\n')
        path.chmod(0o755)
        return str(path)

    async def work() -> None:
        restic = Restic(
            kitchen.host, shim(kitchen.restic.session.program), kitchen.restic.session.repository, REPOSITORY_PASSWORD
        )
        async with ExportedSnapshot(blocking, owner, PASSWORD) as snapshot:
            path = await kitchen.password_file(PASSWORD)
            command = dump_command(shim(await kitchen.program(DUMP)), owner, snapshot.id, path)
            await restic.backup_output(command, "x.dump", LABEL)

    run(work())
    recorded = record.read_text()
    assert recorded.count("PGPASSFILE") == 2
    assert "canary" not in recorded
    assert REPOSITORY_PASSWORD not in recorded


# --- roles -----------------------------------------------------------------------------------------------------------


@pytest.mark.spec("R14")
def test_roles_come_with_their_passwords_for_a_superuser_and_without_for_others(
    host: LocalHost, postgres: PostgresServer, awkward: Server, owner: Server, tmp_path: Path
) -> None:
    async def said(server: Server, path: str, *, with_passwords: bool) -> str:
        program = program_for(await find_programs(host, {}), DUMP_ALL, 15, host.name).path
        done = await host.run(globals_command(program, server, path, with_passwords=with_passwords))
        assert done.code == 0, done.stderr
        return done.stdout.decode()

    async def work() -> None:
        path = str(tmp_path / "password")
        await host.write_durably(path, password_file(PASSWORD))
        whole = await said(awkward, "", with_passwords=True)
        assert "SCRAM-SHA-256" in whole
        less = await said(owner, path, with_passwords=False)
        assert "SCRAM-SHA-256" not in less
        for script in (whole, less):
            assert f'CREATE ROLE "{owner.user.replace(chr(34), chr(34) * 2)}"' in script

    run(work())


# --- each refusal is told apart --------------------------------------------------------------------------------------


@pytest.mark.spec("B3", "X3")
def test_what_hinders_a_login_is_told_apart(blocking: Blocking, postgres: PostgresServer, owner: Server) -> None:
    place, port = owner.server, owner.port
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        closed = nobody.getsockname()[1]
        cases = (
            ("postgres.password-wrong", owner, "wrong"),
            ("postgres.password-wrong", Server(place, port, "nobody at all", owner.database), "x"),
            ("postgres.password-missing", owner, ""),
            ("postgres.role-missing", Server(str(postgres.socket_folder), port, "nobody", owner.database), ""),
            ("postgres.database-missing", Server(place, port, owner.user, "no such"), PASSWORD),
            ("postgres.server-down", Server(place, closed, owner.user, owner.database), PASSWORD),
            ("postgres.server-down", Server("no.such.host.invalid", port, owner.user, owner.database), PASSWORD),
            ("postgres.server-down", Server("/no/such/folder", port, owner.user, owner.database), PASSWORD),
        )
        for code, server, password in cases:
            run(expect(code, opened(blocking, server, password)))
    superuser(postgres, SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(Identifier(owner.database)))
    run(expect("postgres.database-closed", opened(blocking, owner)))


@pytest.mark.spec("X3")
def test_a_server_that_speaks_another_protocol_is_named_so(blocking: Blocking) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        place = Server("127.0.0.1", server.getsockname()[1], "user", "database")
        run(expect("postgres.not-postgresql", opened(blocking, place)))
        thread.join()


@pytest.mark.spec("X3")
def test_no_connection_left_is_named_so(blocking: Blocking, postgres: PostgresServer, owner: Server) -> None:
    superuser(postgres, SQL("ALTER ROLE {} CONNECTION LIMIT 1").format(Identifier(owner.user)))
    with psycopg.connect(owner.conninfo(), password=PASSWORD):
        run(expect("postgres.too-many-connections", opened(blocking, owner)))


@pytest.mark.spec("B3", "X3")
def test_a_table_that_may_not_be_read_is_found_before_the_dump(
    blocking: Blocking, postgres: PostgresServer, awkward: Server, owner: Server
) -> None:
    error = run(expect("postgres.no-rights", opened(blocking, owner)))
    assert "permission denied" in error.problem.detail
    superuser(postgres, SQL("GRANT pg_read_all_data TO {}").format(Identifier(owner.user)))
    error = run(expect("postgres.no-rights", opened(blocking, owner)))
    assert "row-level security" in error.problem.detail
    superuser(postgres, SQL("ALTER ROLE {} BYPASSRLS").format(Identifier(owner.user)))
    assert by_table(run(opened(blocking, owner))) == COUNTED


@pytest.mark.spec("X3")
def test_a_connection_that_the_server_ends_is_named_so(
    blocking: Blocking, postgres: PostgresServer, owner: Server
) -> None:
    async def work() -> None:
        async with ExportedSnapshot(blocking, owner, PASSWORD) as snapshot:
            for process in sessions(postgres, owner.database):
                superuser(postgres, SQL("SELECT pg_terminate_backend({})").format(process))
            await expect("postgres.connection-lost", snapshot.counts())

    run(work())


@pytest.mark.spec("X3")
def test_a_lock_that_stays_is_named_so(
    blocking: Blocking, postgres: PostgresServer, owner: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.tools.postgres.snapshot.LOCK_WAIT", 1)
    superuser(
        postgres, SQL("CREATE TABLE t (); ALTER TABLE t OWNER TO {}").format(Identifier(owner.user)), owner.database
    )
    place = make_conninfo(owner.conninfo(), user="postgres", host=str(postgres.socket_folder))
    with psycopg.connect(place) as connection:
        connection.execute("LOCK TABLE t")
        run(expect("postgres.locked", opened(blocking, owner)))


@pytest.mark.spec("B3")
@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("pg_dump: error: aborting because of server version mismatch", "postgres.client-older"),
        ('FATAL:  пользователь "u" не прошёл проверку подлинности (по паролю)', "postgres.password-wrong"),
        ('FATAL:  база данных "x" не существует', "postgres.database-missing"),
        ("FATAL:  извините, уже слишком много клиентов", "postgres.too-many-connections"),
        ("pg_dump: error: query failed: ERROR:  canceling statement due to lock timeout", "postgres.locked"),
        ("ERROR:  invalid page in block 3 of relation base/5/7", "postgres.damaged"),
        ("FATAL:  the database system is starting up", "postgres.not-ready"),
    ],
)
def test_what_a_program_said_is_understood(said: str, code: str) -> None:
    error = from_words(Server("server", 5432, "u", "x"), said)
    assert error is not None
    assert error.code == code
    assert from_words(Server("server", 5432, "u", "x"), "pg_dump: something else") is None


# --- programs --------------------------------------------------------------------------------------------------------


def test_the_programs_of_the_servers_own_version_are_preferred(host: LocalHost) -> None:
    versions: dict[str, str] = {}
    found = run(find_programs(host, versions))
    assert {tool.name for tool in found} >= {DUMP, DUMP_ALL, RESTORE}
    assert all(tool.fit for tool in found)
    before = dict(versions)
    assert run(find_programs(host, versions)) == found
    assert versions == before

    made = [ToolFound(DUMP, version, f"/{version}", fit=bool(version)) for version in ("17.2", "14.9", "", "15.1")]
    assert program_for(made, DUMP, 14, "x").version == "14.9"
    assert program_for(made, DUMP, 15, "x").version == "15.1"
    assert program_for(made, DUMP, 16, "x").version == "17.2"
    assert program_for(made, DUMP, 10, "x").version == "14.9"


@pytest.mark.spec("B3", "X3")
def test_no_client_and_an_older_one_are_told_apart() -> None:
    found = [ToolFound(DUMP, "15.18", "/usr/bin/pg_dump", fit=True)]
    with pytest.raises(UserError) as older:
        program_for(found, DUMP, 17, "server")
    assert older.value.code == "postgres.client-older"
    assert "15.18" in str(older.value.problem.what)
    assert "17" in str(older.value.problem.what)
    with pytest.raises(UserError) as missing:
        program_for(found, RESTORE, 17, "server")
    assert missing.value.code == "postgres.client-missing"


# --- half-way --------------------------------------------------------------------------------------------------------


@pytest.fixture
def big(postgres: PostgresServer, owner: Server) -> Server:
    """The owner's database with enough in it to be stopped on the way."""
    statement = "CREATE TABLE big AS SELECT n, repeat(md5(n::text), 20) AS filler FROM generate_series(1, 60000) n"
    superuser(postgres, statement, owner.database)
    superuser(postgres, SQL("ALTER TABLE big OWNER TO {}").format(Identifier(owner.user)), owner.database)
    return owner


def dumps_running() -> list[psutil.Process]:
    return [process for process in descendants() if process.is_running() and "pg_dump" in process.name()]


def end(process: psutil.Process, how: str) -> None:
    match how:
        case "kill":
            process.kill()
        case "terminate":
            process.terminate()
        case _:
            process.send_signal(signal.SIGINT)


def restic_running() -> psutil.Process:
    (running,) = [process for process in psutil.Process().children() if process.name() == "restic"]
    return running


@pytest.mark.spec("B3")
@pytest.mark.parametrize("how", ["kill", "terminate", "interrupt"])
def test_a_pg_dump_that_is_ended_half_way_leaves_no_snapshot(
    blocking: Blocking, big: Server, kitchen: Kitchen, how: str
) -> None:
    """restic is stopped first, so that the dump is certainly not complete when it is ended."""

    async def work() -> None:
        async with ExportedSnapshot(blocking, big, PASSWORD) as snapshot:
            path = await kitchen.password_file(PASSWORD)
            command = dump_command(await kitchen.program(DUMP), big, snapshot.id, path)
            backup = asyncio.create_task(kitchen.restic.backup_output(command, "x.dump", LABEL))
            await until(dumps_running)
            restic = restic_running()
            restic.suspend()
            for process in dumps_running():
                end(process, how)
            restic.resume()
            error = await expect("restic.dump-failed", backup)
            assert isinstance(error, DumpFailed)
        assert await kitchen.restic.snapshots() == []

    run(work())
    assert list((kitchen.folder / "repository" / "locks").iterdir()) == []


@pytest.mark.spec("B3")
def test_a_server_that_ends_the_dumps_connection_leaves_no_snapshot(
    blocking: Blocking, postgres: PostgresServer, big: Server, kitchen: Kitchen
) -> None:
    async def work() -> None:
        async with ExportedSnapshot(blocking, big, PASSWORD) as snapshot:
            ours = sessions(postgres, big.database)
            path = await kitchen.password_file(PASSWORD)
            command = dump_command(await kitchen.program(DUMP), big, snapshot.id, path)
            backup = asyncio.create_task(kitchen.restic.backup_output(command, "x.dump", LABEL))
            await until(dumps_running)
            restic = restic_running()
            restic.suspend()
            await until(lambda: len(sessions(postgres, big.database)) > len(ours))
            for process in set(sessions(postgres, big.database)) - set(ours):
                superuser(postgres, SQL("SELECT pg_terminate_backend({})").format(process))
            restic.resume()
            error = await expect("restic.dump-failed", backup)
            assert isinstance(error, DumpFailed)
            if error.said:  # restic does not wait for what a dump says with its last breath, and may lose it
                explained = from_words(big, error.said)
                assert explained is not None, error.said
                assert explained.code == "postgres.connection-lost"
        assert await kitchen.restic.snapshots() == []

    run(work())


@pytest.mark.spec("B3")
def test_a_change_that_waits_for_the_snapshot_does_not_hold_up_the_dump_for_ever(
    blocking: Blocking, postgres: PostgresServer, big: Server, kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change waits for our lock, pg_dump waits behind the change, and we wait for pg_dump."""
    monkeypatch.setattr("app.tools.postgres.dump.LOCK_WAIT", 1)
    waiting = SQL("SELECT pid FROM pg_locks WHERE NOT granted")

    async def work() -> None:
        async with ExportedSnapshot(blocking, big, PASSWORD) as snapshot:
            change = asyncio.create_task(
                blocking.call("files", lambda: superuser(postgres, "ALTER TABLE big ADD later int", big.database))
            )
            await until(lambda: superuser(postgres, waiting))
            path = await kitchen.password_file(PASSWORD)
            command = dump_command(await kitchen.program(DUMP), big, snapshot.id, path)
            error = await expect("restic.dump-failed", kitchen.restic.backup_output(command, "x.dump", LABEL))
            assert isinstance(error, DumpFailed)
            explained = from_words(big, error.said)
            assert explained is not None, error.said
            assert explained.code == "postgres.locked"
        await change
        assert await kitchen.restic.snapshots() == []

    run(work())


@pytest.mark.spec("J2")
def test_cancel_half_way_leaves_no_lock_no_pg_dump_and_no_connection(
    blocking: Blocking, postgres: PostgresServer, big: Server, kitchen: Kitchen
) -> None:
    async def back_up(program: str) -> None:
        async with ExportedSnapshot(blocking, big, PASSWORD) as snapshot:
            path = await kitchen.password_file(PASSWORD)
            command = dump_command(program, big, snapshot.id, path)
            await kitchen.restic.backup_output(command, "x.dump", LABEL)

    async def work() -> None:
        task = asyncio.create_task(back_up(await kitchen.program(DUMP)))
        await until(dumps_running)
        for process in dumps_running():
            process.suspend()
        assert list((kitchen.folder / "repository" / "locks").iterdir()) != []
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert dumps_running() == []
        await until(lambda: sessions(postgres, big.database) == [], 5)
        assert await kitchen.restic.snapshots() == []

    run(work())
    assert list((kitchen.folder / "repository" / "locks").iterdir()) == []


@pytest.mark.spec("J2")
@pytest.mark.parametrize("frozen", [False, True], ids=["working", "frozen"])
def test_cancel_ends_a_count_also_when_the_server_does_not_answer(
    blocking: Blocking, postgres: PostgresServer, owner: Server, monkeypatch: pytest.MonkeyPatch, *, frozen: bool
) -> None:
    """`pg_sleep` stands in for a table of a thousand million rows."""
    monkeypatch.setattr("app.tools.postgres.session.GIVES_WAY_WITHIN", 0.5)
    slow = SQL("SELECT pg_catalog.pg_sleep(600)")
    monkeypatch.setattr("app.tools.postgres.snapshot._count_of", lambda *_: slow)
    superuser(
        postgres, SQL("CREATE TABLE t (); ALTER TABLE t OWNER TO {}").format(Identifier(owner.user)), owner.database
    )

    async def work() -> float:
        task = asyncio.create_task(opened(blocking, owner))
        asked = SQL("SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND datname = {}")
        await until(lambda: superuser(postgres, asked.format(owner.database)))
        (process,) = sessions(postgres, owner.database)
        if frozen:
            psutil.Process(process).suspend()
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        seconds = time.monotonic() - began
        if frozen:
            psutil.Process(process).resume()
        await until(lambda: sessions(postgres, owner.database) == [], 5)
        return seconds

    assert run(work()) < 3


@pytest.mark.spec("J2")
def test_cancel_while_it_connects_leaves_no_connection(blocking: Blocking, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and then says nothing."""
    monkeypatch.setattr("app.tools.postgres.session.CONNECTS_WITHIN", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = Server("127.0.0.1", silent.getsockname()[1], "user", "database")

        async def work() -> None:
            task = asyncio.create_task(opened(blocking, place))
            connection, _ = await blocking.call("files", silent.accept)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            connection.close()

        run(work())
        run(expect("postgres.server-down", opened(blocking, place)))
