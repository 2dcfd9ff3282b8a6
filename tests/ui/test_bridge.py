"""The bridge: questions over, answers back, in order; nothing hangs, nothing is lost, nothing tells a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QThread
from PySide6.QtWidgets import QApplication

from app.foundation.errors import Problem, UserError
from app.foundation.events import LogLines, Outcome, Phase, RunClosed, StepStarted, Told
from app.foundation.words import text
from app.hosts.host import Command
from app.jobs.plan import Ctx, Step
from app.settings.places import places
from app.ui.bridge import Bridge, PassphraseWanted
from tests.real.practice import Seen, plan_of
from tests.ui.greenhouse import PASSPHRASE, PASSWORD, SITE, Greenhouse
from tests.ui.technician import environment, on_window_loop, true_soon

if TYPE_CHECKING:
    from app.assembly import Overwinter

Story = Callable[[Bridge], Awaitable[None]]
NO_SECRET_FILE = {"OVERWINTER_VAULT_PASSPHRASE_FILE": None, "DBUS_SESSION_BUS_ADDRESS": None}


def bridged(application: QApplication, data: Path, story: Story, *, started: bool = True) -> None:
    """Lets the story happen on the window's loop, with a bridge to an engine on `data`."""

    async def told() -> None:
        bridge = Bridge(places(data))
        if started:
            bridge.start()
        try:
            await story(bridge)
        finally:
            async with asyncio.timeout(20):
                await bridge.close()
            bridge.deleteLater()

    on_window_loop(application, told())


async def number(value: int) -> int:
    return value


