"""PostgreSQL: a dump of a point into a new database, made as the manifest says it was.

It is loaded under a name of ours, counted, given what belongs to it, and gets its own name last.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.foundation.errors import Problem, UserError
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.sources.loading import Order
from app.jobs.sources.postgresql_filling import (
    Filling,
    check_name,
    check_offers,
    dump_of,
    expect_server_room,
    makeable,
    not_kept,
)
from app.jobs.sources.postgresql_way import PostgresqlWay
from app.tools.postgres import making
from app.tools.postgres.facts import DatabaseFacts, read_facts


class PostgresqlLoader:
    """See `loading.Loader`."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._way = PostgresqlWay(order.source, order.equipment)

    @property
    def staged(self) -> str:
        """The name until it is whole."""
        return staged_name(self._order.name, self._order.run)

    @property
    def _facts(self) -> DatabaseFacts:
        return dump_of(self._order).database

    @property
    def _filling(self) -> Filling:
        return Filling(self._order, self.staged, self._facts)

    async def check(self, ctx: Ctx) -> None:
        """Raises `Refused` when the server cannot take it."""
        check_name(self._order.name)
        async with self._way.server(ctx) as server:
            offers = await server.do(making.read_offers)
        check_offers(self._facts, self._order.name, offers, makeable(self._order))

    async def check_room(self, ctx: Ctx) -> None:
        """The database's size then is expected of the disk that holds the server's data."""
        async with self._way.server(ctx) as server:
            offers = await server.do(making.read_offers)
        await expect_server_room(ctx, self._order, offers)

    async def load(self, ctx: Ctx, dump: str, pace: Pace) -> None:
        """Makes the database, then loads."""
        async with self._way.server(ctx) as server:
            offers = await self._filling.make(server)
            await self._filling.load(ctx, server, offers, dump, pace)

    async def compare(self, ctx: Ctx) -> None:
        """Counts every table, and gathers what the planner goes by."""
        await self._filling.compare(ctx)

    async def place(self, ctx: Ctx) -> Sequence[Problem]:
        """What belongs to it, then its name; then it is looked at once more."""
        async with self._way.server(ctx) as server:
            refused = await server.do(lambda sql: making.keep(sql, self.staged, self._facts))
            await server.do(lambda sql: making.rename(sql, self.staged, self._order.name))
        differing = await self._differing(ctx)
        return [not_kept(self._order.name, differing, refused)] if differing or refused else []

    async def _differing(self, ctx: Ctx) -> list[str]:
        try:
            async with self._way.connected(ctx, self._order.name) as database:
                return making.not_kept(self._facts, await database.do(read_facts))
        except UserError as error:  # it is there, and its settings may keep this account out
            return [str(error)]

    async def remove(self, ctx: Ctx) -> None:
        """Drops what stands under the name of ours."""
        async with self._way.server(ctx) as server:
            await server.do(lambda sql: making.drop(sql, self.staged))


def staged_name(name: str, run: str) -> str:
    """The name of a database that is not whole yet, by the run that makes it; cut in front where it gets too long."""
    mark = f"__restoring_{run[:8]}"
    return name.encode()[: making.LONGEST_NAME - len(mark)].decode("utf-8", "ignore") + mark
