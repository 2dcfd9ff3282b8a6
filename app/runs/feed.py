"""Replays what a run has told and follows it to its end: our own runs and those of another process alike.

It reads the run's files, so a view opened in the middle shows the whole past, and a reader that is slow holds up
nobody: the log is on disk already.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from app.foundation.blocking import Blocking
from app.foundation.events import LogLines, Recorded, RunClosed, Told
from app.runs.files import EVENTS, LOG, decode

LOOK_EVERY = 0.25  # seconds between looks at the files of another process's run
LINES_AT_ONCE = 5000
BYTES_AT_ONCE = 512 * 1024


class Wake:
    """Tells the followers of a run in this process that something was written."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def __call__(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        """Comes back when something was written since the last look, or after a while anyway."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY):
                await self._event.wait()
        self._event.clear()


class Record(Protocol):
    """What is kept of a run besides its files."""

    async def story(self) -> list[Told]:
        """Its events, as far as they are recorded."""

    async def log(self) -> list[Told]:
        """Its log, as far as it is recorded."""


class RunFeed:
    """What one run tells, from its beginning. `alive` says whether its process still works on it.

    Of a run that has ended and whose files were cleared away, or are on another computer, its `record` tells.
    """

    def __init__(
        self,
        folder: Path,
        blocking: Blocking,
        *,
        wake: Wake | None,
        alive: Callable[[], Awaitable[bool]],
        record: Record,
    ) -> None:
        self._record = record
        self._folder = folder
        self._blocking = blocking
        self._wake = wake or Wake()
        self._alive = alive
        self._events = _Tail(folder / EVENTS)
        self._log = _Tail(folder / LOG)
        self._line = 0
        self._closed = False

    async def batches(self) -> AsyncIterator[list[Told]]:
        """Batches of events and log lines (at most 5,000 lines in one) until the run is closed and all was read.

        A run whose process is gone without closing it ends the feed as well: whoever follows asks the record then.
        """
        while True:
            last = self._closed or not await self._alive()
            batch = await self._blocking.call("files", partial(self._read, last=last))
            if batch:
                yield batch
            elif last:
                if rest := await self._recorded():
                    yield rest
                return
            else:
                await self._wake.wait()

    async def _recorded(self) -> list[Told]:
        """What no file told, out of the record."""
        files = await self._blocking.call("files", lambda: [(self._folder / name).exists() for name in (EVENTS, LOG)])
        story, log = [] if files[0] else await self._record.story(), [] if files[1] else await self._record.log()
        return [*log, *story]

    def _read(self, *, last: bool) -> list[Told]:
        told: list[Told] = [*self._events_read()]
        lines = self._log.lines(LINES_AT_ONCE, last=last)
        if lines:
            told.append(LogLines(first=self._line, lines=lines))
            self._line += len(lines)
        return told

    def _events_read(self) -> list[Recorded]:
        events: list[Recorded] = []
        for line in self._events.lines(LINES_AT_ONCE, last=False):
            with contextlib.suppress(ValueError):  # half a line after a power cut
                event = decode(line)
                events.append(event)
                self._closed = self._closed or isinstance(event, RunClosed)
        return events


class _Tail:
    """Reads a growing file line by line, in pieces, from where it stopped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self._lines: list[bytes] = []

    def lines(self, most: int, *, last: bool) -> list[bytes]:
        """The next complete lines; with `last` also an unended one, when nothing follows it."""
        if not self._lines:
            self._read_piece(last=last)
        given, self._lines = self._lines[:most], self._lines[most:]
        return given

    def _read_piece(self, *, last: bool) -> None:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                piece = file.read(BYTES_AT_ONCE)
        except FileNotFoundError:  # not begun yet, or its folder was cleared away
            return
        self._offset += len(piece)
        if piece:
            *self._lines, self._rest = (self._rest + piece).split(b"\n")
        elif last and self._rest:
            self._lines, self._rest = [self._rest], b""
