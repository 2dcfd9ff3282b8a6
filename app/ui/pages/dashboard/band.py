"""The band: time from left to right, one row per layer, each block a point; what would be lost at any moment."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import QDate, QEvent, QLineF, QLocale, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QBrush,
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
from app.ui import icons
from app.ui.theme import GRID, TARGET, State, Tones, body_font, tones_now

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.health.band import Block, Row
    from app.jobs.health.judgement import LayerHealth

_BLOCK = 22
_AXIS = 3 * GRID
_ICON = 18
_LEAST = 3
_APART = 5  # pixels that a block needs to be seen by itself
_CORNER = 3
_TICKS = [timedelta(hours=hours) for hours in (3, 6, 12, 24, 48, 24 * 7, 24 * 14, 24 * 30, 24 * 91)]
_TICK_ROOM = 9 * GRID
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
        self._rows: tuple[Row, ...] = ()
        self._times: dict[str, list[tuple[float, float, str]]] = {}
        self._layers: tuple[LayerHealth, ...] = ()
        self._now = datetime.now(UTC)
        self._span = timedelta(days=14)
        self._moment: datetime | None = None
        self._row = 0
        self._picture = QPixmap()
        self.setAccessibleName(language.render(text("What can be brought back, to when")))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    # --- what it shows -------------------------------------------------------------------------

    def show_rows(self, rows: Sequence[Row], layers: Sequence[LayerHealth], now: datetime) -> None:
        """Shows these layers as they stand at `now`; `rows` and `layers` are in the same order."""
        self._rows, self._layers, self._now = tuple(rows), tuple(layers), now
        self._times = {row.layer: [_times(block) for block in row.blocks] for row in rows}
        self._row = min(self._row, max(0, len(rows) - 1))
        self.updateGeometry()
        self._changed()

    def show_span(self, span: timedelta) -> None:
        """Shows so much time until now."""
        self._span = span
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
        return QSize(80 * GRID, len(self._rows) * TARGET + _AXIS)

    def minimumSizeHint(self) -> QSize:
        """Qt: as tall as it is, but it may be narrow."""
        return QSize(40 * GRID, self.sizeHint().height())

    # --- where things are ----------------------------------------------------------------------

    def _heads(self) -> int:
        widest = max((self.fontMetrics().horizontalAdvance(layer.layer) for layer in self._layers), default=0)
        return min(widest, 22 * GRID) + 2 * GRID

    def _tails(self) -> int:
        widest = max((self.fontMetrics().horizontalAdvance(self._age(layer)) for layer in self._layers), default=0)
        return widest + _ICON + 3 * GRID

    def _field(self) -> QRectF:
        """Where time is drawn."""
        left, right = self._heads(), self.width() - self._tails()
        return QRectF(left, 0, max(1, right - left), len(self._rows) * TARGET)

    def _x(self, moment: datetime, field: QRectF) -> float:
        share = 1 - (self._now - moment) / self._span
        return field.left() + min(1.0, max(0.0, share)) * field.width()

    def _moment_of(self, x: float, field: QRectF) -> datetime:
        share = min(1.0, max(0.0, (x - field.left()) / field.width()))
        return self._now - (1 - share) * self._span

    def _age(self, layer: LayerHealth) -> str:
        if layer.newest is None:
            return self._language.render(text("never"))
        return self._language.age(self._now - layer.newest)

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
        lost = [row.lost(self._now) for row in self._rows]
        known = [one for one in lost if one is not None]
        if len(known) < len(lost):
            return text("If it broke now, what no point holds would be lost for good.")
        if max(known) < timedelta(minutes=1):
            return text("If it broke now, less than a minute of changes would be lost.")
        return text("If it broke now, {time} of changes would be lost.", time=_long(max(known)))

    def _at(self, row: Row, moment: datetime) -> Text:
        block, when = row.at(moment), f"{moment.astimezone():%Y-%m-%d %H:%M}"
        if block is None:
            return text("{when} · {layer}: nothing could be brought back.", when=when, layer=row.layer)
        return text(
            "{when} · {layer}: back to {point}, {worth}. {time} of changes would be lost.",
            when=when,
            layer=row.layer,
            point=f"{block.start.astimezone():%Y-%m-%d %H:%M}",
            worth=_WORTH[block.worth.value],
            time=_long(moment - block.start),
        )

    def _point_at(self, moment: datetime | None) -> None:
        if moment != self._moment:
            self._moment = moment
            self.update()
            self._tell()

    def _tell(self) -> None:
        sentence = self.sentence
        if sentence != self.accessibleDescription():
            self.setAccessibleDescription(sentence)
            QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.DescriptionChanged))
        self.said.emit(sentence)

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
            self._point_at(self._moment_of(at.x(), field))
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
            self._go_to(self._moment or self._now)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End):
            self._step(key)
        elif key == Qt.Key.Key_Escape and self._moment is not None:
            self._point_at(None)
        else:
            super().keyPressEvent(event)

    def _step(self, key: Qt.Key) -> None:
        begin, at = self._now - self._span, self._moment or self._now
        starts = [block.start for row in self._rows[self._row : self._row + 1] for block in row.blocks]
        shown = [start for start in starts if start >= begin]
        before, after = [one for one in shown if one < at], [one for one in shown if one > at]
        target = {
            Qt.Key.Key_Left: before[-1:],
            Qt.Key.Key_Right: after[:1] or [self._now],
            Qt.Key.Key_Home: shown[:1],
            Qt.Key.Key_End: [self._now],
        }[key]
        if target:
            self._go_to(target[0])

    def _go_to(self, moment: datetime) -> None:
        self._moment = None  # the row may be another one: it is told anew
        self._point_at(moment)

    # --- painting ------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt: the band, kept as a picture, and the cursor over it."""
        scale = self.devicePixelRatio()
        if self._picture.isNull() or self._picture.devicePixelRatio() != scale:
            self._picture = self._painted(scale)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        self._paint_cursor(painter, tones_now())

    def _painted(self, scale: float) -> QPixmap:
        canvas = QPixmap(self.size() * scale)
        canvas.setDevicePixelRatio(scale)
        canvas.fill(Qt.GlobalColor.transparent)
        painter, tones, field = QPainter(canvas), tones_now(), self._field()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.font())
        self._paint_axis(painter, tones, field)
        for number, (row, layer) in enumerate(zip(self._rows, self._layers, strict=True)):
            top = number * TARGET
            self._paint_head(painter, tones, QRect(0, top, round(field.left()) - GRID, TARGET), layer)
            self._paint_blocks(painter, tones, field, top + (TARGET - _BLOCK) / 2, row)
            self._paint_tail(painter, tones, QRect(round(field.right()) + GRID, top, self._tails(), TARGET), layer)
        painter.end()
        return canvas

    def _paint_head(self, painter: QPainter, tones: Tones, room: QRect, layer: LayerHealth) -> None:
        painter.setPen(QColor(tones.text))
        shown = painter.fontMetrics().elidedText(layer.layer, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)

    def _paint_tail(self, painter: QPainter, tones: Tones, room: QRect, layer: LayerHealth) -> None:
        state = State(layer.condition.value)
        icon = icons.pixmap(icons.OF_STATE[state], tones.of(state), _ICON, painter.device().devicePixelRatio())
        painter.drawPixmap(room.left(), room.top() + (room.height() - _ICON) // 2, icon)
        painter.setPen(QColor(tones.of(state)))
        room = room.adjusted(_ICON + GRID, 0, 0, 0)
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self._age(layer))

    def _paint_blocks(self, painter: QPainter, tones: Tones, field: QRectF, top: float, row: Row) -> None:
        """The ground is one gap, and blocks lie over it; those too narrow to be told apart share a place."""
        ground = QRectF(field.left(), top, field.width(), _BLOCK)
        painter.fillRect(ground, QColor(tones.surface))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QBrush(_faded(tones.control), Qt.BrushStyle.BDiagPattern))
        painter.drawRoundedRect(ground, _CORNER, _CORNER)
        for left, right, worth in self._stretches(row, field):
            self._paint_block(painter, tones, QRectF(left, top, right - left, _BLOCK), worth)

    def _stretches(self, row: Row, field: QRectF) -> Iterator[tuple[float, float, str]]:
        """From where to where something is drawn, and its worth; blocks too narrow to be told apart are one."""
        scale, first, last = field.width() / self._span.total_seconds(), field.left(), field.right()
        begin = self._now.timestamp() - self._span.total_seconds()
        left = right = first
        worth = ""
        for block_start, block_end, block_worth in self._times[row.layer]:
            if block_end < begin:
                continue
            start, end = first + (block_start - begin) * scale, first + (block_end - begin) * scale
            end = end if end - start > _LEAST else start + _LEAST
            if worth == block_worth and end - start < _APART and start - right < 1:
                right = end
                continue
            if worth:
                yield max(first, left), min(last, right), worth
            left, right, worth = start, end, block_worth
        if worth:
            yield max(first, left), min(last, right), worth

    def _paint_block(self, painter: QPainter, tones: Tones, room: QRectF, worth: str) -> None:
        partial, proven = worth == "partial", worth == "proven"
        colour, soft = (tones.stale, tones.stale_soft) if partial else (tones.ok, tones.ok_soft)
        painter.fillRect(room, QColor(tones.surface))
        inner = room.adjusted(0.5, 0.5, -1.5, -0.5)
        painter.setPen(QPen(QColor(colour), 1.5, Qt.PenStyle.DashLine if partial else Qt.PenStyle.SolidLine))
        painter.setBrush(QColor(colour if proven else soft))
        corner = min(_CORNER, inner.width() / 2)
        painter.drawRoundedRect(inner, corner, corner)

    def _paint_axis(self, painter: QPainter, tones: Tones, field: QRectF) -> None:
        painter.setFont(body_font(points=9))
        painter.setPen(QColor(tones.muted))
        base, step = field.bottom(), self._tick_step(field)
        now = self._language.render(text("now"))
        room = QRectF(field.right() - _TICK_ROOM, base, _TICK_ROOM, _AXIS)
        painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, now)
        last = room.right() - painter.fontMetrics().horizontalAdvance(now) - GRID
        for moment in self._ticks(step):
            x, said = self._x(moment, field), self._date(moment, step)
            width = painter.fontMetrics().horizontalAdvance(said)
            painter.setPen(QColor(tones.line))
            painter.drawLine(QLineF(x, 0, x, base + GRID / 2))
            if x + width + GRID / 2 < last:
                painter.setPen(QColor(tones.muted))
                painter.drawText(QPointF(x + 2, base + _AXIS * 0.7), said)
        painter.setFont(self.font())

    def _tick_step(self, field: QRectF) -> timedelta:
        most = max(1, int(field.width() // _TICK_ROOM))
        return next((step for step in _TICKS if self._span / step <= most), _TICKS[-1])

    def _ticks(self, step: timedelta) -> list[datetime]:
        """Every so often, at midnights where the step is of whole days."""
        first = (self._now - self._span).astimezone()
        at = first.replace(hour=0, minute=0, second=0, microsecond=0)
        found = []
        while at <= self._now:
            if at >= first:
                found.append(at)
            at += step
        return found

    def _date(self, moment: datetime, step: timedelta) -> str:
        if step < timedelta(days=1) and moment.hour:
            return f"{moment:%H:%M}"
        day = QDate(moment.year, moment.month, moment.day)
        return QLocale(self._language.code).toString(day, "d MMM")

    def _paint_cursor(self, painter: QPainter, tones: Tones) -> None:
        if self.hasFocus():
            painter.setPen(QPen(QColor(tones.accent), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), _CORNER, _CORNER)
        if self._moment is None or not self._rows:
            return
        field = self._field()
        x, top = self._x(self._moment, field), self._row * TARGET
        painter.setPen(QPen(QColor(tones.text), 1.5))
        painter.drawLine(QLineF(x, 0, x, field.bottom()))
        block = self._under_cursor()
        if block is not None:
            left = self._x(block.start, field)
            painter.setPen(QPen(QColor(tones.text), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(left, top + (TARGET - _BLOCK) / 2 - 2, max(_LEAST, x - left), _BLOCK + 4))


def _times(block: Block) -> tuple[float, float, str]:
    """From when to when it serves, in seconds, and its worth: thousands of them are painted."""
    return block.start.timestamp(), block.end.timestamp(), block.worth.value


def _faded(colour: str) -> QColor:
    """A hatching of thin lines looks darker than a line."""
    made = QColor(colour)
    made.setAlphaF(0.45)
    return made


_WORTH = {"proven": text("proven to restore"), "whole": text("whole")}


def _long(passed: timedelta) -> Duration:
    return Duration(max(0.0, passed.total_seconds()))
