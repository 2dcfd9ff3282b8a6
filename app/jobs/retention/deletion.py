"""Deletes one recovery point by hand, whole; never the one that a site would be lost without."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from app.foundation.errors import Refused
from app.foundation.events import Phase
from app.foundation.words import text
from app.jobs.plan import Ctx, OnFailure, Plan, Step
from app.jobs.points import SHORT, Point, point_named, points_by_name, site_snapshots
from app.jobs.repositories import Repositories
from app.jobs.retention.decision import CLOCKS_DIFFER, newest_proven
from app.jobs.retention.job import PRUNE_TITLE, known_runs
from app.jobs.retention.removal import Removal, RemovalState, half_gone, open_intentions
from app.records.run import new_run_id
from app.settings.model import REPOSITORY_PASSWORD, Site

KIND = "delete"


def phrase_of(site: str, point: str) -> str:
    """What has to be typed to delete a point, given by its id or a beginning of it."""
    return f"DELETE {site} {point[:SHORT]}"


def plan_deletion(site: Site, point: str, confirmed: str, repositories: Repositories) -> Plan[RemovalState]:
    """The deletion of one point; raises `Refused` `point.not-confirmed` when another phrase was typed."""
    if confirmed != phrase_of(site.name, point):
        raise _not_confirmed(phrase_of(site.name, point))
    job = _Deletion(point, Removal(site, repositories, new_run_id()))
    return Plan(
        run=job.removal.run,
        kind=KIND,
        site=site,
        choice=msgspec.json.encode({"point": point}).decode(),
        key=f"{KIND} {point}",
        steps=(
            Step("point", text("Find the point"), Phase.PREFLIGHT, job.find),
            Step("delete", text("Delete the point"), Phase.STAGE, job.removal.let_go),
            Step("prune", PRUNE_TITLE, Phase.STAGE, job.removal.prune, on_failure=OnFailure.PARTIAL),
        ),
        state=RemovalState(),
        secrets=(REPOSITORY_PASSWORD,),
    )


class _Deletion(msgspec.Struct, frozen=True):
    """One deletion with everything it needs to know."""

    wanted: str
    removal: Removal

    async def find(self, ctx: Ctx, state: RemovalState) -> None:
        """Finds the point, and refuses the one that may not be deleted."""
        site = self.removal.site
        listed = await site_snapshots((await self.removal.repository(ctx)).restic, site)
        points = points_by_name(listed, site)
        point = point_named(points, site, self.wanted)
        check_deletable(point, points, datetime.now(UTC))
        if point.id in (await known_runs([point], ctx.records)).active:
            raise _under_way(point)
        state.listed = frozenset(snapshot.id for snapshot in listed)
        state.going = (point,)
        state.leaves_unfinished = bool(half_gone(points, await open_intentions(ctx.records)) - {point.id})


def check_deletable(point: Point, points: Sequence[Point], now: datetime) -> None:
    """Raises `Refused` for the newest proven point, or for the newest complete one when none is proven.

    A point that is ahead of the clock is not the newest as long as there is another: it was made by a wrong clock, and
    to delete it is the way out.
    """
    complete = [one for one in points if one.complete]
    believable = [one for one in complete if one.time <= now + CLOCKS_DIFFER] or complete
    proven = newest_proven(believable)
    if proven is not None and point.id == proven.id:
        raise _newest_proven(point)
    if proven is None and believable and point.id == max(believable, key=lambda one: (one.time, one.id)).id:
        raise _newest_complete(point)


def _not_confirmed(phrase: str) -> Refused:
    return Refused(
        text("The point is deleted only when this is typed: {phrase}", phrase=phrase),
        text("Nothing was removed."),
        text('Add --confirm "{phrase}" if you mean it.', phrase=phrase),
        "point.not-confirmed",
    )


def _newest_proven(point: Point) -> Refused:
    return Refused(
        text("{point} is the newest recovery point that is proven to restore.", point=point.short_id),
        text("Nothing was removed: it is the one to go back to."),
        text("Verify a newer point first."),
        "point.newest-proven",
    )


def _newest_complete(point: Point) -> Refused:
    return Refused(
        text("{point} is the newest complete recovery point, and none is proven to restore.", point=point.short_id),
        text("Nothing was removed: it is the one to go back to."),
        text("Make a newer complete backup, or verify an older point, first."),
        "point.newest-complete",
    )


def _under_way(point: Point) -> Refused:
    return Refused(
        text("The run that makes {point} is still under way.", point=point.short_id),
        text("Nothing was removed."),
        text("Wait until it has ended, or cancel it."),
        "point.under-way",
    )
