"""Where staging plans are kept: in the data folder here, and on every host of the cutover.

A plan that is unfinished stands here under its site's name and there under its target's, so that there is one at most:
each is placed by a rename that never replaces. So the file beside the target is also the lock between laptops.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence

from app.foundation.errors import Refused, UserError
from app.foundation.words import text
from app.hosts.host import Host
from app.hosts.running import finish
from app.jobs.cutover.names import plan_beside, plan_in, stage_folder
from app.jobs.cutover.plan import LARGEST, Spot, StagingPlan, State, decode, encode
from app.jobs.effects.paths import below, pure, sync_parents
from app.records.runs import SHORTEST_PREFIX
from app.settings.model import Site, SourceKind

PLANS_AT_MOST = 10_000

UNFINISHED = "restore.unfinished"

MOST_PLANS = 10_000

HostOf = Callable[[str], Host]


class Shelf:
    """The plans that this computer keeps, in one folder."""

    def __init__(self, here: Host, folder: str) -> None:
        self._here = here
        self._folder = folder

    @property
    def folder(self) -> str:
        """Where the plans of this computer are."""
        return self._folder

    async def unfinished(self, site: str) -> StagingPlan | None:
        """The plan of a cutover of that site that was begun here and is not over."""
        return await read_plan(self._here, self._unfinished(site))

    async def finished(self, site: str, run: str) -> StagingPlan | None:
        """The plan of a cutover after which that site is the new one; `run` is the run's id, or how it begins."""
        listed = await self._here.entries(self._folder, PLANS_AT_MOST)
        names = [one.name for one in listed.entries if re.fullmatch(rf"{site}\.[0-9a-f]{{32}}\.json", one.name)]
        begin_so = [name for name in names if name.startswith(f"{site}.{run}") and len(run) >= SHORTEST_PREFIX]
        return await read_plan(self._here, below(self._folder, begin_so[0])) if len(begin_so) == 1 else None

    async def finished_runs(self, site: str) -> list[str]:
        """The runs of that site whose way back is still known."""
        if await self._here.stat(self._folder) is None:
            return []
        listed = await self._here.entries(self._folder, MOST_PLANS)
        found = [re.fullmatch(rf"{re.escape(site)}\.([0-9a-f]{{32}})\.json", entry.name) for entry in listed.entries]
        return [one[1] for one in found if one is not None]

    async def place(self, plan: StagingPlan, host: HostOf) -> None:
        """Writes the plan down, here first, then on every host. Nothing may be changed before.

        Raises `restore.unfinished` where another cutover is not over; then nothing of this one is left.
        """
        places = [self._place_of(plan), *(_Place(host(spot.host), spot.path, spot.by) for spot in plan.spots)]
        try:
            for place in places:
                await place.put(plan)
        except BaseException:
            await finish(asyncio.create_task(_withdraw(plan, places)))
            raise

    async def settle(self, plan: StagingPlan, state: State, host: HostOf) -> None:
        """The site is whole: the plan goes, on the hosts first, so that nothing is left there that nobody knows.

        That of a site that is the new one is kept here, for its way back.
        """
        for spot in plan.spots:
            await _Place(host(spot.host), spot.path, spot.by).take_away(plan)
        if state is State.NEW:
            await self._here.write_durably(self._finished(plan.site.name, plan.run), encode(plan))
        await self._place_of(plan).take_away(plan)

    async def forget(self, site: str, run: str) -> None:
        """There is no way back any more."""
        await self._here.remove_tree(self._finished(site, run))

    def _place_of(self, plan: StagingPlan) -> _Place:
        return _Place(self._here, self._unfinished(plan.site.name), self._folder)

    def _unfinished(self, site: str) -> str:
        return below(self._folder, f"{site}.json")

    def _finished(self, site: str, run: str) -> str:
        return below(self._folder, f"{site}.{run}.json")


