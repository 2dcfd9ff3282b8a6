"""What damage means: which recovery points it hits, and what in them, in a person's words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import Text, plural, text
from app.jobs.points import SHORT
from app.jobs.tags import CHECK, value_of
from app.tools.restic.check import Findings
from app.tools.restic.hits import HitReader, HitSnapshot, find_hits
from app.tools.restic.output import Snapshot
from app.tools.restic.packs import pieces_of
from app.tools.restic.session import Session

PIECES_NAMED = 1000
"""Of more damaged pieces not each is looked for, but all that is in their packs."""


class HitSource(msgspec.Struct, frozen=True):
    """What is hit of one source in one point: the first of `count` files, and folders whose lists are damaged.

    A folder "" is one of which not even the name is known: everything below it is not known either.
    """

    source: str
    snapshot: str
    files: tuple[str, ...] = ()
    count: int = 0
    folders: tuple[str, ...] = ()


class HitPoint(msgspec.Struct, frozen=True):
    """A point that damage hits; "" for a snapshot that belongs to none."""

    point: str
    time: datetime
    sources: tuple[HitSource, ...]

    @property
    def short_id(self) -> str:
        """The beginning of its id, or of its snapshot's."""
        return (self.point or self.sources[0].snapshot)[:SHORT]


class Damage(msgspec.Struct, frozen=True):
    """Damage in a repository: `packs` that are damaged or `missing`, and `snapshots` whose own files are damaged.

    `index` says that an index is damaged or missing, of which nothing need be lost; `folders` counts those whose lists
    cannot be read. `points` are those that are hit, newest first; when `unplaced`, it could not be found out whether
    there are more.
    """

    packs: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    folders: int = 0
    snapshots: tuple[str, ...] = ()
    index: bool = False
    points: tuple[HitPoint, ...] = ()
    unplaced: bool = False


async def explained(session: Session, findings: Findings, snapshots: Sequence[Snapshot]) -> Damage:
    """Looks where what is damaged is needed; `snapshots` are all that the repository has."""
    index = findings.index or (bool(findings.lost) and not findings.packs)
    found, unplaced = await _hits(session, findings, snapshots)
    return Damage(
        packs=findings.packs,
        missing=findings.missing,
        folders=len(findings.trees),
        snapshots=findings.snapshots,
        index=index,
        points=_points(found, snapshots),
        unplaced=unplaced,
    )


async def _hits(
    session: Session, findings: Findings, snapshots: Sequence[Snapshot]
) -> tuple[dict[str, HitSnapshot], bool]:
    """What is hit in each snapshot, and whether it could not be found out for some of the damage.

    Snapshots of the same tree are looked into once.
    """
    alike: dict[str, list[str]] = {}
    for snapshot in snapshots:
        alike.setdefault(snapshot.tree, []).append(snapshot.id)
    first_of = {same[0]: same for same in alike.values()}
    found: dict[str, HitSnapshot] = {}
    unplaced = False
    for kind, ids in _questions(findings):
        try:
            await _find(session, kind, ids, tuple(first_of), found)
        except UserError:  # what is damaged may keep restic from looking; then it is told that more may be hit
            unplaced = True
    hits = {one: hit for first, hit in found.items() for one in first_of.get(first, [first])}
    for snapshot in snapshots:  # one whose record is damaged is known where it is remembered by the cache
        if findings.snapshots and snapshot.id.startswith(findings.snapshots):
            hits.setdefault(snapshot.id, HitSnapshot(folders=[""]))
    return hits, unplaced


async def _find(
    session: Session, kind: str, ids: Sequence[str], snapshots: Sequence[str], found: dict[str, HitSnapshot]
) -> None:
    """What is hit by these, joined to what was found. Of packs that are cut short restic knows no pieces by itself."""
    try:
        _join(found, await find_hits(session, kind, ids, snapshots))
    except UserError:
        if kind != "pack":
            raise
        pieces = await pieces_of(session, frozenset(ids))
        for of_kind in ("blob", "tree"):
            _join(found, await find_hits(session, of_kind, pieces, snapshots))


