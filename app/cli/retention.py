"""`retention`: old points go by the site's policy, or are only named."""

from __future__ import annotations

import click

from app.assembly import Overwinter
from app.cli.session import EXIT_OF_OUTCOME, Session, pass_session
from app.foundation.events import Outcome
from app.foundation.words import Text, plural, text
from app.jobs.plan import Plan
from app.jobs.retention.decision import Decision, Judged
from app.jobs.retention.removal import RemovalState, removed_by


@click.command()
@click.argument("site")
@click.option("--preview", is_flag=True, help="Only name the points that would go, and why the others stay.")
@pass_session
def retention(session: Session, site: str, *, preview: bool) -> None:
    """Remove the points that the policy of retention lets go."""

    async def work(app: Overwinter) -> int:
        if not preview:
            return await remove_points(session, app, await app.plan_retention(site))
        decision = await app.preview_retention(site)
        session.output.result(_as_json(decision), _said(session, decision))
        return 0

    session.perform(work)


async def remove_points(session: Session, app: Overwinter, plan: Plan[RemovalState]) -> int:
    """Lets points go by a plan, says which are gone, and gives the exit code."""
    run, joined = await session.follow(app, plan)
    outcome = run.outcome or Outcome.INTERRUPTED
    removed = await removed_by(app.records(run.site), run.id)
    said = [plural("{count} point removed.", "{count} points removed.", len(removed))]
    said += [text("  {point}", point=point[:8]) for point in removed]
    session.output.result(
        {"run": run.id, "status": outcome.value, "joined": joined, "removed": removed, "error": run.error}, said
    )
    if run.error is not None and outcome is not Outcome.SUCCESS and not session.output.json:
        session.output.problem(run.error)
    return EXIT_OF_OUTCOME[outcome]


def _as_json(decision: Decision) -> dict[str, object]:
    return {"going": list(map(_judged, decision.going)), "staying": list(map(_judged, decision.staying))}


def _judged(judged: Judged) -> dict[str, object]:
    point = judged.point
    named = {"id": point.id, "short_id": point.short_id, "time": point.time, "status": point.status}
    return {**named, "why": judged.why}


def _said(session: Session, decision: Decision) -> list[Text | str]:
    count = len(decision.going)
    head = plural("{count} point would go:", "{count} points would go:", count) if count else text("No point would go.")
    going = [_line(session, judged) for judged in decision.going]
    staying = [_line(session, judged) for judged in decision.staying]
    return [head, *going, plural("{count} point stays:", "{count} points stay:", len(staying)), *staying]


def _line(session: Session, judged: Judged) -> str:
    point, why = judged.point, "; ".join(map(session.output.language.render, judged.why))
    return f"  {point.short_id}  {session.output.moment(point.time)}  {point.status}  {why}"
