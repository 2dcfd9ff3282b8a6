"""A real OpenSSH server for tests: on loopback, with keys and a home of its own, gone without a trace afterwards.

It lets the user in who runs the tests, by a key made for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import psutil
import pytest

from tests.guards import outliving

STARTS_WITHIN = 20.0
PR_SET_PDEATHSIG = 1

SETTINGS = {
    "ListenAddress": "127.0.0.1",
    "PidFile": "none",
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "no",
    "PermitRootLogin": "yes",
    "StrictModes": "no",
    "UsePAM": "no",
    "UseDNS": "no",
    "PrintMotd": "no",
    "MaxStartups": "100",
    "LogLevel": "VERBOSE",
    "Subsystem": "sftp internal-sftp",
}


class SshServer:
    """A running server. `key_file` is a private key that it accepts, `home` what its sessions have as HOME."""

    address = "127.0.0.1"

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        """`settings` are added to its configuration or take the place of ours; "" takes one out."""
        self.folder = folder
        self.user = getpass.getuser()
        self.port = 0
        self.home = folder / "home"
        self.key_file = folder / "key"
        self.log = folder / "sshd.log"
        self._host_key = folder / "host_key"
        self._settings = {**SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self.home.mkdir(parents=True)
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(self.key_file)
        self.key_file.chmod(0o600)
        key.write_public_key(folder / "authorized_keys")
        self.new_host_key()

    @property
    def pid(self) -> int:
        """The process that waits for connections."""
        assert self._process is not None
        return self._process.pid

    def new_host_key(self) -> str:
        """Gives it another host key from its next start on; the fingerprint of it."""
        key = asyncssh.generate_private_key("ssh-ed25519")
        self._host_key.unlink(missing_ok=True)
        key.write_private_key(self._host_key)
        self._host_key.chmod(0o600)
        self.fingerprint = key.get_fingerprint()
        return self.fingerprint

    def start(self) -> None:
        """Starts it, on the port it had before or on a free one; comes back when it answers."""
        self.port = self.port or _free_port()
        program = find_program()
        assert program is not None
        if sys.platform != "win32" and os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        self._configuration().write_text(self._text())
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-D", "-e", "-f", self._configuration()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_its_parent if sys.platform == "linux" else None,  # noqa: PLW1509  one call into libc
            )
        outliving.add(self._process.pid)
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Stops it and ends its connections, as a server that loses its power; nothing when it does not run."""
        if self._process is None:
            return
        self.cut()
        self._process.kill()
        self._process.wait()
        outliving.discard(self._process.pid)
        self._process = None

    def cut(self) -> None:
        """Ends all connections: their processes are killed."""
        for session in self.sessions():
            with contextlib.suppress(psutil.NoSuchProcess):
                session.kill()

    def sessions(self) -> list[psutil.Process]:
        """The processes that hold the connections, not the programs that run in them."""
        if self._process is None or self._process.poll() is not None:
            return []
        below = psutil.Process(self._process.pid).children(recursive=True)
        return [process for process in below if _name(process).startswith("sshd")]

    def _configuration(self) -> Path:
        return self.folder / "sshd_config"

    def _text(self) -> str:
        own = {
            "Port": str(self.port),
            "HostKey": str(self._host_key),
            "AuthorizedKeysFile": str(self.folder / "authorized_keys"),
            "SetEnv": f"HOME={self.home}",
        }
        return "".join(f"{name} {value}\n" for name, value in {**own, **self._settings}.items() if value)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                with socket.create_connection((self.address, self.port), timeout=1) as probe:
                    assert probe.recv(4) == b"SSH-"
                    return
            except (OSError, AssertionError):
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"sshd did not start:\n{self.log.read_text()}") from None
                time.sleep(0.01)


@contextmanager
def ssh_server(folder: Path, **settings: str) -> Iterator[SshServer]:
    """A running server with its files in `folder`, which has to be empty or not there."""
    if find_program() is None:
        pytest.skip("OpenSSH's server is not installed here")
    server = SshServer(folder, settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def find_program() -> str | None:
    """The path of sshd, which is often off the PATH."""
    return shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_its_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
