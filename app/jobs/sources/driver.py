"""What all drivers have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.errors import Problem
from app.foundation.events import ItemStatus
from app.jobs.manifest import CopyFacts, DumpFacts, SqlDumpFacts, TreeFacts
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.tools.found import Versions
from app.tools.restic.repository import Restic

RecordsWriter = Callable[[str, str], Awaitable[Mapping[str, int]]]


class Equipment(msgspec.Struct, frozen=True):
    """What drivers work with on this computer: threads for what blocks, and what programs said of their versions.

    `python` is the path of the Python that this program runs on, "" where it is packed with the program. `records`
    writes Overwinter's own records of a site into a new file at a path, and gives the rows of its tables.
    """

    blocking: Blocking
    versions: Versions
    python: str
    records: RecordsWriter


class Intake(msgspec.Struct, frozen=True):
    """Where a source goes: its site, the repository as its host reaches it, its snapshot's tags, how fast it goes."""

    site: str
    restic: Restic
    tags: tuple[str, ...]
    pace: Pace


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """What was captured. `path` is where it stands in its snapshot; sizes are in bytes.

    A source that was taken but for some files is PARTIAL, with `error` saying so and the files in `missing`.
    """

    snapshot: str
    path: str
    bytes: int
    added: int
    status: ItemStatus = ItemStatus.SUCCESS
    error: Problem | None = None
    missing: tuple[str, ...] = ()
    missing_count: int = 0
    tree: TreeFacts | None = None
    dump: DumpFacts | None = None
    sql_dump: SqlDumpFacts | None = None
    copy: CopyFacts | None = None


def nothing_captured(error: Problem) -> Captured:
    """What a source that failed comes to."""
    return Captured(snapshot="", path="", bytes=0, added=0, status=ItemStatus.FAILED, error=error)


class Capturable(Protocol):
    """A source that can be backed up."""

    async def capture(self, ctx: Ctx, intake: Intake) -> Captured:
        """Takes it into the repository as one snapshot. Raises `UserError`; then there is no snapshot of it."""
