"""What a recovery point holds, by its manifest; of one without a manifest, by its snapshots."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.events import ItemStatus
from app.foundation.words import text
from app.jobs.manifest import MANIFEST_NAME, Manifest, SourceEntry, decode
from app.jobs.points import Point, point_named, points_of, site_snapshots, today_of
from app.jobs.repositories import OpenRepository
from app.jobs.restore.choice import BOTH, DATABASES, FILES, LAYER, SOURCE
from app.jobs.tags import value_of
from app.settings.model import DATABASE_KINDS, THIS_COMPUTER, Site, SourceKind
from app.tools.restic.output import Snapshot

DATABASE_VALUES = frozenset(kind.value for kind in (*DATABASE_KINDS, SourceKind.WAL))


class Contents(msgspec.Struct, frozen=True):
    """A point and its sources. One that is not in the point, or no more, has no snapshot.

    `manifest` is None for a point whose run did not come to its end.
    """

    point: Point
    entries: tuple[SourceEntry, ...]
    manifest: Manifest | None = None


async def read_contents(repository: OpenRepository, wanted: str) -> Contents:
    """What a point holds. Raises `Refused` `point.unknown`, `point.other-site`, `UserError` `manifest.…`."""
    listed = await site_snapshots(repository.restic, repository.site)
    point = point_named(points_of(listed, today_of(repository.site)), repository.site, wanted)
    snapshots = {one.id: one for one in listed}
    if not point.manifest:
        sources = [snapshots[one.id] for one in point.snapshots]
        return Contents(point, tuple(_entry_of(snapshot, repository.site) for snapshot in sources))
    manifest = await _manifest(repository, point)
    if manifest.site != repository.site.name or manifest.run != point.id:
        raise _other_site(repository.site, point)
    entries = (_still_there(entry, snapshots) for entry in manifest.sources)
    return Contents(point, tuple(entries), manifest)


async def _manifest(repository: OpenRepository, point: Point) -> Manifest:
    content = bytearray()

    async def take(piece: bytes) -> None:
        content.extend(piece)

    await repository.restic.tree(point.manifest).dump(f"/{MANIFEST_NAME}", take)
    return decode(bytes(content))


def _still_there(entry: SourceEntry, snapshots: dict[str, Snapshot]) -> SourceEntry:
    return entry if entry.snapshot in snapshots else msgspec.structs.replace(entry, snapshot="")


def _entry_of(snapshot: Snapshot, site: Site) -> SourceEntry:
    """What a snapshot's tags and the site file tell of it."""
    name = value_of(snapshot.tags, "source")
    kind = next((source.kind.value for source in site.sources if source.name == name), SourceKind.FILES.value)
    return SourceEntry(
        source=name or snapshot.id[:8],
        layer=value_of(snapshot.tags, "layer"),
        kind=kind,
        host=value_of(snapshot.tags, "host") or THIS_COMPUTER,
        status=ItemStatus.SUCCESS,
        snapshot=snapshot.id,
        path=snapshot.paths[0] if snapshot.paths else "/",
        bytes=snapshot.summary.total_bytes_processed if snapshot.summary is not None else 0,
    )


def chosen(contents: Contents, scopes: Sequence[str]) -> list[SourceEntry]:
    """The sources that are meant, databases first.

    Raises `Refused` `restore.nothing-chosen`, and `restore.not-in-point` where a source that was named, or everything
    that was meant, is not in the point.
    """
    meant = [entry for entry in contents.entries if any(_is_in(entry, scope) for scope in scopes)]
    named = {scope.removeprefix(SOURCE) for scope in scopes if scope.startswith(SOURCE)}
    missing = [entry.source for entry in meant if not entry.snapshot]
    if not meant or named - {entry.source for entry in meant}:
        raise _nothing_chosen(contents, scopes)
    if named & set(missing) or len(missing) == len(meant):
        raise _not_in_point(contents.point, missing)
    return sorted(meant, key=lambda entry: entry.kind not in DATABASE_VALUES)


def _is_in(entry: SourceEntry, scope: str) -> bool:
    is_database = entry.kind in DATABASE_VALUES
    if scope in (FILES, DATABASES):
        return is_database == (scope == DATABASES)
    return scope in (BOTH, f"{LAYER}{entry.layer}", f"{SOURCE}{entry.source}")


def not_in_point(point: Point, source: str) -> UserError:
    """A source that was meant and has no snapshot."""
    return UserError(
        text("{source} is not in the recovery point {point}.", source=source, point=point.short_id),
        text("It was not restored; the other sources are not affected."),
        text("Choose another point for it: its snapshots are listed with the points."),
        "restore.not-in-point",
    )


def _not_in_point(point: Point, sources: Sequence[str]) -> Refused:
    return Refused(
        text("{sources}: not in the recovery point {point}.", sources=", ".join(sources), point=point.short_id),
        text("Nothing was changed."),
        text("Choose another point: its snapshots are listed with the points."),
        "restore.not-in-point",
    )


def _nothing_chosen(contents: Contents, scopes: Sequence[str]) -> Refused:
    held = ", ".join(f"{entry.source} ({entry.layer})" for entry in contents.entries)
    return Refused(
        text(
            "The recovery point {point} holds nothing like {scope}.",
            point=contents.point.short_id,
            scope="+".join(scopes),
        ),
        text("Nothing was changed."),
        text("It holds these sources (and layers): {sources}", sources=held),
        "restore.nothing-chosen",
    )


def _other_site(site: Site, point: Point) -> Refused:
    return Refused(
        text("The recovery point {point} is not of {site}.", point=point.short_id, site=site.name),
        text("Nothing was changed."),
        text("Take a point from the list: overwinter points {site}", site=site.name),
        "point.other-site",
    )
