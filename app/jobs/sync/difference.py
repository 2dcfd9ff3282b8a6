"""Compares a live tree with what a snapshot has of it: what would change, what has to go, and what stays untouched.

The same comparison is the dry run before and the proof after. Of the snapshot a few bytes are held for each name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from app.hosts.host import Below, FileKind, FileStat, Host
from app.jobs.restore.listing import NOT_RESTORED, Essence, Reading
from app.jobs.swap.foreseen import NOTHING, Amount
from app.jobs.swap.mounts import is_in
from app.jobs.swap.patterns import is_meant, outermost
from app.jobs.sync.region import Region
from app.tools.restic.names import shown
from app.tools.restic.output import Entry
from app.tools.restic.tree import Tree

NAMED = 50
"""Names that are told of each kind."""

_KINDS = {kind: bytes([number]) for number, kind in enumerate(FileKind)}

Number = tuple[int, int]
"""A file's device and inode."""


class Known(msgspec.Struct, frozen=True, gc=False):
    """What the snapshot says of a name, as digests; `same` is content and time, `beside` owner and mode."""

    size: int
    kind: bytes
    same: bytes
    beside: bytes
    time: int | None


class Going(msgspec.Struct, frozen=True, gc=False):
    """Something live that has to go, by its real name as seen from the root."""

    path: str
    is_folder: bool


@dataclass
class Snapshot:
    """What a snapshot has of the region of a tree, but for what is emptied afterwards."""

    region: Region
    clear_after: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    """Where something is mounted in the live tree now."""
    owners: bool = True
    """Whether they are to be as they were."""
    names: dict[bytes, Known] = field(default_factory=dict)
    spared: dict[str, int] = field(default_factory=dict)
    """What it has of that which stays as it is where it is live, and the sizes."""
    sockets: set[bytes] = field(default_factory=set)
    """Not restored: the program that listens there makes them."""
    filled_mounts: set[str] = field(default_factory=set)
    """Those of the mounts that it has something in."""

    def take(self, path: str, one: Essence) -> None:
        """One more name."""
        self.filled_mounts.update(mount for mount in self.mounts if path != mount and is_in(path, mount))
        if not self.region.holds(path):
            return
        if self.region.spares(path):
            self.spared[path] = one.size
        elif not is_meant(path, self.clear_after):
            self.names[_digest(path)] = self.known(one)

    def known(self, one: Essence) -> Known:
        """A folder is the same whatever its time, which changes with what is in it."""
        is_folder = one.kind is FileKind.FOLDER
        same = f"{one.content}" if is_folder else f"{one.content} {one.modified}"
        beside = f"{one.mode} {one.owner if self.owners else None}"
        return Known(one.size, _KINDS[one.kind], _digest(same), _digest(beside), one.modified if is_folder else None)

    def take_socket(self, path: str) -> None:
        """One that is not restored."""
        self.sockets.add(_digest(path))


