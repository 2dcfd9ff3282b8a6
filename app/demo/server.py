"""A private PostgreSQL server: on 127.0.0.1 only, a port and a password of its own, gone when it is stopped.

PostgreSQL refuses to run as root. Then its programs are started as an account without rights, and its files are where
that account can reach them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, TypeVar

import msgspec
import psutil
import psycopg
from psycopg import sql

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.hosts.files import remove_tree, writing
from app.hosts.host import Command, Finished, Host
from app.hosts.tree import Tree
from app.tools.found import version_numbers
from app.tools.postgres.programs import FOLDERS, MAJORS
from app.tools.postgres.server import Server
from app.tools.postgres.session import Session, Work

if sys.platform == "win32":
    AT_ONCE = signal.SIGTERM

    def _ids(_account: str) -> tuple[int, int] | None:
        return None
else:
    import pwd

    AT_ONCE = signal.SIGQUIT  # PostgreSQL's immediate shutdown: nobody needs the files any more

    def _ids(account: str) -> tuple[int, int] | None:
        try:
            found = pwd.getpwnam(account)
        except KeyError:
            return None
        return found.pw_uid, found.pw_gid


T = TypeVar("T")

USER = DATABASE = "hydro"
TABLE = "telemetry"
ROWS = 5000

STARTS_WITHIN = 60
STOPS_WITHIN = 10.0
"""Seconds; then it is killed."""
LOOK_AGAIN = 0.02

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


class Account(msgspec.Struct, frozen=True):
    """An account of this computer that the server runs as; `prefix` starts a program as that account."""

    uid: int
    gid: int
    prefix: tuple[str, ...]


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
    account = await _account(host)
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


async def _account(host: Host) -> Account | None:
    """PostgreSQL's own account where it has one, else nobody's."""
    runuser = await host.which("runuser")
    for name in ("postgres", "nobody"):
        ids = _ids(name)
        if runuser is not None and ids is not None:
            return Account(*ids, (runuser, "-u", name, "--"))
    return None


class PracticeServer:
    """One server with the database `address`, and telemetry in it. `folder` holds all of its files."""

    def __init__(self, programs: ServerPrograms, name: str) -> None:
        """`name` is how its folder is called. Nothing is made or started yet."""
        self._programs = programs
        self.folder = _reachable_folder(programs.account) / name
        self.address = Server("127.0.0.1", _free_port(), USER, DATABASE)
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
            if self._programs.account is not None and sys.platform != "win32":
                for path in (self.folder, password_file):
                    os.chown(path, self._programs.account.uid, self._programs.account.gid)

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
        serving = await blocking.call("files", self._quit)
        if not await _gone(serving):
            for tree in serving:
                tree.kill()
            await _gone(serving)
        await blocking.call("files", lambda: remove_tree(self.folder))

    def _quit(self) -> list[Tree]:
        """Tells whoever serves our files to end at once; gives them and all they started."""
        serving = [process for process in psutil.process_iter() if self._serves(process)]
        trees = [Tree(process.pid) for process in serving]
        for process, tree in zip(serving, trees, strict=True):
            tree.living()  # while it can still be seen who belongs to it
            with contextlib.suppress(psutil.Error):  # it has just ended by itself
                process.send_signal(AT_ONCE)
        return trees

    def _serves(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):  # gone, or another user's
            return process.name().startswith("postgres") and str(self._files) in process.cmdline()
        return False


async def _gone(trees: Sequence[Tree]) -> bool:
    """Waits until none of them runs; whether that is so in time."""
    over = time.monotonic() + STOPS_WITHIN
    while any(tree.living() for tree in trees):
        if time.monotonic() > over:
            return False
        await asyncio.sleep(LOOK_AGAIN)
    return True


def _copied(connection: psycopg.Connection[Any]) -> bytes:
    connection.execute("SET timezone TO 'UTC'; SET datestyle TO 'ISO'")  # ours may come from PGTZ, pg_dump's does not
    with connection.cursor().copy(f"COPY {TABLE} TO STDOUT") as copy:
        return b"".join(bytes(piece) for piece in copy)


def _reachable_folder(account: Account | None) -> Path:
    """The system's temporary folder, or another one when that is closed to the account."""
    own = Path(tempfile.gettempdir())
    usual = [folder for folder in (own, Path("/tmp"), Path("/var/tmp")) if folder.is_dir()]
    return own if account is None else next((folder for folder in usual if _is_open(folder)), own)


def _is_open(folder: Path) -> bool:
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _failed(name: str, finished: Finished) -> UserError:
    return UserError(
        text("PostgreSQL could not be started ({program}, exit {code}).", program=name, code=finished.code),
        text("Nothing of yours was touched."),
        text("Look below at what it said; the practice goes on without a database."),
        "demo.postgresql-failed",
        (finished.stderr or finished.stdout).decode("utf-8", "replace").strip(),
    )
