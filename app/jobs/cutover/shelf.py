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
from app.jobs.cutover.names import plan_beside, plan_in
from app.jobs.cutover.plan import LARGEST, Spot, StagingPlan, State, decode, encode
from app.jobs.effects.paths import below, sync_parents
from app.settings.model import Site, SourceKind

UNFINISHED = "restore.unfinished"

MOST_PLANS = 10_000

HostOf = Callable[[str], Host]


class Shelf:
    """The plans that this computer keeps, in one folder."""

    def __init__(self, here: Host, folder: str) -> None:
        self._here = here
        self._folder = folder

    async def unfinished(self, site: str) -> StagingPlan | None:
        """The plan of a cutover of that site that was begun here and is not over."""
        return await read_plan(self._here, self._unfinished(site))

    async def finished(self, site: str, run: str) -> StagingPlan | None:
        """The plan of a cutover after which that site is the new one; `run` is the whole id."""
        return await read_plan(self._here, self._finished(site, run))

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
        here = (self._here, self._unfinished(plan.site.name))
        everywhere = [here, *((host(spot.host), spot.path) for spot in plan.spots)]
        try:
            for there, path in everywhere:
                await _place(there, path, plan)
        except BaseException:
            await finish(asyncio.create_task(_withdraw(plan, everywhere)))
            raise

    async def settle(self, plan: StagingPlan, state: State, host: HostOf) -> None:
        """The site is whole: the plan goes, on the hosts first, so that nothing is left there that nobody knows.

        That of a site that is the new one is kept here, for its way back.
        """
        for spot in plan.spots:
            await _take_away(host(spot.host), spot.path, plan)
        path = self._unfinished(plan.site.name)
        if state is State.NEW:
            await self._here.write_durably(self._finished(plan.site.name, plan.run), encode(plan))
        await _take_away(self._here, path, plan)

    async def forget(self, site: str, run: str) -> None:
        """There is no way back any more."""
        await self._here.remove_tree(self._finished(site, run))

    def _unfinished(self, site: str) -> str:
        return below(self._folder, f"{site}.json")

    def _finished(self, site: str, run: str) -> str:
        return below(self._folder, f"{site}.{run}.json")


async def spots_of(site: Site, hosts: Iterable[str], host: HostOf) -> list[Spot]:
    """Where an unfinished plan of a site stands on these hosts: beside each tree, else in the folder of ours."""
    trees = [
        Spot(source.host, plan_beside(source.root))
        for source in site.sources
        if source.kind is SourceKind.FILES and source.host in set(hosts)
    ]
    without = [name for name in dict.fromkeys(hosts) if name not in {spot.host for spot in trees}]
    return [*trees, *[Spot(name, plan_in(await host(name).kept_folder("cutovers"), site.name)) for name in without]]


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


async def _place(host: Host, path: str, plan: StagingPlan) -> None:
    mine = _mine(path, plan)
    await host.write_durably(mine, encode(plan))
    try:
        await host.rename(mine, path)
    except UserError as error:
        await host.remove_tree(mine)
        if error.code != "host.file-exists":
            raise
        raise unfinished(await read_plan(host, path) or plan) from error


async def _withdraw(plan: StagingPlan, everywhere: Sequence[tuple[Host, str]]) -> None:
    """From the last to the first; on a host that is away now it stays, and so it does here: to be recovered."""
    for there, path in reversed(everywhere):
        await _take_away(there, path, plan)


async def _take_away(host: Host, path: str, plan: StagingPlan) -> None:
    """Removes it, and what of it was not in its place yet; another run's stays."""
    await host.remove_tree(_mine(path, plan))
    found = await read_plan(host, path)
    if found is not None and found.run == plan.run:
        await host.remove_tree(path)
        await sync_parents(host, path)


def _mine(path: str, plan: StagingPlan) -> str:
    return f"{path}.{plan.run[:8]}.new"


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
