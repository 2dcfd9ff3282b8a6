"""What no test may do: leave something running, or log a warning that nobody expected."""

from __future__ import annotations

import contextlib
import gc
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

ENDS_WITHIN = 3.0  # seconds that what was told to end may take for it

outliving: set[int] = set()
"""Process numbers of servers that serve a whole session; whoever starts one puts it here."""


@contextmanager
def nothing_left_running() -> Iterator[None]:
    """Fails when threads, processes or QThreads that began inside are still there afterwards."""
    threads, children = set(threading.enumerate()), set(_children())
    native_threads = psutil.Process().num_threads()
    yield
    deadline = time.monotonic() + ENDS_WITHIN
    left = _threads_left(threads, deadline) + _children_left(children, deadline)
    if psutil.Process().num_threads() > native_threads:
        left += _qthreads_left(deadline)
    assert not left, f"left running: {', '.join(left)}"


def _threads_left(before: set[threading.Thread], deadline: float) -> list[str]:
    """Threads that hold up the end of the program, and those of `Blocking`, which its `close` ends."""
    left = [
        thread
        for thread in threading.enumerate()
        if thread not in before and (not thread.daemon or thread.name.startswith("blocking-"))
    ]
    for thread in left:
        thread.join(max(0, deadline - time.monotonic()))
    return [f"thread {thread.name}" for thread in left if thread.is_alive()]


def descendants() -> set[psutil.Process]:
    """The processes below this one, but for those of servers that serve a whole session."""
    below = set()
    for child in _children():
        with contextlib.suppress(psutil.NoSuchProcess):
            below |= {child, *child.children(recursive=True)}
    return below


def _children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.pid not in outliving]


def _children_left(before: set[psutil.Process], deadline: float) -> list[str]:
    """Processes that this one started; they are killed, so that the next test begins in peace."""
    _, left = psutil.wait_procs(set(_children()) - before, max(0, deadline - time.monotonic()))
    described = []
    for child in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            described.append(f"process {child.pid} {child.cmdline()}")
            child.kill()
    return described


def _qthreads_left(deadline: float) -> list[str]:
    """Qt's own threads, looked for only where Qt is loaded."""
    if "PySide6.QtCore" not in sys.modules:
        return []
    from PySide6.QtCore import QThread

    running = [thread for thread in gc.get_objects() if isinstance(thread, QThread) and thread.isRunning()]
    ended = [thread.wait(round(max(0, deadline - time.monotonic()) * 1000)) for thread in running]
    return [f"QThread {thread.objectName()}" for thread, gone in zip(running, ended, strict=True) if not gone]


class ExpectedLog:
    """The warnings that a test expects; all of them must come."""

    def __init__(self) -> None:
        self.patterns: list[str] = []

    def expect(self, pattern: str) -> None:
        """A warning or error whose message matches this somewhere is expected from now on."""
        self.patterns.append(pattern)


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(f"{record.levelname} {record.name}: {record.getMessage()}")


@contextmanager
def no_unexpected_log() -> Iterator[ExpectedLog]:
    """Fails on every record of WARNING or above that was not expected, and on every expected one that did not come.

    asyncio logs a callback that held up its loop at WARNING, so that fails a test too.
    """
    expected, seen = ExpectedLog(), _Warnings()
    logging.getLogger().addHandler(seen)
    try:
        yield expected
    finally:
        logging.getLogger().removeHandler(seen)
    unexpected = [line for line in seen.messages if not any(re.search(each, line) for each in expected.patterns)]
    missing = [each for each in expected.patterns if not any(re.search(each, line) for line in seen.messages)]
    assert not unexpected, f"logged unexpectedly: {unexpected}"
    assert not missing, f"expected in the log, but not there: {missing}"
