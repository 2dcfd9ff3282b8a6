"""A tree that stands whole beside the live one: what takes which place, and by which facts that is told later."""

from __future__ import annotations

import msgspec

from app.hosts.host import FileStat
from app.jobs.restore.folder import pure


class Pair(msgspec.Struct, frozen=True):
    """What is exchanged: the number of the file on each side (0: nothing stands there, the other one is renamed)."""

    live: str
    staged: str
    live_inode: int
    staged_inode: int


class LeftAlone(msgspec.Struct, frozen=True):
    """What goes over from the live tree into the new one, by its path as seen from the root of both.

    `live_inode` is its own number; `staged_inode` that of what changes places with it.
    """

    path: str
    live_inode: int
    staged_inode: int


class StagedTree(msgspec.Struct, frozen=True):
    """One source, ready for its place.

    `live` is its real root (`asked` as the site file has it); `tree` takes its place, and stands in the folder `stage`
    of ours; `before` is what the old one is called afterwards. `left_alone` is what the site leaves out of backups, or
    keeps as a whole: it goes over into the new tree. `kept` are the files (as seen from the root) that were copied, and
    are copied again when they have changed. One level `down` all that is in the tree is exchanged; the root itself
    stays, and is given the owner and mode of the point's (`root_after`) in place of its own (`root_before`).
    """

    source: str
    host: str
    asked: str
    live: str
    stage: str
    tree: str
    before: str
    pairs: tuple[Pair, ...]
    left_alone: tuple[LeftAlone, ...] = ()
    kept: tuple[str, ...] = ()
    down: bool = False
    root_before: FileStat | None = None
    root_after: FileStat | None = None

    @property
    def stays(self) -> bool:
        """Whether it is changed where it stands: nothing is staged, and nothing exchanged."""
        return not self.stage

    @property
    def before_holds(self) -> bool:
        """Whether `before` is a folder that all of the old is put into."""
        return self.down and all(pure(pair.live).parent == pure(self.live) for pair in self.pairs)

    @property
    def is_missing(self) -> bool:
        """Whether there is no live tree at all."""
        return any(pair.live == self.live and not pair.live_inode for pair in self.pairs)
