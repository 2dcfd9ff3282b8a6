"""restic on another host through rclone and a tunnel, measured against the same restic on the same repository.

Run: python -m tests.bench.served [--megabytes N] [--times N] [--restic PATH] [--rclone PATH]

The other host is this computer: once under another name (what is measured is rclone, the tunnel of `LocalHost` and the
authentication), once over SSH to a server on loopback. Backups go into fresh repositories, restores into fresh folders,
in turns. The last way has the tunnel led by OpenSSH's own client, for comparison. Linux and macOS.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.redact import Redactor
from app.hosts.host import Host
from app.hosts.local import LocalHost
from app.hosts.ssh.host import SshHost
from app.hosts.ssh.links import Links
from app.jobs.ways import Ways
from app.runs.engine import run_engine
from app.settings.model import Repository as RepositorySettings
from app.settings.model import Site
from app.tools.restic.backup import Label, Selection
from app.tools.restic.repository import Restic
from app.tools.restic.session import Repository
from tests.bench.large_site import make_half_compressible_tree
from tests.bench.measure import MB, put_away, spread, table, wait_for_the_disk
from tests.features.greenhouse import REPOSITORY_PASSWORD, make_tree
from tests.real.servers.rclone import AnotherHost, rclone_program
from tests.real.servers.restic import VERSIONS, fresh_repository, restic_program
from tests.real.servers.sshd import SshServer, ssh_server
from tests.real.test_ssh import route_to

LABEL = Label("server", ("site:bench",))


class Bench(msgspec.Struct, frozen=True):
    """The hosts, the restic, the tree that is backed up, and a folder for everything else."""

    blocking: Blocking
    here: LocalHost
    there: LocalHost
    server: SshServer
    restic: str
    root: Path
    folder: Path

    def repository(self, name: str) -> Repository:
        """A fresh repository with a cache of its own."""
        folder = self.folder / name
        fresh_repository(self.restic, folder, REPOSITORY_PASSWORD)
        return Repository(str(folder), f"{folder}.cache")


async def directly(bench: Bench, repository: Repository, work: Callable[[Restic], Coroutine[Any, Any, float]]) -> float:
    """The work of a restic that has the repository's folder."""
    return await work(Restic(bench.here, bench.restic, repository, REPOSITORY_PASSWORD))


async def served(bench: Bench, repository: Repository, work: Callable[[Restic], Coroutine[Any, Any, float]]) -> float:
    """The work of a restic that is led there; the way stands already."""
    return await _led(bench, bench.there, repository, work)


async def over_ssh(bench: Bench, repository: Repository, work: Callable[[Restic], Coroutine[Any, Any, float]]) -> float:
    """The same on a server over SSH."""
    links = Links(bench.blocking, bench.folder / "known-hosts")
    try:
        return await _led(bench, SshHost(links.to(route_to(bench.server)), {}), repository, work)
    finally:
        await links.close()


async def through_openssh(
    bench: Bench, repository: Repository, work: Callable[[Restic], Coroutine[Any, Any, float]]
) -> float:
    """Everything over our connection but the tunnel, which `ssh -R` leads."""
    links = Links(bench.blocking, bench.folder / "known-hosts")
    try:
        there = _LedByOpenSsh(links.to(route_to(bench.server)), {})
        there.server = bench.server
        return await _led(bench, there, repository, work)
    finally:
        await links.close()


