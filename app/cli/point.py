"""`point`: keep a recovery point for longer than the policy does, or delete it by hand."""

from __future__ import annotations

from datetime import datetime

import click

from app.assembly import Overwinter
from app.cli.retention import remove_points
from app.cli.session import EXIT_OF_OUTCOME, Session, pass_session
from app.foundation.events import Outcome
from app.foundation.words import text
from app.jobs.retention.keep import KeepChoice


@click.group()
def point() -> None:
    """One recovery point."""


@point.command()
@click.argument("site")
@click.argument("point_id", metavar="POINT")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The last day that it is kept.")
@click.option("--reason", required=True, help="Why it is kept.")
@pass_session
def keep(session: Session, site: str, point_id: str, until: datetime, reason: str) -> None:
    """Keep a point to the end of a day, whatever the policy says. The newest Keep of a point counts."""

    async def work(app: Overwinter) -> int:
        plan = await app.plan_keep(site, KeepChoice(point_id, until.date(), reason))
        run, joined = await session.follow(app, plan)
        outcome = run.outcome or Outcome.INTERRUPTED
        result = {"run": run.id, "status": outcome.value, "joined": joined, "until": until.date(), "error": run.error}
        done = text("{point} is kept until {day}.", point=point_id[:8], day=until.date().isoformat())
        session.output.result(result, [done] if outcome is Outcome.SUCCESS else [])
        if run.error is not None and not session.output.json:
            session.output.problem(run.error)
        return EXIT_OF_OUTCOME[outcome]

    session.perform(work)


@point.command()
@click.argument("site")
@click.argument("point_id", metavar="POINT")
@click.option("--confirm", default="", help='What has to be typed: "DELETE <SITE> <SHORT_ID>".')
@pass_session
def delete(session: Session, site: str, point_id: str, confirm: str) -> None:
    """Delete a point; never the newest one that is proven to restore."""

    async def work(app: Overwinter) -> int:
        return await remove_points(session, app, await app.plan_deletion(site, point_id, confirm))

    session.perform(work)
