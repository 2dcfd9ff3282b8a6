"""Makes a recovery kit, tests it, prints its page, notes where it was put: what a person is asked for each of them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from app.foundation.errors import Problem, Refused
from app.foundation.words import Language, Text, text
from app.ui.bridge import Bridge
from app.ui.page_task import page_task
from app.ui.pages.dashboard.facts import FactCard
from app.ui.pages.dashboard.said import kit_action, kit_fact
from app.ui.widgets.controls import TextButton
from app.ui.widgets.questions import ask_for_existing_file, ask_for_file, ask_for_words
from app.ui.widgets.secret_dialog import SecretDialog

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter
    from app.jobs.kit.state import KitState
    from app.runs.runner import Launched


class KitCard(FactCard):
    """How the kit stands, and what there is to do about it.

    Signals:
        start: a kit is to be made, or tested; carries a coroutine function that launches that.
        noted: something was written down about the kit.
        failed: it could not be done; carries a `Problem`.
    """

    start = Signal(object)
    noted = Signal()
    failed = Signal(object)

    def __init__(
        self, bridge: Bridge, language: Language, tasks: dict[str, asyncio.Task[None]], parent: QWidget | None = None
    ) -> None:
        """`tasks` are those of the page, which ends them with its own."""
        super().__init__(language, text("Recovery kit"), text("Make the kit…"), parent)
        self.tasks = tasks
        self._bridge = bridge
        self._kit: KitState | None = None
        self.test = TextButton(self._say(text("Test this kit…")))
        self.page = TextButton(self._say(text("Print the page…")))
        self.add_more(self.test, self.page)
        self.acted.connect(self._on_acted)
        self.test.clicked.connect(self.ask_for_test)
        self.page.clicked.connect(self.ask_for_page)

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def show_error(self, error: Problem) -> None:
        """Something went wrong in a task."""
        self.failed.emit(error)

    def show_kit(self, kit: KitState, now: datetime) -> None:
        """Shows how it stands."""
        self._kit = kit
        self.show_fact(kit_fact(kit, now, self._language))

    def forget(self) -> None:
        """Another site is chosen."""
        self._kit = None

    def allow(self, *, allowed: bool) -> None:
        """Whether anything can be begun now."""
        kit = self._kit
        self.offer(None if kit is None else kit_action(kit), enabled=allowed)
        for button in (self.test, self.page):
            button.setVisible(kit is not None and kit.made is not None)
            button.setEnabled(allowed)

    @property
    def _site(self) -> str:
        return "" if self._kit is None else self._kit.site

    def _on_acted(self) -> None:
        kit = self._kit
        if kit is not None and kit.kit and kit.stored is None and not kit.changed:
            self.ask_where()
        else:
            self.ask_for_new()

    # --- making it, and putting it away --------------------------------------------------------

    def ask_for_new(self) -> None:
        """Where the kit is to be, and its passphrase."""
        title = self._say(text("Where to keep the recovery kit"))
        ask_for_file(self, title, f"{self._site}.kit", partial(self._ask_passphrase, self._site))

    def _ask_passphrase(self, site: str, file: str) -> None:
        dialog = SecretDialog(
            self._language,
            text("A new passphrase for the kit"),
            text("Whoever has the kit and this passphrase has every backup. Write it on paper, apart from the kit."),
            twice=True,
            parent=self,
        )
        dialog.typed.connect(lambda typed: self.start.emit(lambda app: _made(app, site, file, typed)))
        dialog.open()

    def ask_where(self) -> None:
        """Where the kit was put."""
        title, label = text("The kit is put away"), text("Where is it now, off this computer?")
        ask_for_words(self, self._language, title, label, partial(self.put_away, self._site))

    @page_task
    async def put_away(self, site: str, where: str) -> None:
        """Notes where the kit was put."""
        if where.strip():
            await self._bridge.ask(lambda app: app.kits.stored(site, where.strip()))
            self.noted.emit()

    # --- testing it ----------------------------------------------------------------------------

    def ask_for_test(self) -> None:
        """Which kit, and its passphrase."""
        title = self._say(text("Which kit is to be tested"))
        ask_for_existing_file(self, title, "*.kit;;*", partial(self._ask_passphrase_of, self._site))

    def _ask_passphrase_of(self, site: str, file: str) -> None:
        about = text("The kit is opened and compared with what is stored here, and the repository is opened with it.")
        dialog = SecretDialog(self._language, text("The kit's passphrase"), about, parent=self)
        dialog.typed.connect(lambda typed: self.start.emit(lambda app: _tested(app, site, file, typed)))
        dialog.open()

    # --- its page ------------------------------------------------------------------------------

    def ask_for_page(self) -> None:
        """Onto paper, or into a file after all."""
        site = self._site
        asked = QMessageBox(self)
        asked.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        asked.setWindowTitle(self._say(text("The page of the kit")))
        asked.setText(self._say(text("The page opens every backup: the repository's password stands on it in clear.")))
        asked.setInformativeText(
            self._say(text("Stand at the printer, and lock the page away. From it a site comes back by restic alone."))
        )
        printing = asked.addButton(self._say(text("Print")), QMessageBox.ButtonRole.AcceptRole)
        saving = asked.addButton(self._say(text("Save as a PDF…")), QMessageBox.ButtonRole.ActionRole)
        leaving = asked.addButton(self._say(text("Cancel")), QMessageBox.ButtonRole.RejectRole)
        asked.setDefaultButton(leaving)
        asked.setEscapeButton(leaving)
        leaving.setFocus()  # Enter presses what has the keyboard, whatever the default is
        printing.clicked.connect(lambda: self.print_page(site))
        saving.clicked.connect(lambda: self._ask_phrase(site))
        asked.open()

    def _ask_phrase(self, site: str) -> None:
        about = text("A file can be copied unseen, and backups of this computer may take it along. It is written down.")
        title, verb, phrase = text("The page as a file?"), text("Choose a file…"), f"CLEAR PAGE {site}"
        from app.ui.pages.snapshots.dialogs import PhraseDialog  # noqa: PLC0415  not needed for the first paint

        dialog = PhraseDialog(self._language, title, verb, phrase=phrase, about=about, parent=self)
        dialog.confirmed.connect(partial(self._ask_for_page_file, site))
        dialog.open()

    def _ask_for_page_file(self, site: str, phrase: str) -> None:
        title = self._say(text("Where to put the page"))
        ask_for_file(self, title, f"{site}.pdf", partial(self.save_page, site, phrase))

    @page_task
    async def print_page(self, site: str) -> None:
        """Has the page of the kit printed."""
        await self._bridge.ask(lambda app: app.kits.print_page(site, self._language))
        self.noted.emit()

    @page_task
    async def save_page(self, site: str, phrase: str, file: str) -> None:
        """Writes the page of the kit into a new file."""
        await self._bridge.ask(lambda app: app.kits.save_page(site, Path(file), phrase, self._language))
        self.noted.emit()


async def _tested(app: Overwinter, site: str, file: str, passphrase: str) -> Launched:
    plan = await app.kits.plan_test(Path(file), passphrase)
    if plan.site.name != site:
        raise Refused(
            text("This is the kit of another site: {site}.", site=plan.site.name),
            text("Nothing was tested."),
            text("Choose the kit of {site}, or go to the other site.", site=site),
            "kit.other-site",
        )
    return await app.runner.launch(plan)


async def _made(app: Overwinter, site: str, file: str, passphrase: str) -> Launched:
    return await app.runner.launch(await app.kits.plan_kit(site, Path(file), passphrase))
