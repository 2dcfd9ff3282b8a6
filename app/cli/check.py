"""`check`: reads a share of the repository's data and says what damage hits.

With `--json`: {run, status, joined, verdict: pass|fail|unchecked, share, packs, damage, unread, cycle, error}, where
`cycle` is {of, well: [share], whole, since} and `damage` null or {packs, missing, folders, snapshots, index, unplaced,
points: [{point, time, sources: [{source, snapshot, files, count, folders}]}]}.
"""

from __future__ import annotations

import click

from app.assembly import Overwinter
from app.cli.session import DONE, EXIT_OF_OUTCOME, FAILED, PARTIAL, Session, pass_session
from app.foundation.events import Outcome
from app.foundation.words import Text, plural, text
from app.jobs.check.damage import in_words
from app.jobs.check.job import CheckChoice
from app.jobs.check.marks import Cycle
from app.jobs.check.result import Checked, Verdict, results
from app.records.run import Run


@click.command()
@click.argument("site")
@click.option("--read-share", default="", metavar="N/T", help="Read this share, such as 1/8, or 1/1: everything.")
@pass_session
def check(session: Session, site: str, read_share: str) -> None:
    """Read the next share of the repository's data and check it. Ends with 0: well, 1: damaged, 3: not all checked."""

    async def work(app: Overwinter) -> int:
        run, joined = await session.follow(app, await app.plan_check(site, CheckChoice(read_share)))
        result = await result_of(app, run, read_share)
        session.output.result(check_in_json(run, result, joined=joined), check_in_words(session, result))
        if run.error is not None and not session.output.json:
            session.output.problem(run.error)
        return exit_of_check(run, result)

    session.perform(work)


async def result_of(app: Overwinter, run: Run, share: str) -> Checked:
    """What the last check of a run came to; unchecked where it did not come to a check."""
    found = await results(app.records(run.site), run.id)
    return found[-1] if found else Checked(run.id, share, Verdict.UNCHECKED)


def exit_of_check(run: Run, result: Checked) -> int:
    """0 for well, 1 for damage, 3 for what was not checked to the end; other ends as of every run."""
    outcome = run.outcome or Outcome.INTERRUPTED
    if outcome is Outcome.SUCCESS and result.verdict is Verdict.PASS:
        return DONE
    if outcome in (Outcome.CANCELLED, Outcome.SKIPPED, Outcome.REFUSED):
        return EXIT_OF_OUTCOME[outcome]
    return FAILED if result.verdict is Verdict.FAIL else PARTIAL


def check_in_json(run: Run, result: Checked, *, joined: bool) -> dict[str, object]:
    """A check as programs read it."""
    outcome = run.outcome or Outcome.INTERRUPTED
    told = {name: getattr(result, name) for name in ("share", "packs", "damage", "unread", "cycle")}
    ran = {"run": run.id, "status": outcome.value, "joined": joined, "verdict": result.verdict.value}
    return {**ran, **told, "error": run.error}


def check_in_words(session: Session, result: Checked) -> list[Text | str]:
    """A check as people read it."""
    match result.verdict:
        case Verdict.PASS:
            read = plural(
                "Share {share} of the data was read ({count} file of the repository), and is well.",
                "Share {share} of the data was read ({count} files of the repository), and is well.",
                result.packs,
                share=result.share,
            )
            return [read, *_cycle(session, result.cycle)]
        case Verdict.FAIL if result.damage is not None:
            return list(in_words(result.damage))
        case _:
            return [text("Not checked: whether the repository is well is not known.")]


def _cycle(session: Session, cycle: Cycle | None) -> list[Text]:
    if cycle is None:
        return []
    if cycle.whole:
        return [text("All of its data is well; it was read since {when}.", when=session.output.moment(cycle.since))]
    return [
        text(
            "{count} of {of} shares are known to be well; further checks read the others.",
            count=len(cycle.well),
            of=cycle.of,
        )
    ]
