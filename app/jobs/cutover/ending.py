"""What follows when a site is whole again: what is not needed any more is cleared away, and the plan is settled."""

from __future__ import annotations

from app.foundation.errors import Problem, UserError
from app.foundation.events import Warned
from app.foundation.words import text
from app.jobs.cutover.plan import StagingPlan, State
from app.jobs.cutover.shelf import Shelf
from app.jobs.effects.effect import World


async def ended(plan: StagingPlan, state: State, world: World, shelf: Shelf) -> None:
    """What cannot be cleared away is told, and no reason to call a whole site unfinished."""
    for effect in plan.when_new if state is State.NEW else plan.when_old:
        try:
            await effect.do(world)
        except UserError as error:
            world.ctx.emit(Warned(warning=_left_behind(error.problem)))
    await shelf.settle(plan, state, world.ctx.host)


def _left_behind(why: Problem) -> Problem:
    return Problem(
        text("Something of the restore could not be cleared away. {what}", what=why.what),
        text("The site is whole; it only takes up room."),
        why.next,
        "restore.left-behind",
        why.detail,
    )
