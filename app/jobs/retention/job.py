"""Retention: old points go by the site's policy, by a run of its own or at the end of a backup."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from app.foundation.errors import Refused
from app.foundation.events import Phase
from app.foundation.words import text
from app.jobs.plan import Ctx, OnFailure, Plan, Step
from app.jobs.points import SHORT, UNFINISHED, Point, points_by_name, site_snapshots, zone_of
from app.jobs.repositories import OpenRepository, Repositories
from app.jobs.retention.decision import Circumstances, Decision, Judged, KnownRuns, decide
from app.jobs.retention.keep import reason_of
from app.jobs.retention.removal import Removal, RemovalState, half_gone, open_intentions
from app.jobs.tags import COMPLETE
from app.records.run import Run, new_run_id
from app.records.site_records import SiteRecords
from app.settings.model import REPOSITORY_PASSWORD, Site

KIND = "retention"
BACKUP = "backup"
"""The kind of runs whose unfinished points are ours to remove."""

REMOVE_TITLE = text("Remove old points")
PRUNE_TITLE = text("Free the space of removed points")


def plan_retention(site: Site, repositories: Repositories, trigger: str = "manual") -> Plan[RemovalState]:
    """The removal of every point that the policy lets go."""
    removal = Removal(site, repositories, new_run_id())

    async def choose(ctx: Ctx, state: RemovalState) -> None:
        await choose_by_policy(removal, ctx, state)

    return Plan(
        run=removal.run,
        kind=KIND,
        site=site,
        choice="{}",
        key=KIND,
        steps=(
            Step("points", text("Choose the points that go"), Phase.PREFLIGHT, choose),
            Step("retention", REMOVE_TITLE, Phase.STAGE, removal.let_go),
            Step("prune", PRUNE_TITLE, Phase.STAGE, removal.prune, on_failure=OnFailure.PARTIAL),
        ),
        state=RemovalState(),
        secrets=(REPOSITORY_PASSWORD,),
        trigger=trigger,
    )


async def choose_by_policy(removal: Removal, ctx: Ctx, state: RemovalState) -> None:
    """Reads the repository anew and decides; raises `Refused` where the policy may not be followed."""
    listed = await site_snapshots((await removal.repository(ctx)).restic, removal.site)
    points = points_by_name(listed, removal.site)
    state.listed = frozenset(snapshot.id for snapshot in listed)
    state.going = (await _decided(removal.site, points, ctx.records)).points_going
    state.prune_owed = bool(await open_intentions(ctx.records))


async def preview(repository: OpenRepository, records: SiteRecords) -> Decision:
    """What retention would do now, with the reasons that people gave for keeping points."""
    listed = await site_snapshots(repository.restic, repository.site)
    decision = await _decided(repository.site, points_by_name(listed, repository.site), records)
    staying = [await _with_reason(repository, judged) for judged in decision.staying]
    return Decision(decision.going, tuple(staying))


async def _with_reason(repository: OpenRepository, judged: Judged) -> Judged:
    reason = await reason_of(repository, judged.point) if judged.point.kept else ""
    return Judged(judged.point, (*judged.why, text("{reason}", reason=reason))) if reason else judged


async def is_due(site: Site, points: Sequence[Point], records: SiteRecords) -> bool:
    """Whether there is anything to do after a backup, by the points there were before it and the one it made.

    Costs no restic. What others changed meanwhile is seen when there is something to do, or the next time.
    """
    if await open_intentions(records):
        return True
    return bool((await _decided(site, points, records)).going)


def point_just_made(run: str, *, complete: bool) -> Point:
    """The point of a backup that has just ended, as far as a decision needs to know it."""
    return Point(
        id=run,
        short_id=run[:SHORT],
        time=datetime.now(UTC),
        status=COMPLETE,
        complete=complete,
        verified=False,
        kept=False,
        layers=(),
        snapshots=(),
        manifest=run,
    )


async def _decided(site: Site, points: Sequence[Point], records: SiteRecords) -> Decision:
    given = Circumstances(
        now=datetime.now(UTC),
        zone=zone_of(site),
        runs=await known_runs(points, records),
        half_gone=half_gone(points, await open_intentions(records)),
    )
    return decide(points, site.retention, given)


async def known_runs(points: Sequence[Point], records: SiteRecords) -> KnownRuns:
    """What our records know of the runs behind unfinished points."""
    ended, active = set(), set()
    for point in points:
        if point.status != UNFINISHED:
            continue
        run = await _run_behind(point, records)
        if run is not None and run.closed is None:
            active.add(run.id)
        elif run is not None and run.kind == BACKUP:
            ended.add(run.id)
    return KnownRuns(ended, active)


async def _run_behind(point: Point, records: SiteRecords) -> Run | None:
    """The run in our records; None for another computer's, or for no run at all."""
    try:
        run = await records.run(point.id)
    except Refused:
        return None
    return run if run.id == point.id else None
