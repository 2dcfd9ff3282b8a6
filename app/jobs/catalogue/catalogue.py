"""What pages ask about a site's snapshots: the list as it was last known, folders, names, how far an index is.

Every question names a site, and a snapshot that is not that site's is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.jobs.catalogue.building import build
from app.jobs.catalogue.listed import FORMAT, KnownSnapshots, list_file, listed_of, remember, remembered
from app.jobs.catalogue.members import Member, members_of
from app.jobs.catalogue.rows import Headway, Level, Listed, Name, Searchable
from app.jobs.catalogue.tree_file import DamagedTree, TreeFile, microseconds
from app.jobs.catalogue.tree_shelf import LARGEST, TreeShelf
from app.jobs.points import points_of, site_snapshot, site_snapshots, today_of
from app.jobs.repositories import OpenRepository
from app.jobs.tags import value_of
from app.settings.model import Site
from app.settings.sites import Sites
from app.tools.restic.output import Entry, Snapshot
from app.tools.restic.repository import Restic

T = TypeVar("T")

FOUND_AT_MOST = 200
"""Names that are told of one tree: who gets more than these has to ask more closely."""

BUILT_AT_ONCE = 2


class Catalogue:
    """The lists and the trees of all sites of this computer."""

    def __init__(
        self,
        folder: Path,
        blocking: Blocking,
        sites: Sites,
        repository: Callable[[str], Awaitable[OpenRepository]],
        largest: int = LARGEST,
    ) -> None:
        """Keeps its files below `folder`, those of trees in at most `largest` bytes; `repository` opens a site's."""
        self._folder, self._trees = folder, folder / "trees"
        self.blocking = blocking
        self._sites = sites
        self._repository = repository
        self._shelf = TreeShelf(self._trees, largest)
        self._known: dict[str, KnownSnapshots] = {}
        self._builds: dict[tuple[str, str], _Build] = {}
        self._turns = asyncio.Semaphore(BUILT_AT_ONCE)

    async def _files(self, work: Callable[[], T]) -> T:
        return await self.blocking.call("files", work)

    # --- the list ------------------------------------------------------------------------------

    async def known(self, site: str) -> Listed | None:
        """The points as they were read last, whenever that was; None when they never were."""
        found = await self._sites.get(site)
        known = await self.remembered(found)
        return None if known is None else await self._files(partial(listed_of, known, found))

    async def remembered(self, site: Site) -> KnownSnapshots | None:
        """The snapshots of a site as they were read last; None when they never were."""
        known = self._known.get(site.name)
        if known is None or known.address != site.repository.address:
            known = await self._files(partial(remembered, self._list_of(site.name), site.repository.address))
            if known is not None:
                self._known[site.name] = known
        return known

    def _list_of(self, site: str) -> Path:
        return list_file(self._folder, site)

    async def refresh(self, site: str) -> Listed:
        """Reads the list anew from the repository and keeps it; one that cannot be kept is given all the same."""
        of, known = await self._read(site)
        listing = self._files(partial(listed_of, known, of))
        listed, _ = await asyncio.gather(listing, self._remember(site, known))
        return listed

    async def read(self, site: str) -> KnownSnapshots:
        """Reads the snapshots anew and keeps them, as `refresh` does."""
        _, known = await self._read(site)
        await self._remember(site, known)
        return known

    async def _read(self, site: str) -> tuple[Site, KnownSnapshots]:
        repository = await self._repository(site)
        found = tuple(await site_snapshots(repository.restic, repository.site))
        known = KnownSnapshots(FORMAT, repository.site.repository.address, datetime.now(UTC), found)
        self._known[site] = known
        return repository.site, known

    async def _remember(self, site: str, known: KnownSnapshots) -> None:
        with contextlib.suppress(UserError):  # a full disk: it is read anew the next time
            await self._files(partial(remember, self._list_of(site), known))

    async def snapshots_of(self, site: str, point: str) -> list[Snapshot]:
        """Everything that the last known list says of one point's snapshots, its marks among them."""
        known = await self.remembered(await self._sites.get(site))
        listed = known.snapshots if known is not None else ()
        return [snapshot for snapshot in listed if value_of(snapshot.tags, "run") == point]

    async def opened(self, site: str, snapshot: str) -> Restic:
        """The repository of the site that this snapshot is of; another site's is refused."""
        await self._snapshot(site, snapshot)
        return (await self._repository(site)).restic

    async def members(self, site: str, point: str) -> list[Member]:
        """The sources of a point of the last known list."""
        return members_of(await self.snapshots_of(site, point), await self._sites.get(site))

    async def _snapshot(self, site: str, wanted: str) -> Snapshot:
        """A snapshot of that site; where the list does not know it the repository is asked, which refuses others."""
        known = await self.remembered(await self._sites.get(site))
        for snapshot in known.snapshots if known is not None else ():
            if snapshot.id == wanted:
                return snapshot
        repository = await self._repository(site)
        return await site_snapshot(repository.restic, repository.site, wanted)

    # --- folders and names ---------------------------------------------------------------------

    async def is_indexed(self, site: str, snapshot: str) -> bool:
        """Whether the names of a snapshot can be searched now."""
        tree = (await self._snapshot(site, snapshot)).tree
        return await self._files(partial(self._shelf.find, site, tree)) is not None

    async def level(self, site: str, snapshot: str, path: str, after: tuple[int, int] | None = None) -> Level:
        """Names of a folder; out of the index, or where there is none yet from restic, then all of them at once.

        Raises `restic.no-such-path`.
        """
        found = await self._snapshot(site, snapshot)
        level = await self._ask_tree(site, found.tree, lambda file: file.level(path, after))
        return level or await self._listed_by_itself(site, found, path)

    async def _ask_tree(self, site: str, tree: str, question: Callable[[TreeFile], T]) -> T | None:
        return await self._files(partial(_asked, self._shelf, site, tree, question))

    async def _listed_by_itself(self, site: str, snapshot: Snapshot, path: str) -> Level:
        repository = await self._repository(site)
        names: list[Name] = []

        async def take(entries: Sequence[Entry]) -> None:
            names.extend(map(_name_of, entries))

        await repository.restic.tree(snapshot.id).ls(take, path)
        return Level(tuple(sorted(names, key=lambda name: not name.is_folder)))

    async def searchable(self, site: str, point: str = "") -> list[Searchable]:
        """The different trees of a point, or of all points, newest first."""
        found = await self._sites.get(site)
        known = await self.remembered(found)
        if known is None:
            return []
        trees: dict[str, tuple[str, str, list[str]]] = {}
        tree_of = {snapshot.id: snapshot.tree for snapshot in known.snapshots}
        for one in points_of(known.snapshots, today_of(found)):
            for member in one.snapshots if point in ("", one.id) else ():
                trees.setdefault(tree_of[member.id], (member.id, member.source, []))[2].append(one.id)
        return [Searchable(snapshot, source, tuple(points)) for snapshot, source, points in trees.values()]

    async def find(self, site: str, snapshot: str, wanted: str) -> list[Name] | None:
        """The first names of a snapshot that are meant; None where it is not indexed yet."""
        tree = (await self._snapshot(site, snapshot)).tree
        return await self._ask_tree(site, tree, lambda file: file.find(wanted, FOUND_AT_MOST))

    async def tree_file(self, site: str, snapshot: str, *, gently: bool = False) -> TreeFile:
        """The index of a snapshot, which is made first where there is none; `gently` when nobody waits for it."""
        found = await self._snapshot(site, snapshot)
        while (file := await self._files(partial(self._shelf.find, site, found.tree))) is None:
            await asyncio.shield(self._begin(site, found, gently=gently).task)
        return file

    # --- making indexes ------------------------------------------------------------------------

    async def index(self, site: str, snapshot: str) -> Headway:
        """Begins the index of a snapshot unless it is there, or begun; says how far it is."""
        found = await self._snapshot(site, snapshot)
        if await self._files(partial(self._shelf.find, site, found.tree)) is not None:
            return Headway(0, over=True)
        return self._begin(site, found).headway

    def _begin(self, site: str, snapshot: Snapshot, *, gently: bool = False) -> _Build:
        key = (site, snapshot.tree)
        running = self._builds.get(key)
        if running is None:
            running = self._builds[key] = _Build(snapshot)
            running.task = asyncio.create_task(self._build(site, snapshot, running, gently=gently))
            running.task.add_done_callback(partial(self._over, key))
        return running

    async def _build(self, site: str, snapshot: Snapshot, running: _Build, *, gently: bool) -> None:
        async with self._turns:
            repository = await self._repository(site)
            await build(repository, snapshot, self._shelf, self.blocking, running.tell, gently=gently)

    def _over(self, key: tuple[str, str], task: asyncio.Task[None]) -> None:
        running = self._builds.pop(key)
        if not task.cancelled():
            task.exception()  # whoever watches hears of it; where nobody does, it is tried again at the next need
        running.end()

    async def headway(self, site: str, snapshot: str, seen: Headway) -> Headway:
        """How far the index is when that is more than was `seen`; raises what ended it, `over` when nobody makes it."""
        key = (site, (await self._snapshot(site, snapshot)).tree)
        running = self._builds.get(key)
        if running is None:
            return Headway(seen.names, seen.total, over=True)
        return await running.after(seen)

    async def stop_indexing(self, site: str, snapshot: str) -> None:
        """Ends the making of an index; half of one is not kept."""
        running = self._builds.get((site, (await self._snapshot(site, snapshot)).tree))
        if running is not None:
            running.task.cancel()
            await asyncio.wait({running.task})

    async def index_newest(self, site: str) -> None:
        """Reads the list, and makes the indexes of the newest point, one after the other."""
        await self.refresh(site)
        found = await self._sites.get(site)
        newest = next(iter(points_of(self._known[site].snapshots, today_of(found))), None)
        for member in newest.snapshots if newest is not None else ():
            await self.tree_file(site, member.id, gently=True)

    # --- its end -------------------------------------------------------------------------------

    async def forget(self, site: str) -> None:
        """The site is no more: what is kept of it goes."""
        self._known.pop(site, None)
        await self._end([running for (of, _), running in self._builds.items() if of == site])
        await self._files(partial(_remove, self._list_of(site), self._trees / site))

    async def close(self) -> None:
        """Ends what is being made."""
        await self._end(list(self._builds.values()))

    async def _end(self, builds: Sequence[_Build]) -> None:
        for running in builds:
            running.task.cancel()
        await asyncio.gather(*(running.task for running in builds), return_exceptions=True)


