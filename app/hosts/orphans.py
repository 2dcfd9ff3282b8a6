"""Programs of a run whose Overwinter was killed: found on this computer by a mark they carry, and ended.

The mark is a variable of their environment, so what they started carries it too, and none is missed that was started
a moment before the kill. What is meant to go on after its run (a service, say) is started with the mark empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time

import psutil

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.process import LOOK_AGAIN
from app.hosts.running import PATIENT, Patience
from app.hosts.tree import Tree

RUN_VARIABLE = "OVERWINTER_RUN"
"""Names the run that a program works for."""


def orphans_of(run: str) -> list[psutil.Process]:
    """The programs that carry the mark of this run. Takes about 20 µs for each process of the computer."""
    me = os.getpid()
    return [process for process in psutil.process_iter() if process.pid != me and _mark_of(process) == run]


async def end_orphans(run: str, patience: Patience = PATIENT) -> list[str]:
    """Ends what is left of a run whose Overwinter is gone, and gives the names of the programs that it ended.

    In the same order as a cancel does: interrupt those that nobody else of them started (so that restic removes its
    lock), then terminate, then kill. Raises `host.program-unstoppable` when one does not end.
    """
    left = orphans_of(run)
    names = [name for process in left if (name := _name_of(process))]
    trees = [Tree(process.pid) for process in _topmost(left)]
    for tree in trees:
        tree.interrupt()
    await _gone(trees, patience.interrupt)
    for tell, seconds in ((Tree.terminate, patience.terminate), (Tree.kill, patience.kill)):
        for tree in trees:
            tell(tree)
        await _gone(trees, seconds)
    if unstoppable := [process.pid for tree in trees for process in tree.living()]:
        raise _unstoppable(unstoppable)
    return names


async def _gone(trees: list[Tree], seconds: float) -> None:
    over = time.monotonic() + seconds
    while any(tree.living() for tree in trees) and time.monotonic() < over:  # noqa: ASYNC110  no children of ours: nobody tells
        await asyncio.sleep(LOOK_AGAIN)


def _topmost(processes: list[psutil.Process]) -> list[psutil.Process]:
    pids = {process.pid for process in processes}
    return [process for process in processes if _parent_of(process) not in pids]


def _mark_of(process: psutil.Process) -> str:
    """A program of another user, a mere zombie and one that has just ended carry none."""
    with contextlib.suppress(psutil.Error, OSError):
        return str(process.environ().get(RUN_VARIABLE, ""))
    return ""


def _name_of(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return process.name()
    return ""


def _parent_of(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.ppid()
    return 0


def _unstoppable(pids: list[int]) -> UserError:
    return UserError(
        text(
            "A program of an interrupted run does not end, even when it is killed (process {pids}).",
            pids=", ".join(map(str, pids)),
        ),
        text("It may still hold files or a disk, so nothing new is started on this site."),
        text("Plug the disk in again or restore the network it waits for; else restart this computer."),
        "host.program-unstoppable",
    )
