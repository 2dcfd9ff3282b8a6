"""Does the effects of a plan in order; when one fails, or somebody cancels, undoes them in reverse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from typing import Any

from app.foundation.errors import Problem, UserError
from app.foundation.events import Progress, Rollback, RolledBack, SiteTurned, Warned
from app.foundation.words import Text, text
from app.hosts.running import outlast
from app.jobs.cutover.ending import ended
from app.jobs.cutover.plan import StagingPlan, State
from app.jobs.cutover.shelf import UNFINISHED, Shelf
from app.jobs.effects.commands import RunCommand
from app.jobs.effects.effect import Happened, World, is_unclear
from app.jobs.effects.every import AnyEffect

STEP = "cutover"

TRIES = 3
TRY_AGAIN_AFTER = 1.0
"""Seconds: what a lost link has kept from being undone is tried again."""


async def carry_out(plan: StagingPlan, world: World, shelf: Shelf) -> float:
    """Writes the plan down and carries it out, up to the smoke checks; afterwards the site is the new one.

    Gives for how many seconds it was being exchanged, from the first command to the last.

    On an error, and on a cancel, the site is the old one again before that goes on up; the run is told so by a
    `RolledBack`. Raises `restore.unfinished` where that could not be done, or where another cutover is not over; in the
    latter case nothing was changed.
    """
    await shelf.place(plan, world.ctx.host)
    begun: list[AnyEffect] = []
    world.ctx.emit(SiteTurned(up=False))
    began = time.monotonic()
    try:
        for effect in plan.effects[: plan.settled]:
            begun.append(effect)
            tell(world, effect.title, len(begun), plan.settled)
            await done(effect, world)
    except BaseException as why:
        await _to_its_end(_taken_back(plan, begun, world, shelf, why))
        raise
    world.ctx.emit(SiteTurned(up=True))
    down = time.monotonic() - began
    settling = asyncio.create_task(_settled(plan, world, shelf))
    await outlast(settling)  # a cancel that comes now comes too late: whoever looks for it finds it in the task
    settling.result()
    return down


async def check_smoke(plan: StagingPlan, world: World) -> list[Problem]:
    """The smoke checks: what is wrong with the new site, if anything is. Nothing is rolled back for it."""
    found = []
    for effect in plan.effects[plan.settled :]:
        try:
            await effect.do(world)
        except UserError as error:
            found.append(error.problem)
    return found


async def done(effect: AnyEffect, world: World) -> None:
    """Does it. An error says nothing of whether it happened all the same: where it did, it is done to its end."""
    try:
        await effect.do(world)
    except UserError as error:
        if is_unclear(error.problem) or not await _has_happened(effect, world):
            raise
        await effect.do(world)
        world.ctx.emit(Warned(warning=error.problem))


async def _has_happened(effect: AnyEffect, world: World) -> bool:
    try:
        return await effect.happened(world) is Happened.YES
    except UserError:  # it cannot be asked now; the first error is the one to tell
        return False


async def undo_all(effects: Sequence[AnyEffect], world: World) -> list[Problem]:
    """In reverse. Gives what commands failed, which leaves the data whole but the site not up.

    Any other effect that cannot be undone stops it: what comes before it may only be undone after it.
    """
    failed: list[Problem] = []
    for number, effect in enumerate(reversed(effects), 1):
        tell(world, text("Take back: {step}", step=effect.title), number, len(effects))
        try:
            await _undone(effect, world)
        except UserError as error:
            if not isinstance(effect, RunCommand):
                raise
            failed.append(error.problem)
    return failed


async def _undone(effect: AnyEffect, world: World) -> None:
    for _ in range(TRIES - 1):
        try:
            return await effect.undo(world)
        except UserError as error:
            if not error.code.startswith("host."):
                raise
            await asyncio.sleep(TRY_AGAIN_AFTER)
    return await effect.undo(world)


async def _taken_back(
    plan: StagingPlan, begun: Sequence[AnyEffect], world: World, shelf: Shelf, why: BaseException
) -> None:
    try:
        await _old_again(plan, begun, world, shelf)
    except Exception as error:  # noqa: BLE001  goes on up as what it means for the site
        world.ctx.emit(RolledBack(rollback=Rollback.FAILED))
        raise still_unfinished(plan, error) from why
    world.ctx.emit(RolledBack(rollback=Rollback.DONE))
    world.ctx.emit(SiteTurned(up=True))


async def _old_again(plan: StagingPlan, begun: Sequence[AnyEffect], world: World, shelf: Shelf) -> None:
    failed = await undo_all(begun, world)
    if failed:
        raise not_up(failed[0])
    await ended(plan, State.OLD, world, shelf)


async def _settled(plan: StagingPlan, world: World, shelf: Shelf) -> None:
    try:
        await ended(plan, State.NEW, world, shelf)
    except UserError as error:
        raise still_unfinished(plan, error) from error


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Whatever is cancelled meanwhile; then the cancel goes on."""
    task = asyncio.create_task(work)
    cancelled = await outlast(task)
    task.result()
    if cancelled is not None:
        raise cancelled


def tell(world: World, title: Text, number: int, of: int) -> None:
    """Tells which effect it is at."""
    world.ctx.emit(Progress(key=STEP, files=number - 1, total_files=of, current=str(title)))


def not_up(why: Problem) -> UserError:
    """The data are those of one state, but a command that brings the site up failed."""
    return UserError(
        why.what,
        text("The site's files and databases are whole, but it may not be up."),
        why.next,
        why.code,
        why.detail,
    )


def still_unfinished(plan: StagingPlan, error: BaseException) -> UserError:
    """Neither forward nor back could be gone to its end."""
    problem = error.problem if isinstance(error, UserError) else None
    return UserError(
        text("The restore is unfinished. {what}", what=problem.what if problem else text("Something went wrong.")),
        text("The site may be half the old one and half the new one, and down; nothing is lost."),
        text("Mend what is wrong, then: overwinter recover {site}", site=plan.site.name),
        UNFINISHED,
        f"{problem.code}\n{problem.detail}".strip() if problem else repr(error),
    )
