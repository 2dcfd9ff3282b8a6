"""Fits what was found into a site: named, checked by the site's own rules, without what the site has already."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath, PurePosixPath, PureWindowsPath

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.jobs.look.found import Found, Password
from app.settings.model import SERVER_KINDS, Site, Source, SourceKind
from app.settings.presets import Parts, Use, filled, with_parts
from app.settings.rules import faults_of

LONGEST_LABEL = 40
_WITH_LIVE_FILES = ("", "-wal", "-shm", "-journal")


class Proposal(msgspec.Struct, frozen=True):
    """A use of a preset as it would come into the site. `passwords` go into the secret store, by their names there."""

    preset: str
    label: str
    seen: Text
    parts: Parts
    passwords: Mapping[str, Password]


class Proposed(msgspec.Struct, frozen=True):
    """All proposals, in the order they would come into the site, and what a person should know besides."""

    proposals: tuple[Proposal, ...]
    notes: tuple[Text, ...]


def proposed(site: Site, host: str, found: Iterable[Found]) -> Proposed:
    """What of all that was found on a host the site does not have."""
    grown, proposals, notes = site, list[Proposal](), list[Text]()
    for one in sorted(found, key=_nearest_first):
        try:
            proposal = _proposal(grown, host, one)
            with_it = with_parts(grown, proposal.parts)
            _expect_usable(with_it)
        except _Unusable as why:
            notes.append(why.told)
            continue
        if proposal.parts.sources:
            grown = with_it
            proposals.append(proposal)
    return Proposed(tuple(_without_live_databases(grown, proposals)), tuple(notes))


def _nearest_first(one: Found) -> tuple[bool, int, bool]:
    """What may hold others comes before them; in one folder a compose file comes last, since it says least."""
    return not one.place, len(one.place.split("/")), one.preset == "docker-compose"


class _Unusable(Exception):
    """Something that was found cannot be a part of a site."""

    def __init__(self, told: Text) -> None:
        super().__init__(str(told))
        self.told = told


def _proposal(site: Site, host: str, one: Found) -> Proposal:
    label = _free_label(site, host, one)
    try:
        parts = filled(Use(one.preset, label, host, one.values))
    except UserError as error:
        raise _Unusable(
            text("{seen}: it cannot be proposed. {what}", seen=one.seen, what=error.problem.what)
        ) from error
    fresh = _fresh(site, parts)
    passwords = {
        name: one.password
        for source in fresh.sources
        for name in source.secret_names()
        if one.password is not None and source.kind in SERVER_KINDS
    }
    return Proposal(one.preset, label, one.seen, fresh, passwords)


def _expect_usable(site: Site) -> None:
    for fault in faults_of(site):
        if fault.where[0] in ("sources", "hosts", "commands"):
            raise _Unusable(text("Something found cannot be proposed. {what}", what=fault.what))


def _fresh(site: Site, parts: Parts) -> Parts:
    """Without the sources that the site has under whatever name, and without trees that another takes along already;
    commands come with all of their sources or not."""
    known = {_identity(source) for source in site.sources}
    fresh = (source for source in parts.sources if _identity(source) not in known)
    sources = tuple(source for source in fresh if not _is_taken_along(source, site))
    if len(sources) == len(parts.sources):
        return parts
    used = {source.host for source in sources}
    return Parts(tuple(host for host in parts.hosts if host.name in used), sources)


def _identity(source: Source) -> tuple[object, ...]:
    """What makes two sources the same thing."""
    server = "127.0.0.1" if source.server == "localhost" else source.server
    where = (source.host, source.kind, source.database, server, source.port)
    return (*where, source.root.rstrip("/"), source.include, source.volume)


def _is_taken_along(source: Source, site: Site) -> bool:
    return source.kind is SourceKind.FILES and any(
        _below(source.root, other.root) is not None
        for other in site.sources
        if other.kind is SourceKind.FILES and other.host == source.host and not other.include
    )


def _below(path: str, folder: str) -> str | None:
    """The path as seen from the folder, "" for the folder itself; None for what is not in it."""
    pure: type[PurePath] = PurePosixPath if folder.startswith("/") else PureWindowsPath
    try:
        relative = pure(path).relative_to(pure(folder))
    except ValueError:
        return None
    return "" if str(relative) == "." else str(relative)


def _free_label(site: Site, host: str, one: Found) -> str:
    """What it might be called, in letters that tags can carry, and so that no name is taken."""
    plain = unicodedata.normalize("NFKD", one.called).encode("ascii", "ignore").decode()
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-.")[:LONGEST_LABEL] or one.preset
    return next(label for label in _numbered(base) if _is_free(site, Use(one.preset, label, host, one.values)))


def _numbered(base: str) -> Iterable[str]:
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1


def _is_free(site: Site, use: Use) -> bool:
    try:
        parts = filled(use)
    except UserError:
        return True  # a value of it is at fault, which the caller will be told
    taken = set(Parts(site.hosts, site.sources, site.commands).names())
    return not taken & set(_fresh(site, parts).names())


def _without_live_databases(site: Site, proposals: Sequence[Proposal]) -> Iterable[Proposal]:
    """Leaves the SQLite files that are sources of their own out of the trees they are in: a copy of a live one may be
    torn."""
    databases = [source for source in site.sources if source.kind is SourceKind.SQLITE]
    for proposal in proposals:
        sources = tuple(_excluding(source, databases) for source in proposal.parts.sources)
        yield msgspec.structs.replace(proposal, parts=msgspec.structs.replace(proposal.parts, sources=sources))


def _excluding(source: Source, databases: Iterable[Source]) -> Source:
    if source.kind is not SourceKind.FILES or source.include:
        return source
    inside = [_below(one.database, source.root) for one in databases if one.host == source.host]
    left_out = tuple(f"{path}{ending}" for path in inside if path for ending in _WITH_LIVE_FILES)
    return msgspec.structs.replace(source, exclude=(*source.exclude, *left_out))
