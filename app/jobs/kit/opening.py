"""Brings a site here from its recovery kit: its settings, its secrets, the pinned keys of its servers.

What is here already stays, unless it is asked for that it is replaced, and then it is named.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.words import plural, text
from app.settings.kit import HOST_KEYS, SETTINGS, KitContent
from app.settings.model import Site
from app.settings.secrets import Secrets
from app.settings.site_file import ReadSite, read
from app.settings.sites import Sites

LOST = frozenset({"secrets.gone", "secrets.vault-missing"})
"""The name of a secret is known, its value is not there any more."""


class Brought(msgspec.Struct, frozen=True):
    """What came out of a kit. `replaced` names what was here before and was another."""

    site: str
    secrets: tuple[str, ...]
    host_keys: int
    replaced: tuple[str, ...]


async def bring_site(
    content: KitContent, sites: Sites, secrets: Secrets, pinned: Mapping[str, str], *, replace: bool
) -> Brought:
    """Stores the site and its secrets; both, or neither where the site was not here before. `pinned` are the keys here.

    The keys in the kit are pinned by the caller. Raises `Refused` `kit.site-differs`, `site.repository-taken`.
    """
    site = read(content.site_file).site
    before = await sites.find(site.name)
    known = {} if before is None else await _stored(secrets, site.name)
    differing = _differing(content, before, known, pinned)
    if differing and not replace:
        raise _differs(site.name, differing)
    new = {name: value for name, value in content.secrets.items() if known.get(name) != value}
    await sites.add_with_secrets(ReadSite(site, new), secrets, replace=before is not None)
    return Brought(site.name, tuple(new), len(content.host_keys), differing)


async def _stored(secrets: Secrets, site: str) -> dict[str, str]:
    found = {stored.name: await value_of(secrets, site, stored.name) for stored in await secrets.names(site)}
    return {name: value for name, value in found.items() if value is not None}


async def value_of(secrets: Secrets, site: str, name: str) -> str | None:
    """The secret; None also when the keyring or the vault has lost it: a kit brings it back."""
    try:
        return await secrets.get(site, name)
    except UserError as error:
        if error.code not in LOST:
            raise
        return None


def _differing(
    content: KitContent, before: Site | None, known: Mapping[str, str], pinned: Mapping[str, str]
) -> tuple[str, ...]:
    """What is here and is another than in the kit; what is only here, or only there, is no contradiction."""
    names = [name for name, value in content.secrets.items() if name in known and known[name] != value]
    if before is not None and before != read(content.site_file).site:
        names.insert(0, SETTINGS)
    if any(pinned.get(place, key) != key for place, key in content.host_keys.items()):
        names.append(HOST_KEYS)
    return tuple(names)


def _differs(site: str, names: tuple[str, ...]) -> Refused:
    return Refused(
        plural(
            "The site {site} is here already, and this is another than in the kit: {names}.",
            "The site {site} is here already, and these are others than in the kit: {names}.",
            len(names),
            site=site,
            names=", ".join(names),
        ),
        text("Nothing was changed: what is here may be newer than the kit."),
        text("Where the kit is right, open it with --replace. Else make a new kit of what is here."),
        "kit.site-differs",
    )
