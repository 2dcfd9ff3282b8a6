"""`restore`: brings a point back, in place of what is live, to a folder, or as a new database."""

from __future__ import annotations

from pathlib import Path

import click

from app.assembly import Overwinter
from app.cli.session import Session, exit_of_run, pass_session
from app.foundation.events import Item, Outcome
from app.foundation.words import Size, Text, text
from app.jobs.restore.choice import RestoreChoice, Swap, target_of
from app.jobs.restore.setting import RestoreState
from app.jobs.runbook.document import as_markdown
from app.jobs.swap.foreseen import Amount, Foreseen
from app.jobs.swap.kept import Old
from app.jobs.swap.setting import SwapState
from app.records.run import Run


@click.command()
@click.argument("site")
@click.argument("point_id", metavar="POINT")
@click.option("--scope", "scopes", multiple=True, required=True, help="files, databases, both, layer:X or source:X.")
@click.option("--mode", default="swap", help="swap, sync (in place), folder:DIR (empty), or database:NAME (new).")
@click.option("--host", default="", help="Where the folder is; else on each source's own host.")
@click.option("--accept", "accepted", multiple=True, help="A check that may remain open.")
@click.option("--make-roles", is_flag=True, help="Make roles that the server lacks out of the point.")
@click.option(
    "--owners",
    type=click.Choice(["numbers", "names"]),
    default="numbers",
    help="Give files to the accounts that have the owners' numbers today, or their names.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be restored, and whether it can be.")
@click.option("--onto-other", default="", help='"SITE ONTO HOST", where the point is of another host.')
@click.option("--no-safety-backup", is_flag=True, help="Do not back the present state up before.")
@click.option("--stage-only", is_flag=True, help="Put all of it beside what is live, and no more.")
@click.option("--cutover", default="", metavar="RUN", help="Swap in what that run has staged.")
@click.option("--confirm", "typed", default="", help='"RESTORE SITE SHORT_ID SCOPE", before a swap.')
@pass_session
def restore(
    session: Session,
    site: str,
    point_id: str,
    *,
    scopes: tuple[str, ...],
    mode: str,
    host: str,
    accepted: tuple[str, ...],
    make_roles: bool,
    owners: str,
    dry_run: bool,
    onto_other: str,
    no_safety_backup: bool,
    stage_only: bool,
    cutover: str,
    typed: str,
) -> None:
    """Bring a point back: in place of what is live, or to another place."""

    async def work(app: Overwinter) -> int:
        target = target_of(mode, host)
        if isinstance(target, Swap):
            target = Swap(
                onto_other,
                safety=not no_safety_backup,
                stage_only=stage_only,
                cutover=cutover,
                in_place=target.in_place,
            )
        choice = RestoreChoice(
            point_id, scopes, target, accepted, make_roles=make_roles, by_name=owners == "names", dry_run=dry_run
        )
        plan = await app.plan_restore(site, choice, typed)
        run, joined = await session.follow(app, plan)
        items = await app.records(run.site).items(run.id)
        result = {"run": run.id, "status": _status(run), "joined": joined, "items": items, "error": run.error}
        result["rollback"] = run.rollback.value
        session.output.result(
            result | _found(plan.state),
            [*_said(run, items, dry_run=dry_run), *_targets(plan.state), *_after(plan.state, run)],
        )
        if run.error is not None and run.outcome is not Outcome.SUCCESS and not session.output.json:
            session.output.problem(run.error)
        return exit_of_run(run)

    session.perform(work)


def _found(state: RestoreState) -> dict[str, object]:
    """What was looked at before: what is, or would be, restored where, and the checks."""
    found: dict[str, object] = {"planned": state.planned, "checks": state.judged}
    if isinstance(state, SwapState):
        found |= {
            "foreseen": state.foreseen,
            "changes": state.changes,
            "safety": state.safety,
            "bypass": state.bypass,
            "old": state.old,
        }
    return found


