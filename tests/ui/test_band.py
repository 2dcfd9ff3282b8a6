"""The band: what it says to the mouse, to the keyboard and to a screen reader; and that it is quick."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QColor, QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.foundation.words import ENGLISH
from app.jobs.health.band import Block, Row, Worth
from app.jobs.health.judgement import Condition, LayerHealth
from app.ui.pages.dashboard.band import Band
from app.ui.theme import LIGHT, TARGET, Look, Theme

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def block(name: str, hours: float, worth: Worth = Worth.WHOLE, served: float = 24) -> Block:
    start = NOON - hours * HOUR
    return Block(name, start, min(NOON, start + served * HOUR), worth)


LARAVEL = Row("laravel", (block("old", 79, served=26), block("proven", 31, Worth.PROVEN), block("new", 7)))
BROKER = Row("broker", (block("torn", 31, Worth.PARTIAL),))
LAYERS = (
    LayerHealth("laravel", Condition.OK, NOON - 7 * HOUR),
    LayerHealth("broker", Condition.NEVER, without=("broker",)),
)


@pytest.fixture
def band(qtbot: QtBot) -> Band:
    made = Band(ENGLISH)
    qtbot.addWidget(made)
    made.resize(1000, 140)
    made.show_span(timedelta(days=4))
    made.show_rows((LARAVEL, BROKER), LAYERS, NOON)
    made.show()
    return made


def colours(band: Band, row: int) -> set[str]:
    image: QImage = band.grab().toImage()
    y = row * TARGET + TARGET // 2
    return {QColor(image.pixel(x, y)).name() for x in range(image.width())}


@pytest.mark.spec("V3")
def test_without_a_cursor_it_says_what_would_be_lost_now(band: Band) -> None:
    assert band.sentence == "If it broke now, broker would be lost for good: no point holds it."
    band.show_rows((LARAVEL,), LAYERS[:1], NOON)
    assert band.sentence == "If it broke now, 7 h 0 min of changes would be lost."


@pytest.mark.spec("V3", "X2")
def test_the_keyboard_goes_from_block_to_block_and_opens_one(band: Band, qtbot: QtBot) -> None:
    band.setFocus()
    said: list[str] = []
    band.said.connect(said.append)
    for wanted in ("7 h ago", "31 h ago", "79 h ago"):
        QTest.keyClick(band, Qt.Key.Key_Left)
        hours = float(wanted.split()[0])
        assert f"{(NOON - hours * HOUR).astimezone():%Y-%m-%d %H:%M} · laravel: back to" in band.accessibleDescription()
    assert said[-1] == band.accessibleDescription()
    QTest.keyClick(band, Qt.Key.Key_Right)
    assert "proven to restore" in band.sentence
    with qtbot.waitSignal(band.opened) as opened:
        QTest.keyClick(band, Qt.Key.Key_Return)
    assert opened.args == ["proven"]
    QTest.keyClick(band, Qt.Key.Key_Home)
    assert "2026-11-18" in band.sentence
    QTest.keyClick(band, Qt.Key.Key_Down)
    assert "broker: nothing could be brought back" in band.sentence
    QTest.keyClick(band, Qt.Key.Key_End)
    QTest.keyClick(band, Qt.Key.Key_Escape)
    assert band.sentence.startswith("If it broke now")


@pytest.mark.spec("V3", "X2")
def test_a_screen_reader_hears_each_layer_and_moves_from_point_to_point(band: Band, qtbot: QtBot) -> None:
    spoken = QAccessible.queryAccessibleInterface(band)
    assert spoken is not None
    assert spoken.role() is QAccessible.Role.Slider
    summary = spoken.text(QAccessible.Text.Description)
    assert "laravel: back to " in summary
    assert f"the last proven one of {(NOON - 31 * HOUR).astimezone():%Y-%m-%d %H:%M}." in summary
    assert "broker: nothing can be brought back." in summary
    value = spoken.valueInterface()
    assert (value.minimumValue(), value.maximumValue(), value.currentValue()) == (0, 3, 3)
    value.setCurrentValue(1)
    assert value.currentValue() == 1
    assert "proven to restore" in spoken.text(QAccessible.Text.Value)
    with qtbot.waitSignal(band.opened) as opened:
        QTest.keyClick(band, Qt.Key.Key_Return)
    assert opened.args == ["proven"]
    QTest.keyClick(band, Qt.Key.Key_Right)
    assert value.currentValue() == 2


@pytest.mark.spec("V3")
def test_the_mouse_says_what_would_be_lost_where_it_is_and_opens_that_point(band: Band, qtbot: QtBot) -> None:
    field = band._field()
    x = round(band._shown.x(NOON - 3 * HOUR, field))
    QTest.mouseMove(band, QPoint(x, TARGET // 2))
    assert "laravel: back to" in band.sentence
    assert "4 h" in band.sentence or "3 h 5" in band.sentence
    with qtbot.waitSignal(band.opened) as opened:
        QTest.mouseClick(band, Qt.MouseButton.LeftButton, pos=QPoint(x, TARGET // 2))
    assert opened.args == ["new"]
    with qtbot.assertNotEmitted(band.opened):
        QTest.mouseClick(band, Qt.MouseButton.LeftButton, pos=QPoint(x, TARGET + TARGET // 2))


@pytest.mark.spec("V3", "X2")
def test_proven_is_solid_unproven_outlined_and_a_gap_hatched(band: Band, theme: Theme) -> None:
    assert {LIGHT.ok, LIGHT.ok_soft} <= colours(band, 0)
    assert LIGHT.stale_soft in colours(band, 1)
    assert LIGHT.ok_soft not in colours(band, 1)
    theme.choose(Look.SUNLIGHT)
    assert theme.tones.ok in colours(band, 0)


def test_points_are_known_newest_first(band: Band) -> None:
    assert (band.points[0], band.points[-1]) == ("new", "old")
    assert set(band.points[1:-1]) == {"proven", "torn"}, "of one moment"


@pytest.mark.spec("X1")
def test_forty_layers_of_a_thousand_points_are_painted_in_a_moment(qtbot: QtBot) -> None:
    blocks = tuple(block(f"p{hour}", hour, served=1) for hour in range(1000, 0, -1))
    rows = tuple(Row(f"layer {number}", blocks) for number in range(40))
    layers = tuple(LayerHealth(row.layer, Condition.OK, NOON - HOUR) for row in rows)
    made = Band(ENGLISH)
    qtbot.addWidget(made)
    made.resize(1000, 40 * TARGET + 30)
    made.show_span(timedelta(days=60))
    made.show_rows(rows, layers, NOON)
    took = []
    for _ in range(3):
        made.show_rows(rows, layers, NOON)
        began = time.perf_counter()
        made.grab()
        took.append(time.perf_counter() - began)
    assert min(took) <= 0.3, took


def test_no_layer_at_all_is_an_empty_band(qtbot: QtBot) -> None:
    made = Band(ENGLISH)
    qtbot.addWidget(made)
    made.show()
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Home):
        QTest.keyClick(made, key)
    assert made.sentence == ""
