"""The band: time from left to right, one row per layer, each block a point; what would be lost at any moment."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QLineF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QAccessibleValueChangeEvent,
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.foundation.words import Duration, Language, Text, text
from app.ui.pages.dashboard.band_accessible import offer_value_of
from app.ui.pages.dashboard.band_picture import AXIS, BLOCK, CORNER, LEAST, BandPicture
from app.ui.theme import GRID, TARGET, Tones, tones_now

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.health.band import Block, Row
    from app.jobs.health.judgement import LayerHealth

_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class Band(QWidget):
    """Painted by itself; used with the mouse, and with the arrow keys, Home, End and Enter.

    Signals:
        opened: a point was chosen; carries its id.
        said: what the cursor says, or the whole band without one; carries the sentence as it is read.
    """

    opened = Signal(str)
    said = Signal(str)

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._shown = BandPicture(language, datetime.now(UTC), timedelta(days=14))
        self._moment: datetime | None = None
        self._row = 0
        self._picture = QPixmap()
        self.setAccessibleName(language.render(text("What can be brought back, to when")))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        offer_value_of(Band)

    # --- what it shows -------------------------------------------------------------------------

    def show_rows(self, rows: Sequence[Row], layers: Sequence[LayerHealth], now: datetime) -> None:
        """Shows these layers as they stand at `now`; `rows` and `layers` are in the same order."""
        self._shown.show_rows(rows, layers, now)
        self._row = min(self._row, max(0, len(rows) - 1))
        self.updateGeometry()
        self._changed()

    def show_span(self, span: timedelta) -> None:
        """Shows so much time until now."""
        self._shown.span = span
        self._point_at(None)
        self._changed()

    def _changed(self) -> None:
        self._picture = QPixmap()
        self.update()
        self._tell()

    def changeEvent(self, event: QEvent) -> None:
        """Qt: the look may have changed."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self._changed()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: there is more room, or less."""
        super().resizeEvent(event)
        self._picture = QPixmap()

    def sizeHint(self) -> QSize:
        """Qt: a row for each layer, and the axis."""
        return QSize(80 * GRID, len(self._rows) * TARGET + AXIS)

    def minimumSizeHint(self) -> QSize:
        """Qt: as tall as it is, but it may be narrow."""
        return QSize(40 * GRID, self.sizeHint().height())

    @property
    def _rows(self) -> tuple[Row, ...]:
        return self._shown.rows

    def _field(self) -> QRectF:
        return self._shown.field(self.width(), self.font())

    # --- the cursor ----------------------------------------------------------------------------

    @property
    def points(self) -> list[str]:
        """The points that are shown, newest first."""
        starts = {block.point: block.start for row in self._rows for block in row.blocks}
        return sorted(starts, key=lambda point: starts[point], reverse=True)

    @property
    def sentence(self) -> str:
        """What the cursor says; without one, what would be lost now."""
        if not self._rows:
            return ""
        moment = self._moment
        said = self._at_worst() if moment is None else self._at(self._rows[self._row], moment)
        return self._language.render(said)

    def _at_worst(self) -> Text:
        lost = [row.lost(self._shown.now) for row in self._rows]
        known = [one for one in lost if one is not None]
        if not known:
            return text("If it broke now, all of it would be lost for good: no point holds any of it.")
        if len(known) < len(lost):
            never = ", ".join(row.layer for row, one in zip(self._rows, lost, strict=True) if one is None)
            return text("If it broke now, {layers} would be lost for good: no point holds it.", layers=never)
        if max(known) < timedelta(minutes=1):
            return text("If it broke now, less than a minute of changes would be lost.")
        return text("If it broke now, {time} of changes would be lost.", time=_long(max(known)))

    def _at(self, row: Row, moment: datetime) -> Text:
        block, when = row.at(moment), _day(moment)
        if block is None:
            return text("{when} · {layer}: nothing could be brought back.", when=when, layer=row.layer)
        return text(
            "{when} · {layer}: back to {point}, {worth}. {time} of changes would be lost.",
            when=when,
            layer=row.layer,
            point=_day(block.start),
            worth=_WORTH[block.worth.value],
            time=_long(moment - block.start),
        )

    @property
    def summary(self) -> str:
        """All that the band shows, in words: what can be brought back to when, layer by layer."""
        layers = (self._language.render(self._of_layer(row)) for row in self._rows)
        return " ".join((self.sentence, *layers)) if self._rows else ""

    def _of_layer(self, row: Row) -> Text:
        now, first = self._shown.now, next((block for block in row.blocks if block.worth.value != "partial"), None)
        newest = row.at(now)
        if newest is None or first is None:
            return text("{layer}: nothing can be brought back.", layer=row.layer)
        proven = next((block for block in reversed(row.blocks) if block.worth.value == "proven"), None)
        return text(
            "{layer}: back to {newest}; the oldest is of {oldest}, {proven}.",
            layer=row.layer,
            newest=self._language.moment(newest.start, now),
            oldest=_day(first.start),
            proven=text("none is proven to restore")
            if proven is None
            else text("the last proven one of {day}", day=_day(proven.start)),
        )

    def _point_at(self, moment: datetime | None) -> None:
        if moment != self._moment:
            self._moment = moment
            self.update()
            self._tell()

    def _tell(self) -> None:
        sentence = self.sentence
        spoken = self.summary if self._moment is None else sentence
        if spoken != self.accessibleDescription():
            self.setAccessibleDescription(spoken)
            QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.DescriptionChanged))
            QAccessible.updateAccessibility(QAccessibleValueChangeEvent(self, self.stop))
        self.said.emit(sentence)

    # --- as a value that a screen reader reads and sets ----------------------------------------

    @property
    def stops(self) -> tuple[datetime, ...]:
        """Where the cursor may be put on its layer: each point that is shown, oldest first, and now."""
        begin, now = self._shown.now - self._shown.span, self._shown.now
        blocks = (block for row in self._rows[self._row : self._row + 1] for block in row.blocks)
        return (*(block.start for block in blocks if begin <= block.start < now), now)

    @property
    def stop(self) -> int:
        """Which of the stops the cursor is at, or stands behind; without one, now."""
        at = self._moment or self._shown.now
        return max(0, sum(1 for each in self.stops if each <= at) - 1)

    def go_to_stop(self, number: int) -> None:
        """Puts the cursor there, or to the nearest there is."""
        stops = self.stops
        self._go_to(stops[min(len(stops) - 1, max(0, number))])

    def _under_cursor(self) -> Block | None:
        return self._rows[self._row].at(self._moment) if self._rows and self._moment is not None else None

    def _open(self) -> None:
        block = self._under_cursor()
        if block is not None:
            self.opened.emit(block.point)

    # --- mouse and keyboard --------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Qt: the cursor follows the mouse over the rows."""
        field, at = self._field(), event.position()
        if self._rows and field.contains(at):
            self._row = min(len(self._rows) - 1, int(at.y() // TARGET))
            self._point_at(self._shown.moment(at.x(), field))
            self.setCursor(Qt.CursorShape.PointingHandCursor if self._under_cursor() else Qt.CursorShape.ArrowCursor)
            self.update()
        else:
            self._point_at(None)
            self.unsetCursor()

    def leaveEvent(self, event: QEvent) -> None:
        """Qt: the mouse has gone."""
        super().leaveEvent(event)
        self._point_at(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Qt: opens the point that is under the cursor."""
        self.mouseMoveEvent(event)
        if event.button() is Qt.MouseButton.LeftButton:
            self._open()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Qt: the keyboard has gone."""
        super().focusOutEvent(event)
        self._point_at(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key; from block to block, from layer to layer."""
        key = Qt.Key(event.key())
        if key in _ENTER:
            self._open()
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and self._rows:
            step = 1 if key is Qt.Key.Key_Down else -1
            self._row = min(len(self._rows) - 1, max(0, self._row + step))
            self._go_to(self._moment or self._shown.now)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End):
            self._step(key)
        elif key == Qt.Key.Key_Escape and self._moment is not None:
            self._point_at(None)
        else:
            super().keyPressEvent(event)

    def _step(self, key: Qt.Key) -> None:
        stops, at = self.stops, self._moment or self._shown.now
        target = {
            Qt.Key.Key_Left: next((each for each in reversed(stops) if each < at), stops[0]),
            Qt.Key.Key_Right: next((each for each in stops if each > at), stops[-1]),
            Qt.Key.Key_Home: stops[0],
            Qt.Key.Key_End: stops[-1],
        }[key]
        self._go_to(target)

    def _go_to(self, moment: datetime) -> None:
        self._moment = None  # the row may be another one: it is told anew
        self._point_at(moment)

    # --- painting ------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt: the band, kept as a picture, and the cursor over it."""
        scale = self.devicePixelRatio()
        if self._picture.isNull() or self._picture.devicePixelRatio() != scale:
            self._picture = self._shown.painted(self.size(), scale, self.font())
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        self._paint_cursor(painter, tones_now())

    def _paint_cursor(self, painter: QPainter, tones: Tones) -> None:
        if self.hasFocus():
            painter.setPen(QPen(QColor(tones.accent), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), CORNER, CORNER)
        if self._moment is None or not self._rows:
            return
        field = self._field()
        x, top = self._shown.x(self._moment, field), self._row * TARGET
        painter.setPen(QPen(QColor(tones.text), 1.5))
        painter.drawLine(QLineF(x, 0, x, field.bottom()))
        block = self._under_cursor()
        if block is not None:
            left = self._shown.x(block.start, field)
            painter.setPen(QPen(QColor(tones.text), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(left, top + (TARGET - BLOCK) / 2 - 2, max(LEAST, x - left), BLOCK + 4))


_WORTH = {"proven": text("proven to restore"), "whole": text("whole")}


def _day(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _long(passed: timedelta) -> Duration:
    return Duration(max(0.0, passed.total_seconds()))
