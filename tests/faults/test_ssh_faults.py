"""The link to a server that is cut, goes dead or is refused at any moment: a clear error, and nothing left there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import psutil
import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.hosts.host import Command
from app.hosts.running import PATIENT, Patience
from app.hosts.ssh import connection, links, login
from app.hosts.ssh.host import SshHost
from app.hosts.ssh.links import Links
from app.hosts.ssh.login import Route
from app.tools.restic.backup import Label, Selection
from app.tools.restic.repository import Restic
from app.tools.restic.session import Repository
from tests.faults.wire import Wire, wire_to
from tests.real.servers.restic import VERSIONS, fresh_repository, restic_program
from tests.real.servers.sshd import SshServer, ssh_server
from tests.running import run

pytestmark = [
    pytest.mark.spec("H2", "J2"),
    pytest.mark.skipif(sys.platform == "win32", reason="OpenSSH's server as POSIX systems have it"),
]

SOON = Patience(interrupt=0.5, terminate=0.3, output=0.3)
COMES_WITHIN = 30.0
"""Seconds for a fact to come about; far more than it needs on a busy machine."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with ssh_server(tmp_path / "sshd") as server:
        yield server


@asynccontextmanager
async def reached(server: SshServer, folder: Path, patience: Patience = SOON) -> AsyncIterator[tuple[SshHost, Wire]]:
    """A server behind a wire."""
    blocking = Blocking()
    made = Links(blocking, folder / "known-hosts")
    async with wire_to(server.port) as wire:
        route = Route("north-house", "server", server.address, wire.port, key_file=str(server.key_file))
        try:
            yield SshHost(made.to(route), {}, patience), wire
        finally:
            await made.close()
            blocking.close()


async def comes(fact: object, what: str) -> None:
    """Until `fact()` holds."""
    assert callable(fact)
    until = time.monotonic() + COMES_WITHIN
    while not fact():
        assert time.monotonic() < until, f"waited {COMES_WITHIN:.0f} s for {what}"
        await asyncio.sleep(0.02)


def running(mark: str) -> list[psutil.Process]:
    """The processes with `mark` among their arguments; zombies only wait for their parent."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if mark in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


# Says what it was told to do, and starts a child that hears nothing; both carry the mark.
POLITE = """
import signal, subprocess, sys, time
def told(number, _):
    open(sys.argv[2], "a").write(f"{signal.Signals(number).name}\\n")
    sys.exit(7)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, told)
