"""What pages get out of the catalogue: plain frozen values."""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.jobs.points import Point


class Name(msgspec.Struct, frozen=True):
    """One name in a snapshot; `path` is the whole of it, `type` file, dir, symlink …

    `size` is in bytes, of a folder everything below it. `modified` is in microseconds since 1970, None for a time that
    no calendar of ours has. `names` is how many stand in a folder, -1 where that is not known. `mode` is Go's.
    """

    path: str
    type: str
    size: int = 0
    modified: int | None = None
    names: int = -1
    mode: int = 0
    uid: int = 0
    gid: int = 0

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def is_folder(self) -> bool:
        """Whether something may stand in it."""
        return self.type == "dir"


class Level(msgspec.Struct, frozen=True):
    """Some names of a folder, folders first; `next` is where the rest begins, None when there is none."""

    names: tuple[Name, ...]
    next: tuple[int, int] | None = None


class Searchable(msgspec.Struct, frozen=True):
    """A tree that can be searched: one of the snapshots that hold it, and the `points` that do, newest first."""

    snapshot: str
    source: str
    points: tuple[str, ...]


class Headway(msgspec.Struct, frozen=True):
    """How far the index of a snapshot is: `names` read, of about `total`, 0 where nobody knows; `over` at its end."""

    names: int
    total: int = 0
    over: bool = False


class PointRow(msgspec.Struct, frozen=True):
    """A recovery point with what its snapshots say beside it; sizes are in bytes, `hosts` and `tags` sorted.

    `added` is what the repository grew by; both sizes are of those snapshots that say so.
    """

    point: Point
    added: int
    bytes: int
    hosts: tuple[str, ...]
    tags: tuple[str, ...]
    trigger: str


class Listed(msgspec.Struct, frozen=True):
    """The recovery points of a site, newest first, as they were `read`; `loose` snapshots belong to none."""

    read: datetime
    rows: tuple[PointRow, ...]
    loose: int = 0
