"""Databases that a cutover has put aside: they stand beside the live one until their time is over.

One is dropped only when everything fits: number, name, age, nobody in it, and another database under the live name.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import msgspec

from app.foundation.errors import Refused
from app.foundation.words import Duration, Text, text
from app.jobs.cutover.plan import Kept, StagingPlan
from app.jobs.effects.effect import World
from app.jobs.effects.names import before_name
from app.jobs.effects.postgresql import DatabaseServer, SwapDatabases, on_server
from app.tools.postgres import making, swapping
from app.tools.postgres.connected import Connected


class PutAside(msgspec.Struct, frozen=True):
    """A database by its number and name, beside the one called `live`, since that time; `run` has put it there."""

    at: DatabaseServer
    name: str
    oid: int
    live: str
    run: str
    since: datetime

    async def size(self, world: World) -> int | None:
        """The bytes that it takes; None where it is gone. Raises `Refused` `aside.unclear`."""

        async def read(server: Connected) -> int | None:
            if not await _is_there(server, self):
                return None
            return await server.do(partial(making.size_of, name=self.name))

        return await on_server(world, self.at, read)

    async def drop(self, world: World, keep: timedelta, now: datetime) -> bool:
        """Drops the old database when its time is over; False where it was gone already.

        Raises `Refused` `aside.too-young`, `aside.unclear`, `aside.needed`, `aside.in-use`; then nothing is changed.
        """
        age = now - self.since
        if age < keep:
            raise too_young(self.name, keep - age)
        if self.name != before_name(self.live, self.run):
            raise _unclear(self, self.name)

        async def drop(server: Connected) -> bool:
            if not await _is_there(server, self):
                return False
            if await server.do(partial(swapping.oid_of, name=self.live)) in (0, self.oid):
                raise _needed(self)
            await _expect_idle(server, self)
            await server.do(partial(swapping.drop_idle, name=self.name))
            return True

        return await on_server(world, self.at, drop)


def postgresql_aside(plan: StagingPlan, kept: Kept) -> PutAside | None:
    """What that is, where it is a database of PostgreSQL that one of the plan's effects has put aside."""
    for effect in plan.effects:
        if isinstance(effect, SwapDatabases):
            for move in effect.moves:
                if move.oid == kept.fact and move.after == kept.name:
                    run = kept.name.removeprefix(before_name(move.before, ""))
                    return PutAside(effect.at, kept.name, kept.fact, move.before, run, plan.made)
    return None


async def _is_there(server: Connected, aside: PutAside) -> bool:
    standing = await server.do(partial(swapping.read_standing, oids=(aside.oid,)))
    if aside.oid not in standing:
        return False
    if standing[aside.oid].name != aside.name:
        raise _unclear(aside, standing[aside.oid].name)
    return True


async def _expect_idle(server: Connected, aside: PutAside) -> None:
    standing = await server.do(partial(swapping.read_standing, oids=(aside.oid,)))
    attached = await server.do(partial(swapping.read_attached, oids=(aside.oid,)))
    if standing[aside.oid].allowed or any(one.user for one in attached):
        raise _in_use(aside, "; ".join(map(str, attached)))


def kept_still(what: Text, next_step: Text, code: str, detail: str = "") -> Refused:
    """It is not dropped now."""
    return Refused(what, text("Nothing was changed."), next_step, code, detail)


def too_young(name: str, left: timedelta) -> Refused:
    """Its time is not over."""
    return kept_still(
        text("The old database {name} is kept for {time} more.", name=name, time=Duration(left.total_seconds())),
        text("Wait, or drop it by hand."),
        "aside.too-young",
    )


def _unclear(aside: PutAside, found: str) -> Refused:
    return kept_still(
        text("The database that was put aside as {name} is called {found} now.", name=aside.name, found=found),
        text("Look at it, and drop it by hand when it is not needed."),
        "aside.unclear",
    )


def _needed(aside: PutAside) -> Refused:
    return kept_still(
        text("There is no other database that is called {live}; {name} may be the last of it.", live=aside.live,
             name=aside.name),
        text("Look which database the site uses, and drop the old one by hand when it is not needed."),
        "aside.needed",
    )  # fmt: skip


def _in_use(aside: PutAside, who: str) -> Refused:
    return kept_still(
        text("Somebody has opened the old database {name} again.", name=aside.name),
        text('When it is not needed: ALTER DATABASE "{name}" ALLOW_CONNECTIONS false, and end its sessions.',
             name=aside.name),
        "aside.in-use",
        who,
    )  # fmt: skip
