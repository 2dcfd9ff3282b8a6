"""Makes the file with the names of a tree out of restic's listing, while restic still walks it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from app.foundation.blocking import Blocking
from app.jobs.catalogue.tree_file import TreeWriter
from app.jobs.catalogue.tree_shelf import TreeShelf
from app.jobs.repositories import OpenRepository
from app.tools.restic.output import Snapshot
from app.tools.restic.tree import EntryLines

AT_ONCE = 512 * 1024
"""So many bytes of the listing are read and written down at a time, in a thread of their own."""


async def build(
    repository: OpenRepository,
    snapshot: Snapshot,
    shelf: TreeShelf,
    blocking: Blocking,
    tell: Callable[[int], None],
    *,
    gently: bool = False,
) -> None:
    """Puts the names of a snapshot on the shelf; `tell` gets their number so far. What is not whole is removed.

    `gently`: nobody waits for it.
    """
    site = repository.site.name
    begun = await blocking.call("files", partial(shelf.begin, site))
    writer: TreeWriter | None = None
    try:
        writer = await blocking.call("files", partial(TreeWriter, begun))
        feed = _Feed(writer, blocking, tell)
        try:
            await repository.restic.tree(snapshot.id).list_everything(feed.take, gently=gently)
            await feed.finish()
        finally:
            await feed.close()
        await blocking.call("files", writer.finish)
        await blocking.call("files", partial(shelf.put, site, snapshot.tree, begun))
    finally:
        if writer is not None:
            writer.close()
        await blocking.call("files", partial(shelf.discard, begun))


class _Feed:
    """Gathers restic's output and has it written down: while one part is written the next one comes in."""

    def __init__(self, writer: TreeWriter, blocking: Blocking, tell: Callable[[int], None]) -> None:
        self._writer = writer
        self._blocking = blocking
        self._tell = tell
        self._lines = EntryLines()
        self._held = bytearray()
        self._writing: asyncio.Task[None] | None = None

    async def take(self, piece: bytes) -> None:
        """restic said this; where writing falls behind, restic waits."""
        self._held += piece
        if len(self._held) >= AT_ONCE:
            await self._write()

    async def _write(self) -> None:
        await self._written()
        part = bytes(self._held)
        self._held.clear()
        self._writing = asyncio.create_task(self._blocking.call("files", partial(self._add, part)))

    def _add(self, part: bytes) -> None:
        self._writer.add(self._lines.take(part))

    async def _written(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            try:
                await writing
            except asyncio.CancelledError:
                self._writing = writing
                raise
            self._tell(self._writer.count)

    async def finish(self) -> None:
        """restic has ended: the rest is written."""
        await self._write()
        await self._written()
        self._lines.finish()

    async def close(self) -> None:
        """Nothing is written any more."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait({self._writing})
            if not self._writing.cancelled():
                self._writing.exception()  # whoever asked hears of what ended it