async def spots_for(
    run: str, site: str, trees: Iterable[tuple[str, str]], hosts: Iterable[str], host: HostOf
) -> tuple[Spot, ...]:
    """Where the plan of a cutover of these trees (host and root) on these hosts is to stand: one at least on each."""
    beside = [Spot(name, plan_beside(root), stage_folder(root, run)) for name, root in trees]
    without = [name for name in dict.fromkeys(hosts) if name not in {spot.host for spot in beside}]
    folders = [(name, await host(name).kept_folder("cutovers")) for name in without]
    return (*beside, *(Spot(name, plan_in(folder, site), folder) for name, folder in folders))


async def spots_of(site: Site, hosts: Iterable[str], host: HostOf) -> list[Spot]:
    """Where an unfinished plan of a site may stand on these hosts: beside each tree, else in a folder of ours there.

    Beside a tree it is written by way of that tree's folder; who stages by way of the stage (`Spot.by`) says so. A
    whole disk has nothing beside it, and is never exchanged.
    """
    asked = list(dict.fromkeys(hosts))
    trees = [one for one in site.sources if one.kind is SourceKind.FILES and one.host in asked and pure(one.root).name]
    beside = [Spot(one.host, plan_beside(one.root), str(pure(one.root).parent)) for one in trees]
    folders = [(name, await host(name).kept_folder("cutovers")) for name in asked]
    return [*beside, *(Spot(name, plan_in(folder, site.name), folder) for name, folder in folders)]


async def found_on_hosts(spots: Iterable[Spot], host: HostOf) -> StagingPlan | None:
    """The plan that another computer, or this one before it lost its own, has left unfinished at one of the spots."""
    for spot in spots:
        if (plan := await read_plan(host(spot.host), spot.path)) is not None:
            return plan
    return None


async def read_plan(host: Host, path: str) -> StagingPlan | None:
    """The plan that stands there; None where nothing does."""
    try:
        return decode(await host.read(path, LARGEST))
    except UserError as error:
        if error.code != "host.file-missing":
            raise
        return None


class _Place:
    """Where one plan at a time stands."""

    def __init__(self, host: Host, path: str, by: str) -> None:
        self._host = host
        self._path = path
        self._by = by

    async def put(self, plan: StagingPlan) -> None:
        """Puts the plan there, whole or not at all; raises `restore.unfinished` where another one stands."""
        mine = self._mine(plan)
        await self._host.write_durably(mine, encode(plan), temporary=_unwritten(mine))
        try:
            await self._host.rename(mine, self._path)
        except UserError as error:
            await self._host.remove_tree(mine)
            if error.code != "host.file-exists":
                raise
            raise unfinished(await read_plan(self._host, self._path) or plan) from error

    async def take_away(self, plan: StagingPlan) -> None:
        """Removes it, also what was not in its place yet, or not even whole; another run's stays."""
        for mine in (_unwritten(self._mine(plan)), self._mine(plan)):
            await self._host.remove_tree(mine)
        found = await read_plan(self._host, self._path)
        if found is not None and found.run == plan.run:
            await self._host.remove_tree(self._path)
        await sync_parents(self._host, self._path)

    def _mine(self, plan: StagingPlan) -> str:
        return below(self._by, f"{plan.site.name}.{plan.run[:8]}.plan")


def _unwritten(plan: str) -> str:
    """What a plan's file is called until it is whole."""
    return f"{plan}.tmp"


async def _withdraw(plan: StagingPlan, places: Sequence[_Place]) -> None:
    """From the last to the first; on a host that is away now it stays, and so it does here: to be recovered."""
    for place in reversed(places):
        await place.take_away(plan)


def unfinished(plan: StagingPlan) -> Refused:
    """What is said to whoever would write to a site whose restore is not over."""
    return Refused(
        text(
            "A restore of {site} to the point {point} is unfinished (run {run}).",
            site=plan.site.name,
            point=plan.point[:8],
            run=plan.run[:8],
        ),
        text("The site may be half the old one and half the new one, and down. Nothing was started."),
        text("Have it finished or rolled back first: overwinter recover {site}", site=plan.site.name),
        UNFINISHED,
    )
