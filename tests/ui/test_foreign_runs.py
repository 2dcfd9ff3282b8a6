"""Runs that a terminal or a timer started: the window shows them, live, can stop them, and tells when they died."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication

from tests.features.console import Console
from tests.ui.greenhouse import SITE, Greenhouse
from tests.ui.technician import Technician, run_in_window

pytestmark = [
    pytest.mark.usefixtures("vault"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]


@pytest.fixture
def house(tmp_path: Path, restic: str) -> Greenhouse:
    """A greenhouse with its repository, whose backup does not end by itself."""
    made = Greenhouse(tmp_path).grow()
    made.make_repository(restic)
    made.make_endless()
    return made


@contextmanager
def terminal(house: Greenhouse, restic: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A backup that somebody started in a terminal, on the window's own data folder."""
    begun = Console(house.folder, Path(restic)).start("backup", SITE, *arguments)
    try:
        yield begun
    finally:
        family = (
            [psutil.Process(begun.pid), *psutil.Process(begun.pid).children(recursive=True)] if running(begun) else []
        )
        for process in family:
            process.kill()
        begun.communicate()


def running(command: subprocess.Popen[bytes]) -> bool:
    return command.poll() is None


async def begin(someone: Technician, house: Greenhouse) -> None:
    """The site is there, its points have been read."""
    await someone.bridge.ask(house.set_up)
    someone.window.load()
    await someone.reads_soon("Not protected")


@pytest.mark.spec("B6", "J1", "J2")
def test_a_backup_from_a_terminal_is_shown_live_and_its_cancel_works(
    qapp: QApplication, house: Greenhouse, restic: str
) -> None:
    async def story(someone: Technician) -> None:
        await begin(someone, house)
        with terminal(house, restic) as command:
            await someone.reads_soon("step 2 of ")
            await someone.sees(lambda: someone.reads("%"))
            someone.click("Runs")
            await someone.sees(
                lambda: someone.window.runs_page.table.runs.rowCount() and someone.reads("Back up laravel")
            )
            someone.click("Dashboard")
            assert someone.window.runs.own == frozenset()
            button = someone.button("Back up now")
            assert button is not None
            assert not button.isEnabled()
            someone.click("Cancel")
            await someone.sees(lambda: not running(command))
            assert command.returncode == 130
            someone.click("Runs")
            await someone.reads_soon("Cancelled after")
            someone.click("Dashboard")
        await someone.sees(button.isEnabled)
        assert house.locks() == []

    run_in_window(qapp, house.data, story)


@pytest.mark.spec("B6", "J1")
def test_a_run_that_begins_elsewhere_does_not_take_away_what_is_looked_at(
    qapp: QApplication, house: Greenhouse, restic: str
) -> None:
    other = Greenhouse(house.folder / "other", name="east", title="East")

    async def story(someone: Technician) -> None:
        await begin(someone, house)
        await someone.bridge.ask(lambda app: app.add_site(other.toml.encode()))
        someone.window.load(choose="east")
        await someone.reads_soon("is not stored")
        with terminal(house, restic) as command:
            await someone.reads_soon("step 2 of ")
            assert someone.window.site == "east"
            assert someone.window.dashboard.isVisible()
            strip = next(each for each in someone.window.strip.findChildren(QAbstractButton) if each.isVisible())
            QTest.mouseClick(strip, Qt.MouseButton.LeftButton)
            await someone.sees(lambda: someone.window.site == SITE and someone.reads("Back up laravel"))
            someone.click("Cancel")
            await someone.sees(lambda: not running(command))

    run_in_window(qapp, house.data, story)


@pytest.mark.spec("J2", "X3")
def test_a_terminal_that_is_killed_shows_as_interrupted_with_what_to_do(
    qapp: QApplication, house: Greenhouse, restic: str
) -> None:
    async def story(someone: Technician) -> None:
        await begin(someone, house)
        with terminal(house, restic) as command:
            await someone.reads_soon("step 2 of ")
            command.kill()
            await someone.reads_soon("The program stopped while this run was under way")
            await someone.reads_soon("Start it again")
            assert someone.reads("Interrupted: Backup")

    run_in_window(qapp, house.data, story)


@pytest.mark.spec("J2", "X3")
def test_a_run_that_died_before_the_window_was_opened_is_told_at_its_start(
    qapp: QApplication, house: Greenhouse, restic: str
) -> None:
    async def first(someone: Technician) -> None:
        await begin(someone, house)
        with terminal(house, restic) as command:
            await someone.reads_soon("step 2 of ")
            someone.window.end()
            command.kill()

    async def later(someone: Technician) -> None:
        await someone.reads_soon("The program stopped while this run was under way")
        await someone.reads_soon("Start it again")
        button = someone.button("Back up now")
        assert button is not None
        await someone.sees(button.isEnabled)
        assert house.locks() == []

    run_in_window(qapp, house.data, first)
    run_in_window(qapp, house.data, later)
