"""Databases of PostgreSQL: closed and emptied of sessions, given other names in one transaction, opened, dropped.

Everything goes by the numbers (OIDs) of databases, on the cluster whose identifier was written down. Each connection
takes one lock of the run's first: a session whose client has died may be about to commit, and until it is gone what is
seen is not final.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import msgspec

from app.foundation.errors import Busy, Refused, UserError, as_problem
from app.foundation.events import Warned
from app.foundation.words import Text, text
from app.jobs.effects.effect import Happened, World, unclear
from app.jobs.effects.names import before_name
from app.tools.postgres import making, swapping
from app.tools.postgres.connected import Connected
from app.tools.postgres.server import Server
from app.tools.postgres.swapping import Attached, Move, Standing

T = TypeVar("T")

LOOK_AGAIN = 0.005
"""Seconds between two looks at who is still there: what the site is closed for hangs on it."""

RETURNS_WITHIN = 20.0
"""Seconds that a server may be away, such as to start again after a crash; then the step fails."""

LEAVES_WITHIN = 10.0
"""Seconds that sessions which were told to end may take."""

STAYS = 2.0
"""Seconds that are given to a session which this account may not end, to go by itself."""

GIVES_WAY_WITHIN = 3.0
"""Seconds in which the session of a client that died is gone by itself; then it is ended."""

PASSING = frozenset(
    {
        *("postgres.connection-lost", "postgres.not-ready", "postgres.server-down"),
        "postgres.too-many-connections",
    }
)
"""Errors after which the server is asked again: each effect asks its own fact first."""


class DatabaseServer(msgspec.Struct, frozen=True):
    """Where the databases are, as seen from `host`, and how one logs in; `secret` is the name of the password.

    `base` is another database there, from which these are changed. `system` is the cluster's identifier, "" when it
    could not be known. `key` is the run's lock.
    """

    host: str
    server: str
    port: int
    user: str
    base: str
    secret: str
    system: str
    key: int

    def database(self, name: str) -> Server:
        """One of its databases."""
        return Server(self.server, self.port, self.user, name)


def key_of(run: str) -> int:
    """The number of a run's lock."""
    return int.from_bytes(hashlib.sha256(run.encode()).digest()[:8]) >> 1


class CloseDatabase(msgspec.Struct, frozen=True, tag="close-database"):
    """Lets nobody into the database `oid` any more, not even a superuser, and ends who is in it.

    `name` is its name before the cutover, `allowed` whether it accepted connections then. `workers` says that
    TimescaleDB's have to be started when it opens again. `limit` is in seconds.
    """

    at: DatabaseServer
    name: str
    oid: int
    allowed: bool = True
    workers: bool = False
    limit: float = LEAVES_WITHIN

    @property
    def title(self) -> Text:
        """As a step is named."""
        return text("Close the database {database} and end its sessions", database=self.name)

    async def do(self, world: World) -> None:
        """Refuses first (committed), then ends; raises `cutover.session-stays`, `cutover.prepared-transactions`."""
        await on_server(world, self.at, self._close)

    async def _close(self, server: Connected) -> None:
        await _standing(server, self.oid, self.title)
        await _expect_none_prepared(server, (self.oid,), self.name)
        await _set_allowed(server, self.oid, self.title, allowed=False)
        await emptied(server, (self.oid,), self.name, self.limit)
        await _expect_none_prepared(server, (self.oid,), self.name)

    async def undo(self, world: World) -> None:
        """As open as it was."""
        if self.allowed:
            await _opened(world, self.at, self.oid, self.title, workers=self.workers)

    async def happened(self, world: World) -> Happened:
        """Whether it is closed, and nobody is in it any more."""
        closed = await _allowed_is(world, self.at, self.oid, allowed=False)
        return Happened.NO if closed is Happened.YES and await on_server(world, self.at, self._in_use) else closed

    async def _in_use(self, server: Connected) -> bool:
        """Autovacuum, which stands for no user, comes and goes in a closed database too."""
        attached = await server.do(partial(swapping.read_attached, oids=(self.oid,)))
        return any(one.user for one in attached)


