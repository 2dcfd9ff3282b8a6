"""A search in a log: what was found so far, which find is the current one, and the next that is asked for. No Qt."""

from __future__ import annotations

import enum
from bisect import bisect_left
from typing import NamedTuple

from app.ui.widgets.log_ring import LogRing
from app.ui.widgets.log_scan import LogScan
from app.ui.widgets.log_text import Level, Query, line_test


class Direction(enum.Enum):
    """Which way to the next find."""

    FORWARD = enum.auto()
    BACKWARD = enum.auto()


class Found(NamedTuple):
    """The lines found: the place of the current one among them (from 1; 0: none), how many, and whether that is all."""

    current: int
    total: int
    complete: bool


class LogSearch:
    """Finds lines while the log may still grow; a step to a find that is not yet reached is made when it is."""

    def __init__(self, ring: LogRing, query: Query, least: Level) -> None:
        """Searches lines of at least the level `least`."""
        self.query = query
        self.current: int | None = None
        self._scan = LogScan(ring, line_test(query, least))
        self._ring = ring
        self._asked: tuple[Direction, int] | None = None

    @property
    def complete(self) -> bool:
        """Whether every line has been searched."""
        return self._scan.complete

    @property
    def found(self) -> Found:
        """How the search stands."""
        numbers = self._scan.found
        index = len(numbers) if self.current is None else bisect_left(numbers, self.current)
        current = index + 1 if index < len(numbers) and numbers[index] == self.current else 0
        return Found(current, len(numbers), self.complete)

    def go_on(self, seconds: float) -> None:
        """Searches for about so long."""
        self._scan.go_on(seconds)

    def let_go(self) -> None:
        """Forgets finds in lines that are no longer held."""
        self._scan.let_go()

    def turn_to(self, ring: LogRing) -> None:
        """Goes on in another ring over the same log."""
        self._ring = ring
        self._scan.turn_to(ring)

    def ask(self, direction: Direction, line: int) -> None:
        """Asks for the next find: the first from `line` on, or the last before it; round the end if need be."""
        self._asked = (direction, line)

    def answer(self) -> int | None:
        """The line of the find that was asked for, once, when it is known."""
        if self._asked is None:
            return None
        direction, line = self._asked
        number = self._next_from(line) if direction is Direction.FORWARD else self._last_before(line)
        if number is not None:
            self._asked, self.current = None, number
        return number

    def _next_from(self, line: int) -> int | None:
        numbers = self._scan.found
        index = bisect_left(numbers, line)
        if index < len(numbers):
            return numbers[index]
        return numbers[0] if self.complete and numbers else None

    def _last_before(self, line: int) -> int | None:
        numbers = self._scan.found
        index = bisect_left(numbers, line)
        if index:
            return numbers[index - 1] if self._scan.reached(line) else None
        return numbers[-1] if self.complete and numbers else None
