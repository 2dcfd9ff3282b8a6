"""The audit log of a site: who did what, append-only, each entry sealed to the one before it.

An entry's digest covers the digest before it, so an entry that is changed, removed or slipped in breaks the chain
from there on. Only the newest entries can be cut off unseen; a digest noted elsewhere shows that too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from app.store.tables import audit, storable

BEGINNING = "0" * 64


class AuditEntry(msgspec.Struct, frozen=True):
    """One entry; `number` counts from 1 within its site."""

    site: str
    number: int
    at: datetime
    who: str
    what: str
    fields: Mapping[str, str]
    previous: str
    digest: str

    def expected_digest(self) -> str:
        """SHA-256 of the digest before it and its canonical JSON (sorted keys, ASCII, no spaces), in hex."""
        canonical = json.dumps(self._content(), sort_keys=True, separators=(",", ":"))
        return sha256(f"{self.previous}{canonical}".encode()).hexdigest()

    def exported(self) -> str:
        """The entry as a line of JSON, with all that it takes to check it anywhere."""
        return json.dumps(self._content() | {"previous": self.previous, "digest": self.digest})

    def _content(self) -> dict[str, Any]:
        content = {name: getattr(self, name) for name in ("site", "number", "who", "what")}
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        return content | {"at": at, "fields": dict(self.fields)}


def append(connection: Connection, site: str, who: str, what: str, fields: Mapping[str, str]) -> AuditEntry:
    """Adds an entry to the site's chain; the one writer at a time keeps its numbers without gaps."""
    last = connection.execute(
        select(audit.c.number, audit.c.digest).where(audit.c.site == site).order_by(audit.c.number.desc()).limit(1)
    ).one_or_none()
    number, previous = (last.number + 1, last.digest) if last else (1, BEGINNING)
    entry = AuditEntry(site, number, datetime.now(UTC), storable(who), storable(what), fields, previous, digest="")
    entry = msgspec.structs.replace(entry, digest=entry.expected_digest())
    connection.execute(audit.insert().values(msgspec.structs.asdict(entry)))
    return entry


def entries(connection: Connection, site: str, of: Collection[str] = ()) -> list[AuditEntry]:
    """The site's entries, oldest first; only those that say one of the words `of`, where any are given."""
    query = select(audit).where(audit.c.site == site).order_by(audit.c.number)
    rows = connection.execute(query.where(audit.c.what.in_(of)) if of else query)
    return [AuditEntry(**row._mapping) for row in rows]


def first_broken(chain: Sequence[AuditEntry]) -> int | None:
    """The number of the first entry that is not as it was written, or is missing; None when the chain is whole."""
    previous = BEGINNING
    for number, entry in enumerate(chain, 1):
        if (entry.number, entry.previous, entry.digest) != (number, previous, entry.expected_digest()):
            return number
        previous = entry.digest
    return None
