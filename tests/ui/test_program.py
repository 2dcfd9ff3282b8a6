"""The window as a process of its own, told to end by the system."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.ui.greenhouse import PASSWORD, Greenhouse

ROOT = Path(__file__).resolve().parents[2]
CANCELLED = 130

PRESS_THE_BUTTON = """
import gc
import threading
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QPushButton
import app.ui.application as program

class Window(program.MainWindow):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.looking = QTimer(self, interval=20)
        self.looking.timeout.connect(self.look)
        self.looking.start()

    def look(self):
        for button in self.findChildren(QPushButton):
            if button.text() == "Back up now" and button.isVisible() and button.isEnabled():
                self.looking.stop()
                button.click()

program.MainWindow = Window
code = program.run_window()
after = threading.Thread(target=gc.collect)  # whoever goes on after the window, as the demo does, has threads too
after.start()
after.join()
raise SystemExit(code)
"""


def became_true(fact: Callable[[], object], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def restics_of(house: Greenhouse) -> list[psutil.Process]:
    return [each for each in psutil.process_iter(["cmdline"]) if str(house.repository) in (each.info["cmdline"] or [])]


@pytest.mark.spec("J2")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a program by closing its window")
def test_a_program_that_is_told_to_end_puts_its_backup_away(tmp_path: Path, restic: str) -> None:
    house = Greenhouse(tmp_path).grow()
    house.make_repository(restic)
    house.make_endless()
    variables = house.environment(restic)

    def overwinter(*arguments: str, said: str = "") -> str:
        return subprocess.run(
            [sys.executable, "main.py", "--json", *arguments], cwd=ROOT, env=variables, input=said, text=True,
            capture_output=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    overwinter("site", "add", str(house.site_file))
    overwinter("secret", "set", house.name, "repository-password", said=PASSWORD)
    with subprocess.Popen(
        [sys.executable, "-c", PRESS_THE_BUTTON], cwd=ROOT, env=variables, stderr=subprocess.PIPE, text=True
    ) as window:
        try:
            assert became_true(lambda: house.locks() and restics_of(house)), "no backup has begun"
            window.send_signal(signal.SIGTERM)
            _, said = window.communicate(timeout=30)
        finally:
            window.kill()
    assert window.returncode == CANCELLED, said
    assert [line for line in said.splitlines() if "propagateSizeHints" not in line] == []
    assert house.locks() == []
    assert restics_of(house) == []
    (run,) = (json.loads(line) for line in overwinter("runs", house.name).splitlines())
    assert run["status"] == "cancelled"


@pytest.mark.spec("X1")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a program by closing its window")
def test_a_second_start_ends_at_once_and_leaves_the_first_one_open(tmp_path: Path, restic: str) -> None:
    house = Greenhouse(tmp_path)
    command = [sys.executable, "main.py"]
    variables = house.environment(restic)
    with subprocess.Popen(command, cwd=ROOT, env=variables, stderr=subprocess.PIPE, text=True) as first:
        try:
            assert became_true((house.data / "overwinter.db").exists), "the first one has not opened"
            second = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, timeout=30, check=False)
            assert second.returncode == 0
            assert first.poll() is None
            first.send_signal(signal.SIGTERM)
            first.communicate(timeout=30)
        finally:
            first.kill()
    assert first.returncode == CANCELLED
    assert (house.data / "window.ini").is_file(), "where it stood is written down at its end"
