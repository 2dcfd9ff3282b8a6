"""Pictures of the window for people to look at; what can be told of one without looking is asserted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QAbstractButton, QComboBox, QPushButton, QWidget

from app.ui.theme import Look, Theme
from app.ui.widgets.controls import ElidedButton
from tests.ui.technician import Technician

LOOKS = (Look.LIGHT, Look.DARK, Look.SUNLIGHT)


class Album:
    """Takes a picture of the window in every look."""

    def __init__(self, folder: Path, theme: Theme) -> None:
        self._folder = folder
        self._theme = theme
        self.taken: list[str] = []

    async def take(
        self, someone: Technician, name: str, *, of: QWidget | None = None, looks: Sequence[Look] = LOOKS
    ) -> None:
        """Takes the window as it is, or a dialog before it."""
        shown = of or someone.window
        pictures = []
        for look in looks:
            self._theme.choose(look)
            await asyncio.sleep(0.01)  # the window puts it on
            picture = shown.grab().toImage()
            assert picture.save(str(self._folder / f"{len(self.taken):02d}-{name}-{look.value}.png"))
            pictures.append(picture)
            nothing_is_cut(shown)
        self._theme.choose(Look.LIGHT)
        assert len({bytes(picture.constBits()[:4000]) for picture in pictures}) == len(looks), "a look is not put on"
        first = pictures[0]
        colours = {first.pixel(x, y) for x in range(0, first.width(), 7) for y in range(0, first.height(), 7)}
        assert len(colours) > 3, f"{name} shows nothing"
        self.taken.append(name)


def nothing_is_cut(shown: QWidget) -> None:
    """Whatever is pressed stands inside, and all of its word is there."""
    for widget in shown.findChildren(QWidget):
        if not widget.isVisible() or not isinstance(widget, QAbstractButton | QComboBox):
            continue
        name = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
        right = widget.mapTo(shown, widget.rect().topRight()).x()
        assert right <= shown.width(), f"{name} ends outside"
        if isinstance(widget, QPushButton) and not isinstance(widget, ElidedButton):
            needed = widget.fontMetrics().horizontalAdvance(widget.text().replace("&", ""))
            assert widget.width() >= needed, f"{name} is cut"
