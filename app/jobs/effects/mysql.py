"""Databases of MySQL and MariaDB: all tables of one take the place of another's, in one RENAME TABLE.

No database can be renamed there, or closed: accounts are locked and their sessions ended, programs (triggers, views,
routines, events) are taken out before and made as of the other state after. Where the run's mark stands tells whether
the tables were exchanged, and what is written on it how far the programs are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.jobs.effects.effect import Happened, World, unclear
from app.jobs.effects.mysql_server import LOOK_AGAIN, MysqlServer, RunClient, on_server
from app.jobs.effects.names import before_name
from app.tools.mysql import accounts, exchanging
from app.tools.mysql.accounts import Account
from app.tools.mysql.exchanging import Mark, Program

LEAVES_WITHIN = 15.0
"""Seconds that sessions may take to end, and that a table may stay in somebody's use."""

CHANGING, CHANGED = b"changing", b"changed"


class Users(msgspec.Struct, frozen=True):
    """Whose sessions are ended: those in the database `live`, and those of the users of `locked`, which are locked."""

    live: str
    locked: tuple[Account, ...]


class LockAccounts(msgspec.Struct, frozen=True, tag="lock-accounts"):
    """Lets the accounts that use a database not log in any more, and ends who is in it.

    Accounts that were locked before are none of these. `limit` is in seconds.
    """

    at: MysqlServer
    users: Users
    limit: float = LEAVES_WITHIN

    @property
    def title(self) -> Text:
        """As a step is named."""
        return text("Lock the accounts that use {database} and end their sessions", database=self.users.live)

    async def do(self, world: World) -> None:
        """Locks first, then ends; raises `cutover.session-stays`."""
        await on_server(world, self.at, partial(locked_out, users=self.users, limit=self.limit))

    async def undo(self, world: World) -> None:
        """As open as they were."""
        await on_server(world, self.at, partial(_let_in, users=self.users))

    async def happened(self, world: World) -> Happened:
        """Whether all are locked."""
        return await _locked_is(world, self.at, self.users, expected=True)


class UnlockAccounts(msgspec.Struct, frozen=True, tag="unlock-accounts"):
    """Lets them in again: the last step, the new state is whole."""

    at: MysqlServer
    users: Users
    limit: float = LEAVES_WITHIN

    @property
    def title(self) -> Text:
        """As a step is named."""
        return text("Unlock the accounts that use {database}", database=self.users.live)

    async def do(self, world: World) -> None:
        """Unlocks those that were open before."""
        await on_server(world, self.at, partial(_let_in, users=self.users))

    async def undo(self, world: World) -> None:
        """Locked, and nobody in it."""
        await on_server(world, self.at, partial(locked_out, users=self.users, limit=self.limit))

    async def happened(self, world: World) -> Happened:
        """Whether all are open."""
        return await _locked_is(world, self.at, self.users, expected=False)


class ChangePrograms(msgspec.Struct, frozen=True, tag="change-programs"):
    """Takes all programs out of a database, and makes those of a script instead (`before`, `after`: "" for none).

    Several statements, so what is written under `name` on the mark tells how far it is.
    """

    at: MysqlServer
    users: Users
    mark: Mark
    name: str
    before: str
    after: str
    limit: float = LEAVES_WITHIN

    @property
    def title(self) -> Text:
        """As a step is named."""
        if self.after:
            return text("Make the triggers, views, routines and events of {database}", database=self.users.live)
        return text("Take the triggers, views, routines and events out of {database}", database=self.users.live)

    async def do(self, world: World) -> None:
        """Changes them, all anew where a part was changed."""
        if not await on_server(world, self.at, partial(self._made, script=self.after, becomes=CHANGED)):
            raise unclear(self.title, f"there is no table {self.mark.name}")

    async def undo(self, world: World) -> None:
        """Those of before; where nothing was changed they are not touched."""
        await on_server(world, self.at, partial(self._made, script=self.before, becomes=None))

    async def _made(self, client: RunClient, *, script: str, becomes: bytes | None) -> bool:
        """False where there is no mark: what it was on is cleared away."""
        place = await exchanging.find(client, self.mark)
        if place is None or await self._written(client, place) == becomes:
            return place is not None
        await client.ask(exchanging.write_on(place, self.mark, self.name, CHANGING))
        await insisting(client, self.users, self.limit, partial(self._replaced, client, script))
        over = (
            exchanging.wipe_off(place, self.mark, self.name)
            if becomes is None
            else exchanging.write_on(place, self.mark, self.name, becomes)
        )
        await client.ask(over)
        return True

    async def _replaced(self, client: RunClient, script: str) -> None:
        live = self.users.live
        there: list[Program] = await exchanging.read_programs(client, live)
        if there:
            await client.ask(exchanging.drop_programs(live, there))
        if script:
            await client.ask(script, live)

    async def happened(self, world: World) -> Happened:
        """By the mark."""

        async def read(client: RunClient) -> Happened:
            place = await exchanging.find(client, self.mark)
            written = await self._written(client, place) if place is not None else None
            return Happened.YES if written == CHANGED else Happened.NO

        return await on_server(world, self.at, read)

    async def _written(self, client: RunClient, place: str) -> bytes | None:
        return await exchanging.read_on(client, place, self.mark, self.name)


