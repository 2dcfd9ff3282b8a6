"""The only way to what is recorded of a site.

Everything that is written is cleaned of secrets first, and sentences are kept as such, so that they can be read in
another language later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from sqlalchemy import Connection

from app.foundation.errors import Problem
from app.foundation.events import Counters, Item, Outcome, Phase, Rollback, StepOutcome
from app.foundation.redact import Redactor
from app.foundation.words import Text
from app.records import audit, locks, runs
from app.records.audit import AuditEntry
from app.records.cleaned import cleaned_item, cleaned_problem, cleaned_text
from app.records.locks import Holder
from app.records.owners import Owner
from app.records.run import RUNNING, Begun, Closing, Run, Status, StepRecord, Tally, Working
from app.store.engine import Database

T = TypeVar("T")

NOTHING_COUNTED = Counters()


class SiteRecords:
    """What happened on one site. A run of another site reads like one that does not exist: `Refused`."""

    def __init__(self, database: Database, site: str, redactor: Redactor) -> None:
        self._database = database
        self._site = site
        self._redactor = redactor

    async def begin(self, run: Run) -> Begun:
        """Records that a run begins, before its first effect; the same request under way is joined instead."""
        if run.site != self._site:
            raise ValueError(f"a run of {run.site} among those of {self._site}")
        clean = self._redactor.text
        tags = tuple(clean(tag) for tag in run.tags)
        cleaned = msgspec.structs.replace(run, who=clean(run.who), choice=clean(run.choice), tags=tags)
        return await self._database.write(lambda connection: runs.begin(connection, cleaned))

    async def close(
        self,
        run_id: str,
        outcome: Outcome,
        *,
        rollback: Rollback = Rollback.NONE,
        counters: Counters = NOTHING_COUNTED,
        error: Problem | None = None,
        log_excerpt: str = "",
    ) -> None:
        """Records how a run ended and gives its locks back. A second close is `Refused` `records.run-closed`."""
        excerpt = runs.capped(self._redactor.text(log_excerpt))
        closing = Closing(datetime.now(UTC), outcome, rollback, counters, self._cleaned(error), excerpt)
        await self._change(run_id, lambda connection: runs.close(connection, self._site, run_id, closing))

    async def interrupt(
        self, run_id: str, error: Problem, *, who: str, for_run: str = "", log_excerpt: str = ""
    ) -> None:
        """Closes a run whose process is gone; `who` found it, on behalf of `for_run`. Both that and its lock's
        taking over are audited. A run that was closed meanwhile is `Refused` `records.run-closed`.
        """
        excerpt = runs.capped(self._redactor.text(log_excerpt))
        closing = Closing(
            datetime.now(UTC), Outcome.INTERRUPTED, Rollback.NONE, NOTHING_COUNTED, self._cleaned(error), excerpt
        )
        clean = self._redactor.text(who)
        await self._change(
            run_id,
            lambda connection: runs.interrupt(connection, self._site, run_id, closing, who=clean, for_run=for_run),
        )

    async def untidy_runs(self) -> list[Run]:
        """The interrupted runs whose left-overs were not cleared away yet."""
        return await self._database.read(lambda connection: runs.untidy(connection, self._site))

    async def tidied(self, run_id: str) -> None:
        """Records that what an interrupted run left is cleared away."""
        await self._change(run_id, lambda connection: runs.tidied(connection, self._site, run_id))

    async def renew(self, run_id: str) -> bool:
        """Records a sign of life of the run's process; False when somebody else has closed the run."""
        return await self._change(run_id, lambda connection: runs.renew(connection, self._site, run_id))

    async def working(self) -> list[Working]:
        """The runs that are not closed, each with how long its process has been silent; newest first."""
        return await self._database.read(lambda connection: runs.working(connection, self._site))

    async def run(self, run_id: str) -> Run:
        """A run by its id, or by the first six or more characters of it when no other begins so."""
        return await self._database.read(lambda connection: runs.find(connection, self._site, run_id))

    async def runs(
        self,
        *,
        status: Status | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> list[Run]:
        """The site's runs, newest first."""
        return await self._database.read(
            lambda connection: runs.listed(connection, self._site, status=status, kind=kind, since=since, limit=limit)
        )

    async def tallies(self) -> dict[str, Tally]:
        """What each of the site's runs came to, by its id."""
        return await self._database.read(lambda connection: runs.tallies(connection, self._site))

    async def active_runs(self) -> list[Run]:
        """Those that are not closed."""
        return await self.runs(status=RUNNING)

    async def take_site_lock(self, run_id: str, owner: Owner) -> Holder | None:
        """Takes the site for this run alone; gives the holder when another run has it."""

        def take(connection: Connection) -> Holder | None:
            runs.must_be_active(connection, self._site, run_id)
            return locks.take(connection, self._site, run_id, owner)

        return await self._change(run_id, take)

    async def take_over(self, run_id: str, owner: Owner, dead: Owner, who: str) -> Holder | None:
        """Takes the site from a process known to be gone, which is audited; gives the holder when it is another."""
        clean = self._redactor.text(who)

        def take_over(connection: Connection) -> Holder | None:
            runs.must_be_active(connection, self._site, run_id)
            return locks.take_over(connection, self._site, run_id, owner=owner, dead=dead, who=clean)

        return await self._change(run_id, take_over)

    async def site_holder(self) -> Holder | None:
        """The run that holds the site now."""
        return await self._database.read(lambda connection: locks.holder_of(connection, self._site))

    async def release_site_lock(self, run_id: str) -> None:
        """Gives the site back."""
        await self._change(run_id, lambda connection: locks.release(connection, self._site, run_id))

    async def request_cancel(self, run_id: str, who: str) -> None:
        """Asks the run's owner to stop; `Refused` `records.run-closed` when it has ended already."""
        clean = self._redactor.text(who)
        await self._change(run_id, lambda connection: runs.request_cancel(connection, self._site, run_id, clean))

    async def cancel_requested(self, run_id: str) -> bool:
        """Whether somebody, in whatever process, asked for this run to stop."""
        return await self._ask(run_id, lambda connection: runs.cancel_requested(connection, self._site, run_id))

    async def add_step(self, run_id: str, number: int, key: str, title: Text, phase: Phase) -> None:
        """Records that a step begins."""
        step = StepRecord(number, key, cleaned_text(self._redactor, title), phase, datetime.now(UTC))
        await self._change(run_id, lambda connection: runs.add_step(connection, self._site, run_id, step))

    async def finish_step(self, run_id: str, number: int, outcome: StepOutcome, error: Problem | None = None) -> None:
        """Records how a step ended."""
        cleaned = self._cleaned(error)
        await self._change(
            run_id,
            lambda connection: runs.finish_step(connection, self._site, run_id, number, outcome=outcome, error=cleaned),
        )

    async def steps(self, run_id: str) -> list[StepRecord]:
        """The run's steps in order."""
        return await self._ask(run_id, lambda connection: runs.steps_of(connection, self._site, run_id))

    async def add_item(self, run_id: str, item: Item) -> None:
        """Records what became of an item; what was said of the same source before is replaced."""
        cleaned = cleaned_item(self._redactor, item)
        await self._change(run_id, lambda connection: runs.add_item(connection, self._site, run_id, cleaned))

    async def items(self, run_id: str) -> list[Item]:
        """The run's items in the order in which they ended."""
        return await self._ask(run_id, lambda connection: runs.items_of(connection, self._site, run_id))

    async def add_audit(self, who: str, what: str, fields: Mapping[str, str]) -> None:
        """Adds an entry to the site's audit log; `what` is a stable word such as `lock-taken-over`."""
        clean = self._redactor.text
        cleaned = {name: clean(value) for name, value in fields.items()}
        await self._database.write(lambda connection: audit.append(connection, self._site, clean(who), what, cleaned))

    async def audit(self, of: Collection[str] = ()) -> list[AuditEntry]:
        """The site's audit log, oldest first, or of it the entries that say one of the words `of`.

        `audit.first_broken` says whether the whole is as it was written.
        """
        return await self._database.read(lambda connection: audit.entries(connection, self._site, of))

    async def _ask(self, run_id: str, query: Callable[[Connection], T]) -> T:
        """Reads of a run of this site; `Refused` when there is none of that id."""
        return await self._database.read(self._checked(run_id, query))

    async def _change(self, run_id: str, change: Callable[[Connection], T]) -> T:
        """Writes of a run of this site; `Refused` when there is none of that id."""
        return await self._database.write(self._checked(run_id, change))

    def _checked(self, run_id: str, work: Callable[[Connection], T]) -> Callable[[Connection], T]:
        def checked(connection: Connection) -> T:
            runs.must_exist(connection, self._site, run_id)
            return work(connection)

        return checked

    def _cleaned(self, error: Problem | None) -> Problem | None:
        return None if error is None else cleaned_problem(self._redactor, error)
