"""A million lines from a file to the screen: how fast, how smooth, how much memory (Must show 5).

A worker thread reads the file in pieces, removes 20 secrets, writes what is left to disk and hands the lines to the
view in batches through a queued signal, at most one of them unacknowledged. The window's thread has a precise timer of
5 ms; the longest time between two of its beats is the worst gap, in which a key or a click would have had no answer.

The interpreter's switch interval is left alone: with it at 5, 2, 1 and 0.5 ms the worst gaps were the same (7 to 14 ms
here), and beside a thread that never stops computing in Python 5 ms still gave at most 24 ms.

Run: python -m tests.bench.log_view [lines]
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
from PySide6.QtCore import QEventLoop, QObject, Qt, QThread, QTimer, Signal
from PySide6.QtWidgets import QApplication

from app.foundation.redact import Redactor
from app.foundation.words import ENGLISH
from app.ui.theme import Theme
from app.ui.widgets.log_view import LogView

PIECE = 256 * 1024
BATCH = 5_000
BEAT = 5
SECRETS = 20


class Figures(NamedTuple):
    """What was measured: lines a second end to end, worst gap (ms), growth of memory (MiB), bytes written."""

    rate: float
    gap: float
    growth: float
    written: int


class Producer(QThread):
    """Reads, redacts, writes, and hands over: what the engine's thread does with a program's output.

    Signals:
        arrived: a batch of lines and the number of the first; the next comes after `take_next`.
    """

    arrived = Signal(object, int)

    def __init__(self, source: Path, target: Path, redactor: Redactor) -> None:
        super().__init__()
        self._source = source
        self._target = target
        self._redactor = redactor
        self._taken = threading.Semaphore(1)
        self._sent = 0

    def take_next(self) -> None:
        """The window has taken the last batch."""
        self._taken.release()

    def run(self) -> None:
        """Works through the file."""
        held: list[bytes] = []
        with self._source.open("rb") as source, self._target.open("wb") as target:
            stream = self._redactor.stream()
            while piece := source.read(PIECE):
                clean = stream.feed(piece)
                target.write(clean)
                held += clean.split(b"\n")[:-1]
                if len(held) >= BATCH:
                    held = self._hand_over(held)
            target.write(stream.finish())
        while held:
            held = self._hand_over(held)

    def _hand_over(self, lines: list[bytes]) -> list[bytes]:
        self._taken.acquire()
        self.arrived.emit(lines[:BATCH], self._sent)
        self._sent += len(lines[:BATCH])
        return lines[BATCH:]


class Receiver(QObject):
    """The page: lives in the window's thread, gives each batch to the view and asks for the next."""

    def __init__(self, view: LogView, producer: Producer, lines: int, done: QEventLoop) -> None:
        super().__init__()
        self._view = view
        self._producer = producer
        self._lines = lines
        self._done = done
        self._pulse = Pulse(self)
        producer.arrived.connect(self._on_arrived, Qt.ConnectionType.QueuedConnection)
        view.refreshed.connect(self._on_refreshed)

    @property
    def pulse(self) -> Pulse:
        """The beats of this thread."""
        return self._pulse

    def _on_arrived(self, lines: list[bytes], first: int) -> None:
        self._view.append(lines, first)
        self._producer.take_next()

    def _on_refreshed(self) -> None:
        if self._view.line_count >= self._lines:  # the last line has been counted in and is being painted
            self._done.quit()


class Pulse(QTimer):
    """Beats every 5 ms and remembers the longest gap between two beats (ms) and the most memory (bytes)."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.gap = 0.0
        self.memory = 0
        self._process = psutil.Process()
        self._beats = 0
        self._last = perf_counter()
        self.setTimerType(Qt.TimerType.PreciseTimer)
        self.setInterval(BEAT)
        self.timeout.connect(self._on_beat)

    def begin(self) -> None:
        """From now on."""
        self._last = perf_counter()
        self.start()

    def _on_beat(self) -> None:
        now = perf_counter()
        self.gap = max(self.gap, (now - self._last) * 1000)
        self._last = now
        self._beats += 1
        if self._beats % 10 == 0:
            self.memory = max(self.memory, self._process.memory_info().rss)


def written_log(folder: Path, lines: int, known: Iterable[str]) -> Path:
    """A log as programs write it, about 108 bytes a line, a secret in every thousandth."""
    path = folder / "raw.log"
    hidden = list(known)
    with path.open("w") as file:
        for number in range(lines):
            tail = hidden[number // 1000 % len(hidden)] if number % 1000 == 0 else "var/www/site/storage/app"
            level = ("info", "info", "warning", "error")[number % 211 == 0 and number % 4]
            file.write(
                f"2026-11-21T02:00:{number % 60:02d} {level}: scan {tail}/tree/{number:09d} unchanged, {'x' * 30}\n"
            )
    return path


def measure(folder: Path, lines: int, prepare: Callable[[LogView], None] | None = None) -> Figures:
    """One run; `prepare` may set the view up, such as with a search."""
    known = [secrets.token_urlsafe(18) for _ in range(SECRETS)]
    source, target = written_log(folder, lines, known), folder / "clean.log"
    view = LogView(ENGLISH)
    view.resize(1100, 500)
    view.show()
    QApplication.processEvents()
    if prepare is not None:
        prepare(view)
    done, producer = QEventLoop(), Producer(source, target, Redactor(known))
    receiver = Receiver(view, producer, lines, done)
    before, began = psutil.Process().memory_info().rss, perf_counter()
    receiver.pulse.begin()
    producer.start()
    done.exec()
    took = perf_counter() - began
    receiver.pulse.stop()
    producer.wait()
    view.close()
    growth = max(receiver.pulse.memory - before, 0) / 2**20
    return Figures(lines / took, receiver.pulse.gap, growth, target.stat().st_size)


def _searching(view: LogView) -> None:
    view.search("unchanged")


def main() -> None:
    """Prints the figures of five runs, then of one with a search going on."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    application = QApplication.instance() or QApplication(sys.argv)
    assert isinstance(application, QApplication)
    Theme(application)
    with tempfile.TemporaryDirectory() as folder:
        for name, prepare in (*(("follow", None) for _ in range(5)), ("search", _searching)):
            figures = measure(Path(folder), lines, prepare)
            print(
                f"{name}: {lines} lines, {figures.rate:,.0f} lines/s, worst gap {figures.gap:.1f} ms, "
                f"memory +{figures.growth:.0f} MiB, {figures.written} bytes on disk"
            )


if __name__ == "__main__":
    main()