@dataclass
class Difference:
    """A live tree against a snapshot. What was modified at or after `since` (ns; 0: never) and is not in the snapshot
    has come meanwhile, such as the flag of the maintenance mode, and stays.
    """

    snapshot: Snapshot
    since: int = 0
    created: Amount = NOTHING
    overwritten: Amount = NOTHING
    deleted: Amount = NOTHING
    unchanged: Amount = NOTHING
    kept: Amount = NOTHING
    extras: list[Going] = field(default_factory=list)
    """What is deleted."""
    misfits: list[Going] = field(default_factory=list)
    """What is of another kind in the snapshot."""
    others: list[str] = field(default_factory=list)
    """Some of what is overwritten."""
    beside: list[str] = field(default_factory=list)
    """Some of what differs in its owner, its mode or (a folder) its time alone."""
    fresh: list[str] = field(default_factory=list)
    shared: set[Number] = field(default_factory=set)
    """Files that have several names in the tree."""
    users: set[int] = field(default_factory=set)
    """The numbers of those whom what may be changed belongs to."""
    spared: set[str] = field(default_factory=set)
    """The real names of all in the region that stays as it is, and is never removed."""
    holding: set[str] = field(default_factory=set)
    """The folders that something is in which stays."""
    _other_times: list[str] = field(default_factory=list)
    _files: set[Number] = field(default_factory=set)

    def meet(self, real: str, one: Essence, stat: FileStat) -> None:
        """A name of the live tree."""
        if one.kind is FileKind.FILE:
            self._count((stat.device, stat.inode))
        if self._is_spared(one.path):
            self._spare(real, one)
        elif self.snapshot.region.holds(one.path):
            self.users.add(stat.uid)
            self._meet_own(real, one, stat)
        else:
            self.kept = self.kept.plus(one.size)

    def _spare(self, real: str, one: Essence) -> None:
        """Also of a folder that something is mounted on the snapshot may know."""
        if (known := self.snapshot.names.pop(_digest(one.path), None)) is not None:
            self.snapshot.spared[one.path] = known.size
        self._keep(real, one)

    def _meet_own(self, real: str, one: Essence, stat: FileStat) -> None:
        known = self.snapshot.names.pop(_digest(one.path), None)
        if known is not None:
            self._meet_known(real, one, known)
        elif self._stays(one, stat):
            self._keep(real, one)
        else:
            self.deleted = self.deleted.plus(one.size)
            self.extras.append(Going(real, one.kind is FileKind.FOLDER))

    def _count(self, number: Number) -> None:
        if number in self._files:
            self.shared.add(number)
        self._files.add(number)

    def _is_spared(self, path: str) -> bool:
        unknown = (mount for mount in self.snapshot.mounts if mount not in self.snapshot.filled_mounts)
        return self.snapshot.region.spares(path) or any(is_in(path, mount) for mount in unknown)

    def _keep(self, real: str, one: Essence) -> None:
        self.kept = self.kept.plus(one.size)
        self.spared.add(real)
        while "/" in real:
            real = real.rpartition("/")[0]
            if real in self.holding:
                break
            self.holding.add(real)

    def _stays(self, one: Essence, stat: FileStat) -> bool:
        """What nobody knows, and is left alone all the same: a socket of the snapshot's, and what has just come."""
        if one.kind is FileKind.OTHER and _digest(one.path) in self.snapshot.sockets:
            return True
        came = bool(self.since) and stat.modified >= self.since and one.kind is not FileKind.FOLDER
        if came and not is_meant(one.path, self.snapshot.clear_after):
            self.fresh.append(one.path)
            return True
        return False

    def _meet_known(self, real: str, one: Essence, known: Known) -> None:
        here = self.snapshot.known(one)
        if known.kind != here.kind:
            self.misfits.append(Going(real, one.kind is FileKind.FOLDER))
        if known.same != here.same:
            self.overwritten = self.overwritten.plus(known.size)
            _add(self.others, real)
            return
        self.unchanged = self.unchanged.plus(known.size)
        if known.beside != here.beside:
            _add(self.beside, real)
        elif known.time != here.time and one.kind is FileKind.FOLDER:
            self._other_times.append(real)

    def settle(self) -> None:
        """All names were met: what is left of the snapshot is not live."""
        for known in self.snapshot.names.values():
            self.created = self.created.plus(known.size)
        stands = {shown(path) for path in self.spared}
        for path, size in self.snapshot.spared.items():
            if not any(one in stands for one in lineage(path)):
                self.created = self.created.plus(size)
        for folder in self._other_times:
            if folder not in self.holding:
                _add(self.beside, folder)
        staying = sum(one.is_folder and one.path in self.holding for one in self.extras)
        self.extras = [one for one in self.extras if not (one.is_folder and one.path in self.holding)]
        self.deleted = Amount(self.deleted.count - staying, self.deleted.bytes)
        self.kept = Amount(self.kept.count + staying, self.kept.bytes)

    @property
    def left_out(self) -> list[str]:
        """The real names of what the snapshot has too, and is not restored since the live one stays."""
        return outermost(sorted(path for path in self.spared if shown(path) in self.snapshot.spared))

    @property
    def mounts_left_alone(self) -> list[str]:
        """What is mounted in the tree and stays, since the snapshot has nothing in it."""
        mounts = (one for one in self.snapshot.mounts if one not in self.snapshot.filled_mounts)
        return [one for one in mounts if self.snapshot.region.holds(one)]

    @property
    def in_the_way(self) -> list[str]:
        """Folders that cannot become a file, as the snapshot has it, since something in them stays."""
        return [one.path for one in self.misfits if one.is_folder and one.path in self.holding]

    def going(self) -> list[Going]:
        """What has to go before anything is restored."""
        return [*self.extras, *self.misfits]


def lineage(path: str) -> Iterable[str]:
    """The path, and the folders that it is in."""
    yield path
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _add(names: list[str], name: str) -> None:
    if len(names) < NAMED:
        names.append(name)


def _digest(said: str) -> bytes:
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).digest()


async def read_snapshot(tree: Tree, reading: Reading, into: Snapshot) -> None:
    """Takes all that the snapshot has below the root."""
    begin = len(reading.path.rstrip("/")) + 1

    async def take(entries: Sequence[Entry]) -> None:
        for entry in entries:
            if not entry.path.startswith(f"{shown(reading.path)}/"):
                continue
            if entry.type in NOT_RESTORED:
                into.take_socket(entry.path[begin:])
            elif (one := reading.of_entry(entry)) is not None:
                into.take(entry.path[begin:], one)

    await tree.ls(take, reading.path, recursive=True)


async def compare(host: Host, root: str, reading: Reading, snapshot: Snapshot, since: int = 0) -> Difference:
    """The live tree at `root` against the snapshot, which is used up by it."""
    found = Difference(snapshot, since)

    async def take(batch: Sequence[Below]) -> None:
        for below in batch:
            found.meet(below.path, reading.of_file(below), below.stat)

    await host.walk(root, take)
    found.settle()
    return found


async def shared_names(host: Host, root: str, different: Difference) -> list[Going]:
    """The names of files that have several, but for what stays as it is: a change of one would change the others."""
    if not different.shared:
        return []
    found: list[Going] = []

    async def take(batch: Sequence[Below]) -> None:
        for below in batch:
            is_one = below.stat.kind is FileKind.FILE and (below.stat.device, below.stat.inode) in different.shared
            stays = below.path in different.spared or not different.snapshot.region.holds(shown(below.path))
            if is_one and not stays:
                found.append(Going(below.path, is_folder=False))

    await host.walk(root, take)
    return found
