"""Connections led through a server: from here to what listens there, and from there back to a port of this computer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakSet

import asyncssh
from asyncssh.forward import SSHForwarder, SSHLocalPortForwarder

from app.foundation.errors import UserError
from app.hosts.host import Address
from app.hosts.running import Patience
from app.hosts.ssh import errors, process
from app.hosts.ssh.connection import OPENS_WITHIN
from app.hosts.ssh.files import RemoteFiles
from app.hosts.ssh.gathered import Gathered
from app.hosts.ssh.links import LinkedServer

LOOPBACK = "127.0.0.1"

# A socket's path may have 107 bytes (103 on macOS), so a short folder. It goes when its connection is gone, also when
# nobody is left here to remove it.
_SOCKET_FOLDER = """\
umask 077;d=;for b in "${XDG_RUNTIME_DIR-}" "${TMPDIR-}" /tmp /var/tmp;do
[ -n "$b" ]&&[ -w "$b" ]&&[ ${#b} -lt 70 ]&&d=$(mktemp -d "$b/overwinter-XXXXXXXX")&&break;d=;done
[ -n "$d" ]||exit 1
there(){ [ -d "/proc/$1" ]||kill -0 "$1" 2>/dev/null;}
tidy(){ trap '' INT HUP;exec </dev/null >/dev/null 2>&1;cd /
while [ -d "$d" ]&&there "$1";do sleep 1;done;rm -rf -- "$d";}
(tidy "$PPID" &);printf %s "$d"
"""


class Tunnels:
    """The ways through one server."""

    def __init__(self, server: LinkedServer, files: RemoteFiles, patience: Patience) -> None:
        self._server = server
        self._files = files
        self._patience = patience

    @asynccontextmanager
    async def to(self, server: str, port: int) -> AsyncIterator[Address]:
        """A port of this computer (loopback only) that leads to `server`:`port`, or to the socket at the path `server`,
        as seen from there."""
        connection = await self._server.connection()
        lead = _leads_to(connection, server, port)
        await self._try(connection, lead, Address(server, port))
        listening = await asyncio.get_running_loop().create_server(
            lambda: SSHLocalPortForwarder(connection, lead), LOOPBACK, 0
        )
        try:
            yield Address(LOOPBACK, listening.sockets[0].getsockname()[1])
        finally:
            listening.close()
            await listening.wait_closed()

    @asynccontextmanager
    async def back_to(self, port: int) -> AsyncIterator[str]:
        """A socket there (0600, in a folder of its own, 0700) that leads to the port `port` of this computer."""
        connection = await self._server.connection()
        folder = await self._socket_folder()
        path = f"{folder}/s"
        led: WeakSet[SSHForwarder] = WeakSet()
        try:
            listening = await self._listen(connection, path, port, led)
            try:
                await self._expect_private(connection, path)
                yield path
            finally:
                listening.close()
                await listening.wait_closed()
                for one in led:  # who is connected still sees the end of it
                    one.close()
        finally:
            await self._tidy(connection, folder)

    async def _try(
        self, connection: asyncssh.SSHClientConnection, lead: Callable[..., Awaitable[Any]], to: Address
    ) -> None:
        """Whether anybody answers there: who connects to our port would only see that it is closed again."""
        try:
            async with asyncio.timeout(OPENS_WITHIN):
                channel, _ = await lead(asyncssh.SSHTCPSession, "", 0)
        except asyncssh.ChannelOpenError as refused:
            if connection.is_closed():
                raise errors.cut(self._server.name, "opening a tunnel") from refused
            if refused.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
                raise errors.no_tunnel(self._server.name, refused.reason) from refused
            raise errors.nothing_listens(self._server.name, to, refused.reason) from refused
        except TimeoutError as error:
            raise errors.nothing_listens(self._server.name, to, "no answer in time") from error
        except (OSError, asyncssh.Error) as error:
            raise errors.cut(self._server.name, "opening a tunnel") from error
        channel.abort()
        await channel.wait_closed()

    async def _socket_folder(self) -> str:
        done = await process.ask(self._server, _SOCKET_FOLDER, patience=self._patience)
        if done.code != 0:
            raise errors.no_tunnel(self._server.name, done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode()

    async def _listen(
        self, connection: asyncssh.SSHClientConnection, path: str, port: int, led: WeakSet[SSHForwarder]
    ) -> asyncssh.SSHListener:
        """As asyncssh's own forwarding does; but we know the connections that it leads, and can end them."""

        async def connected() -> SSHForwarder:
            try:
                _, here = await asyncio.get_running_loop().create_connection(_Here, LOOPBACK, port)
            except OSError as nobody:
                raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, str(nobody)) from None
            there = SSHForwarder(here)
            led.add(there)
            return there

        try:
            async with asyncio.timeout(OPENS_WITHIN):
                return await connection.create_unix_server(connected, path)
        except (OSError, asyncssh.Error, asyncssh.ChannelListenError, TimeoutError) as error:
            if connection.is_closed():
                raise errors.cut(self._server.name, "opening a tunnel") from error
            raise errors.no_tunnel(self._server.name, str(error)) from error

    async def _expect_private(self, connection: asyncssh.SSHClientConnection, path: str) -> None:
        """What listens for us may be used by nobody else, however the server is set up."""
        found = await self._files.stat(path)
        if connection.is_closed():
            raise errors.cut(self._server.name, "opening a tunnel")
        if found is None or found.mode & 0o077:
            seen = "it is not there" if found is None else f"mode {found.mode:o}"
            raise errors.no_tunnel(self._server.name, f"the socket is not private: {seen}")

    async def _tidy(self, connection: asyncssh.SSHClientConnection, folder: str) -> None:
        """Where the connection is gone, the server tidies up by itself."""
        if connection.is_closed():
            return
        try:
            await self._files.remove_tree(folder)
        except UserError as error:
            if error.code != "host.cut":
                raise


class _Here(SSHForwarder):
    """The end of a tunnel on this computer. The packets that arrive together go on together."""

    def __init__(self) -> None:
        super().__init__()
        self._leaving = Gathered(asyncio.get_running_loop(), super().write)

    def write(self, data: bytes) -> None:
        """Sends it on."""
        self._leaving.add(data)

    def write_eof(self) -> None:
        """Says that nothing more comes."""
        self._leaving.flush()
        super().write_eof()

    def close(self) -> None:
        """Ends both sides."""
        self._leaving.flush()
        super().close()


def _leads_to(connection: asyncssh.SSHClientConnection, server: str, port: int) -> Callable[..., Awaitable[Any]]:
    async def lead(session: Callable[..., Any], from_host: str, from_port: int) -> Any:
        if server.startswith("/"):
            return await connection.create_unix_connection(session, server)
        return await connection.create_connection(session, server, port, from_host, from_port)

    return lead
