"""The servers of all sites: what the site file says of them, as hosts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from app.foundation.blocking import Blocking
from app.hosts.ssh import errors
from app.hosts.ssh.host import SshHost
from app.hosts.ssh.links import Links
from app.hosts.ssh.login import Credentials, Route, fingerprint
from app.settings.model import Host, HostKind, Site

SSH_PORT = 22


class Servers:
    """One for the program; connections are opened when first needed, and shared."""

    def __init__(self, blocking: Blocking, folder: Path) -> None:
        """`folder` keeps the pinned host keys."""
        self._blocking = blocking
        self._links = Links(blocking, folder)

    def of(self, site: Site, secrets: Mapping[str, str], run: str = "") -> dict[str, SshHost]:
        """The servers of a site by name; `secrets` are those that its hosts may need, by name, as far as stored.

        What works there on files is known as that run's.
        """
        servers, shown = _servers(site), _shown(site, secrets)
        return {host.name: SshHost(self._links.to(_route(site, host)), shown, run=run) for host in servers}

    async def trust(self, site: Site, name: str, named: str, secrets: Mapping[str, str]) -> None:
        """Pins the key that the server shows now, if its fingerprint is the `named` one.

        Raises `Refused` `host.key-not-as-named`; then the key that was pinned before stays.
        """
        route = _route(site, site.way_to(name)[-1])
        offered = await self._links.to(route).offered_key(_shown(site, secrets))
        if fingerprint(offered.key) != named:
            raise errors.key_not_pinned(name, named, fingerprint(offered.key))
        pin = partial(self._links.keys(site.name).pin, offered.known_as, offered.port, offered.key, replace=True)
        await self._blocking.call("files", pin)

    async def pinned(self, site: str) -> dict[str, str]:
        """The pinned host keys of a site, by the place they belong to, both as ssh writes them."""
        return await self._blocking.call("files", self._links.keys(site).all)

    async def take_over(self, site: str, keys: Mapping[str, str]) -> None:
        """Pins host keys that another computer had pinned; what is pinned here for the same place is replaced."""
        await self._blocking.call("files", partial(self._links.keys(site).take_over, keys))

    async def forget(self, site: str) -> None:
        """Closes the connections of a site and forgets its host keys."""
        await self._links.forget(site)
        await self._blocking.call("files", self._links.keys(site).forget)

    async def close(self) -> None:
        """Ends all connections."""
        await self._links.close()


def _servers(site: Site) -> list[Host]:
    return [host for host in site.hosts if host.kind is HostKind.SSH]


def _shown(site: Site, secrets: Mapping[str, str]) -> Mapping[str, Credentials]:
    return {host.name: _credentials(host, secrets) for host in _servers(site)}


def _credentials(host: Host, secrets: Mapping[str, str]) -> Credentials:
    return Credentials(secrets.get(host.password_name, ""), secrets.get(host.passphrase_name, ""))


def _route(site: Site, host: Host) -> Route:
    """The way to a server. The usual port is left to ~/.ssh/config, which may know another."""
    way = site.way_to(host.name)
    jump = _route(site, way[-2]) if len(way) > 1 else None
    port = 0 if host.port == SSH_PORT else host.port
    return Route(site.name, host.name, host.address, port, host.user, host.key_file, jump)
