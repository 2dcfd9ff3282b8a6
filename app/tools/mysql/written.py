"""Reads a dump that was written, as it comes out of the repository: whether it is whole, and the rows it holds.

mariadb-dump and mysqldump keep to a form that makes this exact without understanding SQL: a statement begins a line,
line breaks within texts are escaped, bytes are in hexadecimal, and bodies of routines stand between DELIMITER lines.
So within an INSERT every parenthesis that opens outside a text opens a row.
"""

from __future__ import annotations

import re

COMPLETED = b"-- Dump completed"
"""The last line of every dump that was written to its end."""

LONGEST_HEAD = 4 * 1024 * 1024
"""Bytes up to VALUES: 4096 columns with the longest names take less."""

_NAME = rb"`((?:[^`]|``)+)`"
_TABLE = re.compile(rb"CREATE TABLE " + _NAME + rb" ")
_INSERT = re.compile(rb"INSERT INTO " + _NAME + rb"(?: \((?:[^`)]|`(?:[^`]|``)+`)*\))? VALUES\s")
_BEGINNINGS = {b"CREATE TABLE `": _TABLE, b"INSERT INTO `": _INSERT}
_ENDS = b";\n"


class WrittenDump:
    """Takes a dump in pieces (`take` is a sink) and holds little of it: the statement's head at most.

    `rows` counts the rows of each table, 0 for one that has none; `size` is how many bytes were taken.
    """

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.size = 0
        self._held = b""
        self._table: str | None = None
        self._in_text = False
        self._in_body = False
        self._last_line = b""

    @property
    def whole(self) -> bool:
        """Whether it ended as only a finished dump does."""
        ended = self._table is None and not self._in_body
        return ended and (self._held or self._last_line).startswith(COMPLETED)

    def take(self, piece: bytes) -> None:
        """The next piece."""
        self.size += len(piece)
        content, at = self._held + piece, 0
        while (after := self._step(content, at)) is not None:
            at = after
        self._held = content[at:]

    def _step(self, content: bytes, at: int) -> int | None:
        """Where the next thing begins after taking note of one; None when more has to come first."""
        if self._table is not None:
            return self._rows(content, at, self._table)
        for beginning, form in _BEGINNINGS.items():
            if not self._in_body and content.startswith(beginning, at):
                return self._head(content, at, form)
        return self._line(content, at)

    def _head(self, content: bytes, at: int, form: re.Pattern[bytes]) -> int | None:
        found = form.match(content, at)
        if found is None:
            return None if len(content) - at < LONGEST_HEAD else self._line(content, at)
        name = found[1].replace(b"``", b"`").decode("utf-8", "replace")
        self.rows.setdefault(name, 0)
        if form is _INSERT:
            self._table, self._in_text = name, False
        return found.end()

    def _rows(self, content: bytes, at: int, table: str) -> int | None:
        """Counts rows up to the statement's end, or as far as the content goes."""
        end = content.find(_ENDS, at)
        if end >= 0:
            self._count(content[at:end], table)
            self._table = None
            return end + len(_ENDS)
        # What a backslash stands before, and whether a semicolon ends a line, is known only with the next piece.
        known = content[at:].rstrip(b"\\;")
        if not known:
            return None
        self._count(known, table)
        return at + len(known)

    def _count(self, content: bytes, table: str) -> None:
        parts = content.replace(b"\\\\", b"").replace(b"\\'", b"").split(b"'")
        self.rows[table] += b"".join(parts[self._in_text :: 2]).count(b"(")
        self._in_text ^= len(parts) % 2 == 0

    def _line(self, content: bytes, at: int) -> int | None:
        end = content.find(b"\n", at)
        if end < 0:
            return None
        line = content[at:end]
        if line.startswith(b"DELIMITER "):
            self._in_body = line.strip() != b"DELIMITER ;"
        self._last_line = line or self._last_line
        return end + 1
