"""Python's garbage is collected in the window's thread alone.

Python collects in whatever thread happens to allocate. A Qt object that is garbage would be destroyed there, in the
engine's thread for one, where its timers cannot be stopped and its window is not (seen: "Timers cannot be stopped from
another thread"). So the automatic collection is off while there is a window, and the window's thread does it instead.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

EVERY = 250
"""Milliseconds between two looks at how much has been allocated."""


class GarbageRound(QObject):
    """Collects like Python itself would (as much, as often), but here; until `stop`."""

    def __init__(self) -> None:
        super().__init__()
        self._limits = gc.get_threshold()
        gc.disable()
        self._timer = QTimer(self, interval=EVERY)
        self._timer.timeout.connect(self._on_due)
        self._timer.start()

    def keep_all(self) -> None:
        """What is there now is there to stay and is looked at no more: all modules together took 90 ms each time."""
        gc.freeze()

    def _on_due(self) -> None:
        due = [generation for generation, count in enumerate(gc.get_count()) if count > self._limits[generation]]
        if due:
            gc.collect(due[-1])

    def stop(self) -> None:
        """Leaves it to Python again; what is garbage now is destroyed here."""
        self._timer.stop()
        gc.unfreeze()
        gc.collect()
        gc.enable()
