"""What checks leave in the repository: a small snapshot for each, so that any computer goes on where another stopped.

Its tags say which share of the data was read and whether it was well. A check that found damage names the points that
it hits; they count as damaged, and so does every younger point, until as much was read again and was well: a backup
leans on what is there already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from app.jobs.tags import CHECK, FAIL, PASS, value_of, values_of
from app.tools.restic.check import Share
from app.tools.restic.output import Snapshot

ADDED = "added"
"""In place of a share: what a backup has just added, which that backup read again."""


class CheckMark(msgspec.Struct, frozen=True):
    """One check: snapshot `id`, made at `time`. `share` is None for one that read what a backup added.

    `hit` are the points that its damage hits.
    """

    id: str
    time: datetime
    share: Share | None
    passed: bool
    hit: frozenset[str]


class Cycle(msgspec.Struct, frozen=True):
    """How far the present cycle is: the shares (of `of`) that were read and well when they were last read.

    `whole` says that all of them were and that no damage is known; then all data was read since `since`.
    """

    of: int
    well: tuple[int, ...]
    whole: bool
    since: datetime | None


def check_marks(snapshots: Iterable[Snapshot]) -> list[CheckMark]:
    """The checks that came to a verdict, oldest first."""
    made = [_mark(snapshot) for snapshot in snapshots if value_of(snapshot.tags, "type") == CHECK]
    return sorted(filter(None, made), key=lambda mark: (mark.time, mark.id))


def _mark(snapshot: Snapshot) -> CheckMark | None:
    outcome, said = value_of(snapshot.tags, "outcome"), value_of(snapshot.tags, "share")
    share = share_of(said)
    if outcome not in (PASS, FAIL) or (share is None and said != ADDED):
        return None
    return CheckMark(snapshot.id, snapshot.time, share, outcome == PASS, frozenset(values_of(snapshot.tags, "hit")))


def share_of(said: str) -> Share | None:
    """A share as a tag (`3-8`) or a command (`3/8`) has it; None for anything else, such as one that cannot be."""
    number, _, of = said.replace("/", "-").partition("-")
    if not (number.isdecimal() and of.isdecimal() and said.isascii() and 1 <= int(number) <= int(of)):
        return None
    return Share(int(number), int(of))


def share_tag(share: Share | None) -> str:
    """A share as the value of a tag."""
    return ADDED if share is None else f"{share.number}-{share.of}"


def known_damage(marks: Sequence[CheckMark]) -> list[CheckMark]:
    """The checks that found damage which none after them has seen gone, oldest first."""
    return [mark for number, mark in enumerate(marks) if not mark.passed and not _is_gone(mark, marks[number + 1 :])]


def _is_gone(failed: CheckMark, later: Sequence[CheckMark]) -> bool:
    """Whether all that this check read was read again later, and was well."""
    last = {mark.share: mark.passed for mark in later if mark.share is not None}
    well = {share for share, passed in last.items() if passed}
    if failed.share in well:
        return True
    return any(_are_all(well, of) for of in {share.of for share in well})


def _are_all(well: set[Share], of: int) -> bool:
    return all(Share(number, of) in well for number in range(1, of + 1))


def is_hit(point: str, at: datetime, damage: Sequence[CheckMark]) -> bool:
    """Whether a point lacks data by what is known, or may lack some since it was made on a damaged repository."""
    return any(point in mark.hit or at > mark.time for mark in damage)


def next_share(marks: Sequence[CheckMark], of: int) -> Share:
    """The share that the next check reads when the data is divided into `of`."""
    read = [mark.share for mark in marks if mark.share is not None and mark.share.of == of]
    return Share(read[-1].number % of + 1, of) if read else Share(1, of)


def cycle_of(marks: Sequence[CheckMark], of: int) -> Cycle:
    """How far the cycle of `of` shares is; a check that read everything read each of them."""
    last: dict[int, CheckMark] = {}
    for mark in marks:
        if mark.share is not None and mark.share.of in (1, of):
            read = range(1, of + 1) if mark.share.of == 1 else [mark.share.number]
            last |= dict.fromkeys(read, mark)
    well = {number: mark for number, mark in last.items() if mark.passed}
    whole = len(well) == of and not known_damage(marks)
    return Cycle(of, tuple(sorted(well)), whole, min(mark.time for mark in well.values()) if whole else None)


def superseded(marks: Sequence[CheckMark], of: int) -> list[str]:
    """The marks that say nothing any more: of each share of the present division the last one stays, and so does
    every check of which the damage is still there."""
    last = {mark.share: mark.id for mark in marks if mark.share is not None and mark.share.of in (1, of)}
    needed = {*last.values(), *(mark.id for mark in known_damage(marks))}
    return [mark.id for mark in marks if mark.id not in needed]
