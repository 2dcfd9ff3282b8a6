"""Pictures of every widget in both looks, and what holds for all of them: names, focus, size."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from app.ui.theme import TARGET, Look, Theme
from app.ui.widgets.log_panel import LogPanel
from tests.ui.gallery import SHEETS, shown


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the pictures go: a folder of one's own choice, to look at them."""
    chosen = Path(os.environ.get("OVERWINTER_SHOTS", tmp_path))
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


@pytest.mark.parametrize("look", [Look.LIGHT, Look.DARK])
@pytest.mark.parametrize("name", SHEETS)
def test_every_widget_paints_in_both_looks(qtbot: QtBot, theme: Theme, folder: Path, name: str, look: Look) -> None:
    sheet = shown(name)
    qtbot.addWidget(sheet)
    theme.choose(look)
    for panel in sheet.findChildren(LogPanel):
        with qtbot.waitSignal(panel.view.refreshed):
            panel.view.set_following(True)
    path = folder / f"{name}-{look.value}.png"
    picture = sheet.grab()
    assert picture.save(str(path))
    image = picture.toImage()
    colours = {image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)}
    assert len(colours) > 3, "the sheet shows nothing"


def _pressed(sheet: QWidget) -> list[QWidget]:
    kinds = (QAbstractButton, QComboBox, QLineEdit)
    found = [
        widget for widget in sheet.findChildren(QWidget) if isinstance(widget, kinds) and widget.isVisibleTo(sheet)
    ]
    return [widget for widget in found if not isinstance(widget.parent(), QLineEdit)]  # a field's own clear button


@pytest.mark.spec("X2")
@pytest.mark.parametrize("name", SHEETS)
def test_everything_that_is_pressed_has_a_name_takes_the_keyboard_and_is_large_enough(qtbot: QtBot, name: str) -> None:
    sheet = shown(name)
    qtbot.addWidget(sheet)
    for widget in _pressed(sheet):
        spoken = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
        assert spoken, widget
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus, spoken
        assert widget.height() >= TARGET, (spoken, widget.height())