def _questions(findings: Findings) -> Iterable[tuple[str, Sequence[str]]]:
    """What is looked for, by kind: pieces that may be of a file or a folder, folders, and all that is in packs."""
    pieces = (*findings.blobs, *findings.lost)
    packs = findings.whole_packs
    if len(pieces) > PIECES_NAMED:
        pieces, packs = (), findings.packs
    asked = {"blob": pieces, "tree": (*pieces, *findings.trees), "pack": packs}
    return [(kind, ids) for kind, ids in asked.items() if ids]


def _join(found: dict[str, HitSnapshot], reader: HitReader) -> None:
    for snapshot, hit in reader.found.items():
        joined = found.setdefault(snapshot, HitSnapshot())
        joined.files += [file for file in hit.files if file not in joined.files]
        joined.folders += [folder for folder in hit.folders if folder not in joined.folders]
        joined.count += hit.count


def _points(found: dict[str, HitSnapshot], snapshots: Sequence[Snapshot]) -> tuple[HitPoint, ...]:
    sources: dict[tuple[str, datetime], list[HitSource]] = {}
    runs = {snapshot.id: value_of(snapshot.tags, "run") for snapshot in snapshots}
    newest = {runs[one.id]: one.time for one in sorted(snapshots, key=lambda one: one.time)}
    for snapshot in snapshots:
        hit = found.get(snapshot.id)
        if hit is not None and value_of(snapshot.tags, "type") != CHECK:
            run = runs[snapshot.id]
            key = (run, newest[run]) if run else ("", snapshot.time)
            source = value_of(snapshot.tags, "source")
            sources.setdefault(key, []).append(
                HitSource(source, snapshot.id, tuple(hit.files), hit.count, tuple(hit.folders))
            )
    points = [HitPoint(point, time, tuple(parts)) for (point, time), parts in sources.items()]
    return tuple(sorted(points, key=lambda point: point.time, reverse=True))


def in_words(damage: Damage) -> list[Text]:
    """What is damaged and what that hits, in sentences."""
    return [*_what(damage), *_whom(damage)]


def _what(damage: Damage) -> list[Text]:
    said = []
    if damage.packs:
        said.append(
            plural(
                "{count} file of the repository's data is damaged or missing.",
                "{count} files of the repository's data are damaged or missing.",
                len(damage.packs),
            )
        )
    elif damage.folders and not damage.index:
        said.append(
            plural(
                "The list of {count} folder cannot be read.",
                "The lists of {count} folders cannot be read.",
                damage.folders,
            )
        )
    if damage.index:
        said.append(
            text(
                "The repository's index is damaged, or lacks data that points need; it can be made anew from the data."
            )
        )
    if damage.snapshots:
        said.append(
            plural(
                "{count} snapshot's own record cannot be read; the point that it belongs to lacks it.",
                "The own records of {count} snapshots cannot be read; the points that they belong to lack them.",
                len(damage.snapshots),
            )
        )
    return said


def _whom(damage: Damage) -> list[Text]:
    said = points_in_words(damage.points)
    if damage.unplaced:
        return [*said, text("Which points are hit could not be found out to the end: there may be more.")]
    if not said and damage.packs:
        return [text("No recovery point needs what is damaged.")]
    return said


def points_in_words(points: Iterable[HitPoint]) -> list[Text]:
    """What is hit in each point."""
    return [line for point in points for line in _point(point)]


def _point(point: HitPoint) -> list[Text]:
    named = text("Point {point} is hit:", point=point.short_id)
    return [named, *(_source(source) for source in point.sources)]


def _source(source: HitSource) -> Text:
    name = source.source or source.snapshot[:SHORT]
    if source.files:
        return plural(
            "  {source}: {count} file, such as {file}",
            "  {source}: {count} files, such as {file}",
            source.count,
            source=name,
            file=source.files[0],
        )
    if any(source.folders):
        return text("  {source}: everything in the folder {folder}", source=name, folder=source.folders[0])
    return text("  {source}: folders of which not even the names can be read", source=name)
