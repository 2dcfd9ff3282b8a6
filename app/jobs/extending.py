"""Extends a site by parts: from presets, or from a look at a host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from app.foundation.errors import Refused
from app.foundation.words import text
from app.hosts.host import Host
from app.jobs.supported import switched_off
from app.settings.model import Site
from app.settings.presets import with_parts

if TYPE_CHECKING:
    from app.jobs.look.proposals import Proposal

READABLE = 0o644


class Added(msgspec.Struct, frozen=True):
    """A site that has grown: its new sources by name, and those of them that are switched off, since this version
    cannot back them up."""

    site: Site
    sources: tuple[str, ...]
    off: tuple[str, ...]


def with_proposals(site: Site, proposals: Iterable[Proposal]) -> Site:
    """The site with what a look found."""
    for proposal in proposals:
        site = with_parts(site, proposal.parts)
    return site


def switched_off_news(before: Site | None, grown: Site) -> Added:
    """What has come to a site, with what cannot be backed up switched off."""
    old = {source.name for source in before.sources} if before is not None else set()
    new = tuple(source.name for source in grown.sources if source.name not in old)
    site, off = switched_off(grown, new)
    return Added(site, new, off)


async def write_for_a_person(host: Host, path: str, content: str | bytes, *, replace: bool) -> None:
    """Writes a file that somebody asked for; raises `Refused` `file.exists` unless it may be replaced."""
    if not replace and await host.stat(path) is not None:
        raise Refused(
            text("Something stands at {path} already.", path=path),
            text("It was not replaced; nothing was written."),
            text("Choose a name that is free, or add --replace."),
            "file.exists",
        )
    await host.write_durably(path, content.encode() if isinstance(content, str) else content, READABLE)
