"""A real PostgreSQL server for tests: its own folder, loopback and socket only, gone without a trace afterwards."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg.sql import SQL, Composed, Identifier, Literal

from tests.guards import outliving

SUPERUSER = "postgres"
SUPERUSER_PASSWORD = "superuser of a test"
STARTS_WITHIN = 30.0
STOPS_WITHIN = 20.0

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "timezone": "UTC",
    "logging_collector": "off",
}


class PostgresServer:
    """A running server. Roles log in with their password over 127.0.0.1, and without one through the socket.

    The superuser is `SUPERUSER` with `SUPERUSER_PASSWORD`. `log` is what the server said.
    """

    host = "127.0.0.1"

    def __init__(self, programs: Path, home: Path, log: Path, settings: Mapping[str, str] | None = None) -> None:
        """`programs` is the folder of initdb and postgres; `home` (empty, of the server's user) holds its files."""
        self._settings = {**SETTINGS, **(settings or {})}
        self.bin = programs
        self.log = log
        self.socket_folder = home
        self.port = 0
        self._files = home / "data"
        self._process: subprocess.Popen[bytes] | None = None
        _copy_cluster(_cluster(programs), self._files)

    @property
    def pid(self) -> int:
        """Its first process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts it, on the port it had before or on a free one; comes back when it answers."""
        self.launch()
        self.wait_until_it_answers()

    def launch(self) -> None:
        """Starts it and does not wait for it. Only from the main thread: it ends with the thread that started it."""
        self.port = self.port or _free_port()
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        with self.log.open("ab") as log:
            self._process = _start(
                [self.bin / "postgres", "-D", self._files, "-p", str(self.port), "-k", self.socket_folder, *options],
                output=log,
            )
        outliving.add(self._process.pid)

    def stop(self) -> None:
        """Stops it and everyone connected to it (a fast shutdown); nothing happens when it does not run."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        outliving.discard(self._process.pid)
        self._process = None

    def kill(self) -> None:
        """Kills it with all its processes, as a power cut would; the files stay as the system has them."""
        assert self._process is not None
        kill_all(self._process.pid)
        self._process.wait()
        outliving.discard(self._process.pid)
        self._process = None

    def create_role(self, name: str, password: str) -> None:
        """A role that may log in."""
        statement = SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(name), Literal(password))
        self._execute(statement)

    def create_database(self, name: str, owner: str) -> None:
        """An empty database."""
        statement = SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(owner))
        self._execute(statement)

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Runs a statement as superuser, outside any transaction, and gives its rows."""
        return self._execute(SQL(statement), database)

    def _execute(self, statement: SQL | Composed, database: str = "postgres") -> list[tuple[Any, ...]]:
        with self._connect(database) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _connect(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=SUPERUSER,
            password=SUPERUSER_PASSWORD,
            dbname=database,
            autocommit=True,
        )

    def wait_until_it_answers(self) -> None:
        """Comes back when it takes connections; raises when it ends before."""
        deadline = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                self._connect("postgres").close()
                return
            except psycopg.OperationalError:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"PostgreSQL did not start:\n{self.log.read_text()}") from None
                time.sleep(0.02)


@contextmanager
def postgres_server(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """A running server; its log goes into `folder`. `settings` are beside or instead of the usual ones.

    Its files do not: a test's folder is closed to the server's user when root runs the tests, and its path is too
    long for a socket.
    """
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's server programs are not installed here")
    with ExitStack() as stack:
        home = _new_home()
        stack.callback(shutil.rmtree, home)
        server = PostgresServer(programs, home, folder / "postgresql.log", settings)
        stack.callback(server.stop)
        server.start()
        yield server


def find_programs() -> Path | None:
    """The folder with initdb and postgres: of those on the path, else of the newest version where Debian puts them."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    versions = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    newest = max(versions, key=lambda version: float(version.name), default=None)
    return None if newest is None else newest / "bin"


def kill_all(postmaster: int) -> None:
    """Kills a server with all its processes; comes back when none is at work any more."""
    parent = psutil.Process(postmaster)
    parent.suspend()  # it starts no more
    processes = (parent, *parent.children(recursive=True))
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    while any(_lives(process) for process in processes):
        time.sleep(0.002)


def _lives(process: psutil.Process) -> bool:
    """Not one that is dead and that nobody has asked about yet."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@functools.cache
def _cluster(programs: Path) -> Path:
    """A cluster as initdb makes it, made once in a session and copied for each server."""
    home = _new_home()
    atexit.register(shutil.rmtree, home)
    password = home / "password"
    password.write_text(SUPERUSER_PASSWORD)
    _give_to_server_user(password)
    arguments = ["--no-sync", "--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256"]
    process = _start(
        [programs / "initdb", "-D", home / "data", "-U", SUPERUSER, f"--pwfile={password}", *arguments],
        output=subprocess.PIPE,
    )
    said, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"initdb failed:\n{said.decode(errors='replace')}")
    return home / "data"


def _copy_cluster(cluster: Path, target: Path) -> None:
    shutil.copytree(cluster, target)
    for path in (target, *target.rglob("*")):
        _give_to_server_user(path)


def _new_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="overwinter-pg-"))
    _give_to_server_user(home)
    return home


def _start(command: Sequence[Path | str], output: Any) -> subprocess.Popen[bytes]:
    """Starts a program of PostgreSQL's, which refuses to run as root and must not outlive tests that are killed."""
    user, group = _server_account() or (None, None)
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=tempfile.gettempdir(),
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        preexec_fn=_end_with_its_parent if sys.platform == "linux" else None,  # noqa: PLW1509  one call into libc
    )


def _end_with_its_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _give_to_server_user(path: Path) -> None:
    account = _server_account()
    if account is not None and sys.platform != "win32":
        os.chown(path, *account)


@functools.cache
def _server_account() -> tuple[int, int] | None:
    """The user and group that the server runs as when root runs the tests; None: as whoever runs them."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid
