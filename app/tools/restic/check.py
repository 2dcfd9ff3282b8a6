"""Reads a share of a repository's data and checks it, with all that everything hangs on: indexes, folders, snapshots.

restic says how far it is only in its plain output, so that is what is read here; each line that tells of damage has
looked alike since 0.18.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from app.hosts.lines import LineSink
from app.tools.restic.errors import failure
from app.tools.restic.output import LONGEST_TEXT, TEXT_KEPT
from app.tools.restic.session import Answer, Session

MOST_SHARES = 256
"""restic divides packs by the first byte of their names."""

FOUND_SOMETHING = 1
"""restic's exit code for damage, and for much else."""

OnPacks = Callable[[int, int], None]
"""Told how many packs were read, and of how many."""


class Share(msgspec.Struct, frozen=True):
    """Part `number` (from 1) of the data when it is divided into `of` parts, by the names of its packs."""

    number: int
    of: int

    def __str__(self) -> str:
        """As restic writes it."""
        return f"{self.number}/{self.of}"


ALL = Share(1, 1)


class Findings(msgspec.Struct, frozen=True):
    """What a check found.

    `packs` are damaged or `missing`, by their full ids; `blobs` are pieces in them that are known to be damaged, and
    `whole_packs` the packs of which no such piece is named. `trees` are folders that cannot be read, by the beginning
    of their ids, `lost` pieces that no index knows, `snapshots` snapshot files that cannot be read (by the beginning of
    their ids). `index` says that an index is damaged. `unread` is what could not be checked, in restic's words, `read`
    the number of packs that were read, and `said` everything restic complained of, at most `TEXT_KEPT` lines.
    """

    packs: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()
    whole_packs: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    index: bool = False
    unread: tuple[str, ...] = ()
    read: int = 0
    said: tuple[str, ...] = ()

    @property
    def is_damaged(self) -> bool:
        """Whether anything is damaged or missing."""
        return bool(self.packs or self.trees or self.lost or self.snapshots or self.index)


async def check(session: Session, share: Share, on_packs: OnPacks) -> Findings:
    """Checks the repository's structure, and reads a share of its data.

    Raises what restic could not begin or end for, such as `repository.unreachable` and `restic.locked`; what it found
    is no error.
    """
    reader = CheckReader(on_packs)
    lines = LineSink(reader.take)
    answer = await session.run(
        session.attempt(),
        ["check", f"--read-data-subset={share}"],
        stdout=lines,
        on_error_line=reader.take,
        accept=frozenset({0, FOUND_SOMETHING}),
        plain=True,
    )
    await lines.finish()
    if answer.finished.code == FOUND_SOMETHING and not _came_to_an_end(answer):
        raise failure(answer.finished, answer.words, session.attempt())
    return reader.findings(found_nothing=answer.finished.code == 0)


_ENDED = re.compile(r"repository contains errors")


def _came_to_an_end(answer: Answer) -> bool:
    """Whether restic ended because of what it found, and not because it could not go on."""
    return any(_ENDED.search(line) for line in answer.words.text)


_PROGRESS = re.compile(rb"^\[[\d:]+\]\s+[\d.]+%\s+(\d+) / (\d+) packs")
_PACK = re.compile(
    r"pack ([0-9a-f]{64})(?:: (?:does not exist|unexpected file size)| contains \d+ errors| has different data)", re.I
)
_BLOB = re.compile(r"blob ([0-9a-f]{64}): ")
_TREE = re.compile(r"error for tree ([0-9a-f]{8,64}):")
_LOST = re.compile(r"blob ([0-9a-f]{64}) not found in index|id ([0-9a-f]{64}) not found in repository")
_SNAPSHOT = re.compile(r"(?:failed to load snapshot |snapshot error )([0-9a-f]{8,64})")
_INDEX = re.compile(r"error loading index|index is damaged")
_UNREAD = re.compile(
    r"download error|check successful on second attempt|unable to open|i/o error|permission denied", re.I
)
_MISSING = re.compile(r": does not exist")


class CheckReader:
    """Takes the lines of a check as they come, and knows in the end what was found."""

    def __init__(self, on_packs: OnPacks) -> None:
        self._on_packs = on_packs
        self._read = 0
        self._packs: dict[str, bool] = {}  # whether damaged pieces of it are named
        self._missing: dict[str, None] = {}
        self._blobs: dict[str, None] = {}
        self._trees: dict[str, None] = {}
        self._lost: dict[str, None] = {}
        self._snapshots: dict[str, None] = {}
        self._index = False
        self._unread: list[str] = []
        self._said: list[str] = []

    def take(self, raw: bytes) -> None:
        """restic said this line."""
        if found := _PROGRESS.match(raw):
            self._read = int(found[1])
            self._on_packs(self._read, int(found[2]))
            return
        line = raw.removeprefix(b"\x1b[2K").decode("utf-8", "backslashreplace").strip()
        if self._understood(line) and len(self._said) < TEXT_KEPT:
            self._said.append(line[:LONGEST_TEXT])

    def findings(self, *, found_nothing: bool) -> Findings:
        """What was found; a restic that `found_nothing` has the last word on it."""
        if found_nothing:
            return Findings(read=self._read)
        return Findings(
            packs=tuple(self._packs),
            missing=tuple(self._missing),
            blobs=tuple(self._blobs),
            whole_packs=tuple(pack for pack, named in self._packs.items() if not named),
            trees=tuple(self._trees),
            lost=tuple(self._lost),
            snapshots=tuple(self._snapshots),
            index=self._index,
            unread=tuple(self._unread),
            read=self._read,
            said=tuple(self._said),
        )

    def _understood(self, line: str) -> bool:
        return any(
            [self._pack(line), self._tree(line), self._snapshot(line), self._damaged_index(line), self._no(line)]
        )

    def _pack(self, line: str) -> bool:
        found = _PACK.search(line)
        if found is None:
            return False
        blobs = _BLOB.findall(line)
        self._blobs |= dict.fromkeys(blobs)
        self._packs[found[1]] = bool(blobs) and self._packs.get(found[1], True)
        self._missing |= {found[1]: None} if _MISSING.search(line) else {}
        return True

    def _tree(self, line: str) -> bool:
        if tree := _TREE.search(line):
            self._trees[tree[1]] = None
        lost = [blob or of_tree for blob, of_tree in _LOST.findall(line)]
        self._lost |= dict.fromkeys(lost)
        return bool(tree or lost)

    def _snapshot(self, line: str) -> bool:
        found = _SNAPSHOT.search(line)
        if found is not None:
            self._snapshots[found[1]] = None
        return found is not None

    def _damaged_index(self, line: str) -> bool:
        found = _INDEX.search(line) is not None
        self._index = self._index or found
        return found

    def _no(self, line: str) -> bool:
        """Something could not be read, which is no damage yet."""
        found = _UNREAD.search(line) is not None
        if found and len(self._unread) < TEXT_KEPT:
            self._unread.append(line[:LONGEST_TEXT])
        return found
