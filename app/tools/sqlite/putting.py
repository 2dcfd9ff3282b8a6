"""Puts all that a copy holds into a live database, by SQLite's own backup: in one transaction, seen by who has it open.

A file renamed or copied over a live database would be mixed with the log of the other one. Which of two states is in
it, when a process died over this, is told by a mark: a table that comes in the same transaction, and goes afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Host
from app.tools.sqlite.errors import from_words
from app.tools.sqlite.programs import Opener

MARK = "__overwinter_restore"

_READS_MARK = f"SELECT count(*) FROM sqlite_master WHERE name = '{MARK}'"
_UNMARKS = f'DROP TABLE IF EXISTS "{MARK}"'


class Kind(msgspec.Struct, frozen=True):
    """How a database is kept: the size of its pages, and whether its changes go into a log beside it."""

    page_size: int
    is_wal: bool


class LiveDatabase(msgspec.Struct, frozen=True):
    """The database at `path`, which others may have open; `folder` is one for temporary files."""

    host: Host
    program: Opener
    path: str
    folder: str

    async def kind(self) -> Kind:
        """How it is kept."""
        size, mode = await self._told("PRAGMA page_size", "PRAGMA journal_mode")
        return Kind(int(size), mode.lower() == "wal")

    async def mark(self) -> str:
        """What its mark says; "" where it has none."""
        (count,) = await self._told(_READS_MARK)
        if count == "0":
            return ""
        return "\n".join(await self._told(f'SELECT state FROM "{MARK}"'))

    async def unmark(self) -> None:
        """Removes the mark, where there is one."""
        if await self.mark():
            await self._told(_UNMARKS)

    async def give_mark(self, state: str, like: Kind) -> None:
        """Marks a copy that nobody else has open, and makes it fit to be put into a database of that kind: a log beside
        it would be left behind, and in a database with a log pages keep their size.
        """
        quoted = state.replace("'", "''")
        await self._told(
            "PRAGMA journal_mode = DELETE",
            _UNMARKS,
            f'CREATE TABLE "{MARK}" (state TEXT)',
            f"INSERT INTO \"{MARK}\" VALUES ('{quoted}')",
        )
        if like.is_wal and (await self.kind()).page_size != like.page_size:
            await self._told(f"PRAGMA page_size = {like.page_size}", "VACUUM")

    async def put(self, folder: str, name: str) -> None:
        """All of it becomes what the file `name` of `folder` holds, or nothing of it."""
        await self._run(self.program.put(folder, name, self.path))

    async def _told(self, *statements: str) -> list[str]:
        return await self._run(self.program.tell(self.path, self.folder, statements))

    async def _run(self, command: Command) -> list[str]:
        finished = await self.host.run(command)
        if finished.code != 0:
            said = (finished.stderr or finished.stdout).decode("utf-8", "replace").strip()
            raise _not_put(self.path, from_words(self.path, said or f"exit code {finished.code}"))
        return finished.stdout.decode("utf-8", "replace").splitlines()


def _not_put(path: str, error: UserError) -> UserError:
    why = error.problem
    return UserError(
        why.what,
        text("Nothing was put into {database}: it is as it was.", database=path),
        why.next,
        why.code,
        why.detail,
    )


def names_beside(path: str) -> Sequence[str]:
    """The database's file, and those that SQLite keeps beside it."""
    return [f"{path}{end}" for end in ("", "-journal", "-wal", "-shm")]
