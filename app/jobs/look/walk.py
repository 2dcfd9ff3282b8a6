"""Goes through the folders of a host, nearest first, within limits that are told when they are reached."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec

from app.foundation.errors import UserError
from app.hosts.host import FileKind, Host, Listing

MOUNTS = "/proc/self/mounts"
LARGEST_TABLE = 4 * 1024 * 1024

# What packages and version control bring along; nobody's own data.
SKIPPED = frozenset({"vendor", "node_modules", "site-packages", "__pycache__", "lost+found", "cgi-bin"})

Visit = Callable[[str, Listing], Sequence[str]]
"""Takes a folder and what it holds; gives the names of the folders in it that are worth a look."""


class Limits(msgspec.Struct, frozen=True):
    """How far a look goes: folders in all, names of each, levels below where it starts, seconds in all."""

    folders: int = 2000
    names: int = 1000
    levels: int = 5
    seconds: float = 30.0
    at_once: int = 8


class Walked(msgspec.Struct, frozen=True):
    """How far it came: `cut` says that there is more, `closed` are folders that may not be read, `mounts` those that
    were not entered because another file system begins there."""

    folders: int
    cut: bool
    closed: tuple[str, ...]
    mounts: tuple[str, ...]


class Walk:
    """One walk. It may be cancelled at any moment, and what was seen until then stands."""

    def __init__(self, host: Host, limits: Limits, visit: Visit) -> None:
        self._host = host
        self._limits = limits
        self._visit = visit
        self._mounted: frozenset[str] = frozenset()
        self._seen: set[str] = set()
        self._cut = False
        self._closed: list[str] = []
        self._mounts: list[str] = []

    async def through(self, starts: Iterable[str]) -> Walked:
        """Walks from these folders on; those that are not there are passed over."""
        try:
            async with asyncio.timeout(self._limits.seconds):
                self._mounted = await mount_points(self._host)
                await self._levels(list(dict.fromkeys(starts)))
        except TimeoutError:
            self._cut = True
        return Walked(len(self._seen), self._cut, tuple(self._closed), tuple(self._mounts))

    async def _levels(self, folders: list[str]) -> None:
        for level in range(self._limits.levels + 1):
            room = self._limits.folders - len(self._seen)
            self._cut |= len(folders) > room
            below = await self._visited(folders[:room])
            if level == self._limits.levels:
                self._cut |= bool(below)
            folders = self._enterable(below)

    async def _visited(self, folders: Sequence[str]) -> list[str]:
        """Visits all of them, some at once, and gives the folders in them that are worth a look."""
        below: list[str] = []
        for start in range(0, len(folders), self._limits.at_once):
            some = folders[start : start + self._limits.at_once]
            listings = await _all(self._listing(folder) for folder in some)
            for folder, listing in zip(some, listings, strict=True):
                if listing is not None:
                    self._cut |= listing.cut
                    below += [beside(folder, name) for name in self._visit(folder, listing)]
        return below

    async def _listing(self, folder: str) -> Listing | None:
        """What it holds; None for what is not there, and for what may not be read, which is told."""
        self._seen.add(folder)
        try:
            return await self._host.entries(folder, self._limits.names)
        except UserError as error:
            if error.code == "host.file-unreadable":
                self._closed.append(folder)
            elif error.code != "host.file-missing":
                raise
        return None

    def _enterable(self, folders: Iterable[str]) -> list[str]:
        fresh = [folder for folder in dict.fromkeys(folders) if folder not in self._seen]
        self._mounts += [folder for folder in fresh if folder in self._mounted]
        return [folder for folder in fresh if folder not in self._mounted]


async def _all(work: Iterable[Awaitable[Listing | None]]) -> list[Listing | None]:
    """All of it at once; when one fails, or time is over, none goes on behind our back."""

    async def awaited(one: Awaitable[Listing | None]) -> Listing | None:
        return await one

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(awaited(one)) for one in work]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def folders_in(listing: Listing) -> list[str]:
    """The folders that a look enters by itself: no hidden ones, none of packages."""
    names = [each.name for each in listing.entries if each.kind is FileKind.FOLDER]
    return [name for name in names if not name.startswith(".") and name not in SKIPPED]


def beside(folder: str, name: str) -> str:
    """The path of a name in a folder of a host."""
    mark = "\\" if "\\" in folder and "/" not in folder else "/"
    return f"{folder.rstrip(mark)}{mark}{name}"


async def mount_points(host: Host) -> frozenset[str]:
    """Where file systems are mounted there; nothing where the host keeps no such table."""
    table = await content_of(host, MOUNTS, LARGEST_TABLE) or b""
    lines = table.decode("utf-8", "surrogateescape").splitlines()
    return frozenset(_plain(line.split(" ")[1]) for line in lines if line.count(" ") > 1)


def _plain(escaped: str) -> str:
    """The table writes spaces and the like as octal numbers."""
    for number, character in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
        escaped = escaped.replace(f"\\{number}", character)
    return escaped


async def content_of(host: Host, path: str, limit: int) -> bytes | None:
    """A file's content; None when there is none, or it is no small file that may be read."""
    try:
        return await host.read(path, limit)
    except UserError as error:
        if not error.code.startswith("host.file-"):
            raise
        return None
