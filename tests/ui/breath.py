"""How long the window itself holds its breath: the time that the machine kept its threads from running is taken off."""

from __future__ import annotations

import contextlib
from pathlib import Path
from time import perf_counter

from PySide6.QtCore import Qt, QTimer

BEAT = 10
_THREADS = Path("/proc/self/task")


class Breath:
    """Beats every 10 ms; `gap` is the longest time (ms) between two beats that was the program's own.

    A thread that could run and was not let run waits in the scheduler's queue, and Linux counts that for each thread.
    The longest such wait of any thread of this process (one may hold Python's lock meanwhile) is the machine's; where
    nobody counts it, all of a gap is the window's.
    """

    def __init__(self) -> None:
        self.gap = 0.0
        self._timer = QTimer(interval=BEAT)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_beat)

    def __enter__(self) -> Breath:
        self._last, self._waited = perf_counter(), waited()
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._on_beat()
        self._timer.stop()

    def _on_beat(self) -> None:
        now, known = perf_counter(), waited()
        machines = max((spent - self._waited.get(thread, 0.0) for thread, spent in known.items()), default=0.0)
        self.gap = max(self.gap, (now - self._last) * 1000 - machines)
        self._last, self._waited = now, known


def waited() -> dict[str, float]:
    """How long (ms) each thread of this process has waited for a processor so far; empty where that is not counted."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        for thread in _THREADS.iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it may end while it is asked about
                found[thread.name] = int((thread / "schedstat").read_text().split()[1]) / 1e6
    return found