class Form(msgspec.Struct, frozen=True):
    """How a database is made: its character set and its collation."""

    character_set: str
    collation: str


class SwapTables(msgspec.Struct, frozen=True, tag="swap-tables"):
    """All tables and sequences of the database `shadow` into `live`, and those of `live` into `old`, in one statement.

    The mark goes along, out of `shadow` into `old`. `existed` says that there was a live database before, `exists` that
    there is one after; where it was not, it is made, and the other way round. `limit` is in seconds.
    """

    at: MysqlServer
    users: Users
    mark: Mark
    shadow: str
    old: str
    form: Form
    existed: bool = True
    exists: bool = True
    limit: float = LEAVES_WITHIN

    @property
    def host(self) -> str:
        """The host that its server is reached from."""
        return self.at.host

    @property
    def live(self) -> str:
        """The name of the live database."""
        return self.users.live

    @property
    def facts(self) -> tuple[int, ...]:
        """The number on the mark."""
        return (self.mark.number,)

    @property
    def title(self) -> Text:
        """As a step is named."""
        return text("Rename all tables: {live} → {old}, {shadow} → {live}", live=self.live, old=self.old,
                    shadow=self.shadow)  # fmt: skip

    async def do(self, world: World) -> None:
        """Renames; comes back when the tables stand where they belong."""
        await on_server(world, self.at, partial(self._moved, source=self.shadow, target=self.old, stays=self.exists))

    async def undo(self, world: World) -> None:
        """One statement again; what was staged may be cleared away already."""
        await on_server(world, self.at, partial(self._moved, source=self.old, target=self.shadow, stays=self.existed))

    async def happened(self, world: World) -> Happened:
        """By where the mark stands. Where neither of its places is there any more, what was staged was cleared away,
        as it is when the old state is the site's for good."""

        async def read(client: RunClient) -> Happened:
            shadow, old = await exchanging.look(client, self.mark, self.shadow, self.old)
            if shadow.marked is not old.marked:
                return Happened.YES if old.marked else Happened.NO
            return Happened.UNCLEAR if shadow.exists or old.exists else Happened.NO

        return await on_server(world, self.at, read)

    def reversed(self, run: str) -> SwapTables:
        """What takes it back later, when it is over, in that run; see `aside`."""
        return msgspec.structs.replace(
            self, shadow=self.old, old=self.aside(run)[0], existed=self.exists, exists=self.existed
        )

    def aside(self, run: str) -> tuple[str, int]:
        """The name under which the run that takes it back keeps what is live until then, and the number on the mark."""
        return before_name(self.live, run), self.mark.number

    async def _moved(self, client: RunClient, *, source: str, target: str, stays: bool) -> None:
        await insisting(client, self.users, self.limit, partial(self._rename, client, source, target))
        live, emptied = await exchanging.look(client, self.mark, self.live, source)
        if emptied.is_empty:
            await client.ask(exchanging.drop_database(source, ()))
        if live.is_empty and not stays:
            await client.ask(exchanging.drop_database(self.live, ()))

    async def _rename(self, client: RunClient, source: str, target: str) -> None:
        live, came, went = await exchanging.look(client, self.mark, self.live, source, target)
        if went.marked and not came.marked:
            return
        if source == self.old and not came.exists and not went.exists:
            return
        if went.marked or went.tables or not came.marked:
            raise unclear(self.title, f"{source}: {came}\n{target}: {went}")
        moves = [
            *((table, self.live, target) for table in live.tables),
            *((table, source, self.live) for table in came.tables),
            (self.mark.name, source, target),
        ]
        made = "".join(
            exchanging.make_database(name, self.form.character_set, self.form.collation) for name in (target, self.live)
        )
        await client.ask(made + exchanging.rename(moves))


