"""Bytes through a link to a server, beside OpenSSH's own client: out of a channel, and both ways through a tunnel back.

python -m tests.bench.link [MIB]
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from app.foundation.blocking import Blocking
from app.hosts.host import Command
from app.hosts.ssh.host import SshHost
from app.hosts.ssh.links import Links
from app.hosts.ssh.login import Route
from app.runs.engine import run_engine
from tests.real.servers.sshd import SshServer, ssh_server

ROUNDS = 3

# Here: gives or takes so many bytes, as the first letter says.
REPOSITORY = """
import socket, sys
size, piece = int(sys.argv[1]), bytes(1 << 18)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    talk, _ = listener.accept()
    if talk.recv(1) == b"R":
        for _ in range(size // len(piece)): talk.sendall(piece)
    else:
        left = size
        while left: left -= len(talk.recv(min(left, 1 << 18)))
        talk.sendall(b"k")
    talk.close()
"""

# There: what restic would be.
RESTIC = """
import socket, sys
path, what, size, piece = sys.argv[1], sys.argv[2], int(sys.argv[3]), bytes(1 << 18)
talk = socket.socket(socket.AF_UNIX); talk.connect(path); talk.sendall(what.encode())
if what == "R":
    while talk.recv(1 << 18): pass
else:
    for _ in range(size // len(piece)): talk.sendall(piece)
    talk.recv(1)
"""


def main(size: int) -> None:
    """Prints seconds and MiB/s of each, and the ratio."""
    with tempfile.TemporaryDirectory() as folder, ssh_server(Path(folder) / "sshd") as server:
        ours = [run_engine(_ours(server, Path(folder), size)) for _ in range(ROUNDS)]
        theirs = [run_engine(_theirs(server, Path(folder), size)) for _ in range(ROUNDS)]
    for number, name in enumerate(("out of a channel", "tunnel back, to the server", "tunnel back, from the server")):
        one, other = (median(each[number] for each in times) for times in (ours, theirs))
        print(
            f"{name:30} asyncssh {size / one / 2**20:6.0f} MiB/s   ssh {size / other / 2**20:6.0f} MiB/s"
            f"   {other / one:.2f} x"
        )


async def _ours(server: SshServer, folder: Path, size: int) -> list[float]:
    blocking = Blocking()
    links = Links(blocking, folder / "known-hosts")
    route = Route("bench", "server", server.address, server.port, key_file=str(server.key_file))
    host = SshHost(links.to(route), {})
    with _repository(size) as port:
        times = await _measured(host, port, size)
    await links.close()
    blocking.close()
    return times


async def _measured(host: SshHost, port: int, size: int) -> list[float]:
    heard = 0

    async def hear(piece: bytes) -> None:
        nonlocal heard
        heard += len(piece)

    async with host.reverse_tunnel(port) as path:
        times = [await _timed(host.run(Command("head", ("-c", str(size), "/dev/zero")), stdout=hear))]
        assert heard == size
        for what in ("R", "W"):
            command = Command(sys.executable, ("-c", RESTIC, path, what, str(size)))
            times.append(await _timed(host.run(command)))
    return times


async def _theirs(server: SshServer, folder: Path, size: int) -> list[float]:
    ssh = ["ssh", "-F", "none", "-p", str(server.port), "-i", str(server.key_file), "-o", "StrictHostKeyChecking=no"]
    ssh += ["-o", f"UserKnownHostsFile={folder}/known", "-o", "LogLevel=ERROR", server.address]
    path = folder / "s"
    with _repository(size) as port, _openssh_tunnel(ssh, path, port):
        times = [await _timed(_program([*ssh, f"head -c {size} /dev/zero"]))]
        times += [
            await _timed(_program([sys.executable, "-c", RESTIC, str(path), what, str(size)])) for what in ("R", "W")
        ]
    return times


@contextmanager
def _openssh_tunnel(ssh: Sequence[str], path: Path, port: int) -> Iterator[None]:
    path.unlink(missing_ok=True)
    tunnel = subprocess.Popen([*ssh[:1], "-N", "-R", f"{path}:127.0.0.1:{port}", *ssh[1:]])
    try:
        while not path.exists():
            time.sleep(0.05)
        yield
    finally:
        tunnel.terminate()
        tunnel.wait()


async def _program(command: Sequence[str]) -> None:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    while await process.stdout.read(1 << 18):
        pass
    assert await process.wait() == 0


async def _timed(work: Awaitable[object]) -> float:
    began = time.monotonic()
    await work
    return time.monotonic() - began


@contextmanager
def _repository(size: int) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", REPOSITORY, str(size)], stdout=subprocess.PIPE, env=os.environ)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    main(int(sys.argv[1] if len(sys.argv) > 1 else 256) << 20)
