"""The guards around every test find what they are there for."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest

from app.foundation.blocking import Blocking
from tests import guards, running
from tests.guards import ExpectedLog, no_unexpected_log, nothing_left_running
from tests.running import run


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "ENDS_WITHIN", 0.1)


def test_a_process_left_running_fails_and_is_ended() -> None:
    left = None
    with pytest.raises(AssertionError, match=r"process \d+ .*stdin"), nothing_left_running():
        left = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    assert left is not None
    with left:
        assert left.wait(10) != 0


def test_a_server_of_the_session_may_go_on() -> None:
    with nothing_left_running():
        server = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
        guards.outliving.add(server.pid)
    guards.outliving.remove(server.pid)
    server.communicate()


def test_a_thread_left_running_fails() -> None:
    enough = threading.Event()
    with pytest.raises(AssertionError, match="thread left"), nothing_left_running():
        threading.Thread(target=enough.wait, name="left").start()
    enough.set()


def test_a_pool_that_was_not_closed_fails() -> None:
    blocking = Blocking()
    with pytest.raises(AssertionError, match="thread blocking-files"), nothing_left_running():
        run(blocking.call("files", lambda: None))
    blocking.close()


def test_a_qthread_left_running_fails() -> None:
    from PySide6.QtCore import QThread

    enough = threading.Event()

    class Waiting(QThread):
        def run(self) -> None:
            enough.wait()

    thread = Waiting()
    thread.setObjectName("left")
    with pytest.raises(AssertionError, match="QThread left"), nothing_left_running():
        thread.start()
    enough.set()
    assert thread.wait(10_000)


def test_what_ended_in_time_is_fine() -> None:
    with nothing_left_running():
        subprocess.run([sys.executable, "-c", ""], check=True)
        blocking = Blocking()
        run(blocking.call("files", lambda: None))
        blocking.close()


def test_an_unexpected_warning_fails(expected_log: ExpectedLog) -> None:
    expected_log.expect("too late")
    with pytest.raises(AssertionError, match="WARNING overwinter: too late"), no_unexpected_log():
        logging.getLogger("overwinter").warning("too %s", "late")


def test_an_expected_warning_is_fine(expected_log: ExpectedLog) -> None:
    expected_log.expect("too late")
    with no_unexpected_log() as expected:
        expected.expect("too la[dt]e")
        logging.getLogger("overwinter").warning("too late")


def test_an_expected_warning_that_does_not_come_fails() -> None:
    with pytest.raises(AssertionError, match="not there"), no_unexpected_log() as expected:
        expected.expect("too late")


def test_a_callback_that_holds_up_the_loop_fails(expected_log: ExpectedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SLOW", 0.05)
    expected_log.expect("asyncio: Executing .* took")

    async def hold_up() -> None:
        threading.Event().wait(0.1)

    with pytest.raises(AssertionError, match="asyncio"), no_unexpected_log():
        run(hold_up())
