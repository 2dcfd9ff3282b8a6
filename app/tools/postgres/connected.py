"""A database that is asked, a question at a time; a cancel ends the question on the server, too."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TypeVar

from app.foundation.blocking import Blocking
from app.hosts.host import Address
from app.tools.postgres.server import Server
from app.tools.postgres.session import Session, Work

T = TypeVar("T")


class Connected:
    """A connection in autocommit mode: an asynchronous context manager. Raises `UserError` `postgres.…`."""

    def __init__(self, blocking: Blocking, server: Server, password: str, way: Address | None = None) -> None:
        """`password` is "" where the server asks for none; `way` is where it is reached from here, when not at its own
        address."""
        self._blocking = blocking
        self._session = Session(server, password, way)

    async def __aenter__(self) -> Connected:
        try:
            await self._blocking.call("database", self._session.open, abort=self._session.end)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def do(self, work: Work[T]) -> T:
        """Runs `work` with the connection, in a thread of its own."""
        return await self._blocking.call("database", lambda: self._session.do(work), abort=self._session.end)

    async def close(self) -> None:
        """Ends it at once; does nothing the second time."""
        await asyncio.shield(self._blocking.call("database", self._session.end))
