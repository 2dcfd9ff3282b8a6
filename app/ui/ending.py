"""Hears the system's wish that the program should end, even while nothing happens in the window."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class EndAsked(QObject):
    """Calls `end` when the process is told to end (TERM, Ctrl+C, a closed terminal).

    Python sees a signal only when it runs Python code, and Qt may sleep for hours: so the signal is written into a
    pair of sockets that Qt watches.
    """

    def __init__(self, end: Callable[[], object]) -> None:
        super().__init__()
        self._end = end
        self.asked = False
        """Whether it was."""
        self._heard, self._told = socket.socketpair()
        for side in (self._heard, self._told):
            side.setblocking(False)
        self._notifier = QSocketNotifier(self._heard.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_activated)
        self._before = signal.set_wakeup_fd(self._told.fileno(), warn_on_full_buffer=False)
        numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
        ours = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]  # as nohup sets it
        self._handlers = {number: signal.signal(number, _nothing) for number in ours}

    def _on_activated(self) -> None:
        if any(number in self._handlers for number in self._heard.recv(64)):
            self.asked = True
            self._end()

    def stop(self) -> None:
        """Leaves everything as it was before."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before)
        self._notifier.setEnabled(False)
        self._heard.close()
        self._told.close()


def _nothing(_number: int, _frame: Any) -> None:
    """A signal without a handler of Python's would end the process before anything is put away."""
