"""Takes a finished restore back, while the old state stands: its plan, reversed, is a cutover like any other."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from app.foundation.errors import Refused
from app.foundation.events import Phase
from app.foundation.words import text
from app.jobs.cutover.forward import carry_out, check_smoke
from app.jobs.cutover.job import expect_smoke, secrets_of
from app.jobs.cutover.names import kept_tree, kept_within
from app.jobs.cutover.plan import Kept, Spot, StagingPlan
from app.jobs.cutover.recover import Found, look
from app.jobs.cutover.shelf import Shelf
from app.jobs.effects.commands import RunCommand
from app.jobs.effects.effect import World
from app.jobs.effects.every import LEAVES_NO_TRACE, AnyEffect, DatabaseExchange, TakenBack
from app.jobs.effects.mysql import ChangePrograms, LockAccounts, SwapTables, UnlockAccounts
from app.jobs.effects.mysql_dump import TakeDump
from app.jobs.effects.owning import MakeFolder
from app.jobs.effects.paths import ExchangePaths, RenamePath, pure
from app.jobs.effects.trading import TradePlaces
from app.jobs.plan import Ctx, OnFailure, Plan, Step
from app.jobs.sources.driver import Equipment
from app.records.run import new_run_id
from app.settings.command import CommandWhen

KIND = "restore-undo"

BYPASS_BYTES = 16

_BEFORE = (CommandWhen.MAINTENANCE_ON, CommandWhen.STOP)


def reversed_plan(plan: StagingPlan, run: str) -> StagingPlan:
    """The same commands around everything undone, in reverse; with a maintenance token of its own."""
    bypass = secrets.token_hex(BYPASS_BYTES)
    commands = [_with_bypass(one, plan.bypass, bypass) for one in plan.effects if isinstance(one, RunCommand)]
    before = [one for one in commands if one.when in _BEFORE and not one.staged]
    after = [one for one in commands if one.when not in _BEFORE]
    dumps = list(_dumps(plan, run))
    swaps = [
        *_holders(plan, run),
        *(_backwards(one, plan, run) for one in reversed(plan.effects) if not isinstance(one, LEAVES_NO_TRACE)),
    ]
    swaps = [_dumped_anew(one, dumps) for one in swaps]
    return StagingPlan(
        run=run,
        kind=KIND,
        site=plan.site,
        point=plan.point,
        choice=plan.run,
        effects=(*dumps, *before, *swaps, *after),
        spots=tuple(Spot(spot.host, spot.path, str(pure(spot.path).parent)) for spot in plan.spots),
        when_new=tuple(one.removal for one in plan.effects if isinstance(one, TakeDump)),
        kept=(*_kept_trees(swaps), *_kept_databases(plan, run), *(_kept_dump(one, plan) for one in dumps)),
        bypass=bypass,
    )


def _kept_trees(swaps: Sequence[AnyEffect]) -> Iterator[Kept]:
    """What was restored is put aside in its turn, with all that was written since."""
    for one in swaps:
        if isinstance(one, ExchangePaths):
            yield Kept(host=one.host, name=one.kept, fact=one.old)
        elif isinstance(one, RenamePath):
            yield Kept(host=one.host, name=one.target, fact=one.inode)


def _kept_databases(plan: StagingPlan, run: str) -> Iterator[Kept]:
    for one in plan.effects:
        if isinstance(one, DatabaseExchange):
            name, fact = one.aside(run)
            sources = [kept.source for kept in plan.kept if kept.source and kept.fact in one.facts]
            yield Kept(host=one.host, name=name, fact=fact, source=next(iter(sources), one.live))


def _dumps(plan: StagingPlan, run: str) -> Iterator[TakeDump]:
    """What is live now is dumped before, too."""
    swaps = {one.mark: one for one in plan.effects if isinstance(one, SwapTables)}
    for one in plan.effects:
        if isinstance(one, TakeDump):
            yield one.again(run, swaps[one.mark].old)


def _dumped_anew(effect: AnyEffect, dumps: Sequence[TakeDump]) -> AnyEffect:
    """The effect, with the dump of this run in place of that of the run before."""
    inner = effect.effect if isinstance(effect, TakenBack) else effect
    if not isinstance(inner, LockAccounts | UnlockAccounts | ChangePrograms | SwapTables):
        return effect
    at = next((dump.at for dump in dumps if dump.at.key == inner.at.key), inner.at)
    changed = msgspec.structs.replace(inner, at=at)
    return TakenBack(changed) if isinstance(effect, TakenBack) else changed


def _kept_dump(dump: TakeDump, plan: StagingPlan) -> Kept:
    sources = [kept.source for kept in plan.kept if kept.source and kept.fact == dump.mark.number]
    return Kept(host=dump.at.host, name=dump.at.dump, fact=0, source=next(iter(sources), dump.live))


def _holders(plan: StagingPlan, run: str) -> Iterator[MakeFolder]:
    """Where the old was put into a folder, as nothing can stand beside the tree, what was restored gets one too."""
    for one in plan.effects:
        if isinstance(one, MakeFolder):
            yield MakeFolder(host=one.host, path=kept_within(str(pure(one.path).parent), run))


def _aside(plan: StagingPlan, run: str, host: str, live: str) -> str:
    """What something that was restored is called once it is put aside."""
    folders = [one.path for one in _holders(plan, run) if one.host == host]
    holding = next((folder for folder in folders if pure(folder).parent == pure(live).parent), None)
    return str(pure(holding) / pure(live).name) if holding is not None else kept_tree(live, run)


def _backwards(effect: AnyEffect, plan: StagingPlan, run: str) -> AnyEffect:
    """What came where nothing had been is put aside; where it was staged is gone."""
    if isinstance(effect, ExchangePaths):
        return effect.reversed(_aside(plan, run, effect.host, effect.live))
    if isinstance(effect, DatabaseExchange):
        return effect.reversed(run)
    if isinstance(effect, RenamePath) and effect.target not in {kept.name for kept in plan.kept}:
        aside = _aside(plan, run, effect.host, effect.target)
        return RenamePath(host=effect.host, path=effect.target, target=aside, inode=effect.inode)
    if not isinstance(effect, TakenBack):
        return TakenBack(effect)
    return _traded_again(effect.effect, plan, run) if isinstance(effect.effect, TradePlaces) else effect.effect


def _traded_again(trade: TradePlaces, plan: StagingPlan, run: str) -> TradePlaces:
    """The tree that it carries from is put aside once more, under the name that this run gives it."""
    exchanges = [one for one in plan.effects if isinstance(one, ExchangePaths) and one.host == trade.host]
    return trade.from_tree(next(_aside(plan, run, one.host, one.live) for one in exchanges if one.new == trade.old))


def _with_bypass(command: RunCommand, before: str, now: str) -> RunCommand:
    if not before:
        return command
    run, undoing = (tuple(word.replace(before, now) for word in words) for words in (command.run, command.undoing))
    return msgspec.structs.replace(command, run=run, undoing=undoing)


@dataclass
class UndoState:
    """What became of it; `found` is how the restore stood before."""

    found: Found | None = None
    is_done: bool = False


@dataclass(frozen=True)
class _Undo:
    finished: StagingPlan
    plan: StagingPlan
    equipment: Equipment
    shelf: Shelf

    def steps(self) -> tuple[Step[UndoState], ...]:
        return (
            Step("look", text("See whether the old state still stands"), Phase.PREFLIGHT, self._look),
            Step("cutover", text("Put the old state back"), Phase.CUTOVER, self._carry_out),
            Step("smoke", text("See whether the site works"), Phase.FINISH, self._smoke, on_failure=OnFailure.PARTIAL),
        )

    async def _look(self, ctx: Ctx, state: UndoState) -> None:
        state.found = await look(self.finished, World(ctx, self.equipment))
        if not state.found.is_swapped:
            raise _gone(self.finished, state.found)

    async def _carry_out(self, ctx: Ctx, state: UndoState) -> None:
        await carry_out(self.plan, World(ctx, self.equipment), self.shelf)
        state.is_done = True
        await self.shelf.forget(self.finished.site.name, self.finished.run)

    async def _smoke(self, ctx: Ctx, state: UndoState) -> None:
        if state.is_done:
            expect_smoke(await check_smoke(self.plan, World(ctx, self.equipment)))


def plan_undo(finished: StagingPlan, equipment: Equipment, shelf: Shelf) -> Plan[UndoState]:
    """The steps of putting back what that finished restore put aside.

    Raises `Refused` `restore.nothing-kept` for one that has changed a tree in place.
    """
    if finished.is_in_place:
        raise _nothing_kept(finished)
    run = new_run_id()
    return Plan(
        run=run,
        kind=KIND,
        site=finished.site,
        choice=finished.run,
        key=f"{KIND} {finished.run}",
        steps=_Undo(finished, reversed_plan(finished, run), equipment, shelf).steps(),
        state=UndoState(),
        optional_secrets=secrets_of(finished.site),
        needs_whole_site=True,
    )


def undo_phrase(site: str, run: str) -> str:
    """What a person types where a click alone would be too little."""
    return f"PUT BACK {site} {run[:8]}"


def expect_undo_phrase(site: str, run: str, typed: str) -> None:
    """Raises `Refused` `restore.undo-not-confirmed` unless the phrase was typed."""
    phrase = undo_phrase(site, run)
    if typed != phrase:
        raise Refused(
            text("Putting the old state back takes the place of what is live now."),
            text("Nothing was changed: that was not the phrase."),
            text("Type {phrase}", phrase=phrase),
            "restore.undo-not-confirmed",
        )


def no_way_back(site: str, run: str) -> Refused:
    """Nothing is known here of that run that could be taken back."""
    return Refused(
        text("Nothing can be taken back of the run {run} of {site}.", run=run[:8], site=site),
        text("Nothing was changed. It is no restore that this computer finished, or it was taken back already."),
        text("Look for the run of the restore: overwinter runs {site} --type restore", site=site),
        "restore.no-way-back",
    )


def _nothing_kept(plan: StagingPlan) -> Refused:
    return Refused(
        text("The restore {run} has changed files in place: nothing of the old state was kept.", run=plan.run[:8]),
        text("Nothing was changed."),
        text("Restore the backup of the state before, which overwinter run show {site} {run} names.",
             site=plan.site.name, run=plan.run[:8]),
        "restore.nothing-kept",
    )  # fmt: skip


def _gone(plan: StagingPlan, found: Found) -> Refused:
    return Refused(
        text("The old state that the restore {run} put aside does not stand any more.", run=plan.run[:8]),
        text("Nothing was changed."),
        text("Restore a recovery point from before it; its safety backup is the nearest."),
        "restore.old-state-gone",
        "\n".join(f"{fact.effect}: {fact.happened.value}" for fact in found.facts),
    )
