"""What a run leaves to be read later beside its record: in the audit log, by the run's id."""

from __future__ import annotations

import getpass
from collections.abc import Sequence

import msgspec

from app.jobs.plan import Ctx
from app.jobs.swap.foreseen import Foreseen
from app.records.site_records import SiteRecords

FORESEEN = "restore-foreseen"


async def keep_foreseen(ctx: Ctx, run: str, foreseen: Sequence[Foreseen]) -> None:
    """The table of a dry run."""
    table = msgspec.json.encode(list(foreseen)).decode()
    await ctx.records.add_audit(getpass.getuser(), FORESEEN, {"run": run, "table": table})


async def foreseen_by(records: SiteRecords, run: str) -> list[Foreseen]:
    """The table of that dry run; nothing of any other run."""
    found = [entry for entry in await records.audit((FORESEEN,)) if entry.fields.get("run") == run]
    return msgspec.json.decode(found[-1].fields["table"], type=list[Foreseen]) if found else []
