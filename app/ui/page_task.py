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


def page_task(
    work: Callable[Concatenate[PageT, P], Coroutine[Any, Any, None]],
) -> Callable[Concatenate[PageT, P], None]:
    """Turns a page's coroutine method into a plain one that starts it on the window's loop.

    Starting it again supersedes the one under way; closing the page cancels it (`cancel_tasks`); what it raises is
    shown by the page, never lost.
    """

    def start(page: PageT, /, *args: P.args, **kwargs: P.kwargs) -> None:
        name = work.__name__
        before = page.tasks.pop(name, None)
        if before is not None:
            before.cancel()
        page.tasks[name] = asyncio.get_running_loop().create_task(_guarded(page, work(page, *args, **kwargs)))

    functools.update_wrapper(start, work)
    return start


async def _guarded(page: Page, work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001  shown where it belongs
        page.show_error(as_problem(error))


async def cancel_tasks(page: Page) -> None:
    """Cancels what the page still does and waits until it has let go."""
    tasks = list(page.tasks.values())
    page.tasks.clear()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
