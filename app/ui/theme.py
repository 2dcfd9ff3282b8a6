"""How the window looks: colours as data, fonts, the grid, the stylesheet; and the one object that puts a look on."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, fields

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QToolTip

from app.ui.stylesheet import STYLESHEET

GRID = 8
"""Every distance is a multiple of this many pixels (half of it inside small things)."""

TARGET = 40
"""The least height of anything that is pressed, in pixels: a gloved hand."""

RADIUS = 6
CONTENT_WIDTH = 1100
BODY_POINTS = 10.5


class Look(enum.Enum):
    """What a person may choose; `SYSTEM` follows the desktop's own light or dark, `SUNLIGHT` is for a bright day."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"
    SUNLIGHT = "sunlight"


class State(enum.Enum):
    """The states of anything that is watched, each with its own icon; `STOPPED` ended because somebody wanted it to."""

    OK = "ok"
    STALE = "stale"
    FAIL = "fail"
    RUNNING = "running"
    NEVER = "never"
    UNKNOWN = "unknown"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Tones:
    """The colours of one look by what they are for, as `#rrggbb`.

    `surface` carries content, `raised` what can be pressed; `control` outlines what can be used, `line` only parts.
    A state's plain colour is for its icon and word, its `soft` one for what lies behind them.
    """

    window: str
    surface: str
    raised: str
    line: str
    control: str
    text: str
    muted: str
    disabled: str
    accent: str
    accent_hover: str
    on_accent: str
    selection: str
    match: str
    ok: str
    stale: str
    fail: str
    running: str
    never: str
    unknown: str
    ok_soft: str
    stale_soft: str
    fail_soft: str
    running_soft: str
    unknown_soft: str

    @property
    def stopped(self) -> str:
        """What somebody stopped is nothing to look at: as grey as what is not known."""
        return self.unknown

    @property
    def stopped_soft(self) -> str:
        """What lies behind it."""
        return self.unknown_soft

    def of(self, state: State) -> str:
        """The colour of a state's icon and word."""
        return str(getattr(self, state.value))

    def soft(self, state: State) -> str:
        """What lies behind a state; nothing lies behind NEVER, which is outlined instead."""
        return self.surface if state is State.NEVER else str(getattr(self, f"{state.value}_soft"))


LIGHT = Tones(
    window="#f3f5f1",
    surface="#ffffff",
    raised="#e9ede6",
    line="#d3dad0",
    control="#7c877d",
    text="#1a201b",
    muted="#454f47",
    disabled="#8b958c",
    accent="#1d6130",
    accent_hover="#174f27",
    on_accent="#ffffff",
    selection="#cfe6d2",
    match="#ffe08a",
    ok="#0d5a29",
    stale="#6a4400",
    fail="#951919",
    running="#13478f",
    never="#951919",
    unknown="#454c46",
    ok_soft="#e2f3e3",
    stale_soft="#fbeed2",
    fail_soft="#fce7e4",
    running_soft="#e3edfb",
    unknown_soft="#e9ebe8",
)

DARK = Tones(
    window="#141815",
    surface="#1b201c",
    raised="#262d27",
    line="#343d35",
    control="#7f8b80",
    text="#e6ebe5",
    muted="#b4beb4",
    disabled="#6d776e",
    accent="#86d07f",
    accent_hover="#9bdc95",
    on_accent="#0c1a0d",
    selection="#2c5134",
    match="#5c4a00",
    ok="#84dc8c",
    stale="#f0bb4a",
    fail="#ffa198",
    running="#96c5ff",
    never="#ffa198",
    unknown="#bdc5bc",
    ok_soft="#1c3322",
    stale_soft="#3a2d10",
    fail_soft="#43211e",
    running_soft="#1b2e4a",
    unknown_soft="#29302a",
)

SUNLIGHT = Tones(
    window="#fcfcf8",
    surface="#ffffff",
    raised="#f1f1ea",
    line="#8d948c",
    control="#434a44",
    text="#000000",
    muted="#232a24",
    disabled="#5c645d",
    accent="#06421a",
    accent_hover="#032b10",
    on_accent="#ffffff",
    selection="#d3ebd6",
    match="#ffe27a",
    ok="#00471c",
    stale="#563300",
    fail="#7a0808",
    running="#0a3372",
    never="#7a0808",
    unknown="#2b312c",
    ok_soft="#e6f6e7",
    stale_soft="#fdf2d6",
    fail_soft="#fdecea",
    running_soft="#e8f0fd",
    unknown_soft="#eff0ee",
)

TONES_OF = {Look.LIGHT: LIGHT, Look.DARK: DARK, Look.SUNLIGHT: SUNLIGHT}
"""The colours of each look that is not the desktop's own."""

SUNLIGHT_CONTRAST = 7.0
"""The least contrast of anything that is drawn in the look for bright light, outlines too."""

_STATES = ("ok", "stale", "fail", "running", "never", "unknown")
_GROUNDS = ("window", "surface", "raised")
_SOFT = ("ok_soft", "stale_soft", "fail_soft", "running_soft", "unknown_soft")

