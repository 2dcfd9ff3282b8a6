"""What a run leaves to be read later beside its record: in the audit log, by the run's id."""

from __future__ import annotations

import getpass
from collections.abc import Sequence

import msgspec

from app.foundation.errors import Problem
from app.jobs.plan import Ctx
from app.jobs.restore.checks import Judged
from app.jobs.swap.foreseen import Foreseen
from app.jobs.swap.kept import Old
from app.jobs.swap.setting import SwapState
from app.records.site_records import SiteRecords

FORESEEN = "restore-foreseen"
OUTCOME = "restore-outcome"


class RestoreOutcome(msgspec.Struct, frozen=True):
    """What a restore that was exchanged came to, besides its record. `safety` is the run of the backup before it,
    `down` for how many seconds the site was, `unwell` what its smoke checks found.
    """

    checks: tuple[Judged, ...]
    safety: str
    down: float
    unwell: tuple[Problem, ...]
    old: tuple[Old, ...]


async def keep_foreseen(ctx: Ctx, run: str, foreseen: Sequence[Foreseen]) -> None:
    """The table of a dry run."""
    table = msgspec.json.encode(list(foreseen)).decode()
    await ctx.records.add_audit(getpass.getuser(), FORESEEN, {"run": run, "table": table})


async def foreseen_by(records: SiteRecords, run: str) -> list[Foreseen]:
    """The table of that dry run; nothing of any other run."""
    found = [entry for entry in await records.audit((FORESEEN,)) if entry.fields.get("run") == run]
    return msgspec.json.decode(found[-1].fields["table"], type=list[Foreseen]) if found else []


async def keep_outcome(ctx: Ctx, run: str, state: SwapState) -> None:
    """What the report of this run will say."""
    outcome = RestoreOutcome(tuple(state.judged), state.safety, state.down, tuple(state.unwell), tuple(state.old))
    said = msgspec.json.encode(outcome).decode()
    await ctx.records.add_audit(getpass.getuser(), OUTCOME, {"run": run, "outcome": said})


async def outcome_of(records: SiteRecords, run: str) -> RestoreOutcome | None:
    """What that run came to; None where it was not exchanged, or on another computer."""
    found = [entry for entry in await records.audit((OUTCOME,)) if entry.fields.get("run") == run]
    return msgspec.json.decode(found[-1].fields["outcome"], type=RestoreOutcome) if found else None
