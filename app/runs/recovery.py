"""What dead runs left, put in order: their programs ended, their temporary files removed, their records closed.

A run is dead when its process is: on this computer the system is asked, of another one its signs of life are missed.
Everything here may be done twice and by two processes at once; a record is closed by one of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
from collections.abc import Awaitable, Callable, Container
from functools import partial
from pathlib import Path

from app.foundation.blocking import Blocking
from app.foundation.errors import Problem, Refused, UserError
from app.foundation.events import Outcome, RunClosed
from app.foundation.words import text
from app.hosts import files
from app.hosts.orphans import end_orphans
from app.records.owners import is_here
from app.records.run import Run, Working
from app.records.site_records import SiteRecords
from app.runs.context import scratch_name
from app.runs.files import end_events, log_excerpt
from app.runs.site_lock import LOOK_AGAIN, is_gone, site_lock_file
from app.settings.places import Places

LOOKS = 10

Unlock = Callable[[str], Awaitable[None]]
"""Removes the dead locks of a site's repository."""


class Recovery:
    """Finds the dead runs of a site and clears away after them."""

    def __init__(
        self,
        places: Places,
        blocking: Blocking,
        records: Callable[[str], SiteRecords],
        unlock: Unlock,
        ours: Container[str],
        *,
        interrupted: Callable[[Run], Awaitable[Problem]] | None = None,
    ) -> None:
        """`ours` are the runs of this process; `interrupted` says what it means that a run died."""
        self._interrupted = interrupted or _interrupted
        self._places = places
        self._blocking = blocking
        self._records = records
        self._unlock = unlock
        self._ours = ours

    async def close_interrupted(self, site: str, for_run: str = "") -> list[Run]:
        """Closes what dead processes left open, so that it stands in nobody's way; gives the runs that it closed.

        Their programs are ended and their temporary files removed first: a database's password may be among them.
        Raises `host.program-unstoppable` when one does not end; then its run keeps the site.
        """
        records = self._records(site)
        closed = []
        for found in await records.working():
            if await self._is_dead(records, found):
                await self._clear_here(found.run)
                if await self._closed(records, found.run, for_run):
                    closed.append(await records.run(found.run.id))
        return closed

    async def _is_dead(self, records: SiteRecords, found: Working) -> bool:
        """Whether its process is. One that has the site's lock file is not, whatever its number says: in a container
        numbers are others, and the system itself keeps that file for the living.
        """
        run = found.run
        if run.id in self._ours or not is_gone(run.owner, found.silent):
            return False
        holder = await records.site_holder() if is_here(run.owner) else None
        return holder is None or holder.run != run.id or await self._is_lock_free(run.site)

    async def _is_lock_free(self, site: str) -> bool:
        """Tried a few times: another one may be looking in the same moment."""
        file = site_lock_file(self._places.locks, site)
        for _ in range(LOOKS):
            if await self._blocking.call("files", file.take):
                file.release()
                return True
            await asyncio.sleep(LOOK_AGAIN)
        return False

    async def _clear_here(self, run: Run) -> None:
        """Ends the run's programs and removes its temporary files, where this is its computer."""
        if is_here(run.owner):
            await end_orphans(run.id)
            await self._blocking.call("files", partial(_remove_scratch, self._places.scratch, run.id))

    async def _closed(self, records: SiteRecords, run: Run, for_run: str) -> bool:
        folder = self._places.run_folder(run.id)
        excerpt = await self._blocking.call("files", partial(log_excerpt, folder))
        why = await self._interrupted(run)
        try:
            await records.interrupt(run.id, why, who=getpass.getuser(), for_run=for_run, log_excerpt=excerpt)
        except Refused:  # another process was faster
            return False
        counters = (await records.run(run.id)).counters
        last = RunClosed(outcome=Outcome.INTERRUPTED, counters=counters, error=why)
        with contextlib.suppress(OSError):  # the record says it too
            await self._blocking.call("files", partial(end_events, folder, last))
        return True

    async def tidy(self, site: str) -> None:
        """Clears away what else the interrupted runs of this computer left: the locks of a restic that was killed.

        What cannot be done now (the disk is not plugged in, the vault is closed) raises and is left for the next time.
        """
        records = self._records(site)
        mine = [run for run in await records.untidy_runs() if is_here(run.owner)]
        for run in mine:
            await self._clear_here(run)
        if mine:
            await self._unlock(site)
        for run in mine:
            await records.tidied(run.id)


async def _interrupted(_run: Run) -> Problem:
    """What is said of a run that has changed nothing but the repository."""
    return INTERRUPTED


def _remove_scratch(folder: Path, run: str) -> None:
    for left in folder.glob(f"{scratch_name(run)}-*"):
        with contextlib.suppress(UserError):  # what cannot be removed may not keep the next run from working
            files.remove_tree(left)


INTERRUPTED = Problem(
    text("The program stopped while this run was under way."),
    text("What it had finished is kept; it made a recovery point only if the list of points shows it as complete."),
    text("Start it again; what is already in the repository is not uploaded twice."),
    "run.interrupted",
)
