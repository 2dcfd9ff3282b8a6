"""When a site's runbook was made, and whether the site is still as it says; kept in the audit log."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec

from app.records.site_records import SiteRecords
from app.settings.model import Site
from app.settings.site_file import write

MADE = "runbook-made"


class RunbookState(msgspec.Struct, frozen=True):
    """`made` is None where there never was one; `current` is whether the site is described as it was then."""

    made: datetime | None
    current: bool


async def runbook_state(site: Site, records: SiteRecords) -> RunbookState:
    """What is known of the newest runbook."""
    found = await records.audit((MADE,))
    if not found:
        return RunbookState(None, current=False)
    return RunbookState(found[-1].at, found[-1].fields.get("fingerprint") == fingerprint(site))


def made_fields(site: Site, target: str) -> Mapping[str, str]:
    """What the audit log keeps of a runbook."""
    return {"fingerprint": fingerprint(site), "target": target}


def fingerprint(site: Site) -> str:
    """Sixteen characters that change when anything in the site's description does."""
    return hashlib.sha256(write(site).encode()).hexdigest()[:16]
