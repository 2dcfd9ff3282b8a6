"""Brings a site's repository to the hosts where restic runs: served here by rclone, reached there through a tunnel.

One server and one tunnel for each run and host. The repository's own credentials stay on this computer; what reaches
the other host is a socket for that user alone, and credentials of this run in the memory of its restics.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import PurePath
from typing import Any, TypeVar

from app.foundation.errors import UserError
from app.foundation.redact import Redactor
from app.foundation.words import text
from app.hosts.host import Command, Host
from app.settings.addresses import parsed
from app.settings.model import Site
from app.tools.found import Versions
from app.tools.rclone import Login, Server, find_rclone, new_login, place_of, serving, the_fit_rclone

T = TypeVar("T")

GROUP_READS = 0o040
FOR_GROUP, FOR_OWNER = 0o027, 0o077


class ServedWay:
    """A repository that is served and tunnelled to one host; see `restic.way.Way`."""

    def __init__(self, host: Host, socket: str, login: Login, server: Server, stack: AsyncExitStack) -> None:
        """`socket` is where the tunnel ends on `host`; `stack` holds all that is to be closed."""
        self.address = f"rest:http+unix://{login.user}:{login.password}@{socket}:/"
        self._host = host
        self._socket = socket
        self._server = server
        self._stack = stack

    async def stands(self) -> bool:
        """Whether it leads there still; a tunnel that is gone restic would wait for, for a quarter of an hour."""
        return not self._server.broken.done() and await self._host.stat(self._socket) is not None

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """Does `work` while the way stands; when it breaks, ends the work and raises why."""
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._raise_when_broken())
                result = await work
                watching.cancel()
        except BaseExceptionGroup as failures:
            broken = self._server.broken
            raise (broken.result() if broken.done() else failures.exceptions[0]) from None
        return result

    async def close(self) -> None:
        """Takes the tunnel down, then the server."""
        await self._stack.aclose()

    async def _raise_when_broken(self) -> None:
        raise await asyncio.shield(self._server.broken)


class Ways:
    """The ways that one run has opened, one for each host; whoever made them closes them."""

    def __init__(self, redactor: Redactor, versions: Versions) -> None:
        """Credentials are taught to `redactor` before their first use; `versions` is what programs said before."""
        self._redactor = redactor
        self._versions = versions
        self._open: dict[str, ServedWay] = {}

    async def to(self, host: Host, here: Host, site: Site) -> ServedWay:
        """The way to that host, opened when it is first asked for, and anew when it broke.

        Raises `Refused` `repository.not-servable`, and `UserError` `rclone.…`, `host.no-tunnel`.
        """
        known = self._open.get(host.name)
        if known is not None and await known.stands():
            return known
        if known is not None:
            await self._open.pop(host.name).close()
        way = self._open[host.name] = await self._opened(host, here, site.repository.address)
        return way

    async def close(self) -> None:
        """Takes all of them down."""
        while self._open:
            _, way = self._open.popitem()
            await way.close()

    async def _opened(self, host: Host, here: Host, address: str) -> ServedWay:
        place = place_of(address)
        program = the_fit_rclone(await find_rclone(here, self._versions))
        login = new_login()
        async with AsyncExitStack() as opening:
            opening.enter_context(self._taught(login.user, login.password))
            umask = await _umask(here, address)
            server = await opening.enter_async_context(serving(here, program.path, place, login, umask))
            socket = await opening.enter_async_context(host.reverse_tunnel(server.port))
            return ServedWay(host, socket, login, server, opening.pop_all())

    @contextmanager
    def _taught(self, *secrets: str) -> Iterator[None]:
        for secret in secrets:
            self._redactor.teach(secret)
        try:
            yield
        finally:
            for secret in secrets:
                self._redactor.forget(secret)


async def _umask(here: Host, address: str) -> int:
    """Whoever may read the repository's `config` may read what is added to it, as with restic itself."""
    parts = parsed(address)
    config = await here.stat(str(PurePath(parts.path) / "config")) if parts.scheme == "local" else None
    return FOR_GROUP if config is not None and config.mode & GROUP_READS else FOR_OWNER


async def make_last(here: Host, address: str) -> None:
    """Waits until what rclone wrote to a folder of this computer is on its disk: restic does so itself, rclone not.

    Windows has no such program; there the disk's own order has to do.
    """
    parts = parsed(address)
    system = (await here.facts()).system
    if parts.scheme != "local" or system == "windows":
        return
    finished = await here.run(Command("sync", ("-f", parts.path) if system == "linux" else ()))
    if finished.code != 0:
        raise _not_on_disk(parts.path, finished.stderr.decode("utf-8", "replace"))


def _not_on_disk(folder: str, said: str) -> UserError:
    return UserError(
        text("The disk of the repository {folder} did not take everything that was written.", folder=folder),
        text("What was just saved may be damaged, and does not count as saved. What it held before is untouched."),
        text("Check that disk and its cable, run a check of the repository, then start anew."),
        "repository.not-on-disk",
        said,
    )
