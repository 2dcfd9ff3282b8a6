"""The ways in which a site comes here: made anew, by its file, its kit, the address of its repository; and practice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shiboken6
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.foundation.errors import Problem, UserError
from app.foundation.words import Language, Text, text
from app.ui.bridge import Bridge
from app.ui.page_task import page_task
from app.ui.widgets.questions import ask_for_existing_file, ask_for_words
from app.ui.widgets.secret_dialog import SecretDialog

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter
    from app.settings.rules import Fault
    from app.ui.new_site import NewSiteDialog


class Adding(QObject):
    """Asks what has to be asked, over the window, and brings the site.

    Signals:
        made: a new site is here, which backs nothing up yet; carries its name.
        added: a site is here now; carries its name.
        failed: it could not be brought; carries a `Problem`.
        practising: the practice greenhouse is being shown in a window of its own, or no more; carries which.
    """

    made = Signal(str)
    added = Signal(str)
    failed = Signal(object)
    practising = Signal(bool)

    def __init__(self, bridge: Bridge, language: Language, window: QWidget) -> None:
        super().__init__(window)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._bridge = bridge
        self._language = language
        self._window = window
        self._ways = {
            "protect": self.ask_new_site,
            "file": self.ask_site_file,
            "recover": self.ask_kit,
            "look": self.ask_repository,
            "try": self.practise,
        }

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def show_error(self, error: Problem) -> None:
        """What was asked for could not be done."""
        self.failed.emit(error)

    def go(self, door: str) -> None:
        """Goes through one of the doors of the first start."""
        self._ways[door]()

    # --- a new site ----------------------------------------------------------------------------

    def ask_new_site(self) -> None:
        """What a new site is called, and where its recovery points go."""
        from app.ui.new_site import NewSiteDialog  # noqa: PLC0415  its forms are loaded when somebody wants one

        dialog = NewSiteDialog(self._language, self._window)
        dialog.wanted.connect(partial(self.make_site, dialog))
        dialog.open()

    @page_task
    async def make_site(self, dialog: NewSiteDialog, document: Mapping[str, Any]) -> None:
        """Makes the site, or says in the dialog what cannot be used so."""
        try:
            faults = await self._bridge.ask(lambda app: _new_site(app, document))
        except UserError as error:
            if shiboken6.isValid(dialog):
                dialog.show_problem(error.problem)
            return
        if faults and shiboken6.isValid(dialog):
            dialog.show_faults(faults)
        elif not faults:
            dialog.close()
            self.made.emit(document["name"])

    # --- a site file ---------------------------------------------------------------------------

    def ask_site_file(self) -> None:
        """Which file describes the site."""
        ask_for_existing_file(self._window, self._say(text("Open a site file")), "*.toml", self.add_site)

    @page_task
    async def add_site(self, file: str) -> None:
        """Sets a site up from its file."""
        self.added.emit(await self._bridge.ask(lambda app: _added_site(app, file)))

    # --- a recovery kit ------------------------------------------------------------------------

    def ask_kit(self) -> None:
        """Which kit, and its passphrase."""
        ask_for_existing_file(self._window, self._say(text("Open a recovery kit")), "*.kit;;*", self._ask_passphrase)

    def _ask_passphrase(self, file: str) -> None:
        dialog = SecretDialog(
            self._language,
            text("The kit's passphrase"),
            text("It was written down when the kit was made. The site and its secrets come here; nothing is changed."),
            parent=self._window,
        )
        dialog.typed.connect(partial(self.open_kit, file))
        dialog.open()

    @page_task
    async def open_kit(self, file: str, passphrase: str) -> None:
        """Brings the site of a kit here."""
        self.added.emit(await self._bridge.ask(lambda app: _site_of_kit(app, file, passphrase)))

    # --- a repository alone --------------------------------------------------------------------

    def ask_repository(self) -> None:
        """The address of a repository."""
        address = text("Its address: a folder, or as restic writes it (sftp:…, s3:…, rest:…)")
        ask_for_words(self._window, self._language, text("Open a repository"), address, self.open_repository)

    @page_task
    async def open_repository(self, address: str) -> None:
        """Makes a site of a repository alone: it names nothing to back up."""
        if address.strip():
            self.added.emit(await self._bridge.ask(lambda app: _site_of_repository(app, address.strip())))

    # --- practice ------------------------------------------------------------------------------

    @page_task
    async def practise(self) -> None:
        """Shows the practice greenhouse in a window of its own, until that is closed."""
        self.practising.emit(True)
        try:
            await self._bridge.ask(_practice)
        finally:
            self.practising.emit(False)


async def _new_site(app: Overwinter, document: Mapping[str, Any]) -> Sequence[Fault]:
    """What keeps the site from being made, nothing when it is."""
    examined = await app.editing.examined(document)
    if examined.read is not None:
        await app.add_read_site(examined.read)
    return examined.faults


async def _added_site(app: Overwinter, file: str) -> str:
    """Only the name crosses over: what was read may hold a password."""
    return (await app.add_site_file(file)).site.name


async def _site_of_kit(app: Overwinter, file: str, passphrase: str) -> str:
    return (await app.kits.open(Path(file), passphrase)).site


async def _site_of_repository(app: Overwinter, address: str) -> str:
    from app.settings.model import Repository, Site  # noqa: PLC0415  asked by the engine, which has loaded them
    from app.settings.site_file import write  # noqa: PLC0415  likewise

    taken = {site.name for site in await app.sites.all()}
    base = re.sub(r"[^a-z0-9]+", "-", address.rstrip("/").rpartition("/")[2].lower()).strip("-")[:32] or "repository"
    name = next(each for each in (base, *(f"{base}-{number}" for number in range(2, 1000))) if each not in taken)
    site = Site(name=name, repository=Repository(url=address))
    return (await app.add_site(write(site).encode())).site.name


async def _practice(app: Overwinter) -> None:
    from app.demo.beside import show_practice  # noqa: PLC0415  only where somebody wants to practise

    await show_practice(await app.host("", "this-computer"))
