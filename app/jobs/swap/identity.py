"""Whether a point is of the very hosts that it would be restored to."""

from __future__ import annotations

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.words import text
from app.jobs.manifest import SourceEntry
from app.jobs.plan import Ctx
from app.jobs.restore.checks import UNCHANGED
from app.jobs.restore.contents import Contents
from app.settings.model import THIS_COMPUTER, HostKind, Site
from app.settings.site_file import read


class Identity(msgspec.Struct, frozen=True):
    """Compares what the manifest says of the hosts of these entries with the site as it is now.

    A server's key is pinned, so who answers at its address is known; `onto_other` is what was typed to mean another.
    """

    contents: Contents
    entries: tuple[SourceEntry, ...]
    site: Site
    onto_other: str

    async def check(self, ctx: Ctx) -> None:
        """Raises `Refused` `restore.other-host`, `restore.no-manifest`; a person's word alone is not enough."""
        manifest = self.contents.manifest
        if manifest is None:
            raise _no_manifest(self.contents.point.short_id)
        then = _site_of(manifest.site_file)
        for entry in self.entries:
            was, now = self._told(then, entry.host), self._told(self.site, entry.host)
            if entry.host == THIS_COMPUTER:
                was, now = manifest.computer, (await ctx.host(THIS_COMPUTER).facts()).computer
            if was != now and self.onto_other != phrase(self.site.name, entry.host):
                raise _other_host(self.site.name, entry.host, was, now)

    def _told(self, site: Site | None, name: str) -> str:
        """How a host is reached."""
        found = next((host for host in site.hosts if host.name == name), None) if site is not None else None
        if found is None:
            return ""
        if found.kind is HostKind.SSH:
            return f"{found.address}:{found.port}"
        return f"{found.on}/{found.container}"


def phrase(site: str, host: str) -> str:
    """What has to be typed to restore onto another host than the point is of."""
    return f"{site} ONTO {host}"


def _site_of(site_file: str) -> Site | None:
    try:
        return read(site_file.encode()).site
    except UserError:  # of a version that wrote other things: then nothing is known of its hosts
        return None


def _other_host(site: str, host: str, was: str, now: str) -> Refused:
    return Refused(
        text("The point is of another {host}: {was} then, {now} now.", host=host, was=was or "?", now=now or "?"),
        UNCHANGED,
        text('Add --onto-other "{phrase}" if it is meant to go there.', phrase=phrase(site, host)),
        "restore.other-host",
    )


def _no_manifest(point: str) -> Refused:
    return Refused(
        text("The recovery point {point} has no manifest.", point=point),
        text("Nothing was changed: of which hosts it is is not known, nor whether it is whole."),
        text("Restore it to a folder, and move what is needed by hand: --mode folder:DIR"),
        "restore.no-manifest",
    )
