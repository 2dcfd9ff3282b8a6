"""A unix socket of this computer whose connections arrive at a port of it: what a server's tunnel is on a server."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.foundation.errors import UserError
from app.foundation.words import text

LOOPBACK = "127.0.0.1"
PIECE = 256 * 1024
"""Bytes that are handed on at once."""


def _no_tunnel(detail: str) -> UserError:
    return UserError(
        text("There can be no tunnel on this computer: it has no unix sockets for it."),
        text("Nothing was started; the repository can be used directly here."),
        text("Name this-computer as the host of the source."),
        "host.no-tunnel",
        detail,
    )


if sys.platform == "win32":

    @asynccontextmanager
    async def socket_to_port(port: int) -> AsyncIterator[str]:  # noqa: ARG001  the other systems' signature
        """Windows has no unix sockets that Python could open."""
        raise _no_tunnel("Windows")
        yield ""  # what makes it a generator

else:

    @asynccontextmanager
    async def socket_to_port(port: int) -> AsyncIterator[str]:
        """The path of a socket whose connections arrive at this port of the loopback, while the body runs.

        In the system's own folder for temporary files: paths of sockets must be short.
        """
        folder = Path(tempfile.mkdtemp(prefix="ow-"))
        try:
            path = folder / "s"
            forwarding = _Forwarding(port)
            server = await asyncio.start_unix_server(forwarding.connected, path, limit=PIECE)
            try:
                path.chmod(0o600)
                yield str(path)
            finally:
                server.close()
                await forwarding.close()
                await server.wait_closed()
        finally:
            shutil.rmtree(folder)


class _Forwarding:
    """The connections that are open now; each is a task of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._over = False

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody has connected, perhaps a moment before the end."""
        if self._over:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._forward(reader, writer))
        self._open[task] = writer
        task.add_done_callback(lambda ended: self._open.pop(ended, None))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hands on what both sides say until both have ended."""
        with contextlib.suppress(OSError):  # nobody listens at the port, or one side went in the middle
            await self._join(reader, writer)
        await _closed(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._port, limit=PIECE)
        try:
            await asyncio.gather(_hand_on(reader, far_writer), _hand_on(far_reader, writer))
            await _closed(far_writer)
        finally:
            far_writer.transport.abort()  # at the end of the tunnel nothing waits for a side that does not read

    async def close(self) -> None:
        """Ends them all, and those that are just coming in."""
        self._over = True
        for task, writer in list(self._open.items()):
            task.cancel()
            await asyncio.wait({task})
            writer.transport.abort()  # also for a task that never got as far as its first line
        await asyncio.sleep(0)  # the loop lets go of them now


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until this side has said all; the other is told so and may go on."""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
    writer.write_eof()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):  # it was gone before
        await writer.wait_closed()
