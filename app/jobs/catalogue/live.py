"""Compares what a point has of a site's files with what is live now: name by name, with sizes, and memory stays flat.

The point's names come out of its index, the live ones are gathered in a table beside it that has no name on the disk.
Contents are not read: a file counts as the same when its size and its time are.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

from app.foundation.blocking import Blocking
from app.hosts.host import Below, FileKind, Host
from app.jobs.catalogue.rows import Name
from app.jobs.catalogue.tree_file import TreeFile
from app.jobs.compare import Difference, Kind
from app.jobs.restore.listing import st_mode
from app.jobs.sources.files import OURS
from app.jobs.swap.patterns import is_meant
from app.settings.model import Source
from app.tools.restic.names import shown, stored_path

_TYPES = {FileKind.FILE: "file", FileKind.FOLDER: "dir", FileKind.LINK: "symlink"}
_AT_ONCE = 1000
_TABLE = """
CREATE TABLE live (
    path TEXT PRIMARY KEY, type TEXT, size INTEGER, modified INTEGER, mode INTEGER, uid INTEGER, gid INTEGER
) WITHOUT ROWID
"""

Take = Callable[[Difference], Awaitable[None]]

_Live = tuple[str, int, int, int, int, int]
"""Type, size, time in microseconds, mode, owner, group."""


async def compare_with_live(tree: TreeFile, host: Host, source: Source, blocking: Blocking, take: Take) -> None:
    """Tells what is different of one source: `before` is the point, `after` what is live.

    What the source leaves out of backups is left out here, too.
    """
    modes = (await host.facts()).system != "windows"
    names = _LiveNames(modes=modes)
    try:

        async def take_live(batch: Sequence[Below]) -> None:
            meant = [found for found in batch if is_backed_up(source, shown(found.path))]
            await blocking.call("files", partial(names.add, meant))

        await host.walk(source.root, take_live)
        rows = names.differences(tree, source)
        while some := await blocking.call("files", partial(next, rows, [])):
            for row in some:
                await take(row)
    finally:
        await blocking.call("files", names.close)


def is_backed_up(source: Source, path: str) -> bool:
    """Whether a live name, as seen from the source's root, would come into a backup."""
    if source.include and not is_meant(path, source.include) and not _leads_to(path, source.include):
        return False
    name = path.rpartition("/")[2]
    return not name.startswith(OURS) and not is_meant(path, source.exclude, hidden=True)


def _leads_to(path: str, parts: Sequence[str]) -> bool:
    return any(part.startswith(f"{path}/") for part in parts)


class _LiveNames:
    """The names below a live root; all of it blocks."""

    def __init__(self, *, modes: bool) -> None:
        self._modes = modes
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(_TABLE)

    def add(self, batch: Sequence[Below]) -> None:
        """Some more of them."""
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR REPLACE INTO live VALUES (?,?,?,?,?,?,?)", map(_row, batch))
        self._database.execute("COMMIT")

    def differences(self, tree: TreeFile, source: Source) -> Iterator[list[Difference]]:
        """What is different, some of it at a time; what is met here is taken out, so that only new names remain."""
        top = stored_path(source.root).rstrip("/")
        for names in tree.every_name(top):
            if found := [row for name in names if (row := self._judged(source.name, top, name)) is not None]:
                yield found
        rest = self._database.execute("SELECT path, type, size FROM live ORDER BY path")
        while some := rest.fetchmany(_AT_ONCE):
            yield [Difference(source.name, f"{top}/{path}", Kind.ADDED, type_, 0, size) for path, type_, size in some]

    def _judged(self, source: str, top: str, name: Name) -> Difference | None:
        path = name.path[len(top) + 1 :]
        found = self._database.execute(
            "DELETE FROM live WHERE path = ? RETURNING type, size, modified, mode, uid, gid", (path,)
        ).fetchone()
        was = 0 if name.is_folder else name.size
        if found is None:
            return Difference(source, name.path, Kind.REMOVED, name.type, was, 0)
        kind = self._kind(name, found)
        return None if kind is None else Difference(source, name.path, kind, found[0], was, found[1])

    def _kind(self, name: Name, live: _Live) -> Kind | None:
        type_, size, modified, mode, uid, gid = live
        if name.type != type_ and not (type_ == "" and name.type not in _TYPES.values()):
            return Kind.TYPE
        if name.type == "file" and (name.size, name.modified) != (size, modified):
            return Kind.MODIFIED
        is_asked = self._modes and name.type in ("file", "dir")
        return Kind.METADATA if is_asked and (st_mode(name.mode), name.uid, name.gid) != (mode, uid, gid) else None

    def close(self) -> None:
        """What was gathered is gone."""
        with contextlib.suppress(sqlite3.Error):  # it is nowhere but in memory and in a file without a name
            self._database.close()


def _row(found: Below) -> tuple[str | int, ...]:
    stat = found.stat
    size = stat.size if stat.kind is FileKind.FILE else 0
    modified = stat.modified // 1000
    return shown(found.path), _TYPES.get(stat.kind, ""), size, modified, stat.mode, stat.uid, stat.gid
