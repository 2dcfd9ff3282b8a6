"""Restores that stopped in the middle, of whatever site, as the banner over all pages tells of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Signal

from app.foundation.errors import Problem, UserError
from app.foundation.words import Language, Text, text
from app.ui.bridge import Bridge
from app.ui.page_task import page_task
from app.ui.pages.run_watch import RunWatch
from app.ui.widgets.recovery_banner import RecoveryBanner

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter
    from app.jobs.cutover.recover import Found
    from app.runs.runner import Launched


class Unfinished(NamedTuple):
    """A restore of a site to a point that is not over, and since when."""

    site: str
    title: str
    point: str
    since: datetime


class Recoveries(QObject):
    """Looks for unfinished restores and puts them right when a person says how.

    Signals:
        failed: something went wrong meanwhile; carries a `Problem`.
    """

    failed = Signal(object)

    def __init__(self, bridge: Bridge, language: Language, watch: RunWatch, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._bridge = bridge
        self._language = language
        self._watch = watch
        self._found: list[Unfinished] = []
        self.banner = RecoveryBanner(language)
        self.banner.finish_asked.connect(partial(self._put_right, "finish"))
        self.banner.roll_back_asked.connect(partial(self._put_right, "roll-back"))
        self.banner.details_asked.connect(self._show_details)
        watch.busy_changed.connect(self._allow)

    def show_error(self, error: Problem) -> None:
        """Something went wrong in a task."""
        self.failed.emit(error)

    @page_task
    async def look(self) -> None:
        """Looks what is unfinished now, as far as this computer knows."""
        self._found = await self._bridge.ask(_unfinished)
        # A restore that works is unfinished too, and nothing is wrong with it.
        resting = [one for one in self._found if not self._watch.is_busy(one.site)]
        self.banner.setVisible(bool(resting))
        if resting:
            await self._tell(resting[0], len(resting) - 1)

    async def _tell(self, found: Unfinished, more: int) -> None:
        """What is known at once, then what stands there now: a server may take its time to say."""
        maybe = text("It may be half the old state and half the point {point}, and down.", point=found.point)
        self._show(found, maybe, more)
        self._allow()
        try:
            seen = await self._bridge.ask(lambda app: app.found_unfinished(found.site))
        except UserError as error:
            self._show(found, text("{maybe} It could not be seen: {why}", maybe=maybe, why=error.problem.what), more)
        else:
            self._show(found, maybe if seen is None else _standing(seen, found.point), more)

    def _show(self, found: Unfinished, standing: Text, more: int) -> None:
        when = self._language.moment(found.since, datetime.now(UTC))
        what = text("A restore of {site} stopped in the middle ({when}).", site=found.title, when=when)
        means = text("{standing} Nothing else is started on it.", standing=standing)
        if more:
            means = text("{means} {count} more sites are in this state.", means=means, count=more)
        self.banner.show_unfinished(what, means)

    def _allow(self) -> None:
        if self._found:
            self.banner.allow(allowed=not self._watch.is_busy(self._found[0].site))

    def _put_right(self, wanted: str) -> None:
        if self._found:
            site = self._found[0].site
            self._watch.launch(site, lambda app: _recovery(app, site, wanted), self.failed.emit)

    def _show_details(self) -> None:
        if not self._found:
            return
        from app.ui.restoring.recovery_dialog import RecoveryDialog  # noqa: PLC0415  not needed for the first paint

        found = self._found[0]
        when = self._language.moment(found.since, datetime.now(UTC))
        what = text("A restore of {site} stopped in the middle ({when}).", site=found.title, when=when)
        said = self._language.render(what)
        dialog = RecoveryDialog(self._bridge, self._language, found.site, said, self.banner.window())
        dialog.finish_asked.connect(partial(self._put_right, "finish"))
        dialog.roll_back_asked.connect(partial(self._put_right, "roll-back"))
        dialog.open()
        dialog.look()


def _standing(found: Found, point: str) -> Text:
    """What is up now."""
    there = sum(fact.happened.value == "yes" for fact in found.facts)
    missing = sum(fact.happened.value == "no" for fact in found.facts)
    if there + missing < len(found.facts):
        return text("What stands there now is neither the old state nor the point {point}.", point=point)
    if not there:
        return text("The old state stands, nothing of it was exchanged; it may be down.")
    if not missing:
        return text("The point {point} stands in its place, all of it; it may be down.", point=point)
    return text(
        "It is not whole: {there} of {total} parts are those of the point {point}, the others are the old ones.",
        there=there,
        total=len(found.facts),
        point=point,
    )


async def _unfinished(app: Overwinter) -> list[Unfinished]:
    found = []
    for site in await app.sites.all():
        plan = await app.shelf.unfinished(site.name)
        if plan is not None:
            found.append(Unfinished(site.name, site.title or site.name, plan.point[:8], plan.made))
    return found


async def _recovery(app: Overwinter, site: str, wanted: str) -> Launched:
    from app.jobs.cutover.recover import Wanted  # noqa: PLC0415  asked by the engine, which has loaded it

    plan = await app.plan_recovery(site, Wanted(wanted))
    if plan is None:
        raise UserError(
            text("No restore of {site} is unfinished any more.", site=site),
            text("Somebody else has put it right. Nothing was started."),
            text("Nothing has to be done."),
            "recover.over",
        )
    return await app.runner.launch(plan)
