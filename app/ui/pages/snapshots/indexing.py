"""Has the names of snapshots indexed and shows how far that is; finds the way to a name, folder by folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from app.foundation.words import plural, text
from app.ui.bridge import Bridge
from app.ui.models.files import FilesModel, Node
from app.ui.pages.snapshots.index_strip import IndexStrip


class Indexing:
    """The indexes of one page; `reading` is the snapshot whose names are read now, "" for none."""

    def __init__(self, bridge: Bridge, strip: IndexStrip) -> None:
        self._bridge = bridge
        self._strip = strip
        self.reading = ""

    async def make(self, site: str, snapshot: str, name: str) -> bool:
        """Whether there is an index of the snapshot in the end; `name` is what it is called meanwhile."""
        seen = await self._bridge.ask(lambda app: app.catalogue.index(site, snapshot))
        try:
            while not seen.over:
                self.reading = snapshot
                self._strip.show_headway(name, seen)
                known = seen
                seen = await self._bridge.ask(lambda app: app.catalogue.headway(site, snapshot, known))  # noqa: B023  asked at once
        finally:
            self.reading = ""
        return await self._bridge.ask(lambda app: app.catalogue.is_indexed(site, snapshot))

    async def stop(self, site: str) -> None:
        """Ends what is being made."""
        snapshot = self.reading
        if snapshot:
            await self._bridge.ask(lambda app: app.catalogue.stop_indexing(site, snapshot))

    def tell_missing(self, count: int) -> None:
        """So many snapshots are not indexed."""
        missing = plural("The names of {count} snapshot", "The names of {count} snapshots", count)
        self._strip.offer(text("{missing} were not read yet: nothing is found there.", missing=missing))

    async def improve(self, site: str, files: FilesModel, nodes: Sequence[Node]) -> None:
        """Folders that were read by themselves get what only the index knows."""
        for node in nodes:
            if any(map(_is_vague, node.children or ())):
                level = await self._bridge.ask(lambda app: app.catalogue.level(site, node.snapshot, node.path))  # noqa: B023  asked at once
                files.improve(node, level)

    async def reach(self, site: str, files: FilesModel, source: str, path: str) -> list[Node]:
        """The nodes that lead to a path, read where they were not; none when it is not in this point."""
        node = next((one for one in files.sources() if one.source == source), None)
        way: list[Node] = []
        while node is not None:
            way.append(node)
            if node.path == path:
                return way
            node = await self._below(site, files, node, path)
        return []

    async def _below(self, site: str, files: FilesModel, node: Node, path: str) -> Node | None:
        top = node.path.rstrip("/") + "/"
        if not path.startswith(top):
            return None
        wanted = str(PurePosixPath(top) / PurePosixPath(path[len(top) :]).parts[0])
        while (found := files.child(node, wanted)) is None and (node.children is None or node.rest is not None):
            rest = node.rest
            level = await self._bridge.ask(lambda app: app.catalogue.level(site, node.snapshot, node.path, rest))  # noqa: B023  asked at once
            files.take(node, level, rest)
        return found


def _is_vague(node: Node) -> bool:
    return node.name is not None and node.name.is_folder and node.name.names < 0
