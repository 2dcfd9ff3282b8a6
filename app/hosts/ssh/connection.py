"""One connection to one server: opened when first needed, kept alive, opened anew after a cut.

Works on the engine's loop without threads of asyncssh's own: names are looked up, keys and configuration are read
through `blocking`, and the connection is made here rather than by `asyncssh.connect`, which does both in the loop's
own pool of threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import asyncssh
import msgspec

from app.foundation.blocking import Blocking, DeadlineOver
from app.foundation.errors import UserError
from app.hosts.ssh import errors
from app.hosts.ssh.gathered import Gathered
from app.hosts.ssh.host_keys import HostKeys
from app.hosts.ssh.login import LOGS_IN_WITHIN, Credentials, Prepared, Route, fingerprint, prepare, resolve
from app.hosts.ssh.proxy import ProxyCommand

CONNECTS_WITHIN = 8.0
"""Seconds for looking a name up, and again for the first answer from each of its addresses."""

OPENS_WITHIN = 10.0
"""Seconds for a channel; a connection that lets us wait longer has been cut, with nobody telling us."""

PREPARED_WITHIN = 20.0

logging.getLogger("asyncssh").setLevel(logging.CRITICAL)  # it tells commands and addresses; our errors say what failed


class _Connection(asyncssh.SSHClientConnection):
    """A connection that knows of its end as soon as it is known, not only when everybody was told.

    It does not write on then either; asyncio would warn of that. What is sent within one turn of the loop leaves
    together: a call of the system for each packet takes longer than to encrypt it.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._leaving = Gathered(self._loop, self._write)

    def is_closed(self) -> bool:
        """Whether nothing goes through it any more."""
        return self._transport is None or super().is_closed()

    def _send(self, data: bytes) -> None:
        self._leaving.add(data)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            super()._send(data)


class OfferedKey(msgspec.Struct, frozen=True):
    """A host key as a server shows it, and the name and port that it is pinned for."""

    key: asyncssh.SSHKey
    known_as: str
    port: int


