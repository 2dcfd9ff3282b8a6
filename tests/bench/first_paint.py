"""From the start of the process to the first paint of the window, beside a bare PySide6 window (Must show 6).

Each start is a process of its own, warm (the files have been read before); the two kinds take turns, so that what else
the computer does weighs on both alike. Painted means: the window has handled its first paint event and everything that
came with it. The data folder is a new one each time, so the engine behind the window has its database to make as well.

Run: python -m tests.bench.first_paint [starts]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]

TELL = """
import os, time
from PySide6.QtCore import QTimer
def tell():
    os.write(1, str(time.monotonic_ns()).encode())
    os._exit(0)
def painted(self, event):
    super(type(self), self).paintEvent(event)
    QTimer.singleShot(0, tell)
"""
"""`painted` becomes a window's paintEvent; the clock is the system's, the same in both processes."""

BARE = f"""
{TELL}
import sys
from PySide6.QtWidgets import QApplication, QMainWindow
class Window(QMainWindow):
    paintEvent = painted
application = QApplication(sys.argv[:1])
window = Window()
window.resize(1350, 704)
window.show()
application.exec()
"""

OVERWINTER = f"""
{TELL}
import app.ui.application as program
class Window(program.MainWindow):
    paintEvent = painted
program.MainWindow = Window
program.run_window()
"""


def seconds_to_paint(program: str) -> float:
    """Starts it and gives the seconds until its window was painted."""
    with tempfile.TemporaryDirectory() as data:
        environment = {**os.environ, "OVERWINTER_DATA": data}
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        began = time.monotonic_ns()
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, timeout=60, check=True
        )
    return (int(done.stdout) - began) / 1e9


def measure(starts: int) -> dict[str, list[float]]:
    """So many starts of each kind, in turns, after one of each that warms up."""
    programs = {"bare PySide6 window": BARE, "Overwinter": OVERWINTER}
    found: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(starts + 1):
        for name, program in programs.items():
            took = seconds_to_paint(program)
            if turn:
                found[name].append(took)
    return found


def main() -> None:
    """Prints the median and the range of each."""
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for name, times in measure(starts).items():
        low, middle, high = (round(each * 1000) for each in (min(times), median(times), max(times)))
        print(f"{name}: first paint after {middle} ms (median of {starts}; {low} to {high})")


if __name__ == "__main__":
    main()
