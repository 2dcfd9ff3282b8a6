"""Proves a tree of files: a sample of it is restored, read again, and compared with what the snapshot's tree says.

The sample is the newest files and some at random, another lot for each run; one that says the same run picks the same.
restic compares what it wrote with the hashes in the tree; of the files of one folder this is done here too, and of what
the backup itself took note of.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePath

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import FileKind, Host
from app.jobs.plan import Ctx
from app.jobs.sources.private_file import scratch_path
from app.jobs.verify.proof import Proving, Shown, differs
from app.jobs.verify.room import expect_room
from app.settings.model import THIS_COMPUTER
from app.tools.restic.names import is_unclear
from app.tools.restic.output import Entry
from app.tools.restic.tree import Tree

NEWEST = 16
AT_RANDOM = 48
LARGEST_SAMPLE = 256 * 1024 * 1024
"""Bytes; larger files are left to `check`, which reads a share of all data each week."""

LONGEST_NAMES = 12 * 1024
"""Bytes of names that go on one command line of restic's, which has to be short enough for Windows too."""

TO_SPARE = 64 * 1024 * 1024
LOCK_FILE = "composer.lock"


@dataclass
class Sampling:
    """Takes note of every file of a tree and keeps few: the newest, and some at random that are no less likely to be
    kept for being late in the list.
    """

    seed: str
    files: int = 0
    _newest: list[tuple[str, str, Entry]] = field(default_factory=list)
    _random: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._choose = random.Random(self.seed)

    def add(self, entry: Entry) -> None:
        """The next file."""
        self.files += 1
        keyed = (_when(entry), entry.path, entry)
        if len(self._newest) < NEWEST:
            heapq.heappush(self._newest, keyed)
        elif keyed[:2] > self._newest[0][:2]:
            heapq.heapreplace(self._newest, keyed)
        self._keep_at_random(entry)

    def _keep_at_random(self, entry: Entry) -> None:
        if len(self._random) < AT_RANDOM:
            self._random.append(entry)
        elif (place := self._choose.randrange(self.files)) < AT_RANDOM:
            self._random[place] = entry

    def chosen(self) -> list[Entry]:
        """The sample, newest first, as far as it fits."""
        newest = [entry for *_, entry in sorted(self._newest, reverse=True, key=lambda one: one[:2])]
        both = {entry.path: entry for entry in (*newest, *self._random)}
        return _fitting(both.values())


def _when(entry: Entry) -> str:
    """A time that sorts; files with one that no calendar has are the oldest."""
    modified = entry.modified
    return modified.isoformat() if modified is not None else ""


def _fitting(entries: Iterable[Entry]) -> list[Entry]:
    room, names, fit = LARGEST_SAMPLE, LONGEST_NAMES, list[Entry]()
    for entry in entries:
        length = len(entry.path.encode("utf-8", "surrogateescape")) + len("--include= ")
        if entry.size <= room and length <= names:
            room, names = room - entry.size, names - length
            fit.append(entry)
    return fit


async def prove(ctx: Ctx, proving: Proving) -> Shown:
    """Restores a sample on this computer and compares it."""
    host, tree = ctx.host(THIS_COMPUTER), await proving.tree(ctx)
    sampling = Sampling(f"{proving.run} {proving.entry.source}")
    lock_file: list[Entry] = []

    async def take(entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.type == "file" and not is_unclear(entry.path):
                sampling.add(entry)
                if entry.path == _lock_path(proving):
                    lock_file.append(entry)

    await tree.ls(take, recursive=True)
    sample = list({entry.path: entry for entry in (*lock_file, *sampling.chosen())}.values())
    where = text("a sample of {count} of {files} files", count=len(sample), files=sampling.files)
    compared = {"files": len(sample), "bytes": sum(entry.size for entry in sample), "of_files": sampling.files}
    if sample:
        compared["hashes"] = await _compare(ctx, proving, host, tree, sample)
    return Shown(where, compared)


def _lock_path(proving: Proving) -> str:
    facts = proving.entry.tree
    return f"{_in_snapshot(facts.root)}/{LOCK_FILE}" if facts is not None and facts.composer_lock_sha256 else ""


def _in_snapshot(root: str) -> str:
    """A path as restic's trees have it: `C:\\site` is /C/site there."""
    return root.rstrip("/") if root.startswith("/") else "/" + root.replace(":", "", 1).replace("\\", "/").rstrip("/")


async def _compare(ctx: Ctx, proving: Proving, host: Host, tree: Tree, sample: Sequence[Entry]) -> int:
    """Restores and looks; the number of files whose hash was computed here too."""
    folder = await scratch_path(ctx, host.name, f"verify-{proving.entry.source}")
    await expect_room(host, str(folder.parent), sum(entry.size for entry in sample), besides=TO_SPARE)
    try:
        restored = await tree.restore_files([entry.path for entry in sample], str(folder))
        lines = [line for entry in sample if (line := await _looked_at(host, folder, entry))]
        hashes = await _hashes(proving, tree, sample)
        lines += [line for path, sha in hashes.items() if (line := await _hashed(host, folder, path, sha))]
    finally:
        await host.remove_tree(str(folder))
    if lines:
        raise differs(proving.entry.source, lines)
    if restored.files < len(sample):
        raise _not_restored(restored.files, len(sample))
    return len(hashes)


async def _looked_at(host: Host, folder: PurePath, entry: Entry) -> str:
    """How a restored file differs from its entry; "" when it does not."""
    found = await host.stat(_place(folder, entry.path))
    if found is None or found.kind is not FileKind.FILE:
        return f"{entry.path}: not there"
    if found.size != entry.size:
        return f"{entry.path}: {entry.size} bytes backed up, {found.size} restored"
    when = entry.modified
    if when is not None and abs(found.modified / 1e9 - when.timestamp()) > 1:
        back = datetime.fromtimestamp(found.modified / 1e9, UTC)
        return f"{entry.path}: changed {when.isoformat()}, restored with {back.isoformat()}"
    return ""


def _place(folder: PurePath, path: str) -> str:
    return str(folder.joinpath(*path.strip("/").split("/")))


async def _hashes(proving: Proving, tree: Tree, sample: Sequence[Entry]) -> dict[str, str]:
    """The SHA-256 that files of the sample must have: those in the newest file's folder that are stored in one piece,
    and what the manifest noted.
    """
    folder = sample[0].path.rpartition("/")[0]
    pieces = await tree.hashes(folder or "/")
    beside = [entry.path for entry in sample if entry.path.rpartition("/")[0] == folder]
    known = {path: pieces[path.rpartition("/")[2]] for path in beside if path.rpartition("/")[2] in pieces}
    hashes = {path: content[0] for path, content in known.items() if len(content) == 1}
    facts = proving.entry.tree
    if facts is not None and any(entry.path == _lock_path(proving) for entry in sample):
        hashes[_lock_path(proving)] = facts.composer_lock_sha256
    return hashes


async def _hashed(host: Host, folder: PurePath, path: str, expected: str) -> str:
    found = await host.sha256(_place(folder, path))
    return "" if found == expected else f"{path}: SHA-256 {expected} backed up, {found} restored"


def _not_restored(files: int, wanted: int) -> UserError:
    return UserError(
        text("restic restored {files} of {wanted} files.", files=files, wanted=wanted),
        text("Those that are there are as they were."),
        text("Look into the log of this run for what restic said."),
        "verify.sample-incomplete",
    )
