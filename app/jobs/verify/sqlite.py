"""Proves a copy of a SQLite database: restored beside, looked through from end to end, its rows counted."""

from __future__ import annotations

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Host
from app.jobs.manifest import CopyFacts
from app.jobs.plan import Ctx
from app.jobs.sources.private_file import scratch_path
from app.jobs.verify.proof import Proving, Shown, differs, no_counts, table_differences
from app.jobs.verify.room import expect_room
from app.settings.model import THIS_COMPUTER
from app.tools.sqlite.copying import ROOM_TO_SPARE, Copied, look_into
from app.tools.sqlite.programs import Opener, find_programs, opener


async def prove(ctx: Ctx, proving: Proving) -> Shown:
    """Restores the copy, checks its integrity, and compares the rows of its tables with those of the backup."""
    entry = proving.entry
    if entry.copy is None:
        raise no_counts(entry.source)
    host, program = await _opener(ctx, proving)
    folder = await scratch_path(ctx, host.name, f"verify-{entry.source}")
    name = entry.path.rpartition("/")[2]
    await expect_room(host, str(folder.parent), entry.bytes, besides=ROOM_TO_SPARE)
    try:
        await (await proving.tree(ctx, host.name)).restore(entry.path, str(folder))
        found = await look_into(host, program, entry.path, str(folder), name)
    finally:
        await host.remove_tree(str(folder))
    if lines := _differences(entry.copy, found):
        raise differs(entry.source, lines)
    where = text("a copy on {host} ({program})", host=host.name, program=f"SQLite {program.tool.version}")
    return Shown(where, {"tables": len(found.rows), "rows": sum(found.rows.values())})


async def _opener(ctx: Ctx, proving: Proving) -> tuple[Host, Opener]:
    """This computer, if it can open such databases, else the source's host."""
    here, equipment = ctx.host(THIS_COMPUTER), proving.equipment
    try:
        return here, opener(await find_programs(here, equipment.python, equipment.versions), here.name)
    except UserError:
        if proving.entry.host == here.name or not proving.knows_host(proving.entry.host):
            raise
    there = ctx.host(proving.entry.host)
    return there, opener(await find_programs(there, "", equipment.versions), there.name)


def _differences(before: CopyFacts, after: Copied) -> list[str]:
    expected = {one.table: one.rows for one in before.tables}
    if before.database is None:  # of our own records only the site's tables are counted
        return table_differences(expected, {table: after.rows[table] for table in after.rows if table in expected})
    return table_differences(expected, after.rows) + [
        f"{name}: {was} backed up, {getattr(after.facts, name)} restored"
        for name in ("page_size", "encoding", "user_version", "application_id")
        if (was := getattr(before.database, name)) != getattr(after.facts, name)
    ]
