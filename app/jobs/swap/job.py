"""The plan of a swap: look and check, back up what is there, put the point's beside it, then exchange the two.

Until CUTOVER nothing that is live is touched. What is to be typed for it is in `chosen`, the exchange in `cutover`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec

from app.foundation.errors import Problem, UserError
from app.foundation.events import ItemFinished, Phase
from app.foundation.words import Text, text
from app.jobs.cutover.forward import carry_out, check_smoke
from app.jobs.cutover.plan import StagingPlan
from app.jobs.cutover.shelf import Shelf
from app.jobs.effects.effect import World
from app.jobs.plan import Ctx, OnFailure, Plan, Step
from app.jobs.repositories import Repositories
from app.jobs.restore.checks import Check, demand, judged
from app.jobs.restore.choice import RestoreChoice, Swap, check_scopes
from app.jobs.restore.contents import Contents
from app.jobs.restore.listing import sum_expected
from app.jobs.restore.ownership import reading_on
from app.jobs.restore.setting import Planned, RestoreState, Setting, item_of, put_away
from app.jobs.sources.driver import Equipment
from app.jobs.swap.around import new_bypass
from app.jobs.swap.chosen import DATABASES, expect_phrase, expect_possible, globals_of, parts_of_choice
from app.jobs.swap.databases import DatabaseStaging
from app.jobs.swap.exchange import staging_plan
from app.jobs.swap.foreseen import Foreseen, foresee_tree
from app.jobs.swap.identity import phrase
from app.jobs.swap.in_place import InPlacePreflight, changes_in_place, foreseen_in_place, in_place_of, unmoved
from app.jobs.swap.kept import old_of
from app.jobs.swap.notes import keep_foreseen, keep_outcome
from app.jobs.swap.order import InPlace
from app.jobs.swap.power import expect_power
from app.jobs.swap.preflight import Preflight
from app.jobs.swap.safety import SiteSaving, back_up_present
from app.jobs.swap.setting import Part, SwapSetting, SwapState
from app.jobs.swap.staged import StagedTree
from app.jobs.swap.staging import Staging
from app.jobs.swap.waiting import Waiting, expect_same, let_wait, no_longer
from app.jobs.sync.note import KeptTree
from app.records.run import DRY_RUN, new_run_id
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, Site

KIND = "restore"

STAGED_ALREADY = ("space", "owners", "database", "database-space", "dump-space")
"""Checks of what staging needs."""

Do = Callable[[Ctx], Awaitable[None]]


def plan_swap(
    site: Site,
    choice: RestoreChoice,
    contents: Contents,
    repositories: Repositories,
    equipment: Equipment,
    *,
    shelf: Shelf,
    waiting: Waiting | None = None,
    typed: str = "",
    trigger: str = "manual",
) -> Plan[RestoreState]:
    """The steps of this swap of a point whose contents were read; `typed` is what was typed to confirm it, `waiting`
    what another run has staged of it already.

    Raises `UserError` for a choice that is none, and `Refused` `restore.…` for one that cannot be fulfilled.
    """
    check_scopes(choice.scopes)
    assert isinstance(choice.target, Swap), "any other target is planned by `restore.job`"
    parts = parts_of_choice(site, contents, choice)
    expect_possible(choice)
    expect_phrase(site, contents, choice, typed)
    base = Setting(site, choice, contents, tuple(part.entry for part in parts), repositories, new_run_id())
    trees = tuple(part for part in parts if part.entry.kind not in DATABASES)
    databases = tuple(part for part in parts if part.entry.kind in DATABASES)
    found = {part.source.name: globals_of(site, part.source, contents) for part in databases}
    roles = {name: entry for name, entry in found.items() if entry is not None}
    setting = SwapSetting(
        base, choice.target, trees, databases, equipment, shelf, roles, waiting.run if waiting else ""
    )
    if waiting is not None:
        expect_same(waiting, setting)
    state = SwapState(repositories.ways(), base.entries)
    return _plan(setting, state, SwapSteps(setting, state).steps(), trigger)


def _plan(setting: SwapSetting, state: SwapState, steps: list[Step[RestoreState]], trigger: str) -> Plan[RestoreState]:
    site, choice = setting.site, setting.base.choice
    asked = msgspec.json.encode(choice).decode()
    return Plan(
        run=setting.base.run,
        kind=KIND,
        site=site,
        choice=asked,
        key=f"{KIND} {asked}",
        steps=tuple(steps),
        state=state,
        close=partial(_put_away, setting),
        secrets=(REPOSITORY_PASSWORD,),
        optional_secrets=tuple(name for name in site.secret_names() if name != REPOSITORY_PASSWORD),
        items=tuple(entry.source for entry in setting.base.entries),
        tags=(DRY_RUN,) if choice.dry_run else (),
        trigger=trigger,
        needs_whole_site=True,
    )


async def _put_away(setting: SwapSetting, state: RestoreState) -> None:
    """As after any restore. What an unfinished cutover needs stays where it is: that is its recovery's to put away."""
    try:
        unfinished = await setting.shelf.unfinished(setting.site.name)
        if unfinished is not None and unfinished.run == setting.base.run:
            state.begun.clear()
    except UserError:  # it cannot be read, so nothing is known to be of no use any more
        state.begun.clear()
        raise
    finally:
        await put_away(state)