async def for_ever(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("ended")


def test_answers_come_in_the_order_of_the_questions_and_in_the_window_thread(
    qapp: QApplication, tmp_path: Path
) -> None:
    async def story(bridge: Bridge) -> None:
        order: list[int] = []

        async def ask(value: int) -> None:
            order.append(await bridge.ask(lambda _: number(value)))
            assert QThread.currentThread() is qapp.thread()

        await asyncio.gather(*(ask(value) for value in range(50)))
        assert order == list(range(50))

    bridged(qapp, tmp_path / "data", story)


def test_a_question_before_the_start_waits_for_it(qapp: QApplication, tmp_path: Path) -> None:
    async def story(bridge: Bridge) -> None:
        early = asyncio.create_task(bridge.ask(lambda _: number(7)))
        await asyncio.sleep(0)
        bridge.start()
        assert await early == 7

    bridged(qapp, tmp_path / "data", story, started=False)


@pytest.mark.spec("S4", "X3")
@pytest.mark.usefixtures("vault")
def test_what_a_question_raises_arrives_without_secrets(qapp: QApplication, tmp_path: Path) -> None:
    house = Greenhouse(tmp_path)

    async def trouble(_app: Overwinter) -> None:
        raise UserError(text("{it} is wrong.", it=PASSWORD), text("a"), text("b"), "practice.wrong", f"said {PASSWORD}")

    async def defect(_app: Overwinter) -> None:
        raise ValueError(PASSWORD)

    async def story(bridge: Bridge) -> None:
        await bridge.ask(house.set_up)
        with pytest.raises(UserError) as told:
            await bridge.ask(trouble)
        assert told.value.code == "practice.wrong"
        assert PASSWORD not in str(told.value)
        with pytest.raises(UserError) as told:
            await bridge.ask(defect)
        assert told.value.code == "internal.defect"
        assert "ValueError" in told.value.problem.detail
        assert "defect" in told.value.problem.detail, "where it arose is not told"
        assert PASSWORD not in told.value.problem.detail

    bridged(qapp, house.data, story)


def test_cancelling_the_caller_cancels_the_question_in_the_engine(qapp: QApplication, tmp_path: Path) -> None:
    async def story(bridge: Bridge) -> None:
        ended: list[str] = []
        asking = asyncio.create_task(bridge.ask(lambda _: for_ever(ended)))
        await bridge.ask(lambda _: number(1))
        asking.cancel()
        await true_soon(lambda: ended)
        assert await bridge.ask(lambda _: number(2)) == 2

    bridged(qapp, tmp_path / "data", story)


@pytest.mark.usefixtures("vault")
def test_a_run_is_followed_from_its_first_event_to_its_last(qapp: QApplication, tmp_path: Path) -> None:
    async def speak(ctx: Ctx, _state: Seen) -> None:
        code = "import sys; sys.stderr.write(''.join(f'line {n}\\n' for n in range(20000)))"
        await ctx.host("this-computer").run(Command("python3", ("-c", code)))

    async def launch(app: Overwinter) -> str:
        await app.add_site(Greenhouse(tmp_path).toml.encode())
        return (await app.runner.launch(await plan_of(app, [Step("speaks", text("Speak"), Phase.STAGE, speak)]))).run

    async def story(bridge: Bridge) -> None:
        run = await bridge.ask(launch)
        told: list[Told] = [event async for batch in bridge.follow(SITE, run) for event in batch]
        lines = [line for event in told if isinstance(event, LogLines) for line in event.lines]
        assert [line for line in lines if line.startswith(b"line ")] == [b"line %d" % n for n in range(20000)]
        assert isinstance(told[0], StepStarted)
        assert any(isinstance(event, RunClosed) and event.outcome is Outcome.SUCCESS for event in told)

    bridged(qapp, tmp_path / "data", story)


def test_closing_ends_what_is_still_asked(qapp: QApplication, tmp_path: Path) -> None:
    async def story(bridge: Bridge) -> None:
        ended: list[str] = []
        asking = asyncio.create_task(bridge.ask(lambda _: for_ever(ended)))
        await bridge.ask(lambda _: number(1))
        await bridge.close()
        assert ended == ["ended"]
        with pytest.raises(asyncio.CancelledError):
            await asking
        with pytest.raises(asyncio.CancelledError):
            await bridge.ask(lambda _: number(2))

    bridged(qapp, tmp_path / "data", story)


def test_a_bridge_that_was_never_started_closes_and_starts_no_more(qapp: QApplication, tmp_path: Path) -> None:
    async def story(bridge: Bridge) -> None:
        await bridge.close()
        bridge.start()
        await bridge.close()
        assert not (tmp_path / "data").exists()

    bridged(qapp, tmp_path / "data", story, started=False)


@pytest.mark.spec("X3")
def test_an_engine_that_cannot_open_says_why_and_is_tried_again(qapp: QApplication, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("a file stands where the folder should be")

    async def story(bridge: Bridge) -> None:
        for _ in range(2):
            with pytest.raises(UserError) as told:
                await bridge.ask(lambda app: app.sites.all())
            assert told.value.code == "places.unusable"
        data.unlink()
        assert await bridge.ask(lambda app: app.sites.all()) == ()

    bridged(qapp, data, story)


def test_an_error_that_nobody_asked_for_is_told(qapp: QApplication, tmp_path: Path) -> None:

    async def forget(_app: Overwinter) -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)

    async def story(bridge: Bridge) -> None:
        lost: list[Problem] = []
        bridge.failed.connect(lost.append)
        await bridge.ask(forget)
        await true_soon(lambda: lost)
        assert lost[0].code == "internal.defect"
        assert "ZeroDivisionError" in lost[0].detail

    bridged(qapp, tmp_path / "data", story)


# --- the vault's passphrase -------------------------------------------------------------------


async def store(app: Overwinter, house: Greenhouse) -> None:
    await app.add_site(house.toml.encode())
    await app.set_secret(house.name, "repository-password", PASSWORD)


@pytest.mark.spec("S4")
@pytest.mark.parametrize(("answer", "code"), [(PASSPHRASE, ""), (None, "secrets.vault-locked")])
def test_the_passphrase_is_asked_of_the_person(
    qapp: QApplication, tmp_path: Path, answer: str | None, code: str
) -> None:
    house = Greenhouse(tmp_path)

    async def story(bridge: Bridge) -> None:
        asked: list[PassphraseWanted] = []
        bridge.passphrase_wanted.connect(asked.append)
        storing = asyncio.create_task(bridge.ask(lambda app: store(app, house)))
        await true_soon(lambda: asked)
        assert asked[0].question.is_new
        asked[0].answer(answer)
        if code:
            with pytest.raises(UserError) as told:
                await storing
            assert told.value.code == code
        else:
            await storing
        asked[0].answer("too late")

    with environment(**NO_SECRET_FILE):
        bridged(qapp, house.data, story)


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_a_passphrase_that_nobody_waits_for_is_withdrawn(qapp: QApplication, tmp_path: Path, how: str) -> None:
    house = Greenhouse(tmp_path)

    async def story(bridge: Bridge) -> None:
        asked: list[PassphraseWanted] = []
        withdrawn: list[PassphraseWanted] = []
        bridge.passphrase_wanted.connect(asked.append)
        bridge.passphrase_withdrawn.connect(withdrawn.append)
        storing = asyncio.create_task(bridge.ask(lambda app: store(app, house)))
        await true_soon(lambda: asked)
        if how == "cancel":
            storing.cancel()
        else:
            await bridge.close()
        await true_soon(lambda: withdrawn)
        assert withdrawn == asked

    with environment(**NO_SECRET_FILE):
        bridged(qapp, house.data, story)
