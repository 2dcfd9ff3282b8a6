"""Small writes that leave together: a call of the system for each costs more than all else that is done with it."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable

AT_ONCE = 256 * 1024
"""Bytes that wait at most; more leave at once, so that memory stays flat."""


class Gathered:
    """Bytes on their way out, kept until the loop has done what else it has to do in this turn."""

    def __init__(self, loop: AbstractEventLoop, write: Callable[[bytes], None]) -> None:
        self._loop = loop
        self._write = write
        self._waiting: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        """Lets these bytes leave in their order, at the latest when the loop turns."""
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Lets everything leave now."""
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._size = 0
            self._write(data)
