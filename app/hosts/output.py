"""What a program says: its pieces in order with back-pressure, the part that is kept, the end of its pipes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

HELD = 256 * 1024
"""So many bytes wait for a slow reader; then the pipe is not read any more, and the program waits too."""

LARGEST_PIPE = 1024 * 1024
"""What a pipe can hold at most when its program ends; what comes after that was written by somebody else."""


class Pipe(Protocol):
    """Where a program's output comes from."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool: ...

    def close(self) -> None: ...


class Output:
    """One output pipe of a program, read by one reader."""

    def __init__(self) -> None:
        self._pipe: Pipe | None = None
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._arrived = asyncio.Event()
        self._ended = False
        self._discarding = False
        self._paused = False
        self._fell_behind = False
        self._after_end: int | None = None
        self._silence: asyncio.TimerHandle | None = None

    def connect(self, pipe: Pipe) -> None:
        """From now on pieces may arrive."""
        self._pipe = pipe

    def arrived(self, piece: bytes) -> None:
        """The program (or somebody it left its pipe to) wrote this."""
        if not self._discarding:
            self._pieces.append(piece)
            self._held += len(piece)
            self._arrived.set()
        if self._after_end is not None:
            self._after_end -= len(piece)
            if self._after_end < 0:
                self._close()
        self._pause_or_resume()

    def ended(self) -> None:
        """The pipe is closed; nothing more arrives."""
        self._ended = True
        self._arrived.set()
        if self._silence is not None:
            self._silence.cancel()

    async def read(self) -> bytes:
        """The next piece; b"" when the pipe is closed and all was read."""
        while not self._pieces and not self._ended:
            self._arrived.clear()
            await self._arrived.wait()
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        self._held -= len(piece)
        self._pause_or_resume()
        return piece

    def discard(self) -> None:
        """Nobody listens any more: what comes is thrown away, so that the program is not held up."""
        self._discarding = True
        self._pieces.clear()
        self._held = 0
        self._pause_or_resume()

    def expect_end(self, seconds: float) -> None:
        """The program is gone. What it wrote is read; then, `seconds` later, the pipe is closed.

        Somebody whom the program started may hold the pipe open, or write to it, for ever.
        """
        if not self._ended:
            self._after_end = LARGEST_PIPE
            self._fell_behind = self._paused
            self._silence = asyncio.get_running_loop().call_later(seconds, self._close_when_caught_up, seconds)

    def _close_when_caught_up(self, seconds: float) -> None:
        if self._fell_behind:  # the reader was slow: the program's own last words may still be in the pipe
            self._fell_behind = self._paused
            self._silence = asyncio.get_running_loop().call_later(seconds, self._close_when_caught_up, seconds)
        else:
            self._close()

    def _close(self) -> None:
        if self._pipe is not None:
            self._pipe.close()

    def _pause_or_resume(self) -> None:
        if self._pipe is None or self._ended or self._pipe.is_closing() or self._paused == (self._held >= HELD):
            return
        self._paused = not self._paused
        if self._paused:
            self._fell_behind = True
            self._pipe.pause_reading()
        else:
            self._pipe.resume_reading()


class Kept:
    """The first half and the last half of what was said, `limit` bytes at most."""

    def __init__(self, limit: int) -> None:
        self._first_size = limit // 2
        self._last_size = limit - self._first_size
        self._first = bytearray()
        self._last: deque[bytes] = deque()
        self._in_last = 0
        self._dropped = 0

    @property
    def cut(self) -> bool:
        """Whether something between was left out."""
        return self._dropped > 0 or self._in_last > self._last_size

    def add(self, piece: bytes) -> None:
        """This was said next."""
        room = self._first_size - len(self._first)
        self._first += piece[:room]
        if len(piece) > room:
            self._last.append(piece[room:])
            self._in_last += len(piece) - room
        while self._last and self._in_last - len(self._last[0]) >= self._last_size:
            dropped = len(self._last.popleft())
            self._in_last -= dropped
            self._dropped += dropped

    def content(self) -> bytes:
        """What was kept."""
        last = b"".join(self._last)
        return bytes(self._first) + last[max(0, len(last) - self._last_size) :]
