"""A command that follows its run: Ctrl+C is answered with the run's record, whenever it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from app.cli.output import Output
from app.cli.session import Session
from app.foundation.events import Outcome, Phase, RunClosed, Told
from app.foundation.words import ENGLISH, text
from app.jobs.plan import Step
from tests.real.practice import nothing, opened, plan_of
from tests.running import run


class CtrlCAtTheLastMoment(Output):
    """Cancels the command that prints as soon as its run has ended, before the command has heard of it."""

    def progress(self, batch: Iterable[Told]) -> None:
        """Output: what the run told."""
        command = asyncio.current_task()
        assert command is not None
        if any(isinstance(told, RunClosed) for told in batch):
            works = [task for task in asyncio.all_tasks() if task.get_name().startswith("run ")]
            for work in works:
                work.add_done_callback(lambda _: command.cancel())
            if not works:
                command.cancel()


@pytest.mark.spec("J2")
def test_ctrl_c_that_comes_when_the_run_has_just_ended_leaves_it_as_it_ended(tmp_path: Path) -> None:
    session = Session(data=None, output=CtrlCAtTheLastMoment(ENGLISH, json=True, quiet=False))
    step = Step("only", text("The only step"), Phase.STAGE, nothing)

    async def story() -> None:
        async with opened(tmp_path) as app:
            done, joined = await session.follow(app, await plan_of(app, [step]))
            assert (done.outcome, joined) == (Outcome.SUCCESS, False)

    run(story())