PAIRS: tuple[tuple[str, str, float], ...] = (
    *((ink, ground, 7.0) for ink in ("text", "muted", *_STATES) for ground in _GROUNDS),
    *((ink, ground, 7.0) for ink in ("text", "muted") for ground in _SOFT),
    *((soft.removesuffix("_soft"), soft, 7.0) for soft in _SOFT),
    ("text", "selection", 7.0),
    ("muted", "selection", 4.5),
    ("text", "match", 7.0),
    ("on_accent", "accent", 7.0),
    ("on_accent", "accent_hover", 7.0),
    *(("accent", ground, 4.5) for ground in (*_GROUNDS, *_SOFT)),
    *(("control", ground, 3.0) for ground in _GROUNDS),
)
"""Every colour that is drawn on another one, with the least contrast it must have (SCREENS: 7 for body and states)."""


def contrast(ink: str, ground: str) -> float:
    """How far two colours stand apart, from 1 to 21, by the formula of WCAG 2."""
    lighter, darker = sorted((_luminance(ink), _luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


# --- fonts ------------------------------------------------------------------------------------


def body_font(*, points: float = BODY_POINTS, strong: bool = False) -> QFont:
    """The system's font with figures of equal width, so that a number that counts does not make its line tremble."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    font.setPointSizeF(points)
    font.setFeature(QFont.Tag("tnum"), 1)
    font.setWeight(QFont.Weight.DemiBold if strong else QFont.Weight.Normal)
    return font


def heading_font() -> QFont:
    """A page's or a card's first line."""
    return body_font(points=BODY_POINTS + 2.5, strong=True)


def title_font() -> QFont:
    """The name of a page."""
    return body_font(points=BODY_POINTS + 6, strong=True)


def verdict_font() -> QFont:
    """The one sentence that is read from three metres."""
    return body_font(points=BODY_POINTS + 9.5, strong=True)


def mono_font(*, points: float = BODY_POINTS - 0.5) -> QFont:
    """The system's fixed-width font, for logs, paths and details."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(points)
    font.setStyleHint(QFont.StyleHint.Monospace)
    return font


# --- palette and stylesheet -------------------------------------------------------------------


def palette_of(tones: Tones) -> QPalette:
    """The colours as Qt's own roles, for everything that Fusion draws."""
    role = QPalette.ColorRole
    chosen = {
        role.Window: tones.window,
        role.WindowText: tones.text,
        role.Base: tones.surface,
        role.AlternateBase: tones.window,
        role.Text: tones.text,
        role.PlaceholderText: tones.muted,
        role.Button: tones.raised,
        role.ButtonText: tones.text,
        role.BrightText: tones.fail,
        role.Highlight: tones.selection,
        role.HighlightedText: tones.text,
        role.Accent: tones.accent,
        role.Link: tones.accent,
        role.LinkVisited: tones.accent,
        role.ToolTipBase: tones.raised,
        role.ToolTipText: tones.text,
        role.Light: tones.raised,
        role.Midlight: tones.raised,
        role.Mid: tones.line,
        role.Dark: tones.control,
        role.Shadow: tones.line,
    }
    palette = QPalette()
    for which, colour in chosen.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(tones.disabled))
    return palette


def tones_now() -> Tones:
    """The tones that are on, known by the application's palette: that is the one place that says which look is on.

    A widget asks when it paints and when its palette or style changes. Its own palette would not do: a stylesheet
    changes it.
    """
    window = QGuiApplication.palette().color(QPalette.ColorRole.Window).name()
    return next((tones for tones in TONES_OF.values() if tones.window == window), LIGHT)


def stylesheet_of(tones: Tones) -> str:
    """What Fusion cannot be told by a palette: heights, corners, the visible focus, the one accent."""
    sizes = {
        "target": TARGET - 2,
        "inner": TARGET - 4,
        "radius": RADIUS,
        "grid": GRID,
        "half": GRID // 2,
        "icon": TARGET,
    }
    return STYLESHEET.substitute(asdict(tones), **sizes)


# --- the look that is on ----------------------------------------------------------------------


class Theme(QObject):
    """Puts a look on the whole application, at once and while it runs; follows the desktop unless told otherwise."""

    changed = Signal()

    def __init__(self, application: QApplication, look: Look = Look.SYSTEM) -> None:
        super().__init__(application)
        self._application = application
        self._look = look
        self._tones = self._wanted()
        application.setStyle("Fusion")
        application.setFont(body_font())
        application.styleHints().colorSchemeChanged.connect(self._on_system_changed)
        self._put_on()

    @property
    def look(self) -> Look:
        """What was chosen."""
        return self._look

    @property
    def tones(self) -> Tones:
        """The colours that are on."""
        return self._tones

    def choose(self, look: Look) -> None:
        """Changes the look while the window stands."""
        self._look = look
        self._follow()

    def _on_system_changed(self, _scheme: Qt.ColorScheme) -> None:
        self._follow()

    def _follow(self) -> None:
        if self._wanted() != self._tones:
            self._tones = self._wanted()
            self._put_on()
            self.changed.emit()

    def _wanted(self) -> Tones:
        if self._look is Look.SYSTEM:
            return DARK if self._application.styleHints().colorScheme() is Qt.ColorScheme.Dark else LIGHT
        return TONES_OF[self._look]

    def _put_on(self) -> None:
        palette = palette_of(self._tones)
        self._application.setPalette(palette)
        QToolTip.setPalette(palette)
        self._application.setStyleSheet(stylesheet_of(self._tones))


ROLES = tuple(field.name for field in fields(Tones))
