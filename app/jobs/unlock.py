"""Removes the locks in a repository that belong to nobody any more; those of work that goes on stay."""

from __future__ import annotations

import asyncio
import platform
import time

import msgspec

from app.hosts.tree import is_remains
from app.jobs.repositories import OpenRepository
from app.tools.restic.output import Lock

BURIED_WITHIN = 10.0
"""Seconds in which the system takes notice of an orphan's end; until then restic believes that it works."""

LOOK_AGAIN = 0.05


class Unlocked(msgspec.Struct, frozen=True):
    """The locks that were removed, and those that stay because somebody works under them."""

    removed: tuple[Lock, ...] = ()
    left: tuple[Lock, ...] = ()


async def unlock_stale(repository: OpenRepository) -> Unlocked:
    """Removes the locks of processes of this computer that are gone, and those that restic itself calls stale.

    These are the ones that were not renewed for half an hour, as every working restic does every five minutes.
    """
    before = await repository.restic.locks()
    if not before:
        return Unlocked()
    await _buried(before)
    await repository.restic.unlock()
    left = await repository.restic.locks()
    kept = {lock.id for lock in left}
    return Unlocked(tuple(lock for lock in before if lock.id not in kept), tuple(left))


async def _buried(locks: list[Lock]) -> None:
    """Waits until the holders here that are dead are gone from the system's list of processes as well."""
    pids = [lock.pid for lock in locks if lock.hostname == platform.node()]
    until = time.monotonic() + BURIED_WITHIN
    while any(map(is_remains, pids)) and time.monotonic() < until:  # noqa: ASYNC110  no children of ours: nobody tells
        await asyncio.sleep(LOOK_AGAIN)
