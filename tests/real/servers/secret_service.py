"""A real Secret Service for tests: gnome-keyring-daemon on a D-Bus session of its own, gone without a trace afterwards.

Nothing of the person's own keyring is touched: the home folder, the runtime folder and the bus are private.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")
STARTS_WITHIN = 20.0
STOPS_WITHIN = 10.0
PASSWORD = "login password of a test"

# No service folders: nothing can be started through this bus, so an unlock prompt is dismissed at once.
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    {denied}
  </policy>
</busconfig>
"""


class SecretService:
    """A private D-Bus session, and in it the keyring daemon when it is started.

    `environment` is what a process needs to find it. The keyring stays in `home` when the daemon is started anew.
    """

    def __init__(self, home: Path, denied: str = "") -> None:
        """`denied` is a rule of the bus, such as `<deny send_member="CreateItem"/>`: that call is refused."""
        self.home = home
        self._denied = denied
        self._socket = home / "bus"
        self._runtime = home / "runtime"
        self._runtime.mkdir(mode=0o700)
        self._bus = self._start_bus()
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead to this session."""
        return {
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self._socket}",
            "XDG_RUNTIME_DIR": str(self._runtime),
            "XDG_DATA_HOME": str(self.home / "share"),
            "HOME": str(self.home),
        }

    def _start_bus(self) -> subprocess.Popen[bytes]:
        config = self.home / "bus.conf"
        config.write_text(BUS.format(socket=self._socket, denied=self._denied))
        bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--nosyslog", "--print-address"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._child_environment(),
        )
        assert bus.stdout is not None
        with bus.stdout as said:
            said.readline()  # it says its address when it listens
        return bus

    def _child_environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **self.environment}

    def start(self, password: str = PASSWORD) -> None:
        """Starts the keyring daemon and unlocks the login keyring; a wrong password leaves it locked."""
        self._daemon = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._child_environment(),
        )
        assert self._daemon.stdin is not None
        with self._daemon.stdin as stdin:
            stdin.write(password.encode())
        _wait_for(self._answers, "the keyring daemon to answer")

    def stop(self) -> None:
        """Ends the keyring daemon; what it keeps stays on the disk."""
        if self._daemon is not None:
            _end(self._daemon)
            self._daemon = None

    def restart(self, password: str = PASSWORD) -> None:
        """Starts the daemon anew, with this password for the login keyring."""
        self.stop()
        self.start(password)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The daemon is there and answers nothing, such as one that waits for a dead disk."""
        assert self._daemon is not None
        daemon = psutil.Process(self._daemon.pid)
        daemon.suspend()
        try:
            yield
        finally:
            daemon.resume()

    def lock(self) -> None:
        """Locks the login keyring, as a person does who leaves the computer."""
        import secretstorage

        with _environment(self.environment), closing(secretstorage.dbus_init()) as connection:
            secretstorage.get_default_collection(connection).lock()

    def close(self) -> None:
        """Ends all that was started."""
        self.stop()
        _end(self._bus)

    def _answers(self) -> bool:
        """Whether the daemon has taken its name and shows its keyrings, locked or not."""
        import secretstorage

        try:
            with _environment(self.environment), closing(secretstorage.dbus_init()) as connection:
                return bool(list(secretstorage.get_all_collections(connection)))
        except secretstorage.SecretServiceNotAvailableException:  # nobody has the name yet
            return False


@contextmanager
def secret_service(denied: str = "") -> Iterator[SecretService]:
    """A running Secret Service with an empty, unlocked keyring. Skips where its programs are not installed."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if sys.platform != "linux" or missing:
        pytest.skip(f"a Secret Service needs Linux with {' and '.join(PROGRAMS)}")
    # A socket's path may be 107 bytes long: a test's own folder can be longer.
    with tempfile.TemporaryDirectory(prefix="overwinter-keyring-") as folder:
        service = SecretService(Path(folder), denied)
        try:
            service.start()
            yield service
        finally:
            service.close()


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOPS_WITHIN)


def _wait_for(fact: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while not fact():
        if time.monotonic() > until:
            pytest.fail(f"waited {STARTS_WITHIN} s for {what}")
        time.sleep(0.01)
