"""The list of recovery points: what its rows say, how it is used, and the verdict over it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.foundation.words import ENGLISH
from app.jobs.points import Point, PointSnapshot
from app.ui.models.points import (
    IDENTITY,
    LAYERS,
    STATE,
    STATE_WORDS,
    TIME,
    PointsModel,
    look_of,
    not_known,
    verdict_of,
)
from app.ui.pages.points_panel import KnownPoints, PointsPanel
from app.ui.theme import State
from app.ui.widgets.points_table import PointsTable

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def point(number: int, *, hours: float = 0, status: str = "complete", complete: bool | None = None) -> Point:
    run = f"{number:032x}"
    return Point(
        id=run,
        short_id=run[-8:],
        time=NOON - timedelta(hours=hours),
        status=status,
        complete=status == "complete" if complete is None else complete,
        verified=False,
        kept=False,
        layers=("postgresql", "laravel"),
        snapshots=(
            PointSnapshot("s1", "database", "postgresql", "full"),
            PointSnapshot("s2", "www", "laravel", "full"),
        ),
        manifest="m",
    )


def test_a_row_says_when_how_and_what(qtbot: QtBot) -> None:
    model = PointsModel(ENGLISH, lambda: NOON)
    model.show_points([point(1, hours=200)])
    cells = [model.index(0, column).data() for column in (TIME, STATE, LAYERS, IDENTITY)]
    assert str(cells[0]).endswith(", 8 days ago")
    assert cells[1:] == ["Complete", "postgresql, laravel", "00000001"]
    assert str(model.index(0, TIME).data(PointsModel.DAY)) + ", 8 days ago" == cells[0]
    tip = model.index(0, LAYERS).data(Qt.ItemDataRole.ToolTipRole)
    assert tip == "database (postgresql)\nwww (laravel)"
    assert model.index(0, IDENTITY).data(Qt.ItemDataRole.ToolTipRole) == point(1).id


@pytest.mark.parametrize(
    ("found", "state", "word"),
    [
        (point(1), State.OK, "Complete"),
        (point(1, complete=False), State.OK, "Part only"),
        (point(1, status="partial"), State.STALE, "Partial"),
        (point(1, status="unfinished"), State.UNKNOWN, "Unfinished"),
        (point(1, status="of a later version"), State.UNKNOWN, "of a later version"),
    ],
)
def test_every_state_has_its_icon_and_its_word(found: Point, state: State, word: str) -> None:
    assert look_of(found).state is state
    assert str(look_of(found).word) == word


def test_a_point_in_the_making_is_running_not_unfinished() -> None:
    making = msgspec.structs.replace(point(1, status="unfinished"), manifest="")
    model = PointsModel(ENGLISH, lambda: NOON)
    model.show_points([making])
    assert model.index(0, STATE).data() == "Unfinished"
    model.set_running(frozenset({making.id}))
    assert model.index(0, STATE).data() == "Running"
    assert model.look(0).state is State.RUNNING
    assert look_of(point(1), running=True).state is State.OK


@pytest.mark.spec("V3")
@pytest.mark.parametrize(
    ("hours", "state"),
    [(0, State.OK), (25, State.OK), (27, State.STALE), (49, State.STALE), (51, State.FAIL), (-1, State.UNKNOWN)],
)
def test_the_verdict_grows_old_with_the_newest_complete_point(hours: float, state: State) -> None:
    points = [point(1, hours=0, status="partial"), point(2, hours=hours), point(3, hours=900)]
    assert verdict_of(points, NOON, ENGLISH).state is state


@pytest.mark.spec("V3")
def test_without_a_complete_point_a_site_is_not_protected() -> None:
    for points in ([], [point(1, status="partial")], [point(1, complete=False)]):
        assert verdict_of(points, NOON, ENGLISH).state is State.NEVER


@pytest.mark.spec("V3")
def test_what_could_not_be_read_is_never_green() -> None:
    for points in ([], [point(1)]):
        assert not_known(points, NOON, ENGLISH).state is State.UNKNOWN
    assert "just now" in str(not_known([point(1)], NOON, ENGLISH).sentence)


# --- the table --------------------------------------------------------------------------------


@pytest.fixture
def table(qtbot: QtBot) -> PointsTable:
    made = PointsTable(ENGLISH)
    qtbot.addWidget(made)
    made.resize(560, 400)
    made.show()
    made.show_points([point(number, hours=number) for number in range(1, 30)])
    return made


def test_a_new_list_keeps_the_choice_and_the_place(table: PointsTable) -> None:
    table.choose(point(20).id)
    table.verticalScrollBar().setValue(300)
    table.show_points([point(number, hours=number) for number in range(30)])
    assert table.chosen is not None
    assert table.chosen.id == point(20).id
    assert table.verticalScrollBar().value() == 300


def test_a_chosen_point_that_is_gone_is_chosen_no_more(table: PointsTable) -> None:
    table.choose(point(20).id)
    table.show_points([point(1)])
    assert table.chosen is None


@pytest.mark.spec("R1")
def test_ctrl_c_copies_the_whole_id(table: PointsTable, qtbot: QtBot) -> None:
    table.choose(point(7).id)
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == point(7).id


def test_a_double_click_and_enter_open_the_point(table: PointsTable, qtbot: QtBot) -> None:
    opened: list[str] = []
    table.opened.connect(opened.append)
    table.choose(point(3).id)
    QTest.keyClick(table, Qt.Key.Key_Return)
    cell = table.visualRect(table.model().index(0, LAYERS)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell)
    QTest.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell)
    assert opened == [point(3).id, point(1).id]


def test_arrow_keys_go_through_the_points_and_tab_leaves_the_list(table: PointsTable) -> None:
    table.choose(point(1).id)
    QTest.keyClick(table, Qt.Key.Key_Down)
    assert table.chosen is not None
    assert table.chosen.id == point(2).id
    assert not table.tabKeyNavigation()


def test_a_narrow_list_gives_up_the_ids_before_what_is_in_the_points(table: PointsTable) -> None:
    for width, ids in ((700, True), (380, False)):
        table.resize(width, 400)
        assert table.isColumnHidden(IDENTITY) is not ids
        assert table.columnWidth(LAYERS) >= 60
    assert table.horizontalScrollBar().maximum() == 0


def test_no_state_is_cut(table: PointsTable) -> None:
    metrics = table.fontMetrics()
    for word in STATE_WORDS:
        assert table.columnWidth(STATE) > metrics.horizontalAdvance(str(word)) + 26


# --- the panel --------------------------------------------------------------------------------


def test_a_list_that_is_read_again_stays_meanwhile_and_after_a_failure(qtbot: QtBot) -> None:
    panel = PointsPanel(ENGLISH)
    qtbot.addWidget(panel)
    panel.show()
    known = KnownPoints([point(1)], datetime.now(UTC))
    panel.begin_reading(None)
    assert not panel.table.isVisible()
    panel.show_points(known)
    assert panel.table.isVisible()
    panel.begin_reading(known)
    assert panel.table.isVisible()
    panel.reading_failed()
    assert panel.table.isVisible()
    assert panel.table.model().rowCount() == 1
