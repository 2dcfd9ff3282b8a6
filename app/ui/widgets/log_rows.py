"""Which line of the log stands in which row of the view, and what a selection across rows holds. Knows no Qt."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from app.ui.widgets.log_ring import LogRing
from app.ui.widgets.log_scan import LogScan
from app.ui.widgets.log_text import CUT, readable

COPY_LINES = 20_000
COPY_BYTES = 16 * 1024 * 1024


class LogRows:
    """First the notice of what was let go, when there is any, then every line, or those that a filter has found."""

    def __init__(self, ring: LogRing, only: LogScan | None = None) -> None:
        self.ring = ring
        self.only = only

    @property
    def noticed(self) -> int:
        """How many rows the notice takes: 1 or 0."""
        return 1 if self.ring.first else 0

    @property
    def lines(self) -> int:
        """How many lines are shown."""
        return len(self.ring) if self.only is None else len(self.only.found)

    @property
    def count(self) -> int:
        """How many rows there are; none at all when nothing was ever logged."""
        return self.lines + self.noticed

    def number_at(self, row: int) -> int | None:
        """The number of the line in this row; None for the notice and past the end."""
        index = row - self.noticed
        if not 0 <= index < self.lines:
            return None
        return self.ring.first + index if self.only is None else self.only.found[index]

    def row_of(self, number: int) -> int:
        """The row of this line, or of the next one that is shown; the last row when there is none."""
        index = max(0, number - self.ring.first) if self.only is None else bisect_left(self.only.found, number)
        return max(0, min(index + self.noticed, self.count - 1))

    def numbers(self, first: int, last: int) -> list[int]:
        """The numbers of the shown lines from `first` up to and including `last`."""
        if self.only is None:
            return list(range(max(first, self.ring.first), min(last + 1, self.ring.end)))
        return self.only.found[bisect_left(self.only.found, first) : bisect_left(self.only.found, last + 1)]


class Place(NamedTuple):
    """Before a character of a line; columns past the cut stand for the end of the line."""

    line: int
    column: int


class Selection(NamedTuple):
    """From where the person began to where the caret is."""

    anchor: Place
    caret: Place

    @property
    def start(self) -> Place:
        """The earlier end."""
        return min(self)

    @property
    def stop(self) -> Place:
        """The later end."""
        return max(self)

    @property
    def empty(self) -> bool:
        """A mere caret."""
        return self.anchor == self.caret

    def columns(self, number: int, length: int) -> tuple[int, int] | None:
        """The selected part of a line of this shown length, from column to column; None where nothing is."""
        if self.empty or not self.start.line <= number <= self.stop.line:
            return None
        left = self.start.column if number == self.start.line else 0
        right = self.stop.column if number == self.stop.line else length
        return min(left, length), min(right, length)


class Copied(NamedTuple):
    """Text for the clipboard, how many lines it holds, and whether earlier ones were left out."""

    text: str
    lines: int
    limited: bool


def selected_text(rows: LogRows, selection: Selection) -> Copied:
    """The selected lines in full, the last ones when they are too many for a clipboard."""
    wanted = rows.numbers(selection.start.line, selection.stop.line)
    taken: list[str] = []
    room = COPY_BYTES
    for number in reversed(wanted[-COPY_LINES:]):
        line = rows.ring.line(number)
        room -= len(line)
        if room < 0 and taken:
            break
        taken.append(_selected_part(readable(line), number, selection))
    return Copied("\n".join(reversed(taken)), len(taken), len(taken) < len(wanted))


def _selected_part(text: str, number: int, selection: Selection) -> str:
    left, right = selection.columns(number, max(len(text), CUT + 1)) or (0, 0)
    return text[left if left <= CUT else len(text) : right if right < CUT else len(text)]
