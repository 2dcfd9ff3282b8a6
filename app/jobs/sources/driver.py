"""What all drivers have in common."""

from __future__ import annotations

from typing import Protocol

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.errors import Problem
from app.foundation.events import ItemStatus
from app.jobs.manifest import DumpFacts, TreeFacts
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.tools.found import Versions
from app.tools.restic.repository import Restic


class Equipment(msgspec.Struct, frozen=True):
    """What drivers work with on this computer: threads for what blocks, and what programs said of their versions."""

    blocking: Blocking
    versions: Versions


class Intake(msgspec.Struct, frozen=True):
    """Where a source goes: the repository as its host reaches it, the tags of its snapshot, and how fast it goes."""

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


def nothing_captured(error: Problem) -> Captured:
    """What a source that failed comes to."""
    return Captured(snapshot="", path="", bytes=0, added=0, status=ItemStatus.FAILED, error=error)


class Capturable(Protocol):
    """A source that can be backed up."""

    async def capture(self, ctx: Ctx, intake: Intake) -> Captured:
        """Takes it into the repository as one snapshot. Raises `UserError`; then there is no snapshot of it."""
