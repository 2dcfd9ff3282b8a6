"""The site, held by one run: a lock file that the system drops with its holder, and a row that names the holder.

The file is taken first. Whoever has it and finds a row of a process that is gone takes the row over.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from app.foundation.blocking import Blocking
from app.foundation.errors import Busy
from app.foundation.words import Text, text
from app.records.locks import Holder
from app.records.owners import Owner, owner_alive
from app.records.run import Run
from app.records.site_records import SiteRecords
from app.settings.private_files import FileLock

SILENT_TOO_LONG = 120.0
"""Seconds after which a process on another computer counts as gone. A sign of life comes every `BEAT` seconds."""

BEAT = 15.0

SETTLES_WITHIN = 3.0
"""Seconds in which a process that has the file has the row too, or has let go of the file."""

LOOK_AGAIN = 0.05


def is_gone(owner: Owner, silent: float) -> bool:
    """Whether a process is known to have ended: asked of this computer, or of another one by its long silence."""
    alive = owner_alive(owner)
    return silent > SILENT_TOO_LONG if alive is None else not alive


def site_lock_file(folder: Path, site: str) -> FileLock:
    """The lock file of a site."""
    return FileLock(folder / f"site-{site}.lock")


class SiteLock:
    """What one run holds of its site on this computer."""

    def __init__(self, folder: Path, run: Run, records: SiteRecords, blocking: Blocking) -> None:
        """Lock files are in `folder`."""
        self._file = site_lock_file(folder, run.site)
        self._run = run
        self._records = records
        self._blocking = blocking

    async def take(self) -> None:
        """Takes the site for this run alone; the row is given back when the run's record is closed.

        Raises `Busy` `run.busy` that names the holder.
        """
        if not await self._take_file():
            raise busy(self._run.site, await self._records.site_holder())
        holder = await self._records.take_site_lock(self._run.id, self._run.owner)
        if holder is not None and is_gone(holder.owner, holder.silent):
            holder = await self._records.take_over(self._run.id, self._run.owner, holder.owner, self._run.who)
        if holder is not None:
            raise busy(self._run.site, holder)

    async def _take_file(self) -> bool:
        """The holder of the file is waited for a moment: it may be about to let go, or to enter itself in the row."""
        until = time.monotonic() + SETTLES_WITHIN
        while not await self._blocking.call("files", self._file.take):
            holder = await self._records.site_holder()
            if time.monotonic() > until or (holder is not None and owner_alive(holder.owner)):
                return False
            await asyncio.sleep(LOOK_AGAIN)
        return True

    async def release(self) -> None:
        """Lets go of the file, after the record was closed; nothing happens when it is not held."""
        await self._blocking.call("files", self._file.release)


def busy(site: str, holder: Holder | None) -> Busy:
    """What is said when another run has the site; None when it has not entered itself yet."""
    nothing = text("Nothing was started; the other operation goes on.")
    if holder is None:
        return Busy(
            text("{site} is busy with another operation that is just beginning.", site=site),
            nothing,
            text("Look which one it is, and wait until it has ended: overwinter runs {site}", site=site),
            "run.busy",
        )
    return Busy(
        _holder_named(site, holder),
        nothing,
        text(
            "Wait until it has ended, or cancel it: overwinter run cancel {site} {run}", site=site, run=holder.run[:8]
        ),
        "run.busy",
    )


def _holder_named(site: str, holder: Holder) -> Text:
    return text(
        "{site} is busy with another operation ({kind}, run {run}, started by {who} on {computer}).",
        site=site,
        kind=holder.kind,
        run=holder.run[:8],
        who=holder.who,
        computer=holder.owner.computer_name,
    )