class Connector:
    """Logs in to servers; each call is one new connection."""

    def __init__(self, blocking: Blocking, keys: Callable[[str], HostKeys]) -> None:
        """`keys` gives the pinned keys of a site."""
        self._blocking = blocking
        self._keys = keys

    async def prepare(self, route: Route, credentials: Credentials, *, any_key: bool = False) -> Prepared:
        """Reads what is needed to log in; see `login.prepare`."""
        loop = asyncio.get_running_loop()
        work = partial(prepare, route, credentials, self._keys(route.site), loop, any_key=any_key)
        try:
            return await self._blocking.call("network", work, deadline=PREPARED_WITHIN)
        except DeadlineOver as late:
            raise errors.config_unusable(route.name, "reading it took too long") from late

    async def connect(
        self, route: Route, prepared: Prepared, through: asyncssh.SSHClientConnection | None
    ) -> asyncssh.SSHClientConnection:
        """A connection on which we are logged in; the host key is pinned where it is the first.

        Raises `UserError` `host.unreachable`, `host.no-ssh`, `host.login-refused`, `host.key-changed`, ….
        """
        made = await self._logged_in(route, prepared, through)
        try:
            await self._pin(route, prepared, made)
        except BaseException:
            made.abort()
            raise
        return made

    async def offered_key(
        self, route: Route, prepared: Prepared, through: asyncssh.SSHClientConnection | None
    ) -> OfferedKey:
        """The host key that the server shows, whether or not it lets us in; `prepared` was made with `any_key`."""
        try:
            made = await self._logged_in(route, prepared, through)
        except UserError:
            if prepared.client.offered is None:
                raise
        else:
            made.abort()
            await made.wait_closed()
        assert prepared.client.offered is not None, "a login begins with the host key"
        return OfferedKey(prepared.client.offered, prepared.known_as, prepared.port)

    async def _logged_in(
        self, route: Route, prepared: Prepared, through: asyncssh.SSHClientConnection | None
    ) -> asyncssh.SSHClientConnection:
        loop = asyncio.get_running_loop()
        made: list[asyncssh.SSHClientConnection] = []

        def connection() -> asyncssh.SSHClientConnection:
            made.append(_Connection(loop, prepared.options, wait="auth"))
            return made[-1]

        prepared.options.waiter = loop.create_future()
        try:
            await self._way(route, prepared, through, connection)
            async with asyncio.timeout(LOGS_IN_WITHIN):
                await prepared.options.waiter
        except BaseException as error:
            if through is not None and isinstance(error, TimeoutError):
                through.abort()  # it may be dead itself, and the next try needs a new one
            await _abandoned(made, prepared.options.waiter)
            if isinstance(error, (OSError, asyncssh.Error, TimeoutError, ValueError)):
                raise _told(route, prepared, error) from error
            raise
        return made[-1]

    async def _way(
        self,
        route: Route,
        prepared: Prepared,
        through: asyncssh.SSHClientConnection | None,
        connection: Callable[[], asyncssh.SSHClientConnection],
    ) -> None:
        """Leads bytes to and fro between the server and a new connection: through another server, a program, or TCP."""
        if through is not None:
            async with asyncio.timeout(CONNECTS_WITHIN):
                # A connection is the session of its tunnel.
                await through.create_connection(cast("Any", connection), prepared.address, prepared.port)
        elif prepared.proxy:
            await ProxyCommand(prepared.proxy).lead_to(connection())
        else:
            link = await self._tcp(route, prepared)
            await asyncio.get_running_loop().create_connection(connection, sock=link)

    async def _tcp(self, route: Route, prepared: Prepared) -> socket.socket:
        """A socket to the first of the server's addresses that answers."""
        loop = asyncio.get_running_loop()
        where = await self._addresses(route, prepared)
        problem: Exception = OSError("the name has no address")
        for family, address in where:
            link = socket.socket(family, socket.SOCK_STREAM)
            link.setblocking(False)
            try:
                async with asyncio.timeout(CONNECTS_WITHIN):
                    await loop.sock_connect(link, address)
            except (OSError, TimeoutError) as error:
                link.close()
                problem = error
            except BaseException:
                link.close()
                raise
            else:
                return link
        raise errors.unreachable(route.name, prepared.address, prepared.port, _words(problem)) from problem

    async def _addresses(self, route: Route, prepared: Prepared) -> list[tuple[socket.AddressFamily, Any]]:
        look_up = partial(resolve, prepared.address, prepared.port)
        try:
            return await self._blocking.call("network", look_up, deadline=CONNECTS_WITHIN)
        except (OSError, DeadlineOver, UnicodeError) as error:
            raise errors.unreachable(route.name, prepared.address, prepared.port, _words(error)) from error

    async def _pin(self, route: Route, prepared: Prepared, made: asyncssh.SSHClientConnection) -> None:
        """At first use the key is expected from now on; another process may have pinned another one meanwhile."""
        key = made.get_server_host_key()
        assert key is not None, "a login begins with the host key"
        pin = partial(self._keys(route.site).pin, prepared.known_as, prepared.port, key)
        pinned = (await self._blocking.call("files", pin)).key()
        if pinned != key:
            raise errors.key_changed(route.site, route.name, fingerprint(pinned), fingerprint(key))


async def _abandoned(made: list[asyncssh.SSHClientConnection], waiter: asyncio.Future[Any] | None) -> None:
    """Lets go of a connection that came to nothing."""
    if waiter is not None and not waiter.cancel() and not waiter.cancelled():
        waiter.exception()
    for connection in made:
        connection.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OPENS_WITHIN):
                await connection.wait_closed()


def _told(route: Route, prepared: Prepared, error: BaseException) -> UserError:
    """What a person is told when there is no connection."""
    user = prepared.options.username
    match error:
        case asyncssh.PermissionDenied():
            return errors.login_refused(route.site, route.name, user, error.reason)
        case asyncssh.HostKeyNotVerifiable():
            offered = prepared.client.offered
            shown = "" if offered is None else fingerprint(offered)
            return errors.key_changed(route.site, route.name, prepared.expected or error.reason, shown)
        case asyncssh.KeyExchangeFailed() if prepared.expected and "host key" in error.reason:
            return errors.key_changed(route.site, route.name, prepared.expected, "")
        case asyncssh.KeyExchangeFailed():
            return errors.no_common_way(route.name, error.reason)
        case asyncssh.DisconnectError() if "authentication failures" in error.reason.lower():
            return errors.login_refused(route.site, route.name, user, error.reason)
        case asyncssh.ProtocolError() | asyncssh.ProtocolNotSupported():
            return errors.no_ssh(prepared.address, prepared.port, error.reason)
        case _:
            return errors.unreachable(route.name, prepared.address, prepared.port, _words(error))


def _words(error: BaseException) -> str:
    if isinstance(error, (DeadlineOver, TimeoutError)):
        return "no answer in time"
    return str(error) or type(error).__name__
