"""Every kind of host that the contracts are told on. A host kind is one entry in `HOSTS`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.hosts.host import Command, Dialogue, Host, Sink
from app.hosts.local import LocalHost
from app.hosts.running import Patience
from app.hosts.ssh.host import SshHost
from app.hosts.ssh.links import Links
from app.hosts.ssh.login import Route
from tests.real.servers.sshd import ssh_server
from tests.running import run

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals, modes and links as POSIX has them")


ODD_NAMES = ("two words", "new\nline", "quo'te\"s", "теплица-漢字-🌱", os.fsdecode(b"not \xff\xfe text"))


@dataclass(frozen=True)
class Place:
    """A host under test: an empty folder on it, a Python there that has psutil.

    `host` soon loses patience with a program that does not end; `patient` gives it the time to clean up.
    """

    host: Host
    patient: Host
    folder: str
    python: str

    def program(self, source: str, *arguments: str, stdin: bytes = b"", **environment: str) -> Command:
        """A Python program as a command."""
        return Command(self.python, ("-c", source, *arguments), stdin=stdin, environment=environment)

    async def says(self, source: str, *arguments: str) -> str:
        """What a Python program on the host prints; it has to succeed."""
        finished = await self.host.run(self.program(source, *arguments))
        assert (finished.code, finished.stderr) == (0, b"")
        return finished.stdout.decode()

    async def names_in(self, folder: str) -> list[str]:
        """The names that stand in a folder."""
        said = await self.says("import json,os,sys; print(json.dumps(sorted(os.listdir(sys.argv[1]))))", folder)
        names: list[str] = json.loads(said)
        return names

    async def running(self, mark: str) -> list[str]:
        """The processes of the host with `mark` among their arguments."""
        said = await self.says(MARKED, mark)
        lines: list[str] = json.loads(said)
        return lines


MARKED = """
import json, os, psutil, sys
found = []
for process in psutil.process_iter():
    try:
        if process.pid != os.getpid() and sys.argv[1] in process.cmdline() and process.status() != "zombie":
            found.append(f"{process.pid} {process.cmdline()}")
    except psutil.Error:
        pass
print(json.dumps(found))
"""


@asynccontextmanager
async def local(folder: Path) -> AsyncIterator[Place]:
    """This computer."""
    blocking = Blocking()
    scratch = folder / "scratch"
    (folder / "place").mkdir()
    soon = LocalHost(blocking, scratch, Patience(interrupt=0.3, terminate=0.2, output=0.3))
    try:
        yield Place(soon, LocalHost(blocking, scratch), str(folder / "place"), sys.executable)
    finally:
        blocking.close()


@asynccontextmanager
async def ssh(folder: Path) -> AsyncIterator[Place]:
    """A server over SSH: this computer again, reached through a real sshd on loopback."""
    blocking = Blocking()
    links = Links(blocking, folder / "known-hosts")
    (folder / "place").mkdir()
    with ssh_server(folder / "sshd") as server:
        route = Route("north-house", "server", server.address, server.port, server.user, str(server.key_file))
        soon = SshHost(links.to(route), {}, Patience(interrupt=0.3, terminate=0.2, output=0.3))
        try:
            yield Place(soon, SshHost(links.to(route), {}), str(folder / "place"), sys.executable)
        finally:
            await links.close()
            blocking.close()


HOSTS: dict[str, Callable[[Path], AbstractAsyncContextManager[Place]]] = {"local": local, "ssh": ssh}


Story = Callable[[Place], Coroutine[Any, Any, None]]


def on_every_host(story: Story) -> Callable[[str, Path], None]:
    """Makes a test of a story; it is told on every kind of host, each time on a fresh one."""

    async def told(kind: str, folder: Path) -> None:
        async with HOSTS[kind](folder) as place:
            await story(place)

    @pytest.mark.parametrize("kind", sorted(HOSTS))
    def test(kind: str, tmp_path: Path) -> None:
        run(told(kind, tmp_path))

    test.__name__ = story.__name__
    return test


def collecting(pieces: list[bytes]) -> Sink:
    """A sink that keeps everything."""

    async def take(piece: bytes) -> None:
        pieces.append(piece)

    return take


async def error_of(work: Coroutine[Any, Any, object]) -> UserError:
    """The error that `work` ends with, which has to be one for a person."""
    with pytest.raises(UserError) as raised:
        await work
    problem = raised.value.problem
    assert all(str(sentence).strip() for sentence in (problem.what, problem.means, problem.next))
    return raised.value


async def line_of(dialogue: Dialogue) -> bytes:
    """What comes up to a line end."""
    line = b""
    while not line.endswith(b"\n"):
        piece = await dialogue.read()
        assert piece, line
        line += piece
    return line


@contextmanager
def here(content: bytes) -> Iterator[Path]:
    """A file of this computer, wherever the host is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "source"
        path.write_bytes(content)
        yield path
