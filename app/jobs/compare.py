"""Compares two points, or two snapshots: what was added, removed and changed, file by file, with sizes.

restic tells what is different; how large it was and is stands in the listings of both snapshots, which are read along
in the same order. So nothing is gathered, and a million differences take no more memory than one.
"""

from __future__ import annotations

import asyncio
import enum
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import msgspec

from app.foundation.errors import Refused
from app.foundation.words import text
from app.jobs.points import SHORT, Point, points_of, site_snapshots, today_of
from app.jobs.repositories import OpenRepository
from app.jobs.tags import value_of
from app.settings.model import Site
from app.tools.restic.difference import Change, difference
from app.tools.restic.output import Entry, Snapshot
from app.tools.restic.repository import Restic


class Kind(enum.Enum):
    """What is different of one name."""

    ADDED = "added"
    REMOVED = "removed"
    MODIFIED = "modified"
    TYPE = "type"
    METADATA = "metadata"


class Difference(msgspec.Struct, frozen=True, tag_field="row", tag="difference"):
    """One name that is different; `before` and `after` are sizes in bytes, 0 for what is no file or not there.

    `type` is what it is in the later one (in the earlier one, where it was removed): file, dir, symlink …
    """

    source: str
    path: str
    change: Kind
    type: str
    before: int
    after: int


class OnlyIn(msgspec.Struct, frozen=True, tag_field="row", tag="source"):
    """A source that one of two points alone has; `only_in` is that point."""

    source: str
    only_in: str


class Totals(msgspec.Struct, frozen=True, tag_field="row", tag="totals"):
    """How many names are different, all sources together; bytes are the content of files.

    `sources` are those that one of the two alone has, `bytes_before` and `bytes_after` are those of modified files.
    """

    sources: int
    added: int
    removed: int
    modified: int
    type: int
    metadata: int
    bytes_added: int
    bytes_removed: int
    bytes_before: int
    bytes_after: int


Row = Difference | OnlyIn
TakeRow = Callable[[Row], Awaitable[None]]


class Pair(msgspec.Struct, frozen=True):
    """Two snapshots of one source."""

    source: str
    before: Snapshot
    after: Snapshot


class Compared(msgspec.Struct, frozen=True):
    """What is to be compared: pairs of snapshots, and what has no counterpart."""

    pairs: tuple[Pair, ...]
    alone: tuple[OnlyIn, ...] = ()


async def compare(repository: OpenRepository, before: str, after: str, take: TakeRow) -> Totals:
    """Compares two points, source by source, or two snapshots of this site, each named by (the beginning of) its id.

    Raises `Refused` `diff.unknown` for an id that is neither, `diff.unlike` for a point and a snapshot.
    """
    listed = await site_snapshots(repository.restic, repository.site)
    compared = paired(listed, repository.site, before, after)
    tally = Tally(take)
    for alone in compared.alone:
        await take(alone)
    for pair in compared.pairs:
        if pair.before.tree != pair.after.tree:
            await _compare_pair(repository.restic, pair, tally.take)
    return tally.totals(len(compared.alone))


def paired(listed: Sequence[Snapshot], site: Site, before: str, after: str) -> Compared:
    """Which snapshots are compared with which."""
    points = points_of(listed, today_of(site))
    first, second = (_named(points, listed, site, wanted) for wanted in (before, after))
    match first, second:
        case Point(), Point():
            return _sources_of(first, second, {one.id: one for one in listed})
        case Snapshot(), Snapshot():
            return Compared((Pair(value_of(second.tags, "source"), first, second),))
        case _:
            raise _unlike(site)


def _named(points: Sequence[Point], listed: Sequence[Snapshot], site: Site, wanted: str) -> Point | Snapshot:
    found: list[Point | Snapshot] = [point for point in points if point.id.startswith(wanted)]
    found += [snapshot for snapshot in listed if snapshot.id.startswith(wanted)]
    if len(found) != 1 or len(wanted) < SHORT:
        raise _unknown(site, wanted)
    return found[0]


def _sources_of(before: Point, after: Point, listed: dict[str, Snapshot]) -> Compared:
    had = {one.source: listed[one.id] for one in before.snapshots}
    has = {one.source: listed[one.id] for one in after.snapshots}
    pairs = [Pair(source, had[source], has[source]) for source in had if source in has]
    gone = [OnlyIn(source, before.id) for source in had if source not in has]
    new = [OnlyIn(source, after.id) for source in has if source not in had]
    return Compared(tuple(pairs), (*gone, *new))


