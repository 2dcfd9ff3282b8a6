"""The manifest: the last snapshot of a recovery point, which says what the point is made of.

It stands in the repository at `/manifest.json`, so that a bare laptop with the repository alone finds everything:
the sources with their snapshots, sizes and counts, the versions of what made them, and the site file (without
secrets). Snapshot ids are hashes over all content, so naming them also fixes every byte they hold.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.foundation.errors import UserError
from app.foundation.events import ItemStatus
from app.foundation.words import text
from app.jobs.accounts import Accounts
from app.tools.mysql.facts import MysqlFacts
from app.tools.postgres.facts import DatabaseFacts
from app.tools.postgres.snapshot import Counts, TableChecksum
from app.tools.sqlite.copying import SqliteFacts

MANIFEST_NAME = "manifest.json"
FORMAT = 1


class TreeFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a tree of files says of itself: how many files, the deployed commit, the lock file's SHA-256 (hex), and who
    the numbers of owners were on its host."""

    root: str
    files: int
    git_commit: str = ""
    composer_lock_sha256: str = ""
    accounts: Accounts = Accounts()


class DumpFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a database's dump holds, counted in the very moment that was dumped, and what made it.

    `checksums` are those of the small tables.
    """

    dumped_by: str
    database: DatabaseFacts
    counts: Counts
    checksums: tuple[TableChecksum, ...] = ()


class TableRows(msgspec.Struct, frozen=True):
    """The rows of one table."""

    table: str
    rows: int


class SqlDumpFacts(msgspec.Struct, frozen=True):
    """What a dump of MySQL or MariaDB holds, counted in the dump itself as it stands in the repository."""

    dumped_by: str
    database: MysqlFacts
    tables: tuple[TableRows, ...]


class FileFacts(msgspec.Struct, frozen=True):
    """Whose a file was, and who could use it."""

    mode: int
    uid: int
    gid: int


class CopyFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the copy of a SQLite database holds, and what made it; Overwinter's own records say no more of it.

    `file` is of the live one; None where it is known by a link alone.
    """

    copied_by: str
    tables: tuple[TableRows, ...]
    database: SqliteFacts | None = None
    file: FileFacts | None = None


class SourceEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One source of the point. `path` is where its content stands in its snapshot; sizes are in bytes."""

    source: str
    layer: str
    kind: str
    host: str
    status: ItemStatus
    snapshot: str = ""
    path: str = ""
    bytes: int = 0
    added: int = 0
    missing: tuple[str, ...] = ()
    missing_count: int = 0
    error_code: str = ""
    tree: TreeFacts | None = None
    dump: DumpFacts | None = None
    sql_dump: SqlDumpFacts | None = None
    copy: CopyFacts | None = None


class Manifest(msgspec.Struct, frozen=True):
    """What one recovery point is made of."""

    format: int
    run: str
    site: str
    title: str
    made: datetime
    made_by: str
    """Overwinter's version."""
    computer: str
    restic: str
    type: str
    """full, part when not every enabled source was asked for, or safety."""
    complete: bool
    sources: tuple[SourceEntry, ...]
    site_file: str


def encode(manifest: Manifest) -> bytes:
    """As it stands in the repository: JSON, indented, for people's eyes too."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def decode(content: bytes) -> Manifest:
    """Reads a manifest; raises `UserError` for a damaged one and one of a newer version."""
    try:
        header = msgspec.json.decode(content, type=_Header)
        if header.format > FORMAT:
            raise _newer()
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UserError(
            text("The manifest of this recovery point cannot be read."),
            text("Its snapshots are still there; what belongs together is not certain."),
            text("Use another point, or open its snapshots one by one."),
            "manifest.unreadable",
            str(error),
        ) from error


class _Header(msgspec.Struct):
    format: int


def _newer() -> UserError:
    return UserError(
        text("This recovery point was made by a newer Overwinter."),
        text("Nothing is wrong with it."),
        text("Update Overwinter on this computer."),
        "manifest.newer",
    )
