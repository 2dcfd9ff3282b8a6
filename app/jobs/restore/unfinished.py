"""What a restore makes before it is whole: written down before it is made, and removed where the restore dies.

The audit log holds what was begun, with the name under which it stands until it is whole: a name that holds the run's
id, so that nothing else is ever taken for it.
"""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from app.jobs.plan import Ctx
from app.records.audit import AuditEntry
from app.records.site_records import SiteRecords

BEGUN = "restore-begun"
ENDED = "restore-ended"

STAGE, SHADOW = "stage", "shadow"
"""What stands beside a live tree, and beside a live database of PostgreSQL."""


class Unfinished(msgspec.Struct, frozen=True):
    """Something that stands somewhere under a name of ours: a folder on `host`, or a database of `source`'s server.

    `kind` says which: `folder`, `stage`, `shadow`, or a kind of source.
    """

    run: str
    kind: str
    host: str
    name: str
    source: str = ""


Remove = Callable[[Unfinished], Awaitable[None]]
"""Removes it where it is there; does nothing else. Raises `UserError` when it cannot be told, or not be done."""


async def begin(ctx: Ctx, unfinished: Unfinished) -> None:
    """Writes down that it is about to be made."""
    await ctx.records.add_audit(getpass.getuser(), BEGUN, msgspec.structs.asdict(unfinished))


async def end(records: SiteRecords, unfinished: Unfinished) -> None:
    """Writes down that nothing stands under that name any more."""
    await records.add_audit(getpass.getuser(), ENDED, msgspec.structs.asdict(unfinished))


async def left(records: SiteRecords) -> list[Unfinished]:
    """What was begun by runs that are over, and never ended."""
    over = {run.id for run in await records.runs() if run.closed is not None}
    return [one for one in _open(await records.audit((BEGUN, ENDED))) if one.run in over]


def _open(entries: Sequence[AuditEntry]) -> list[Unfinished]:
    found: dict[Unfinished, bool] = {}
    for entry in entries:
        found[msgspec.convert(dict(entry.fields), Unfinished)] = entry.what == BEGUN
    return [one for one, is_open in found.items() if is_open]


async def clear(records: SiteRecords, remove: Remove, *, but: str = "") -> None:
    """Removes what dead runs left, but for what the run `but` is still needed for: its cutover is unfinished.

    Raises `UserError` when something cannot be removed now; the next time it is.
    """
    for one in await left(records):
        if one.run == but:
            continue
        await remove(one)
        await end(records, one)