def _after(state: RestoreState, run: Run) -> list[Text]:
    """What a swap leaves: how the old state is called and how long it stays, the backup of it, the way back."""
    if not isinstance(state, SwapState):
        return []
    told = [line for one in state.foreseen for line in (_foreseen(one), *_going(one))]
    if state.safety:
        told.append(text("  Backup of the state before: {point}", point=state.safety[:8]))
    told += map(_old, state.old)
    if state.old:
        told.append(text("  To take it back: overwinter restore-undo {site} {run}", site=run.site, run=run.id[:8]))
    return told


def _foreseen(one: Foreseen) -> Text:
    return text(
        "  {source}: {created} created, {overwritten} overwritten, {deleted} deleted, {unchanged} unchanged",
        source=one.source,
        created=_amount(one.created),
        overwritten=_amount(one.overwritten),
        deleted=_amount(one.deleted),
        unchanged=_amount(one.unchanged),
    )


def _going(one: Foreseen) -> list[Text]:
    """What a restore in place deletes for good is named."""
    named = [text("    deleted: {path}", path=path) for path in one.going]
    left = one.deleted.count - len(named)
    return [*named, text("    … and {count} more", count=left)] if named and left > 0 else named


def _amount(amount: Amount) -> Text:
    return text("{count} ({size})", count=amount.count, size=Size(amount.bytes))


def _status(run: Run) -> str:
    return (run.outcome or Outcome.INTERRUPTED).value


def _said(run: Run, items: list[Item], *, dry_run: bool) -> list[Text]:
    head = text("Dry run {status}: nothing was changed", status=_status(run)) if dry_run else None
    head = head or text("Restore {status}", status=_status(run))
    return [head, *(_item(item) for item in items)]


def _item(item: Item) -> Text:
    return text("  {source}: {status}, {size}", source=item.source, status=item.status.value, size=Size(item.bytes))


def _targets(state: RestoreState) -> list[Text]:
    return [
        text("  {source} → {target} on {host}", source=one.source, target=one.target, host=one.host)
        for one in state.planned
    ]


@click.command("restore-report")
@click.argument("site")
@click.argument("run_id", metavar="RUN")
@click.option("--to", "target", default="", metavar="FILE", help="A new file, .pdf or .md; else it is printed.")
@pass_session
def restore_report(session: Session, site: str, run_id: str, target: str) -> None:
    """Say what a restore did: what, when, who, the checks, where the old state is."""

    async def work(app: Overwinter) -> int:
        run = await app.records(site).run(run_id)
        language = session.output.language
        if target:
            await app.save_report(site, run.id, Path(target), language)
            session.output.result({"run": run.id, "file": target}, [text("The report is at {file}", file=target)])
            return 0
        said = as_markdown(await app.report(site, run.id), language)
        session.output.result({"run": run.id, "report": said}, said.splitlines())
        return 0

    session.perform(work)


@click.command("restore-cleanup")
@click.argument("site")
@click.option("--run", "at_once", default="", metavar="RUN", help="What this restore put aside goes now.")
@click.option("--confirm", "typed", default="", help='"REMOVE OLD SITE RUN", with --run.')
@pass_session
def restore_cleanup(session: Session, site: str, at_once: str, typed: str) -> None:
    """Remove what restores put aside a day ago or earlier; every other run does it too."""

    async def work(app: Overwinter) -> int:
        plan = await app.plan_cleanup(site, at_once, typed)
        run, joined = await session.follow(app, plan)
        old = plan.state.old
        result = {"run": run.id, "status": _status(run), "joined": joined, "removed": plan.state.removed, "old": old}
        session.output.result(result | {"error": run.error}, [*map(_removed, plan.state.removed), *map(_old, old)])
        if run.error is not None and not session.output.json:
            session.output.problem(run.error)
        return exit_of_run(run)

    session.perform(work)


def _removed(name: str) -> Text:
    return text("Removed: {name}", name=name)


def _old(old: Old) -> Text:
    size = Size(old.bytes) if old.bytes is not None else text("gone")
    until = f"{old.until.astimezone():%Y-%m-%d %H:%M}"
    return text(
        "  Old state until {until}: {name} on {host}, {size}", until=until, name=old.name, host=old.host, size=size
    )
