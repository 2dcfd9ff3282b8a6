"""The way to a server of MySQL or MariaDB while something takes another's place there, by its client program.

Each session takes one lock of the run's first: one whose client has died may be about to rename, and until it is gone
what is seen is not final.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from app.foundation.errors import Busy, Refused, UserError
from app.foundation.words import text
from app.hosts.host import Host
from app.jobs.effects.effect import World
from app.jobs.sources.private_file import private_file
from app.tools.found import ToolFound
from app.tools.mysql.exchanging import HELD, end_holder, guarded
from app.tools.mysql.facts import Client
from app.tools.mysql.server import Server, option_file

T = TypeVar("T")

LOOK_AGAIN = 0.05
"""Seconds between two looks."""

RETURNS_WITHIN = 20.0
"""Seconds that a server may be away, such as to start again after a crash; then the step fails."""

GIVES_WAY_WITHIN = 10.0
"""Seconds in which another session of the run is gone, by itself or because it was ended."""

AWAY = frozenset({"mysql.connection-lost", "mysql.server-down"})
PASSING = AWAY | {"mysql.too-many-connections"}
"""Errors after which the server is asked again: each effect asks its own fact first."""


class MysqlServer(msgspec.Struct, frozen=True):
    """A server as its clients on `host` reach it, and how one logs in; `secret` is the name of the password.

    `program` is the client's path there, `version` the server's. `key` is the run's lock. `dump` is the file on `host`
    with what was live last, for the day on which the server does not start any more.
    """

    host: str
    server: str
    port: int
    user: str
    secret: str
    program: str
    version: str
    key: str
    dump: str

    def database(self, name: str = "") -> Server:
        """One of its databases."""
        return Server(self.server, self.port, self.user, name)


def key_of(run: str) -> str:
    """The name of a run's lock."""
    return f"overwinter-{run}"


class RunClient(Client):
    """A client that does nothing while another session of the run is at work; one that does not end is ended."""

    def __init__(self, host: Host, at: MysqlServer, options: str) -> None:
        """`options` is the path of the file that it logs in with."""
        super().__init__(host, ToolFound("mariadb", "", at.program, fit=True), at.database(), options)
        self._at = at

    async def ask(self, statements: str, database: str = "") -> list[str]:
        """See `Client.ask`. Raises `Busy` `cutover.held` where the other one stays."""
        until = time.monotonic() + GIVES_WAY_WITHIN
        while True:
            try:
                return await super().ask(guarded(self._at.key, statements), database)
            except UserError as error:
                if HELD not in error.problem.detail:
                    raise
                if time.monotonic() > until:
                    raise _held(self._at) from error
            for kill in await super().ask(end_holder(self._at.key)):
                await super().ask(kill)


async def on_server(world: World, at: MysqlServer, work: Callable[[RunClient], Awaitable[T]]) -> T:
    """What `work` gives; begun again where the connection was lost, since what came of it is not known then."""
    until = time.monotonic() + RETURNS_WITHIN
    content = option_file(world.ctx.secret(at.secret))
    async with private_file(world.ctx, at.host, "mysql-cutover.cnf", content) as options:
        client = RunClient(world.ctx.host(at.host), at, options)
        while True:
            try:
                return await work(client)
            except UserError as error:
                if error.code not in PASSING or time.monotonic() > until:
                    raise _restated(error, at) from error
            await asyncio.sleep(LOOK_AGAIN)


# --- what a person is told -------------------------------------------------------------------------------------------


def _restated(error: UserError, at: MysqlServer) -> UserError:
    """The errors of the tool speak of a backup."""
    problem = error.problem
    if not problem.code.startswith("mysql.") or isinstance(error, Refused):
        return error
    if problem.code in AWAY:
        return _away(at, error)
    return UserError(
        text("The database server refused: {said}", said=_first_error(problem.detail)),
        text("Whether this step was done is asked of the server again before anything goes on or back."),
        text("Put right what it says, then restore or recover again."),
        problem.code,
        problem.detail,
    )


def _first_error(said: str) -> str:
    """The client tells the statement first."""
    return next((line for line in said.splitlines() if line.startswith("ERROR ")), said.partition("\n")[0])


def _away(at: MysqlServer, error: UserError) -> UserError:
    return UserError(
        text("The database server at {server} does not answer any more.", server=at.server),
        text("How far the exchange came cannot be told without it. What was live just before is whole in {dump} on"
             " {host}.", dump=at.dump, host=at.host),
        text("Start it, then: overwinter recover. If it does not start any more (see its log), set its data folder up"
             " anew, bring the accounts back, load {dump} (mariadb < {dump}), then: overwinter recover --roll-back",
             dump=at.dump),
        error.code,
        error.problem.detail,
    )  # fmt: skip


def _held(at: MysqlServer) -> Busy:
    return Busy(
        text("Another session of this restore is still at work on {server} and does not end.", server=at.server),
        text("Nothing more was changed by this step."),
        text("End it on the server (SHOW PROCESSLIST), then recover."),
        "cutover.held",
    )
