"""Puts a site right whose cutover died: by the plan and by what is found, never by what anybody remembers.

Before the first rename it goes back, after the last one forward, between them back, unless a person says otherwise; a
tree that is changed in place goes forward from its first change on.
All of it may be done again, also by somebody else, when it dies in its turn.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec

from app.foundation.errors import UserError
from app.foundation.events import Rollback, RolledBack, Warned
from app.foundation.words import Text
from app.jobs.cutover.ending import ended
from app.jobs.cutover.forward import done, not_up, tell, undo_all
from app.jobs.cutover.plan import StagingPlan, State
from app.jobs.cutover.shelf import Shelf, read_plan
from app.jobs.effects.commands import RunCommand
from app.jobs.effects.effect import Happened, World, unclear
from app.jobs.effects.every import AnyEffect


class Wanted(enum.Enum):
    """What a person wants to become of an unfinished cutover."""

    WHAT_IS_NEARER = ""
    FINISH = "finish"
    ROLL_BACK = "roll-back"


class Fact(msgspec.Struct, frozen=True):
    """Whether one of the effects that decide had happened."""

    effect: Text
    happened: Happened


class Found(msgspec.Struct, frozen=True):
    """An unfinished cutover, and how far it had come."""

    run: str
    kind: str
    point: str
    facts: tuple[Fact, ...]

    @property
    def is_swapped(self) -> bool:
        """Whether all that decides had happened."""
        return bool(self.facts) and all(fact.happened is Happened.YES for fact in self.facts)

    @property
    def is_begun(self) -> bool:
        """Whether any of it had."""
        return any(fact.happened is not Happened.NO for fact in self.facts)

    @property
    def is_half(self) -> bool:
        """Whether a tree that is changed in place is neither: forward it comes in any case."""
        return any(fact.happened is Happened.HALF for fact in self.facts)

    @property
    def is_between(self) -> bool:
        """Whether a part of it had, so that the site is neither."""
        return self.is_half or len({fact.happened for fact in self.facts} - {Happened.UNCLEAR}) > 1


class Did(enum.Enum):
    """What was done about it."""

    NOTHING = "nothing"
    FINISHED = "finished"
    ROLLED_BACK = "rolled-back"


class Recovered(msgspec.Struct, frozen=True):
    """What came of it; `state` is what the site is now, None where it was whole and nobody knows since when."""

    found: Found | None = None
    did: Did = Did.NOTHING
    state: State | None = None


async def end_programs(plan: StagingPlan, world: World, also: Sequence[str] = ()) -> None:
    """Ends what the dead run, and the runs `also`, have left running on any of the hosts."""
    for name in plan.hosts:
        for run in (plan.run, *also):
            await world.ctx.host(name).end_orphans(run)


async def look(plan: StagingPlan, world: World) -> Found:
    """How far it came. Raises where the world does not answer."""
    facts = []
    for number in plan.decisive:
        effect = plan.effects[number]
        facts.append(Fact(effect.title, await effect.happened(world)))
    return Found(plan.run, plan.kind, plan.point, tuple(facts))


async def is_over(plan: StagingPlan, world: World) -> bool:
    """Whether somebody else has put it right: the plan stands on none of its hosts any more.

    So it is, too, when it died before it was placed on the first of them: then nothing had been done.
    """
    for spot in plan.spots:
        found = await read_plan(world.ctx.host(spot.host), spot.path)
        if found is not None and found.run == plan.run:
            return False
    return bool(plan.spots)


async def close_over(plan: StagingPlan, found: Found, world: World, shelf: Shelf) -> Recovered:
    """What is left to do for one that is over: its plan is put where it belongs. What stands there now decides; where
    that fits neither, the site has gone on since."""
    if any(fact.happened is Happened.UNCLEAR for fact in found.facts):
        await shelf.settle(plan, State.OLD, world.ctx.host)
        return Recovered(found)
    state = State.NEW if found.is_swapped else State.OLD
    await ended(plan, state, world, shelf)
    return Recovered(found, Did.NOTHING, state)


async def recover(plan: StagingPlan, found: Found, wanted: Wanted, world: World, shelf: Shelf) -> Recovered:
    """Goes where the facts lead. Raises `effect.unclear` where they fit neither, and what keeps it from its end: then
    it is still unfinished."""
    _expect_clear(found)
    if wanted is Wanted.FINISH or (wanted is Wanted.WHAT_IS_NEARER and (found.is_swapped or found.is_half)):
        return await _go_on(plan, found, wanted, world, shelf)
    return await _go_back(plan, found, world, shelf)


def _expect_clear(found: Found) -> None:
    for fact in found.facts:
        if fact.happened is Happened.UNCLEAR:
            raise unclear(fact.effect, "\n".join(f"{one.effect}: {one.happened.value}" for one in found.facts))


async def _go_on(plan: StagingPlan, found: Found, wanted: Wanted, world: World, shelf: Shelf) -> Recovered:
    try:
        await _do_the_rest(plan, found, world)
    except UserError as error:
        if wanted is Wanted.FINISH:
            raise
        world.ctx.emit(Warned(warning=error.problem))
        return await _go_back(plan, found, world, shelf)
    await ended(plan, State.NEW, world, shelf)
    return Recovered(found, Did.FINISHED, State.NEW)


async def _do_the_rest(plan: StagingPlan, found: Found, world: World) -> None:
    """All of it, each asking for its own fact. Commands that led up to what has happened are not run again: a site
    that is up already would go down for them."""
    over = plan.decisive[-1] if found.is_swapped else 0
    for number, effect in enumerate(plan.effects[: plan.settled]):
        if number < over and isinstance(effect, RunCommand):
            continue
        tell(world, effect.title, number + 1, plan.settled)
        await done(effect, world)


async def _go_back(plan: StagingPlan, found: Found, world: World, shelf: Shelf) -> Recovered:
    if found.is_begun:
        await _hold_off(plan.effects[: plan.decisive[0]], world)
    failed = await undo_all(_begun(plan, found), world)
    if failed:
        world.ctx.emit(RolledBack(rollback=Rollback.FAILED))
        raise not_up(failed[0])
    await ended(plan, State.OLD, world, shelf)
    world.ctx.emit(RolledBack(rollback=Rollback.DONE))
    return Recovered(found, Did.ROLLED_BACK, State.OLD)


def _begun(plan: StagingPlan, found: Found) -> list[AnyEffect]:
    """What may have been done. Commands behind an exchange that has not happened were not run, or were taken back."""
    missing = [number for number, fact in zip(plan.decisive, found.facts, strict=True) if fact.happened is Happened.NO]
    reached = min(missing, default=plan.settled)
    effects = enumerate(plan.effects[: plan.settled])
    return [effect for number, effect in effects if number < reached or not isinstance(effect, RunCommand)]


async def _hold_off(effects: Sequence[AnyEffect], world: World) -> None:
    """Maintenance and stopped services once more: a reboot may have started everything meanwhile."""
    for effect in effects:
        if isinstance(effect, RunCommand):
            try:
                await effect.do(world)
            except UserError as error:  # the way back is worth more than this
                world.ctx.emit(Warned(warning=error.problem))
