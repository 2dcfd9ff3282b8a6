"""A million lines through the whole program to the screen: how fast, how smooth, how much memory (Must show 5).

A run's step starts a program that writes the lines to its error channel; the host reads the pipe, the run's writer
removes 20 secrets and writes the log, the feed reads it, the bridge carries it to the window, the log view shows it:
everything as in a backup, on the real window with its qasync loop. The window's thread has a precise timer of 5 ms;
the longest time between two of its beats is the worst gap, in which a key or a click would have had no answer.

Then the same program writes without end, and the time is taken from a press on Cancel until the window says
"Cancelling…", and until the run is closed with its program gone.

Run: python -m tests.bench.window [lines] [runs]
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.foundation.events import Outcome, Phase
from app.foundation.words import text
from app.hosts.host import Command
from app.jobs.plan import Ctx, Step
from app.runs.files import LOG
from app.ui.theme import Look, Theme
from app.ui.widgets.log_view import LogView
from tests.real.practice import SITE_FILE, Seen, plan_of
from tests.ui.technician import Technician, run_in_window, vault_with_passphrase_file

if TYPE_CHECKING:
    from app.assembly import Overwinter

SITE = "north-house"
BEAT = 5
EVERY = 1000  # so many lines apart stands a secret
NAMES = ("repository-password", *(f"source:s{number}:password" for number in range(19)))
WRITE = "import shutil, sys; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.stderr.buffer, 65536)"
WRITE_FOR_EVER = f"while True: exec({WRITE!r})"


class Figures(NamedTuple):
    """What was measured: lines a second from the launch to the screen, worst gap (ms), growth of memory (MiB)."""

    rate: float
    gap: float
    growth: float


class CancelFigures(NamedTuple):
    """Milliseconds from the press until the window says so, until the run is closed, and the worst gap meanwhile."""

    said: float
    closed: float
    gap: float


class Pulse:
    """Beats every 5 ms and remembers the longest gap between two beats (ms) and the most memory (bytes)."""

    def __init__(self) -> None:
        self.gap = 0.0
        self.memory = 0
        self._process = psutil.Process()
        self._beats = 0
        self._timer = QTimer(interval=BEAT)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_beat)

    def __enter__(self) -> Pulse:
        self._last = perf_counter()
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._on_beat()
        self._timer.stop()

    def _on_beat(self) -> None:
        now = perf_counter()
        self.gap = max(self.gap, (now - self._last) * 1000)
        self._last = now
        self._beats += 1
        if self._beats % 10 == 0:
            self.memory = max(self.memory, self._process.memory_info().rss)


def write_lines(file: Path, lines: int, known: Sequence[str]) -> None:
    """What the program will say: about 108 bytes a line, numbered, a secret in every thousandth."""
    with file.open("w") as out:
        for number in range(lines):
            what = known[number // EVERY % len(known)] if number % EVERY == 0 else "var/www/site/storage/app"
            out.write(f"2026-11-21T02:00:{number % 60:02d} info: scan {number:09d} {what}/tree unchanged, {'x' * 30}\n")


def check_log(log: Path, lines: int, known: Iterable[str]) -> None:
    """Every line is on disk, once and in order, and no secret."""
    content = log.read_bytes()
    numbers = [int(line[31:40]) for line in content.splitlines() if line[19:30] == b" info: scan"]
    assert numbers == list(range(lines)), "lines are missing, doubled or out of order"
    assert content.count(b"[secret]") == (lines + EVERY - 1) // EVERY
    assert not any(secret.encode() in content for secret in known), "a secret stands in the log"


async def _speak(code: str, file: Path, ctx: Ctx, _state: Seen) -> None:
    await ctx.host("this-computer").run(Command(sys.executable, ("-c", code, str(file))))


async def _launch(app: Overwinter, code: str, file: Path) -> str:
    step = Step("speaks", text("Speak"), Phase.STAGE, partial(_speak, code, file))
    return (await app.runner.launch(await plan_of(app, [step], secrets=NAMES))).run


async def _set_up(app: Overwinter, folder: Path, known: Sequence[str]) -> None:
    await app.add_site(SITE_FILE.format(repository=folder / "repository").encode())
    for name, value in zip(NAMES, known, strict=True):
        await app.set_secret(SITE, name, value)


@asynccontextmanager
async def _begun(someone: Technician, code: str, file: Path) -> AsyncIterator[tuple[str, Pulse, float]]:
    """A run that speaks, shown from its launch on."""
    with Pulse() as pulse:
        began = perf_counter()
        run = await someone.bridge.ask(lambda app: _launch(app, code, file))
        someone.window.runs.add_own(run, SITE)
        someone.window.navigate("runs", run)
        yield run, pulse, began


def _view(someone: Technician) -> LogView:
    view = someone.window.runs_page.findChild(LogView)
    assert isinstance(view, LogView)
    return view


async def measure_run(someone: Technician, file: Path, lines: int, known: Sequence[str]) -> Figures:
    """One run from its launch until its last line is on the screen."""
    _view(someone).clear()
    before = psutil.Process().memory_info().rss
    async with _begun(someone, WRITE, file) as (run, pulse, began):
        await someone.sees(lambda: _view(someone).line_count >= lines, 600)
        await someone.sees(lambda: someone.reads("Success"))
        took = perf_counter() - began
    closed = await someone.bridge.ask(lambda app: app.runner.wait(SITE, run))
    assert closed.outcome is Outcome.SUCCESS
    check_log(await someone.bridge.ask(lambda app: _log(app, run)), lines, known)
    return Figures(lines / took, pulse.gap, max(0, pulse.memory - before) / 2**20)


async def measure_cancel(someone: Technician, file: Path, lines: int) -> CancelFigures:
    """A run that never ends by itself, cancelled while its lines pour in."""
    _view(someone).clear()
    async with _begun(someone, WRITE_FOR_EVER, file) as (run, pulse, _):
        await someone.sees(lambda: _view(someone).line_count >= lines)
        button = someone.button("Cancel")
        assert button is not None
        closing = asyncio.create_task(someone.bridge.ask(lambda app: app.runner.wait(SITE, run)))
        pressed = perf_counter()
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        await someone.sees(lambda: someone.reads("Cancelling…"))
        said = perf_counter()
        closed = await closing
        ended = perf_counter()
        await someone.reads_soon("Cancelled")
    assert closed.outcome is Outcome.CANCELLED
    return CancelFigures((said - pressed) * 1000, (ended - pressed) * 1000, pulse.gap)


async def _log(app: Overwinter, run: str) -> Path:
    return app.places.run_folder(run) / LOG


class Bench(NamedTuple):
    """What a bench finds out: of whole runs, and of cancelled ones."""

    runs: list[Figures]
    cancels: list[CancelFigures]


def measured(application: QApplication, folder: Path, lines: int, runs: int) -> Bench:
    """So many runs of so many lines, and as many cancelled ones, in one window."""
    known = [f"{secrets.token_urlsafe(18)}/Ключ{number}" for number in range(len(NAMES))]
    file, found = folder / "lines", Bench([], [])
    write_lines(file, lines, known)

    async def story(someone: Technician) -> None:
        await someone.bridge.ask(lambda app: _set_up(app, folder, known))
        someone.window.load()
        await someone.sees(lambda: someone.window.site == SITE)
        for _ in range(runs):
            found.runs.append(await measure_run(someone, file, lines, known))
            found.cancels.append(await measure_cancel(someone, file, lines // 2))

    with vault_with_passphrase_file(folder):
        run_in_window(application, folder / "data", story, within=3600)
    return found


def main() -> None:
    """Prints the figures of each run."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    application = QApplication(sys.argv[:1])
    Theme(application, Look.LIGHT)
    with tempfile.TemporaryDirectory() as folder:
        found = measured(application, Path(folder), lines, runs)
    for run in found.runs:
        print(f"{lines} lines: {run.rate:,.0f} lines/s, worst gap {run.gap:.1f} ms, memory +{run.growth:.0f} MiB")
    for cancel in found.cancels:
        print(
            f"Cancel: said after {cancel.said:.0f} ms, closed after {cancel.closed:.0f} ms, "
            f"worst gap {cancel.gap:.1f} ms"
        )


if __name__ == "__main__":
    main()
