"""Turns a program's output into lines, none longer than a limit, however long the program's own lines are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

LONGEST = 1024 * 1024
CUT = " … [line cut]".encode()
LINES_AT_ONCE = 500


class LineSink:
    """A sink that calls `on_line` with each line, without its line end.

    Of a line longer than `limit` bytes the first `limit` are delivered, with `CUT` behind them; the rest is dropped
    as it comes, so memory stays flat. Call `finish` when the program has ended: its last line may have no line end.
    """

    def __init__(self, on_line: Callable[[bytes], Awaitable[None] | None], limit: int = LONGEST) -> None:
        self._on_line = on_line
        self._limit = limit
        self._begun = bytearray()

    async def __call__(self, piece: bytes) -> None:
        """Takes a piece of output as it came."""
        *ends, begun = piece.split(b"\n")
        for count, end in enumerate(ends, 1):
            answer = self._on_line(self._line(end))
            if answer is not None:
                await answer
            if count % LINES_AT_ONCE == 0:
                await asyncio.sleep(0)  # many short lines: let the others have their turn
        self._begin(begun)

    async def finish(self) -> None:
        """Delivers the last line where it had no line end."""
        if self._begun:
            answer = self._on_line(self._line(b""))
            if answer is not None:
                await answer

    def _begin(self, part: bytes) -> None:
        room = self._limit + 2 - len(self._begun)  # a carriage return, and one more to tell a cut line by
        self._begun += part[:room]

    def _line(self, end: bytes) -> bytes:
        if self._begun:
            self._begin(end)
            end = bytes(self._begun)
            self._begun.clear()
        line = end.removesuffix(b"\r")
        return line if len(line) <= self._limit else line[: self._limit] + CUT
