"""What this version can back up of what a site file may say."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from app.jobs.sources.kinds import DRIVERS
from app.settings.model import HostKind, Site, Source


def can_be_backed_up(site: Site, source: Source) -> bool:
    """Whether this version has a driver for it, and a way to its host: there is none into containers yet."""
    return source.kind in DRIVERS and all(host.kind is HostKind.SSH for host in site.way_to(source.host))


def switched_off(site: Site, names: Collection[str]) -> tuple[Site, tuple[str, ...]]:
    """The site with those of the named sources switched off that this version cannot back up, and their names."""
    off = tuple(one.name for one in site.sources if one.name in names and not can_be_backed_up(site, one))
    sources = tuple(msgspec.structs.replace(one, enabled=False) if one.name in off else one for one in site.sources)
    return msgspec.structs.replace(site, sources=sources), off
