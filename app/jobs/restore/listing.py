"""What a snapshot's list says of a tree, and whether the tree stands like that after it was restored.

Sizes prove nothing (a file that failed has its full size), so restic's exit code is believed first. This looks whether
everything is there, of the right kind and size, and with its mode, owner and time. Both sides are summed up without
regard to their order; only where the sums differ are names compared. So a million files take no more memory than one.
"""

from __future__ import annotations

import re
from calendar import timegm
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

import msgspec

from app.hosts.host import Below, FileKind, Host
from app.jobs.accounts import Moved, Owner
from app.tools.restic.names import shown
from app.tools.restic.output import Entry
from app.tools.restic.tree import Tree

BUCKETS = 4096
LOOKED_INTO = 64
"""Of the buckets whose sums differ so many are looked into for names."""

SETUID, SETGID, STICKY = 1 << 23, 1 << 22, 1 << 20
"""Go's bits in the mode of an entry, beside the nine that are everybody's."""

NOT_RESTORED = ("socket",)
"""Made by the program that listens there, when it does."""

_KINDS = {"file": FileKind.FILE, "dir": FileKind.FOLDER, "symlink": FileKind.LINK}
_TIME = re.compile(r"(.+?)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)")


class Essence(msgspec.Struct, frozen=True):
    """What one name is like; `mode` and `modified` (ns) are None where nothing is asked of them."""

    path: str
    kind: FileKind
    size: int
    mode: int | None
    modified: int | None
    owner: tuple[int, int]

    @property
    def content(self) -> tuple[object, ...]:
        """What it is."""
        return self.kind.value, self.size

    @property
    def beside(self) -> tuple[object, ...]:
        """What is written beside it, but for its owner."""
        return self.mode, self.modified


@dataclass
class Sums:
    """A tree summed up: `files` counts everything but folders, `owners` (in the snapshot) whom things belong to."""

    files: int = 0
    folders: int = 0
    bytes: int = 0
    owners: Counter[Owner] = field(default_factory=Counter)
    content: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    beside: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    owned: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def add(self, one: Essence) -> None:
        """One more name."""
        self.folders += one.kind is FileKind.FOLDER
        self.files += one.kind is not FileKind.FOLDER
        self.bytes += one.size
        bucket = bucket_of(one.path)
        for sums, what in ((self.content, one.content), (self.beside, one.beside), (self.owned, one.owner)):
            sums[bucket] = (sums[bucket] + _number(f"{one.path}\0{what}")) & _MASK


class Faults(msgspec.Struct, frozen=True):
    """What is not as the snapshot says: names that are not there or of other content, and those whose mode, owner or
    time is another. Not every one is named when there are many."""

    content: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    content_differs: bool = False
    beside_differs: bool = False


_MASK = (1 << 64) - 1


