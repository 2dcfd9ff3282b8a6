"""A private PostgreSQL server: on 127.0.0.1 only, a port and a password of its own, gone when it is stopped."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path, PurePath
from typing import Any, TypeVar

import msgspec
import psycopg
from psycopg import sql

from app.demo.private_server import (
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
from app.tools.found import version_numbers
from app.tools.postgres.programs import FOLDERS, MAJORS
from app.tools.postgres.server import Server
from app.tools.postgres.session import Session, Work

T = TypeVar("T")

USER = DATABASE = "hydro"
TABLE = "telemetry"
ROWS = 5000

SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
timezone = 'UTC'
password_encryption = 'scram-sha-256'
fsync = off
shared_buffers = 16MB
max_connections = 20
logging_collector = off
"""

TABLES = (
    "CREATE TABLE nodes (uid text PRIMARY KEY, type text NOT NULL)",
    "INSERT INTO nodes SELECT 'nd-ph-' || n, 'ph' FROM generate_series(1, 24) n",
    f"CREATE TABLE {TABLE} (id bigserial PRIMARY KEY, node text REFERENCES nodes, at timestamptz, value float8)",
    f"INSERT INTO {TABLE} (node, at, value) SELECT 'nd-ph-' || n % 24 + 1, now() - n * interval '17 s',"
    f" 5 + n % 40 / 20.0 FROM generate_series(1, {ROWS}) n",
)


class ServerPrograms(msgspec.Struct, frozen=True):
    """The folder of initdb, pg_ctl and postgres, and the account to start them as (None: as whoever we are)."""

    folder: str
    account: Account | None


async def find_server(host: Host, blocking: Blocking) -> ServerPrograms | Text:
    """The programs of the newest server on this computer; else, in a sentence, why there can be none."""
    initdb = await _find_initdb(host, blocking)
    if initdb is None:
        return text("PostgreSQL's server programs were not found on this computer.")
    folder = str(PurePath(initdb).parent)
    if sys.platform == "win32" or os.geteuid() != 0:
        return ServerPrograms(folder, None)
    account = await account_for(host, "postgres")
    if account is None:
        return text("PostgreSQL does not run as root, and there is no account here that it could run as instead.")
    return ServerPrograms(folder, account)


async def _find_initdb(host: Host, blocking: Blocking) -> str | None:
    """In the usual folders, newest version first, then on the path."""
    system = (await host.facts()).system
    usual = [str(PurePath(folder.format(major), "initdb")) for major in MAJORS for folder in FOLDERS.get(system, ())]
    for candidate in (*usual, "initdb"):
        found = await host.which(candidate)
        if found is not None:
            return str(await blocking.call("files", Path(found).resolve))  # a link stands apart from the others
    return None


class PracticeServer:
    """One server with the database `address`, and telemetry in it. `folder` holds all of its files."""

    kind = "PostgreSQL"

    def __init__(self, programs: ServerPrograms, name: str) -> None:
        """`name` is how its folder is called. Nothing is made or started yet."""
        self._programs = programs
        self.folder = reachable_folder(programs.account) / name
        self.address = Server("127.0.0.1", free_port(), USER, DATABASE)
        self.password = secrets.token_urlsafe()
        self.version = ""

    @property
    def major(self) -> int:
        """The number of its version that decides which client programs fit it."""
        return version_numbers(self.version)[0]

    @property
    def _files(self) -> Path:
        return self.folder / "files"

    async def start(self, host: Host, blocking: Blocking) -> None:
        """Makes it, starts it, fills its database. Raises `UserError` `demo.postgresql-failed`, `postgres.…`."""
        password_file = self.folder / "password"
        await blocking.call("files", lambda: self._make_folder(password_file))
        access = ("-U", USER, f"--pwfile={password_file}", "--auth=scram-sha-256")
        await self._run(host, "initdb", *access, "--encoding=UTF8", "--locale=C", "--no-sync")
        await blocking.call("files", lambda: self._configure(password_file))
        await self._run(host, "pg_ctl", "start", "-w", "-s", "-t", f"{STARTS_WITHIN}", "-l", str(self.folder / "log"))
        await self._fill(blocking)

    def _make_folder(self, password_file: Path) -> None:
        with writing(self.folder):
            self.folder.mkdir(mode=0o700)
            password_file.touch(mode=0o600)
            password_file.write_text(self.password, "ascii")
            give_to(self._programs.account, self.folder, password_file)

    def _configure(self, password_file: Path) -> None:
        with writing(self.folder):
            password_file.unlink()
            with (self._files / "postgresql.conf").open("a", encoding="utf-8") as settings:
                settings.write(SETTINGS.format(port=self.address.port))

    async def _run(self, host: Host, name: str, *arguments: str) -> None:
        path = str(PurePath(self._programs.folder, name))
        prefix: tuple[str, ...] = self._programs.account.prefix if self._programs.account is not None else ()
        words = (*prefix, path, *arguments, "-D", str(self._files))
        command = Command(words[0], words[1:], environment={"LC_ALL": "C"}, folder=str(self.folder))
        finished = await host.run(command, deadline=2 * STARTS_WITHIN)
        if finished.code != 0:
            raise _failed(name, finished)

    async def _fill(self, blocking: Blocking) -> None:
        maintenance = msgspec.structs.replace(self.address, database="postgres")
        make = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.address.database))
        await self._in_database(blocking, maintenance, lambda connection: connection.execute(make))
        await self._in_database(blocking, self.address, self._make_tables)

    def _make_tables(self, connection: psycopg.Connection[Any]) -> None:
        for statement in TABLES:
            connection.execute(statement)
        self.version = str(connection.info.parameter_status("server_version")).partition(" ")[0]

    async def _in_database(self, blocking: Blocking, address: Server, work: Work[T]) -> T:
        session = Session(address, self.password)

        def do() -> T:
            session.open()
            try:
                return session.do(work)
            finally:
                session.end()

        return await blocking.call("database", do, abort=session.end)

    async def rows(self, blocking: Blocking) -> bytes:
        """The rows of its table `TABLE`, as COPY writes them."""
        return await self._in_database(blocking, self.address, _copied)

    async def remove(self, blocking: Blocking) -> None:
        """Ends it, also when it was only half started, and removes its files. Nothing there is success."""
        await end_server(blocking, "postgres", self.folder)


def _copied(connection: psycopg.Connection[Any]) -> bytes:
    connection.execute("SET timezone TO 'UTC'; SET datestyle TO 'ISO'")  # ours may come from PGTZ, pg_dump's does not
    with connection.cursor().copy(f"COPY {TABLE} TO STDOUT") as copy:
        return b"".join(bytes(piece) for piece in copy)


def _failed(name: str, finished: Finished) -> UserError:
    return UserError(
        text("PostgreSQL could not be started ({program}, exit {code}).", program=name, code=finished.code),
        text("Nothing of yours was touched."),
        text("Look below at what it said; the practice goes on without a database."),
        "demo.postgresql-failed",
        (finished.stderr or finished.stdout).decode("utf-8", "replace").strip(),
    )
