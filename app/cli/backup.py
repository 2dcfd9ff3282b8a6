"""`backup`: one run, one recovery point."""

from __future__ import annotations

import click

from app.assembly import Overwinter
from app.cli.session import Session, exit_of_run, pass_session
from app.foundation.events import Item, Outcome
from app.foundation.words import Size, Text, text
from app.jobs.backup import BackupChoice, Only
from app.records.run import Run


@click.command()
@click.argument("site")
@click.option("--source", "sources", multiple=True, help="Only this source; may be given more than once.")
@click.option("--only", type=click.Choice([only.value for only in Only]), help="Only this kind of sources.")
@click.option("--tag", "tags", multiple=True, help="A tag of your own on every snapshot.")
@click.option("--no-retention", is_flag=True, help="Keep old points for now.")
@pass_session
def backup(
    session: Session,
    site: str,
    sources: tuple[str, ...],
    only: str | None,
    tags: tuple[str, ...],
    *,
    no_retention: bool,
) -> None:
    """Back the site up now."""

    async def work(app: Overwinter) -> int:
        choice = BackupChoice(sources, Only(only) if only else None, tags, retention=not no_retention)
        plan = await app.plan_backup(site, choice)
        run, joined = await session.follow(app, plan)
        items = await app.records(run.site).items(run.id)
        session.output.result(
            {"run": run.id, "status": _status(run), "joined": joined, "items": items, "error": run.error},
            _said(run, items),
        )
        if run.error is not None and run.outcome is not Outcome.SUCCESS and not session.output.json:
            session.output.problem(run.error)
        return exit_of_run(run)

    session.perform(work)


def _status(run: Run) -> str:
    return (run.outcome or Outcome.INTERRUPTED).value


def _said(run: Run, items: list[Item]) -> list[Text]:
    head = text("Backup {status}: recovery point {point}", status=_status(run), point=run.id[:8])
    return [head, *(_item(item) for item in items)]


def _item(item: Item) -> Text:
    return text(
        "  {source}: {status}, {size} read, {added} added",
        source=item.source,
        status=item.status.value,
        size=Size(item.bytes),
        added=Size(item.added),
    )
