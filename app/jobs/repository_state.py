"""What is known of a site's repository: asked of it at once where that is cheap, counted and remembered where not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.events import Outcome
from app.foundation.words import Text
from app.jobs.check.damage import in_words
from app.jobs.check.marks import CheckMark, Cycle, check_marks, cycle_of, known_damage
from app.jobs.check.repair import steps_of
from app.jobs.check.result import results
from app.jobs.repositories import OpenRepository
from app.jobs.sources.postgresql import both
from app.records.site_records import SiteRecords
from app.settings.private_files import make_folder, read_file, remove_file, write_file
from app.settings.sites import Sites
from app.tools.restic.keys import Key, list_keys
from app.tools.restic.output import Lock

CHECKS_SHOWN = 10


class Counted(msgspec.Struct, frozen=True):
    """How big the repository `id` was at `at`, in bytes: `size` on its disk, `uncompressed` before it was packed."""

    id: str
    at: datetime
    size: int
    uncompressed: int
    blobs: int
    snapshots: int


class Damaged(msgspec.Struct, frozen=True):
    """Damage that no later check has seen gone: when it was found, what it is, and what a repair would do.

    The words are known on the computer that found it; elsewhere there are none.
    """

    found: datetime
    points: int
    said: tuple[Text, ...]
    steps: tuple[Text, ...]


class RepositoryState(msgspec.Struct, frozen=True):
    """A repository that answers. `checks` are the newest ones first; `counted` is as old as it says."""

    address: str
    id: str
    version: int
    restic: str
    snapshots: int
    locks: tuple[Lock, ...]
    keys: tuple[Key, ...]
    checks: tuple[CheckMark, ...]
    cycle: Cycle
    damaged: Damaged | None
    counted: Counted | None


class KnownBefore(msgspec.Struct, frozen=True):
    """What is known here of a repository that does not answer; `had_points` says that something was saved there."""

    address: str
    counted: Counted | None
    had_points: bool


class RepositoryStates:
    """What the Repository page asks. Sizes are kept on this computer, since counting them reads every folder's list."""

    def __init__(
        self,
        sites: Sites,
        open_repository: Callable[[str], Awaitable[OpenRepository]],
        records: Callable[[str], SiteRecords],
        folder: Path,
        blocking: Blocking,
    ) -> None:
        """`folder` keeps the sizes, a file for each site."""
        self._sites = sites
        self._open = open_repository
        self._records = records
        self._folder = folder
        self._blocking = blocking

    async def state(self, site: str) -> RepositoryState:
        """Asks the repository, also where somebody has it locked. Raises what keeps it from being opened."""
        opened = await self._open(site)
        restic = opened.restic
        config = await restic.config(lock=False)
        (locks, keys), snapshots = await both(both(restic.locks(), list_keys(restic.session)), restic.snapshots())
        marks = check_marks(snapshots)
        counted = await self.counted(site)
        return RepositoryState(
            address=opened.site.repository.address,
            id=config.id,
            version=config.version,
            restic=opened.version,
            snapshots=len(snapshots),
            locks=tuple(locks),
            keys=tuple(keys),
            checks=tuple(reversed(marks[-CHECKS_SHOWN:])),
            cycle=cycle_of(marks, opened.site.check.shares),
            damaged=await self._damaged(site, marks),
            counted=counted if counted is not None and counted.id == config.id else None,
        )

    async def _damaged(self, site: str, marks: Sequence[CheckMark]) -> Damaged | None:
        known = known_damage(marks)
        if not known:
            return None
        told = [one.damage for one in await results(self._records(site)) if one.damage is not None]
        hit = frozenset[str]().union(*(mark.hit for mark in known))
        said, steps = (in_words(told[-1]), steps_of(told[-1])) if told else ([], [])
        return Damaged(known[0].time, len(hit), tuple(said), tuple(steps))

    async def known_before(self, site: str) -> KnownBefore:
        """What can be said without asking the repository."""
        address = (await self._sites.get(site)).repository.address
        records = self._records(site)
        saved = [await records.runs(status=outcome, limit=1) for outcome in (Outcome.SUCCESS, Outcome.PARTIAL)]
        return KnownBefore(address, await self.counted(site), any(saved))

    async def count(self, site: str) -> Counted:
        """Counts the repository's data, which takes minutes where there are many files, and remembers it."""
        opened = await self._open(site)
        config = await opened.restic.config(lock=False)
        stats = await opened.restic.stats(lock=False)
        counted = Counted(
            id=config.id,
            at=datetime.now(UTC),
            size=stats.total_size,
            uncompressed=stats.total_uncompressed_size,
            blobs=stats.total_blob_count,
            snapshots=stats.snapshots_count,
        )
        await self._blocking.call("files", partial(_keep, self._file(site), counted))
        return counted

    async def counted(self, site: str) -> Counted | None:
        """What was counted last; None when nothing was, or it cannot be read: it is only a matter of counting again."""
        return await self._blocking.call("files", partial(_kept, self._file(site)))

    async def forget(self, site: str) -> None:
        """Forgets what was counted of a site."""
        await self._blocking.call("files", partial(_drop, self._file(site)))

    def _file(self, site: str) -> Path:
        return self._folder / f"{site}.json"


def _keep(file: Path, counted: Counted) -> None:
    make_folder(file.parent)
    write_file(file, msgspec.json.encode(counted))


def _kept(file: Path) -> Counted | None:
    try:
        content = read_file(file)
        return None if content is None else msgspec.json.decode(content, type=Counted)
    except (UserError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _drop(file: Path) -> None:
    if file.exists():
        remove_file(file)
