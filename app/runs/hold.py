"""What a run holds while it works: its site here, and a lease on every server where it works; kept alive until its end.

A run that loses its hold (its laptop slept, and another one took over) stops: two may never work on one site.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from app.foundation.errors import Busy, Problem, UserError
from app.foundation.words import text
from app.records.run import Run
from app.records.site_records import SiteRecords
from app.runs.lease import Lease
from app.runs.site_lock import BEAT, SiteLock

REACHED_WITHIN = 30.0
"""Seconds that a server may take over each thing asked of a lease; watching a silent holder is not counted."""

WATCH_WITHIN = 120.0


class Hold:
    """The site lock and the leases of one run; a run that works for another one, which has both, needs neither."""

    def __init__(
        self, run: Run, records: SiteRecords, lock: SiteLock | None, warn: Callable[[Problem], object]
    ) -> None:
        """`lock` is None for a run that works for another one.

        `warn` is told what a person should know and what does not stop the run.
        """
        self._run = run
        self._records = records
        self._lock = lock
        self._wanted: list[Lease] = []
        self._tried: list[Lease] = []
        self._held: list[Lease] = []
        self._begun = False
        self._warn = warn
        self.lost: Problem | None = None
        """Why the run may not go on; None while it holds everything."""

    async def take(self) -> None:
        """Takes the site; raises `Busy` that names who has it."""
        if self._lock is not None:
            await self._lock.take()

    async def lease(self, leases: Sequence[Lease]) -> None:
        """Takes these leases; raises `Busy` that names who has one of them.

        A server that cannot be reached gets no lease: nothing can be done there either, and what is elsewhere is still
        worth saving. It is tried again with every sign of life.
        """
        self._wanted = list(leases)
        for lease in self._wanted:
            try:
                await self._take(lease)
            except UserError as error:
                if isinstance(error, Busy):
                    raise
                self._warn(_no_lease(error.problem))
        self._begun = True

    async def _take(self, lease: Lease) -> None:
        if lease not in self._tried:
            self._tried.append(lease)
        try:
            async with asyncio.timeout(WATCH_WITHIN):
                over = await lease.take()
        except TimeoutError as error:
            raise _silent(lease.host_name) from error
        self._held.append(lease)
        if over is not None:
            fields = {"run": self._run.id, "from": over.run, "computer": over.owner.computer_name, "of": over.who}
            await self._records.add_audit(self._run.who, "lease-taken-over", fields)

    async def keep(self) -> None:
        """Gives signs of life for ever; comes back when the hold is lost, with the reason in `lost`."""
        while self.lost is None:
            await asyncio.sleep(BEAT)
            await self.renew()

    async def renew(self) -> None:
        """One sign of life, everywhere. What cannot be reached now is tried again next time."""
        with contextlib.suppress(UserError):  # a store that is away for a moment may not end the run
            if not await self._records.renew(self._run.id):
                self.lost = TAKEN_OVER
        if self._begun:
            await asyncio.gather(*map(self._renew, self._wanted))  # a server that hangs holds up no other sign of life

    async def _renew(self, lease: Lease) -> None:
        with contextlib.suppress(UserError, TimeoutError):  # a server that is away: the steps there will say so
            try:
                if lease not in self._held:
                    await self._take(lease)
                    return
                async with asyncio.timeout(REACHED_WITHIN):
                    held = await lease.renew()
                self.lost = self.lost if held else TAKEN_OVER
            except Busy as busy:
                self.lost = busy.problem

    async def release_leases(self) -> None:
        """Gives the leases back; one on a server that is away runs out by itself."""
        while self._tried:
            await _reached(self._tried.pop().release())

    async def release_site(self) -> None:
        """Lets others at the site, after the record was closed."""
        if self._lock is not None:
            await self._lock.release()


async def _reached(work: Awaitable[object]) -> None:
    with contextlib.suppress(UserError, TimeoutError):
        async with asyncio.timeout(REACHED_WITHIN):
            await work


TAKEN_OVER = UserError(
    text("This run gave no sign of life for so long that another one took the site over."),
    text("It was stopped; what it had finished is kept, and no recovery point was made."),
    text("Look what the other run did; then start again if need be. Keep the computer awake meanwhile."),
    "run.taken-over",
).problem


def _silent(host: str) -> UserError:
    return UserError(
        text("{host} does not answer.", host=host),
        text("Nothing was changed there."),
        text("Check the network and that {host} is on, then try again.", host=host),
        "host.silent",
    )


def _no_lease(why: Problem) -> Problem:
    return Problem(
        text("Whether somebody else works on the server could not be looked up. {what}", what=why.what),
        text("The run goes on; it cannot do anything on that server either as long as it is away."),
        why.next,
        "run.no-lease",
        why.detail,
    )
