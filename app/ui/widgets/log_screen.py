"""What of a log is on the screen: its rows, laid out, and where each character of them stands."""

from __future__ import annotations

from typing import NamedTuple, cast

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QTextLayout, QTextOption

from app.ui.widgets.log_rows import Place
from app.ui.widgets.log_text import painted

_KEPT = 400


class LineLayouts:
    """Lines by their number, laid out in one font; a tab reaches to the next eighth column."""

    def __init__(self, font: QFont) -> None:
        self.font = font
        self._kept: dict[int, QTextLayout] = {}
        measures = QFontMetricsF(font)
        self.column = measures.horizontalAdvance("0")
        self.row = round(measures.height()) + 4
        self._option = QTextOption(Qt.AlignmentFlag.AlignLeft)
        self._option.setWrapMode(QTextOption.WrapMode.NoWrap)
        self._option.setTabStopDistance(8 * self.column)
        self._option.setTextDirection(Qt.LayoutDirection.LeftToRight)

    def of(self, number: int, line: bytes) -> QTextLayout:
        """The line as it is drawn, as far as it is shown; kept while the screen stays near it."""
        layout = self._kept.get(number)
        if layout is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            layout = self._kept[number] = self.laid_out(painted(line))
        return layout

    def laid_out(self, text: str) -> QTextLayout:
        """One line of text, ready to be drawn."""
        layout = QTextLayout(text, self.font)
        layout.setTextOption(self._option)
        layout.setCacheEnabled(True)
        layout.beginLayout()
        layout.createLine()
        layout.endLayout()
        return layout

    def clear(self) -> None:
        """Forgets all lines: their numbers will stand for others."""
        self._kept.clear()


class ScreenRow(NamedTuple):
    """One row: how far down it begins (in pixels), the number of its line (None: the notice), the line laid out."""

    y: int
    number: int | None
    layout: QTextLayout

    @property
    def text(self) -> str:
        """What stands in it."""
        return self.layout.text()

    @property
    def width(self) -> float:
        """How far its text reaches, in pixels."""
        return self.layout.lineAt(0).naturalTextWidth()

    def x_of(self, column: int) -> float:
        """How far from the text's left edge a column begins, in pixels."""
        x, _ = cast("tuple[float, int]", self.layout.lineAt(0).cursorToX(min(column, len(self.text))))
        return x

    def column_at(self, x: float) -> int:
        """The column whose left edge is nearest to `x`."""
        return self.layout.lineAt(0).xToCursor(x)


class Screen(NamedTuple):
    """The rows that are seen. `left` is where text begins, less what is scrolled sideways (pixels).

    The text of the screen is its rows joined by line ends; an offset counts its characters. That is what a screen
    reader is given: a log of any length is read where it is looked at.
    """

    rows: list[ScreenRow]
    left: int
    height: int
    column: float

    @property
    def text(self) -> str:
        """All that is seen."""
        return "\n".join(row.text for row in self.rows)

    def offset_of(self, place: Place) -> int:
        """Where a place stands in the text of the screen; its end when the place is not seen."""
        offset = 0
        for row in self.rows:
            if row.number == place.line:
                return offset + min(place.column, len(row.text))
            offset += len(row.text) + 1
        return max(0, offset - 1)

    def place_of(self, offset: int) -> Place | None:
        """The place at an offset; None in the notice and past the end."""
        found = self._row_of(offset)
        return None if found is None or found[0].number is None else Place(found[0].number, found[1])

    def rect_of(self, offset: int) -> QRect:
        """Where in the view the character at an offset stands; nowhere when there is none."""
        found = self._row_of(offset)
        if found is None:
            return QRect()
        row, column = found
        return QRect(round(self.left + row.x_of(column)), row.y, round(self.column), self.height)

    def offset_at(self, point: QPoint) -> int:
        """The offset nearest to a point of the view."""
        offset = 0
        for row in self.rows:
            if point.y() < row.y + self.height:
                return offset + row.column_at(point.x() - self.left)
            offset += len(row.text) + 1
        return max(0, offset - 1)

    def _row_of(self, offset: int) -> tuple[ScreenRow, int] | None:
        for row in self.rows:
            if offset <= len(row.text):
                return row, offset
            offset -= len(row.text) + 1
        return None
