"""The sources of a recovery point as a page shows them: trees of files that can be opened, and dumps of databases."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from datetime import datetime

import msgspec

from app.jobs.tags import MANIFEST, MARKS, value_of
from app.settings.model import DATABASE_KINDS, Site, Source, SourceKind
from app.tools.restic.names import stored_path
from app.tools.restic.output import Snapshot

DUMPED = frozenset({*DATABASE_KINDS, SourceKind.RECORDS})
"""Kinds of sources that are one file at the top of their snapshot."""

_DUMP_ENDS = (".dump", ".sql", ".sqlite")


class Member(msgspec.Struct, frozen=True):
    """One source's snapshot in a point. `path` is the folder where its files begin, or where its dump stands.

    `kind` is the source's, "" where the site does not know it any more. Sizes are in bytes, 0 where nobody knows them.
    """

    snapshot: str
    source: str
    layer: str
    kind: str
    is_database: bool
    path: str
    time: datetime
    bytes: int = 0
    added: int = 0
    files: int = 0


def members_of(snapshots: Sequence[Snapshot], site: Site) -> list[Member]:
    """The sources among the snapshots of a point, as the site has them in order; those it lacks come last."""
    known = {source.name: source for source in site.sources}
    order = {name: place for place, name in enumerate(known)}
    found = [one for one in snapshots if value_of(one.tags, "type") not in (MANIFEST, *MARKS)]
    members = [_member(snapshot, known.get(value_of(snapshot.tags, "source"))) for snapshot in found]
    return sorted(members, key=lambda member: (order.get(member.source, len(order)), member.source))


def _member(snapshot: Snapshot, source: Source | None) -> Member:
    size, paths = snapshot.summary, [stored_path(path) for path in snapshot.paths]
    is_database = source.kind in DUMPED if source is not None else _looks_like_a_dump(paths)
    return Member(
        snapshot=snapshot.id,
        source=value_of(snapshot.tags, "source") or snapshot.id[:8],
        layer=value_of(snapshot.tags, "layer"),
        kind=source.kind.value if source is not None else "",
        is_database=is_database,
        path="/" if is_database else _top(paths, source),
        time=snapshot.time,
        bytes=size.total_bytes_processed if size is not None else 0,
        added=size.data_added_packed if size is not None else 0,
        files=size.total_files_processed if size is not None else 0,
    )


def _looks_like_a_dump(paths: Sequence[str]) -> bool:
    return len(paths) == 1 and paths[0].count("/") == 1 and paths[0].endswith(_DUMP_ENDS)


def _top(paths: Sequence[str], source: Source | None) -> str:
    """The root of the source where the snapshot is of it, else the folder that all of its paths are in."""
    common = posixpath.commonpath(paths) if paths and all(path.startswith("/") for path in paths) else "/"
    root = stored_path(source.root).rstrip("/") if source is not None and source.root else ""
    return root if root and f"{common}/".startswith(f"{root}/") else common
