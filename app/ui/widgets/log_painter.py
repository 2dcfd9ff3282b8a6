"""Paints the rows of a log that are on the screen: text, finds, selection, caret, and the margin beside them."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QTextCharFormat, QTextLayout

from app.ui.theme import GRID, Tones
from app.ui.widgets.log_rows import Selection
from app.ui.widgets.log_screen import Screen, ScreenRow
from app.ui.widgets.log_text import Level, Query

BAR = 3
MARGIN = 2 * GRID  # between the lines' numbers and the text; the bar that marks a level stands in it


class LogPainter:
    """Paints one screenful. `edge` is where the text begins and the margin ends, in pixels, `width` the view's."""

    def __init__(self, painter: QPainter, tones: Tones, screen: Screen, edge: int, width: int) -> None:
        self._painter = painter
        self._tones = tones
        self._screen = screen
        self._edge = edge
        self._width = width

    def notice(self, row: ScreenRow) -> None:
        """The row that says how much is not shown."""
        self._painter.setPen(QColor(self._tones.muted))
        row.layout.draw(self._painter, QPointF(self._edge, row.y + 2))

    def line(self, row: ScreenRow, level: Level, query: Query | None, selection: Selection | None) -> None:
        """The text of one line with what is marked in it."""
        self._painter.save()
        self._painter.setClipRect(QRectF(self._edge - 2, row.y, self._width, self._screen.height))
        self._painter.setPen(QColor(self._ink(level)))
        row.layout.draw(self._painter, self._at(row), self._marks(row, query, selection))
        self._painter.restore()

    def caret(self, row: ScreenRow, column: int) -> None:
        """The place where the keyboard is."""
        self._painter.setPen(QColor(self._tones.text))
        row.layout.drawCursor(self._painter, self._at(row), min(column, len(row.text)), 2)

    def number(self, row: ScreenRow, number: int) -> None:
        """The line's number, as people count."""
        self._painter.setPen(QColor(self._tones.muted))
        room = QRect(0, row.y, self._edge - MARGIN, self._screen.height)
        self._painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(number))

    def level(self, row: ScreenRow, level: Level) -> None:
        """A bar beside a line that asks for attention."""
        if level is not Level.INFO:
            x = self._edge - (MARGIN + BAR) // 2
            self._painter.fillRect(x, row.y + 2, BAR, self._screen.height - 4, QColor(self._ink(level)))

    def current_find(self, row: ScreenRow) -> None:
        """The ground of the line that the search stands at."""
        self._painter.fillRect(0, row.y, self._width, self._screen.height, QColor(self._tones.raised))

    def _at(self, row: ScreenRow) -> QPointF:
        return QPointF(self._screen.left, row.y + 2)

    def _ink(self, level: Level) -> str:
        return {Level.INFO: self._tones.text, Level.WARNING: self._tones.stale, Level.ERROR: self._tones.fail}[level]

    def _marks(self, row: ScreenRow, query: Query | None, selection: Selection | None) -> list[QTextLayout.FormatRange]:
        marks = []
        if query is not None:
            marks += [self._mark(start, length, self._tones.match) for start, length in query.places(row.text)]
        selected = selection.columns(row.number, len(row.text)) if selection and row.number is not None else None
        if selected is not None:
            marks.append(self._mark(selected[0], selected[1] - selected[0], self._tones.selection))
        return marks

    def _mark(self, start: int, length: int, ground: str) -> QTextLayout.FormatRange:
        made = QTextLayout.FormatRange()
        made.start, made.length = start, length
        form = QTextCharFormat()
        form.setBackground(QColor(ground))
        form.setForeground(QColor(self._tones.text))
        made.format = form
        return made
