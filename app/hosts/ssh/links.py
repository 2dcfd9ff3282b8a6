"""One connection per server for the whole program, shared by everybody who works there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncssh

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.hosts.running import PATIENT, Patience
from app.hosts.ssh import errors, process, sftp
from app.hosts.ssh.connection import OPENS_WITHIN, Connector, OfferedKey
from app.hosts.ssh.host_keys import HostKeys
from app.hosts.ssh.login import Credentials, Route
from app.hosts.ssh.process import Ears
from app.hosts.ssh.script import Leftover, Place

SESSIONS = 8
"""Programs at once on one connection; OpenSSH allows ten sessions, and one each is for files and for ending others."""

Channel = asyncssh.SSHClientChannel[bytes]

Secrets = Mapping[str, Credentials]
"""What is shown to each server, by the name the site file gives it."""


class Links:
    """All connections of the program, each opened when first needed; `close` ends them."""

    def __init__(self, blocking: Blocking, folder: Path) -> None:
        """`folder` keeps the pinned host keys."""
        self.connector = Connector(blocking, self.keys)
        self.blocking = blocking
        self._folder = folder
        self._links: dict[Route, Link] = {}

    def keys(self, site: str) -> HostKeys:
        """The pinned host keys of a site."""
        return HostKeys(self._folder, site)

    def to(self, route: Route) -> Link:
        """The one connection of that route, open or not."""
        if route not in self._links:
            self._links[route] = Link(route, self)
        return self._links[route]

    async def forget(self, site: str) -> None:
        """Closes the connections of a site."""
        await self._close([route for route in self._links if route.site == site])

    async def close(self) -> None:
        """Closes all connections."""
        await self._close(list(self._links))

    async def _close(self, routes: list[Route]) -> None:
        for route in sorted(routes, key=_hops, reverse=True):  # those that lead through another one go first
            await self._links.pop(route).close()


class Link:
    """One server's connection, opened anew when it was cut. What a cut left running there is ended first."""

    def __init__(self, route: Route, links: Links) -> None:
        self.route = route
        self.programs = asyncio.Semaphore(SESSIONS)
        self._links = links
        self._opening = asyncio.Lock()
        self._open: asyncssh.SSHClientConnection | None = None
        self._spare: set[asyncssh.SSHClientConnection] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._left: list[Leftover] = []
        self._sftp: tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient] | None = None
        self._beginning = asyncio.Lock()

    @property
    def blocking(self) -> Blocking:
        """The door to files of this computer."""
        return self._links.blocking

    def leave(self, leftover: Leftover) -> None:
        """A cut left this on the server; it is put away when there is a connection again."""
        self._left.append(leftover)

    async def connection(self, secrets: Secrets) -> asyncssh.SSHClientConnection:
        """The open connection, opened where there is none.

        Raises `UserError` `host.unreachable` and its like within seconds.
        """
        async with self._opening:
            if self._open is None or self._open.is_closed():
                self._open = await self._log_in(secrets)
            while self._left:
                await self._put_away(self._open, self._left.pop())
            return self._open

    async def session(self, secrets: Secrets, ears: Ears, command: str) -> Channel:
        """A channel for a command. Opening it begins nothing on the server yet, so a connection that turns out to be
        dead is replaced, and where the server allows no more channels on it, another connection carries this one."""
        for _ in range(2):
            connection = await self.connection(secrets)
            try:
                return await _session(connection, ears, command)
            except asyncssh.ChannelOpenError as refused:
                if not connection.is_closed():
                    return await self._on_a_spare_one(secrets, ears, command, refused.reason)
            except (OSError, asyncssh.Error, TimeoutError):
                connection.abort()
        raise errors.cut(self.route.name, "opening a channel")

    async def sftp(self, secrets: Secrets) -> asyncssh.SFTPClient:
        """The file transfer on the connection, begun where there is none. Raises `UserError` `host.no-sftp`."""
        connection = await self.connection(secrets)
        async with self._beginning:
            if self._sftp is None or self._sftp[0] is not connection:
                self._sftp = (connection, await self._begin(connection))
            return self._sftp[1]

    def drop_sftp(self) -> None:
        """The file transfer has come to its end."""
        self._sftp = None

    async def offered_key(self, secrets: Secrets) -> OfferedKey:
        """The host key that the server shows now, whatever is pinned; no secret is shown to it."""
        connector = self._links.connector
        prepared = await connector.prepare(self.route, Credentials(), any_key=True)
        through = None if prepared.jump is None else await self._links.to(prepared.jump).connection(secrets)
        return await connector.offered_key(self.route, prepared, through)

    async def close(self) -> None:
        """Ends the connection."""
        for connection in filter(None, (self._open, *self._spare)):
            connection.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(OPENS_WITHIN):
                    await connection.wait_closed()
            connection.abort()
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _begin(self, connection: asyncssh.SSHClientConnection) -> asyncssh.SFTPClient:
        try:
            return await sftp.begin(connection, self.route.name)
        except (OSError, asyncssh.Error, TimeoutError) as error:
            connection.abort()
            raise errors.cut(self.route.name, "file transfer") from error

    async def _on_a_spare_one(self, secrets: Secrets, ears: Ears, command: str, refused: str) -> Channel:
        spare = await self._log_in(secrets)
        try:
            channel = await _session(spare, ears, command)
        except BaseException as error:
            spare.abort()
            if isinstance(error, (OSError, asyncssh.Error, TimeoutError)):
                raise errors.no_shell(self.route.name, f"{refused}; {error}") from error
            raise
        self._spare.add(spare)
        closing = asyncio.create_task(self._close_after(channel, spare))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        return channel

    async def _close_after(self, channel: Channel, spare: asyncssh.SSHClientConnection) -> None:
        await channel.wait_closed()
        self._spare.discard(spare)
        spare.close()
        await spare.wait_closed()

    async def _log_in(self, secrets: Secrets) -> asyncssh.SSHClientConnection:
        connector = self._links.connector
        prepared = await connector.prepare(self.route, secrets.get(self.route.name, Credentials()))
        through = None if prepared.jump is None else await self._links.to(prepared.jump).connection(secrets)
        return await connector.connect(self.route, prepared, through)

    async def _put_away(self, connection: asyncssh.SSHClientConnection, left: Leftover) -> None:
        server = _OnOne(self.route.name, connection)
        try:
            await process.ask(server, left.source, *left.arguments, patience=PATIENT, watched=False)
        except BaseException as error:
            if connection.is_closed() or not isinstance(error, UserError):
                self._left.append(left)
            if isinstance(error, UserError) and connection.is_closed():
                raise errors.cut(self.route.name, "ending what was left there") from error
            raise


