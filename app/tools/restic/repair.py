"""restic's own ways back from damage, each of which may be interrupted at any moment and begun again.

Read the restic manual, "Troubleshooting". What they say is text in every version.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from app.hosts.lines import LineSink
from app.tools.restic.backup import LONGEST_ARGUMENTS
from app.tools.restic.hits import FILES_SHOWN
from app.tools.restic.names import shown, unquoted
from app.tools.restic.session import Session

AT_ONCE = LONGEST_ARGUMENTS // 65
"""So many ids, of 64 characters each, are named to one restic."""


async def repair_index(session: Session) -> None:
    """Makes the index anew where it does not tell what the packs hold; removes no data."""
    await session.run(session.attempt(), ["repair", "index"], plain=True)


async def repair_packs(session: Session, packs: Sequence[str], folder: str) -> None:
    """Takes what is whole out of damaged packs into new ones, then removes them.

    restic copies each of them into `folder` (of the host it runs on) as `pack-ID` first; where that fails it removes
    nothing.
    """
    attempt = session.attempt(target=folder)
    for first in range(0, len(packs), AT_ONCE):
        some = packs[first : first + AT_ONCE]
        await session.run(attempt, ["repair", "packs", "--", *some], folder=folder, plain=True)


class Broken(msgspec.Struct, frozen=True):
    """A snapshot that lacks data: `snapshot` is the beginning of its id, `files` the first of `count` that do.

    Of `folders` not even the list is there. One of which nothing is left has `gone`.
    """

    snapshot: str
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    count: int = 0
    gone: bool = False


async def broken_snapshots(session: Session) -> list[Broken]:
    """Which snapshots need data that no index knows any more; changes nothing.

    restic looks into a folder once, however many snapshots have it, so those of which it names nothing are asked for
    one by one.
    """
    reader = await _dry_run(session)
    named = {one.snapshot: one for one in reader.broken()}
    for snapshot in reader.unnamed():
        alone = await _dry_run(session, snapshot)
        named |= {one.snapshot: one for one in alone.broken()}
    return list(named.values())


async def _dry_run(session: Session, *snapshots: str) -> BrokenReader:
    reader = BrokenReader()
    lines = LineSink(reader.take)
    await session.run(
        session.attempt(), ["repair", "snapshots", "--dry-run", "--", *snapshots], stdout=lines, plain=True
    )
    await lines.finish()
    return reader


async def repair_snapshots(session: Session, snapshots: Sequence[str]) -> None:
    """Makes of each of these a snapshot without what it lacks, with the tag `repaired`; the old ones stay.

    Of one of which nothing is left none is made, and it goes.
    """
    for first in range(0, len(snapshots), AT_ONCE):
        some = snapshots[first : first + AT_ONCE]
        await session.run(session.attempt(), ["repair", "snapshots", "--", *some], plain=True)


async def stored_snapshot(session: Session, snapshot: str) -> bytes:
    """A snapshot's own record, as JSON."""
    return (await session.ask(session.attempt(snapshot=snapshot), "cat", "snapshot", snapshot)).finished.stdout


_SNAPSHOT = re.compile(r"^snapshot ([0-9a-f]{8,64}) of ")
_FILE = re.compile(r'^  file "(.*)": removed missing content$', re.DOTALL)
_FOLDER = re.compile(r'^  dir "(.*)": (?:replaced with empty directory|not readable)$', re.DOTALL)


@dataclass
class _Seen:
    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    count: int = 0
    gone: bool = False
    changed: bool = False


class BrokenReader:
    """Takes the lines of `repair snapshots --dry-run` as they come.

    A snapshot that would only get a corrected size lacks nothing, and is not among the broken ones.
    """

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._now = _Seen()

    def take(self, raw: bytes) -> None:
        """The next line of its standard output."""
        line = raw.decode("utf-8", "surrogateescape")
        if found := _SNAPSHOT.match(line):
            self._now = self._seen[found[1]] = _Seen()
        elif found := _FILE.match(line):
            self._now.count += 1
            self._now.files += [_path(found[1])] if len(self._now.files) < FILES_SHOWN else []
        elif found := _FOLDER.match(line):
            self._now.folders.append(_path(found[1]))
        elif line == "would delete empty snapshot":
            self._now.gone = True
        elif line == "would save new snapshot":
            self._now.changed = True

    def broken(self) -> list[Broken]:
        """The snapshots that lack data."""
        return [
            Broken(snapshot, tuple(seen.files), tuple(seen.folders), seen.count, seen.gone)
            for snapshot, seen in self._seen.items()
            if seen.count or seen.folders or seen.gone
        ]

    def unnamed(self) -> list[str]:
        """The snapshots that would be changed, with no word about why."""
        return [snapshot for snapshot, seen in self._seen.items() if seen.changed and not (seen.count or seen.folders)]


def _path(quoted: str) -> str:
    return shown(unquoted(quoted))
