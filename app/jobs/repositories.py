"""Opens a site's repository with a fit restic, on whatever host restic is to run."""

from __future__ import annotations

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Host
from app.settings.addresses import parsed
from app.settings.model import Site
from app.tools.found import ToolFound, Versions
from app.tools.restic.preflight import preflight
from app.tools.restic.program import find_restic, the_fit_restic
from app.tools.restic.repository import Restic
from app.tools.restic.session import Repository


class OpenRepository(msgspec.Struct, frozen=True):
    """A site's repository that can be asked: through `restic`, of the version `version`, on `host`."""

    site: Site
    host: Host
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
            if await self.host.stat(f"{address.path}/{part}") is None:
                raise _vanished(address.path)


class Repositories:
    """Knows which restic to use, and where it keeps its cache."""

    def __init__(self, candidates: tuple[str, ...], versions: Versions, cache_folder: str) -> None:
        """`candidates` are names and paths of restics, the first fit one is used; `versions` what they said before."""
        self._candidates = candidates
        self._versions = versions
        self._cache_folder = cache_folder
        self._chosen: dict[str, ToolFound] = {}

    async def tools(self, host: Host) -> list[ToolFound]:
        """Every restic on that host."""
        return await find_restic(host, self._candidates, self._versions)

    async def open(self, host: Host, site: Site, password: str, scratch: str = "") -> OpenRepository:
        """The repository as reached from `host`; found unreachable in seconds. Its password is not tried yet.

        Temporary files go into `scratch` where one is given.
        """
        tool = await self._restic_of(host)
        await preflight(host, site.repository.address)
        repository = Repository(site.repository.address, self._cache_folder, scratch)
        return OpenRepository(site, host, Restic(host, tool.path, repository, password), tool.version)

    async def _restic_of(self, host: Host) -> ToolFound:
        """The restic on that host, looked for once: behind a link its version would be asked of it each time."""
        known = self._chosen.get(host.name)
        if known is None or await host.stat(known.path) is None:
            known = self._chosen[host.name] = the_fit_restic(await self.tools(host))
        return known


def _vanished(folder: str) -> UserError:
    return UserError(
        text("The repository at {folder} vanished while it was written to.", folder=folder),
        text("What was just saved is not in it, and does not count as saved. What it held before is on its disk."),
        text("Plug the disk in again, remove what stands in {folder} without it, and start anew.", folder=folder),
        "repository.vanished",
    )
