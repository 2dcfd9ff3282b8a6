"""Which snapshots, and which files in them, need pieces of data that are damaged or gone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from app.tools.restic.backup import LONGEST_ARGUMENTS
from app.tools.restic.session import Session

FILES_SHOWN = 20
"""So many files are named of each snapshot; all are counted."""

AT_ONCE = LONGEST_ARGUMENTS // 2 // 80
"""So many ids, of 64 characters, are named to one restic, and as many snapshots."""


@dataclass
class HitSnapshot:
    """What is hit in one snapshot: `files` are the first of `count` files, `folders` those whose lists are damaged."""

    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    count: int = 0


class _Hit(msgspec.Struct, frozen=True):
    object_type: str
    snapshot: str
    path: str = ""


_OBJECT = re.compile(rb'\{"object_type":(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}')
_UNREADABLE = re.compile(rb"\.\.\. which belongs to snapshot ([0-9a-f]{64})")
_HIT = msgspec.json.Decoder(_Hit)


class HitReader:
    """Takes what `find` writes, one long array of objects without line ends, as it comes."""

    def __init__(self) -> None:
        self.found: dict[str, HitSnapshot] = {}
        self._left = b""
        self._last: tuple[str, str] | None = None

    async def take(self, piece: bytes) -> None:
        """The next piece of its standard output."""
        seen, said = 0, self._left + piece
        for one in _OBJECT.finditer(said):
            self._hit(_HIT.decode(one[0]))
            seen = one.end()
        self.take_line(said[:seen])
        self._left = said[seen:][-LONGEST_OBJECT:]

    def take_line(self, line: bytes) -> None:
        """A line that says that a folder could not be read; what is below it is not known."""
        for one in _UNREADABLE.finditer(line):
            self._add_folder(one[1].decode(), "")

    def finish(self) -> None:
        """The rest of its output."""
        self.take_line(self._left)
        self._left = b""

    def _hit(self, hit: _Hit) -> None:
        if hit.object_type == "tree":
            self._add_folder(hit.snapshot, hit.path)
        elif self._last != (hit.snapshot, hit.path):  # a file with several such pieces is told once for each
            self._last = hit.snapshot, hit.path
            self._add_file(self.found.setdefault(hit.snapshot, HitSnapshot()), hit.path)

    def _add_file(self, snapshot: HitSnapshot, path: str) -> None:
        snapshot.count += 1
        if len(snapshot.files) < FILES_SHOWN:
            snapshot.files.append(path)

    def _add_folder(self, snapshot: str, path: str) -> None:
        folders = self.found.setdefault(snapshot, HitSnapshot()).folders
        if path not in folders and len(folders) < FILES_SHOWN:
            folders.append(path)


LONGEST_OBJECT = 64 * 1024


async def find_hits(session: Session, kind: str, ids: Sequence[str], snapshots: Sequence[str]) -> HitReader:
    """Where these `blob`s, `tree`s or `pack`s (the `kind`) are needed: in these snapshots, or in all if too many.

    Raises what restic could not do it for, such as a damaged index.
    """
    reader = HitReader()
    only = [f"--snapshot={one}" for one in snapshots] if len(snapshots) <= AT_ONCE else []
    for first in range(0, len(ids), AT_ONCE):
        some = ids[first : first + AT_ONCE]
        await session.run(
            session.attempt(),
            ["find", f"--{kind}", *only, "--", *some],
            stdout=reader.take,
            on_error_line=reader.take_line,
        )
        reader.finish()
    return reader
