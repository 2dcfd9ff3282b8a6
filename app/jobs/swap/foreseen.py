"""What a swap would change, name by name and counted: the result of a dry run. It only looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Literal

import msgspec

from app.hosts.host import Below, FileKind, Host
from app.jobs.restore.listing import Essence, Reading
from app.jobs.sources.files import OURS
from app.jobs.swap.patterns import is_meant
from app.settings.model import Source
from app.tools.restic.output import Entry
from app.tools.restic.tree import Tree


class Amount(msgspec.Struct, frozen=True):
    """A number of names, folders among them, and the bytes of their content."""

    count: int = 0
    bytes: int = 0

    def plus(self, size: int) -> Amount:
        """One more."""
        return Amount(self.count + 1, self.bytes + size)


class Foreseen(msgspec.Struct, frozen=True):
    """What would become of one source. A name is unchanged where kind, size, time, mode and owner are as in the point.

    Of what is overwritten the bytes are those it gets; of what is deleted those it had. `kept` are live ones that stay
    as they are. Of a database there is one, overwritten or created. `going` are the first names of what is deleted,
    where it is deleted for good.
    """

    source: str
    host: str
    target: str
    created: Amount = Amount()
    overwritten: Amount = Amount()
    deleted: Amount = Amount()
    unchanged: Amount = Amount()
    kept: Amount = Amount()
    going: tuple[str, ...] = ()


NOTHING = Amount()

NAMED = 10_000
"""So many names of each sort are told; all are counted."""

Sort = Literal["created", "overwritten", "deleted"]


class Change(msgspec.Struct, frozen=True):
    """One name that would change, as seen from the root of its source; its size is as in `Foreseen`, None where it is
    not known.
    """

    source: str
    path: str
    sort: Sort
    bytes: int | None


@dataclass
class Comparison:
    """Counts a live tree against the point's list, of which a few bytes are held for each name."""

    source: Source
    owners: bool = True
    expected: dict[bytes, int] = field(default_factory=dict)
    same: dict[bytes, bytes] = field(default_factory=dict)
    overwritten: Amount = NOTHING
    deleted: Amount = NOTHING
    unchanged: Amount = NOTHING
    kept: Amount = NOTHING
    created: Amount = NOTHING
    held: set[str] = field(default_factory=set)
    """What is kept live and is there, each with all that is in it."""
    changes: list[Change] = field(default_factory=list)
    named: Counter[Sort] = field(default_factory=Counter)

    def _name(self, path: str, sort: Sort, size: int) -> None:
        self.named[sort] += 1
        if self.named[sort] <= NAMED:
            self.changes.append(Change(self.source.name, path, sort, size))

    def create(self, path: str, one: Essence) -> None:
        """A name of the point, once the live tree is known. What is kept live is kept with all that is in it."""
        if _digest(path) in self.expected and not self._is_in_kept(path):
            self.created = self.created.plus(one.size)
            self._name(path, "created", one.size)

    def _is_in_kept(self, path: str) -> bool:
        return any(str(above) in self.held for above in (PurePosixPath(path), *PurePosixPath(path).parents))

    def expect(self, path: str, one: Essence) -> None:
        """A name of the point; what is emptied afterwards does not come."""
        if not is_meant(path, self.source.clear_after):
            key = _digest(path)
            self.expected[key], self.same[key] = one.size, _digest(self._state(one))

    def meet(self, path: str, one: Essence) -> None:
        """A name of the live tree."""
        key = _digest(path)
        size = self.expected.pop(key, None)
        if is_meant(path, self.source.keep_live) and not self._is_in_kept(path):
            self.held.add(path)
        if self._stays(path):
            self.kept = self.kept.plus(one.size)
        elif size is None:
            self.deleted = self.deleted.plus(one.size)
            self._name(path, "deleted", one.size)
        elif self.same[key] == _digest(self._state(one)):
            self.unchanged = self.unchanged.plus(size)
        else:
            self.overwritten = self.overwritten.plus(size)
            self._name(path, "overwritten", size)

    def _state(self, one: Essence) -> str:
        """A folder is the same whatever its time, which changes with what is in it."""
        when = None if one.kind is FileKind.FOLDER else one.modified
        return f"{one.content} {one.mode} {one.owner if self.owners else None} {when}"

    def _stays(self, path: str) -> bool:
        source = self.source
        in_part = not source.include or is_meant(path, source.include) or _leads_to(path, source.include)
        return (
            not in_part
            or path.startswith(OURS)
            or is_meant(path, source.keep_live)
            or is_meant(path, source.exclude, hidden=True)
        )

    def foreseen(self, host: str, target: str) -> Foreseen:
        """What it comes to."""
        return Foreseen(
            self.source.name,
            host,
            target,
            created=self.created,
            overwritten=self.overwritten,
            deleted=self.deleted,
            unchanged=self.unchanged,
            kept=self.kept,
        )


def _leads_to(path: str, parts: Sequence[str]) -> bool:
    return any(part.startswith(f"{path}/") for part in parts)


def _digest(said: str) -> bytes:
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).digest()


async def foresee_tree(tree: Tree, host: Host, live: str | None, source: Source, reading: Reading) -> Comparison:
    """Compares what a snapshot has of a source with its live tree, or with nothing."""
    found = Comparison(source, owners=reading.owners)

    async def take_expected(entries: Sequence[Entry]) -> None:
        for path, one in _below_root(entries, reading):
            found.expect(path, one)

    async def take_created(entries: Sequence[Entry]) -> None:
        for path, one in _below_root(entries, reading):
            found.create(path, one)

    async def take_live(batch: Sequence[Below]) -> None:
        for one in map(reading.of_file, batch):
            found.meet(one.path, one)

    await tree.ls(take_expected, reading.parent, recursive=True)
    if live is not None:
        await host.walk(live, take_live)
    if found.expected:  # read once more rather than kept: of a million names there is only a digest in memory
        await tree.ls(take_created, reading.parent, recursive=True)
    return found


def _below_root(entries: Sequence[Entry], reading: Reading) -> Iterator[tuple[str, Essence]]:
    """What stands in the tree, by its path in there."""
    root = reading.path.rpartition("/")[2]
    for one in filter(None, map(reading.of_entry, entries)):
        if one.path != root:
            yield one.path[len(root) + 1 :], one