class LinkedServer:
    """A server as its programs see it: a link, and what is shown there to log in."""

    def __init__(self, link: Link, secrets: Secrets) -> None:
        self.link = link
        self.secrets = secrets

    @property
    def name(self) -> str:
        """The name the site file gives it."""
        return self.link.route.name

    @property
    def blocking(self) -> Blocking:
        """The door to files of this computer."""
        return self.link.blocking

    async def connection(self) -> asyncssh.SSHClientConnection:
        """The connection itself."""
        return await self.link.connection(self.secrets)

    async def sftp(self) -> asyncssh.SFTPClient:
        """The file transfer on it."""
        return await self.link.sftp(self.secrets)

    async def session(self, ears: Ears, command: str) -> Channel:
        """A channel on which `command` was given to the login shell."""
        return await self.link.session(self.secrets, ears, command)

    async def end(self, place: Place, patience: Patience) -> str:
        """Ends a program and all it started, through another channel; gives the numbers of those that stay."""
        return await process.end(self, place, patience)

    def leave(self, leftover: Leftover) -> None:
        """The connection was cut: what is left there is put away when there is one again."""
        self.link.leave(leftover)


class _OnOne:
    """A server through one connection, open already, for what has to happen on it before anything else does."""

    def __init__(self, name: str, connection: asyncssh.SSHClientConnection) -> None:
        self.name = name
        self._connection = connection

    async def session(self, ears: Ears, command: str) -> Channel:
        """A channel on which `command` was given to the login shell."""
        try:
            return await _session(self._connection, ears, command)
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise errors.cut(self.name, "opening a channel") from error

    async def end(self, place: Place, patience: Patience) -> str:  # noqa: ARG002  the protocol's signature
        """Nobody cancels what works here: it comes to its end by itself."""
        return ""

    def leave(self, leftover: Leftover) -> None:
        """As above: what works here ends by itself."""


async def _session(connection: asyncssh.SSHClientConnection, ears: Ears, command: str) -> Channel:
    opening = asyncio.ensure_future(connection.create_session(ears, command, encoding=None))
    try:
        async with asyncio.timeout(OPENS_WITHIN):
            channel, _ = await asyncio.shield(opening)
    except BaseException:
        opening.add_done_callback(_close_unwanted)  # it may still open
        raise
    return channel


def _close_unwanted(opening: asyncio.Future[Any]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].abort()


def _hops(route: Route) -> int:
    return 0 if route.jump is None else 1 + _hops(route.jump)
