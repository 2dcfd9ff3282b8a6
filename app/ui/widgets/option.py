"""One of several ways, of which one is taken: a round mark, its sentence, and what it means in small words below."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QRadioButton, QSizePolicy, QWidget

from app.ui.theme import GRID, TARGET, body_font, tones_now

_RING = 22
_LEFT = _RING + 2 * GRID


class Option(QRadioButton):
    """Those in the same widget leave each other out."""

    def __init__(self, sentence: str, about: str = "", parent: QWidget | None = None) -> None:
        super().__init__(sentence, parent)
        self._about = about
        self.setAccessibleName(sentence)
        self.setAccessibleDescription(about)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_about(self, about: str) -> None:
        """Other small words."""
        self._about = about
        self.setAccessibleDescription(about)
        self.updateGeometry()
        self.update()

    def _below(self, width: int) -> QRect:
        room = QRect(0, 0, max(20 * GRID, width - _LEFT - GRID), 1000)
        fine = QFontMetrics(body_font(points=9.5))
        return fine.boundingRect(room, Qt.TextFlag.TextWordWrap, self._about) if self._about else QRect()

    def heightForWidth(self, width: int) -> int:
        """Qt: small words wrap."""
        line = self.fontMetrics().height()
        return max(TARGET, line + self._below(width).height() + 2 * GRID)

    def sizeHint(self) -> QSize:
        """Qt: the sentence on one line."""
        width = _LEFT + self.fontMetrics().horizontalAdvance(self.text()) + 2 * GRID
        return QSize(width, self.heightForWidth(max(width, self.width())))

    def minimumSizeHint(self) -> QSize:
        """Qt: a sentence is never cut."""
        return QSize(self.sizeHint().width(), TARGET)

    def hitButton(self, _place: QPoint) -> bool:
        """Qt: all of it can be pressed."""
        return True

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt: paints the mark and the words."""
        painter, tones = QPainter(self), tones_now()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hasFocus():
            painter.setPen(QPen(QColor(tones.accent), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        on, able = self.isChecked(), self.isEnabled()
        ink = (tones.accent if on else tones.control) if able else tones.disabled
        middle = QPointF(GRID + _RING / 2, GRID + self.fontMetrics().height() / 2)
        painter.setPen(QPen(QColor(ink), 2 if on else 1.5))
        painter.setBrush(QColor(tones.surface))
        painter.drawEllipse(middle, _RING / 2 - 1, _RING / 2 - 1)
        if on:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(ink))
            painter.drawEllipse(middle, _RING / 4, _RING / 4)
        painter.setPen(QColor(tones.text if able else tones.disabled))
        painter.setFont(body_font(strong=on))
        line = self.fontMetrics().height()
        painter.drawText(QRect(_LEFT, GRID, self.width() - _LEFT, line), Qt.AlignmentFlag.AlignVCenter, self.text())
        if self._about:
            painter.setPen(QColor(tones.muted if able else tones.disabled))
            painter.setFont(body_font(points=9.5))
            room = QRect(_LEFT, GRID + line, self.width() - _LEFT - GRID, self.height() - line)
            painter.drawText(room, Qt.TextFlag.TextWordWrap, self._about)
