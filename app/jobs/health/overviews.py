"""What a page asks about how sites stand: from memory at once, from the repository when it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.errors import Problem, UserError
from app.foundation.words import Language
from app.jobs.catalogue.catalogue import Catalogue
from app.jobs.catalogue.listed import KnownSnapshots
from app.jobs.health.inventory import Inventory, inventory_of
from app.jobs.health.memory import Known, Memory, Remembered, SizeSample
from app.jobs.health.notices import notices_of
from app.jobs.health.overview import Overview, overview_of
from app.jobs.kit.state import KitState
from app.jobs.points import today_of
from app.jobs.repositories import OpenRepository
from app.records.site_records import SiteRecords
from app.settings.addresses import identity
from app.settings.model import Site
from app.settings.sites import Sites

RUNS_SHOWN = 6
RUNS_NOTICED = 200
MEASURED_AGAIN_AFTER = timedelta(hours=20)
MUCH = 0.1
"""What was added is much when it is so large a part of the size that was measured last."""


class Overviews:
    """Knows how every site of this computer stands; what is known of a repository is the catalogue's list of it."""

    def __init__(
        self,
        memory: Memory,
        catalogue: Catalogue,
        blocking: Blocking,
        *,
        sites: Sites,
        records: Callable[[str], SiteRecords],
        kit: Callable[[str], Awaitable[KitState]],
        repository: Callable[[str], Awaitable[OpenRepository]],
    ) -> None:
        self._memory = memory
        self._catalogue = catalogue
        self._blocking = blocking
        self._sites = sites
        self._records = records
        self._kit = kit
        self._repository = repository
        self._away: dict[str, tuple[KnownSnapshots | None, Problem]] = {}
        self._taken: dict[str, tuple[KnownSnapshots, Site, date, Inventory]] = {}

    async def known(self, site: str, language: Language) -> Overview:
        """How the site stood when its repository was read last; asks the repository nothing."""
        return await self._overview(await self._sites.get(site), language)

    async def all_known(self, language: Language) -> list[Overview]:
        """The same of every site, by name."""
        return [await self._overview(site, language) for site in await self._sites.all()]

    async def read(self, site: str, language: Language) -> Overview:
        """How the site stands, by what its repository says now. Raises what keeps that from being read."""
        of = await self._sites.get(site)
        try:
            await self._catalogue.read(site)
        except UserError as error:
            self._away[site] = await self._catalogue.remembered(of), error.problem
            raise
        self._away.pop(site, None)
        return await self._overview(of, language)

    async def measure(self, site: str) -> None:
        """Asks the repository for its size, unless that was asked not long ago: it reads every tree."""
        of = await self._sites.get(site)
        if not _is_to_measure(await self._recall(of), await self._inventory(of), datetime.now(UTC)):
            return
        opened = await self._repository(site)
        sample = SizeSample(datetime.now(UTC), (await opened.restic.stats(lock=False)).total_size)
        await self._memory.remember(site, (await self._recall(opened.site)).with_sample(sample))

    async def inventory(self, site: str) -> Inventory | None:
        """What was read of the site's repository last."""
        return await self._inventory(await self._sites.get(site))

    async def _inventory(self, site: Site) -> Inventory | None:
        """Made anew only when the list, the site or the day is another one."""
        known, today = await self._catalogue.remembered(site), today_of(site)
        if known is None:
            return None
        taken = self._taken.get(site.name)
        if taken is None or taken[0] is not known or taken[1:3] != (site, today):
            made = await self._blocking.call("files", partial(inventory_of, known.snapshots, site, known.read))
            taken = self._taken[site.name] = known, site, today, made
        return taken[3]

    async def forget(self, site: str) -> None:
        """The site is no more."""
        self._away.pop(site, None)
        self._taken.pop(site, None)
        await self._memory.forget(site)

    async def notices_seen(self, site: str) -> None:
        """A person has seen the notices of the site."""
        await self._remember(await self._sites.get(site), seen=datetime.now(UTC))

    async def _recall(self, site: Site) -> Remembered:
        return await self._memory.recall(site.name, identity(site.repository))

    async def _remember(self, site: Site, **changed: object) -> None:
        await self._memory.remember(site.name, msgspec.structs.replace(await self._recall(site), **changed))

    async def _why_away(self, site: Site) -> Problem | None:
        """Why it could not be read the last time; None also when another page has read it since."""
        known, problem = self._away.get(site.name, (None, None))
        return problem if known is await self._catalogue.remembered(site) else None

    async def _overview(self, site: Site, language: Language) -> Overview:
        """Also keeps what is known of the site, so that the next start can show it before anything is opened."""
        now, remembered, inventory = datetime.now(UTC), await self._recall(site), await self._inventory(site)
        runs = await self._records(site.name).runs(limit=RUNS_NOTICED)
        known = Known(
            site=site,
            kit=await self._kit(site.name),
            runs=tuple(runs[:RUNS_SHOWN]),
            notices=notices_of(runs, inventory, now),
        )
        if known != remembered.known:
            await self._remember(site, known=known)
        return overview_of(known, remembered, inventory, now, language, away=await self._why_away(site))


def _is_to_measure(remembered: Remembered, inventory: Inventory | None, now: datetime) -> bool:
    """Whether the size that is known is old, or much was added since; an empty repository needs no measuring."""
    if inventory is None or not inventory.points:
        return False
    if not remembered.samples or abs(now - remembered.samples[-1].time) >= MEASURED_AGAIN_AFTER:
        return True
    last = remembered.samples[-1]
    added = sum(growth.bytes for growth in inventory.growth if growth.time > last.time)
    return added > last.bytes * MUCH
