"""What a page shows of a comparison: the first of the differences, and the totals of all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from app.foundation.errors import Refused
from app.foundation.words import text
from app.hosts.host import Host
from app.jobs.catalogue.catalogue import Catalogue
from app.jobs.catalogue.live import Take, compare_with_live
from app.jobs.compare import Difference, OnlyIn, Row, Tally, Totals, compare
from app.jobs.points import PointSnapshot
from app.jobs.repositories import OpenRepository
from app.settings.model import Site, SourceKind

HostOf = Callable[[str], Awaitable[Host]]

SHOWN = 20_000
"""So many differences are told; more than these nobody reads."""


class Comparison(msgspec.Struct, frozen=True):
    """What is different; `left_out` are sources that were not compared."""

    rows: tuple[Difference, ...]
    only_in: tuple[OnlyIn, ...]
    totals: Totals
    left_out: tuple[str, ...] = ()


class _Gathered:
    """Keeps the first of what is told."""

    def __init__(self) -> None:
        self.rows: list[Difference] = []
        self.only_in: list[OnlyIn] = []

    async def take(self, row: Row) -> None:
        match row:
            case OnlyIn():
                self.only_in.append(row)
            case Difference():
                if len(self.rows) < SHOWN:
                    self.rows.append(row)


async def points_compared(repository: OpenRepository, before: str, after: str) -> Comparison:
    """Two points, source by source."""
    gathered = _Gathered()
    totals = await compare(repository, before, after, gathered.take)
    return Comparison(tuple(gathered.rows), tuple(gathered.only_in), totals)


class LiveComparison:
    """A point against what is live now, source by source; only trees of files can be compared so."""

    def __init__(self, catalogue: Catalogue, site: Site, hosts: HostOf) -> None:
        """`hosts` gives a host of the site by its name."""
        self._catalogue = catalogue
        self._site = site
        self._hosts = hosts

    async def run(self, members: tuple[PointSnapshot, ...]) -> Comparison:
        """Compares those snapshots of a point whose sources are files of the site; raises `diff.nothing-live`."""
        gathered, left_out = _Gathered(), list[str]()
        tally = Tally(gathered.take)
        for member in members:
            if not await self._compared(member, tally.take):
                left_out.append(member.source)
        if len(left_out) == len(members):
            raise _nothing_live(self._site)
        return Comparison(tuple(gathered.rows), (), tally.totals(0), tuple(left_out))

    async def _compared(self, member: PointSnapshot, take: Take) -> bool:
        source = next((one for one in self._site.sources if one.name == member.source), None)
        if source is None or source.kind is not SourceKind.FILES:
            return False
        tree = await self._catalogue.tree_file(self._site.name, member.id)
        host = await self._hosts(source.host)
        await compare_with_live(tree, host, source, self._catalogue.blocking, take)
        return True


def _nothing_live(site: Site) -> Refused:
    return Refused(
        text("Nothing of this point can be compared with what is live now."),
        text("Nothing was read; databases are compared by a verification."),
        text("Choose a point of {site} that holds a source of files.", site=site.name),
        "diff.nothing-live",
    )
