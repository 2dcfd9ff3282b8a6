"""The runner: a run's record is begun before anything happens and closed exactly once, whatever happens."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from app.assembly import Overwinter
from app.foundation.errors import Refused, UserError
from app.foundation.events import (
    Item,
    ItemFinished,
    ItemStatus,
    LogLines,
    Outcome,
    Phase,
    RunClosed,
    StepOutcome,
    Told,
    Warned,
)
from app.foundation.words import text
from app.hosts.host import Command
from app.jobs.plan import Ctx, OnFailure, Step, StepSkipped
from app.records.owners import Owner
from app.records.run import Run, new_run_id
from app.runs.files import LOG
from tests.real.practice import Seen, nothing, opened, plan_of
from tests.running import run

SITE = "north-house"
TITLE = text("A step")
TROUBLE = UserError(text("It broke."), text("Nothing is lost."), text("Mend it."), "practice.broken", "detail")


def step(
    key: str,
    do: Callable[[Ctx, Seen], Awaitable[None]] = nothing,
    *,
    phase: Phase = Phase.STAGE,
    item: str = "",
    on_failure: OnFailure = OnFailure.STOP,
    deadline: float | None = None,
) -> Step[Seen]:
    return Step(key, TITLE, phase, do, item=item, on_failure=on_failure, deadline=deadline)


async def note(word: str, _ctx: Ctx, state: Seen) -> None:
    state.words.append(word)


async def fail(error: Exception, _ctx: Ctx, _state: Seen) -> None:
    raise error


async def finish_item(item: Item, ctx: Ctx, _state: Seen) -> None:
    ctx.emit(ItemFinished(item=item))


async def to_the_end(app: Overwinter, *steps: Step[Seen], **fields: object) -> tuple[Run, list[Told]]:
    launched = await app.runner.launch(await plan_of(app, steps, **fields))
    told = [event async for batch in app.runner.feed(SITE, launched.run).batches() for event in batch]
    return await app.runner.wait(SITE, launched.run), told


@pytest.mark.spec("J1")
def test_steps_are_done_in_order_and_recorded(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            state = Seen()
            steps = [step(word, partial(note, word)) for word in ("one", "two", "three")]
            done, told = await to_the_end(app, *steps, state=state)
            assert state.words == ["one", "two", "three"]
            assert done.outcome is Outcome.SUCCESS
            assert [each.outcome for each in await app.records(SITE).steps(done.id)] == [StepOutcome.DONE] * 3
            assert isinstance(told[-1], RunClosed)

    run(story())


@pytest.mark.spec("J1", "X3")
def test_a_step_that_stops_the_run_fails_it_and_only_the_finish_is_still_done(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            state = Seen()
            done, _ = await to_the_end(
                app,
                step("breaks", partial(fail, TROUBLE)),
                step("after", partial(note, "after")),
                step("tidies", partial(note, "tidied"), phase=Phase.FINISH),
                state=state,
            )
            assert state.words == ["tidied"]
            assert done.outcome is Outcome.FAILED
            assert done.error == TROUBLE.problem

    run(story())


@pytest.mark.spec("J1")
@pytest.mark.parametrize("defect", [ValueError("surprise"), KeyError("gone"), TimeoutError()])
def test_a_defect_in_a_step_still_closes_the_record(tmp_path: Path, defect: Exception) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            done, _ = await to_the_end(app, step("surprises", partial(fail, defect)))
            assert done.outcome is Outcome.FAILED
            assert done.error is not None
            assert done.error.code == "internal.defect"
            again, _ = await to_the_end(app, step("fine"))
            assert again.outcome is Outcome.SUCCESS

    run(story())


@pytest.mark.spec("B5")
@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ((ItemStatus.SUCCESS, ItemStatus.SUCCESS), Outcome.SUCCESS),
        ((ItemStatus.SUCCESS, ItemStatus.FAILED), Outcome.PARTIAL),
        ((ItemStatus.SUCCESS, ItemStatus.PARTIAL), Outcome.PARTIAL),
        ((ItemStatus.FAILED, ItemStatus.FAILED), Outcome.FAILED),
    ],
)
def test_the_outcome_is_what_became_of_the_items(
    tmp_path: Path, statuses: tuple[ItemStatus, ...], outcome: Outcome
) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            names = tuple(f"source-{number}" for number in range(len(statuses)))
            steps = [
                step(name, partial(finish_item, Item(name, status)), item=name, on_failure=OnFailure.FAIL_ITEM)
                for name, status in zip(names, statuses, strict=True)
            ]
            done, _ = await to_the_end(app, *steps, items=names)
            assert done.outcome is outcome
            assert done.counters.total == len(names)
            assert done.counters.failed == statuses.count(ItemStatus.FAILED)

    run(story())


@pytest.mark.spec("B5")
def test_a_source_that_fails_leaves_the_others_alone_and_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            good = step("good", partial(finish_item, Item("good", ItemStatus.SUCCESS, "id", 5, 3)), item="good")
            bad = step("bad", partial(fail, TROUBLE), item="bad", on_failure=OnFailure.FAIL_ITEM)
            done, _ = await to_the_end(app, bad, good, items=("bad", "good"))
            items = {item.source: item for item in await app.records(SITE).items(done.id)}
            assert done.outcome is Outcome.PARTIAL
            assert items["good"].added == 3
            assert items["bad"].error == TROUBLE.problem

    run(story())


def test_a_step_that_may_fail_is_only_a_warning(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            done, told = await to_the_end(app, step("warns", partial(fail, TROUBLE), on_failure=OnFailure.WARN))
            assert done.outcome is Outcome.SUCCESS
            assert [event.warning for event in told if isinstance(event, Warned)] == [TROUBLE.problem]

    run(story())


def test_a_step_over_its_deadline_says_so(tmp_path: Path) -> None:
    async def for_ever(_ctx: Ctx, _state: Seen) -> None:
        await asyncio.Event().wait()

    async def story() -> None:
        async with opened(tmp_path) as app:
            done, _ = await to_the_end(app, step("hangs", for_ever, deadline=0.05))
            assert done.error is not None
            assert done.error.code == "run.step-overdue"

    run(story())


@pytest.mark.spec("B7")
def test_a_last_part_that_fails_makes_the_run_partial_and_stops_what_follows(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            state = Seen()
            done, _ = await to_the_end(
                app,
                step("works", partial(note, "worked")),
                step("breaks", partial(fail, TROUBLE), on_failure=OnFailure.PARTIAL),
                step("after", partial(note, "after"), on_failure=OnFailure.PARTIAL),
                step("tidies", partial(note, "tidied"), phase=Phase.FINISH),
                state=state,
            )
            assert (done.outcome, done.error) == (Outcome.PARTIAL, TROUBLE.problem)
            assert state.words == ["worked", "tidied"]

    run(story())


def test_a_step_that_is_left_out_says_why_and_harms_nothing(tmp_path: Path) -> None:
    reason = StepSkipped(text("Not today."), text("Nothing is lost."), text("Wait."), "practice.skipped")

    async def story() -> None:
        async with opened(tmp_path) as app:
            done, told = await to_the_end(app, step("skips", partial(fail, reason)), step("fine"))
            assert done.outcome is Outcome.SUCCESS
            assert [event.warning for event in told if isinstance(event, Warned)] == [reason.problem]
            first, second = await app.records(SITE).steps(done.id)
            assert (first.outcome, first.error) == (StepOutcome.SKIPPED, reason.problem)
            assert second.outcome is StepOutcome.DONE

    run(story())


@pytest.mark.spec("S4")
def test_a_missing_secret_refuses_the_run_before_its_first_step(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            state = Seen()
            done, _ = await to_the_end(
                app, step("works", partial(note, "worked")), state=state, secrets=("repository-password",)
            )
            assert done.outcome is Outcome.REFUSED
            assert done.error is not None
            assert done.error.code == "secrets.missing"
            assert state.words == []

    run(story())


def test_a_refusal_in_preflight_is_a_refused_run(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            refusal = Refused(text("No."), text("Nothing was changed."), text("Ask."), "practice.refused")
            done, _ = await to_the_end(app, step("checks", partial(fail, refusal), phase=Phase.PREFLIGHT))
            assert done.outcome is Outcome.REFUSED

    run(story())


@pytest.mark.spec("J2")
@pytest.mark.parametrize("moment", range(6))
def test_cancel_at_any_moment_closes_the_run_and_leaves_nothing(tmp_path: Path, moment: int) -> None:
    async def talk(ctx: Ctx, _state: Seen) -> None:
        await ctx.scratch("this-computer")
        await ctx.host("this-computer").run(
            Command(
                sys.executable, ("-c", "import sys,time; print('x'*50, file=sys.stderr, flush=True); time.sleep(60)")
            )
        )

    async def story() -> None:
        async with opened(tmp_path) as app:
            launched = await app.runner.launch(await plan_of(app, [step("one"), step("talks", talk), step("three")]))
            feed = app.runner.feed(SITE, launched.run).batches()
            for _ in range(moment):
                if any(isinstance(event, LogLines) and b"x" * 50 in event.lines for event in await anext(feed)):
                    break  # nothing more is told before the program ends
            await app.runner.cancel(SITE, launched.run)
            done = await asyncio.wait_for(app.runner.wait(SITE, launched.run), 20)
            assert done.outcome is Outcome.CANCELLED
            assert list((tmp_path / "data" / "scratch").iterdir()) == []
            again, _ = await to_the_end(app, step("fine"))
            assert again.outcome is Outcome.SUCCESS

    run(story())


@pytest.mark.spec("J2")
def test_a_cancel_asked_by_another_process_is_seen(tmp_path: Path) -> None:
    async def for_ever(_ctx: Ctx, _state: Seen) -> None:
        await asyncio.Event().wait()

    async def story() -> None:
        async with opened(tmp_path) as app, opened(tmp_path) as other:
            launched = await app.runner.launch(await plan_of(app, [step("hangs", for_ever)]))
            await other.runner.cancel(SITE, launched.run)
            theirs = await asyncio.wait_for(other.runner.wait(SITE, launched.run), 20)
            assert theirs.outcome is Outcome.CANCELLED

    run(story())


@pytest.mark.spec("B6")
def test_the_same_request_joins_and_another_is_skipped_naming_the_holder(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            release = asyncio.Event()

            async def hold(_ctx: Ctx, _state: Seen) -> None:
                await release.wait()

            first = await app.runner.launch(await plan_of(app, [step("holds", hold)], key="a"))
            same = await app.runner.launch(await plan_of(app, [step("holds", hold)], key="a"))
            other, _ = await to_the_end(app, step("other"), key="b")
            release.set()
            assert (same.run, same.joined) == (first.run, True)
            assert other.outcome is Outcome.SKIPPED
            assert other.error is not None
            assert first.run[:8] in str(other.error.what)
            assert (await app.runner.wait(SITE, first.run)).outcome is Outcome.SUCCESS

    run(story())


@pytest.mark.spec("J2")
def test_what_a_dead_process_left_open_is_closed_as_interrupted(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            plan = await plan_of(app, [step("never")])
            ours = app.runner._new_run(plan)
            dead = Owner(ours.owner.computer, "another boot", ours.owner.pid, ours.owner.started)
            left = Run(
                id=new_run_id(), site=SITE, kind="backup", trigger="manual", who="x", choice="{}", key=plan.key,
                owner=dead, started=ours.started,
            )  # fmt: skip
            await app.records(SITE).begin(left)
            await app.records(SITE).take_site_lock(left.id, dead)
            done, _ = await to_the_end(app, step("fine"))
            assert done.outcome is Outcome.SUCCESS
            found = await app.records(SITE).run(left.id)
            assert found.outcome is Outcome.INTERRUPTED

    run(story())


@pytest.mark.spec("S4")
def test_a_secret_said_by_a_program_or_an_error_reaches_no_file(tmp_path: Path) -> None:
    canary = "canary/7Q+x y"

    async def leak(ctx: Ctx, _state: Seen) -> None:
        secret = ctx.secret("repository-password")
        code = "import sys; sys.stderr.write('the password is ' + sys.stdin.read())"
        await ctx.host("this-computer").run(Command(sys.executable, ("-c", code), stdin=secret.encode()))
        raise UserError(
            text("{secret} does not fit.", secret=secret), text("Nothing is lost."), text("Go on."), "x.y", secret
        )

    async def story() -> None:
        async with opened(tmp_path) as app:
            await app.set_secret(SITE, "repository-password", canary)
            done, _ = await to_the_end(app, step("leaks", leak), secrets=("repository-password",))
            log = (app.places.run_folder(done.id) / LOG).read_bytes()
            assert b"the password is [secret]" in log

    run(story())
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file() and file.name != "vault":
            content = file.read_bytes()
            assert b"canary" not in content, file
            assert b"x y" not in content, file
