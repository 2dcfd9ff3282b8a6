"""A box to tick, as large as everything else that is pressed."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox, QSizePolicy, QWidget

from app.ui.theme import GRID, TARGET, tones_now

_BOX = 22
_RADIUS = 4


class Tick(QCheckBox):
    """A yes or a no with its sentence beside it."""

    def __init__(self, sentence: str, parent: QWidget | None = None) -> None:
        super().__init__(sentence, parent)
        self.setAccessibleName(sentence)
        self.setMinimumHeight(TARGET)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Qt: the box, the sentence, and room for the focus around them."""
        return QSize(_BOX + GRID + self.fontMetrics().horizontalAdvance(self.text()) + 2 * GRID, TARGET)

    def minimumSizeHint(self) -> QSize:
        """Qt: a sentence is never cut."""
        return self.sizeHint()

    def hitButton(self, _place: QPoint) -> bool:
        """Qt: all of it can be pressed."""
        return True

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt: paints the box and the sentence."""
        painter, tones = QPainter(self), tones_now()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hasFocus():
            painter.setPen(QPen(QColor(tones.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), _RADIUS + 2, _RADIUS + 2)
        box = QRectF(GRID // 2 if self.hasFocus() else 1, (self.height() - _BOX) / 2, _BOX, _BOX)
        ink = tones.control if self.isEnabled() else tones.disabled
        on = self.isChecked()
        painter.setPen(QPen(QColor(tones.accent if on and self.isEnabled() else ink), 1.5))
        painter.setBrush(QColor(tones.accent if on and self.isEnabled() else tones.surface))
        painter.drawRoundedRect(box.adjusted(0.75, 0.75, -0.75, -0.75), _RADIUS, _RADIUS)
        if on:
            painter.setPen(QPen(QColor(tones.on_accent if self.isEnabled() else tones.disabled), 2.2))
            x, y = box.left(), box.top()
            painter.drawPolyline([QPointF(x + 5.5, y + 11.5), QPointF(x + 9.5, y + 15.5), QPointF(x + 16.5, y + 7)])
        painter.setPen(QColor(tones.text if self.isEnabled() else tones.disabled))
        room = self.rect().adjusted(_BOX + 1 + GRID, 0, 0, 0)
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())
