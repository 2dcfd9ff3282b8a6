"""Opens a site's repository with a fit restic, on whatever host restic is to run.

On this computer restic reaches the repository as it is. On every other host it gets there through a way (`ways`), so
that the repository's credentials never leave this computer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from app.foundation.errors import UserError
from app.foundation.redact import Redactor
from app.foundation.words import text
from app.hosts.host import Host
from app.jobs.ways import Ways, make_last
from app.settings.addresses import parsed
from app.settings.model import Site
from app.tools.found import ToolFound, Versions, first_fit
from app.tools.rclone import find_rclone
from app.tools.restic.brought import bring_restic
from app.tools.restic.preflight import preflight
from app.tools.restic.program import NAME, find_restic, the_fit_restic
from app.tools.restic.repository import Restic
from app.tools.restic.session import Repository


class OpenRepository(msgspec.Struct, frozen=True):
    """A site's repository that can be asked: through `restic`, of the version `version`, on `host`.

    `here` is this computer, from which the repository is reached as it is.
    """

    site: Site
    host: Host
    here: Host
    restic: Restic
    version: str

    async def expect(self, snapshot: str) -> None:
        """Raises `repository.vanished` when a snapshot that restic says it made is not in the repository.

        A disk that is pulled out leaves an empty folder where it was mounted. restic makes its own folders anew in
        there, without a word, and calls that success.
        """
        address = parsed(self.site.repository.address)
        if address.scheme != "local":
            return
        for part in ("config", f"snapshots/{snapshot}"):
            if await self.here.stat(f"{address.path}/{part}") is None:
                raise _vanished(address.path)
        if self.host.name != self.here.name:
            await make_last(self.here, address.path)


class Repositories:
    """Knows which restic to use, and where it keeps its cache."""

    def __init__(
        self,
        candidates: tuple[str, ...],
        versions: Versions,
        cache_folder: str,
        redactor: Redactor,
        expect_disk: Callable[[Site], Awaitable[None]] | None = None,
    ) -> None:
        """`candidates` are names and paths of restics, the first fit one is used; `versions` what they said before.

        `cache_folder` is restic's on this computer; `redactor` learns what is secret about the ways to other hosts.
        `expect_disk` raises where the repository's disk is to be plugged in first.
        """
        self._candidates = candidates
        self._versions = versions
        self._cache_folder = cache_folder
        self._redactor = redactor
        self._expect_disk = expect_disk
        self._chosen: dict[str, ToolFound] = {}

    async def tools(self, here: Host) -> list[ToolFound]:
        """Every restic on this computer, and the rclone that serves repositories to others."""
        restics = await find_restic(here, self._candidates, self._versions)
        return [*restics, *await find_rclone(here, self._versions)]

    def ways(self) -> Ways:
        """The ways of one run, none of them open yet."""
        return Ways(self._redactor, self._versions)

    async def open(self, here: Host, site: Site, password: str, scratch: str = "") -> OpenRepository:
        """The repository as reached from this computer; found unreachable in seconds. Its password is not tried yet.

        Temporary files go into `scratch` where one is given.
        """
        tool = await self._restic_here(here)
        address = site.repository.address
        await self._expect_reachable(here, site)
        repository = Repository(address, self._cache_folder, scratch)
        return OpenRepository(site, here, here, Restic(here, tool.path, repository, password), tool.version)

    async def open_on(
        self, host: Host, here: Host, site: Site, password: str, *, scratch: str, ways: Ways
    ) -> OpenRepository:
        """The repository as reached from `host`, which may be this computer, `here`.

        Elsewhere restic is led to it by one of `ways`, which is opened when it is first needed.
        """
        if host.name == here.name:
            return await self.open(here, site, password, scratch)
        address = site.repository.address
        await self._expect_reachable(here, site)
        tool = await self._restic_there(host, here)
        repository = Repository(address, await host.kept_folder("restic-cache"), scratch)
        restic = Restic(host, tool.path, repository, password, await ways.to(host, here, site))
        return OpenRepository(site, host, here, restic, tool.version)

    async def _expect_reachable(self, here: Host, site: Site) -> None:
        if self._expect_disk is not None:
            await self._expect_disk(site)
        await preflight(here, site.repository.address)

    async def _restic_here(self, here: Host) -> ToolFound:
        """The restic here, looked for once: behind a link its version would be asked of it each time."""
        known = self._chosen.get(here.name)
        if known is None or await here.stat(known.path) is None:
            restics = await find_restic(here, self._candidates, self._versions)
            known = self._chosen[here.name] = the_fit_restic(restics)
        return known

    async def _restic_there(self, host: Host, here: Host) -> ToolFound:
        """The restic of another host; where it has no fit one, that of this computer is brought along."""
        found = first_fit(await find_restic(host, (NAME,), self._versions), NAME)
        return found or await bring_restic(host, here, await self._restic_here(here))


def _vanished(folder: str) -> UserError:
    return UserError(
        text("The repository at {folder} vanished while it was written to.", folder=folder),
        text("What was just saved is not in it, and does not count as saved. What it held before is on its disk."),
        text("Plug the disk in again, remove what stands in {folder} without it, and start anew.", folder=folder),
        "repository.vanished",
    )