deaf = "import signal,time; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; time.sleep(600)"
subprocess.Popen([sys.executable, "-c", deaf, sys.argv[1]])
print("ready", flush=True)
time.sleep(600)
"""


def polite(mark: str, diary: Path) -> Command:
    """A program that cleans up when it is interrupted."""
    return Command(sys.executable, ("-c", POLITE, mark, str(diary)))


async def started(host: SshHost, command: Command) -> asyncio.Task[object]:
    """Runs a program; comes back when it has said that it is ready."""
    ready = asyncio.Event()

    async def hears(_piece: bytes) -> None:
        ready.set()

    task = asyncio.create_task(host.run(command, stdout=hears))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    assert not task.done()
    return cast("asyncio.Task[object]", task)


async def cut_of(task: asyncio.Task[object]) -> None:
    """The task ends by telling that the connection was lost."""
    with pytest.raises(UserError) as raised:
        await task
    assert raised.value.code == "host.cut"


@pytest.mark.parametrize("fault", ["wire", "session"])
def test_a_cut_is_told_and_what_ran_there_is_interrupted_then_ended(
    server: SshServer, tmp_path: Path, fault: str
) -> None:
    """By its watch on the server alone: nobody connects again."""

    async def story() -> None:
        async with reached(server, tmp_path) as (host, wire):
            mark, diary = uuid.uuid4().hex, tmp_path / "diary"
            task = await started(host, polite(mark, diary))
            await comes(lambda: len(running(mark)) == 2, "the whole family")
            wire.cut() if fault == "wire" else server.cut()
            await cut_of(task)
            await comes(lambda: not running(mark), "the end of the whole family")
            assert diary.read_text() == "SIGINT\n"

    run(story())


def test_after_a_cut_the_next_connection_works_and_finds_nothing_left(server: SshServer, tmp_path: Path) -> None:
    async def story() -> None:
        async with reached(server, tmp_path) as (host, wire):
            for _ in range(3):
                mark, diary = uuid.uuid4().hex, tmp_path / "diary"
                task = await started(host, polite(mark, diary))
                wire.cut()
                await cut_of(task)
                assert (await host.run(Command("echo", ("hello",)))).stdout == b"hello\n"
                assert not running(mark)

    run(story())


def test_a_link_that_died_without_a_word_is_noticed_and_what_ran_there_is_ended_at_the_next_contact(
    server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a laptop's sleep: the server does not know yet, and its session goes on."""
    monkeypatch.setattr(login, "KEEP_ALIVE", 0.3)

    async def story() -> None:
        async with reached(server, tmp_path) as (host, wire):
            mark, diary = uuid.uuid4().hex, tmp_path / "diary"
            task = await started(host, polite(mark, diary))
            (before,) = [session.pid for session in server.sessions()]
            wire.die()
            await cut_of(task)
            assert psutil.pid_exists(before)
            await comes(lambda: len(running(mark)) == 2, "the whole family")
            assert (await host.run(Command("echo", ("hello",)))).stdout == b"hello\n"
            assert not running(mark)
            assert diary.read_text() == "SIGINT\n"

    run(story())


def test_an_idle_connection_that_died_is_replaced_before_anything_is_started(
    server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "OPENS_WITHIN", 1.0)

    async def story() -> None:
        async with reached(server, tmp_path) as (host, wire):
            await host.write_durably(f"{tmp_path}/file", b"content")
            wire.die()
            assert (await host.run(Command("echo", ("hello",)))).stdout == b"hello\n"
            wire.cut()
            assert await host.read(f"{tmp_path}/file") == b"content"

    run(story())


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=[] if seed < 4 else pytest.mark.long) for seed in range(20)])
def test_a_cut_at_any_moment_is_told_within_seconds_and_leaves_nothing(
    server: SshServer, tmp_path: Path, seed: int
) -> None:
    """Programs, files, scratch folders and tunnels, cut after so many bytes."""
    chance = random.Random(seed)

    async def story() -> None:
        async with reached(server, tmp_path) as (host, wire):
            for _ in range(4):
                mark = uuid.uuid4().hex
                at = wire.passed + chance.randrange(1, 20_000)
                works: list[Coroutine[object, object, object]] = [
                    host.run(Command(sys.executable, ("-c", "import os\nwhile True: os.write(1, b'x' * 300)", mark))),
                    host.write_durably(f"{tmp_path}/journal", b"y" * 100_000),
                    host.facts(),
                    _through_a_tunnel(host),
                ]
                chance.shuffle(works)
                tasks: list[asyncio.Task[object]] = [asyncio.create_task(work) for work in works]
                await comes(lambda at=at: wire.passed >= at, "so many bytes")
                wire.cut()
                await _all_done(tasks, wire)
                for ended in await asyncio.gather(*tasks, return_exceptions=True):
                    assert not isinstance(ended, UserError) or ended.code in ("host.cut", "host.unreachable"), str(
                        ended
                    )
                    assert not isinstance(ended, BaseException) or isinstance(ended, UserError), repr(ended)
                assert (await host.run(Command("echo", ("hello",)))).stdout == b"hello\n"
                await comes(lambda mark=mark: not running(mark), "the end of the program")
                assert [name for name in names_in(tmp_path) if name.startswith(".overwinter-")] == []

    run(story())


def names_in(folder: Path) -> list[str]:
    """What stands there."""
    return [path.name for path in folder.iterdir()]


