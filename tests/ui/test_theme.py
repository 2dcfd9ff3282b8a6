"""Colours, fonts and icons: what can be computed of what SCREENS asks."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.ui import icons
from app.ui.theme import (
    BODY_POINTS,
    DARK,
    LIGHT,
    PAIRS,
    ROLES,
    SUNLIGHT,
    SUNLIGHT_CONTRAST,
    TONES_OF,
    Look,
    State,
    Theme,
    Tones,
    body_font,
    contrast,
    mono_font,
    tones_now,
)

LOOKS = pytest.mark.parametrize("tones", [LIGHT, DARK, SUNLIGHT], ids=["light", "dark", "sunlight"])


def test_contrast_is_computed_as_the_standard_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.spec("X2")
@LOOKS
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_whatever_is_drawn_can_be_read(tones: Tones, ink: str, ground: str, least: float) -> None:
    reached = contrast(getattr(tones, ink), getattr(tones, ground))
    assert reached >= least, f"{ink} on {ground}: {reached:.2f}"


@pytest.mark.spec("X2")
@pytest.mark.parametrize(("ink", "ground", "_"), PAIRS)
def test_in_sunlight_everything_stands_out_sevenfold(ink: str, ground: str, _: float) -> None:
    reached = contrast(getattr(SUNLIGHT, ink), getattr(SUNLIGHT, ground))
    assert reached >= SUNLIGHT_CONTRAST, f"{ink} on {ground}: {reached:.2f}"


def test_every_look_is_known_by_its_ground() -> None:
    assert len({tones.window for tones in TONES_OF.values()}) == len(TONES_OF)


def test_every_colour_is_checked_or_known_to_carry_no_text() -> None:
    checked = {role for ink, ground, _ in PAIRS for role in (ink, ground)}
    assert set(ROLES) - checked == {"line", "disabled"}, "parting lines and what cannot be used"


@LOOKS
def test_every_colour_is_a_plain_one(tones: Tones) -> None:
    assert all(re.fullmatch(r"#[0-9a-f]{6}", getattr(tones, role)) for role in ROLES)
    assert all(QColor(tones.of(state)).isValid() and QColor(tones.soft(state)).isValid() for state in State)


def test_a_look_is_put_on_while_the_window_stands(qtbot: QtBot, theme: Theme) -> None:
    label = QLabel("text")
    qtbot.addWidget(label)
    label.show()
    assert tones_now() is LIGHT
    with qtbot.waitSignal(theme.changed):
        theme.choose(Look.DARK)
    assert tones_now() is DARK
    assert label.palette().color(QPalette.ColorRole.Window).name() == DARK.window
    assert theme.look is Look.DARK


def test_the_system_s_hint_is_followed_unless_a_look_was_chosen(theme: Theme) -> None:
    theme.choose(Look.SYSTEM)
    hint = QApplication.styleHints().colorScheme()
    assert theme.tones is (DARK if hint is Qt.ColorScheme.Dark else LIGHT)
    theme._on_system_changed(hint)
    assert theme.look is Look.SYSTEM


def test_figures_have_one_width_and_the_body_its_size() -> None:
    assert body_font().pointSizeF() == pytest.approx(BODY_POINTS)
    assert body_font().featureValue(QFont.Tag("tnum")) == 1
    assert mono_font().styleHint() is QFont.StyleHint.Monospace


# --- icons ------------------------------------------------------------------------------------


NAMES: tuple[icons.Name, ...] = get_args(icons.Name)


def test_every_icon_that_can_be_named_is_drawn_and_none_besides() -> None:
    assert {path.stem for path in icons.FOLDER.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_icon_is_tinted_and_sharp(name: icons.Name) -> None:
    picture = icons.pixmap(name, LIGHT.ok, 24, 2.0)
    assert (picture.width(), picture.devicePixelRatio()) == (48, 2.0)
    image = picture.toImage()
    inks = {
        image.pixelColor(x, y).name() for x in range(48) for y in range(48) if image.pixelColor(x, y).alpha() == 255
    }
    assert inks == {LIGHT.ok}


@pytest.mark.parametrize("name", NAMES)
def test_an_icon_is_a_stroke_drawing_on_the_grid(name: str) -> None:
    drawing = (icons.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert 'viewBox="0 0 24 24"' in drawing
    assert 'stroke="currentColor"' in drawing
    assert 'fill="none"' in drawing


def test_an_icon_nobody_has_drawn_is_an_error() -> None:
    with pytest.raises(icons.MissingIcon):
        icons.pixmap("no-such-icon", LIGHT.text)  # type: ignore[arg-type]  # the type checker says so too


def test_states_are_told_apart_without_colour() -> None:
    assert set(icons.OF_STATE) == set(State)
    assert len(set(icons.OF_STATE.values())) == len(State)
