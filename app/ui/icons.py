"""Our own stroke icons: drawn on a 24-pixel grid in `resources/icons`, tinted when they are shown."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap, QPixmapCache
from PySide6.QtSvg import QSvgRenderer

from app.ui.theme import State, Tones

Name = Literal[
    "backup",
    "bell",
    "broker",
    "cancel",
    "check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "chevron-up",
    "chip",
    "container",
    "copy",
    "dashboard",
    "database",
    "disk",
    "error",
    "file",
    "folder",
    "follow",
    "greenhouse",
    "help",
    "kit",
    "link",
    "look",
    "never",
    "open",
    "pause",
    "pin",
    "play",
    "plus",
    "practice",
    "refresh",
    "restore",
    "running",
    "runs",
    "save",
    "search",
    "settings",
    "shield",
    "sites",
    "skipped",
    "snapshots",
    "trash",
    "unknown",
    "waiting",
    "warning",
]
"""The icons that are drawn; the type checker knows them, so that none is named in vain."""

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "icons"
SIZE = 24
_SCALES = (1.0, 1.5, 2.0, 3.0)

OF_STATE: dict[State, Name] = {
    State.OK: "check",
    State.STALE: "warning",
    State.FAIL: "error",
    State.RUNNING: "running",
    State.NEVER: "never",
    State.UNKNOWN: "unknown",
    State.STOPPED: "skipped",
}


class MissingIcon(LookupError):
    """The code names an icon that nobody has drawn: a defect of the program."""


def pixmap(name: Name, colour: str, size: int = SIZE, scale: float = 1.0) -> QPixmap:
    """The icon in one colour, `size` logical pixels wide, for a screen with `scale` dots per pixel."""
    return _tinted(name, colour, size, scale)


def icon(name: Name, tones: Tones, size: int = SIZE, colour: str = "", gap: int = 0) -> QIcon:
    """The icon for a button, also greyed out, sharp on every screen; the text's colour unless `colour` is given.

    `gap` pixels stay free on its right, because Qt puts a button's word too close to it.
    """
    made = QIcon()
    for scale in _SCALES:
        for mode, ink in ((QIcon.Mode.Normal, colour or tones.text), (QIcon.Mode.Disabled, tones.disabled)):
            made.addPixmap(_tinted(name, ink, size, scale, gap), mode)
    return made


def _tinted(name: Name, colour: str, size: int, scale: float, gap: int = 0) -> QPixmap:
    key = f"overwinter/{name}/{colour}/{size}/{scale}/{gap}"
    kept = QPixmap()  # Qt's own cache: it is emptied with the application, a Python one would outlive it
    if not QPixmapCache.find(key, kept):
        kept = _painted(name, colour, size, scale, gap)
        QPixmapCache.insert(key, kept)
    return kept


def _painted(name: Name, colour: str, size: int, scale: float, gap: int) -> QPixmap:
    renderer = QSvgRenderer(QByteArray(_drawing(name).replace(b"currentColor", QColor(colour).name().encode())))
    if not renderer.isValid():
        raise MissingIcon(name)
    canvas = QPixmap(round((size + gap) * scale), round(size * scale))
    canvas.setDevicePixelRatio(scale)
    canvas.fill(Qt.GlobalColor.transparent)
    painter = QPainter(canvas)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return canvas


@cache
def _drawing(name: Name) -> bytes:
    path = FOLDER / f"{name}.svg"
    if not path.is_file():
        raise MissingIcon(name)
    return path.read_bytes()
