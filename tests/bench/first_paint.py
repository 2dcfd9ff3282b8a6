"""From the start of the process to the window, and to a Dashboard one can read, beside a bare PySide6 window.

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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.real.servers.restic import VERSIONS, restic_program
from tests.ui.greenhouse import PASSWORD, PASSWORD_NAME, Greenhouse

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


READABLE = f"""
{TELL}
import app.ui.application as program
from app.ui.pages.dashboard.band import Band
class Window(program.MainWindow):
    pass
def painted(self, event):
    was_painted(self, event)
    if self._rows:
        QTimer.singleShot(0, tell)
was_painted, Band.paintEvent = Band.paintEvent, painted
program.run_window()
"""


@contextmanager
def fresh_data() -> Iterator[dict[str, str]]:
    """The environment of a program that was never started before."""
    with tempfile.TemporaryDirectory() as data:
        yield {**os.environ, "OVERWINTER_DATA": data}


@contextmanager
def known_site() -> Iterator[dict[str, str]]:
    """The environment of a program that has backed up its site and was closed with the Dashboard in sight."""
    restic = restic_program(VERSIONS[-1])
    with tempfile.TemporaryDirectory() as folder:
        house = Greenhouse(Path(folder)).grow()
        house.make_repository(restic)
        variables = house.environment(restic)
        for words, said in (
            (["site", "add", str(house.site_file)], ""),
            (["secret", "set", house.name, PASSWORD_NAME], PASSWORD),
            (["backup", house.name], ""),
        ):
            subprocess.run(
                [sys.executable, "main.py", *words], cwd=ROOT, env=variables, input=said, text=True,
                capture_output=True, timeout=120, check=True,
            )  # fmt: skip
        seconds_of(READABLE, variables)  # asks the repository, and keeps what it said
        (house.data / "window.ini").write_text(f"[General]\nsite={house.name}\n")
        yield variables


def seconds_of(program: str, environment: Mapping[str, str]) -> float:
    """Starts it and gives the seconds until it says that it shows what it is to show."""
    began = time.monotonic_ns()
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={"QT_QPA_PLATFORM": "offscreen", **environment},
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    return (int(done.stdout) - began) / 1e9


def measure(starts: int) -> dict[str, list[float]]:
    """So many starts of each kind, in turns, after one of each that warms up."""
    found: dict[str, list[float]] = {name: [] for name in ("bare PySide6 window", "Overwinter", "its Dashboard")}
    with known_site() as of_a_site:
        for turn in range(starts + 1):
            with fresh_data() as empty:
                took = (seconds_of(BARE, empty), seconds_of(OVERWINTER, empty), seconds_of(READABLE, of_a_site))
            if turn:
                for name, seconds in zip(found, took, strict=True):
                    found[name].append(seconds)
    return found


def main() -> None:
    """Prints the median and the range of each."""
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for name, times in measure(starts).items():
        low, middle, high = (round(each * 1000) for each in (min(times), median(times), max(times)))
        print(f"{name}: on screen after {middle} ms (median of {starts}; {low} to {high})")


if __name__ == "__main__":
    main()
