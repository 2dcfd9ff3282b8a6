"""The log view as a person uses it, and the figures it must carry."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.foundation.words import ENGLISH
from app.ui.widgets.controls import IconButton
from app.ui.widgets.log_panel import LogPanel
from app.ui.widgets.log_rows import COPY_LINES
from app.ui.widgets.log_search import Found
from app.ui.widgets.log_text import Level
from app.ui.widgets.log_view import LogView
from tests.bench.log_view import SECRETS, measure


def lines(count: int, first: int = 0) -> list[bytes]:
    return [b"line %06d of the log" % number for number in range(first, first + count)]


def told(qtbot: QtBot, view: LogView, count: int, first: int = 0) -> None:
    """Gives the view lines and waits until it has counted them."""
    with qtbot.waitSignal(view.refreshed):
        for start in range(first, first + count, 5000):
            view.append(lines(min(5000, first + count - start), start), start)


@pytest.fixture
def view(qtbot: QtBot) -> LogView:
    made = LogView(ENGLISH)
    qtbot.addWidget(made)
    made.resize(900, 400)
    made.show()
    return made


@pytest.fixture
def panel(qtbot: QtBot) -> LogPanel:
    made = LogPanel(ENGLISH)
    qtbot.addWidget(made)
    made.resize(1000, 500)
    made.show()
    return made


def last_line(view: LogView) -> str:
    return view.seen().text.splitlines()[-1]


def first_line(view: LogView) -> str:
    return view.seen().text.splitlines()[0]


def key(widget: QWidget, code: Qt.Key, how: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(widget, code, how)


# --- follow and pause -------------------------------------------------------------------------


def test_the_view_follows_the_end_until_the_person_scrolls_up(qtbot: QtBot, view: LogView) -> None:
    told(qtbot, view, 1000)
    assert last_line(view) == "line 000999 of the log"
    with qtbot.waitSignal(view.follow_changed, check_params_cb=lambda on: not on):
        view.verticalScrollBar().setValue(100)
    told(qtbot, view, 1000, 1000)
    assert first_line(view) == "line 000100 of the log"
    with qtbot.waitSignal(view.follow_changed, check_params_cb=bool):
        view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    told(qtbot, view, 10, 2000)
    assert last_line(view) == "line 002009 of the log"


def test_what_is_read_stays_in_place_while_older_lines_are_let_go(qtbot: QtBot, view: LogView) -> None:
    told(qtbot, view, 200_000)
    view.verticalScrollBar().setValue(150_000)
    told(qtbot, view, 50_000, 200_000)
    assert first_line(view) == "line 150000 of the log"
    assert not view.following


def test_a_paused_view_stands_still_and_loses_nothing(qtbot: QtBot, view: LogView) -> None:
    told(qtbot, view, 100)
    view.set_paused(True)
    for first in range(100, 300_100, 5000):  # far more than the ring holds
        view.append(lines(5000, first), first)
    with qtbot.waitSignal(view.refreshed):
        view.append([], 300_100)
    assert last_line(view) == "line 000099 of the log"
    assert view.waiting == 300_000
    with qtbot.waitSignal(view.refreshed):
        view.set_paused(False)
    assert last_line(view) == "line 300099 of the log"
    assert view.waiting == 0


def test_the_first_row_says_how_much_is_only_in_the_file(qtbot: QtBot, view: LogView) -> None:
    told(qtbot, view, 100, 800_000)
    view.verticalScrollBar().setValue(0)
    assert first_line(view) == "800000 earlier lines are in the log file."


def test_clearing_begins_anew(qtbot: QtBot, view: LogView) -> None:
    told(qtbot, view, 100)
    view.search("line")
    view.set_paused(True)
    view.clear()
    view.set_placeholder("Nothing yet.")
    assert view.seen().text == ""
    told(qtbot, view, 3)
    assert last_line(view) == "line 000002 of the log"


# --- search and level -------------------------------------------------------------------------


def found(qtbot: QtBot, view: LogView, wanted: str) -> Found:
    with qtbot.waitSignal(view.search_changed, check_params_cb=lambda now: now is not None and now.complete) as seen:
        view.search(wanted)
    result = seen.args[0]
    assert isinstance(result, Found)
    return result


def test_a_search_counts_its_finds_and_steps_through_them(qtbot: QtBot, view: LogView) -> None:
    told(qtbot, view, 20_000)
    view.verticalScrollBar().setValue(0)
    assert found(qtbot, view, "0777 of").total == 2
    assert "line 000777" in view.seen().text
    with qtbot.waitSignal(view.search_changed):
        view.search_next()
    assert "line 010777" in view.seen().text
    with qtbot.waitSignal(view.search_changed):
        view.search_next()
    assert "line 000777" in view.seen().text
    with qtbot.waitSignal(view.search_changed):
        view.search_previous()
    assert "line 010777" in view.seen().text
    assert not view.following


def test_a_search_goes_on_in_lines_that_arrive_later(qtbot: QtBot, view: LogView) -> None:
    told(qtbot, view, 100)
    assert found(qtbot, view, "000150").total == 0
    with qtbot.waitSignal(view.search_changed, check_params_cb=lambda now: now.total == 1):
        view.append(lines(100, 100), 100)


def test_a_level_leaves_only_its_lines(qtbot: QtBot, view: LogView) -> None:
    told(qtbot, view, 5000)
    view.append([b"warning: slow", b"error: gone"], 5000)
    view.set_level(Level.WARNING)
    qtbot.waitUntil(lambda: view.seen().text == "warning: slow\nerror: gone")
    view.append([b"fine", b"error: again"], 5002)
    qtbot.waitUntil(lambda: last_line(view) == "error: again")
    view.set_level(Level.INFO)
    qtbot.waitUntil(lambda: "line 004999 of the log" in view.seen().text)


# --- selection and copy -----------------------------------------------------------------------


def clipboard() -> str:
    return QGuiApplication.clipboard().text()


def test_keys_move_the_caret_select_and_copy(qtbot: QtBot, view: LogView) -> None:
    told(qtbot, view, 50)
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    key(view, Qt.Key.Key_Home, control)
    assert not view.following
    key(view, Qt.Key.Key_Down, shift)
    key(view, Qt.Key.Key_End, shift)
    key(view, Qt.Key.Key_C, control)
    assert clipboard() == "line 000000 of the log\nline 000001 of the log"
    key(view, Qt.Key.Key_End, control)
    assert view.following
    key(view, Qt.Key.Key_Escape)
    assert not view.has_selection


def test_dragging_the_mouse_selects(qtbot: QtBot, view: LogView) -> None:
    told(qtbot, view, 50)
    screen, left = view.seen(), Qt.MouseButton.LeftButton
    start, stop = screen.rect_of(0).center(), screen.rect_of(len(screen.rows[0].text) + 1 + 11).center()
    QTest.mousePress(view.viewport(), left, pos=start - QPoint(5, 0))
    QTest.mouseMove(view.viewport(), stop)
    assert not view.following
    QTest.mouseRelease(view.viewport(), left, pos=stop)
    view.copy()
    first, second = (row.text for row in screen.rows[:2])
    assert clipboard().startswith(f"{first}\n{second[:10]}")


def test_a_double_click_selects_a_word(qtbot: QtBot, view: LogView) -> None:
    told(qtbot, view, 3)
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.seen().rect_of(7).center())
    view.copy()
    assert clipboard() == "000000"


def test_selecting_everything_says_what_it_leaves_out(qtbot: QtBot, view: LogView) -> None:
    told(qtbot, view, COPY_LINES + 10)
    with qtbot.waitSignal(view.noted) as note:
        key(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert note.args[0].count == COPY_LINES
    view.copy()
    assert clipboard().count("\n") == COPY_LINES - 1
    assert clipboard().startswith("line 000010")


# --- the bar, the menu, screen readers --------------------------------------------------------


def test_the_bar_searches_filters_follows_and_pauses(qtbot: QtBot, panel: LogPanel) -> None:
    view = panel.view
    told(qtbot, view, 500)
    buttons = {button.accessibleName(): button for button in panel.findChildren(IconButton)}
    buttons["Follow the end"].click()
    assert not view.following
    buttons["Pause: lines are kept, the view stands"].click()
    assert view.paused
    view.append(lines(7, 500), 500)
    standing = "507 lines · paused, 7 new lines wait"
    qtbot.waitUntil(lambda: standing in [label.text() for label in panel.findChildren(QLabel)])
    key(view, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    field = panel.focusWidget()
    assert field is not None
    QTest.keyClicks(field, "000123")
    qtbot.waitUntil(lambda: "1 of 1" in [label.text() for label in panel.findChildren(QLabel)])
    key(field, Qt.Key.Key_Escape)
    assert panel.focusWidget() is view


def test_the_menu_offers_what_the_keys_do(qtbot: QtBot, view: LogView) -> None:
    from app.ui.widgets.log_menu import log_menu

    told(qtbot, view, 5)
    menu = log_menu(view, ENGLISH)
    entries = {action.text(): action for action in menu.actions() if action.text()}
    assert not entries["Copy"].isEnabled()
    entries["Select all"].trigger()
    assert view.has_selection
    entries["Pause"].trigger()
    assert view.paused
    with qtbot.waitSignal(view.file_wanted):
        entries["Open the log file"].trigger()
    menu.close()


@pytest.mark.spec("X2")
def test_a_screen_reader_reads_the_lines_and_the_caret(qtbot: QtBot, view: LogView) -> None:
    told(qtbot, view, 5)
    spoken = QAccessible.queryAccessibleInterface(view)
    assert spoken.text(QAccessible.Text.Name) == "Log"
    text = spoken.textInterface()
    assert text.text(0, 22) == "line 000000 of the log"
    assert text.characterCount() == len(view.seen().text)
    text.setCursorPosition(30)
    assert text.cursorPosition() == 30
    text.addSelection(0, 4)
    view.copy()
    assert clipboard() == "line"
    where = text.characterRect(0)
    assert text.offsetAtPoint(where.center() - QPoint(3, 0)) == 0
    assert spoken.editableTextInterface() is None


# --- figures ----------------------------------------------------------------------------------


@pytest.mark.spec("X1")
def test_a_flood_of_lines_leaves_the_window_smooth_and_nothing_is_lost(tmp_path: Path, view: LogView) -> None:
    """The gate of Must show 5, on fewer lines so that it is quick; `tests.bench.log_view` has the whole of it."""
    view.close()
    runs = [measure(tmp_path, 300_000) for _ in range(3)]
    assert min(run.gap for run in runs) <= 100, runs
    assert max(run.rate for run in runs) >= 200_000, runs
    assert min(run.growth for run in runs) <= 100, runs
    clean = (tmp_path / "clean.log").read_bytes()
    assert clean.count(b"\n") == 300_000
    assert clean.count(b"[secret]") == 300, f"one line in a thousand holds one of {SECRETS} secrets"
