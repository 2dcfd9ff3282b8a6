"""A program that leads to a server, as ProxyCommand in ~/.ssh/config names one: its pipes are the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncssh

from app.foundation.errors import UserError
from app.hosts import process, programs
from app.hosts.host import Command, Dialogue
from app.hosts.running import PATIENT


class ProxyCommand(asyncio.Transport):
    """Stands where a TCP connection would: what the connection writes goes into the program, what it says comes out."""

    def __init__(self, command: Sequence[str]) -> None:
        super().__init__()
        self._command = command
        self._to_write: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._work: asyncio.Task[None] | None = None
        self._closing = False

    async def lead_to(self, connection: asyncssh.SSHClientConnection) -> None:
        """Starts the program and hands its pipes to the connection. Raises OSError when it cannot be started."""
        path = programs.find(self._command[0])
        if path is None:
            raise FileNotFoundError(f"ProxyCommand: {self._command[0]} is not there")
        try:
            program = await process.start(path, Command(path, tuple(self._command[1:])), PATIENT)
        except UserError as error:
            raise OSError(f"ProxyCommand: {error}") from error
        self._work = asyncio.create_task(self._carry(program, connection))
        connection.set_tunnel(self)
        connection.connection_made(self)

    async def _carry(self, program: Dialogue, connection: asyncssh.SSHClientConnection) -> None:
        writing = asyncio.create_task(self._write_on(program))
        try:
            while piece := await program.read():
                connection.data_received(piece)
        finally:
            writing.cancel()
            connection.connection_lost(None)
            await program.stop()

    async def _write_on(self, program: Dialogue) -> None:
        while (piece := await self._to_write.get()) is not None:
            await program.write(piece)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Takes bytes for the server."""
        self._to_write.put_nowait(bytes(data))

    def is_closing(self) -> bool:
        """Whether it ends."""
        return self._closing

    def abort(self) -> None:
        """Ends the program."""
        self.close()

    def close(self) -> None:
        """Ends the program."""
        if not self._closing and self._work is not None:
            self._closing = True
            self._work.cancel()

    async def wait_closed(self) -> None:
        """Until the program is gone."""
        if self._work is not None:
            await asyncio.wait({self._work})

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ARG002  a program has no address
        """Nothing is known of where the program leads."""
        return default
