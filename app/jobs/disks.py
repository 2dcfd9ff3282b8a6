"""The disks that repositories are on: which one is to be plugged in, and when one has come.

A repository in a folder of this computer may be on a disk that somebody carries away. Which disk that is, is noted
whenever the repository is seen there. A disk that is pulled out leaves an empty folder, in which a new repository could
be made, or a backup be written beside the real one: so its disk is looked for before a repository is opened.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Collection
from functools import partial
from pathlib import Path, PurePath, PurePosixPath

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.words import text
from app.settings.addresses import parsed
from app.settings.model import Site
from app.settings.private_files import make_folder, read_file, write_file
from app.settings.sites import Sites
from app.tools.volumes import Volume, label_of, mounted, volume_of

LOOKS_EVERY = 2.0  # seconds between two looks at what is mounted
AWAY = "repository.disk-away"


class Disk(msgspec.Struct, frozen=True):
    """A disk by its label, and where it is mounted when it is here."""

    label: str
    mount: str


class SiteDisk(msgspec.Struct, frozen=True):
    """The disk of a site's repository, and whether the repository is `here` now."""

    site: str
    title: str
    label: str
    here: bool


class Disks:
    """Knows on which disks repositories were seen; `file` keeps that between two starts."""

    def __init__(
        self,
        file: Path,
        sites: Sites,
        blocking: Blocking,
        *,
        mounted: Callable[[], Collection[Volume]] = mounted,
        label_of: Callable[[Volume], str] = label_of,
    ) -> None:
        """`mounted` and `label_of` stand in for the system's own."""
        self._file = file
        self._sites = sites
        self._blocking = blocking
        self._mounted = mounted
        self._label_of = label_of
        self._known: dict[str, Disk] | None = None

    async def expect(self, site: Site) -> None:
        """Notes the disk that the site's repository is on; raises `repository.disk-away` where it is to be plugged in.

        A repository that is on no disk of its own, or not in a folder of this computer, is none of its business.
        """
        folder = _folder_of(site)
        if folder:
            disk, here = await self._blocking.call("files", partial(self._look, folder))
            if disk is not None and not here:
                raise _away(site, disk, folder)

    async def states(self) -> list[SiteDisk]:
        """The sites whose repositories are on disks of their own, by name."""
        found = []
        for site in await self._sites.all():
            folder = _folder_of(site)
            disk, here = await self._blocking.call("files", partial(self._look, folder)) if folder else (None, False)
            if disk is not None:
                found.append(SiteDisk(site.name, site.title or site.name, disk.label, here))
        return found

    async def changes(self) -> AsyncGenerator[list[SiteDisk], None]:
        """How the disks are: at once, and whenever one has come or gone."""
        before: Collection[Volume] | None = None
        told: list[SiteDisk] | None = None
        while True:
            with contextlib.suppress(UserError):  # a database that is busy for a moment is asked again
                now = await self._blocking.call("files", self._mounted)
                if now != before:
                    states = await self.states()
                    before = now
                    if states != told:
                        told = states
                        yield states
            await asyncio.sleep(LOOKS_EVERY)

    def _look(self, folder: str) -> tuple[Disk | None, bool]:
        """The disk of a repository, None where it is on none of its own, and whether the repository is there."""
        volumes = self._mounted()
        known = self._recall()
        if (Path(folder) / "config").is_file():
            disk = self._disk_under(folder, volumes)
            if known.get(folder) != disk:
                self._remember(folder, disk)
            return disk, True
        disk = known.get(folder) or _by_its_path(folder)
        return (None if disk is None or _is_mounted(disk, volumes) else disk), False

    def _disk_under(self, folder: str, volumes: Collection[Volume]) -> Disk | None:
        volume = volume_of(folder, volumes)
        if volume is None or PurePath(volume.mount) == PurePath(Path(folder).anchor) == PurePath(Path.home().anchor):
            return None
        return Disk(self._label_of(volume), volume.mount)

    def _recall(self) -> dict[str, Disk]:
        if self._known is None:
            self._known = {}
            with contextlib.suppress(UserError, msgspec.MsgspecError, UnicodeDecodeError):  # damaged: it is noted anew
                self._known = msgspec.json.decode(read_file(self._file) or b"{}", type=dict[str, Disk])
        return self._known

    def _remember(self, folder: str, disk: Disk | None) -> None:
        known = {each: on for each, on in self._recall().items() if each != folder}
        self._known = known | ({folder: disk} if disk is not None else {})
        with contextlib.suppress(UserError):  # a full disk: it is noted the next time
            make_folder(self._file.parent)
            write_file(self._file, msgspec.json.encode(self._known))


def _folder_of(site: Site) -> str:
    address = parsed(site.repository.address)
    return address.path if address.scheme == "local" else ""


def _is_mounted(disk: Disk, volumes: Collection[Volume]) -> bool:
    return any(PurePath(volume.mount) == PurePath(disk.mount) for volume in volumes)


def _by_its_path(folder: str) -> Disk | None:
    """The disk of a repository that was never seen here, by the folders that desktops make for what is plugged in."""
    parts = PurePosixPath(folder).parts
    for head, length in ((("/", "media"), 4), (("/", "run", "media"), 5), (("/", "Volumes"), 3)):
        mount = PurePosixPath(*parts[:length])
        if parts[: len(head)] == head and len(parts) > length and not Path(mount).exists():
            return Disk(mount.name, str(mount))
    return None


def _away(site: Site, disk: Disk, folder: str) -> UserError:
    return UserError(
        text("The disk {disk} is not plugged in.", disk=disk.label),
        text(
            "The backups of {site} are on it. Nothing was read and nothing was changed.", site=site.title or site.name
        ),
        text("Plug in {disk}.", disk=disk.label),
        AWAY,
        folder,
    )
