"""What a verification makes and throws away again: folders with a server in them, databases on a site's own server.

Each is written down before it is made and crossed out when it is gone, so that a run that was killed leaves nothing:
the next one finds it here and removes it. What is not written down is nobody's to remove.
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.events import Warned
from app.foundation.words import text
from app.hosts.host import Command
from app.hosts.running import finish
from app.jobs.plan import Ctx
from app.records.site_records import SiteRecords
from app.settings.model import Site, Source

MAKING = "throwaway-making"
GONE = "throwaway-gone"
FOLDER = "folder"
BASE = "/var/tmp"
"""Large, on a disk, and short enough for the path of a socket; folders in it are for their owner alone."""


class Throwaway(msgspec.Struct, frozen=True):
    """Something that is to go: `kind` is folder or a kind of source, `name` a path or a database's name."""

    run: str
    kind: str
    host: str
    name: str
    source: str = ""

    def fields(self) -> dict[str, str]:
        """As the audit log has it."""
        return {name: str(value) for name, value in msgspec.structs.asdict(self).items()}


def database_name(run: str) -> str:
    """The name of a run's throwaway database."""
    return f"overwinter_verify_{run[:8]}"


def comment_of(run: str) -> str:
    """What such a database says of itself."""
    return f"Overwinter made this for verification {run} and drops it again."


@asynccontextmanager
async def noted(ctx: Ctx, thing: Throwaway, remove: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Writes down that it is to be made, and removes it afterwards, also when the run is cancelled.

    What cannot be removed now is told, and stays written down.
    """
    await ctx.records.add_audit(getpass.getuser(), MAKING, thing.fields())
    try:
        yield
    finally:
        await finish(asyncio.create_task(_removed(ctx, thing, remove)))


async def _removed(ctx: Ctx, thing: Throwaway, remove: Callable[[], Awaitable[None]]) -> None:
    try:
        await remove()
        await ctx.records.add_audit(getpass.getuser(), GONE, thing.fields())
    except UserError as error:
        ctx.emit(Warned(warning=_still_there(thing, error).problem))


@asynccontextmanager
async def throwaway_folder(ctx: Ctx, host: str, run: str, owner: str) -> AsyncIterator[str]:
    """An empty folder for a throwaway server, for `owner` alone ("": us); its path is short enough for a socket."""
    thing = Throwaway(run, FOLDER, host, f"{BASE}/{database_name(run)}")
    where = ctx.host(host)
    if await where.stat(thing.name) is not None:
        raise _no_folder(thing, "something stands there already")
    async with noted(ctx, thing, lambda: where.remove_tree(thing.name)):
        commands = [Command("mkdir", ("-m", "700", thing.name))]
        commands += [Command("chown", (owner, thing.name))] if owner else []
        for command in commands:
            made = await where.run(command)
            if made.code != 0:
                raise _no_folder(thing, made.stderr.decode("utf-8", "replace"))
        yield thing.name


async def left_over(records: SiteRecords) -> list[Throwaway]:
    """What runs that have ended wrote down and did not cross out."""
    left: dict[tuple[str, str, str], Throwaway] = {}
    for entry in await records.audit((MAKING, GONE)):
        thing = msgspec.convert(dict(entry.fields), Throwaway)
        key = (thing.kind, thing.host, thing.name)
        if entry.what == MAKING:
            left[key] = thing
        else:
            left.pop(key, None)
    return [thing for thing in left.values() if not await _is_active(records, thing.run)]


async def _is_active(records: SiteRecords, run: str) -> bool:
    try:
        return (await records.run(run)).closed is None
    except Refused:  # the record was cleared away, and the run with it
        return False


Remover = Callable[[Ctx, Throwaway], Awaitable[None]]


async def sweep(ctx: Ctx, removers: Mapping[str, Remover]) -> None:
    """Removes what earlier runs left over, by a remover for each kind.

    What cannot be removed now is told, and tried again the next time.
    """
    for thing in await left_over(ctx.records):
        if thing.kind not in removers:  # a newer version's, which knows how
            continue
        await _removed(ctx, thing, partial(removers[thing.kind], ctx, thing))


async def remove_folder(ctx: Ctx, thing: Throwaway, hosts: Collection[str]) -> None:
    """Removes a folder, if it has exactly the name that we give; `hosts` are those that the site has."""
    if thing.name == f"{BASE}/{database_name(thing.run)}" and thing.host in hosts:
        await ctx.host(thing.host).remove_tree(thing.name)


def _no_folder(thing: Throwaway, said: str) -> UserError:
    return UserError(
        text("The folder {folder} could not be made on {host}.", folder=thing.name, host=thing.host),
        text("No throwaway server can be started there."),
        text("See what stands there and who may write to {base}.", base=BASE),
        "verify.no-folder",
        said,
    )


def _still_there(thing: Throwaway, why: UserError) -> UserError:
    return UserError(
        text("What was made for a verification is still there: {name} on {host}.", name=thing.name, host=thing.host),
        text("It only takes room; it is no part of the site. {why}", why=why.problem.what),
        text("Nothing has to be done: the next verification removes it."),
        "verify.left-over",
        why.problem.detail,
    )


def name_taken(name: str) -> UserError:
    """Somebody else's database has the name of ours."""
    return UserError(
        text("There is a database {name} already, which is not ours.", name=name),
        text("It was left alone."),
        text("See whose it is; verify again, under another name."),
        "verify.name-taken",
    )


def source_of(site: Site, thing: Throwaway) -> Source:
    """The source on whose server it is; raises `verify.source-gone`."""
    source = next((one for one in site.sources if one.name == thing.source), None)
    if source is None:
        raise UserError(
            text("The site's settings do not name {source} any more, on whose server it is.", source=thing.source),
            text("It was left alone."),
            text("Drop the database {name} by hand.", name=thing.name),
            "verify.source-gone",
        )
    return source
