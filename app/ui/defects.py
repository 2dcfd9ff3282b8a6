"""What nobody caught is shown as a card and written to standard error; nothing of it is lost, no secret in it told."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from app.foundation.errors import Problem, UserError, as_problem
from app.ui.bridge import Bridge, described

if TYPE_CHECKING:
    from app.assembly import Overwinter

Show = Callable[[Problem], None]


class Defects:
    """Hears of every error that no code of ours has caught, in the window's thread and in the engine's."""

    def __init__(self, bridge: Bridge, show: Show) -> None:
        """Listens from now on; needs the window's loop."""
        self._bridge = bridge
        self._show = show
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._before = sys.excepthook
        sys.excepthook = self._on_exception
        self._loop.set_exception_handler(self._on_loop_error)
        bridge.failed.connect(self._tell)

    def stop(self) -> None:
        """Leaves everything as it was before."""
        sys.excepthook = self._before
        self._loop.set_exception_handler(None)
        self._bridge.failed.disconnect(self._tell)

    def _on_exception(self, kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt | SystemExit):
            self._loop.call_soon_threadsafe(self._begin, error)  # Qt calls this in the thread where it arose

    def _on_loop_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._begin(context.get("exception") or RuntimeError(context["message"]))

    def _begin(self, error: BaseException) -> None:
        task = self._loop.create_task(self._clean_and_tell(error))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _clean_and_tell(self, error: BaseException) -> None:
        """The engine knows the secrets: what was raised here goes there to be cleaned before anybody sees it."""
        problem = described(error)
        try:
            problem = await self._bridge.ask(lambda app: _cleaned(app, problem))
        except (UserError, asyncio.CancelledError):  # nobody there to ask: the error's own words stay unsaid
            problem = msgspec.structs.replace(as_problem(error), detail=_without_words(error))
        self._tell(problem)

    def _tell(self, problem: Problem) -> None:
        if sys.stderr is not None:  # a program without a console has none
            sys.stderr.write(f"{problem.code}: {problem.detail}\n")
        self._show(problem)


async def _cleaned(app: Overwinter, problem: Problem) -> Problem:
    return app.cleaned(problem)


def _without_words(error: BaseException) -> str:
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
