"""Servers of our own for a moment, and pipes between two programs: on this computer and on a server over SSH."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.hosts.host import Command, Host
from app.hosts.pipe import Pipe, from_end_to_end, named_pipe
from app.tools.mysql import cluster as mysql
from app.tools.mysql.facts import Client
from app.tools.mysql.programs import clients, find_programs
from app.tools.mysql.server import Server as MysqlServer
from app.tools.mysql.server import option_file
from app.tools.postgres import cluster as postgres
from app.tools.postgres.session import asked
from tests.contracts.hosts import HOSTS
from tests.guards import descendants
from tests.running import run

if sys.platform == "win32":
    pytest.skip("as POSIX has them", allow_module_level=True)

pytestmark = pytest.mark.spec("V1", "H1")

on_every_host = pytest.mark.parametrize("kind", sorted(HOSTS))


@asynccontextmanager
async def folder_on(host: Host, owner: str) -> AsyncIterator[str]:
    """An empty folder of that account, with a path that is short enough for a socket."""
    made = (await host.run(Command("mktemp", ("-d", "/var/tmp/ow-test-XXXXXX")))).stdout.decode().strip()
    try:
        if owner:
            assert (await host.run(Command("chown", (owner, made)))).code == 0
        yield made
    finally:
        await host.remove_tree(made)


@on_every_host
def test_a_throwaway_postgresql_answers_nobody_else_and_is_gone_afterwards(kind: str, tmp_path: Path) -> None:
    before = descendants()

    async def story() -> None:
        blocking = Blocking()
        try:
            async with HOSTS[kind](tmp_path) as place:
                host = place.patient
                programs = postgres.server_for(await postgres.find_servers(host, {}), 10, host.name)
                owner = await postgres.owner_of_files(host)
                async with folder_on(host, owner) as folder:
                    async with (
                        postgres.private_cluster(host, programs, folder, blocking) as server,
                        host.tunnel(server.address.server, server.address.port) as way,
                    ):
                        listens = await asked(blocking, server, "", way, _listens)
                        assert listens == ("", folder, "C")
                        assert (await host.stat(server.address.server)) is not None
                    assert await place.running(f"{folder}/data") == []
        finally:
            blocking.close()

    run(story())
    assert descendants() <= before


def _listens(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    asked_for = ("listen_addresses", "unix_socket_directories", "lc_messages")
    rows = [connection.execute(SQL("SHOW {}").format(Identifier(name))).fetchall() for name in asked_for]
    return tuple(str(row[0]) for ((*row,),) in rows)


@pytest.mark.parametrize("kind", ["local", pytest.param("ssh", marks=pytest.mark.long)])
def test_a_throwaway_mariadb_answers_nobody_else_and_is_gone_afterwards(kind: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with HOSTS[kind](tmp_path) as place:
            host = place.patient
            programs = mysql.fit_server(await mysql.find_server(host, {}), "10.3.0-MariaDB", host.name)
            program = (await clients(host, await find_programs(host, {})))[0]
            options = f"{place.folder}/options.cnf"
            await host.write_durably(options, option_file(""))

            async def answers(server: MysqlServer) -> bool:
                try:
                    return bool(await Client(host, program, server, options).server_version())
                except UserError:
                    return False

            async with folder_on(host, "") as folder:
                async with mysql.private_server(host, programs, folder, 0, answers) as server:
                    pids = [one.pid for one in psutil.process_iter() if one.name() == "mariadbd"]
                    ours = [pid for pid in pids if f"--datadir={folder}/data" in psutil.Process(pid).cmdline()]
                    assert len(ours) == 1
                    assert [one for one in psutil.Process(ours[0]).net_connections() if one.status == "LISTEN"] == []
                    assert await Client(host, program, server, options).tables() == []
                assert await place.running(f"--datadir={folder}/data") == []

    run(story())


@pytest.mark.parametrize("kind", ["local", pytest.param("ssh", marks=pytest.mark.long)])
def test_server_programs_that_do_not_start_are_told_with_what_they_said(kind: str, tmp_path: Path) -> None:
    async def story() -> None:
        blocking = Blocking()
        try:
            async with HOSTS[kind](tmp_path) as place:
                host = place.patient
                programs = (await postgres.find_servers(host, {}))[-1]
                with pytest.raises(UserError) as raised:
                    postgres.server_for([programs], 99, host.name)
                assert raised.value.code == "postgres.server-missing"
                owner = await postgres.owner_of_files(host)
                async with folder_on(host, owner) as folder:
                    with pytest.raises(UserError) as raised:
                        async with postgres.private_cluster(host, programs, folder, blocking, "no_such_library"):
                            pass
                assert raised.value.code == "postgres.private-not-started"
                assert "no_such_library" in raised.value.problem.detail
        finally:
            blocking.close()

    run(story())


# --- pipes -----------------------------------------------------------------------------------------------------------

WRITES = "import sys\nfor _ in range(int(sys.argv[1])): sys.stdout.buffer.write(b'x' * 65536)"
COUNTS = "import sys\nprint(len(sys.stdin.buffer.read()))"
DIES = "import sys\nsys.stdin.buffer.read(1)\nsys.exit(5)"


@on_every_host
@pytest.mark.parametrize(("pieces", "reads", "said"), [(200, COUNTS, b"13107200\n"), (0, COUNTS, b"0\n")])
def test_what_one_program_writes_the_other_reads(
    kind: str, pieces: int, reads: str, said: bytes, tmp_path: Path
) -> None:
    async def story() -> None:
        async with HOSTS[kind](tmp_path) as place:
            async with named_pipe(place.patient, f"{place.folder}/pipe") as pipe:
                written = writing(place.patient, pipe, place.program(WRITES, str(pieces)))
                read = place.patient.run(pipe.read_by(place.program(reads)))
                finished = await from_end_to_end(written, read, lambda _error: False)
                assert (finished.code, finished.stdout) == (0, said)
            assert await place.names_in(place.folder) == []

    run(story())


async def writing(host: Host, pipe: Pipe, command: Command) -> None:
    finished = await host.run(pipe.written_by(command))
    if finished.code != 0:
        raise BrokenPipeError(finished.code)


@on_every_host
def test_a_reader_that_dies_ends_its_writer(kind: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with HOSTS[kind](tmp_path) as place:
            async with named_pipe(place.patient, f"{place.folder}/pipe") as pipe:

                async def reading() -> None:
                    finished = await place.patient.run(pipe.read_by(place.program(DIES)))
                    raise EOFError(finished.code)

                written = writing(place.patient, pipe, place.program(WRITES, "100000"))
                with pytest.raises(EOFError, match="5"):
                    await from_end_to_end(written, reading(), lambda error: isinstance(error, BrokenPipeError))
            assert await place.running("100000") == []

    run(story())


@on_every_host
def test_a_program_that_never_opens_its_end_does_not_keep_the_other(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.hosts.pipe.SETTLES_WITHIN", 0.5)

    async def story() -> None:
        async with HOSTS[kind](tmp_path) as place:
            async with named_pipe(place.patient, f"{place.folder}/pipe") as pipe:

                async def reading() -> None:
                    raise EOFError

                with pytest.raises(EOFError):
                    await from_end_to_end(
                        writing(place.patient, pipe, place.program(WRITES, "1")), reading(), lambda _error: False
                    )
            assert await place.names_in(place.folder) == []

    run(story())
