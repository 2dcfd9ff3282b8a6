"""The one place where the engine's event loop is made.

The factory is explicit, because on Python 3.11 a library may have set a process-wide policy that would hand a
worker thread the window's loop (measured: reference "qt", trap 2).
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def new_loop() -> asyncio.AbstractEventLoop:
    """A loop that can start programs on this system: Proactor on Windows, Selector elsewhere."""
    if sys.platform == "win32":
        return asyncio.ProactorEventLoop()
    return asyncio.SelectorEventLoop()


def run_engine(main: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop | None = None) -> T:
    """Runs `main` to its end, on a loop of its own unless one was made before; closes the loop.

    On the main thread Ctrl+C cancels `main`, once. Pressed again it does nothing, here and afterwards: it would only
    cut short what is being put away. Raises KeyboardInterrupt when `main` ended by it.
    """
    with asyncio.Runner(loop_factory=(lambda: loop) if loop is not None else new_loop) as runner:
        task = runner.get_loop().create_task(main)
        with _cancelled_by_ctrl_c(task) as ctrl_c:
            try:
                return runner.get_loop().run_until_complete(task)
            except asyncio.CancelledError:
                if ctrl_c.pressed:
                    raise KeyboardInterrupt from None
                raise


class _CtrlC:
    """Hears Ctrl+C; asyncio's own handler would raise at the second one, wherever the program happens to be."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task
        self.pressed = False

    def __call__(self, _number: int, _frame: Any) -> None:
        if not self.pressed:
            self.pressed = True
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)


@contextmanager
def _cancelled_by_ctrl_c(task: asyncio.Task[Any]) -> Iterator[_CtrlC]:
    """Where Ctrl+C is heard at all: on the main thread, and not where it is ignored or somebody else's."""
    ctrl_c = _CtrlC(task)
    on_main_thread = threading.current_thread() is threading.main_thread()
    heard = on_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, ctrl_c)
    try:
        yield ctrl_c
    finally:
        if heard and not ctrl_c.pressed and signal.getsignal(signal.SIGINT) is ctrl_c:
            signal.signal(signal.SIGINT, signal.default_int_handler)
