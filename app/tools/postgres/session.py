"""One connection to a database, used by one thread at a time, that can be ended at any moment from another."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

from app.foundation.blocking import Blocking
from app.hosts.host import Address
from app.hosts.running import finish
from app.tools.postgres.errors import from_psycopg
from app.tools.postgres.server import CONNECTS_WITHIN, Server

T = TypeVar("T")

Work = Callable[[psycopg.Connection[Any]], T]

GIVES_WAY_WITHIN = 3.0
"""Seconds that a query may take to end after it was cancelled; then its connection is cut."""


class Session:
    """A connection in autocommit mode. Everything blocks; nothing but `end` may be called from a second thread."""

    def __init__(self, server: Server, password: str, way: Address | None = None) -> None:
        """`way` is where the server is reached from here; None: at its own address."""
        self._server = server
        self._way = way
        self._password = password
        self._connection: psycopg.Connection[Any] | None = None
        self._ended = False
        self._guard = threading.Lock()
        self._working = threading.Lock()

    def open(self) -> None:
        """Connects; raises `UserError` `postgres.…`. A session that was ended meanwhile is closed again at once."""
        with self._working:
            try:
                connection = self._connect()
            except psycopg.Error as error:
                raise from_psycopg(error, self._server) from error
            with self._guard:
                if not self._ended:
                    self._connection = connection
                    return
            connection.close()

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self._server.conninfo(self._way),
            password=self._password or None,
            client_encoding="UTF8",
            connect_timeout=CONNECTS_WITHIN,
            autocommit=True,
            prepare_threshold=None,  # a pooler between us and the server may not keep prepared statements
        )

    def do(self, work: Work[T]) -> T:
        """Runs `work` with the connection; raises `UserError` `postgres.…` for what PostgreSQL refuses."""
        with self._working:
            if self._connection is None:
                raise psycopg.OperationalError("the session is not open")
            try:
                return work(self._connection)
            except (psycopg.Error, UnicodeDecodeError) as error:
                raise from_psycopg(error, self._server) from error

    def end(self) -> None:
        """Ends it: a query that runs is cancelled on the server; one that does not give way is cut off."""
        with self._guard:
            self._ended = True
            connection, self._connection = self._connection, None
        if connection is None:
            return
        for urge, seconds in ((_leave, 0.0), (_cancel, GIVES_WAY_WITHIN), (_cut, GIVES_WAY_WITHIN)):
            urge(connection)
            if self._working.acquire(timeout=seconds):
                connection.close()
                self._working.release()
                return


async def asked(blocking: Blocking, server: Server, password: str, way: Address | None, work: Work[T]) -> T:
    """What `work` gives on a connection of its own, which is gone afterwards; raises `UserError` `postgres.…`."""
    session = Session(server, password, way)
    try:
        await blocking.call("database", session.open, abort=session.end)
        return await blocking.call("database", lambda: session.do(work), abort=session.end)
    finally:
        await finish(asyncio.create_task(blocking.call("database", session.end)))


def _leave(_connection: psycopg.Connection[Any]) -> None:
    """An idle connection needs no urging."""


def _cancel(connection: psycopg.Connection[Any]) -> None:
    """Asks the server to end the query; where it cannot be reached, the connection is cut next."""
    with contextlib.suppress(psycopg.Error):
        connection.cancel_safe(timeout=GIVES_WAY_WITHIN)


def _cut(connection: psycopg.Connection[Any]) -> None:
    """Shuts the socket down under the thread that waits for it, which then sees the end of the connection."""
    with (
        contextlib.suppress(OSError, psycopg.Error),  # it is gone already
        socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as ours,
    ):
        ours.shutdown(socket.SHUT_RDWR)
