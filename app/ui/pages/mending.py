"""The cards of a page: what went wrong with the site, each with the next step where the window can take it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.foundation.errors import Problem
from app.foundation.events import Outcome
from app.foundation.words import Language
from app.ui.bridge import Bridge
from app.ui.page_task import page_task, page_task_for_each
from app.ui.pages.remedies import Act, Remedy, remedy_of, secret_meaning, secret_title
from app.ui.widgets.card_stack import SHARE, CardStack
from app.ui.widgets.secret_dialog import SecretDialog

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter

READING, RUN, OTHER = "reading", "run", "other"
"""The matters that have a card on a page: its own reading, how a run ended, everything else."""


class Mending(CardStack):
    """Shows the problems of one site and does what their buttons say.

    Signals:
        mended: a next step was taken; what failed may be tried again.
    """

    mended = Signal()

    def __init__(
        self,
        bridge: Bridge,
        language: Language,
        tasks: dict[str, asyncio.Task[None]],
        parent: QWidget | None = None,
        *,
        share: float = SHARE,
    ) -> None:
        """`tasks` are those of the page, which ends them with its own."""
        super().__init__(language, parent, share=share)
        self.tasks = tasks
        self._bridge = bridge
        self._words = language
        self._site = ""
        self._remedies: dict[str, Remedy] = {}
        self.acted.connect(self._on_acted)

    def show_site(self, site: str) -> None:
        """The cards of another site go."""
        self._site = site
        for matter in (READING, RUN, OTHER):
            self.clear(matter)

    def show_error(self, error: Problem) -> None:
        """Something went wrong in a task of the page."""
        self._show(OTHER, error, remedy_of(error))

    @page_task_for_each
    async def tell(self, matter: str, problem: Problem, otherwise: Remedy | None = None) -> None:
        """Shows a problem of the site; `otherwise` is the next step where there is no better one."""
        site = self._site
        remedy = await self._remedy(site, problem)
        if site == self._site:
            self._show(matter, problem, remedy or otherwise)

    async def _remedy(self, site: str, problem: Problem) -> Remedy | None:
        """What the window can do about it.

        Where something was saved before, no repository is made: its disk is not plugged in, and a new one in the
        empty folder would hide that.
        """
        remedy = remedy_of(problem)
        if remedy is not None and remedy.act is Act.MAKE_REPOSITORY:
            return None if await self._bridge.ask(lambda app: _has_saved(app, site)) else remedy
        return remedy

    def _show(self, matter: str, problem: Problem, remedy: Remedy | None) -> None:
        if remedy is None:
            self.show_problem(matter, problem)
            return
        self._remedies[matter] = remedy
        if remedy.next is not None:
            problem = msgspec.structs.replace(problem, next=remedy.next)
        self.show_problem(matter, problem, remedy.word)

    def _on_acted(self, matter: str) -> None:
        remedy = self._remedies[matter]
        if remedy.act is Act.STORE_SECRET:
            self._ask_secret(matter, remedy)
        elif remedy.act is Act.MAKE_REPOSITORY:
            self.make_repository(matter)
        else:
            self.clear(matter)
            self.mended.emit()

    def _ask_secret(self, matter: str, remedy: Remedy) -> None:
        title, about = secret_title(remedy.secret), secret_meaning(remedy.secret)
        dialog = SecretDialog(self._words, title, about, twice=remedy.is_new, parent=self)
        dialog.typed.connect(partial(self.store_secret, matter, remedy.secret))
        dialog.open()

    @page_task
    async def store_secret(self, matter: str, name: str, value: str) -> None:
        """Stores a secret of the site."""
        site = self._site
        await self._bridge.ask(lambda app: app.set_secret(site, name, value))
        self.clear(matter)
        self.mended.emit()

    @page_task
    async def make_repository(self, matter: str) -> None:
        """Makes the site's repository."""
        site = self._site
        await self._bridge.ask(lambda app: app.init_repository(site))
        self.clear(matter)
        self.mended.emit()


async def _has_saved(app: Overwinter, site: str) -> bool:
    records = app.records(site)
    saved = [await records.runs(status=outcome, limit=1) for outcome in (Outcome.SUCCESS, Outcome.PARTIAL)]
    return any(saved)
