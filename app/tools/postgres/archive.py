"""What the beginning of a dump in pg_dump's own format says of it: of which database it is.

The layout is that of `ReadHead` in PostgreSQL's pg_backup_archiver.c, format versions 1.4 (PostgreSQL 7.4) and newer.
"""

from __future__ import annotations

MAGIC = b"PGDMP"
LONGEST_HEAD = 4096
"""Bytes that hold everything up to the database's name."""

_NAMES_COMPRESSION = (1, 15)
"""From this format version on (PostgreSQL 16) one byte names how the dump is compressed, instead of a number."""

_TIME_FIELDS = 7


def database_in(head: bytes) -> str | None:
    """The name of the database that was dumped; None when this is no beginning of such a dump."""
    try:
        return _Reader(head).database()
    except (IndexError, ValueError):
        return None


class _Reader:
    """Reads one value after the other."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._at = 0
        self._width = 4

    def database(self) -> str | None:
        if self._take(len(MAGIC)) != MAGIC:
            return None
        version = (self._byte(), self._byte())
        self._byte()  # the revision
        self._width = self._byte()
        self._byte()  # the width of an offset
        self._byte()  # the format
        if version >= _NAMES_COMPRESSION:
            self._byte()
        else:
            self._number()
        for _ in range(_TIME_FIELDS):
            self._number()
        return self._take(self._number()).decode("utf-8", "replace")

    def _take(self, count: int) -> bytes:
        taken = self._head[self._at : self._at + count]
        if count < 0 or len(taken) < count:
            raise ValueError
        self._at += count
        return taken

    def _byte(self) -> int:
        return self._take(1)[0]

    def _number(self) -> int:
        """A sign, then the bytes, the lowest first."""
        negative = self._byte()
        value = int.from_bytes(self._take(self._width), "little")
        return -value if negative else value
