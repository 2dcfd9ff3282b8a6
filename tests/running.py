"""Runs a coroutine the way the engine does: an explicit loop, in debug mode, so that a slow callback shows."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SLOW = 2.0
"""Seconds that a callback may hold the loop up: far above what ours take, and above what a machine adds that runs
tests and their servers side by side.
"""


def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.SelectorEventLoop()
    loop.slow_callback_duration = SLOW
    return loop


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, run to its end on a loop of its own."""
    with asyncio.Runner(debug=True, loop_factory=_loop) as runner:
        return runner.run(work)
