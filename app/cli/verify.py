"""`verify`: prove that a recovery point restores."""

from __future__ import annotations

import click

from app.assembly import Overwinter
from app.cli.session import EXIT_OF_OUTCOME, Session, pass_session
from app.foundation.events import Item, Outcome
from app.foundation.words import Duration, Text, text
from app.jobs.verify.job import Summary, Verified, VerifyChoice, verified_by
from app.jobs.verify.proof import Verdict


@click.command()
@click.argument("site")
@click.argument("point", default="")
@pass_session
def verify(session: Session, site: str, point: str) -> None:
    """Prove that a recovery point restores: the newest complete one, or the one named.

    With --json: {run, status, joined, point, outcome, log, items: [{source, verdict, where, compared, seconds, error}],
    error}. Ends with 0 when all is proven, 1 when something does not restore as it was, 3 when something could not be
    verified.
    """

    async def work(app: Overwinter) -> int:
        run, joined = await session.follow(app, await app.plan_verify(site, VerifyChoice(point)))
        records = app.records(run.site)
        found = await verified_by(records, run.id)
        errors = {item.source: item for item in await records.items(run.id)}
        outcome = run.outcome or Outcome.INTERRUPTED
        result = {"run": run.id, "status": outcome.value, "joined": joined, **_as_json(found, errors)}
        session.output.result({**result, "error": run.error}, _said(found, errors) if found is not None else [])
        if run.error is not None and outcome is not Outcome.SUCCESS and not session.output.json:
            session.output.problem(run.error)
        return EXIT_OF_OUTCOME[outcome]

    session.perform(work)


def _as_json(found: Verified | None, errors: dict[str, Item]) -> dict[str, object]:
    if found is None:
        return {"point": "", "outcome": Verdict.UNCHECKED.value, "log": "", "items": []}
    items = [
        {
            "source": one.source,
            "verdict": one.verdict.value,
            "where": one.where,
            "compared": one.compared,
            "seconds": one.seconds,
            "error": errors[one.source].error,
        }
        for one in found.proofs
    ]
    return {"point": found.point, "outcome": found.outcome.value, "log": found.log, "items": items}


def _said(found: Verified, errors: dict[str, Item]) -> list[Text]:
    head = text("{point}: {outcome}", point=found.point[:8], outcome=WORDS[found.outcome])
    lines = [_line(one, errors[one.source]) for one in found.proofs]
    return [head, *lines, *([text("Log: {path}", path=found.log)] if found.log else [])]


WORDS = {
    Verdict.PASS: text("proven to restore"),
    Verdict.FAIL: text("does not restore"),
    Verdict.UNCHECKED: text("could not be verified"),
}


def _line(one: Summary, item: Item) -> Text:
    outcome = WORDS[one.verdict]
    if item.error is not None:
        return text("  {source}: {outcome}. {what}", source=one.source, outcome=outcome, what=item.error.what)
    compared = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in one.compared.items())
    return text(
        "  {source}: {outcome}, {where}: {compared} ({time})",
        source=one.source,
        outcome=outcome,
        where=one.where,
        compared=compared,
        time=Duration(one.seconds),
    )
