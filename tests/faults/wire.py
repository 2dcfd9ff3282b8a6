"""A wire to a server that can be cut, or go dead as a laptop's does when it sleeps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

CHUNK = 65536


class Wire:
    """Passes bytes on between a port of its own and the server's. What is on its way when it dies never arrives."""

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self.passed = 0
        """Bytes that the server has sent so far."""
        self._server_port = server_port
        self._alive = asyncio.Event()
        self._alive.set()
        self._ends: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody connects."""
        there = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._ends += [writer, there[1]]
        for source, target, counts in ((reader, there[1], False), (there[0], writer, True)):
            task = asyncio.create_task(self._pass_on(source, target, counts=counts))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, counts: bool) -> None:
        alive = self._alive
        with contextlib.suppress(OSError):
            while piece := await source.read(CHUNK):
                await alive.wait()
                target.write(self.passing(piece, from_server=counts))
                await target.drain()
                self.passed += len(piece) if counts else 0
        if alive.is_set():  # a dead wire does not even tell that it is dead
            target.close()

    def passing(self, piece: bytes, *, from_server: bool) -> bytes:  # noqa: ARG002  for other wires
        """What arrives of a piece."""
        return piece

    def cut(self) -> None:
        """Both ends see the connection end."""
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    def die(self) -> None:
        """Nothing passes any more on what is connected now, and nobody is told; a new connection works."""
        self._alive.clear()
        self._alive = asyncio.Event()
        self._alive.set()

    async def close(self) -> None:
        """Ends everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut()


W = TypeVar("W", bound=Wire)


@asynccontextmanager
async def wire_to(server_port: int) -> AsyncIterator[Wire]:
    """A wire to that port."""
    async with listening(Wire(server_port)) as wire:
        yield wire


@asynccontextmanager
async def listening(wire: W) -> AsyncIterator[W]:
    """Makes a wire work."""
    listener = await asyncio.start_server(wire.connect, "127.0.0.1", 0)
    wire.port = listener.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        listener.close()
        await wire.close()
        await listener.wait_closed()
