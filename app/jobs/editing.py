"""Changes the settings of a site as its forms do: read, examined, stored in one go, and never over another's change."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.errors import Refused, UserError
from app.foundation.words import Text, text
from app.jobs.extending import switched_off_news
from app.records.site_records import SiteRecords
from app.settings.draft import Raw, raw_of
from app.settings.model import Site
from app.settings.presets import Preset, Use, filled, presets, with_parts
from app.settings.secrets import Secrets, StoredSecret
from app.settings.site_file import Examined, examined
from app.settings.sites import CHANGED_MEANWHILE, Sites, changed_meanwhile

CHANGED = "site-changed"
_CHANGES = {
    CHANGED: text("in its settings"),
    "site-replaced": text("by a site file"),
    "site-extended": text("by adding to it"),
    "site-added": text("by adding it anew"),
}
"""The entries of the audit log that say that a site is another one since."""


class OpenSettings(msgspec.Struct, frozen=True):
    """The settings of a site as they are stored, and what is known of its secrets besides their values."""

    site: Site
    stored: tuple[StoredSecret, ...]


class SiteEditing:
    """What the forms of all sites ask."""

    def __init__(
        self, sites: Sites, secrets: Secrets, records: Callable[[str], SiteRecords], blocking: Blocking
    ) -> None:
        self._sites = sites
        self._secrets = secrets
        self._records = records
        self._blocking = blocking

    async def opened(self, site: str) -> OpenSettings:
        """The settings of a site; raises `site.unknown`, `site.unreadable`."""
        return OpenSettings(await self._sites.get(site), await self._secrets.names(site))

    async def examined(self, document: Mapping[str, Any]) -> Examined:
        """What is wrong with edited settings; tables of time zones are read for that."""
        return await self._blocking.call("files", partial(examined, document))

    async def presets(self) -> tuple[Preset, ...]:
        """All presets; their files are read once."""
        return await self._blocking.call("files", presets)

    async def preset_rows(self, document: Mapping[str, Any], use: Use) -> dict[str, list[Raw]]:
        """The tables that a preset brings into edited settings, by array; what this version cannot back up comes
        switched off. Raises `usage.preset-…`, `preset.name-taken`, and `site.not-usable` for settings that are none.
        """
        now = (await self.examined(document)).read
        if now is None:
            raise _not_usable()
        parts = await self._blocking.call("files", partial(filled, use))
        added = switched_off_news(now.site, with_parts(now.site, parts)).site
        return {
            table: [raw_of(each) for each in getattr(added, table)[len(getattr(now.site, table)) :]]
            for table in ("hosts", "sources", "commands")
        }

    async def save(self, before: Site, document: Mapping[str, Any]) -> Site:
        """Stores edited settings in the place of `before`, and credentials that stood in addresses as secrets.

        Raises `site.…` for what cannot be used, and `Refused` `site.changed-meanwhile` when the stored site is not
        `before` any more.
        """
        found = (await self.examined({**document, "name": before.name})).read
        if found is None:
            raise _not_usable()
        try:
            await self._sites.add_with_secrets(found, self._secrets, replace=True, instead_of=before)
        except Refused as error:
            if error.code != CHANGED_MEANWHILE:
                raise
            raise changed_meanwhile(before.name, await self._who(before.name)) from error
        changed = [name for name in Site.__struct_fields__ if getattr(found.site, name) != getattr(before, name)]
        await self._records(before.name).add_audit(getpass.getuser(), CHANGED, {"changed": ", ".join(changed)})
        return found.site

    async def _who(self, site: str) -> Text | str:
        """Who changed the site last, when, and how."""
        entries = await self._records(site).audit(tuple(_CHANGES))
        if not entries:
            return ""
        last = entries[-1]
        at = last.at.replace(tzinfo=last.at.tzinfo or UTC).astimezone()
        day = "" if at.date() == datetime.now().astimezone().date() else f"{at:%Y-%m-%d} "
        return text("{who} did that at {when}, {how}.", who=last.who, when=f"{day}{at:%H:%M}", how=_CHANGES[last.what])


def _not_usable() -> UserError:
    return UserError(
        text("Something in these settings cannot be used."),
        text("Nothing was saved; the settings that are stored are as before."),
        text("Put right what is marked, then save again."),
        "site.not-usable",
    )
