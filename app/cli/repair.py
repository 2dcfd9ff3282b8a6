"""`repo repair`: looks what a repair would do, or does it step by step.

With `--json` as `check`, and `steps` (sentences) of a preview; of a repair its `runs`, and `repaired`: {index, packs,
snapshots, restored, kept, lacking, lost}, the last two as the points of `damage`.
"""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec

from app.assembly import Overwinter
from app.cli.check import check_in_json, check_in_words, exit_of_check, result_of
from app.cli.session import Session, pass_session
from app.foundation.errors import UserError
from app.foundation.events import Outcome
from app.foundation.words import Text, plural, text
from app.jobs.backup import BackupChoice
from app.jobs.check.damage import Damage, points_in_words
from app.jobs.check.job import CheckChoice
from app.jobs.check.repair import RepairChoice, Repaired, repairs, steps_of
from app.jobs.check.result import Checked, Verdict
from app.records.run import Run


@click.command()
@click.argument("site")
@click.option("--preview", is_flag=True, help="Only say what is damaged, what that hits, and what would be done.")
@click.option("--confirm", default="", help='What has to be typed: "REPAIR <SITE>".')
@click.option("--read-share", default="1/1", metavar="N/T", help="The share that is read before and after: all of it.")
@click.option("--no-backup", is_flag=True, help="The site is no more: nothing of it can heal what is damaged.")
@pass_session
def repair(session: Session, site: str, *, preview: bool, confirm: str, read_share: str, no_backup: bool) -> None:
    """Repair a damaged repository: what is whole stays, and what is removed is copied to this computer first."""

    async def work(app: Overwinter) -> int:
        if preview and confirm:
            raise _either()
        if preview:
            return await _preview(session, app, site, read_share)
        return await _repair(session, app, site, confirm, RepairChoice(read_share), heal=not no_backup)

    session.perform(work)


async def _preview(session: Session, app: Overwinter, site: str, share: str) -> int:
    run, joined = await session.follow(app, await app.plan_check(site, CheckChoice(share)))
    result = await result_of(app, run, share)
    steps = steps_of(result.damage or Damage()) if result.verdict is not Verdict.UNCHECKED else []
    said = [text("Step {number}: {step}", number=number, step=step) for number, step in enumerate(steps, 1)]
    session.output.result(
        check_in_json(run, result, joined=joined) | {"steps": steps}, [*check_in_words(session, result), *said]
    )
    if run.error is not None and result.damage is None and not session.output.json:
        session.output.problem(run.error)
    return exit_of_check(run, result)


async def _repair(
    session: Session, app: Overwinter, site: str, confirm: str, choice: RepairChoice, *, heal: bool
) -> int:
    """The repair of the data, a backup that heals what it can, and the repair of the points that still lack data."""
    runs = [(await session.follow(app, await app.plan_data_repair(site, choice, confirm)))[0]]
    done = await repairs(app.records(site), runs[0].id)
    if done.lacking and runs[0].outcome is Outcome.SUCCESS:
        if heal:
            runs.append((await session.follow(app, await app.plan_backup(site, BackupChoice(retention=False))))[0])
        if not heal or runs[-1].outcome in (Outcome.SUCCESS, Outcome.PARTIAL):
            runs.append((await session.follow(app, await app.plan_point_repair(site, choice, confirm)))[0])
            then = await repairs(app.records(site), runs[-1].id)
            done = msgspec.structs.replace(done, lacking=then.lacking, lost=then.lost, kept=then.kept or done.kept)
    return await _told(session, app, runs, done, choice)


async def _told(session: Session, app: Overwinter, runs: Sequence[Run], done: Repaired, choice: RepairChoice) -> int:
    """Says what the repair did, and gives the exit code."""
    run = runs[-1]
    result = await result_of(app, run, choice.share)
    if done.lacking:  # what is still lacking is known, whatever was well
        result = msgspec.structs.replace(result, verdict=Verdict.FAIL)
    ran = check_in_json(run, result, joined=False)
    told = {
        name: getattr(done, name) for name in ("index", "packs", "snapshots", "restored", "kept", "lacking", "lost")
    }
    session.output.result(ran | {"runs": [one.id for one in runs], "repaired": told}, _said(session, result, done))
    if run.error is not None and not session.output.json:
        session.output.problem(run.error)
    return exit_of_check(run, result)


def _said(session: Session, result: Checked, done: Repaired) -> list[Text | str]:
    said: list[Text | str] = []
    if done.index:
        said.append(text("The index was made anew."))
    if done.packs:
        count = len(done.packs)
        said.append(plural("{count} damaged file was removed.", "{count} damaged files were removed.", count))
    if done.kept:
        said.append(text("Copies of what was removed are in {folder}.", folder=done.kept))
    said += points_in_words(done.lost)
    if done.lost:
        said.append(text("This is lost for good; these points are marked as not whole."))
    if done.lacking:
        said.append(text("Points still lack data: when a backup can run, or with --no-backup, repair again."))
    return [*said, *check_in_words(session, result)]


def _either() -> UserError:
    return UserError(
        text("A repair is looked at, or done: --preview and --confirm are not for the same command."),
        text("Nothing was changed."),
        text("Look first with --preview alone."),
        "usage.repair",
    )
