"""Copies a live database as it was in one moment, and says what the copy holds.

The copy is made by SQLite's own backup: a file copy of a live database may hold half of a change. SQLite copies the
pages of a damaged database as they are and calls it success, so the copy is checked before it counts.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from app.hosts.host import Command, FileKind, Host
from app.tools.sqlite.errors import damaged, empty, from_words, missing, no_file, no_room
from app.tools.sqlite.programs import Opener

LARGEST_ANSWER = 16 * 1024 * 1024
ROOM_TO_SPARE = 64 * 1024 * 1024
"""Bytes that stay free on the disk with temporary files."""

COUNTED_AT_ONCE = 400
"""Tables in one question."""

_FACTS = (
    "SELECT 'problem ' || replace(integrity_check, char(10), ' ') FROM pragma_integrity_check(20)"
    " WHERE integrity_check <> 'ok'",
    "SELECT 'page_size ' || page_size FROM pragma_page_size",
    "SELECT 'encoding ' || encoding FROM pragma_encoding",
    "SELECT 'user_version ' || user_version FROM pragma_user_version",
    "SELECT 'application_id ' || application_id FROM pragma_application_id",
    "SELECT 'sqlite_version ' || sqlite_version()",
    # A virtual table has no rows of its own: those that it keeps stand in plain tables beside it.
    "SELECT 'table ' || hex(name) FROM sqlite_master"
    " WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    " AND sql NOT LIKE 'CREATE VIRTUAL %' ORDER BY name",
)


class SqliteFacts(msgspec.Struct, frozen=True):
    """What a database says of itself; `user_version` and `application_id` are its program's own numbers."""

    sqlite_version: str
    page_size: int
    encoding: str
    user_version: int
    application_id: int


class Copied(msgspec.Struct, frozen=True):
    """A copy: what it says of itself, and the rows of its tables."""

    facts: SqliteFacts
    rows: dict[str, int]


async def copy_database(host: Host, program: Opener, database: str, folder: str, name: str) -> Copied:
    """Copies the database at `database` (absolute) to the file `name` of `folder`, and looks at the copy.

    Writers go on meanwhile where the database is in WAL mode, and else wait as for any other reader. Raises
    `UserError` `sqlite.…`; then what stands at `name` is of no use.
    """
    copying = _Copying(host, program, database, folder, name)
    await copying.check_room()
    await copying.lines(program.copy(database, folder, name))
    return await look_into(host, program, database, folder, name)


async def look_into(host: Host, program: Opener, database: str, folder: str, name: str) -> Copied:
    """Looks into a copy that nobody else has open, the file `name` of `folder`, from end to end.

    `database` is what it is a copy of, for the errors: `sqlite.damaged` and others.
    """
    copying = _Copying(host, program, database, folder, name)
    said = [line.partition(" ")[::2] for line in await copying.ask(_FACTS)]
    problems = [rest for word, rest in said if word == "problem"]
    if problems:
        raise damaged(database, "\n".join(problems))
    rows = await copying.rows([_name(rest) for word, rest in said if word == "table"])
    return Copied(msgspec.convert(dict(said), SqliteFacts, strict=False), rows)


async def look_at(host: Host, program: Opener, database: str, folder: str) -> int:
    """Opens the live database and reads its schema, as a copy begins; its size in bytes. Raises `UserError` `sqlite.…`.

    Nobody who writes waits. `folder` is one for temporary files.
    """
    copying = _Copying(host, program, database, folder, "")
    beside = await host.stat(f"{database}-wal")
    size = await copying.size(in_use=beside is not None)
    await copying.lines(program.look(database, folder))
    return size


@dataclass(frozen=True)
class _Copying:
    """One copy under way."""

    host: Host
    program: Opener
    database: str
    folder: str
    name: str

    async def check_room(self) -> None:
        """The copy takes as much as the file and its log together."""
        beside = await self.host.stat(f"{self.database}-wal")
        needed = await self.size(in_use=beside is not None) + (beside.size if beside is not None else 0)
        free = await self.host.free_space(self.folder)
        if free < needed + ROOM_TO_SPARE:
            raise no_room(self.database, needed + ROOM_TO_SPARE, free)

    async def size(self, *, in_use: bool) -> int:
        """The size of the file; a link to it is followed by SQLite, and its size is not known here."""
        found = await self.host.stat(self.database)
        if found is None:
            raise missing(self.database)
        if found.kind in (FileKind.FOLDER, FileKind.OTHER):  # SQLite would wait for a pipe without end
            raise no_file(self.database)
        if found.kind is FileKind.FILE and found.size == 0 and not in_use:
            raise empty(self.database)
        return found.size if found.kind is FileKind.FILE else 0

    async def rows(self, tables: Sequence[str]) -> dict[str, int]:
        """The rows of each table of the copy."""
        counts: list[int] = []
        for first in range(0, len(tables), COUNTED_AT_ONCE):
            asked = [_count_of(table) for table in tables[first : first + COUNTED_AT_ONCE]]
            counts += [int(line) for line in await self.ask(asked)]
        return dict(zip(tables, counts, strict=True))

    async def ask(self, statements: Sequence[str]) -> list[str]:
        """What the copy answers, line by line."""
        return await self.lines(self.program.ask(self.folder, self.name, statements))

    async def lines(self, command: Command) -> list[str]:
        """The lines that the program printed; raises what its refusal means."""
        finished = await self.host.run(command, keep=LARGEST_ANSWER)
        if finished.code != 0 or finished.cut:
            said = (finished.stderr or finished.stdout[-4000:]).decode("utf-8", "replace").strip()
            raise from_words(self.database, said or f"exit code {finished.code}")
        return finished.stdout.decode("utf-8", "replace").splitlines()


def _count_of(table: str) -> str:
    quoted = table.replace('"', '""')
    return f'SELECT count(*) FROM "{quoted}"'


def _name(hexadecimal: str) -> str:
    return binascii.unhexlify(hexadecimal).decode("utf-8", "replace")