class _Build:
    """An index that is being made, and those who watch it."""

    task: asyncio.Task[None]

    def __init__(self, snapshot: Snapshot) -> None:
        total = snapshot.summary.total_files_processed if snapshot.summary is not None else 0
        self.headway = Headway(0, total)
        self._changed = asyncio.Event()

    def tell(self, names: int) -> None:
        """So many names were written."""
        self._change(Headway(names, max(names, self.headway.total) if self.headway.total else 0))

    def end(self) -> None:
        """Nothing more comes."""
        self._change(Headway(self.headway.names, self.headway.total, over=True))

    def _change(self, headway: Headway) -> None:
        self.headway = headway
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, seen: Headway) -> Headway:
        """The next state that is not `seen`."""
        while self.headway == seen:
            await self._changed.wait()
        if self.headway.over and not self.task.cancelled():
            self.task.result()
        return self.headway


def _asked(shelf: TreeShelf, site: str, tree: str, question: Callable[[TreeFile], T]) -> T | None:
    """The answer of a tree's file; one that proves damaged goes, and it is as if there had been none."""
    file = shelf.find(site, tree)
    if file is None:
        return None
    try:
        return question(file)
    except DamagedTree:
        shelf.drop(site, tree)
        return None


def _name_of(entry: Entry) -> Name:
    size = entry.size if entry.type == "file" else 0
    when = microseconds(entry.mtime)
    return Name(entry.path, entry.type, size, when, -1, entry.mode, entry.uid, entry.gid)


def _remove(listed: Path, trees: Path) -> None:
    with contextlib.suppress(OSError):  # it holds names alone, and may be read by its owner only
        listed.unlink(missing_ok=True)
        shutil.rmtree(trees, ignore_errors=True)
