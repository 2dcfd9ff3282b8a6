"""A state as everybody sees it at once: icon, word and colour together, never colour alone."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.foundation.events import Outcome
from app.foundation.words import Language, Text, text
from app.ui import icons
from app.ui.theme import GRID, State, Tones, body_font, tones_now, verdict_font

WORDS = {
    State.OK: text("OK"),
    State.STALE: text("Stale"),
    State.FAIL: text("Failed"),
    State.RUNNING: text("Running"),
    State.NEVER: text("Never"),
    State.UNKNOWN: text("Unknown"),
    State.STOPPED: text("Cancelled"),
}

OUTCOMES: dict[Outcome, tuple[State, Text]] = {
    Outcome.SUCCESS: (State.OK, text("Success")),
    Outcome.PARTIAL: (State.STALE, text("Partial")),
    Outcome.FAILED: (State.FAIL, text("Failed")),
    Outcome.REFUSED: (State.STALE, text("Refused")),
    Outcome.SKIPPED: (State.STOPPED, text("Skipped")),
    Outcome.CANCELLED: (State.STOPPED, text("Cancelled")),
    Outcome.INTERRUPTED: (State.FAIL, text("Interrupted")),
}
"""How the end of a run looks; what nobody wanted but nothing broke is not red."""


class StateBadge(QLabel):
    """A pill with a state's icon and word; `large` for the one verdict of a page."""

    def __init__(self, language: Language, state: State, *, large: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._state = state
        self._icon = 32 if large else 18
        self.setFont(verdict_font() if large else body_font(strong=True))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.show_state(state)

    @property
    def state(self) -> State:
        """What it shows."""
        return self._state

    def show_state(self, state: State, word: Text | None = None) -> None:
        """Shows a state by its own word or by a more exact one."""
        self._state = state
        self.setText(self._language.render(word or WORDS[state]))
        self.setAccessibleName(self.text())
        self.updateGeometry()
        self.update()

    def show_outcome(self, outcome: Outcome) -> None:
        """Shows how a run ended."""
        self.show_state(*OUTCOMES[outcome])

    def sizeHint(self) -> QSize:
        """Qt: icon, word, and air around them."""
        word = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(self._icon + word + self._gap() * 4, max(self._icon, self.fontMetrics().height()) + self._gap())

    def minimumSizeHint(self) -> QSize:
        """Qt: a state is never cut."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt: paints the pill."""
        painter, tones = QPainter(self), tones_now()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter, tones)
        colour = tones.of(self._state)
        icon = icons.pixmap(icons.OF_STATE[self._state], colour, self._icon, self.devicePixelRatio())
        left = round(self._gap() * 1.25)
        painter.drawPixmap(left, (self.height() - self._icon) // 2, icon)
        painter.setPen(QColor(colour))
        painter.setFont(self.font())
        room = self.rect().adjusted(left + self._icon + self._gap(), 0, 0, 0)
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())

    def _paint_ground(self, painter: QPainter, tones: Tones) -> None:
        never = self._state is State.NEVER
        painter.setPen(QPen(QColor(tones.never), 1.5) if never else Qt.PenStyle.NoPen)
        painter.setBrush(Qt.BrushStyle.NoBrush if never else QColor(tones.soft(self._state)))
        outline = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.drawRoundedRect(outline, outline.height() / 2, outline.height() / 2)

    def _gap(self) -> int:
        return self._icon * GRID // 20