async def _all_done(tasks: list[asyncio.Task[object]], wire: Wire) -> None:
    """Until all have ended. The program never does by itself, and may have begun on a new connection after a cut."""
    until = time.monotonic() + COMES_WITHIN
    while (await asyncio.wait(tasks, timeout=1))[1]:
        assert time.monotonic() < until, tasks
        wire.cut()


async def _through_a_tunnel(host: SshHost) -> None:
    async with host.reverse_tunnel(1) as path:
        await host.stat(path)


@pytest.mark.spec("P2")
@pytest.mark.parametrize("end", ["cancel", "cut"])
def test_restic_on_the_server_leaves_no_lock_that_is_in_the_way(server: SshServer, tmp_path: Path, end: str) -> None:
    restic = str(restic_program(VERSIONS[-1]))
    repository = tmp_path / "repository"
    fresh_repository(restic, repository, "password")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "big").write_bytes(os.urandom(1000))

    async def story() -> None:
        async with reached(server, tmp_path, PATIENT) as (host, wire):
            there = Restic(host, restic, Repository(str(repository), str(tmp_path / "cache")), "password")
            never_ends = Command("sleep", ("600",))
            taking = asyncio.create_task(there.backup_output(never_ends, "/dump", Label("server", ())))
            await comes(lambda: list((repository / "locks").iterdir()), "restic's lock")
            if end == "cancel":
                taking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await taking
            else:
                wire.cut()
                with pytest.raises(UserError) as raised:
                    await taking
                assert raised.value.code == "host.cut"
                await host.facts()
            assert list((repository / "locks").iterdir()) == []
            assert list((repository / "snapshots").iterdir()) == []
            made = await there.backup(Selection(paths=(str(tree),), excludes=()), Label("server", ()))
            assert made.snapshot

    run(story())


def test_a_killed_client_leaves_no_program_no_socket_and_no_folder(server: SshServer, tmp_path: Path) -> None:
    """As `kill -9` of Overwinter, or a battery that is empty."""
    mark = uuid.uuid4().hex
    source = CLIENT.format(folder=str(tmp_path), port=server.port, key=str(server.key_file), mark=mark)
    command = [sys.executable, "-c", source]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as client:
        try:
            assert client.stdout is not None
            path = client.stdout.readline().decode().strip()
            assert Path(path).is_socket()
            run(comes(lambda: bool(running(mark)), "the program on the server"))  # for a moment it has no name yet
        finally:
            client.kill()
    run(comes(lambda: not running(mark) and not Path(path).parent.exists(), "a server without a trace"))


CLIENT = """
import asyncio, sys
from pathlib import Path
from typing import cast
from app.foundation.blocking import Blocking
from app.hosts.host import Command
from app.hosts.ssh.host import SshHost
from app.hosts.ssh.links import Links
from app.hosts.ssh.login import Route

async def main():
    route = Route("north-house", "server", "127.0.0.1", {port}, key_file={key!r})
    host = SshHost(Links(Blocking(), Path({folder!r}) / "known-hosts").to(route), {{}})
    async with host.reverse_tunnel(1) as path:
        await host.start(Command(sys.executable, ("-c", "import time; time.sleep(600)", {mark!r})))
        print(path, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def test_a_login_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and says nothing, as one that is short of memory does."""
    monkeypatch.setattr(connection, "LOGS_IN_WITHIN", 0.5)

    async def story() -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        blocking = Blocking()
        made = Links(blocking, tmp_path / "known-hosts")
        async with await asyncio.start_server(silent, "127.0.0.1", 0) as listener:
            route = Route("north-house", "server", "127.0.0.1", listener.sockets[0].getsockname()[1])
            with pytest.raises(UserError) as raised:
                await SshHost(made.to(route), {}).facts()
            assert raised.value.code == "host.unreachable"
            await made.close()
        blocking.close()

    run(story())
