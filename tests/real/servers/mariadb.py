"""A real MariaDB server for tests: its own folder, loopback and socket only, gone without a trace afterwards."""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.guards import outliving

STARTS_WITHIN = 30.0
STOPS_WITHIN = 20.0
SERVER_FOLDERS = ("/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/opt/homebrew/opt/mariadb/bin")

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1

SETTINGS = {
    "bind-address": "127.0.0.1",
    "skip-name-resolve": "ON",  # an account of 127.0.0.1 is one of 127.0.0.1
    "innodb-buffer-pool-size": "32M",
    "innodb-log-file-size": "16M",
    "innodb-flush-log-at-trx-commit": "2",  # handed to the system at each commit: a kill of the server loses none
    "innodb-flush-method": "nosync",
    "max-connections": "40",
    "event-scheduler": "OFF",
    "skip-log-bin": "ON",
    "character-set-server": "utf8mb4",
}


S = TypeVar("S", bound="MariadbServer")


class MariadbServer:
    """A running server. Accounts log in with their password over 127.0.0.1; root without one, through the socket."""

    host = "127.0.0.1"
    client_program = "mariadb"
    dump_program = "mariadb-dump"
    settings: Mapping[str, str] = SETTINGS

    def __init__(self, program: Path, home: Path, log: Path) -> None:
        """`home` (empty, of the server's user) holds its files; `log` gets what it says."""
        self.log = log
        self.port = 0
        self.socket = home / "mysqld.sock"
        self._program = program
        self._home = home
        self._data = home / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._make_files()

    def start(self) -> None:
        """Starts it, on the port it had before or on a free one; comes back when it answers."""
        self.port = self.port or _free_port()
        options = [f"--{name}={value}" for name, value in self.settings.items()]
        place = [f"--datadir={self._data}", f"--socket={self.socket}", f"--port={self.port}"]
        with self.log.open("ab") as log:
            self._process = start_program(
                [self._program, "--no-defaults", *place, f"--pid-file={self._home / 'pid'}", *options], log
            )
        outliving.add(self._process.pid)
        self._wait_until_it_answers()
        self._tidy_accounts()

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Ends it as a power cut does."""
        assert self._process is not None
        self._process.kill()
        self.stop()

    def rebuild(self) -> None:
        """Takes all its files away, as when it does not start any more, and starts it as a new one."""
        self.kill()
        shutil.rmtree(self._data)
        self._make_files()
        self.start()

    def stop(self) -> None:
        """Stops it and everyone connected to it; nothing happens when it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        outliving.discard(self._process.pid)
        self._process = None

    def sql(self, statements: str, database: str = "") -> str:
        """Runs statements as root and gives what they print: a row a line, columns with tabs between."""
        done = subprocess.run(
            [*self.client(), *([f"--database={database}"] if database else [])],
            input=statements.encode(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def client(self) -> list[str]:
        """A client of root's, as an argument list."""
        form = ["--batch", "--raw", "--skip-column-names", "--default-character-set=utf8mb4"]
        return [self.client_program, *self._as_root(), *form]

    def create_account(self, name: str, password: str, *grants: str) -> None:
        """An account that logs in over 127.0.0.1; a grant is such as "SELECT ON db.*"."""
        quoted = password.replace("\\", "\\\\").replace("'", "\\'")
        self.sql(f"CREATE OR REPLACE USER `{name}`@`127.0.0.1` IDENTIFIED BY '{quoted}'")
        for grant in grants:
            self.sql(f"GRANT {grant} TO `{name}`@`127.0.0.1`")

    def dump(self, database: str, *more: str) -> bytes:
        """What the server's own dump program writes of a database, with no program of ours in between."""
        return subprocess.run(
            [
                *(self.dump_program, *self._as_root()),
                *("--single-transaction", "--routines", "--triggers", "--events", "--hex-blob", "--no-tablespaces"),
                *("--default-character-set=utf8mb4", "--skip-dump-date", *more, "--", database),
            ],
            capture_output=True,
            check=True,
        ).stdout

    @contextmanager
    def writer(self, database: str, statement: str) -> Iterator[Callable[[], int]]:
        """Runs a statement over and over while the body runs; gives how often it was run so far."""
        stop, done = threading.Event(), [0]

        def write(pipe: subprocess.Popen[bytes]) -> None:
            assert pipe.stdin is not None
            assert pipe.stdout is not None
            while not stop.is_set():
                pipe.stdin.write(f"{statement}; SELECT 1;\n".encode())
                pipe.stdin.flush()
                assert pipe.stdout.readline() == b"1\n"
                done[0] += 1
            pipe.stdin.close()

        command = [*self.client(), "--unbuffered", f"--database={database}"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            thread = threading.Thread(target=write, args=(client,))
            thread.start()
            try:
                yield lambda: done[0]
            finally:
                stop.set()
                thread.join()

    def states(self) -> list[str]:
        """What those who are connected are doing."""
        return self.sql("SELECT state FROM information_schema.processlist").splitlines()

    def connections(self) -> list[str]:
        """Who is connected, but for whoever asks."""
        listed = self.sql("SELECT id, user, info FROM information_schema.processlist WHERE id <> CONNECTION_ID()")
        return [line for line in listed.splitlines() if "system user" not in line]

    def _as_root(self) -> tuple[str, ...]:
        return "--no-defaults", "--protocol=socket", f"--socket={self.socket}", "--user=root"

    def _make_files(self) -> None:
        """A server's files as its own program makes them, made once in a session and copied for each server."""
        shutil.copytree(_files(), self._data)
        for path in (self._data, *self._data.rglob("*")):
            _give_to_server_user(path)

    def _tidy_accounts(self) -> None:
        """Those made for the names of this computer cannot be used by a server that resolves none."""
        self.sql("DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost'; FLUSH PRIVILEGES")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + STARTS_WITHIN
        while subprocess.run([*self.client(), "--execute=SELECT 1"], capture_output=True, check=False).returncode:
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"MariaDB did not start:\n{self.log.read_text()}")
            time.sleep(0.02)


@contextmanager
def mariadb_server(folder: Path) -> Iterator[MariadbServer]:
    """A running server; its log goes into `folder`, its files do not (see `postgresql.postgres_server`)."""
    program = find_server()
    if program is None or shutil.which("mariadb-dump") is None:
        pytest.skip("MariaDB's server and client programs are not installed here")
    with running_server(MariadbServer, program, folder) as server:
        yield server


@contextmanager
def running_server(kind: type[S], program: Path, folder: Path) -> Iterator[S]:
    """A running server of that kind."""
    with ExitStack() as stack:
        home = _new_home()
        stack.callback(shutil.rmtree, home)
        server = kind(program, home, folder / f"{kind.__name__}.log")
        stack.callback(server.stop)
        server.start()
        yield server


def find_server() -> Path | None:
    """The server's program, which packages keep off the search path."""
    on_path = shutil.which("mariadbd")
    candidates = [Path(on_path)] if on_path else [Path(folder, "mariadbd") for folder in SERVER_FOLDERS]
    return next((program for program in candidates if program.exists()), None)


@functools.cache
def _files() -> Path:
    home = _new_home()
    atexit.register(shutil.rmtree, home)
    made = start_program(
        [
            *("mariadb-install-db", "--no-defaults", f"--datadir={home / 'data'}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"),
        ],
        subprocess.PIPE,
    )
    said, _ = made.communicate()
    if made.returncode != 0:
        raise RuntimeError(f"mariadb-install-db failed:\n{said.decode(errors='replace')}")
    return home / "data"


def _new_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="overwinter-my-"))
    _give_to_server_user(home)
    return home


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_program(command: Sequence[Path | str], output: Any) -> subprocess.Popen[bytes]:
    """Starts a program of MariaDB's, which refuses to serve as root and must not outlive tests that are killed."""
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
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


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
        entry = pwd.getpwnam("mysql")
    except KeyError:
        entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid
