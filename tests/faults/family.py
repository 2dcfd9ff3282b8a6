"""A running command of Overwinter's and all that it started, watched and hit from outside, as the kernel shows them."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
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

    def wait_for_dump(self, written: int) -> psutil.Process:
        """The pg_dump of this backup when it has written so many bytes."""
        dump = waited_for(self._dump, "pg_dump")
        waited_for(lambda: _written(dump) >= written, f"pg_dump to write {written} bytes")
        return dump

    def _dump(self) -> psutil.Process | None:
        return self.member("pg_dump", "--format=custom")

    def restic(self) -> psutil.Process | None:
        """The restic that runs now."""
        return self.member("restic")

    def ended(self) -> Said:
        """What the command said and ended with."""
        out, err = self.command.communicate(timeout=COMES_WITHIN)
        return Said(self.command.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


@contextlib.contextmanager
def held(process: psutil.Process) -> Iterator[bool]:
    """Stands still meanwhile; False when it had ended already. What is done to it now, it does not escape."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.suspend()
    try:
        yield waited_for(lambda: _state(process), "a stopped process") == psutil.STATUS_STOPPED
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


def _state(process: psutil.Process) -> str:
    """Its state once it does not change by itself any more."""
    try:
        state = process.status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_DEAD
    return state if state in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) else ""


def _written(process: psutil.Process) -> int:
    """The bytes that it wrote so far; as many as can be when it has ended."""
    try:
        counted = Path(f"/proc/{process.pid}/io").read_text()
    except OSError:
        return 2**63
    return int(counted.partition("wchar: ")[2].partition("\n")[0] or 2**63)


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
