"""Tabs in the look's own colours: words with a line under the chosen one, as tall as anything that is pressed."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QTabBar, QWidget

from app.ui.theme import GRID, RADIUS, TARGET, body_font, tones_now

_LINE = 3


class Tabs(QTabBar):
    """A bar of tabs; what they lead to is shown by whoever has it."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        """`name` says what is chosen between."""
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFont(body_font(strong=True))

    def tabSizeHint(self, index: int) -> QSize:
        """Qt: the word, and air around it."""
        return QSize(self.fontMetrics().horizontalAdvance(self.tabText(index)) + 4 * GRID, TARGET)

    def minimumTabSizeHint(self, index: int) -> QSize:
        """Qt: a word is never cut."""
        return self.tabSizeHint(index)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt: paints the tabs."""
        painter, tones = QPainter(self), tones_now()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(QRect(0, self.height() - 1, self.width(), 1), QColor(tones.line))
        for index in range(self.count()):
            self._paint_tab(painter, index)

    def _paint_tab(self, painter: QPainter, index: int) -> None:
        tones, room, chosen = tones_now(), self.tabRect(index), index == self.currentIndex()
        ink = (tones.text if chosen else tones.muted) if self.isTabEnabled(index) else tones.disabled
        painter.setFont(self.font())
        painter.setPen(QColor(ink))
        painter.drawText(room.adjusted(0, 0, 0, -_LINE), Qt.AlignmentFlag.AlignCenter, self.tabText(index))
        if chosen:
            line = QRect(room.left() + GRID, room.bottom() + 1 - _LINE, room.width() - 2 * GRID, _LINE)
            painter.fillRect(line, QColor(tones.accent))
            if self.hasFocus():
                painter.setPen(QPen(QColor(tones.accent), 2))
                painter.drawRoundedRect(room.adjusted(2, 2, -2, -_LINE - 3), RADIUS, RADIUS)
