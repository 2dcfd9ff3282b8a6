"""How long the window holds its breath: once when a page is first opened, and never while something runs."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.ui.breath import Breath
from tests.ui.greenhouse import Greenhouse
from tests.ui.technician import Technician, run_in_window
from tests.ui.test_window import begin, begin_endless, has_points

pytestmark = [
    pytest.mark.usefixtures("vault"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]

FIRST_OPENING, AFTERWARDS = 240, 100  # ms; twice what is wanted: shared machines
PAGES = ("Snapshots", "Runs", "Repository", "Settings", "All sites", "Dashboard")
ROUNDS = 3


def rests(someone: Technician) -> bool:
    return someone.rests() and not any(page.tasks for page in someone.window.pages.values())


@pytest.mark.spec("X1")
def test_a_page_opens_at_once_and_work_never_holds_the_window_up(
    qapp: QApplication, tmp_path: Path, restic: str
) -> None:
    """Best of three for each page, because a shared machine stops all of them for a while; one good round is enough."""
    house = Greenhouse(tmp_path).grow()
    house.make_repository(restic)
    opening: dict[str, list[float]] = {page: [] for page in PAGES}
    working: list[float] = []

    async def first(someone: Technician) -> None:
        await begin(someone, house)
        someone.click("Back up now")
        await someone.sees(partial(has_points, someone, 1))
        await someone.sees(partial(rests, someone))

    async def story(someone: Technician) -> None:
        await someone.sees(lambda: someone.window.site)
        await someone.sees(partial(rests, someone))
        for page in PAGES:
            with Breath() as breath:
                someone.click(page)
                await someone.sees(partial(rests, someone))
            opening[page].append(breath.gap)
        run = await begin_endless(someone, house)
        with Breath() as breath:
            for number in (1, 2, 3, 4, 5, 0):
                someone.press(Qt.Key(Qt.Key.Key_0 + number), Qt.KeyboardModifier.ControlModifier)
                await someone.sees(lambda: someone.reads("%"))
        working.append(breath.gap)
        someone.window.runs.cancel(run)
        await someone.sees(lambda: not someone.window.runs.own)
        await someone.sees(partial(rests, someone))

    def slow() -> bool:
        return min(working) > AFTERWARDS or any(min(gaps) > FIRST_OPENING for gaps in opening.values())

    run_in_window(qapp, house.data, first)
    for _ in range(ROUNDS):
        run_in_window(qapp, house.data, story)
        if not slow():
            break
    best = {page: round(min(gaps)) for page, gaps in opening.items()}
    print(f"first opening {best} ms, while a backup runs {round(min(working))} ms")  # noqa: T201  shown with -s
    assert not slow(), (opening, working)


def _works() -> None:
    until = time.thread_time() + 0.15
    while time.thread_time() < until:
        pass


@pytest.mark.spec("X1")
@pytest.mark.parametrize("holds", [_works, partial(time.sleep, 0.15)], ids=["works", "waits"])
def test_a_breath_that_the_window_holds_itself_is_seen(qapp: QApplication, holds: object) -> None:
    assert callable(holds)
    with Breath() as breath:
        QTimer.singleShot(20, holds)
        QTest.qWait(300)
    assert breath.gap >= 140
