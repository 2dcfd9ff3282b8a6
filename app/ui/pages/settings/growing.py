"""The two ways to more sources: presets (and kinds, by hand), and a look at a host."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import shiboken6

from app.foundation.errors import Problem, UserError
from app.foundation.words import Language, text
from app.settings.draft import Raw
from app.settings.presets import Use
from app.settings.source import SourceKind
from app.ui.bridge import Bridge
from app.ui.page_task import page_task
from app.ui.pages.settings.adding import AddDialog
from app.ui.pages.settings.list_section import ListSection
from app.ui.pages.settings.looking import LookDialog
from app.ui.pages.settings.sections import SECTIONS

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter
    from app.jobs.look.job import Look
    from app.jobs.look.proposals import Proposal
    from app.ui.pages.settings.settings_page import SettingsPage

_SAVE_FIRST = Problem(
    text("A look compares a host with the settings as they are stored, and some of yours are not saved yet."),
    text("Nothing was changed."),
    text("Save them, or take them back; then look."),
    "settings.save-first",
)


class Growth:
    """What makes the site of one page grow; its tasks are the page's, and end with it."""

    def __init__(self, page: SettingsPage, bridge: Bridge, language: Language) -> None:
        self.tasks: dict[str, asyncio.Task[None]] = page.tasks
        self._page = page
        self._bridge = bridge
        self._language = language

    def show_error(self, error: Problem) -> None:
        """Something went wrong."""
        self._page.show_error(error)

    def _hosts(self) -> list[str]:
        return [str(row["name"]) for row in self._page.draft.rows("hosts") if row.get("name")]

    @page_task
    async def ask_what_to_add(self) -> None:
        """Offers the presets, and every kind by hand."""
        presets = await self._bridge.ask(lambda app: app.editing.presets())
        dialog = AddDialog(self._language, presets, self._hosts(), self._page)
        dialog.use_chosen.connect(partial(self.add_preset, dialog))
        dialog.kind_chosen.connect(self._on_kind_chosen)
        dialog.open()

    def _sources(self) -> ListSection:
        view = self._page.view(next(section for section in SECTIONS if section.key == "sources"))
        assert isinstance(view, ListSection), "a section of tables"
        return view

    def _on_kind_chosen(self, kind: SourceKind) -> None:
        taken = {str(row.get("name")) for row in self._page.draft.rows("sources")}
        name, number = kind.value, 2
        while name in taken:
            name, number = f"{kind.value}-{number}", number + 1
        self._sources().add({"name": name, "kind": kind.value})

    @page_task
    async def add_preset(self, dialog: AddDialog, use: Use) -> None:
        """Adds what a preset brings; it is not saved by that."""
        document = self._page.draft.document()
        try:
            rows = await self._bridge.ask(lambda app: app.editing.preset_rows(document, use))
        except UserError as error:
            if shiboken6.isValid(dialog):
                dialog.show_problem(error.problem)
            return
        first = len(self._page.draft.rows("sources"))
        self._take_in(rows)
        dialog.accept()
        self._sources().added(first)

    def _take_in(self, rows: dict[str, list[Raw]]) -> None:
        for table, added in rows.items():
            for row in added:
                self._page.draft.add(table, row)
            view = self._page.views.get(table)
            if added and isinstance(view, ListSection):
                view.added(0)

    def ask_where_to_look(self) -> None:
        if self._page.draft.is_changed:
            self.show_error(_SAVE_FIRST)
            return
        dialog = LookDialog(self._language, self._hosts(), self._page)
        dialog.look_wanted.connect(partial(self.look, dialog))
        dialog.chosen.connect(partial(self.take_over, dialog))
        dialog.open()

    @page_task
    async def look(self, dialog: LookDialog, host: str, under: str) -> None:
        """Looks at a host; the person may close the dialog meanwhile."""
        site = self._page.site
        folders = (under,) if under else ()
        try:
            found: Look = await self._bridge.ask(lambda app: app.look(site, host, folders))
        except UserError as error:
            if shiboken6.isValid(dialog):
                dialog.show_failed(error.problem)
            return
        if shiboken6.isValid(dialog):
            dialog.show_found(found)

    @page_task
    async def take_over(self, dialog: LookDialog, proposals: Sequence[Proposal]) -> None:
        """Adds what was ticked to the stored site, its passwords to the secret store: both, or neither."""
        site = self._page.site
        try:
            await self._bridge.ask(partial(_add_proposals, site, proposals))
        except UserError as error:
            if shiboken6.isValid(dialog):
                dialog.show_failed(error.problem)
            return
        dialog.accept()
        self._page.load()
        self._page.saved.emit(site)


async def _add_proposals(site: str, proposals: Sequence[Proposal], app: Overwinter) -> None:
    await app.add_proposals(site, proposals)
