"""Lets recovery points go, whole: written down before, looked at after, and their space freed last.

The audit log holds what was begun. A removal that was cut short is found there by the next one, which finishes it; and
a point that has lost a part looks whole to nobody meanwhile, since its manifest says of how many snapshots it is made.
"""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import plural, text
from app.jobs.plan import Ctx
from app.jobs.points import Point, site_snapshots
from app.jobs.repositories import OpenRepository, Repositories
from app.records.audit import AuditEntry
from app.records.site_records import SiteRecords
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, Site
from app.tools.restic.repository import Restic

REMOVING = "points-removing"
REMOVED = "points-removed"
PRUNED = "repository-pruned"

Intentions = dict[str, Collection[str]]
"""Points that were to go, with the ids of all their snapshots."""


@dataclass
class RemovalState:
    """What the steps of a removal hand on.

    `listed` are the ids of all snapshots of the site before it; `prune_owed` says that space is to be freed in any
    case, since an earlier removal did not come to it; `leaves_unfinished` that one which was cut short stays so.
    """

    listed: frozenset[str] = frozenset()
    going: tuple[Point, ...] = ()
    prune_owed: bool = False
    leaves_unfinished: bool = False


class Removal(msgspec.Struct, frozen=True):
    """The removal of points of a site by one run."""

    site: Site
    repositories: Repositories
    run: str

    async def repository(self, ctx: Ctx) -> OpenRepository:
        """The site's repository, reached from this computer."""
        here, password = ctx.host(THIS_COMPUTER), ctx.secret(REPOSITORY_PASSWORD)
        return await self.repositories.open(here, self.site, password, await ctx.scratch(THIS_COMPUTER))

    async def let_go(self, ctx: Ctx, state: RemovalState) -> None:
        """Removes the points that are to go, and looks whether exactly they are gone."""
        if not state.going:
            return
        repository = await self.repository(ctx)
        await self._note(ctx, REMOVING, state.going, {point.id: point.all_snapshots for point in state.going})
        going = [snapshot for point in state.going for snapshot in point.all_snapshots]
        await _past_the_dead(repository.restic, lambda: repository.restic.forget(going))
        left = frozenset(one.id for one in await site_snapshots(repository.restic, self.site))
        _check_effect(self.site.name, state, left)
        await self._note(ctx, REMOVED, state.going)

    async def prune(self, ctx: Ctx, state: RemovalState) -> None:
        """Frees the space of what was removed, now or by an earlier removal that did not come to it."""
        if not state.going and not state.prune_owed:
            return
        restic = (await self.repository(ctx)).restic
        await _past_the_dead(restic, restic.prune)
        if not state.leaves_unfinished:
            await self._note(ctx, PRUNED)

    async def _note(
        self, ctx: Ctx, what: str, points: Sequence[Point] = (), snapshots: Intentions | None = None
    ) -> None:
        fields = {"run": self.run}
        if points:
            fields["points"] = " ".join(point.id for point in points)
        if snapshots:
            fields["snapshots"] = msgspec.json.encode(snapshots).decode()
        await ctx.records.add_audit(getpass.getuser(), what, fields)


async def _past_the_dead(restic: Restic, work: Callable[[], Awaitable[None]]) -> None:
    """Does what needs the repository alone; locks of restics that died are removed first, should they be in the way."""
    try:
        await work()
    except UserError as error:
        if error.code != "restic.locked":
            raise
        await restic.unlock()
        await work()


def _check_effect(site: str, state: RemovalState, left: frozenset[str]) -> None:
    """Raises `retention.not-gone` and `retention.more-gone` when not exactly what was to go is gone."""
    to_go = {snapshot for point in state.going for snapshot in point.all_snapshots}
    if still := to_go & left:
        raise UserError(
            plural(
                "{count} snapshot was to be removed and is still there.",
                "{count} snapshots were to be removed and are still there.",
                len(still),
            ),
            text("Nothing else was removed. The points they belong to may have lost other snapshots."),
            text("Remove old points again: overwinter retention {site}", site=site),
            "retention.not-gone",
            "\n".join(sorted(still)),
        )
    if more := state.listed - to_go - left:
        raise UserError(
            plural(
                "{count} snapshot that was to stay is gone.", "{count} snapshots that were to stay are gone.", len(more)
            ),
            text("Their data is still in the repository: no space was freed. The next removal of old points frees it."),
            text(
                "If nobody removed them on another computer, back up with --no-retention from now on and ask for help."
            ),
            "retention.more-gone",
            "\n".join(sorted(more)),
        )


async def open_intentions(records: SiteRecords) -> tuple[AuditEntry, ...]:
    """The removals that were begun since space was last freed; none when everything came to its end."""
    entries = await records.audit((REMOVING, PRUNED))
    return tuple(takewhile(lambda entry: entry.what == REMOVING, reversed(entries)))


def half_gone(points: Sequence[Point], intentions: Sequence[AuditEntry]) -> frozenset[str]:
    """The points that have lost some of the snapshots that were to go together."""
    there = {point.id: set(point.all_snapshots) for point in points}
    return frozenset(
        point
        for entry in intentions
        for point, snapshots in msgspec.json.decode(entry.fields["snapshots"], type=Intentions).items()
        if point in there and not there[point].issuperset(snapshots)
    )


async def removed_by(records: SiteRecords, run: str) -> tuple[str, ...]:
    """The ids of the points that a run removed."""
    entries = [entry for entry in await records.audit((REMOVED,)) if entry.fields["run"] == run]
    return tuple(point for entry in entries for point in entry.fields["points"].split())
