"""A page's tasks: one at a time under a name, ended with the page, what they raise is shown."""

from __future__ import annotations

import asyncio

from PySide6.QtWidgets import QApplication

from app.foundation.errors import Problem, UserError
from app.foundation.words import text
from app.ui.page_task import cancel_tasks, page_task, page_task_for_each
from tests.ui.technician import on_window_loop, true_soon


class Notebook:
    """A page without a window: writes down what happened."""

    def __init__(self) -> None:
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.notes: list[str] = []
        self.errors: list[Problem] = []
        self.go_on = asyncio.Event()

    def show_error(self, error: Problem) -> None:
        self.errors.append(error)

    @page_task
    async def read(self, what: str) -> None:
        await self._read(what)

    @page_task_for_each
    async def read_each(self, what: str) -> None:
        await self._read(what)

    async def _read(self, what: str) -> None:
        self.notes.append(f"begin {what}")
        try:
            await self.go_on.wait()
            self.notes.append(f"end {what}")
        except asyncio.CancelledError:
            self.notes.append(f"stop {what}")
            raise

    @page_task
    async def fail(self, error: Exception) -> None:
        raise error

    async def settled(self) -> None:
        await true_soon(lambda: not self.tasks)


def test_starting_again_supersedes_the_one_under_way(qapp: QApplication) -> None:
    async def story() -> None:
        page = Notebook()
        page.read("a")
        await asyncio.sleep(0)
        page.read("b")
        page.go_on.set()
        await page.settled()
        assert page.notes == ["begin a", "stop a", "begin b", "end b"]

    on_window_loop(qapp, story())


def test_one_that_is_superseded_before_its_first_step_never_begins(qapp: QApplication) -> None:
    async def story() -> None:
        page = Notebook()
        page.read("a")
        page.read("b")
        page.go_on.set()
        await page.settled()
        assert page.notes == ["begin b", "end b"]

    on_window_loop(qapp, story())


def test_tasks_for_each_value_stand_beside_each_other(qapp: QApplication) -> None:
    async def story() -> None:
        page = Notebook()
        for what in ("a", "b"):
            page.read_each(what)
        await asyncio.sleep(0)
        page.read_each("a")
        page.go_on.set()
        await page.settled()
        assert page.notes[:2] == ["begin a", "begin b"]
        assert sorted(page.notes[2:]) == ["begin a", "end a", "end b", "stop a"]

    on_window_loop(qapp, story())


def test_closing_the_page_ends_its_tasks(qapp: QApplication) -> None:
    async def story() -> None:
        page = Notebook()
        page.read("a")
        await asyncio.sleep(0)
        await cancel_tasks(page)
        assert page.notes == ["begin a", "stop a"]
        assert page.tasks == {}

    on_window_loop(qapp, story())


def test_what_a_task_raises_is_shown(qapp: QApplication) -> None:
    async def story() -> None:
        page = Notebook()
        page.fail(UserError(text("It broke."), text("Nothing is lost."), text("Mend it."), "practice.broken"))
        await page.settled()
        page.fail(KeyError("gone"))
        await page.settled()
        assert [error.code for error in page.errors] == ["practice.broken", "internal.defect"]

    on_window_loop(qapp, story())
