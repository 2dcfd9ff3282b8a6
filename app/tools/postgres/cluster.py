"""A PostgreSQL server of our own for a moment: its own folder, one socket in it, no network, nothing that lasts.

PostgreSQL refuses to run as root; root starts it as the account that its packages make.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import PurePosixPath

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Dialogue, Host
from app.hosts.lifeline import tied
from app.tools.found import Versions, said_version, version_numbers
from app.tools.postgres.programs import FOLDERS, MAJORS
from app.tools.postgres.server import Server
from app.tools.postgres.session import asked

USER = "overwinter"
PORT = 5432
"""Part of the socket's name; nothing listens on a network."""

STARTS_WITHIN = 60.0
LOOK_AGAIN = 0.1
ACCOUNT = "postgres"

# It is thrown away: what makes a crash harmless only costs time here.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "20",
    "max_locks_per_transaction": "256",
    "logging_collector": "off",
}


class ServerPrograms(msgspec.Struct, frozen=True):
    """The folder of one version's `initdb` and `postgres`."""

    folder: str
    version: str

    @property
    def major(self) -> int:
        """Its major version."""
        return version_numbers(self.version)[0]

    def program(self, name: str) -> str:
        """The path of one of them."""
        return str(PurePosixPath(self.folder) / name)


async def find_servers(host: Host, versions: Versions) -> list[ServerPrograms]:
    """The versions whose server programs a host has, oldest first. None on Windows, which lacks what is needed."""
    patterns = FOLDERS.get((await host.facts()).system, ())
    folders = [pattern.format(major) for major in reversed(MAJORS) for pattern in patterns if pattern.startswith("/")]
    found = [await _in_folder(host, folder, versions) for folder in folders]
    return sorted((one for one in found if one is not None), key=lambda one: one.major)


async def _in_folder(host: Host, folder: str, versions: Versions) -> ServerPrograms | None:
    paths = [str(PurePosixPath(folder) / name) for name in ("initdb", "postgres")]
    if any([await host.stat(path) is None for path in paths]):
        return None
    version = await said_version(host, paths[1], ("--version",), "postgres (PostgreSQL) ", versions)
    return ServerPrograms(folder, version) if version else None


def server_for(found: Sequence[ServerPrograms], major: int, host_name: str) -> ServerPrograms:
    """The programs that can take a dump of that major version; raises `postgres.server-missing`."""
    new_enough = [one for one in found if one.major >= major]
    if not new_enough:
        raise UserError(
            text("{host} has no server programs of PostgreSQL {major} or newer.", host=host_name, major=major),
            text("No throwaway server can be started there."),
            text("Install PostgreSQL {major} on {host}; its server need not run.", host=host_name, major=major),
            "postgres.server-missing",
        )
    return new_enough[0]


async def owner_of_files(host: Host) -> str:
    """The account that the folder of the server has to be of: "" for our own."""
    return ACCOUNT if (await host.facts()).user == "root" else ""


@asynccontextmanager
async def private_cluster(
    host: Host, programs: ServerPrograms, folder: str, blocking: Blocking, preload: str = ""
) -> AsyncIterator[Server]:
    """A running server in `folder`, which is empty and of the account that `owner_of_files` names.

    `preload` is a library that it loads at its start. Raises `postgres.private-not-started`.
    """
    as_account = await _as_account(host)
    await _initialised(host, as_account, programs, folder)
    server = Server(folder, PORT, USER, "postgres")
    options = {**SETTINGS, "unix_socket_directories": folder, "shared_preload_libraries": preload}
    settings = [f"--{name}={value}" for name, value in options.items()]
    command = (*as_account, programs.program("postgres"), "-D", f"{folder}/data", "-p", str(PORT), *settings)
    running = await host.start(tied(Command(command[0], command[1:], environment={"LC_ALL": "C"})))
    try:
        await _answers(host, server, running, blocking)
        yield server
    finally:
        await running.stop()


async def _as_account(host: Host) -> tuple[str, ...]:
    account = await owner_of_files(host)
    return ("setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups", "--") if account else ()


async def _initialised(host: Host, as_account: tuple[str, ...], programs: ServerPrograms, folder: str) -> None:
    options = ("--no-sync", "--encoding=UTF8", "--locale=C", "--auth=trust", f"--username={USER}")
    command = (*as_account, programs.program("initdb"), "-D", f"{folder}/data", *options)
    made = await host.run(Command(command[0], command[1:], environment={"LC_ALL": "C"}))
    if made.code != 0:
        raise _not_started(host.name, (made.stdout + made.stderr).decode("utf-8", "replace"))


async def _answers(host: Host, server: Server, running: Dialogue, blocking: Blocking) -> None:
    """Comes back when it takes connections."""
    ended = asyncio.create_task(running.wait())
    until = time.monotonic() + STARTS_WITHIN
    try:
        while not await _takes_connections(host, server, blocking):
            if ended.done() or time.monotonic() > until:
                said = ended.result().stderr.decode("utf-8", "replace") if ended.done() else "it does not answer"
                raise _not_started(host.name, said)
            await asyncio.wait({ended}, timeout=LOOK_AGAIN)
    finally:
        ended.cancel()
        await asyncio.gather(ended, return_exceptions=True)


async def _takes_connections(host: Host, server: Server, blocking: Blocking) -> bool:
    if await host.stat(server.address.server) is None:
        return False
    async with host.tunnel(server.address.server, server.address.port) as way:
        try:
            return await asked(blocking, server, "", way, lambda connection: not connection.closed)
        except UserError:  # it is starting; one that never answers is found by its end or by the time
            return False


def _not_started(host: str, said: str) -> UserError:
    return UserError(
        text("A throwaway PostgreSQL server could not be started on {host}.", host=host),
        text("That says nothing about the dump."),
        text("Read below what PostgreSQL said, and put that right."),
        "postgres.private-not-started",
        said,
    )
