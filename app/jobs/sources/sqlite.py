"""SQLite: a copy by SQLite's own backup, made beside restic on the source's host and read by it from there."""

from __future__ import annotations

from collections.abc import Mapping

from app.hosts.host import FileKind, FileStat
from app.jobs.manifest import CopyFacts, FileFacts, TableRows
from app.jobs.plan import Ctx
from app.jobs.sources.driver import Captured, Equipment, Intake
from app.jobs.sources.private_file import scratch_path
from app.settings.model import Source
from app.tools.restic.backup import Backup, Label
from app.tools.sqlite.copying import copy_database
from app.tools.sqlite.programs import find_programs, opener


class SqliteDriver:
    """Takes one database as `/<source>.sqlite`."""

    def __init__(self, source: Source, equipment: Equipment) -> None:
        self._source = source
        self._equipment = equipment

    async def capture(self, ctx: Ctx, intake: Intake) -> Captured:
        """One snapshot that holds the copy, once it was found whole."""
        host = ctx.host(self._source.host)
        program = opener(await find_programs(host, self._equipment.python, self._equipment.versions), host.name)
        copy = await scratch_path(ctx, self._source.host, f"{self._source.name}.sqlite")
        try:
            copied = await copy_database(host, program, self._source.database, str(copy.parent), copy.name)
            made = await intake.restic.backup_one_file(
                str(copy.parent),
                copy.name,
                Label(self._source.host, intake.tags),
                lambda seen: intake.pace.tell(seen.bytes, seen.total_bytes),
            )
        finally:
            await host.remove_tree(str(copy))
        named = f"{program.tool.name} (SQLite {program.tool.version})"
        live = await host.stat(self._source.database)
        facts = CopyFacts(named, table_rows(copied.rows), copied.facts, _file_facts(live))
        return captured_copy(self._source, made, facts)


def _file_facts(live: FileStat | None) -> FileFacts | None:
    """A link says nothing of the file that it leads to."""
    if live is None or live.kind is not FileKind.FILE:
        return None
    return FileFacts(live.mode, live.uid, live.gid)


def table_rows(rows: Mapping[str, int]) -> tuple[TableRows, ...]:
    """The rows of each table, as a manifest has them."""
    return tuple(TableRows(table, count) for table, count in sorted(rows.items()))


def captured_copy(source: Source, made: Backup, facts: CopyFacts) -> Captured:
    """What came of a copy that stands at `/<source>.sqlite`."""
    path = f"/{source.name}.sqlite"
    return Captured(snapshot=made.snapshot, path=path, bytes=made.bytes, added=made.added, copy=facts)
