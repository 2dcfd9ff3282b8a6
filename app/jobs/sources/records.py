"""Overwinter's own records of this site: its description, its runs, the names of its secrets, its audit log.

Only this site's: a repository may be handed to somebody who looks after this greenhouse and no other.
"""

from __future__ import annotations

from app import __version__
from app.jobs.manifest import CopyFacts
from app.jobs.plan import Ctx
from app.jobs.sources.driver import Captured, Equipment, Intake
from app.jobs.sources.private_file import scratch_path
from app.jobs.sources.sqlite import captured_copy, table_rows
from app.settings.model import Source
from app.tools.restic.backup import Label


class RecordsDriver:
    """Takes the records as `/<source>.sqlite`, whichever kind of database they are kept in."""

    def __init__(self, source: Source, equipment: Equipment) -> None:
        self._source = source
        self._write = equipment.records

    async def capture(self, ctx: Ctx, intake: Intake) -> Captured:
        """One snapshot; the run that makes it is in there as one that still runs."""
        host = ctx.host(self._source.host)
        copy = await scratch_path(ctx, self._source.host, f"{self._source.name}.sqlite")
        try:
            rows = await self._write(intake.site, str(copy))
            made = await intake.restic.backup_one_file(
                str(copy.parent), copy.name, Label(self._source.host, intake.tags)
            )
        finally:
            await host.remove_tree(str(copy))
        return captured_copy(self._source, made, CopyFacts(f"Overwinter {__version__}", table_rows(rows)))
