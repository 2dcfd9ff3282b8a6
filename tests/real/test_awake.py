"""The computer is kept awake while a run works: asked of a real bus, where a power manager of the tests answers."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_error, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, Proxy, open_dbus_connection

from app.runs.awake import kept_awake
from tests.real.servers.secret_service import SecretService

if sys.platform != "linux":
    pytest.skip("the bus is that of Linux", allow_module_level=True)

pytestmark = pytest.mark.spec("R3")

POWER = DBusAddress("/org/freedesktop/PowerManagement/Inhibit", "org.freedesktop.PowerManagement")
PATIENCE = 20.0


class PowerManager:
    """Notes who keeps the computer awake."""

    def __init__(self, address: str) -> None:
        self._connection: DBusConnection = open_dbus_connection(address)
        assert POWER.bus_name is not None
        Proxy(message_bus, self._connection).RequestName(POWER.bus_name)
        self.held: set[int] = set()
        self.asked = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._over = False
        self._thread.start()

    def _serve(self) -> None:
        while not self._over:
            try:
                message = self._connection.receive(timeout=0.2)
            except TimeoutError:
                continue
            except (OSError, EOFError):
                return
            if message.header.message_type is MessageType.method_call:
                self._answer(message)

    def _answer(self, message: Message) -> None:
        match message.header.fields.get(HeaderFields.member):
            case "Inhibit":
                self.asked += 1
                self.held.add(self.asked)
                self._connection.send(new_method_return(message, "u", (self.asked,)))
            case "UnInhibit":
                self.held.discard(message.body[0])
                self._connection.send(new_method_return(message))
            case _:
                self._connection.send(new_error(message, "org.freedesktop.DBus.Error.UnknownMethod"))

    def close(self) -> None:
        self._over = True
        self._thread.join()
        self._connection.close()


@pytest.fixture
def power(monkeypatch: pytest.MonkeyPatch) -> Iterator[PowerManager]:
    # A socket's path may be 107 bytes long: a test's own folder can be longer.
    with tempfile.TemporaryDirectory(prefix="overwinter-power-") as folder:
        session = SecretService(Path(folder))
        for name, value in session.environment.items():
            monkeypatch.setenv(name, value)
        manager = PowerManager(session.environment["DBUS_SESSION_BUS_ADDRESS"])
        try:
            yield manager
        finally:
            manager.close()
            session.close()


def until(fact: object) -> None:
    assert callable(fact)
    deadline = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_is_kept_awake_until_the_run_is_over(power: PowerManager) -> None:
    with kept_awake():
        until(lambda: power.held)
        with kept_awake():
            until(lambda: len(power.held) == 2)
        until(lambda: len(power.held) == 1)
    until(lambda: not power.held)
    assert power.asked == 2


def test_a_run_that_is_over_at_once_leaves_nothing(power: PowerManager) -> None:
    for _ in range(20):
        with kept_awake():
            pass
    until(lambda: not [one for one in threading.enumerate() if one.name == "awake"])
    assert not power.held


def test_without_a_bus_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    began = time.monotonic()
    with kept_awake():
        assert time.monotonic() - began < 1
