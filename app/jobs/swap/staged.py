"""A tree that stands whole beside the live one: what takes which place, and by which facts that is told later."""

from __future__ import annotations

import msgspec


class Pair(msgspec.Struct, frozen=True):
    """What is exchanged: the number of the file on each side (0: nothing stands there, the other one is renamed)."""

    live: str
    staged: str
    live_inode: int
    staged_inode: int


class KeptFile(msgspec.Struct, frozen=True):
    """A live file that was copied into the staged tree; the facts tell whether it has changed since.

    `modified` is in nanoseconds, `sha256` of its content in hexadecimal digits.
    """

    live: str
    staged: str
    size: int
    modified: int
    sha256: str


class StagedTree(msgspec.Struct, frozen=True):
    """One source, ready for its place.

    `live` is its real root (`asked` as the site file has it); `tree` takes its place, and stands in the folder `stage`
    of ours; `before` is what the old one is called afterwards. `device` is the file system of all of them.
    `left_alone` are pairs of what the site leaves out of backups, or keeps as it is: it goes over into the new tree.
    """

    source: str
    host: str
    asked: str
    live: str
    stage: str
    tree: str
    before: str
    device: int
    pairs: tuple[Pair, ...]
    left_alone: tuple[Pair, ...] = ()
    kept: tuple[KeptFile, ...] = ()
    bytes: int = 0
    files: int = 0

    @property
    def is_missing(self) -> bool:
        """Whether there is no live tree at all."""
        return any(pair.live == self.live and not pair.live_inode for pair in self.pairs)
