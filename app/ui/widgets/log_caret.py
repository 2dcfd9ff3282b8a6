"""Where the caret goes when a key is pressed in a log. Knows no Qt."""

from __future__ import annotations

import enum

from app.ui.widgets.log_rows import LogRows, Place
from app.ui.widgets.log_text import painted


class Move(enum.Enum):
    """The movements of a caret, as every text widget has them."""

    LEFT = enum.auto()
    RIGHT = enum.auto()
    WORD_LEFT = enum.auto()
    WORD_RIGHT = enum.auto()
    UP = enum.auto()
    DOWN = enum.auto()
    PAGE_UP = enum.auto()
    PAGE_DOWN = enum.auto()
    LINE_START = enum.auto()
    LINE_END = enum.auto()
    LOG_START = enum.auto()
    LOG_END = enum.auto()


def moved(rows: LogRows, place: Place, move: Move, page: int) -> Place:
    """The caret after one movement; `page` is how many rows are seen at once.

    At the start of a line `LINE_START` goes on to the start of the log, and `LINE_END` likewise to its end.
    """
    length = len(painted(rows.ring.line(place.line)))
    match move:
        case Move.UP | Move.DOWN | Move.PAGE_UP | Move.PAGE_DOWN:
            return _by_rows(rows, place, _ROWS[move] * (page if move in _PAGES else 1))
        case Move.LOG_START:
            return _ends(rows)[0]
        case Move.LOG_END:
            return _ends(rows)[1]
        case Move.LINE_START:
            return Place(place.line, 0) if place.column else _ends(rows)[0]
        case Move.LINE_END:
            return Place(place.line, length) if place.column < length else _ends(rows)[1]
        case _:
            return _sideways(rows, place, move, length)


_ROWS = {Move.UP: -1, Move.DOWN: 1, Move.PAGE_UP: -1, Move.PAGE_DOWN: 1}
_PAGES = (Move.PAGE_UP, Move.PAGE_DOWN)


def _ends(rows: LogRows) -> tuple[Place, Place]:
    first, last = rows.number_at(rows.noticed), rows.number_at(rows.count - 1)
    assert first is not None  # a caret stands in a log that shows a line
    assert last is not None
    return Place(first, 0), Place(last, len(painted(rows.ring.line(last))))


def _by_rows(rows: LogRows, place: Place, by: int) -> Place:
    row = max(rows.noticed, min(rows.row_of(place.line) + by, rows.count - 1))
    number = rows.number_at(row)
    return place if number is None else Place(number, place.column)


def _sideways(rows: LogRows, place: Place, move: Move, length: int) -> Place:
    column = min(place.column, length)
    if move in (Move.LEFT, Move.WORD_LEFT) and column == 0:
        above = _by_rows(rows, place, -1)
        return place if above.line == place.line else Place(above.line, len(painted(rows.ring.line(above.line))))
    if move in (Move.RIGHT, Move.WORD_RIGHT) and column == length:
        below = _by_rows(rows, place, 1)
        return place if below.line == place.line else Place(below.line, 0)
    if move is Move.LEFT:
        return Place(place.line, column - 1)
    if move is Move.RIGHT:
        return Place(place.line, column + 1)
    text = painted(rows.ring.line(place.line))
    return Place(place.line, word_before(text, column) if move is Move.WORD_LEFT else word_after(text, column))


def word_before(text: str, column: int) -> int:
    """The start of the word at or before this column."""
    while column and not text[column - 1].isalnum():
        column -= 1
    while column and text[column - 1].isalnum():
        column -= 1
    return column


def word_after(text: str, column: int) -> int:
    """The start of the next word, or the end of the line."""
    while column < len(text) and text[column].isalnum():
        column += 1
    while column < len(text) and not text[column].isalnum():
        column += 1
    return column


def word_around(text: str, column: int) -> tuple[int, int]:
    """The run of characters without white space that holds this column: a path or a number is one word."""
    start = stop = min(column, len(text))
    while start and not text[start - 1].isspace():
        start -= 1
    while stop < len(text) and not text[stop].isspace():
        stop += 1
    return start, stop
