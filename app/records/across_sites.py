"""What is asked across all sites of this program: where there is something to look at; what it is, each site tells."""

from __future__ import annotations

from app.records import runs
from app.store.engine import Database


class AcrossSites:
    """Names of sites and ids of runs, nothing else; the way on is `SiteRecords`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self) -> list[tuple[str, str]]:
        """Site and id of every run that is not closed."""
        return await self._database.read(runs.active_everywhere)