class SwapSteps(msgspec.Struct, frozen=True):
    """The steps of one swap."""

    setting: SwapSetting
    state: SwapState

    def steps(self) -> list[Step[RestoreState]]:
        """Look, check; then back up, stage, and cut over."""
        looking = [
            self._step("point", text("Look at what the point holds"), Phase.PREFLIGHT, self._look),
            self._step("checks", text("Check that it can take its place"), Phase.PREFLIGHT, self._check),
        ]
        if self.setting.base.choice.dry_run:
            title = text("Compare the point with what is live")
            return [*looking, self._step("foresee", title, Phase.PREFLIGHT, self._foresee)]
        ready = self._step("ready", text("Make it ready to take its place"), Phase.STAGE, self._ready)
        if self.setting.swap.stage_only:
            waiting = self._step("wait", text("Leave it staged"), Phase.STAGE, self._let_wait)
            return [*looking, *self._staging(), ready, waiting]
        staging = [] if self.setting.staged_by else self._staging()
        backing_up = [] if self.setting.swap.in_place else self._backing_up()
        return [*looking, *backing_up, *staging, ready, *self._cutting_over()]

    def _step(self, key: str, title: Text, phase: Phase, do: Do, item: str = "") -> Step[RestoreState]:
        async def done(ctx: Ctx, _state: RestoreState) -> None:
            await do(ctx)

        return Step(key, title, phase, done, item=item)

    def _backing_up(self) -> list[Step[RestoreState]]:
        if not self.setting.swap.safety:
            return []
        return [self._step("safety", text("Back up the present state"), Phase.STAGE, self._back_up)]

    def _staging(self) -> list[Step[RestoreState]]:
        """Trees, then databases; each stops the run when it fails: half a site is not swapped in. Of trees that are
        changed in place nothing is staged.
        """
        trees = [
            self._step(f"stage:{part.source.name}", text("Stage {source}", source=part.source.name), Phase.STAGE,
                       partial(self._stage, part), part.source.name)
            for part in self.setting.trees
            if not self.setting.swap.in_place
        ]  # fmt: skip
        return [*trees, *(step for part in self.setting.databases for step in self._loading(part))]

    def _cutting_over(self) -> list[Step[RestoreState]]:
        """The exchange itself; what comes after it rolls nothing back."""
        exchanging = self._step("cutover", text("Exchange the two"), Phase.CUTOVER, self._cut_over)
        smoke = self._step("smoke", text("See whether the site works"), Phase.CUTOVER, self._smoke)
        old = self._step("old", text("Look what stays of the old state"), Phase.CUTOVER, self._tell_old)
        return [
            msgspec.structs.replace(exchanging, happened=self._is_new),
            msgspec.structs.replace(smoke, on_failure=OnFailure.PARTIAL),
            msgspec.structs.replace(old, on_failure=OnFailure.PARTIAL),
        ]

    def _loading(self, part: Part) -> list[Step[RestoreState]]:
        name, staging = part.source.name, DatabaseStaging(self.setting, part)
        titled = [
            ("fetch", text("Fetch the dump of {source}", source=name), staging.fetch),
            ("load", text("Load {source} beside the live one", source=name), staging.load),
            ("compare", text("Count what was loaded of {source}", source=name), staging.compare),
        ]
        return [
            self._step(f"{key}:{name}", title, Phase.STAGE, partial(self._with_state, do), name)
            for key, title, do in titled
        ]

    async def _with_state(self, do: Callable[[Ctx, SwapState], Awaitable[None]], ctx: Ctx) -> None:
        await do(ctx, self.state)

    # --- before anything is done -----------------------------------------------------------------

    async def _look(self, ctx: Ctx) -> None:
        """Lists every tree; from this computer, which is next to the repository."""
        for part in self.setting.trees:
            entry, name = part.entry, part.source.name
            reading = await reading_on(ctx.host(part.source.host), entry, self.setting.base.choice)
            tree = await self.setting.base.tree(ctx, THIS_COMPUTER, self.state, entry)
            expected = self.state.expected[name] = await sum_expected(tree, reading)
            self.state.readings[name] = reading.of_owners(expected)
            self.state.planned.append(Planned(name, part.source.host, part.source.root, expected.files, expected.bytes))
        for part in self.setting.databases:
            self.state.planned.append(
                Planned(part.source.name, part.source.host, part.source.database, 1, part.entry.bytes)
            )

    async def _check(self, ctx: Ctx) -> None:
        kind = InPlacePreflight if self.setting.swap.in_place else Preflight
        checks: list[Check] = kind(self.setting, self.state).checks()
        for part in self.setting.databases:
            staging = DatabaseStaging(self.setting, part)
            checks += staging.checks(await staging.ready(ctx, self.state))
            if self.setting.swap.onto_other == phrase(self.setting.site.name, part.source.host):
                checks = [check for check in checks if check.key != "database-identity"]
        if self.setting.staged_by:
            checks = [check for check in checks if check.key not in STAGED_ALREADY]
        self.state.judged = await judged(ctx, checks)
        demand(self.state.judged, self.setting.base.choice.accepted)

    async def _foresee(self, ctx: Ctx) -> None:
        for part in self.setting.trees:
            self.state.foreseen.append(await self._foreseen(ctx, part))
        for part in self.setting.databases:
            self.state.foreseen.append(await DatabaseStaging(self.setting, part).foreseen(ctx))
        await keep_foreseen(ctx, self.setting.run, self.state.foreseen)
        for entry in self.setting.base.entries:
            ctx.emit(ItemFinished(item=item_of(entry, entry.bytes)))

    async def _foreseen(self, ctx: Ctx, part: Part) -> Foreseen:
        name, place = part.source.name, self.state.places[part.source.name]
        if self.setting.swap.in_place:
            self.state.changes += changes_in_place(name, self.state.differences[name])
            return foreseen_in_place(place, self.state.differences[name])
        tree = await self.setting.base.tree(ctx, THIS_COMPUTER, self.state, part.entry)
        live = place.root if place.found is not None else None
        found = await foresee_tree(tree, ctx.host(place.host), live, part.source, self.state.readings[name])
        self.state.changes += found.changes
        return found.foreseen(place.host, place.root)

    async def _back_up(self, ctx: Ctx) -> None:
        """What is there: of what is gone there is nothing to be saved."""
        gone = {name for name, place in self.state.places.items() if place.found is None}
        gone |= await self._databases_gone(ctx)
        names = [entry.source for entry in self.setting.base.entries if entry.source not in gone]
        if names:
            base = self.setting.base
            run = await back_up_present(ctx, base.site, names, base.repositories, self.setting.equipment)
            self.state.safety = run.id

    async def _databases_gone(self, ctx: Ctx) -> set[str]:
        parts = self.setting.databases
        return {part.source.name for part in parts if not await DatabaseStaging(self.setting, part).exists(ctx)}

    # --- staging ---------------------------------------------------------------------------------

    async def _stage(self, part: Part, ctx: Ctx) -> None:
        await Staging(self.setting, part).restore(ctx, self.state)

    async def _ready(self, ctx: Ctx) -> None:
        for part in self.setting.trees:
            self.state.staged[part.source.name] = await self._tree_ready(part, ctx)
        for part in self.setting.databases:
            await DatabaseStaging(self.setting, part).settle(ctx, self.state)

    async def _tree_ready(self, part: Part, ctx: Ctx) -> StagedTree:
        if self.setting.swap.in_place:
            return unmoved(self.state.places[part.source.name])
        return await Staging(self.setting, part).make_ready(ctx, self.state)

    async def _let_wait(self, ctx: Ctx) -> None:
        await let_wait(self.setting, self.state, ctx.records)
        for entry in self.setting.base.entries:
            ctx.emit(ItemFinished(item=item_of(entry, entry.bytes)))

    # --- the exchange ----------------------------------------------------------------------------

    async def _cut_over(self, ctx: Ctx) -> None:
        plan = await self._staging_plan(ctx)
        await expect_power(self.setting.equipment.blocking)  # staging may have taken hours
        self.state.down = await carry_out(plan, self._world(ctx), self.setting.shelf)
        for entry in self.setting.base.entries:
            ctx.emit(ItemFinished(item=item_of(entry, entry.bytes)))
        if self.setting.staged_by:
            await no_longer(ctx.records, self.setting.staged_by)

    async def _staging_plan(self, ctx: Ctx) -> StagingPlan:
        base = self.setting.base
        self.state.bypass = new_bypass()
        return await staging_plan(
            ctx,
            base.site,
            run=base.run,
            named_by=self.setting.run,
            kind=KIND,
            point=base.contents.point.id,
            choice="+".join(base.choice.scopes),
            trees=list(self.state.staged.values()),
            databases=self.state.databases,
            bypass=self.state.bypass,
            in_place=await self._in_place(ctx) if self.setting.swap.in_place else None,
        )

    async def _in_place(self, ctx: Ctx) -> InPlace:
        gone = await self._databases_gone(ctx)
        sources = [part.source for part in self.setting.databases if part.source.name not in gone]
        return await in_place_of(
            ctx, self.setting, self.state, [KeptTree(source.name, source.host) for source in sources]
        )

    def _world(self, ctx: Ctx) -> World:
        base = self.setting.base
        saving = SiteSaving(base.site, base.repositories, self.setting.equipment, self.state.ways)
        return World(ctx, self.setting.equipment, saving)

    async def _is_new(self, _ctx: Ctx, _state: RestoreState) -> bool:
        return await self._finished() is not None

    async def _finished(self) -> StagingPlan | None:
        return await self.setting.shelf.finished(self.setting.site.name, self.setting.base.run)

    async def _smoke(self, ctx: Ctx) -> None:
        """What is wrong is told; the old state is one command away."""
        plan = await self._finished()
        problems = await check_smoke(plan, self._world(ctx)) if plan is not None else []
        self.state.unwell = problems
        if problems:
            raise _does_not_work(self.setting.site.name, self.setting.base.run, problems)

    async def _tell_old(self, ctx: Ctx) -> None:
        plan = await self._finished()
        if plan is not None:
            self.state.old = await old_of(self._world(ctx), plan)
        await keep_outcome(ctx, self.setting.base.run, self.state)


def _does_not_work(site: str, run: str, problems: Sequence[Problem]) -> UserError:
    return UserError(
        text("The restored site does not work as it should: {what}", what=problems[0].what),
        text("It is up, as the point has it. The old state is still there, and nothing went back by itself."),
        text("Look what is wrong. To have the old state back: overwinter restore-undo {site} {run}", site=site,
             run=run[:8]),
        "restore.smoke-failed",
        "\n".join(f"{one.code} {one.detail}" for one in problems),
    )  # fmt: skip
