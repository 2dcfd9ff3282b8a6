"""Where one is in the wizard: its steps below each other, with what was done and what comes."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QWidget

from app.foundation.words import Language, Text, text
from app.ui import icons
from app.ui.theme import GRID, TARGET, body_font, tones_now

WIDTH = 27 * GRID
_DOT = 26


class Rail(QFrame):
    """Shows the steps; it cannot be pressed: the buttons below go from one to the next."""

    def __init__(self, language: Language, steps: Sequence[Text], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps = [language.render(step) for step in steps]
        self._language = language
        self._now = 0
        self.setObjectName("navigation")
        self.setFixedWidth(WIDTH)
        self.show_step(0)

    def show_step(self, now: int) -> None:
        """This one is shown; those before it are done."""
        self._now = now
        said = text("Step {number} of {of}: {step}", number=now + 1, of=len(self._steps), step=self._steps[now])
        self.setAccessibleName(self._language.render(said))
        self.update()

    def sizeHint(self) -> QSize:
        """Qt: a line for each."""
        return QSize(WIDTH, 4 * GRID + len(self._steps) * (TARGET + GRID))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: paints the steps."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for number, step in enumerate(self._steps):
            self._paint_step(painter, number, step)

    def _paint_step(self, painter: QPainter, number: int, step: str) -> None:
        tones = tones_now()
        room = QRect(2 * GRID, 3 * GRID + number * (TARGET + GRID), self.width() - 3 * GRID, TARGET)
        is_now, is_done = number == self._now, number < self._now
        dot = QRect(room.left(), room.top() + (room.height() - _DOT) // 2, _DOT, _DOT)
        if not is_done:
            painter.setPen(QColor(tones.accent if is_now else tones.control))
            painter.setBrush(QColor(tones.accent if is_now else tones.surface))
            painter.drawEllipse(dot)
        painter.setFont(body_font(strong=is_now))
        if is_done:
            painter.drawPixmap(dot.topLeft(), icons.pixmap("check", tones.accent, _DOT, self.devicePixelRatio()))
        else:
            painter.setPen(QColor(tones.on_accent if is_now else tones.muted))
            painter.drawText(dot, Qt.AlignmentFlag.AlignCenter, str(number + 1))
        painter.setPen(QColor(tones.text if is_now else tones.muted))
        words = room.adjusted(_DOT + GRID + GRID // 2, 0, 0, 0)
        shown = painter.fontMetrics().elidedText(step, Qt.TextElideMode.ElideRight, words.width())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, shown)
