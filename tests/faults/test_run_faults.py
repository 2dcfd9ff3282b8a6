"""Runs whose caller goes away, whose step is cut short when it has just happened, whose files will not go."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from app.assembly import Overwinter
from app.foundation.errors import UserError
from app.foundation.events import Outcome, Phase, StepOutcome, Told, Warned
from app.foundation.words import text
from app.hosts.host import Command
from app.jobs.plan import Ctx, OnFailure, Step
from app.records.run import Run
from app.runs.engine import run_engine
from tests.real.practice import Seen, nothing, opened, plan_of
from tests.running import run

SITE = "north-house"
TROUBLE = UserError(text("It broke."), text("Nothing is lost."), text("Mend it."), "practice.broken")


def step(
    do: Callable[[Ctx, Seen], Awaitable[None]], happened: Callable[[Ctx, Seen], Awaitable[bool]] | None = None
) -> Step[Seen]:
    return Step("step", text("A step"), Phase.STAGE, do, happened=happened)


async def for_ever(_ctx: Ctx, _state: Seen) -> None:
    await asyncio.Event().wait()


async def fail(_ctx: Ctx, _state: Seen) -> None:
    raise TROUBLE


async def answer(happened: bool | None, _ctx: Ctx, _state: Seen) -> bool:
    """Takes its time, and answers; None: cannot tell."""
    await asyncio.sleep(0.05)
    if happened is None:
        raise TROUBLE
    return happened


async def begun(app: Overwinter, *steps: Step[Seen], begin: int = 0) -> str:
    """The id of a run whose last step is under way, or the one of the number `begin`."""
    launched = await app.runner.launch(await plan_of(app, steps))
    async with asyncio.timeout(10):
        while len(await app.records(SITE).steps(launched.run)) < (begin or len(steps)):  # noqa: ASYNC110  a row tells nobody
            await asyncio.sleep(0.01)
    return launched.run


async def ended(app: Overwinter, run_id: str) -> tuple[Run, list[str]]:
    """The closed record of a run, and the codes of what it warned of."""
    async with asyncio.timeout(20):
        done = await app.runner.wait(SITE, run_id)
        told: list[Told] = [event async for batch in app.runner.feed(SITE, run_id).batches() for event in batch]
    return done, [event.warning.code for event in told if isinstance(event, Warned)]


@pytest.mark.spec("J2", "B6")
def test_a_run_whose_launch_is_cancelled_at_any_moment_is_worked_on_or_was_never_begun(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    moments = random.Random(seed)

    async def story() -> None:
        async with opened(tmp_path) as app:
            for _ in range(30):
                launching = asyncio.create_task(app.runner.launch(await plan_of(app, [step(for_ever)])))
                await asyncio.sleep(moments.uniform(0, 0.02))
                launching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await launching
                for active in await app.records(SITE).active_runs():
                    await app.runner.cancel(SITE, active.id)
                    done, _ = await ended(app, active.id)
                    assert done.outcome is Outcome.CANCELLED, f"seed {seed}"

    run(story())


@pytest.mark.spec("J2")
@pytest.mark.parametrize(
    ("happened", "outcome", "warned"),
    [(True, Outcome.SUCCESS, []), (False, Outcome.CANCELLED, []), (None, Outcome.CANCELLED, ["run.step-unclear"])],
)
@pytest.mark.parametrize("cancels", [1, 3])
def test_a_cancel_that_comes_when_the_last_step_has_happened_comes_too_late(
    tmp_path: Path, happened: bool | None, outcome: Outcome, warned: list[str], cancels: int
) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            run_id = await begun(app, step(nothing), step(for_ever, partial(answer, happened)))
            for _ in range(cancels):
                await app.runner.cancel(SITE, run_id)
                await asyncio.sleep(0)
            done, codes = await ended(app, run_id)
            assert (done.outcome, codes) == (outcome, warned)

    run(story())


def last_part(do: Callable[[Ctx, Seen], Awaitable[None]]) -> Step[Seen]:
    return Step("last", text("Last part"), Phase.STAGE, do, on_failure=OnFailure.PARTIAL)


@pytest.mark.spec("J2", "B7")
@pytest.mark.parametrize("cancels", [1, 3])
def test_a_cancel_when_the_run_has_done_what_it_is_for_leaves_out_the_rest(tmp_path: Path, cancels: int) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            run_id = await begun(app, step(for_ever, partial(answer, True)), last_part(fail), begin=1)
            for _ in range(cancels):
                await app.runner.cancel(SITE, run_id)
                await asyncio.sleep(0)
            done, _ = await ended(app, run_id)
            assert done.outcome is Outcome.SUCCESS
            assert [each.outcome for each in await app.records(SITE).steps(done.id)] == [StepOutcome.DONE]

    run(story())


@pytest.mark.spec("J2", "B7")
@pytest.mark.parametrize("cancels", [1, 3])
def test_a_cancel_in_the_last_part_cuts_only_that_short(tmp_path: Path, cancels: int) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            run_id = await begun(app, step(nothing), last_part(for_ever))
            for _ in range(cancels):
                await app.runner.cancel(SITE, run_id)
                await asyncio.sleep(0)
            done, _ = await ended(app, run_id)
            assert done.outcome is Outcome.PARTIAL
            assert done.error is not None
            assert done.error.code == "run.cut-short"
            outcomes = [each.outcome for each in await app.records(SITE).steps(run_id)]
            assert outcomes == [StepOutcome.DONE, StepOutcome.CANCELLED]

    run(story())


@pytest.mark.spec("J2", "B7")
def test_a_cancel_at_any_moment_around_the_last_part_closes_the_run_as_what_it_is(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    seen = set()

    async def story() -> None:
        async with opened(tmp_path) as app:
            for _ in range(40):
                launched = await app.runner.launch(
                    await plan_of(app, [step(nothing), step(nothing), last_part(nothing), last_part(for_ever)])
                )
                await asyncio.sleep(moments.uniform(0, 0.04))
                with contextlib.suppress(UserError):
                    await app.runner.cancel(SITE, launched.run)
                done, _ = await ended(app, launched.run)
                steps = [each.outcome for each in await app.records(SITE).steps(done.id)]
                seen.add(done.outcome)
                whole = steps[:2] == [StepOutcome.DONE] * 2
                assert done.outcome in (
                    (Outcome.CANCELLED, Outcome.PARTIAL, Outcome.SUCCESS) if whole else (Outcome.CANCELLED,)
                ), f"seed {seed}"
                assert done.outcome is not Outcome.CANCELLED or len(steps) <= 2, f"seed {seed}: {steps}"

    run(story())
    print(seen)  # noqa: T201  shown when the test fails


@pytest.mark.spec("J2")
def test_a_cancel_is_obeyed_between_two_steps(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            launched = await app.runner.launch(
                await plan_of(app, [step(for_ever, partial(answer, True)), step(for_ever)])
            )
            await app.runner.cancel(SITE, launched.run)
            done, _ = await ended(app, launched.run)
            assert done.outcome is Outcome.CANCELLED

    run(story())


@pytest.mark.spec("J1")
@pytest.mark.parametrize(
    ("happened", "outcome", "warned"),
    [
        (True, Outcome.SUCCESS, ["practice.broken"]),
        (False, Outcome.FAILED, []),
        (None, Outcome.FAILED, ["run.step-unclear"]),
    ],
)
def test_a_step_that_failed_when_it_had_happened_is_only_warned_of(
    tmp_path: Path, happened: bool | None, outcome: Outcome, warned: list[str]
) -> None:
    async def story() -> None:
        async with opened(tmp_path) as app:
            launched = await app.runner.launch(await plan_of(app, [step(fail, partial(answer, happened))]))
            done, codes = await ended(app, launched.run)
            assert (done.outcome, codes) == (outcome, warned)

    run(story())


@pytest.mark.spec("J2")
def test_temporary_files_that_will_not_go_are_told_and_change_nothing_else(tmp_path: Path) -> None:
    mounted: list[Path] = []

    async def mount(ctx: Ctx, _state: Seen) -> None:
        folder = Path(await ctx.scratch("this-computer")) / "mounted"
        folder.mkdir()
        command = Command("mount", ("-t", "tmpfs", "none", str(folder)))
        if (await ctx.host("this-computer").run(command)).code == 0:
            mounted.append(folder)

    async def story() -> tuple[Run, list[str]]:
        async with opened(tmp_path) as app:
            launched = await app.runner.launch(await plan_of(app, [step(mount)]))
            return await ended(app, launched.run)

    try:
        done, codes = run(story())
    finally:
        for folder in mounted:
            subprocess.run(["umount", folder], check=True, capture_output=True)
    if not mounted:
        pytest.skip("nothing may be mounted here")
    assert (done.outcome, codes) == (Outcome.SUCCESS, ["host.mounted-inside"])


@pytest.fixture
def _ctrl_c_as_usual() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.spec("J2", "J8")
@pytest.mark.usefixtures("_ctrl_c_as_usual")
def test_ctrl_c_pressed_again_and_again_does_not_cut_short_what_is_being_put_away() -> None:
    put_away: list[int] = []

    async def main() -> None:
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            for number in range(5):
                signal.raise_signal(signal.SIGINT)
                await asyncio.sleep(0.001)
                put_away.append(number)

    with pytest.raises(KeyboardInterrupt):
        run_engine(main())
    signal.raise_signal(signal.SIGINT)  # not heard any more: all that is left is to end
    assert put_away == [0, 1, 2, 3, 4]


@pytest.mark.usefixtures("_ctrl_c_as_usual")
def test_ctrl_c_that_is_answered_with_a_result_is_no_interrupt() -> None:
    async def main() -> str:
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "cancelled, and put away"

    assert run_engine(main()) == "cancelled, and put away"


@pytest.mark.usefixtures("_ctrl_c_as_usual")
def test_ctrl_c_is_as_it_was_when_nobody_pressed_it() -> None:
    run_engine(asyncio.sleep(0))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
