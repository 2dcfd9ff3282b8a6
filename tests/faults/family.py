"""A running command of Overwinter's and all that it started, watched and hit from outside, as the kernel shows them."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import psutil

from tests.features.console import Said

T = TypeVar("T")

COMES_WITHIN = 60.0
"""Seconds for a fact to come about; far more than it needs on a busy machine."""

LOOK_EVERY = 0.0005


def waited_for(fact: Callable[[], T | bool | None], what: str) -> T:
    """What `fact` gives as soon as it gives something."""
    deadline = time.monotonic() + COMES_WITHIN
    while True:
        found = fact()
        if found:
            return found  # type: ignore[return-value]  # True is given only where nobody looks at it
        assert time.monotonic() < deadline, f"waited {COMES_WITHIN} s for {what}"
        time.sleep(LOOK_EVERY)


class Family:
    """A command and its children. What is asked of one that has ended meanwhile is simply not there."""

    def __init__(self, command: subprocess.Popen[bytes]) -> None:
        self.command = command
        self.process = psutil.Process(command.pid)

    def members(self) -> list[psutil.Process]:
        """The command itself and all below it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [self.process, *self.process.children(recursive=True)]
        return []

    def member(self, name: str, argument: str = "") -> psutil.Process | None:
        """The program of that name, with that argument, when it runs."""
        for process in self.members():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.name() != name or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if not argument or argument in process.cmdline():
                    return process
        return None

    def cpu(self) -> float:
        """The seconds of work that it and its children have done so far: a clock that no busy machine disturbs."""
        return sum(_cpu(process) for process in self.members())

    def wait_for_work(self, seconds: float) -> bool:
        """Until so many seconds of work are done; False when it ended before."""
        waited_for(lambda: self.command.poll() is not None or self.cpu() >= seconds, f"{seconds} s of work")
        return self.command.poll() is None

    def restic(self) -> psutil.Process:
        """The restic that runs now."""
        restic = self.member("restic")
        assert restic is not None
        return restic

    def ended(self) -> Said:
        """What the command said and ended with."""
        out, err = self.command.communicate(timeout=COMES_WITHIN)
        return Said(self.command.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


@contextlib.contextmanager
def held(process: psutil.Process) -> Iterator[None]:
    """Stands still meanwhile. What is done to it now, it does not escape."""
    process.suspend()
    waited_for(lambda: process.status() == psutil.STATUS_STOPPED, "a stopped process")
    try:
        yield
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


def waited_for_end(process: psutil.Process) -> None:
    """Until it has ended, whether or not its parent has taken notice."""
    waited_for(lambda: not _works(process), f"the end of process {process.pid}")


def _works(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
