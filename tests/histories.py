"""What a site's repository may hold after months: described as a person would, made as the snapshots restic lists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import msgspec

from app.jobs.tags import keep_tags, manifest_tags, source_tags, verify_tags
from app.settings.model import Repository, Site, Source, SourceKind
from app.tools.restic.output import Snapshot

SOURCES = tuple(Source(name=name, kind=SourceKind.FILES, root=f"/{name}") for name in ("database", "www"))
SITE = Site(name="north-house", repository=Repository(url="/r"), sources=SOURCES)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Made(msgspec.Struct, frozen=True):
    """A run that left something in the repository, as a person would describe it."""

    at: datetime
    laptop: str = "one"
    kind: str = "complete"  # complete | partial | part | lost | safety | unfinished | wal
    proofs: tuple[str, ...] = ()
    keeps: tuple[date, ...] = ()
    recorded: str = ""  # ended | active: what our records say of its run
    torn: bool = False
    """Whether its removal was begun and cut short, before it had lost anything that tags show."""

    @property
    def run(self) -> str:
        """The id of the run."""
        return hashlib.md5(f"{self.at} {self.laptop}".encode(), usedforsecurity=False).hexdigest()


def snapshots_of(made: Made, site: Site = SITE) -> list[Snapshot]:
    """What that run left, and the marks that it got."""
    type_ = {"part": "part", "safety": "safety", "wal": "wal"}.get(made.kind, "full")
    sources = SOURCES if made.kind in ("complete", "safety") else SOURCES[:1]
    has_manifest = made.kind not in ("unfinished", "wal")
    at = -1 if has_manifest else 0  # the time of a point is its manifest's
    found = [
        _snapshot(made, source_tags(site, source, run=made.run, trigger="manual", type_=type_), at)
        for source in sources
    ]
    if has_manifest:
        outcome = "partial" if made.kind == "partial" else "complete"
        count = len(SOURCES) if made.kind == "lost" else len(sources)  # somebody removed one by hand
        tags = manifest_tags(site, host="x", run=made.run, trigger="manual", outcome=outcome, snapshots=count)
        found.append(_snapshot(made, tags, 0))
    found += [
        _snapshot(made, verify_tags(site, point=made.run, trigger="manual", outcome=outcome), 2 + number)
        for number, outcome in enumerate(made.proofs)
    ]
    return found + [
        _snapshot(made, keep_tags(site, point=made.run, until=day), 2 + number) for number, day in enumerate(made.keeps)
    ]


def _snapshot(made: Made, tags: Iterable[str], seconds_later: int = 0) -> Snapshot:
    at = made.at + timedelta(seconds=seconds_later)
    id_ = hashlib.sha256(f"{made} {seconds_later} {sorted(tags)}".encode()).hexdigest()
    return Snapshot(id=id_, time=at, tree="t", hostname=made.laptop, paths=[f"/{made.laptop}"], tags=list(tags))
