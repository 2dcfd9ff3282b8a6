"""Makes a recovery kit and notes where it was put: what is asked of a person, one question after the other."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QInputDialog, QWidget

from app.foundation.words import Language, text
from app.ui.widgets.secret_dialog import SecretDialog

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter
    from app.runs.runner import Launched


class KitQuestions(QObject):
    """Asks over a page.

    Signals:
        making: everything is answered; carries a coroutine function that launches the making.
        put_away: the kit was put away; carries the site and where.
    """

    making = Signal(object)
    put_away = Signal(str, str)

    def __init__(self, language: Language, page: QWidget) -> None:
        super().__init__(page)
        self._language = language
        self._page = page

    def ask_for_new(self, site: str) -> None:
        """Where the kit is to be, and its passphrase."""
        title = self._language.render(text("Where to keep the recovery kit"))
        dialog = QFileDialog(self._page, title, f"{site}.kit")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.fileSelected.connect(partial(self._ask_passphrase, site))
        dialog.open()

    def _ask_passphrase(self, site: str, file: str) -> None:
        dialog = SecretDialog(
            self._language,
            text("A new passphrase for the kit"),
            text("Whoever has the kit and this passphrase has every backup. Write it on paper, apart from the kit."),
            twice=True,
            parent=self._page,
        )
        dialog.typed.connect(lambda typed: self.making.emit(lambda app: _made(app, site, file, typed)))
        dialog.open()

    def ask_where(self, site: str) -> None:
        """Where the kit was put."""
        dialog = QInputDialog(self._page)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(self._language.render(text("The kit is put away")))
        dialog.setLabelText(self._language.render(text("Where is it now, off this computer?")))
        dialog.setOkButtonText(self._language.render(text("OK")))
        dialog.setCancelButtonText(self._language.render(text("Cancel")))
        dialog.textValueSelected.connect(partial(self._told_where, site))
        dialog.open()

    def _told_where(self, site: str, where: str) -> None:
        if where.strip():
            self.put_away.emit(site, where.strip())


async def _made(app: Overwinter, site: str, file: str, passphrase: str) -> Launched:
    return await app.runner.launch(await app.kits.plan_kit(site, Path(file), passphrase))