def _number(said: str) -> int:
    return int.from_bytes(blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def bucket_of(path: str) -> int:
    """Where a name is counted."""
    return _number(path) % BUCKETS


class Reading(msgspec.Struct, frozen=True):
    """How a tree in a snapshot is read: `path` is its root there; what is `asked` of a name beside its content.

    `owners`: whether they are expected to be as they were; `modes`: whether the system of the target has them. Owners
    that have `moved` are expected under their numbers of today.
    """

    path: str
    owners: bool = True
    modes: bool = True
    moved: Moved = Moved()

    def of_owners(self, expected: Sums) -> Reading:
        """The same, with only those moved that own something."""
        return msgspec.structs.replace(self, moved=self.moved.among(expected.owners))

    @property
    def parent(self) -> str:
        """The folder that the root is in."""
        return self.path.rpartition("/")[0] or "/"

    def of_entry(self, entry: Entry) -> Essence | None:
        """What a line of the snapshot's list asks for; None when it is no part of the tree, or is not restored."""
        if entry.type in NOT_RESTORED or not f"{entry.path}/".startswith(f"{self.path.rstrip('/')}/"):
            return None
        kind = _KINDS.get(entry.type, FileKind.OTHER)
        return Essence(
            path=entry.path[len(self.parent.rstrip("/")) + 1 :],
            kind=kind,
            size=entry.size if kind is FileKind.FILE else 0,
            mode=self._mode(kind, st_mode(entry.mode)),
            modified=nanoseconds(entry.mtime) if self.modes else None,
            owner=self.moved.owner((entry.uid, entry.gid)),
        )

    def of_file(self, found: Below) -> Essence:
        """What stands there."""
        stat = found.stat
        return Essence(
            path=shown(found.path),
            kind=stat.kind,
            size=stat.size if stat.kind is FileKind.FILE else 0,
            mode=self._mode(stat.kind, stat.mode),
            modified=stat.modified if self.modes else None,
            owner=(stat.uid, stat.gid),
        )

    def _mode(self, kind: FileKind, mode: int) -> int | None:
        """A link has none of its own."""
        return mode if self.modes and kind is not FileKind.LINK else None


def st_mode(mode: int) -> int:
    """Go's mode as the system has it, without the kind of file."""
    bits = ((SETUID, 0o4000), (SETGID, 0o2000), (STICKY, 0o1000))
    return mode & 0o777 | sum(ours for theirs, ours in bits if mode & theirs)


def nanoseconds(time: str) -> int | None:
    """A time as restic writes it, in nanoseconds since 1970; None for one that no calendar of ours has."""
    found = _TIME.fullmatch(time)
    if found is None:
        return None
    try:
        whole = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
        return timegm(whole.utctimetuple()) * 10**9 + int((found[2] or "").ljust(9, "0"))
    except (ValueError, OverflowError):
        return None


async def sum_expected(tree: Tree, reading: Reading) -> Sums:
    """What the snapshot says has to stand there."""
    sums = Sums()

    async def take(entries: Sequence[Entry]) -> None:
        for entry in entries:
            if (asked := reading.of_entry(entry)) is not None:
                sums.add(asked)
                sums.owners[entry.uid, entry.gid] += 1

    await tree.ls(take, reading.parent, recursive=True)
    return sums


async def sum_found(host: Host, folder: str, reading: Reading) -> Sums:
    """What stands below `folder`, where the root was put."""
    sums = Sums()

    async def take(batch: Sequence[Below]) -> None:
        for found in batch:
            sums.add(reading.of_file(found))

    await host.walk(folder, take)
    return sums


async def faults(tree: Tree, host: Host, folder: str, reading: Reading, expected: Sums) -> Faults:
    """Compares what stands below `folder` with the snapshot; names are sought only where sums differ."""
    found = await sum_found(host, folder, reading)
    content = _differing(expected.content, found.content)
    beside = _differing(expected.beside, found.beside)
    if reading.owners and reading.modes:
        beside |= _differing(expected.owned, found.owned)
    if not content | beside:
        return Faults()
    some = set(sorted(content)[:LOOKED_INTO]) | set(sorted(beside)[:LOOKED_INTO])
    asked = await _asked_in(tree, reading, some)
    there = await _there_in(host, folder, reading, some)
    other = {path for path in asked.keys() | there.keys() if _content(asked, path) != _content(there, path)}
    alike = [
        path for path in asked if path not in other and _beside(asked[path], reading) != _beside(there[path], reading)
    ]
    return Faults(tuple(sorted(other)), tuple(sorted(alike)), bool(content), bool(beside))


def _differing(expected: Sequence[int], found: Sequence[int]) -> set[int]:
    return {bucket for bucket in range(BUCKETS) if expected[bucket] != found[bucket]}


def _content(side: dict[str, Essence], path: str) -> tuple[object, ...]:
    return side[path].content if path in side else ()


def _beside(one: Essence, reading: Reading) -> tuple[object, ...]:
    return (*one.beside, one.owner if reading.owners and reading.modes else None)


async def _asked_in(tree: Tree, reading: Reading, buckets: Collection[int]) -> dict[str, Essence]:
    found: dict[str, Essence] = {}

    async def take(entries: Sequence[Entry]) -> None:
        for asked in filter(None, map(reading.of_entry, entries)):
            if bucket_of(asked.path) in buckets:
                found[asked.path] = asked

    await tree.ls(take, reading.parent, recursive=True)
    return found


async def _there_in(host: Host, folder: str, reading: Reading, buckets: Collection[int]) -> dict[str, Essence]:
    found: dict[str, Essence] = {}

    async def take(batch: Sequence[Below]) -> None:
        for one in map(reading.of_file, batch):
            if bucket_of(one.path) in buckets:
                found[one.path] = one

    await host.walk(folder, take)
    return found
