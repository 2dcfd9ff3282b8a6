"""How a source's PostgreSQL server is reached from here, and by programs on its host."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.hosts.host import Address
from app.jobs.plan import Ctx
from app.jobs.sources.driver import Equipment
from app.jobs.sources.postgresql import MAINTENANCE_DATABASE, password_name
from app.jobs.sources.private_file import private_file
from app.settings.model import Source
from app.tools.postgres.connected import Connected
from app.tools.postgres.server import Server, password_file

ALWAYS_THERE = (MAINTENANCE_DATABASE, "template1")
"""Databases that every server has, for what is done to the others."""

CLOSED_TO_US = ("postgres.database-missing", "postgres.not-allowed", "postgres.no-rights", "postgres.database-closed")

Way = tuple[Blocking, Server, str, Address]
"""What it takes to connect."""


class PostgresqlWay:
    """The way to one source's server."""

    def __init__(self, source: Source, equipment: Equipment) -> None:
        self._source = source
        self._equipment = equipment

    def at(self, database: str) -> Server:
        """One of its databases."""
        return Server(self._source.server, self._source.port, self._source.user, database)

    @asynccontextmanager
    async def reached(self, ctx: Ctx, database: str) -> AsyncIterator[Way]:
        """What it takes to connect to a database, while the body runs."""
        server = self.at(database)
        at = server.address
        async with ctx.host(self._source.host).tunnel(at.server, at.port) as way:
            yield self._equipment.blocking, server, ctx.secret(password_name(self._source)), way

    @asynccontextmanager
    async def connected(self, ctx: Ctx, database: str) -> AsyncIterator[Connected]:
        """A connection to a database."""
        async with self.reached(ctx, database) as way, Connected(*way) as connected:
            yield connected

    @asynccontextmanager
    async def server(self, ctx: Ctx) -> AsyncIterator[Connected]:
        """A connection for what concerns no database; through the live one where the usual ones are closed to us."""
        async with AsyncExitStack() as stack:
            yield (await self._first(ctx, [*ALWAYS_THERE, self._source.database], stack))[0]

    @asynccontextmanager
    async def beside(self, ctx: Ctx) -> AsyncIterator[tuple[Connected, str]]:
        """A connection to another database than the live one, and that one's name: what is connected to cannot be
        renamed."""
        async with AsyncExitStack() as stack:
            yield await self._first(ctx, [name for name in ALWAYS_THERE if name != self._source.database], stack)

    async def _first(self, ctx: Ctx, names: list[str], stack: AsyncExitStack) -> tuple[Connected, str]:
        """A connection to the first of these databases that lets us in, and its name."""
        first, *others = names
        try:
            return await stack.enter_async_context(self.connected(ctx, first)), first
        except UserError as error:
            if error.code not in CLOSED_TO_US or not others:
                raise
        return await self._first(ctx, others, stack)

    @asynccontextmanager
    async def password_on_disk(self, ctx: Ctx) -> AsyncIterator[str]:
        """A file for PGPASSFILE on the source's host, while the body runs; "" where there is no password."""
        password = ctx.secret(password_name(self._source))
        if not password:
            yield ""
            return
        name = f"pgpass-restore-{self._source.name}"
        async with private_file(ctx, self._source.host, name, password_file(password)) as path:
            yield path
