"""Looks into snapshots and takes something out of them, to a place where nothing stands yet."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from app.foundation.errors import Refused
from app.foundation.words import text
from app.hosts.host import Host
from app.jobs.points import site_snapshot, site_snapshots
from app.jobs.repositories import OpenRepository
from app.tools.restic.backup import Progress
from app.tools.restic.output import Entry
from app.tools.restic.tree import Restored, Take, Tree


class Hit(msgspec.Struct, frozen=True):
    """A name that was found, and in which snapshot."""

    snapshot: str
    path: str
    type: str
    size: int


class Saved(msgspec.Struct, frozen=True):
    """What was saved where; `files` counts folders and links too, `bytes` is their content."""

    snapshot: str
    path: str
    target: str
    files: int
    bytes: int


async def list_folder(repository: OpenRepository, snapshot: str, path: str, take: Take) -> None:
    """Lists a folder of a snapshot of this site, a batch at a time."""
    tree = await _tree(repository, snapshot)
    await tree.ls(take, path)


async def find_name(repository: OpenRepository, pattern: str) -> list[Hit]:
    """Where names like `pattern` stand in this site's snapshots, newest snapshot first."""
    ours = {snapshot.id for snapshot in await site_snapshots(repository.restic, repository.site)}
    found = await repository.restic.find(pattern)
    return [_hit(one.snapshot, entry) for one in found if one.snapshot in ours for entry in one.matches]


def _hit(snapshot: str, entry: Entry) -> Hit:
    return Hit(snapshot, entry.path, entry.type, entry.size)


async def save_path(
    repository: OpenRepository, snapshot: str, path: str, target: Path, progress: Progress | None = None
) -> Saved:
    """Saves a file or folder of a snapshot as `target`, with its mode and times.

    It is put together beside the target under another name and gets its own when it is whole, so that a save that
    was cut short never looks like one. Nothing is ever replaced.
    """
    tree = await _tree(repository, snapshot)
    await _expect_room(repository, target)
    async with _beside(repository.host, target) as beside:
        restored, whole = await _put(tree, path, beside, progress)
        await repository.host.rename(whole, str(target))
    return Saved(snapshot, path, str(target), restored.files, restored.bytes)


async def save_paths(
    repository: OpenRepository, snapshot: str, paths: Sequence[str], target: Path, progress: Progress | None = None
) -> Saved:
    """As `save_path`, several of them into a new folder; of those that have the same name the later get a number."""
    tree = await _tree(repository, snapshot)
    await _expect_room(repository, target)
    host, files, size = repository.host, 0, 0
    async with _beside(host, target) as beside:
        gathered = f"{beside}/whole"
        taken: set[str] = set()
        for number, path in enumerate(paths):
            name = (await tree.real_path(path)).rpartition("/")[2]
            free = _free_name(name, taken)
            restored, whole = await _put(tree, path, gathered if free == name else f"{beside}/{number}", progress)
            if free != name:
                await host.rename(whole, f"{gathered}/{free}")
            files, size = files + restored.files, size + restored.bytes
        await host.rename(gathered, str(target))
    return Saved(snapshot, "", str(target), files, size)


def _free_name(name: str, taken: set[str]) -> str:
    free, number = name, 1
    while free.casefold() in taken:  # also where the file system does not tell case apart
        number += 1
        free = f"{Path(name).stem} ({number}){Path(name).suffix}"
    taken.add(free.casefold())
    return free


@asynccontextmanager
async def _beside(host: Host, target: Path) -> AsyncIterator[str]:
    """The name of a folder beside the target, for what is not whole yet; nothing of it stays."""
    beside = str(target.parent / f".overwinter-saving-{secrets.token_hex(6)}")
    try:
        yield beside
    finally:
        await host.remove_tree(beside)


async def _put(tree: Tree, path: str, folder: str, progress: Progress | None) -> tuple[Restored, str]:
    """Restores it below the folder; gives where it stands there."""
    name = (await tree.real_path(path)).rpartition("/")[2]
    restored = await tree.restore(path, folder, progress)
    return restored, f"{folder}/{name}" if name else folder


async def _expect_room(repository: OpenRepository, target: Path) -> None:
    if await repository.host.stat(str(target)) is not None:
        raise Refused(
            text("There is something at {target} already.", target=str(target)),
            text("Nothing was saved, and what stands there is unchanged."),
            text("Choose a name that is free."),
            "save.target-exists",
        )
    if await repository.host.stat(str(target.parent)) is None:
        raise Refused(
            text("The folder {folder} is not there.", folder=str(target.parent)),
            text("Nothing was saved."),
            text("Make the folder, or choose another."),
            "save.no-folder",
        )


async def _tree(repository: OpenRepository, snapshot: str) -> Tree:
    found = await site_snapshot(repository.restic, repository.site, snapshot)
    return Tree(repository.restic.session, found.id)
