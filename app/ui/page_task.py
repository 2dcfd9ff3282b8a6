"""Makes a page's coroutine safe: one at a time under its name, ended with the page, its errors shown on the page."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from app.foundation.errors import Problem, as_problem


class Page(Protocol):
    """What a page with tasks must have."""

    tasks: dict[str, asyncio.Task[None]]

    def show_error(self, error: Problem) -> None:
        """Shows what went wrong, in its place on the page."""


P = ParamSpec("P")
PageT = TypeVar("PageT", bound=Page)
Work = Callable[Concatenate[PageT, P], Coroutine[Any, Any, None]]
Start = Callable[Concatenate[PageT, P], None]


def page_task(work: Work[PageT, P]) -> Start[PageT, P]:
    """Turns a page's coroutine method into a plain one that starts it on the window's loop.

    Starting it again supersedes the one under way; closing the page cancels it (`cancel_tasks`); what it raises is
    shown by the page, never lost.
    """
    return _starter(work, lambda *_: work.__name__)


def page_task_for_each(work: Work[PageT, P]) -> Start[PageT, P]:
    """As `page_task`, one at a time for each value of the first argument, such as a run's id."""
    return _starter(work, lambda first, *_: f"{work.__name__} {first}")


def _starter(work: Work[PageT, P], name: Callable[..., str]) -> Start[PageT, P]:
    def start(page: PageT, /, *args: P.args, **kwargs: P.kwargs) -> None:
        key = name(*args)
        before = page.tasks.pop(key, None)
        if before is not None:
            before.cancel()
        begin = functools.partial(work, page, *args, **kwargs)
        task = asyncio.get_running_loop().create_task(_guarded(page, begin), name=key)
        page.tasks[key] = task
        task.add_done_callback(functools.partial(_forget, page.tasks, key))

    functools.update_wrapper(start, work)
    return start


def _forget(tasks: dict[str, asyncio.Task[None]], key: str, done: asyncio.Task[None]) -> None:
    if tasks.get(key) is done:
        del tasks[key]


async def _guarded(page: Page, begin: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await begin()  # made here: a task that is superseded before its first step leaves no coroutine behind
    except Exception as error:  # noqa: BLE001  shown where it belongs
        page.show_error(as_problem(error))


async def cancel_tasks(page: Page) -> None:
    """Cancels what the page still does and waits until it has let go."""
    tasks = list(page.tasks.values())
    page.tasks.clear()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
