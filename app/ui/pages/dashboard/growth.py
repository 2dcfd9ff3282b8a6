"""What each day added to the repository, as bars."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.theme import GRID, tones_now

_GAP = 2.0
_LEAST = 2.0


class GrowthBars(QWidget):
    """One bar for each day, the newest on the right. What it shows is said beside it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._days: tuple[int, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_days(self, days: Sequence[int], name: str) -> None:
        """Shows so many bytes for each day, oldest first; `name` says it in words."""
        self._days = tuple(days)
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setVisible(any(days))
        self.update()

    def sizeHint(self) -> QSize:
        """Qt: low, and as wide as there is room."""
        return QSize(20 * GRID, 4 * GRID)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt: paints the bars, and a line where a day added nothing."""
        painter, tones, most = QPainter(self), tones_now(), max(self._days, default=0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        width = self.width() / max(1, len(self._days))
        for number, added in enumerate(self._days):
            height = max(_LEAST, self.height() * added / most) if added and most else 1.0
            painter.setBrush(QColor(tones.accent if added else tones.line))
            bar = QRectF(number * width, self.height() - height, max(1.0, width - _GAP), height)
            painter.drawRoundedRect(bar, min(1.5, height / 2), min(1.5, height / 2))
