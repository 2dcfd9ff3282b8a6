"""The names of one snapshot's tree in a file: listed folder by folder, and searched, in milliseconds.

The file is SQLite. Beside the rows it holds the names once more, some thousands to a block, without case: to look
through these is quicker than any index over them, and costs next to nothing to make.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.foundation.errors import UserError
from app.foundation.words import text
from app.jobs.catalogue.needle import Needle, folded
from app.jobs.catalogue.rows import Level, Name
from app.tools.restic.output import Entry

FORMAT = 1
"""Goes up with every change of what stands in the file; it is in the file's name, so that others are not found."""

IN_BLOCK = 4096  # names
PAGE = 512
"""So many names of a folder are told at once."""

_PAGE_BYTES = 8192
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TABLES = f"""
PRAGMA page_size = {_PAGE_BYTES};
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -8192;
CREATE TABLE names (
    id INTEGER PRIMARY KEY, folder INTEGER NOT NULL, rank INTEGER NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL,
    size INTEGER NOT NULL, modified INTEGER, mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL
);
CREATE TABLE folders (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, names INTEGER NOT NULL, bytes INTEGER NOT NULL
);
CREATE TABLE blocks (first INTEGER PRIMARY KEY, folded BLOB NOT NULL);
"""
_INDEXES = """
CREATE INDEX names_of_folder ON names (folder, rank);
CREATE INDEX folder_of_path ON folders (path);
"""
_NAME = """
SELECT name.id, name.rank, holder.path, name.name, name.type, coalesce(inside.bytes, name.size), name.modified,
       coalesce(inside.names, -1), name.mode, name.uid, name.gid
FROM names AS name JOIN folders AS holder ON holder.id = name.folder LEFT JOIN folders AS inside ON inside.id = name.id
"""
_LEVEL = f"""{_NAME}
WHERE name.folder = ? AND (name.rank, name.id) > (?, ?) ORDER BY name.rank, name.id LIMIT ?"""


class DamagedTree(Exception):
    """The file is not what was written: it has to be made anew."""


@dataclass
class _Open:
    """A folder whose names are being read."""

    id: int
    path: str
    names: int = 0
    bytes: int = 0


class TreeWriter:
    """Writes such a file out of restic's listing, which walks each folder before the name after it. Blocks."""

    def __init__(self, file: Path) -> None:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.executescript(_TABLES)
        self._database.execute("BEGIN")
        self._stack = [_Open(0, "/")]
        self._block: list[str] = []
        self._closed: list[tuple[int, str, int, int]] = []
        self.count = 0

    def add(self, entries: Sequence[Entry]) -> None:
        """The next names, in the listing's order."""
        self._database.executemany("INSERT INTO names VALUES (?,?,?,?,?,?,?,?,?,?)", map(self._row, entries))
        self._write_folders()

    def _row(self, entry: Entry) -> tuple[int | str | None, ...]:
        folder, _, name = entry.path.rpartition("/")
        holder = self._holder(folder or "/")
        self.count += 1
        size = entry.size if entry.type == "file" else 0
        holder.names += 1
        holder.bytes += size
        self._block.append(name)
        if len(self._block) == IN_BLOCK:
            self._write_block()
        if entry.type == "dir":
            self._stack.append(_Open(self.count, entry.path))
        rank = entry.type != "dir"
        when = microseconds(entry.mtime)
        return self.count, holder.id, rank, name, entry.type, size, when, entry.mode, entry.uid, entry.gid

    def _holder(self, path: str) -> _Open:
        while self._stack[-1].path != path:
            if len(self._stack) == 1:
                raise _unordered(path)
            self._close_folder()
        return self._stack[-1]

    def _close_folder(self) -> None:
        done = self._stack.pop()
        if self._stack:
            self._stack[-1].bytes += done.bytes
        self._closed.append((done.id, done.path, done.names, done.bytes))

    def _write_folders(self) -> None:
        self._database.executemany("INSERT INTO folders VALUES (?,?,?,?)", self._closed)
        self._closed.clear()

    def _write_block(self) -> None:
        first = self.count - len(self._block) + 1
        self._database.execute("INSERT INTO blocks VALUES (?,?)", (first, folded(self._block)))
        self._block.clear()

    def finish(self) -> None:
        """All names were added: the file is whole."""
        while self._stack:
            self._close_folder()
        self._write_folders()
        if self._block:
            self._write_block()
        self._database.execute("COMMIT")
        self._database.executescript(_INDEXES)
        self.close()

    def close(self) -> None:
        """Lets go of the file; also when it did not become whole."""
        self._database.close()


class TreeFile:
    """Such a file, for reading. All of it blocks; raises `DamagedTree`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection for one question: nothing is held between two, so the file may be dropped at any time."""
        try:
            address = f"{self._file.as_uri()}?immutable=1"
            with contextlib.closing(sqlite3.connect(address, uri=True, check_same_thread=False)) as database:
                yield database
        except (sqlite3.Error, UnicodeDecodeError, TypeError) as error:
            raise DamagedTree(str(error)) from error

    def level(self, path: str, after: tuple[int, int] | None = None, limit: int = PAGE) -> Level | None:
        """Names of a folder, from the beginning or `after` what the last answer said; None where there is none."""
        with self._open() as database:
            found = database.execute("SELECT id FROM folders WHERE path = ?", (path,)).fetchall()
            if not found:
                return None
            # Several are shown alike where their names are no UTF-8: then the first one is meant.
            asked = (found[0][0], *(after or (-1, -1)), limit + 1)
            rows = database.execute(_LEVEL, asked).fetchall()
        rest = rows[limit - 1][1::-1] if len(rows) > limit else None
        return Level(tuple(map(_name, rows[:limit])), rest)

    def find(self, wanted: str, limit: int) -> list[Name]:
        """The first names that are meant, in the order of the tree."""
        needle, found = Needle(wanted), list[Name]()
        with self._open() as database:
            for first, block in database.execute("SELECT first, folded FROM blocks ORDER BY first"):
                for row in needle.rows(block):
                    found.append(_name(database.execute(f"{_NAME} WHERE name.id = ?", (first + row,)).fetchone()))
                    if len(found) == limit:
                        return found
        return found

    def every_name(self, below: str) -> Iterator[list[Name]]:
        """All names below a folder, some thousands at a time; the folder itself is not among them."""
        top = f"{below.rstrip('/')}/"
        with self._open() as database:
            rows = database.execute(f"{_NAME} ORDER BY name.id")
            while some := rows.fetchmany(IN_BLOCK):
                yield [name for name in map(_name, some) if name.path.startswith(top)]


def _name(row: tuple[int, int, str, str, str, int, int | None, int, int, int, int]) -> Name:
    _, _, folder, name, type_, size, modified, names, mode, uid, gid = row
    return Name(f"{folder.rstrip('/')}/{name}", type_, size, modified, names, mode, uid, gid)


def microseconds(time: str) -> int | None:
    """A time as restic writes it, in microseconds since 1970; None for one that no calendar of ours has."""
    try:
        return (datetime.fromisoformat(time) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError, TypeError):
        return None


def _unordered(path: str) -> UserError:
    return UserError(
        text("restic listed a name of a folder that it had not named before ({path}).", path=path),
        text("The list of names is not kept, so that nothing is missing from it unseen; the data is untouched."),
        text("Folders can be looked into one by one. Check which restic is in use."),
        "restic.unclear-answer",
    )