class SwapDatabases(msgspec.Struct, frozen=True, tag="swap-databases"):
    """Gives databases other names, in their order, and runs `statements` for the one that has the live name then.

    It is one transaction; its COMMIT is the moment. The databases are closed before. `limit` is in seconds.
    """

    at: DatabaseServer
    moves: tuple[Move, ...]
    statements: tuple[str, ...] = ()
    limit: float = LEAVES_WITHIN

    @property
    def title(self) -> Text:
        """As a step is named."""
        names = ", ".join(f"{move.before} → {move.after}" for move in self.moves)
        return text("Rename databases: {names}", names=names)

    async def do(self, world: World) -> None:
        """Renames; comes back when the new names stand."""
        await on_server(world, self.at, partial(self._renamed, moves=self.moves, statements=self.statements))

    async def undo(self, world: World) -> None:
        """The names of before, one transaction again."""
        back = tuple(move.back for move in reversed(self.moves))
        await on_server(world, self.at, partial(self._renamed, moves=back, statements=()))

    async def happened(self, world: World) -> Happened:
        """By the names that the databases have now. Of two, one may be gone: the other tells it alone."""
        return await on_server(world, self.at, lambda server: self._moved(server, self.moves))

    @property
    def host(self) -> str:
        """The host that its server is reached from."""
        return self.at.host

    @property
    def live(self) -> str:
        """The name of the live database."""
        return self.moves[-1].after

    @property
    def facts(self) -> tuple[int, ...]:
        """The numbers of the databases that take part."""
        return tuple(move.oid for move in self.moves)

    def reversed(self, run: str) -> SwapDatabases:
        """What takes it back later, when it is over, in that run; see `aside`."""
        name, number = self.aside(run)
        moves = (Move(number, self.live, name), *(move.back for move in self.moves[:-1]))
        return SwapDatabases(self.at, moves, limit=self.limit)

    def aside(self, run: str) -> tuple[str, int]:
        """The name under which the run that takes it back keeps what is live until then, and its number."""
        return before_name(self.live, run), self.moves[-1].oid

    async def _renamed(self, server: Connected, *, moves: Sequence[Move], statements: Sequence[str]) -> None:
        until = time.monotonic() + self.limit
        oids = [move.oid for move in moves]
        while (moved := await self._moved(server, moves)) is Happened.NO:
            await emptied(server, oids, moves[-1].after, self.limit)
            why = await server.do(partial(swapping.rename_all, moves=moves, statements=statements))
            if why and time.monotonic() > until:
                await _expect_none_prepared(server, oids, moves[-1].after)
                raise _not_renamed(moves, why)
        if moved is Happened.UNCLEAR:
            raise unclear(self.title, await self._found(server))

    async def _moved(self, server: Connected, moves: Sequence[Move]) -> Happened:
        standing = await server.do(partial(swapping.read_standing, oids=[move.oid for move in moves]))
        named = [(standing[move.oid].name, move) for move in moves if move.oid in standing]
        if named and all(name == move.after for name, move in named):
            return Happened.YES
        return Happened.NO if named and all(name == move.before for name, move in named) else Happened.UNCLEAR

    async def _found(self, server: Connected) -> str:
        standing = await server.do(partial(swapping.read_standing, oids=[move.oid for move in self.moves]))
        return "; ".join(_seen(move.oid, standing) for move in self.moves)


class OpenDatabase(msgspec.Struct, frozen=True, tag="open-database"):
    """Lets everybody into the database `oid`, which is called `name` by now: the last step, the new state is whole."""

    at: DatabaseServer
    name: str
    oid: int
    workers: bool = False
    limit: float = LEAVES_WITHIN

    @property
    def title(self) -> Text:
        """As a step is named."""
        return text("Open the database {database}", database=self.name)

    async def do(self, world: World) -> None:
        """Opens it."""
        await _opened(world, self.at, self.oid, self.title, workers=self.workers)

    async def undo(self, world: World) -> None:
        """Closed, and nobody in it; one that is gone is closed enough for the way back."""
        await on_server(world, self.at, self._close)

    async def _close(self, server: Connected) -> None:
        if self.oid not in await server.do(partial(swapping.read_standing, oids=(self.oid,))):
            return
        await _set_allowed(server, self.oid, self.title, allowed=False)
        await emptied(server, (self.oid,), self.name, self.limit)

    async def happened(self, world: World) -> Happened:
        """Whether it is open."""
        return await _allowed_is(world, self.at, self.oid, allowed=True)


