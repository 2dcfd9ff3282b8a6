"""A MariaDB server of our own for a moment: its own folder, one socket in it, no network, nothing that lasts."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import PurePosixPath

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.hosts.host import Command, Dialogue, Host
from app.hosts.lifeline import tied
from app.tools.found import Versions, version_answered
from app.tools.mysql.programs import Flavour, flavour_of, series
from app.tools.mysql.server import SOCKET, Server

SERVER, INSTALL = "mariadbd", "mariadb-install-db"
FOLDERS = (
    *("/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"),
    *("/opt/homebrew/opt/mariadb/bin", "/usr/local/opt/mariadb/bin"),
)
"""Where systems put a server's programs, which are on nobody's search path but root's."""

USER = "root"
STARTS_WITHIN = 60.0
LOOK_AGAIN = 0.1

# It is thrown away: what makes a crash harmless only costs time here. Events would run.
SETTINGS = {
    "skip-networking": "ON",
    "event-scheduler": "OFF",
    "skip-log-bin": "ON",
    "character-set-server": "utf8mb4",
    "innodb-buffer-pool-size": "128M",
    "innodb-log-file-size": "96M",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-flush-method": "nosync",
    "innodb-doublewrite": "OFF",
    "max-allowed-packet": "1G",
    "max-connections": "20",
}

_VERSION = re.compile(r"Ver (\d+\.\d+\.\d+-MariaDB)")


class ServerPrograms(msgspec.Struct, frozen=True):
    """The paths of MariaDB's server and of what makes its first files."""

    server: str
    install: str
    version: str


async def find_server(host: Host, versions: Versions) -> ServerPrograms | None:
    """The server programs of a host, if it has them. None on Windows, which lacks what is needed."""
    if (await host.facts()).system == "windows":
        return None
    server, install = await _find(host, SERVER), await _find(host, INSTALL)
    if server is None or install is None:
        return None
    version = await version_answered(host, server, ("--no-defaults", "--version"), _version_in, versions)
    return ServerPrograms(server, install, version) if version else None


async def _find(host: Host, name: str) -> str | None:
    for path in (str(PurePosixPath(folder) / name) for folder in FOLDERS):
        if await host.stat(path) is not None:
            return path
    return await host.which(name)


def _version_in(said: str) -> str:
    found = _VERSION.search(said)
    return found[1] if found is not None else ""


def fit_server(found: ServerPrograms | None, server_version: str, host_name: str) -> ServerPrograms:
    """The programs, where they can take a dump of that server; raises `mysql.server-missing`."""
    if flavour_of(server_version) is not Flavour.MARIADB:
        raise _no_server(text("A throwaway server of MySQL cannot be made; only MariaDB's can."), host_name)
    if found is None:
        raise _no_server(text("{host} has no server programs of MariaDB.", host=host_name), host_name)
    if series(found.version) < series(server_version):
        older = text("MariaDB {version} on {host} is older than the server.", version=found.version, host=host_name)
        raise _no_server(older, host_name)
    return found


@asynccontextmanager
async def private_server(
    host: Host,
    programs: ServerPrograms,
    folder: str,
    case_of_names: int,
    answers: Callable[[Server], Awaitable[bool]],
) -> AsyncIterator[Server]:
    """A running server in `folder`, which is empty, for a client that logs in as root without a password.

    `case_of_names` is its lower_case_table_names; `answers` asks whether it takes connections yet. Raises
    `mysql.private-not-started`.
    """
    as_root = ("--user=root",) if (await host.facts()).user == "root" else ()
    await _initialised(host, programs, folder, as_root)
    server = Server(f"{folder}/{SOCKET}", 0, USER)
    place = (f"--datadir={folder}/data", f"--socket={server.socket}", f"--pid-file={folder}/pid")
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    arguments = ("--no-defaults", *as_root, *place, *settings, f"--lower-case-table-names={case_of_names}")
    running = await host.start(tied(Command(programs.server, arguments, environment={"LC_ALL": "C"})))
    try:
        await _until_it_answers(host.name, server, running, answers)
        yield server
    finally:
        await _end(host, running)


async def _end(host: Host, running: Dialogue) -> None:
    """Kills it: MariaDB passes an interrupt over, and what a shutdown would save is thrown away."""
    try:
        await host.run(Command("kill", ("-KILL", str(running.pid))))
    finally:
        await running.stop()


async def _initialised(host: Host, programs: ServerPrograms, folder: str, as_root: tuple[str, ...]) -> None:
    options = ("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
    command = Command(programs.install, ("--no-defaults", *as_root, f"--datadir={folder}/data", *options))
    made = await host.run(command)
    if made.code != 0:
        raise _not_started(host.name, (made.stdout + made.stderr).decode("utf-8", "replace"))


async def _until_it_answers(
    host: str, server: Server, running: Dialogue, answers: Callable[[Server], Awaitable[bool]]
) -> None:
    ended = asyncio.create_task(running.wait())
    until = time.monotonic() + STARTS_WITHIN
    try:
        while not await answers(server):
            if ended.done() or time.monotonic() > until:
                said = ended.result().stderr.decode("utf-8", "replace") if ended.done() else "it does not answer"
                raise _not_started(host, said)
            await asyncio.wait({ended}, timeout=LOOK_AGAIN)
    finally:
        ended.cancel()
        await asyncio.gather(ended, return_exceptions=True)


def _no_server(what: Text, host: str) -> UserError:
    return UserError(
        what,
        text("No throwaway server can be started there."),
        text("Install MariaDB's server of the same version or newer on {host}; it need not run.", host=host),
        "mysql.server-missing",
    )


def _not_started(host: str, said: str) -> UserError:
    return UserError(
        text("A throwaway MariaDB server could not be started on {host}.", host=host),
        text("That says nothing about the dump."),
        text("Read below what MariaDB said, and put that right."),
        "mysql.private-not-started",
        said,
    )
