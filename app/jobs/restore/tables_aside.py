"""Databases of MySQL and MariaDB that a cutover has put aside, and the dumps that were taken before it.

An old database is dropped only when everything fits: the run's mark, name, age, nobody in it, and tables under the live
name. The mark gets another name first, so that half of one is never taken for the old state.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from app.foundation.errors import Refused
from app.foundation.words import text
from app.jobs.cutover.plan import Kept, StagingPlan
from app.jobs.effects.effect import World
from app.jobs.effects.every import TakenBack
from app.jobs.effects.mysql import SwapTables
from app.jobs.effects.mysql_dump import TakeDump
from app.jobs.effects.mysql_server import MysqlServer, RunClient, on_server
from app.jobs.effects.names import before_name
from app.jobs.restore.put_aside import kept_still, too_young
from app.tools.mysql import exchanging, load
from app.tools.mysql.accounts import read_sessions
from app.tools.mysql.exchanging import Found, Mark


class TablesAside(msgspec.Struct, frozen=True):
    """A database by its name and the mark in it, beside the one called `live`, since that time; `run` put it there."""

    at: MysqlServer
    name: str
    mark: Mark
    live: str
    run: str
    since: datetime

    @property
    def _going(self) -> Mark:
        return msgspec.structs.replace(self.mark, name=f"{self.mark.name}_going")

    async def size(self, world: World) -> int | None:
        """The bytes that it takes, as the server guesses; None where it is gone. Raises `Refused` `aside.unclear`."""

        async def read(client: RunClient) -> int | None:
            if await self._look(client) is None:
                return None
            return int((await client.ask(load.size_statements(self.name)))[0])

        return await on_server(world, self.at, read)

    async def drop(self, world: World, keep: timedelta, now: datetime) -> bool:
        """Drops it when its time is over; False where it was gone already.

        Raises `Refused` `aside.too-young`, `aside.unclear`, `aside.needed`, `aside.in-use`; then nothing is changed.
        """
        age = now - self.since
        if age < keep:
            raise too_young(self.name, keep - age)
        if self.name != before_name(self.live, self.run):
            raise _unclear(self)
        return await on_server(world, self.at, self._drop)

    async def _drop(self, client: RunClient) -> bool:
        found = await self._look(client)
        if found is None:
            return False
        (live,) = await exchanging.look(client, self.mark, self.live)
        if not live.tables:
            raise _needed(self)
        if who := await read_sessions(client, self.name):
            raise _in_use(self, "; ".join(who))
        if found.marked:
            await client.ask(exchanging.rename_table(self.name, self.mark.name, self._going.name))
        tables = [table for table in found.tables if table != self._going.name]
        await client.ask(exchanging.drop_database(self.name, tables))
        return True

    async def _look(self, client: RunClient) -> Found | None:
        (found,) = await exchanging.look(client, self.mark, self.name)
        if not found.exists or found.is_empty:
            return None
        if not found.marked and not (await exchanging.look(client, self._going, self.name))[0].marked:
            raise _unclear(self)
        return found


class DumpAside(msgspec.Struct, frozen=True):
    """The last dump of what was live: a file in a folder of ours, with the run in its name."""

    host: str
    path: str
    since: datetime

    async def size(self, world: World) -> int | None:
        """Its bytes; None where it is gone."""
        found = await world.ctx.host(self.host).stat(self.path)
        return None if found is None else found.size

    async def drop(self, world: World, keep: timedelta, now: datetime) -> bool:
        """Removes it when its time is over; False where it was gone already. Raises `Refused` `aside.too-young`."""
        age = now - self.since
        if age < keep:
            raise too_young(self.path, keep - age)
        if await self.size(world) is None:
            return False
        await world.ctx.host(self.host).remove_tree(self.path)
        return True


def tables_aside(plan: StagingPlan, kept: Kept) -> TablesAside | None:
    """What that is, where it is a database that one of the plan's effects has put aside."""
    for effect in plan.effects:
        if isinstance(effect, SwapTables) and (effect.old, effect.mark.number) == (kept.name, kept.fact):
            run = kept.name.removeprefix(before_name(effect.live, ""))
            return TablesAside(effect.at, kept.name, effect.mark, effect.live, run, plan.made)
    return None


def dump_aside(plan: StagingPlan, kept: Kept) -> DumpAside | None:
    """What that is, where it is a dump that one of the plan's effects has taken."""
    effects = [effect.effect if isinstance(effect, TakenBack) else effect for effect in plan.effects]
    for effect in effects:
        if isinstance(effect, TakeDump) and effect.at.dump == kept.name:
            return DumpAside(effect.at.host, effect.at.dump, plan.made)
    return None


def _unclear(aside: TablesAside) -> Refused:
    return kept_still(
        text("The database {name} is not the one that was put aside under that name.", name=aside.name),
        text("Look at it, and drop it by hand when it is not needed."),
        "aside.unclear",
    )


def _needed(aside: TablesAside) -> Refused:
    return kept_still(
        text("There is no other database that is called {live}; {name} may be the last of it.", live=aside.live,
             name=aside.name),
        text("Look which database the site uses, and drop the old one by hand when it is not needed."),
        "aside.needed",
    )  # fmt: skip


def _in_use(aside: TablesAside, who: str) -> Refused:
    return kept_still(
        text("Somebody uses the old database {name}.", name=aside.name),
        text("End their sessions when it is not needed; it is removed the next time."),
        "aside.in-use",
        who,
    )
