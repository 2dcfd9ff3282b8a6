"""A run on disk: its events, one JSON object a line, and its whole redacted log.

The log is the truth and is written before anybody sees a line of it. When the disk is full the run goes on: the
backup matters more than its log, and the run says at its end that the log is incomplete.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.events import Progress, Recorded, RunClosed, StepFinished
from app.foundation.redact import Redactor

EVENTS = "events.jsonl"
LOG = "log.txt"
PROGRESS_EVERY = 0.5  # seconds between two progress events of one step
EXCERPT = 200_000  # bytes of the log kept in the record


def encode(event: Recorded) -> bytes:
    """An event as a line of JSON; ASCII only, so that file names in invalid UTF-8 come back as they were."""
    return json.dumps(msgspec.to_builtins(event)).encode("ascii") + b"\n"


def decode(line: bytes) -> Recorded:
    """The event in a line; raises ValueError for one that is damaged."""
    event: Recorded = msgspec.convert(json.loads(line), Recorded)
    return event


class RunWriter:
    """Writes one run's files. `on_written` is called on the loop's thread after every write, for followers."""

    def __init__(self, folder: Path, blocking: Blocking, redactor: Redactor, on_written: Callable[[], None]) -> None:
        self._folder = folder
        self._blocking = blocking
        self._stream = redactor.stream()
        self._on_written = on_written
        self._events = -1
        self._log = -1
        self._progress: Progress | None = None
        self._progress_written = 0.0
        self._last: datetime | None = None
        self.incomplete = ""
        """Why something could not be written; "" while all was."""

    async def open(self) -> None:
        """Makes the folder and both files; raises OSError, since a run without a record must not begin."""
        await self._blocking.call("files", self._open)

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._events = os.open(self._folder / EVENTS, flags, 0o600)
        self._log = os.open(self._folder / LOG, flags, 0o600)

    def tell(self, event: Recorded) -> None:
        """Writes an event; progress at most every half second, and always the last of a step.

        Events are short lines: written at once, so that their order is the order of what happened. None has an
        earlier time than the one before it, also when the clock is set back meanwhile: nothing takes less than no time.
        """
        if self._last is not None and event.at < self._last:
            event = msgspec.structs.replace(event, at=self._last)
        self._last = event.at
        if isinstance(event, Progress):
            self._progress = event
            if time.monotonic() - self._progress_written < PROGRESS_EVERY:
                return
        if isinstance(event, StepFinished | Progress):
            self._write_progress()
        if not isinstance(event, Progress):
            self._append(self._events, encode(event))
        self._on_written()

    def _write_progress(self) -> None:
        if self._progress is not None:
            self._append(self._events, encode(self._progress))
            self._progress, self._progress_written = None, time.monotonic()

    async def log(self, piece: bytes) -> None:
        """Redacts and appends a piece of output; whoever awaits this waits for the disk."""
        await self._blocking.call("files", lambda: self._append(self._log, self._stream.feed(piece)))
        self._on_written()

    async def close(self, last: RunClosed) -> None:
        """Writes what is held back and the last event, and closes both files."""
        await self._blocking.call("files", lambda: self._append(self._log, self._stream.finish()))
        self.tell(last)
        for descriptor in (self._events, self._log):
            if descriptor >= 0:
                os.close(descriptor)
        self._events = self._log = -1
        self._on_written()

    def _append(self, descriptor: int, content: bytes) -> None:
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(descriptor, left) :]
        except OSError as error:
            self.incomplete = self.incomplete or str(error)

    async def excerpt(self) -> str:
        """The first and last part of the log as far as it is written, at most `EXCERPT` bytes, for the record.

        It says when the log is incomplete: where that cannot hold more, its own event file cannot either.
        """
        excerpt = await self._blocking.call("files", lambda: log_excerpt(self._folder))
        return f"{excerpt}\n[… the log is incomplete: {self.incomplete} …]" if self.incomplete else excerpt


def end_events(folder: Path, last: RunClosed) -> None:
    """Writes the last event of a run whose process died before it could, maybe in the middle of a line.

    Where there are no events of it (its folder was cleared away, or is on another computer) nothing is written.
    """
    with contextlib.suppress(FileNotFoundError), (folder / EVENTS).open("r+b") as events:
        size = events.seek(0, os.SEEK_END)
        torn = size > 0 and (events.seek(size - 1), events.read(1))[1] != b"\n"
        events.seek(0, os.SEEK_END)
        events.write((b"\n" if torn else b"") + encode(last))


def log_excerpt(folder: Path, limit: int = EXCERPT) -> str:
    """The beginning and the end of a run's log, with a line between that says how much was left out."""
    if not (folder / LOG).exists():
        return ""
    with (folder / LOG).open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(0)
        if size <= limit:
            return log.read().decode("utf-8", "replace")
        first = log.read(limit // 2)
        log.seek(size - limit // 2)
        last = log.read()
    return f"{_decoded(first)}\n[… {size - limit} bytes more in the log file …]\n{_decoded(last)}"


def _decoded(part: bytes) -> str:
    return part.decode("utf-8", "replace")
