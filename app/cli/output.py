"""What a command prints: the result on standard output, progress and errors on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from app.foundation.errors import Problem
from app.foundation.events import (
    ItemFinished,
    ItemStatus,
    LogLines,
    Progress,
    RolledBack,
    RunClosed,
    SiteTurned,
    StepFinished,
    StepOutcome,
    StepStarted,
    Told,
    Warned,
)
from app.foundation.words import Language, Size, Text, text
from app.records.run import Run


class Output:
    """Prints for a person or, with `json`, for a program; `quiet` leaves progress out."""

    def __init__(self, language: Language, *, json: bool, quiet: bool) -> None:
        self.language = language
        self.json = json
        self.quiet = quiet
        self._line_open = False

    def result(self, value: object, said: Iterable[Text | str] = ()) -> None:
        """The result: one JSON document, or the sentences that say it."""
        if self.json:
            self._json(value, sys.stdout)
            return
        for sentence in said:
            print_line(self.language.render(sentence), sys.stdout)

    def row(self, value: object, said: str) -> None:
        """One of many results: a JSON object a line, or a line of text."""
        if self.json:
            self._json(value, sys.stdout)
        else:
            print_line(said, sys.stdout)

    def table(self, heads: Sequence[Text], rows: Sequence[Sequence[str]]) -> None:
        """Rows under their heads, columns as wide as they need (text only)."""
        lines = [[self.language.render(head) for head in heads], *rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
        for line in lines:
            cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
            print_line("  ".join(cells).rstrip(), sys.stdout)

    def problem(self, problem: Problem) -> None:
        """An error in its three sentences, the detail below; as JSON on standard error with `json`."""
        self._end_line()
        if self.json:
            self._json({"error": self.shown(problem)}, sys.stderr)
            return
        for sentence in (problem.what, problem.means, problem.next):
            print_line(self.language.render(sentence), sys.stderr)
        if problem.detail:
            print_line("", sys.stderr)
            print_line(problem.detail, sys.stderr)
        print_line(f"[{problem.code}]", sys.stderr)

    def shown(self, problem: Problem | None) -> dict[str, str] | None:
        """An error as JSON shows it: rendered sentences and the stable code."""
        if problem is None:
            return None
        render = self.language.render
        return {
            "code": problem.code,
            "what": render(problem.what),
            "means": render(problem.means),
            "next": render(problem.next),
            "detail": problem.detail,
        }

    def progress(self, batch: Sequence[Told]) -> None:
        """What a run told: JSON lines, or short sentences and one moving line on a terminal."""
        if self.quiet:
            return
        for event in batch:
            if self.json:
                if not isinstance(event, LogLines):
                    self._json(event, sys.stderr)
            else:
                self._told(event)

    def interrupted(self, run: Run) -> None:
        """A run whose program had died was found at the start: what that means, and what to do."""
        if self.quiet or run.error is None:
            return
        if self.json:
            found = {"event": "run-interrupted", "site": run.site, "run": run.id, "type": run.kind}
            self._json(found | {"error": self.shown(run.error)}, sys.stderr)
            return
        self._say(text("{kind} {run} of {site} was interrupted.", kind=run.kind, run=run.short_id, site=run.site))
        for sentence in (run.error.what, run.error.means, run.error.next):
            self._say(text("      {sentence}", sentence=sentence))

    def _told(self, event: Told) -> None:
        match event:
            case StepStarted():
                step = text("[{number}/{of}] {title}", number=event.number, of=event.of, title=event.title)
                self._say(step)
            case Progress():
                self._moving(event)
            case StepFinished(outcome=StepOutcome.FAILED, error=Problem() as error):
                self._say(text("      failed: {what}", what=error.what))
            case ItemFinished() if event.item.status is not ItemStatus.FAILED and event.item.bytes:
                size, added = Size(event.item.bytes), Size(event.item.added)
                self._say(text("      {size} read, {added} added", size=size, added=added))
            case Warned():
                self._say(text("      warning: {what}", what=event.warning.what))
            case StepFinished() | ItemFinished() | RolledBack() | SiteTurned() | RunClosed() | LogLines():
                pass

    def _moving(self, event: Progress) -> None:
        if not sys.stderr.isatty():
            return
        done = self.language.size(event.bytes)
        of = f" / {self.language.size(event.total_bytes)}" if event.total_bytes else ""
        speed = f"  {self.language.size(int(event.speed))}/s" if event.speed else ""
        left = f"  {self.language.duration(event.remaining)}" if event.remaining >= 0 else ""
        sys.stderr.write(f"\r      {done}{of}{speed}{left}\x1b[K")
        sys.stderr.flush()
        self._line_open = True

    def _say(self, sentence: Text) -> None:
        self._end_line()
        print_line(self.language.render(sentence), sys.stderr)

    def _end_line(self) -> None:
        if self._line_open:
            sys.stderr.write("\r\x1b[K")
            self._line_open = False

    def moment(self, at: datetime | None) -> str:
        """A time in the local zone with its age."""
        return self.language.moment(at, datetime.now(UTC)) if at is not None else ""

    def _json(self, value: object, stream: TextIO) -> None:
        stream.write(msgspec.json.encode(self._plain(value)).decode() + "\n")
        stream.flush()

    def _plain(self, value: object) -> Any:
        """Sentences rendered, bytes of names made printable, all else as msgspec has it."""
        if isinstance(value, Problem):
            return self.shown(value)
        if isinstance(value, Text):
            return self.language.render(value)
        if isinstance(value, msgspec.Struct):
            return self._plain_struct(value)
        if isinstance(value, dict):
            return {printable(str(key)): self._plain(field) for key, field in value.items()}
        if isinstance(value, list | tuple):
            return [self._plain(entry) for entry in value]
        return printable(value) if isinstance(value, str) else value

    def _plain_struct(self, value: msgspec.Struct) -> dict[str, Any]:
        tag, tag_field = value.__struct_config__.tag, value.__struct_config__.tag_field
        kind = {tag_field: tag} if tag_field else {}
        return kind | {name: self._plain(getattr(value, name)) for name in value.__struct_fields__}


def printable(name: str) -> str:
    """A file name whose bytes are no text shows them as `\\xNN`, so that any terminal and any JSON reader takes it."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def print_line(line: str, stream: TextIO) -> None:
    """Writes a line that any terminal takes, whatever its encoding."""
    encoding = stream.encoding or "utf-8"
    stream.write(printable(line).encode(encoding, "replace").decode(encoding) + "\n")
