"""A program and all it started: who of them still runs, and how they are told to end.

POSIX: every program gets a session of its own, so what it started is found by session as well as by parent. Windows:
by parent alone. A process that left the session *and* lost its parent before we first looked is not found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import psutil

if sys.platform == "win32":
    import ctypes


class Tree:
    """The processes of one program, `pid` being the program itself.

    Looking costs about 15 µs for each process of the computer and never waits, so it is done on the engine's loop.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._program = _process(pid)
        self._known: set[psutil.Process] = set()
        self._told: set[psutil.Process] = set()

    def living(self) -> set[psutil.Process]:
        """Those that run. A zombie does not: it only waits for its parent to take note."""
        found: set[psutil.Process] = set()
        for process in [*self._itself(), *self._known, *self._session()]:
            if process not in found:
                found |= {process, *_below(process)}
        self._known = {process for process in found if _runs(process)}
        return self._known

    def interrupt(self) -> None:
        """Asks the program itself to stop, after noting who belongs to it while its parenthood can still be seen.

        Not those it started: a dump that ends at an interrupt must not look to restic like a dump that is complete.
        """
        self.living()
        for program in self._itself():
            with contextlib.suppress(psutil.Error, OSError):  # already gone, or another user's
                _interrupt(program)

    def terminate(self) -> bool:
        """Tells each of them, once, to end; whether any runs still."""
        living = self.living()
        for process in living - self._told:
            with contextlib.suppress(psutil.Error):  # already gone, or another user's
                process.terminate()
        self._told |= living
        return bool(living)

    def kill(self) -> bool:
        """Ends all of them; whether any ran still."""
        living = self.living()
        for process in living:
            with contextlib.suppress(psutil.Error):  # likewise
                process.kill()
        return bool(living)

    def _itself(self) -> list[psutil.Process]:
        return [] if self._program is None else [self._program]

    def _session(self) -> list[psutil.Process]:
        now_there = _process(self._pid)
        if now_there is not None and now_there != self._program:
            return []  # the number was given away again, so none of ours is left that keeps it
        return _members_of_session(self._pid)


def is_remains(pid: int) -> bool:
    """Whether of a process of this computer only its number is left, until its parent or the system takes notice."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


if sys.platform == "win32":

    def _members_of_session(_session: int) -> list[psutil.Process]:
        return []

    def _interrupt(program: psutil.Process) -> None:
        # Fails when we have a console of our own: then the program shares it and is reached without.
        attached = ctypes.windll.kernel32.AttachConsole(program.pid)
        try:
            program.send_signal(signal.CTRL_BREAK_EVENT)
        finally:
            if attached:
                ctypes.windll.kernel32.FreeConsole()
else:

    def _members_of_session(session: int) -> list[psutil.Process]:
        members = [pid for pid in psutil.pids() if _session_of(pid) == session]
        return [process for pid in members if (process := _process(pid)) is not None]

    def _session_of(pid: int) -> int:
        try:
            return os.getsid(pid)
        except OSError:
            return -1

    def _interrupt(program: psutil.Process) -> None:
        program.send_signal(signal.SIGINT)
