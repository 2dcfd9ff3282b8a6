"""The frame: the page, the strip of running work at its foot, and what happens when it is closed."""

from __future__ import annotations

import asyncio

from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QMainWindow, QMessageBox, QVBoxLayout, QWidget

from app.foundation.words import Language, text
from app.ui.bridge import Bridge, PassphraseWanted
from app.ui.page_task import cancel_tasks
from app.ui.pages.site_page import SitePage
from app.ui.theme import GRID
from app.ui.widgets.secret_dialog import SecretDialog
from app.ui.widgets.work_strip import Work, WorkStrip


class MainWindow(QMainWindow):
    """The window; `closed` is set when the person is done with it."""

    def __init__(self, bridge: Bridge, language: Language) -> None:
        super().__init__()
        self.closed = asyncio.Event()
        self._language = language
        self._working: set[str] = set()
        self._leaving = False
        self.page = SitePage(bridge, language)
        self.strip = WorkStrip(language)
        self.setWindowTitle("Overwinter")
        self.resize(1366 - 2 * GRID, 768 - 8 * GRID)
        self.setMinimumSize(100 * GRID, 70 * GRID)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.page, 1)
        column.addWidget(self.strip)
        self.setCentralWidget(body)
        self.page.work_changed.connect(self._on_work_changed)
        self.strip.cancel_asked.connect(self._on_cancel_asked)
        bridge.passphrase_wanted.connect(self._on_passphrase_wanted)

    def _on_work_changed(self, work: Work) -> None:
        self.strip.show_work(work)
        if work.closed:
            self._working.discard(work.run)
        else:
            self._working.add(work.run)

    def _on_cancel_asked(self, run: str) -> None:
        self.page.cancel(run)

    def _on_passphrase_wanted(self, wanted: PassphraseWanted) -> None:
        dialog = SecretDialog(
            self._language,
            wanted.question.prompt,
            text("There is no keyring on this computer; secrets are kept in an encrypted vault instead."),
            twice=wanted.question.is_new,
            parent=self,
        )
        dialog.typed.connect(wanted.answer)
        dialog.rejected.connect(lambda: wanted.answer(None))
        dialog.open()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
        """Qt: the person closes the window; while a run works it is asked first."""
        if self._working and not self._leaving:
            event.ignore()
            self._ask_before_leaving()
            return
        event.accept()
        self.closed.set()

    def _ask_before_leaving(self) -> None:
        say = self._language.render
        asked = QMessageBox(self)
        asked.setWindowTitle(say(text("A backup is running")))
        asked.setText(say(text("A backup is running. Cancel it and close?")))
        asked.setInformativeText(say(text("What it has saved so far stays in the repository; it makes no point.")))
        leave = asked.addButton(say(text("Cancel it and close")), QMessageBox.ButtonRole.DestructiveRole)
        stay = asked.addButton(say(text("Stay")), QMessageBox.ButtonRole.RejectRole)
        asked.setDefaultButton(stay)
        asked.setEscapeButton(stay)
        leave.clicked.connect(self._on_leave)
        asked.open()

    def _on_leave(self) -> None:
        self._leaving = True
        self.close()

    async def put_away(self) -> None:
        """Ends what the page still does."""
        await cancel_tasks(self.page)
