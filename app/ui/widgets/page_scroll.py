"""A part of a page that scrolls, on the page's own ground."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.ui.theme import tones_now


class PageScroll(QScrollArea):
    """Scrolls down only; the handle stands on the window's colour, not on that of a card."""

    def __init__(self, inside: QWidget, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bare")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(name)
        self.setWidget(inside)
        self._tint()

    def changeEvent(self, event: QEvent) -> None:
        """Qt: the look may have changed."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._tint()

    def _tint(self) -> None:
        wanted = f"QScrollBar::handle {{ border-color: {tones_now().window}; }}"
        bar = self.verticalScrollBar()
        if bar.styleSheet() != wanted:
            bar.setStyleSheet(wanted)
