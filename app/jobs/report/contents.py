"""What the report of a restore says: what, when, who, the checks, how the site is, where the old state stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from app.foundation.errors import Refused
from app.foundation.events import Item, ItemStatus, Outcome, Rollback, StepOutcome
from app.foundation.words import Duration, Size, Text, text
from app.jobs.restore.checks import TITLES, Judged
from app.jobs.restore.choice import Folder, NewDatabase, RestoreChoice, Swap
from app.jobs.runbook.document import Heading, Items, Paragraph, Part, Table
from app.jobs.swap.notes import RestoreOutcome, outcome_of
from app.records.run import Run, StepRecord
from app.records.site_records import SiteRecords

KINDS = ("restore", "restore-undo", "restore-recovery")

_OUTCOMES = {
    Outcome.SUCCESS: text("Everything was restored."),
    Outcome.PARTIAL: text("It was restored, but not all of it is well."),
    Outcome.FAILED: text("It failed."),
    Outcome.REFUSED: text("It was refused; nothing was changed."),
    Outcome.SKIPPED: text("It was skipped; nothing was changed."),
    Outcome.CANCELLED: text("It was cancelled."),
    Outcome.INTERRUPTED: text("It was interrupted."),
}
_ITEMS = {
    ItemStatus.SUCCESS: text("restored"),
    ItemStatus.PARTIAL: text("partly restored"),
    ItemStatus.FAILED: text("failed"),
}
_STEPS = {
    StepOutcome.DONE: text("done"),
    StepOutcome.WARNED: text("warning"),
    StepOutcome.FAILED: text("failed"),
    StepOutcome.SKIPPED: text("skipped"),
    StepOutcome.CANCELLED: text("cancelled"),
}
_ROLLBACKS = {
    Rollback.DONE: text("Everything was taken back; the site is as it was before."),
    Rollback.FAILED: text("Taking back did not succeed; the restore is unfinished."),
}


async def report_of(records: SiteRecords, run_id: str) -> list[Part]:
    """The report of a restore that has ended. Raises `Refused` `report.not-ended`, `report.no-restore`."""
    run = await records.run(run_id)
    if run.kind not in KINDS:
        raise _no_restore(run)
    if run.closed is None:
        raise _not_ended(run)
    items, steps = await records.items(run.id), await records.steps(run.id)
    return list(_parts(run, items, steps, await outcome_of(records, run.id)))


def _parts(
    run: Run, items: Sequence[Item], steps: Sequence[StepRecord], outcome: RestoreOutcome | None
) -> Iterator[Part]:
    yield Heading(1, text("Restore of {site}, {when}", site=run.site, when=_moment(run.started)))
    if run.outcome is not None:
        yield Paragraph(_OUTCOMES[run.outcome])
    if run.error is not None:
        yield Items((run.error.what, run.error.means, run.error.next))
    if run.rollback in _ROLLBACKS:
        yield Paragraph(_ROLLBACKS[run.rollback])
    yield Table((text("What"), text("Value")), tuple(_facts(run, outcome)))
    if items:
        yield Heading(2, text("What was restored"))
        rows = tuple((item.source, _ITEMS.get(item.status, text("unknown")), Size(item.bytes)) for item in items)
        yield Table(
            (text("Source"), text("State"), text("Size")),
            tuple((source, state, text("{size}", size=size)) for source, state, size in rows),
        )
    if outcome is not None:
        yield from _of_exchange(run, outcome)
    yield Heading(2, text("Steps"))
    yield Table((text("Step"), text("State"), text("Time")), tuple(_step(step) for step in steps))


def _facts(run: Run, outcome: RestoreOutcome | None) -> Iterator[tuple[Text | str, ...]]:
    asked = _asked(run)
    if asked is not None:
        yield text("Recovery point"), asked.point[:8]
        yield text("What came back"), ", ".join(asked.scopes)
        yield text("Where to"), _target(asked)
    yield text("Run"), run.id
    yield text("Who"), text("{who} on {computer}", who=run.who, computer=run.owner.computer)
    yield text("Began"), _moment(run.started)
    if run.closed is not None:
        yield text("Ended"), _moment(run.closed)
        took = max(0.0, (run.closed - run.started).total_seconds())
        yield text("Took"), text("{time}", time=Duration(took))
    if outcome is not None:
        yield text("The site was down for"), text("{seconds} s", seconds=f"{outcome.down:.2f}")
        if outcome.safety:
            yield text("Backup of the state before"), outcome.safety[:8]


def _asked(run: Run) -> RestoreChoice | None:
    try:
        return msgspec.json.decode(run.choice, type=RestoreChoice)
    except msgspec.MsgspecError:  # an undo or a recovery names the run that it is of
        return None


def _target(asked: RestoreChoice) -> Text:
    match asked.target:
        case Folder(path=path):
            return text("the folder {path}", path=path)
        case NewDatabase(name=name):
            return text("the new database {name}", name=name)
        case Swap(stage_only=True):
            return text("beside what is live, to be exchanged later")
        case _:
            return text("in place of what was live")


def _of_exchange(run: Run, outcome: RestoreOutcome) -> Iterator[Part]:
    yield Heading(2, text("Whether the site works"))
    if outcome.unwell:
        yield Items(tuple(problem.what for problem in outcome.unwell))
    else:
        yield Paragraph(text("Every check after the exchange was passed, as far as the site has any."))
    if outcome.old:
        yield Heading(2, text("The old state"))
        yield Table(
            (text("Name"), text("Host"), text("Size"), text("Stays until")),
            tuple(
                (one.name, one.host, text("{size}", size=Size(one.bytes or 0)), _moment(one.until))
                for one in outcome.old
            ),
        )
        way = text("To have it back: overwinter restore-undo {site} {run}", site=run.site, run=run.short_id)
        yield Paragraph(way)
    yield Heading(2, text("Looked at before"))
    yield Items(tuple(_check(one) for one in outcome.checks))


def _check(one: Judged) -> Text:
    title = TITLES.get(one.key, text("{key}", key=one.key))
    if one.why is None:
        return text("{check}: yes", check=title)
    return text("{check}: accepted by a person. {why}", check=title, why=one.why.what)


def _step(step: StepRecord) -> tuple[Text | str, ...]:
    state = _STEPS[step.outcome] if step.outcome is not None else text("unknown")
    took = (step.ended - step.started).total_seconds() if step.ended is not None else None
    return step.title, state, text("{time}", time=Duration(took)) if took is not None else "–"


def _moment(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %z}"


def _not_ended(run: Run) -> Refused:
    return Refused(
        text("The run {run} still works.", run=run.short_id),
        text("There is nothing to report yet."),
        text("Wait until it has ended."),
        "report.not-ended",
    )


def _no_restore(run: Run) -> Refused:
    return Refused(
        text("The run {run} is no restore.", run=run.short_id),
        text("Reports are written of restores only."),
        text("Look for the restore: overwinter runs {site} --type restore", site=run.site),
        "report.no-restore",
    )
