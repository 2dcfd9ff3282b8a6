"""The one place where the engine's event loop is made.

The factory is explicit, because on Python 3.11 a library may have set a process-wide policy that would hand a
worker thread the window's loop (measured: reference "qt", trap 2).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def new_loop() -> asyncio.AbstractEventLoop:
    """A loop that can start programs on this system: Proactor on Windows, Selector elsewhere."""
    if sys.platform == "win32":
        return asyncio.ProactorEventLoop()
    return asyncio.SelectorEventLoop()


def run_engine(main: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop | None = None) -> T:
    """Runs `main` to its end, on a loop of its own unless one was made before; closes the loop.

    On the main thread, Ctrl+C cancels `main`.
    """
    with asyncio.Runner(loop_factory=(lambda: loop) if loop is not None else new_loop) as runner:
        return runner.run(main)
