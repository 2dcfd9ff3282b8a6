"""The steps of a run from top to bottom: what is done, what is going on and how far it is, what went wrong."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from PySide6.QtCore import QModelIndex, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.foundation.events import StepStarted, Told
from app.foundation.words import Language, text
from app.ui import icons
from app.ui.theme import GRID, TARGET, Tones, body_font, tones_now
from app.ui.widgets.progress import BAR_HEIGHT, figures, fraction, paint_bar, percent
from app.ui.widgets.step_model import RUNNING, TO_COME, Index, ShownStep, StepModel

_ICON = 20
_WORD_WIDTH = 22 * GRID
_TIME_WIDTH = 11 * GRID
_NARROW = 36 * GRID  # then the icon alone says how a step stands: its name has to be read


class StepDelegate(QStyledItemDelegate):
    """Paints a step: icon, title, word and time; below a running one how far it is, below a failed one why."""

    def __init__(self, language: Language, model: StepModel) -> None:
        super().__init__(model)
        self._language = language
        self._model = model

    def sizeHint(self, _option: QStyleOptionViewItem, index: Index) -> QSize:
        """Qt: one line, or two."""
        step: ShownStep = index.data(StepModel.STEP)
        return QSize(30 * GRID, TARGET + self._height_below(step))

    def _height_below(self, step: ShownStep) -> int:
        if not self._below(step):
            return 0
        return 3 * GRID if step.look is RUNNING else 2 * GRID

    def _below(self, step: ShownStep) -> str:
        if step.note is not None:
            return self._language.render(step.note)
        if step.look is RUNNING and step.progress is not None:
            known = figures(step.progress, self._language)
            return " · ".join(part for part in (known, step.progress.current) if part)
        return ""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Qt: paints the row."""
        step: ShownStep = index.data(StepModel.STEP)
        tones, room = tones_now(), QRect(option.rect)
        painter.save()
        self._paint_ground(painter, tones, option, room)
        line = QRect(room.left() + GRID, room.top(), room.width() - 2 * GRID, TARGET)
        self._paint_line(painter, tones, line, step)
        if self._below(step):
            under = QRect(
                line.left() + _ICON + GRID + 4, line.bottom() - GRID, line.width() - _ICON - GRID - 4, 3 * GRID
            )
            self._paint_below(painter, tones, under, step)
        painter.restore()

    def _paint_ground(self, painter: QPainter, tones: Tones, option: QStyleOptionViewItem, room: QRect) -> None:
        state = option.state
        inner = room.adjusted(2, 1, -2, -1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(tones.raised) if state & QStyle.StateFlag.State_Selected else Qt.BrushStyle.NoBrush)
        painter.setPen(QColor(tones.accent) if state & QStyle.StateFlag.State_HasFocus else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(inner, 4, 4)

    def _paint_line(self, painter: QPainter, tones: Tones, line: QRect, step: ShownStep) -> None:
        colour = str(getattr(tones, step.look.tone))
        scale = painter.device().devicePixelRatio()
        top = line.top() + (line.height() - _ICON) // 2
        painter.drawPixmap(line.left(), top, icons.pixmap(step.look.icon, colour, _ICON, scale))
        painter.setFont(body_font(strong=step.look is RUNNING))
        painter.setPen(QColor(tones.muted if step.look is TO_COME else tones.text))
        narrow = line.width() < _NARROW
        time = QFontMetrics(body_font()).horizontalAdvance(self._model.time_of(step)) + GRID if narrow else _WORD_WIDTH
        title = line.adjusted(_ICON + GRID + 4, 0, -time, 0)
        whole = self._language.render(step.title)
        shown = painter.fontMetrics().elidedText(whole, Qt.TextElideMode.ElideRight, title.width())
        painter.drawText(title, Qt.AlignmentFlag.AlignVCenter, shown)
        if step.look is not TO_COME:
            self._paint_time(painter, tones, line, step)
            if not narrow:
                self._paint_word(painter, tones, line, step)

    def _paint_time(self, painter: QPainter, tones: Tones, line: QRect, step: ShownStep) -> None:
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.setFont(body_font())
        painter.setPen(QColor(tones.muted))
        painter.drawText(line, right, self._model.time_of(step))

    def _paint_word(self, painter: QPainter, tones: Tones, line: QRect, step: ShownStep) -> None:
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        share = percent(step.progress) if step.look is RUNNING else None
        painter.setFont(body_font(strong=True))
        painter.setPen(QColor(str(getattr(tones, step.look.tone))))
        painter.drawText(line.adjusted(0, 0, -_TIME_WIDTH, 0), right, self._language.render(share or step.look.word))

    def _paint_below(self, painter: QPainter, tones: Tones, under: QRect, step: ShownStep) -> None:
        painter.setFont(body_font(points=9.5))
        painter.setPen(QColor(tones.muted if step.note is None else str(getattr(tones, step.look.tone))))
        shown = painter.fontMetrics().elidedText(self._below(step), Qt.TextElideMode.ElideRight, under.width())
        painter.drawText(under, Qt.AlignmentFlag.AlignTop, shown)
        done = fraction(step.progress) if step.look is RUNNING else None
        if done is not None:
            bar = QRect(under.left(), under.bottom() - BAR_HEIGHT + 3, under.width(), BAR_HEIGHT)
            paint_bar(painter, tones, bar, done)


class StepList(QListView):
    """Shows the steps of one run, as they are told.

    Signals:
        step_chosen: a step was clicked, or Enter pressed on it; carries its key.
    """

    step_chosen = Signal(str)

    def __init__(
        self,
        language: Language,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._steps = StepModel(language, now)
        self.setModel(self._steps)
        self.setItemDelegate(StepDelegate(language, self._steps))
        self.setAccessibleName(language.render(text("Steps")))
        self.setViewportMargins(GRID // 2, GRID // 2, GRID // 2, GRID // 2)
        self.setUniformItemSizes(False)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._placeholder = ""
        self._second = QTimer(self, interval=1000)
        self._second.timeout.connect(self._steps.tick)
        self.activated.connect(self._on_chosen)
        self.clicked.connect(self._on_chosen)

    def tell(self, event: Told) -> None:
        """Takes what the run tells."""
        self._steps.tell(event)
        if not self._steps.running:
            self._second.stop()
        elif not self._second.isActive():
            self._second.start()
        if isinstance(event, StepStarted):
            self.scrollToBottom()

    def set_placeholder(self, sentence: str) -> None:
        """What stands here before the first step."""
        self._placeholder = sentence
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: paints the steps."""
        super().paintEvent(event)
        if not self._steps.rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(QColor(tones_now().muted))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, self._placeholder)

    def clear(self) -> None:
        """Another run begins."""
        self._second.stop()
        self._steps.clear()

    def _on_chosen(self, index: QModelIndex) -> None:
        step: ShownStep = index.data(StepModel.STEP)
        if step.key:
            self.step_chosen.emit(step.key)
