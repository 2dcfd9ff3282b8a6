"""`runs` and `run`: what was done, its log, and cancelling what is under way."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from app.assembly import Overwinter
from app.cli.session import Session, pass_session
from app.foundation.events import LogLines, Outcome
from app.foundation.words import text
from app.jobs.swap.job import KIND as RESTORE
from app.jobs.swap.kept import STAYS
from app.jobs.swap.notes import foreseen_by
from app.records.run import RUNNING, Run, Status
from app.records.site_records import SiteRecords


@click.command()
@click.argument("site")
@click.option("--status", type=click.Choice([RUNNING, *(outcome.value for outcome in Outcome)]))
@click.option("--type", "kind", help="Only runs of this kind, such as backup.")
@click.option("--since", type=click.DateTime(), help="Only runs that began then or later.")
@pass_session
def runs(session: Session, site: str, status: str | None, kind: str | None, since: datetime | None) -> None:
    """The runs of a site, newest first."""

    async def work(app: Overwinter) -> None:
        records = await _records(app, site)
        begun = since.astimezone(UTC) if since is not None else None
        wanted: Status | None = None if status is None else RUNNING if status == RUNNING else Outcome(status)
        for run in await records.runs(status=wanted, kind=kind, since=begun):
            session.output.row(_summary(run), _line(session, run))

    session.perform(work)


async def _records(app: Overwinter, site: str) -> SiteRecords:
    return app.records((await app.sites.get(site)).name)


def _summary(run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "short_id": run.id[:8],
        "type": run.kind,
        "status": run.outcome.value if run.outcome is not None else RUNNING,
        "started": run.started,
        "closed": run.closed,
        "trigger": run.trigger,
        "who": run.who,
        "parent": run.parent,
        "rollback": run.rollback.value,
        "counters": run.counters,
        "error": run.error,
    }


def _line(session: Session, run: Run) -> str:
    status = run.outcome.value if run.outcome is not None else RUNNING
    return f"{run.id[:8]}  {session.output.moment(run.started)}  {run.kind}  {status}"


@click.group()
def run() -> None:
    """One run of a site."""


@run.command()
@click.argument("site")
@click.argument("run_id", metavar="RUN")
@pass_session
def show(session: Session, site: str, run_id: str) -> None:
    """The run with its steps and items."""

    async def work(app: Overwinter) -> None:
        records = await _records(app, site)
        found = await records.run(run_id)
        steps, items = await records.steps(found.id), await records.items(found.id)
        said = [text("{line}", line=_line(session, found))]
        said += [text("  {title}: {outcome}", title=step.title, outcome=_step_outcome(step.outcome)) for step in steps]
        noted = await _of_restore(app, found) if found.kind == RESTORE else {}
        session.output.result(_summary(found) | {"steps": steps, "items": items} | noted, said)

    session.perform(work)


async def _of_restore(app: Overwinter, run: Run) -> dict[str, object]:
    """What a restore foresaw, the backup before it, and what it left of the old state, with the maintenance token."""
    records, plan = app.records(run.site), await app.shelf.finished(run.site, run.id)
    children = [one.id for one in await records.runs() if one.parent == run.id]
    told: dict[str, object] = {"foreseen": await foreseen_by(records, run.id), "safety": children}
    if plan is None:
        return told
    old = [{"host": kept.host, "name": kept.name, "until": plan.made + STAYS} for kept in plan.kept]
    return told | {"old": old, "bypass": plan.bypass}


def _step_outcome(outcome: object) -> str:
    return str(getattr(outcome, "value", RUNNING))


@run.command()
@click.argument("site")
@click.argument("run_id", metavar="RUN")
@pass_session
def log(session: Session, site: str, run_id: str) -> None:
    """The run's whole log; follows it while the run is under way."""

    async def work(app: Overwinter) -> None:
        found = await (await _records(app, site)).run(run_id)
        async for batch in app.runner.feed(site, found.id).batches():
            for event in batch:
                if isinstance(event, LogLines):
                    _print_lines(session, event)

    session.perform(work)


def _print_lines(session: Session, batch: LogLines) -> None:
    for number, line in enumerate(batch.lines, batch.first):
        said = line.decode("utf-8", "backslashreplace")
        session.output.row({"line": number, "text": said}, said)


@run.command()
@click.argument("site")
@click.argument("run_id", metavar="RUN")
@pass_session
def cancel(session: Session, site: str, run_id: str) -> None:
    """Ask the run to stop; it puts everything away first."""

    async def work(app: Overwinter) -> None:
        found = await (await _records(app, site)).run(run_id)
        await app.runner.cancel(site, found.id)
        session.output.result({"cancelling": found.id}, [text("{run} was asked to stop.", run=found.id[:8])])

    session.perform(work)
