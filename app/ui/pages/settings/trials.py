"""Tries the connections of the Settings page for real, and does what the buttons on their cards say."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import shiboken6

from app.foundation.errors import Problem, UserError
from app.foundation.events import Outcome
from app.foundation.words import Language
from app.settings.draft import Raw
from app.ui.bridge import Bridge
from app.ui.page_task import page_task, page_task_for_each
from app.ui.pages.settings.sections import Section, Tried
from app.ui.pages.settings.trial_panel import MAKE_REPOSITORY, TRUST_KEY, TYPE_SECRET, UNLOCK, Mending, TrialPanel
from app.ui.pages.settings.trusting import TrustDialog

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter
    from app.jobs.trying import Tried as Found
    from app.ui.pages.settings.settings_page import SettingsPage


class Trials:
    """The trials of one page; its tasks are the page's, and end with it."""

    def __init__(self, page: SettingsPage, bridge: Bridge, language: Language) -> None:
        self.tasks: dict[str, asyncio.Task[None]] = page.tasks
        self._page = page
        self._bridge = bridge
        self._language = language

    def show_error(self, error: Problem) -> None:
        """Something went wrong that is no answer of what was tried."""
        self._page.show_error(error)

    def begin(self, section: Section, panel: TrialPanel, name: str) -> None:
        """The Test button of a panel was pressed."""
        self.try_out(f"{section.key} {name}", section, panel, name)

    @page_task_for_each
    async def try_out(self, _key: str, section: Section, panel: TrialPanel, name: str) -> None:
        """Tries a connection as it is edited, with the secrets that are typed."""
        document, typed = self._page.draft.document(), self._page.typed()
        panel.begin()
        try:
            found = await self._bridge.ask(partial(_trial, section.tried, document, name, typed))
        except UserError as error:
            mended = await self._can_mend(error.problem)
            if shiboken6.isValid(panel):
                panel.show_failed(error.problem, mended=mended)
            return
        if shiboken6.isValid(panel):
            panel.show_found(found.said, found.warnings)

    async def _can_mend(self, problem: Problem) -> bool:
        """Whether the card may have its button: what is done to a repository is done to the stored one.

        Where something was saved before, none is made: its disk is not plugged in, and a new one in the empty folder
        would hide that.
        """
        if problem.code not in ("restic.no-repository", "restic.locked"):
            return True
        site = self._page.site
        saved = problem.code == "restic.no-repository" and await self._bridge.ask(lambda app: has_saved(app, site))
        return not saved and not self._page.draft.is_changed_in(("repository",))

    def mend(self, section: Section, panel: TrialPanel, name: str, mending: Mending) -> None:
        """The button on a card was pressed."""
        if mending.act == TYPE_SECRET:
            rows = self._page.view(section).secrets
            wanted = [row for secret, row in rows.items() if secret.endswith(mending.secret) and row.isVisible()]
            if wanted:
                wanted[0].field.setFocus()
        elif mending.act == TRUST_KEY:
            dialog = TrustDialog(self._language, name, self._page)
            dialog.typed.connect(partial(self.trust, section, panel, name))
            dialog.open()
        elif mending.act in (MAKE_REPOSITORY, UNLOCK):
            self.mend_repository(mending.act, section, panel, name)

    @page_task_for_each
    async def mend_repository(self, act: str, section: Section, panel: TrialPanel, name: str) -> None:
        """Makes the repository, or removes its dead locks; then tries again. A password that is typed is stored."""
        site = self._page.site
        if self._page.typed():
            await self._page.store_typed(site)
            await self._page.read_stored(site)
        if act == MAKE_REPOSITORY:
            await self._bridge.ask(lambda app: app.init_repository(site))
        else:
            await self._bridge.ask(lambda app: app.unlock_repository(site))
        self.begin(section, panel, name)
        self._page.saved.emit(site)

    @page_task
    async def trust(self, section: Section, panel: TrialPanel, name: str, fingerprint: str) -> None:
        """Trusts the host key with this fingerprint; then tries again."""
        site = self._page.site
        try:
            await self._bridge.ask(lambda app: app.trust_host(site, name, fingerprint))
        except UserError as error:
            if shiboken6.isValid(panel):
                panel.show_failed(error.problem)
            return
        self.begin(section, panel, name)


async def _trial(tried: Tried | None, document: Raw, name: str, typed: dict[str, str], app: Overwinter) -> Found:
    match tried:
        case Tried.HOST:
            return await app.trials.host(document, name, typed)
        case Tried.SOURCE:
            return await app.trials.source(document, name, typed)
        case _:
            return await app.trials.repository(document, typed)


async def has_saved(app: Overwinter, site: str) -> bool:
    """Whether a backup of the site ever ended with something in its repository."""
    records = app.records(site)
    return any([await records.runs(status=outcome, limit=1) for outcome in (Outcome.SUCCESS, Outcome.PARTIAL)])
