"""The whole thread in the window, with the real program behind it: by mouse, and by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QFileDialog, QLineEdit

from app.ui.widgets.log_view import LogView
from app.ui.widgets.runs_table import RunsTable
from tests.ui.greenhouse import PASSWORD, Greenhouse, restics_running
from tests.ui.hands import Hand, KeyHand, MouseHand
from tests.ui.technician import Technician, run_in_window
from tests.ui.whole_story import PASSWORD as STORY_PASSWORD
from tests.ui.whole_story import WORDS, Ground, tell

pytestmark = [
    pytest.mark.usefixtures("vault", "restic"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]


def points(someone: Technician) -> int:
    return len(someone.window.dashboard.band.points)


def table(someone: Technician) -> RunsTable:
    return someone.window.runs_page.table


def log(someone: Technician) -> LogView:
    found = someone.window.findChild(LogView)
    assert isinstance(found, LogView)
    return found


def said(view: LogView) -> str:
    return view.seen().text


async def file_field(someone: Technician) -> QLineEdit:
    """Where the name of a file is typed."""
    dialog = await someone.is_asked()
    assert isinstance(dialog, QFileDialog)
    field = dialog.findChild(QLineEdit)
    assert isinstance(field, QLineEdit)
    return field


async def nothing_is_left(someone: Technician, house: Greenhouse) -> None:
    await someone.sees_it_rest()
    assert house.locks() == []
    await someone.sees(lambda: restics_running() == [])  # one may still read the names of the last point
    assert list((house.data / "scratch").iterdir()) == []


@pytest.mark.spec("S1", "S3", "S4", "B1", "J1", "J2")
def test_a_technician_protects_a_site_with_the_mouse(qapp: QApplication, tmp_path: Path) -> None:
    house = Greenhouse(tmp_path).grow()

    async def story(someone: Technician) -> None:
        await add_site_and_repository(someone)
        someone.click("Back up now")
        await someone.reads_soon("Backed up today")
        await someone.sees(lambda: points(someone) == 1)
        someone.click("Runs")
        await someone.reads_soon("Success")
        await someone.reads_soon("1 source saved in")
        assert "restic" in said(log(someone))
        assert PASSWORD not in said(log(someone))
        someone.click("Dashboard")
        await cancel_a_slow_one(someone)

    async def add_site_and_repository(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")
        someone.click("Open a site file…")
        (await file_field(someone)).setText(str(house.site_file))
        someone.click("&Open")
        await someone.reads_soon("is not stored")
        someone.click("Store the password…")
        await someone.is_asked()
        for _ in range(2):
            someone.types(PASSWORD)
            someone.press(Qt.Key.Key_Tab)
        someone.click("OK")
        await someone.reads_soon("There is no repository")
        someone.click("Make the repository")
        await someone.reads_soon("There is no complete recovery point")

    async def cancel_a_slow_one(someone: Technician) -> None:
        house.make_endless()
        someone.click("Back up now")
        await someone.sees(lambda: someone.reads("step 2 of ") and someone.reads("%"))
        strip = next(each for each in someone.window.strip.findChildren(QAbstractButton) if each.isVisible())
        QTest.mouseClick(strip, Qt.MouseButton.LeftButton)
        await someone.reads_soon("Back up laravel")
        someone.click("Cancel")
        await someone.reads_soon("Cancelling…")
        await someone.reads_soon("Cancelled after")
        await nothing_is_left(someone, house)
        assert someone.button("Cancel") is None
        assert points(someone) == 1

    run_in_window(qapp, house.data, story)


@pytest.mark.spec("X2", "J2")
def test_a_technician_protects_a_site_with_the_keyboard_alone(qapp: QApplication, tmp_path: Path, restic: str) -> None:
    house = Greenhouse(tmp_path).grow()
    house.make_repository(restic)

    async def story(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")
        assert someone.focused() is someone.button("Make a new site…")
        await someone.tabs_to("Open a site file…")
        someone.press(Qt.Key.Key_Return)
        await file_field(someone)
        someone.types(str(house.site_file))
        someone.press(Qt.Key.Key_Return)
        if someone.dialog() is not None:  # the first Enter took what the field had completed
            someone.press(Qt.Key.Key_Return)
        await someone.reads_soon("is not stored")
        await someone.tabs_to("Store the password…")
        someone.press(Qt.Key.Key_Return)
        await someone.is_asked()
        for _ in range(2):
            someone.types(PASSWORD)
            someone.press(Qt.Key.Key_Return)
        await someone.reads_soon("There is no complete recovery point")
        await someone.is_back()
        someone.press(Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
        await someone.reads_soon("Backed up today")
        await look_at_the_point(someone)
        await cancel_a_slow_one(someone)

    async def look_at_the_point(someone: Technician) -> None:
        """From the band to the point, on to the run that made it, and back by Ctrl+1."""
        await someone.tabs_to("What can be brought back, to when")
        someone.press(Qt.Key.Key_Left)
        assert "back to" in someone.focused().accessibleDescription()
        someone.press(Qt.Key.Key_Return)
        await someone.reads_soon("Complete")
        someone.press(Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
        await someone.reads_soon("1 source saved in")
        await someone.tabs_to("Find a run")
        await someone.sees(lambda: table(someone).chosen_run)
        for _ in range(4):
            someone.press(Qt.Key.Key_Tab)
        assert someone.focused() is table(someone)
        someone.press(Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
        chosen = table(someone).chosen_run
        assert chosen is not None
        assert QGuiApplication.clipboard().text() == chosen.id
        someone.press(Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
        await someone.sees(someone.window.dashboard.isVisible)
        someone.press(Qt.Key.Key_F5)
        await someone.reads_soon("reading…")
        await someone.reads_soon("Read just now")

    async def cancel_a_slow_one(someone: Technician) -> None:
        house.make_endless()
        someone.press(Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
        await someone.sees(lambda: someone.reads("step 2 of ") and someone.reads("%"))
        await someone.tabs_to("Cancel")
        someone.press(Qt.Key.Key_Return)
        await someone.reads_soon("Cancelled: Backup")
        await nothing_is_left(someone, house)

    run_in_window(qapp, house.data, story)


@pytest.mark.spec("S1", "S2", "S3", "S4", "S5", "R1", "V3", "J1", "X2", "X4")
@pytest.mark.parametrize("hand", [MouseHand, KeyHand], ids=["mouse", "keyboard"])
def test_somebody_who_never_opens_a_terminal_protects_a_site(
    qapp: QApplication, tmp_path: Path, hand: Callable[[Technician], Hand]
) -> None:
    ground = Ground(tmp_path / "site").make()

    async def story(someone: Technician) -> None:
        await tell(hand(someone), ground)
        await someone.sees_it_rest()

    run_in_window(qapp, tmp_path / "data", story)
    assert ground.saved.read_text().strip() == WORDS
    told = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert [file for file in told if STORY_PASSWORD.encode() in file.read_bytes()] == []
