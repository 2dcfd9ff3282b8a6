"""`recover` and `restore-undo`: a site that a restore has left half done, and a restore that is not wanted any more."""

from __future__ import annotations

import click

from app.assembly import Overwinter
from app.cli.session import BUSY, DONE, PARTIAL, UNFINISHED, Session, exit_of_run, pass_session
from app.foundation.events import Outcome
from app.foundation.words import Text, text
from app.jobs.cutover.recover import Did, Recovered, Wanted
from app.records.run import Run


@click.command()
@click.argument("site")
@click.option("--finish", "wanted", flag_value=Wanted.FINISH.value, help="Go forward, to the restored state.")
@click.option("--roll-back", "wanted", flag_value=Wanted.ROLL_BACK.value, help="Go back, to the state before it.")
@pass_session
def recover(session: Session, site: str, *, wanted: str | None) -> None:
    """Put a site right whose restore died in the middle: back, or forward where it is all but done."""

    async def work(app: Overwinter) -> int:
        plan = await app.plan_recovery((await app.sites.get(site)).name, Wanted(wanted or ""))
        if plan is None:
            session.output.result(_result(Recovered()), _said(Recovered()))
            return DONE
        run, joined = await session.follow(app, plan)
        recovered = plan.state.recovered or Recovered(plan.state.found)
        whole = plan.state.recovered is not None or (joined and await app.shelf.unfinished(site) is None)
        extra = {"run": run.id, "joined": joined, "error": run.error}
        session.output.result(_result(recovered) | extra, _said(recovered) if whole else [text("Still unfinished.")])
        if run.error is not None and not session.output.json:
            session.output.problem(run.error)
        return _exit(run, whole=whole)

    session.perform(work)


def _result(recovered: Recovered) -> dict[str, object]:
    found, state = recovered.found, recovered.state
    return {
        "found": found,
        "did": recovered.did.value,
        "state": None if state is None else state.value,
    }


def _said(recovered: Recovered) -> list[Text]:
    match recovered.did:
        case Did.NOTHING:
            return [text("No restore is unfinished.")]
        case Did.FINISHED:
            return [text("The restore was finished: the site is the restored one.")]
        case Did.ROLLED_BACK:
            return [text("The restore was rolled back: the site is as it was before.")]


def _exit(run: Run, *, whole: bool) -> int:
    """Whole is whole, however the run ended; a failed check of it is told."""
    if run.outcome is Outcome.SKIPPED:
        return BUSY
    if not whole:
        return UNFINISHED
    return PARTIAL if run.outcome is Outcome.PARTIAL else DONE


@click.command("restore-undo")
@click.argument("site")
@click.argument("run_id", metavar="RUN")
@pass_session
def restore_undo(session: Session, site: str, run_id: str) -> None:
    """Put back what a restore put aside, while it stands."""

    async def work(app: Overwinter) -> int:
        plan = await app.plan_undo(site, run_id)
        run, joined = await session.follow(app, plan)
        status = (run.outcome or Outcome.INTERRUPTED).value
        result = {"run": run.id, "status": status, "joined": joined, "rollback": run.rollback, "error": run.error}
        session.output.result(result, [text("Undoing the restore: {status}", status=status)])
        if run.error is not None and not session.output.json:
            session.output.problem(run.error)
        return exit_of_run(run)

    session.perform(work)
