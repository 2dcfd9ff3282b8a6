"""The last lines of a log, by number, in a bounded ring. Knows no Qt."""

from __future__ import annotations

from collections.abc import Sequence

MOST_LINES = 200_000
MOST_BYTES = 64 * 1024 * 1024
_BLOCK = 1024


class LogRing:
    """Holds the lines numbered from `first` up to, not including, `end`; older ones have been let go.

    A line's number is its place in the log file, from 0, so it stays the same while older lines are let go.
    """

    def __init__(self, most_lines: int = MOST_LINES, most_bytes: int = MOST_BYTES) -> None:
        """At most so many lines and so many bytes are held (one line is always held, however long)."""
        self._most_lines = most_lines
        self._most_bytes = most_bytes
        self._slots: list[bytes] = [b""] * most_lines
        self._bytes = 0
        self.first = 0
        self.end = 0

    def __len__(self) -> int:
        return self.end - self.first

    def append(self, lines: Sequence[bytes], first: int) -> None:
        """Adds lines, of which the first has the number `first`.

        Lines that are here already are left as they are. After a gap the ring starts anew: what it holds is always
        one piece of the log.
        """
        known = self.end - first
        if known >= len(lines) and len(self):
            return
        if known < 0 or not len(self):
            self._start_at(first)
        elif known:
            lines = lines[known:]
        self._put(lines[-self._most_lines :], self.end + max(0, len(lines) - self._most_lines))
        self._let_go()

    def line(self, number: int) -> bytes:
        """The line with this number; it must be held."""
        return self._slots[number % self._most_lines]

    def lines(self, start: int, stop: int) -> list[bytes]:
        """The held lines from `start` up to, not including, `stop`."""
        start, stop = max(start, self.first), min(stop, self.end)
        if start >= stop:
            return []
        left, right = start % self._most_lines, stop % self._most_lines
        return self._slots[left:right] if left < right else self._slots[left:] + self._slots[:right]

    def copy(self) -> LogRing:
        """The same lines, which stay when the original moves on."""
        made = LogRing.__new__(LogRing)
        made.__dict__.update(self.__dict__)
        made._slots = self._slots.copy()
        return made

    def _start_at(self, first: int) -> None:
        self._slots = [b""] * self._most_lines
        self._bytes = 0
        self.first = self.end = first

    def _put(self, lines: Sequence[bytes], number: int) -> None:
        if number > self.end:  # more arrived at once than is held at all
            self._start_at(number)
        at = number % self._most_lines
        before_wrap = min(len(lines), self._most_lines - at)
        for place, piece in ((at, lines[:before_wrap]), (0, lines[before_wrap:])):
            self._bytes += sum(map(len, piece)) - sum(map(len, self._slots[place : place + len(piece)]))
            self._slots[place : place + len(piece)] = piece
        self.end = number + len(lines)
        self.first = max(self.first, self.end - self._most_lines)

    def _let_go(self) -> None:
        while len(self) > _BLOCK and self._bytes - self._size(_BLOCK) >= self._most_bytes:
            self._drop(_BLOCK)  # in blocks as far as that goes: one by one, many short lines take too long
        while self._bytes > self._most_bytes and len(self) > 1:
            self._drop(1)

    def _size(self, count: int) -> int:
        return sum(map(len, self.lines(self.first, self.first + count)))

    def _drop(self, count: int) -> None:
        self._bytes -= self._size(count)
        for slot in range(self.first, self.first + count):
            self._slots[slot % self._most_lines] = b""
        self.first += count
