"""A private MariaDB server: on 127.0.0.1 only, a port and a password of its own, gone when it is stopped."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import time
from pathlib import Path

import msgspec

from app.demo.private_server import (
    LOOK_AGAIN,
    STARTS_WITHIN,
    Account,
    account_for,
    end_server,
    free_port,
    give_to,
    reachable_folder,
)
from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.hosts.files import writing
from app.hosts.host import Command, Finished, Host
from app.tools.mysql.server import Server

USER = DATABASE = "recipes"
ROWS = 400

FOLDERS = [
    "/usr/sbin",
    "/usr/libexec",
    "/usr/local/sbin",
    "/opt/homebrew/opt/mariadb/bin",
    "/usr/local/opt/mariadb/bin",
]
"""Where packages keep the server off the search path."""

SETTINGS = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--max-connections=20",
    "--skip-log-bin",
    "--character-set-server=utf8mb4",
)

TABLES = f"""\
CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;
USE {DATABASE};
CREATE TABLE recipes (id int PRIMARY KEY AUTO_INCREMENT, crop varchar(80), day int, ec double, note text);
INSERT INTO recipes (crop, day, ec, note)
  SELECT CONCAT('салат ', seq % 7), seq, 1 + seq % 20 / 10, '🌱 as always' FROM seq_1_to_{ROWS};
CREATE VIEW strong AS SELECT crop, day FROM recipes WHERE ec > 2;
CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{{password}}';
GRANT ALL PRIVILEGES ON {DATABASE}.* TO '{USER}'@'127.0.0.1';
"""

# It is no service here: it goes on when the shell has come back, as pg_ctl's server does.
IN_BACKGROUND = '"$@" </dev/null >/dev/null 2>&1 &'


class ServerPrograms(msgspec.Struct, frozen=True):
    """The server, what makes its files, its client; and the account to start it as (None: as whoever we are)."""

    server: str
    install: str
    client: str
    account: Account | None


async def find_server(host: Host) -> ServerPrograms | Text:
    """The programs of a server on this computer; else, in a sentence, why there can be none."""
    if sys.platform == "win32":
        return text("A practice MariaDB is made on Linux and macOS only.")
    server = await _first(host, "mariadbd", *(f"{folder}/mariadbd" for folder in FOLDERS))
    install, client = await host.which("mariadb-install-db"), await host.which("mariadb")
    if server is None or install is None or client is None or await host.which("mariadb-dump") is None:
        return text("MariaDB's server and client programs were not found on this computer.")
    if os.geteuid() != 0:
        return ServerPrograms(server, install, client, None)
    account = await account_for(host, "mysql")
    if account is None:
        return text("MariaDB does not run as root, and there is no account here that it could run as instead.")
    return ServerPrograms(server, install, client, account)


async def _first(host: Host, *programs: str) -> str | None:
    for program in programs:
        found = await host.which(program)
        if found is not None:
            return found
    return None


class PracticeMariadb:
    """One server with the database `address`, and recipes in it. `folder` holds all of its files."""

    kind = "MariaDB"

    def __init__(self, programs: ServerPrograms, name: str) -> None:
        """`name` is how its folder is called. Nothing is made or started yet."""
        self._programs = programs
        self.folder = reachable_folder(programs.account) / name
        self.address = Server("127.0.0.1", free_port(), USER, DATABASE)
        self.password = secrets.token_urlsafe()
        self.version = ""

    @property
    def _socket(self) -> str:
        return str(self.folder / "s")  # a socket's path has to be short

    async def start(self, host: Host, blocking: Blocking) -> None:
        """Makes it, starts it, fills its database. Raises `UserError` `demo.mariadb-failed`."""
        await blocking.call("files", self._make_folder)
        files = f"--datadir={self.folder / 'files'}"
        install = ("--no-defaults", files, "--auth-root-authentication-method=normal", "--skip-test-db")
        await self._run(host, self._programs.install, *install)
        ways = (f"--socket={self._socket}", f"--port={self.address.port}", f"--pid-file={self.folder / 'pid'}")
        log = f"--log-error={self.folder / 'log'}"
        await self._run(
            host, "sh", "-c", IN_BACKGROUND, "sh", self._programs.server, "--no-defaults", files, *ways, log, *SETTINGS
        )
        await self._wait_until_it_answers(host)
        await self.ask(host, TABLES.format(password=self.password))

    def _make_folder(self) -> None:
        with writing(self.folder):
            self.folder.mkdir(mode=0o700)
            give_to(self._programs.account, self.folder)

    async def _run(self, host: Host, *words: str) -> None:
        prefix = self._programs.account.prefix if self._programs.account is not None else ()
        program, *arguments = (*prefix, *words)
        environment = {"LC_ALL": "C", "TMPDIR": str(self.folder)}  # the usual one may be closed to the account
        command = Command(program, tuple(arguments), environment=environment, folder=str(self.folder))
        finished = await host.run(command, deadline=2 * STARTS_WITHIN)
        if finished.code != 0:
            raise _failed(Path(words[0]).name, finished)

    async def _wait_until_it_answers(self, host: Host) -> None:
        over = time.monotonic() + STARTS_WITHIN
        while (answer := await self._client(host, "SELECT VERSION()")).code != 0:
            if time.monotonic() > over:
                raise _failed("mariadbd", answer)
            await asyncio.sleep(LOOK_AGAIN)
        self.version = answer.stdout.decode().partition("-")[0].strip()

    async def ask(self, host: Host, statements: str) -> str:
        """What statements print, a row a line, columns with tabs between. Raises `UserError` `demo.mariadb-failed`."""
        answer = await self._client(host, statements)
        if answer.code != 0:
            raise _failed("mariadb", answer)
        return answer.stdout.decode().removesuffix("\n")

    async def _client(self, host: Host, statements: str) -> Finished:
        """Asks as root through the socket; statements go in on the input, since a password may be in them."""
        options = ("--no-defaults", "--protocol=socket", f"--socket={self._socket}", "--user=root")
        form = ("--batch", "--skip-column-names", "--default-character-set=utf8mb4")
        return await host.run(Command(self._programs.client, (*options, *form), stdin=statements.encode()))

    async def remove(self, blocking: Blocking) -> None:
        """Ends it, also when it was only half started, and removes its files. Nothing there is success."""
        await end_server(blocking, "mariadbd", self.folder)


def _failed(name: str, finished: Finished) -> UserError:
    return UserError(
        text("MariaDB could not be started ({program}, exit {code}).", program=name, code=finished.code),
        text("Nothing of yours was touched."),
        text("Look below at what it said; the practice goes on without this database."),
        "demo.mariadb-failed",
        (finished.stderr or finished.stdout).decode("utf-8", "replace").strip(),
    )
