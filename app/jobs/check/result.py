"""What a check came to, as it is kept in the audit log, in the repository and shown to people."""

from __future__ import annotations

import enum
import getpass
from collections.abc import Sequence
from datetime import datetime

import msgspec

from app.jobs.check.damage import Damage
from app.jobs.check.marks import Cycle
from app.records.site_records import SiteRecords

CHECKED = "repository-checked"
CHECK_NAME = "check.json"
FORMAT = 1
LARGEST_ENTRY = 200
"""So many hit points are kept in an entry of the audit log; the mark in the repository has them all."""


class Verdict(enum.Enum):
    """Whether what was to be read is well; `UNCHECKED` when not all of it could be read."""

    PASS = "pass"
    FAIL = "fail"
    UNCHECKED = "unchecked"


class Checked(msgspec.Struct, frozen=True):
    """What a check came to: `share` is what it read (`3/8`, or `added`), `packs` how many files of data these were.

    `unread` says in restic's words what could not be read, `said` all that it complained of. `cycle` is how far the
    reading of everything is; None where the repository could not be asked.
    """

    run: str
    share: str
    verdict: Verdict
    packs: int = 0
    damage: Damage | None = None
    unread: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    cycle: Cycle | None = None


class CheckFile(msgspec.Struct, frozen=True):
    """What stands in the mark of a check, as `/check.json`."""

    format: int
    site: str
    made: datetime
    made_by: str
    """Overwinter's version."""
    computer: str
    result: Checked


async def note_result(records: SiteRecords, result: Checked) -> None:
    """Writes down in the audit log what a check came to."""
    kept = msgspec.json.encode(_shortened(result)).decode()
    fields = {"run": result.run, "share": result.share, "verdict": result.verdict.value, "result": kept}
    await records.add_audit(getpass.getuser(), CHECKED, fields)


def _shortened(result: Checked) -> Checked:
    if result.damage is None or len(result.damage.points) <= LARGEST_ENTRY:
        return result
    damage = msgspec.structs.replace(result.damage, points=result.damage.points[:LARGEST_ENTRY])
    return msgspec.structs.replace(result, damage=damage)


async def results(records: SiteRecords, run: str = "") -> Sequence[Checked]:
    """What the checks of a run came to, or all that this computer knows of, oldest first."""
    entries = await records.audit((CHECKED,))
    return [
        msgspec.json.decode(entry.fields["result"], type=Checked)
        for entry in entries
        if run in ("", entry.fields["run"])
    ]