class _LedByOpenSsh(SshHost):
    server: SshServer

    @asynccontextmanager
    async def reverse_tunnel(self, port: int) -> AsyncIterator[str]:
        """As the host's own, by the program `ssh`."""
        with tempfile.TemporaryDirectory(prefix="overwinter-") as folder:
            socket = Path(folder) / "s"
            options = ("ExitOnForwardFailure=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
            command = ["-N", "-q", "-F", "none", *(f"-o{one}" for one in options), "-i", str(self.server.key_file)]
            command += ["-p", str(self.server.port), "-R", f"{socket}:127.0.0.1:{port}"]
            command.append(f"{self.server.user}@{self.server.address}")
            ssh = await asyncio.create_subprocess_exec("ssh", *command)
            try:
                while not socket.exists():  # noqa: ASYNC110  the program says nothing when it is ready
                    await asyncio.sleep(0.02)
                yield str(socket)
            finally:
                ssh.terminate()
                await ssh.wait()


async def _led(
    bench: Bench, there: Host, repository: Repository, work: Callable[[Restic], Coroutine[Any, Any, float]]
) -> float:
    ways = Ways(Redactor(), {})
    try:
        way = await ways.to(there, bench.here, _site(repository))
        return await work(Restic(there, bench.restic, repository, REPOSITORY_PASSWORD, way))
    finally:
        await ways.close()


def _site(repository: Repository) -> Site:
    return Site(name="bench", repository=RepositorySettings(url=repository.address))


WAYS = {"directly": directly, "served": served, "over SSH": over_ssh, "OpenSSH": through_openssh}


async def one_round(bench: Bench, number: int, seconds: dict[str, list[float]]) -> None:
    """A backup and a restore each way; who goes first changes."""
    for way in sorted(WAYS, reverse=bool(number % 2)):
        repository = bench.repository(f"{way.replace(' ', '-')}-{number}")
        target = bench.folder / f"target-{way.replace(' ', '-')}"
        made: list[str] = []

        async def back_up(restic: Restic, made: list[str] = made) -> float:
            began = time.monotonic()
            made.append((await restic.backup(Selection(paths=(str(bench.root),)), LABEL)).snapshot)
            return time.monotonic() - began

        async def restore(restic: Restic, target: Path = target, made: list[str] = made) -> float:
            began = time.monotonic()
            await restic.tree(made[0]).restore(str(bench.root), str(target))
            return time.monotonic() - began

        for name, work in (("backup", back_up), ("restore", restore)):
            wait_for_the_disk()
            seconds.setdefault(f"{name} {way}", []).append(await WAYS[way](bench, repository, work))
        put_away(target)
        put_away(Path(repository.address))
        put_away(Path(repository.cache_folder))


def measure(restic: str, megabytes: int, times: int) -> None:
    """Prints the table of one restic."""
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="overwinter-bench-") as name:
        folder, root, blocking = Path(name), Path(name) / "site", Blocking()
        make_tree(root, files=2000)
        make_half_compressible_tree(root / "films", megabytes * MB)
        here, there = LocalHost(blocking, folder / "scratch"), AnotherHost(blocking, folder / "there")
        with ssh_server(folder / "sshd") as server:
            bench = Bench(blocking, here, there, server, restic, root, folder)
            for number in range(times):
                run_engine(one_round(bench, number, seconds))
        blocking.close()
    rows = []
    for name in ("backup", "restore"):
        alone = seconds[f"{name} directly"]
        for way in ("served", "over SSH", "OpenSSH"):
            through = seconds[f"{name} {way}"]
            ratios = [first / second for first, second in zip(alone, through, strict=True)]
            rows.append((f"{name} {way}", spread(alone), spread(through), spread(ratios)))
    table(f"{megabytes} MB, {restic}", ("", "directly, s", "so, s", "throughput, ratio"), rows)


def main() -> None:
    """Prints a table for each restic."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--restic", help="the restic to measure with; else one of each version that the tests know")
    parser.add_argument("--rclone", type=Path, help="the rclone to measure with; else the one on the path")
    asked = parser.parse_args()
    if asked.rclone:
        os.environ["PATH"] = f"{asked.rclone.parent}{os.pathsep}{os.environ['PATH']}"
    print(rclone_program())
    for restic in [asked.restic] if asked.restic else [restic_program(version) for version in VERSIONS]:
        measure(restic, asked.megabytes, asked.times)


if __name__ == "__main__":
    main()
