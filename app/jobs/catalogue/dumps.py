"""The databases of a recovery point: what each dump holds, as its manifest says."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from app.jobs.catalogue.members import DUMPED, Member
from app.jobs.manifest import SourceEntry, TableRows
from app.jobs.restore.contents import Contents

_DUMPED = frozenset(kind.value for kind in DUMPED)


class Dump(msgspec.Struct, frozen=True):
    """One dump. `path` is where it stands in its snapshot, "" where that is not known; `bytes` is its size.

    `server` is the version of what it was dumped from; `tables` are None where nobody has counted them.
    """

    source: str
    snapshot: str
    kind: str
    bytes: int
    path: str = ""
    server: str = ""
    tables: tuple[TableRows, ...] | None = None

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(table.rows for table in self.tables or ())


def dumps_of(contents: Contents) -> list[Dump]:
    """The dumps that are in the point."""
    return [_dump(entry) for entry in contents.entries if entry.kind in _DUMPED and entry.snapshot]


def dumps_of_members(members: Iterable[Member]) -> list[Dump]:
    """What is known without the manifest."""
    return [Dump(one.source, one.snapshot, one.kind, one.bytes) for one in members if one.is_database]


def _dump(entry: SourceEntry) -> Dump:
    return Dump(
        source=entry.source,
        snapshot=entry.snapshot,
        kind=entry.kind,
        bytes=entry.bytes,
        path=entry.path,
        server=_server_of(entry),
        tables=_tables_of(entry),
    )


def _server_of(entry: SourceEntry) -> str:
    if entry.dump is not None:
        return f"PostgreSQL {entry.dump.database.server_version}"
    if entry.sql_dump is not None:
        return f"{entry.sql_dump.database.server} {entry.sql_dump.database.server_version}"
    return "SQLite" if entry.copy is not None else ""


def _tables_of(entry: SourceEntry) -> tuple[TableRows, ...] | None:
    if entry.dump is not None:
        return tuple(TableRows(f"{one.schema}.{one.table}", one.rows) for one in entry.dump.counts.tables)
    if entry.sql_dump is not None:
        return entry.sql_dump.tables
    return entry.copy.tables if entry.copy is not None else None