async def _compare_pair(restic: Restic, pair: Pair, take: Callable[[Difference], Awaitable[None]]) -> None:
    async with AsyncExitStack() as reading:
        before = await reading.enter_async_context(_listing(restic, pair.before.id))
        after = await reading.enter_async_context(_listing(restic, pair.after.id))

        async def changed(change: Change) -> None:
            kind = _kind(change)
            path = change.path.rstrip("/") or "/"
            was = None if kind is Kind.ADDED else await before.find(path)
            now = None if kind is Kind.REMOVED else await after.find(path)
            await take(_difference(pair.source, path, kind, was, now))

        await difference(restic.session, pair.before.id, pair.after.id, changed)


def _kind(change: Change) -> Kind:
    for mark, kind in (("+", Kind.ADDED), ("-", Kind.REMOVED), ("T", Kind.TYPE), ("U", Kind.METADATA)):
        if mark in change.modifier:
            return kind
    return Kind.MODIFIED


def _difference(source: str, path: str, kind: Kind, was: Entry | None, now: Entry | None) -> Difference:
    there = now or was
    return Difference(
        source=source,
        path=path,
        change=kind,
        type=there.type if there is not None else "",
        before=was.size if was is not None else 0,
        after=now.size if now is not None else 0,
    )


class _Listing:
    """A snapshot's entries in their order, read no further than the last one that was asked for."""

    def __init__(self, restic: Restic, snapshot: str) -> None:
        self._batches: asyncio.Queue[Sequence[Entry] | None] = asyncio.Queue(maxsize=1)
        self._restic = restic
        self._snapshot = snapshot
        self._reading: asyncio.Task[None] | None = None
        self._held: list[Entry] = []

    async def find(self, path: str) -> Entry | None:
        """The next entry of that path; None when the rest holds none. restic is started when first asked."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        while True:
            while self._held:
                if (entry := self._held.pop()).path == path:
                    return entry
            batch = await self._batches.get()
            if batch is None:
                await self._reading
                self._batches.put_nowait(None)
                return None
            self._held = list(reversed(batch))

    async def _read(self) -> None:
        try:
            await self._restic.tree(self._snapshot).ls(self._batches.put, recursive=True)
        finally:
            await self._batches.put(None)

    async def close(self) -> None:
        """Ends what is still read."""
        if self._reading is None:
            return
        self._reading.cancel()
        while not self._reading.done():
            with suppress(asyncio.QueueEmpty):
                self._batches.get_nowait()
            await asyncio.wait({self._reading}, timeout=0.05)
        if not self._reading.cancelled():
            self._reading.exception()  # whoever asked has heard of it


@asynccontextmanager
async def _listing(restic: Restic, snapshot: str) -> AsyncIterator[_Listing]:
    listing = _Listing(restic, snapshot)
    try:
        yield listing
    finally:
        await listing.close()


class Tally:
    """Counts the differences on their way."""

    def __init__(self, take: TakeRow) -> None:
        self._take = take
        self._names: Counter[Kind] = Counter()
        self._bytes: Counter[tuple[Kind, str]] = Counter()

    async def take(self, found: Difference) -> None:
        """One more."""
        self._names[found.change] += 1
        self._bytes[found.change, "before"] += found.before
        self._bytes[found.change, "after"] += found.after
        await self._take(found)

    def totals(self, sources: int) -> Totals:
        """All so far."""
        return Totals(
            sources=sources,
            **{kind.value: self._names[kind] for kind in Kind},
            bytes_added=self._bytes[Kind.ADDED, "after"],
            bytes_removed=self._bytes[Kind.REMOVED, "before"],
            bytes_before=self._bytes[Kind.MODIFIED, "before"],
            bytes_after=self._bytes[Kind.MODIFIED, "after"],
        )


def _unknown(site: Site, wanted: str) -> Refused:
    return Refused(
        text("{site} has neither a point nor a snapshot {id}.", site=site.name, id=wanted),
        text("Nothing was compared."),
        text(
            "Take ids from a list, at least their first 8 characters: overwinter points {site}, or snapshots {site}",
            site=site.name,
        ),
        "diff.unknown",
    )


def _unlike(site: Site) -> Refused:
    return Refused(
        text("One of the two is a point, the other a single snapshot."),
        text("Nothing was compared: a point is made of several snapshots."),
        text("Compare two points, or two snapshots: overwinter snapshots {site}", site=site.name),
        "diff.unlike",
    )
