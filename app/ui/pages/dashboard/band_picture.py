"""How the band looks: its rows, blocks and axis painted into a picture, and where each moment is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import QDate, QLineF, QLocale, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetrics, QPainter, QPen, QPixmap

from app.foundation.words import Language, text
from app.ui import icons
from app.ui.theme import GRID, TARGET, State, Tones, body_font, tones_now

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.health.band import Block, Row
    from app.jobs.health.judgement import LayerHealth

BLOCK = 22
LEAST = 3
CORNER = 3
AXIS = 3 * GRID
_ICON = 18
_APART = 5  # pixels that a block needs to be seen by itself
_TICKS = [timedelta(hours=hours) for hours in (3, 6, 12, 24, 48, 24 * 7, 24 * 14, 24 * 30, 24 * 91)]
_TICK_ROOM = 9 * GRID


class BandPicture:
    """Rows of layers as they stand at `now`, over the time `span` until then."""

    def __init__(self, language: Language, now: datetime, span: timedelta) -> None:
        self._language = language
        self.rows: tuple[Row, ...] = ()
        self.layers: tuple[LayerHealth, ...] = ()
        self.now = now
        self.span = span
        self._times: dict[str, list[tuple[float, float, str]]] = {}

    def show_rows(self, rows: Sequence[Row], layers: Sequence[LayerHealth], now: datetime) -> None:
        """These are painted from now on; `rows` and `layers` are in the same order."""
        self.rows, self.layers, self.now = tuple(rows), tuple(layers), now
        self._times = {row.layer: [_times(block) for block in row.blocks] for row in rows}

    # --- where things are ----------------------------------------------------------------------

    def _heads(self, measures: QFontMetrics) -> int:
        widest = max((measures.horizontalAdvance(layer.layer) for layer in self.layers), default=0)
        return min(widest, 22 * GRID) + 2 * GRID

    def _tails(self, measures: QFontMetrics) -> int:
        widest = max((measures.horizontalAdvance(self.age(layer)) for layer in self.layers), default=0)
        return widest + _ICON + 3 * GRID

    def field(self, width: int, font: QFont) -> QRectF:
        """Where time is drawn."""
        measures = QFontMetrics(font)
        left, right = self._heads(measures), width - self._tails(measures)
        return QRectF(left, 0, max(1, right - left), len(self.rows) * TARGET)

    def x(self, moment: datetime, field: QRectF) -> float:
        """How far to the right a moment is."""
        share = 1 - (self.now - moment) / self.span
        return field.left() + min(1.0, max(0.0, share)) * field.width()

    def moment(self, x: float, field: QRectF) -> datetime:
        """The moment that is so far to the right."""
        share = min(1.0, max(0.0, (x - field.left()) / field.width()))
        return self.now - (1 - share) * self.span

    def age(self, layer: LayerHealth) -> str:
        """How old the newest point of a layer is."""
        if layer.newest is None:
            return self._language.render(text("never"))
        return self._language.age(self.now - layer.newest)

    # --- painting ------------------------------------------------------------------------------

    def painted(self, size: QSize, scale: float, font: QFont) -> QPixmap:
        """The band for a screen with `scale` dots per pixel."""
        canvas = QPixmap(size * scale)
        canvas.setDevicePixelRatio(scale)
        canvas.fill(Qt.GlobalColor.transparent)
        painter, tones, field = QPainter(canvas), tones_now(), self.field(size.width(), font)
        tails = self._tails(QFontMetrics(font))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_axis(painter, tones, field)
        painter.setFont(font)
        for number, (row, layer) in enumerate(zip(self.rows, self.layers, strict=True)):
            top = number * TARGET
            self._paint_head(painter, tones, QRect(0, top, round(field.left()) - GRID, TARGET), layer)
            self._paint_blocks(painter, tones, field, top + (TARGET - BLOCK) / 2, row)
            self._paint_tail(painter, tones, QRect(round(field.right()) + GRID, top, tails, TARGET), layer)
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
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.age(layer))

    def _paint_blocks(self, painter: QPainter, tones: Tones, field: QRectF, top: float, row: Row) -> None:
        """The ground is one gap, and blocks lie over it; those too narrow to be told apart share a place."""
        ground = QRectF(field.left(), top, field.width(), BLOCK)
        painter.fillRect(ground, QColor(tones.surface))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QBrush(_faded(tones.control), Qt.BrushStyle.BDiagPattern))
        painter.drawRoundedRect(ground, CORNER, CORNER)
        for left, right, worth in self._stretches(row, field):
            self._paint_block(painter, tones, QRectF(left, top, right - left, BLOCK), worth)

    def _stretches(self, row: Row, field: QRectF) -> Iterator[tuple[float, float, str]]:
        """From where to where something is drawn, and its worth; blocks too narrow to be told apart are one."""
        scale, first, last = field.width() / self.span.total_seconds(), field.left(), field.right()
        begin = self.now.timestamp() - self.span.total_seconds()
        left = right = first
        worth = ""
        for block_start, block_end, block_worth in self._times[row.layer]:
            if block_end < begin:
                continue
            start, end = first + (block_start - begin) * scale, first + (block_end - begin) * scale
            end = end if end - start > LEAST else start + LEAST
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
        corner = min(CORNER, inner.width() / 2)
        painter.drawRoundedRect(inner, corner, corner)

    def _paint_axis(self, painter: QPainter, tones: Tones, field: QRectF) -> None:
        painter.setFont(body_font(points=9))
        painter.setPen(QColor(tones.muted))
        base, step = field.bottom(), self._tick_step(field)
        now = self._language.render(text("now"))
        room = QRectF(field.right() - _TICK_ROOM, base, _TICK_ROOM, AXIS)
        painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, now)
        last = room.right() - painter.fontMetrics().horizontalAdvance(now) - GRID
        for moment in self._ticks(step):
            x, said = self.x(moment, field), self._date(moment, step)
            width = painter.fontMetrics().horizontalAdvance(said)
            painter.setPen(QColor(tones.line))
            painter.drawLine(QLineF(x, 0, x, base + GRID / 2))
            if x + width + GRID / 2 < last:
                painter.setPen(QColor(tones.muted))
                painter.drawText(QPointF(x + 2, base + AXIS * 0.7), said)

    def _tick_step(self, field: QRectF) -> timedelta:
        most = max(1, int(field.width() // _TICK_ROOM))
        return next((step for step in _TICKS if self.span / step <= most), _TICKS[-1])

    def _ticks(self, step: timedelta) -> list[datetime]:
        """Every so often, at midnights where the step is of whole days."""
        first = (self.now - self.span).astimezone()
        at = first.replace(hour=0, minute=0, second=0, microsecond=0)
        found = []
        while at <= self.now:
            if at >= first:
                found.append(at)
            at += step
        return found

    def _date(self, moment: datetime, step: timedelta) -> str:
        if step < timedelta(days=1) and moment.hour:
            return f"{moment:%H:%M}"
        day = QDate(moment.year, moment.month, moment.day)
        return QLocale(self._language.code).toString(day, "d MMM")


def _times(block: Block) -> tuple[float, float, str]:
    """From when to when it serves, in seconds, and its worth: thousands of them are painted."""
    return block.start.timestamp(), block.end.timestamp(), block.worth.value


def _faded(colour: str) -> QColor:
    """A hatching of thin lines looks darker than a line."""
    made = QColor(colour)
    made.setAlphaF(0.45)
    return made