class DropDatabase(msgspec.Struct, frozen=True, tag="drop-database"):
    """Removes a database of ours that is not needed any more, such as one that was staged; it is not undone.

    One that has another name by now is another one's: it stays.
    """

    at: DatabaseServer
    name: str
    oid: int

    @property
    def title(self) -> Text:
        """As a step is named."""
        return text("Remove the database {database}", database=self.name)

    async def do(self, world: World) -> None:
        """Drops it where it is there."""
        await on_server(world, self.at, self._drop)

    async def _drop(self, server: Connected) -> None:
        if await self._is_there(server):
            await server.do(partial(making.drop, name=self.name))

    async def undo(self, world: World) -> None:
        """Nothing: what is removed is gone."""

    async def happened(self, world: World) -> Happened:
        """Whether it is not there."""
        return Happened.NO if await on_server(world, self.at, self._is_there) else Happened.YES

    async def _is_there(self, server: Connected) -> bool:
        standing = await server.do(partial(swapping.read_standing, oids=(self.oid,)))
        return self.oid in standing and standing[self.oid].name == self.name


# --- what they have in common ----------------------------------------------------------------------------------------


async def _allowed_is(world: World, at: DatabaseServer, oid: int, *, allowed: bool) -> Happened:
    standing = await on_server(world, at, lambda server: server.do(partial(swapping.read_standing, oids=(oid,))))
    if oid not in standing:
        return Happened.UNCLEAR
    return Happened.YES if standing[oid].allowed is allowed else Happened.NO


async def _opened(world: World, at: DatabaseServer, oid: int, title: Text, *, workers: bool) -> None:
    name = await on_server(world, at, partial(_set_allowed, oid=oid, title=title, allowed=True))
    if workers:
        await _with_workers(world, at, name)


async def _with_workers(world: World, at: DatabaseServer, name: str) -> None:
    """The data is there without them; so it is told, no more, when they do not start."""
    try:
        async with _connected(world, at, name) as database:
            await database.do(swapping.start_workers)
    except UserError as error:
        world.ctx.emit(Warned(warning=as_problem(_workers_not_started(name, error))))


async def _standing(server: Connected, oid: int, title: Text) -> Standing:
    found: dict[int, Standing] = await server.do(partial(swapping.read_standing, oids=(oid,)))
    if oid not in found:
        raise unclear(title, _seen(oid, found))
    return found[oid]


def _seen(oid: int, standing: dict[int, Standing]) -> str:
    if oid not in standing:
        return f"there is no database with the number {oid}"
    return f"database {oid} is called {standing[oid].name}"


async def _set_allowed(server: Connected, oid: int, title: Text, *, allowed: bool) -> str:
    """Changes it where it is otherwise; gives the database's present name."""
    standing = await _standing(server, oid, title)
    if standing.allowed is not allowed:
        await server.do(partial(swapping.allow, name=standing.name, allowed=allowed))
    return standing.name


async def emptied(server: Connected, oids: Sequence[int], name: str, limit: float) -> None:
    """Ends all sessions of these databases; comes back when there are none. Raises `cutover.session-stays`."""
    began = time.monotonic()
    while left := await server.do(partial(swapping.end_attached, oids=oids)):
        passed = time.monotonic() - began
        stubborn = [one for one in left if not one.ending]
        if passed > limit or (stubborn and passed > min(STAYS, limit)):
            raise _session_stays(name, stubborn or left)
        await asyncio.sleep(LOOK_AGAIN)


async def _expect_none_prepared(server: Connected, oids: Sequence[int], name: str) -> None:
    found = await server.do(partial(swapping.prepared, oids=oids))
    if found:
        raise prepared_transactions(name, found)


# --- the way there ---------------------------------------------------------------------------------------------------


async def on_server(world: World, at: DatabaseServer, work: Callable[[Connected], Awaitable[T]]) -> T:
    """What `work` gives; begun again where the connection was lost, since what came of it is not known then."""
    until = time.monotonic() + RETURNS_WITHIN
    while True:
        try:
            async with _connected(world, at, at.base) as server:
                await _settled(server, at)
                return await work(server)
        except UserError as error:
            if error.code not in PASSING or time.monotonic() > until:
                raise _restated(error) from error
        await asyncio.sleep(10 * LOOK_AGAIN)


@asynccontextmanager
async def _connected(world: World, at: DatabaseServer, name: str) -> AsyncIterator[Connected]:
    database = at.database(name)
    address = database.address
    async with (
        world.ctx.host(at.host).tunnel(address.server, address.port) as way,
        Connected(world.equipment.blocking, database, world.ctx.secret(at.secret), way) as connected,
    ):
        yield connected


