"""What stays of the old state after a cutover, for a while; and its removal, of exactly that.

What it is stands in the staging plan of the finished cutover, which is kept as long. A tree is renamed before it is
removed, so that half of one is never taken for the old state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.words import text
from app.hosts.host import Below, Host
from app.jobs.cutover.plan import Kept, StagingPlan
from app.jobs.cutover.shelf import Shelf
from app.jobs.effects.effect import World
from app.jobs.effects.owning import MakeFolder
from app.jobs.effects.paths import ExchangePaths, RenamePath
from app.jobs.effects.syncing import SyncTree
from app.jobs.restore.file_aside import sqlite_aside
from app.jobs.restore.folder import below, pure
from app.jobs.restore.put_aside import postgresql_aside
from app.jobs.restore.tables_aside import dump_aside, tables_aside

STAYS = timedelta(hours=24)


class Aside(Protocol):
    """An old database, whatever kind it is."""

    async def size(self, world: World) -> int | None:
        """The bytes that it takes; None where it is gone."""

    async def drop(self, world: World, keep: timedelta, now: datetime) -> bool:
        """Removes it when its time is over; False where it was gone already. Raises `Refused` `aside.…` for anything
        that is not exactly what was put aside, or that is needed.
        """


FINDERS: tuple[Callable[[StagingPlan, Kept], Aside | None], ...] = (
    postgresql_aside,
    tables_aside,
    dump_aside,
    sqlite_aside,
)
"""One for each kind of database; what is none of its own is None."""


class Old(msgspec.Struct, frozen=True):
    """Something of the old state: where it is, its bytes (None: it is gone), and until when it stays."""

    run: str
    host: str
    name: str
    bytes: int | None
    since: datetime
    until: datetime


async def old_of(world: World, plan: StagingPlan) -> list[Old]:
    """What is there of the old state, looked at now."""
    return [
        Old(plan.run, kept.host, kept.name, await _size(world, plan, kept), plan.made, plan.made + STAYS)
        for kept in plan.kept
    ]


async def _size(world: World, plan: StagingPlan, kept: Kept) -> int | None:
    if kept.source:
        return await _aside_of(plan, kept).size(world)
    return await _size_of_tree(world.ctx.host(kept.host), kept)


async def _size_of_tree(host: Host, kept: Kept) -> int | None:
    found = await host.stat(kept.name)
    if found is None or found.inode != kept.fact:
        return None
    total = found.size

    async def take(batch: Sequence[Below]) -> None:
        nonlocal total
        total += sum(one.stat.size for one in batch)

    if found.kind.value == "folder":
        await host.walk(kept.name, take)
    return total


async def remove_due(world: World, shelf: Shelf, site: str, now: datetime, at_once: str = "") -> list[str]:
    """Removes what has stayed long enough, and forgets the way back with it; gives the names of what was removed. What
    the run `at_once` has put aside goes whatever its age.

    Raises the first of what could not be removed, after trying all.
    """
    if await shelf.unfinished(site) is not None:
        return []
    removed, failed = [], []
    for run in await shelf.finished_runs(site):
        plan = await shelf.finished(site, run)
        stays = STAYS if run != at_once else timedelta(0)
        if plan is None or now - plan.made < stays:
            continue
        try:
            removed += [kept.name for kept in plan.kept if await _removed(world, plan, kept, stays, now)]
        except UserError as error:
            failed.append(error)
        else:
            await _remove_holders(world, plan)
            await shelf.forget(site, run)
    if failed:
        raise failed[0]
    return removed


async def _remove_holders(world: World, plan: StagingPlan) -> None:
    """The folders that held the old things go when they are empty, and the notes of trees changed in place."""
    for effect in plan.effects:
        if isinstance(effect, MakeFolder):
            await effect.undo(world)
        elif isinstance(effect, SyncTree):
            await world.ctx.host(effect.host).remove_tree(effect.note)


async def _removed(world: World, plan: StagingPlan, kept: Kept, stays: timedelta, now: datetime) -> bool:
    if kept.source:
        return await _aside_of(plan, kept).drop(world, stays, now)
    return await _remove_tree(world.ctx.host(kept.host), plan, kept)


async def _remove_tree(host: Host, plan: StagingPlan, kept: Kept) -> bool:
    """False where it is gone. Raises `Refused` `restore.old-unclear` for anything that is not what was put aside."""
    live, is_replaced = _live_of(plan, kept)
    going = str(below(str(pure(kept.name).parent), f".{pure(live).name}.overwinter-removing-{plan.run[:8]}"))
    found = await host.stat(kept.name)
    if found is not None:
        now_live = await host.stat(live)
        live_inode = now_live.inode if now_live is not None else 0
        if found.inode != kept.fact or live_inode == kept.fact or (is_replaced and not live_inode):
            raise _unclear(kept.name)
        await host.rename(kept.name, going)
    left = await host.stat(going)
    if left is None:
        return False
    if left.inode != kept.fact:
        raise _unclear(going)
    await host.remove_tree(going)
    return True


def _live_of(plan: StagingPlan, kept: Kept) -> tuple[str, bool]:
    """Where it stood, and whether another one took its place there; nothing else is removed."""
    for effect in plan.effects:
        if isinstance(effect, ExchangePaths) and effect.kept == kept.name:
            return effect.live, True
        if isinstance(effect, RenamePath) and effect.target == kept.name:
            return effect.path, False
    raise _unclear(kept.name)


def _aside_of(plan: StagingPlan, kept: Kept) -> Aside:
    for find in FINDERS:
        found = find(plan, kept)
        if found is not None:
            return found
    raise _unclear(kept.name)


def _unclear(name: str) -> Refused:
    return Refused(
        text("What stands at {name} is not what a restore has put aside there, or it is live.", name=name),
        text("It was not removed."),
        text("Look at it, and remove it by hand when it is not needed."),
        "restore.old-unclear",
    )
