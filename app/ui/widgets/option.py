"""One of several ways, of which one is taken: a round mark, its sentence, and what it means in small words below."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QRadioButton, QSizePolicy, QWidget

from app.ui.theme import GRID, TARGET, Tones, body_font, tones_now

_RING = 22
_LEFT = _RING + 2 * GRID
LEAST = 14 * GRID


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

    def _heights(self, width: int) -> tuple[int, int]:
        """Of the sentence and of the small words below it, where both wrap."""
        room = QRect(0, 0, max(LEAST, width - _LEFT - GRID), 1000)
        wrap = Qt.TextFlag.TextWordWrap
        said = QFontMetrics(body_font(strong=True)).boundingRect(room, wrap, self.text()).height()
        below = QFontMetrics(body_font(points=9.5)).boundingRect(room, wrap, self._about).height() if self._about else 0
        return said, below

    def heightForWidth(self, width: int) -> int:
        """Qt: words wrap."""
        return max(TARGET, sum(self._heights(width)) + 2 * GRID)

    def sizeHint(self) -> QSize:
        """Qt: the sentence on one line."""
        width = _LEFT + QFontMetrics(body_font(strong=True)).horizontalAdvance(self.text()) + 2 * GRID
        return QSize(width, self.heightForWidth(max(width, self.width())))

    def minimumSizeHint(self) -> QSize:
        """Qt: a word on a line."""
        return QSize(_LEFT + LEAST, TARGET)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: another width. What scrolls gives no more than the least height, whatever wraps."""
        super().resizeEvent(event)
        self.setMinimumHeight(self.heightForWidth(self.width()))

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
        self._paint_words(painter, tones, able=able)

    def _paint_words(self, painter: QPainter, tones: Tones, *, able: bool) -> None:
        said, below = self._heights(self.width())
        width = self.width() - _LEFT - GRID
        painter.setPen(QColor(tones.text if able else tones.disabled))
        painter.setFont(body_font(strong=self.isChecked()))
        painter.drawText(QRect(_LEFT, GRID, width, said), Qt.TextFlag.TextWordWrap, self.text())
        if self._about:
            painter.setPen(QColor(tones.muted if able else tones.disabled))
            painter.setFont(body_font(points=9.5))
            painter.drawText(QRect(_LEFT, GRID + said, width, below), Qt.TextFlag.TextWordWrap, self._about)