async def _settled(server: Connected, at: DatabaseServer) -> None:
    """Only on the cluster that was meant, and only when no other session of this run is at work."""
    answering = await server.do(swapping.settle)
    if answering.pooled:
        raise pooled(at.server)
    if at.system and answering.system_identifier != at.system:
        raise _another_cluster(at, answering.system_identifier)
    began = time.monotonic()
    while not await server.do(partial(swapping.hold, key=at.key)):
        passed = time.monotonic() - began
        if passed > GIVES_WAY_WITHIN + LEAVES_WITHIN:
            raise _held(at)
        if passed > GIVES_WAY_WITHIN:
            await server.do(partial(swapping.end_holders, key=at.key))
        await asyncio.sleep(LOOK_AGAIN)


# --- what a person is told -------------------------------------------------------------------------------------------

OF_TABLES = frozenset({"postgres.no-rights", "postgres.database-missing", "postgres.locked"})

AS_BEFORE = text("The database is not renamed by this step; what was changed before it goes back.")


def _restated(error: UserError) -> UserError:
    """The errors of the tool speak of a backup, some of them of its tables."""
    problem = error.problem
    if not problem.code.startswith("postgres.") or isinstance(error, Refused):
        return error
    what, next_step = problem.what, problem.next
    if problem.code in OF_TABLES:
        what = text("The database server refused: {said}", said=problem.detail.partition("\n")[0])
        next_step = text("Put right what it says, then restore or recover again.")
    means = text("Whether this step was done is asked of the server again before anything goes on or back.")
    return UserError(what, means, next_step, problem.code, problem.detail)


def _session_stays(name: str, left: Sequence[Attached]) -> UserError:
    who = "; ".join(map(str, left))
    return UserError(
        text("Sessions of {database} could not be ended: {who}", database=name, who=who),
        AS_BEFORE,
        text("End them on the server, or use an account that may (a superuser), then restore again."),
        "cutover.session-stays",
        who,
    )


def prepared_transactions(name: str, found: Sequence[str]) -> Refused:
    """They keep a database from being renamed, and nothing but their second phase ends them."""
    return Refused(
        text("{database} holds transactions that were prepared and never ended: {names}", database=name,
             names=", ".join(found)),
        text("Nothing was changed: a database with such a transaction cannot be renamed."),
        text("Connect to {database} and run COMMIT PREPARED or ROLLBACK PREPARED for each, then try again.",
             database=name),
        "cutover.prepared-transactions",
    )  # fmt: skip


def _not_renamed(moves: Sequence[Move], why: str) -> UserError:
    return UserError(
        text("{database} could not be renamed: {why}", database=moves[0].before, why=why.partition("\n")[0]),
        AS_BEFORE,
        text("See in the server's log who uses it, then restore again."),
        "cutover.not-renamed",
        why,
    )


def pooled(server: str) -> Refused:
    """A pooler gives each statement another session."""
    return Refused(
        text("What answers at {server} is a pooler, such as PgBouncer, and not PostgreSQL itself.", server=server),
        text(
            "Nothing was changed: through a pooler sessions cannot be held, and its own would keep the database open."
        ),
        text("Name the address and port of PostgreSQL itself in the site file."),
        "restore.pooled",
    )


def _another_cluster(at: DatabaseServer, found: str) -> UserError:
    return UserError(
        text("Another PostgreSQL answers at {server}, port {port} now.", server=at.server, port=at.port),
        text("Nothing was changed there: the restore began on a server whose databases are not in this one."),
        text("Bring the server back that was there, then recover."),
        "cutover.other-server",
        f"system identifier {found or 'unknown'}, expected {at.system}",
    )


def _held(at: DatabaseServer) -> Busy:
    return Busy(
        text("Another session of this restore is still at work on {server} and does not end.", server=at.server),
        text("Nothing more was changed by this step."),
        text("End it on the server (it is called overwinter), then recover."),
        "cutover.held",
    )


def _workers_not_started(name: str, error: UserError) -> UserError:
    return UserError(
        text("The background workers of TimescaleDB in {database} could not be started.", database=name),
        text("All data is there and the database works; compression and other policies do not run."),
        text("Connect to {database} as a superuser: SELECT _timescaledb_functions.start_background_workers();",
             database=name),
        "cutover.workers-not-started",
        str(error),
    )  # fmt: skip
