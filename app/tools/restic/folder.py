"""A repository that is a folder of this computer, looked at without restic.

Every file of it but its `config` is named by the SHA-256 of its content, so that each says by itself whether it is what
restic wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from app.foundation.blocking import Blocking
from app.hosts import stored_files
from app.settings.addresses import parsed
from app.tools.restic.check import Share

WRITTEN = ("data", "index", "snapshots")
"""The folders of what backups write."""


class RepositoryFolder:
    """The files of a repository in a folder here."""

    def __init__(self, path: Path, blocking: Blocking) -> None:
        self.path = path
        self._blocking = blocking

    async def packs(self) -> Mapping[str, int]:
        """Its packs of data, with their sizes in bytes."""
        return await self._listed("data")

    async def indexes(self) -> Mapping[str, int]:
        """Its indexes, with their sizes in bytes."""
        return await self._listed("index")

    async def snapshots(self) -> Mapping[str, int]:
        """The records of its snapshots, with their sizes in bytes."""
        return await self._listed("snapshots")

    async def written(self) -> dict[str, int]:
        """All that backups wrote: paths below the folder, with the sizes of their files in bytes."""
        found = {kind: await self._listed(kind) for kind in WRITTEN}
        return {_below(kind, name): size for kind, files in found.items() for name, size in files.items()}

    async def is_well(self, below: str) -> bool:
        """Whether the file at this path below it holds, on its disk, what its name says."""
        digest = await self._blocking.call("files", partial(stored_files.sha256_from_disk, self.path / below))
        return digest == Path(below).name

    async def _listed(self, kind: str) -> dict[str, int]:
        return await self._blocking.call("files", partial(stored_files.listed, self.path / kind))


def folder_of(address: str, blocking: Blocking) -> RepositoryFolder | None:
    """The folder that this address of restic's means; None where the repository is elsewhere."""
    parts = parsed(address)
    return RepositoryFolder(Path(parts.path), blocking) if parts.scheme == "local" else None


def size_of_share(packs: Mapping[str, int], share: Share) -> int:
    """How many bytes of these packs are in a share; restic divides them by the first byte of their names."""
    return sum(size for name, size in packs.items() if int(name[:2], 16) % share.of == share.number - 1)


def path_of_pack(pack: str) -> str:
    """Where a pack is below the repository's folder."""
    return f"data/{pack[:2]}/{pack}"


def _below(kind: str, name: str) -> str:
    return path_of_pack(name) if kind == "data" else f"{kind}/{name}"