class DropTables(msgspec.Struct, frozen=True, tag="drop-tables"):
    """Removes a database of ours that is not needed any more, such as one that was staged; it is not undone.

    Without the mark it is another one's, or nothing is in it.
    """

    at: MysqlServer
    name: str
    mark: Mark

    @property
    def title(self) -> Text:
        """As a step is named."""
        return text("Remove the database {database}", database=self.name)

    async def do(self, world: World) -> None:
        """Drops it where it is there."""

        async def drop(client: RunClient) -> None:
            (found,) = await exchanging.look(client, self.mark, self.name)
            if found.marked or found.is_empty:
                await client.ask(exchanging.drop_database(self.name, found.tables))

        await on_server(world, self.at, drop)

    async def undo(self, world: World) -> None:
        """Nothing: what is removed is gone."""

    async def happened(self, world: World) -> Happened:
        """Whether it is not there."""

        async def read(client: RunClient) -> Happened:
            (found,) = await exchanging.look(client, self.mark, self.name)
            return Happened.NO if found.marked or found.is_empty else Happened.YES

        return await on_server(world, self.at, read)


# --- what they have in common ----------------------------------------------------------------------------------------


async def insisting(client: RunClient, users: Users, limit: float, change: Callable[[], Awaitable[Any]]) -> None:
    """Does what needs tables that nobody uses: whoever does is ended. Raises `cutover.tables-in-use`."""
    until = time.monotonic() + limit
    while True:
        who = await accounts.end_sessions(client, (users.live,), users.locked)
        try:
            await change()
        except UserError as error:
            if error.code != "mysql.locked":
                raise
            if time.monotonic() > until:
                raise _in_use(users.live, who, error) from error
        else:
            return


async def locked_out(client: RunClient, users: Users, limit: float) -> None:
    """Locks them and ends all sessions; comes back when there are none."""
    if users.locked:
        await client.ask(accounts.lock(users.locked, locked=True))
    until = time.monotonic() + limit
    while who := await accounts.end_sessions(client, (users.live,), users.locked):
        if time.monotonic() > until:
            raise _session_stays(users.live, "; ".join(who))
        await asyncio.sleep(LOOK_AGAIN)


async def _let_in(client: RunClient, users: Users) -> None:
    if users.locked:
        await client.ask(accounts.lock(users.locked, locked=False))


async def _locked_is(world: World, at: MysqlServer, users: Users, *, expected: bool) -> Happened:
    async def read(client: RunClient) -> Happened:
        there = await accounts.read_locks(client, users.locked, at.version)
        return Happened.YES if all(is_locked is expected for is_locked in there.values()) else Happened.NO

    return await on_server(world, at, read)


def _session_stays(name: str, who: str) -> UserError:
    return UserError(
        text("Sessions of {database} could not be ended: {who}", database=name, who=who),
        text("The database is not exchanged by this step; what was changed before it goes back."),
        text("End them on the server, or stop what connects again and again, then restore again."),
        "cutover.session-stays",
        who,
    )


def _in_use(name: str, who: list[str], error: UserError) -> UserError:
    return UserError(
        text("Tables of {database} stay in use.", database=name),
        text("The database is not exchanged by this step; what was changed before it goes back."),
        text("See on the server who holds them (SHOW PROCESSLIST), and end that, then restore again."),
        "cutover.tables-in-use",
        f"{'; '.join(who)}\n{error.problem.detail}",
    )
