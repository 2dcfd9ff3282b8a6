"""Follows runs: those that work now to their end, and a past one that somebody looks at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.foundation.errors import Problem, UserError
from app.foundation.events import Told
from app.foundation.words import Text, text
from app.ui.bridge import Bridge
from app.ui.models.runs import kind_word
from app.ui.page_task import page_task, page_task_for_each
from app.ui.widgets.work_strip import Work

if TYPE_CHECKING:  # the window is painted before the store is loaded
    from app.assembly import Overwinter
    from app.records.run import Run
    from app.runs.runner import Launched

Begin = Callable[["Overwinter"], Awaitable["Launched"]]
Refused = Callable[[Problem], None]

LONGEST_TITLE = 40
"""So many letters of a site's title stand where other things must be read beside it."""


class RunWatch(QObject):
    """Knows the runs that work now, whatever site they are of, and what each of them tells.

    Signals:
        noticed: a run works now that nobody follows here, such as a timer's; carries its id and its site.
        work_changed: how a run that works now stands, or that it has ended; carries a `Work`.
        began: a run is followed from its beginning; carries its id, its title and its kind.
        told: what a run tells; carries its id and a batch of events.
        ended: a run has ended, or had; carries its record and whether it was seen to end.
        not_here: a run is not recorded on this computer; carries its id.
        launched: a run that was asked for here works now; carries its id and its site.
        busy_changed: another site is busy now, or one no more.
        failed: something went wrong while a run was followed or stopped; carries a `Problem`.
    """

    noticed = Signal(str, str)
    work_changed = Signal(object)
    began = Signal(str, object, str)
    told = Signal(str, object)
    ended = Signal(object, bool)
    not_here = Signal(str)
    launched = Signal(str, str)
    busy_changed = Signal()
    failed = Signal(object)

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._bridge = bridge
        self._works: dict[str, Work] = {}
        self._site_of: dict[str, str] = {}
        self._own: set[str] = set()
        self._noticed: set[str] = set()
        self._launching: set[str] = set()
        self._titles: dict[str, str] = {}

    @property
    def own(self) -> frozenset[str]:
        """The runs that work in this program; those of other programs are followed as well, but end without us."""
        return frozenset(self._own)

    @property
    def live(self) -> frozenset[str]:
        """All runs that work now, as far as they are known here."""
        return frozenset(self._site_of)

    def site_of(self, run: str) -> str | None:
        """The site of a run that works now."""
        return self._site_of.get(run)

    def is_busy(self, site: str) -> bool:
        """Whether a run of this site works now, or is about to."""
        return site in self._launching or site in self._site_of.values()

    def name_sites(self, titles: Mapping[str, str]) -> None:
        """How the sites are called where a run of theirs is shown."""
        self._titles = dict(titles)

    def launch(self, site: str, begin: Begin, refused: Refused) -> None:
        """Has a run begun, or joins the one under way, and follows it; what keeps it from beginning goes to
        `refused`. One at a time for each site.
        """
        if site not in self._launching:
            self._launching.add(site)
            self.busy_changed.emit()
            self._launch(site, begin, refused)

    @page_task_for_each
    async def _launch(self, site: str, begin: Begin, refused: Refused) -> None:
        try:
            launched = await self._bridge.ask(begin)
        except UserError as error:
            refused(error.problem)
            return
        finally:
            self._launching.discard(site)
            self.busy_changed.emit()
        if not launched.joined:
            self.add_own(launched.run, site)
        self._noticed.add(launched.run)
        self.launched.emit(launched.run, site)
        self.follow(launched.run, site)

    def add_own(self, run: str, site: str) -> None:
        """A run of this program has begun."""
        self._own.add(run)
        self._site_of[run] = site
        self.busy_changed.emit()

    @page_task
    async def look_out(self) -> None:
        """Notices every run that works now, each once, as long as the window is open."""
        async for working in self._bridge.working():
            for site, run in working:
                if run not in self._noticed and run not in self.live:
                    self._site_of[run] = site
                    self.busy_changed.emit()
                    self.noticed.emit(run, site)
                self._noticed.add(run)

    @property
    def looks_out(self) -> bool:
        """Whether runs are noticed now."""
        return "look_out" in self.tasks

    @page_task_for_each
    async def follow(self, run: str, site: str) -> None:
        """Tells a run from its beginning to its end; following it again begins anew."""
        try:
            closed = await self._followed(run, site)
        except UserError as error:
            self._forget(run)
            if error.code != "records.no-such-run":
                raise
            self.not_here.emit(run)
        else:
            self.ended.emit(closed, self._forget(run))

    async def _followed(self, run: str, site: str) -> Run:
        record = await self._bridge.ask(lambda app: app.records(site).run(run))
        title = _title_of(record, self._titles.get(site, ""))
        if record.closed is None:
            self._site_of[run] = site
            self._tell(self._works.get(run) or Work(run, title))
        self.began.emit(run, title, record.kind)
        async for batch in self._bridge.follow(site, run):
            self._take(run, batch)
            self.told.emit(run, batch)
        return await self._bridge.ask(lambda app: app.runner.wait(site, run))

    def _take(self, run: str, batch: list[Told]) -> None:
        before = self._works.get(run)
        if before is None:
            return
        work = before
        for event in batch:
            work = work.after(event)
        if work is not before and not work.closed:
            self._tell(work)

    def _tell(self, work: Work) -> None:
        self._works[work.run] = work
        self.work_changed.emit(work)

    def _forget(self, run: str) -> bool:
        """The run works no more, or can be followed no more; gives whether it worked until now."""
        work, site = self._works.pop(run, None), self._site_of.pop(run, None)
        self._own.discard(run)
        if work is not None:
            self.work_changed.emit(replace(work, closed=True))
        self.busy_changed.emit()
        return site is not None

    @page_task_for_each
    async def cancel(self, run: str) -> None:
        """Asks a run to stop."""
        site, work = self._site_of.get(run), self._works.get(run)
        if site is None or work is None:
            return
        self._tell(replace(work, cancelling=True))
        try:
            await self._bridge.ask(lambda app: app.runner.cancel(site, run))
        except UserError as error:
            if error.code == "records.run-closed":  # it was quicker
                return
            if run in self._works:
                self._tell(replace(self._works[run], cancelling=False))
            raise

    def cancel_own(self) -> None:
        """Asks every run of this program to stop."""
        for run in self._own:
            self.cancel(run)

    def show_error(self, error: Problem) -> None:
        """Something went wrong in a task."""
        self.failed.emit(error)


def _title_of(run: Run, site_title: str) -> Text:
    site = site_title or run.site
    short = site if len(site) <= LONGEST_TITLE else site[:LONGEST_TITLE] + "…"
    return text("{kind} {run} of {site}", kind=kind_word(run.shown_kind), run=run.short_id, site=short)
