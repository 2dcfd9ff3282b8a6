"""Keeps the computer awake while a run of this program works: a lid that was closed must not cut a restore in two."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_awake() -> Iterator[None]:
    """Until its end the computer does not go to sleep by itself, where its desktop can be asked for that.

    The screen may still be locked, and who closes the lid may still have configured that it sleeps. Nothing is waited
    for and nothing is raised: a desktop that does not answer keeps nobody from working. A thread of its own holds it,
    because on Windows the wish belongs to the thread that has it, and a bus may hang.
    """
    over = threading.Event()
    holding = threading.Thread(target=_hold, args=(over,), name="awake", daemon=True)  # noqa: TID251  see above
    holding.start()
    try:
        yield
    finally:
        over.set()


def _hold(over: threading.Event) -> None:
    from wakepy import keep  # noqa: PLC0415  a tenth of a second, and wanted in this thread alone

    with keep.running(on_fail="pass"):
        over.wait()
