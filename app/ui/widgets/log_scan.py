"""Looks through a log for the lines that pass a test, a slice of time at once, so that no window waits. Knows no Qt."""

from __future__ import annotations

from bisect import bisect_left
from time import perf_counter

from app.ui.widgets.log_ring import LogRing
from app.ui.widgets.log_text import LineTest

_AT_ONCE = 256


class LogScan:
    """The numbers of the lines that pass, in order, as far as the scan has come; it goes on as lines arrive."""

    def __init__(self, ring: LogRing, test: LineTest) -> None:
        self._ring = ring
        self._test = test
        self._next = ring.first
        self.found: list[int] = []

    @property
    def complete(self) -> bool:
        """Whether every line that is held has been looked at."""
        return self._next >= self._ring.end

    def go_on(self, seconds: float) -> None:
        """Looks at lines for about so long."""
        until = perf_counter() + seconds
        self._next = max(self._next, self._ring.first)
        while not self.complete and perf_counter() < until:
            self._look_at(self._ring.lines(self._next, self._next + _AT_ONCE), until)

    def _look_at(self, lines: list[bytes], until: float) -> None:
        number = self._next
        for number, line in enumerate(lines, self._next):
            if self._test(line):
                self.found.append(number)
            if perf_counter() > until:  # asked at each line: one of them may hold megabytes
                break
        self._next = number + 1

    def reached(self, number: int) -> bool:
        """Whether everything before this line has been looked at."""
        return self._next >= min(number, self._ring.end)

    def turn_to(self, ring: LogRing) -> None:
        """Goes on in another ring over the same log."""
        self._ring = ring

    def let_go(self) -> None:
        """Forgets the lines that the ring no longer holds."""
        gone = bisect_left(self.found, self._ring.first)
        if gone:
            del self.found[:gone]
