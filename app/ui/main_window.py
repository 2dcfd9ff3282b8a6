"""The frame: the page, the strip of running work at its foot, and what happens when it is closed."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDialog, QMainWindow, QMessageBox, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, text
from app.ui.bridge import Bridge, PassphraseWanted
from app.ui.page_task import cancel_tasks
from app.ui.pages.site_page import SitePage
from app.ui.theme import GRID
from app.ui.widgets.secret_dialog import SecretDialog
from app.ui.widgets.work_strip import Work, WorkStrip

NAME = "Overwinter"


class MainWindow(QMainWindow):
    """The window; `closed` is set when the person is done with it."""

    def __init__(self, bridge: Bridge, language: Language) -> None:
        super().__init__()
        self.closed = asyncio.Event()
        self._language = language
        self._leaving = False
        self._question: QMessageBox | None = None
        self._asking: dict[PassphraseWanted, SecretDialog] = {}
        self.page = SitePage(bridge, language)
        self.strip = WorkStrip(language)
        self.setWindowTitle(NAME)
        self.resize(1366 - 2 * GRID, 768 - 8 * GRID)
        self.setMinimumSize(100 * GRID, 70 * GRID)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.page, 1)
        column.addWidget(self.strip)
        self.setCentralWidget(body)
        self._connect(bridge)

    def _connect(self, bridge: Bridge) -> None:
        self.page.runs.work_changed.connect(self._on_work_changed)
        self.page.runs.ended.connect(self._on_run_ended)
        self.page.site_changed.connect(self._on_site_changed)
        self.strip.cancel_asked.connect(self.page.runs.cancel)
        self.strip.opened.connect(self.page.open_run)
        bridge.passphrase_wanted.connect(self._on_passphrase_wanted)
        bridge.passphrase_withdrawn.connect(self._on_passphrase_withdrawn)

    def _on_work_changed(self, work: Work) -> None:
        self.strip.show_work(work)

    def _on_run_ended(self) -> None:
        if self._leaving and not self.page.runs.own:
            self.close()

    def _on_site_changed(self, title: str) -> None:
        self.setWindowTitle(f"{title} – {NAME}" if title else NAME)

    def show_defect(self, problem: Problem) -> None:
        """Shows what nobody caught."""
        self.page.show_error(problem)

    # --- the vault's passphrase ----------------------------------------------------------------

    def _on_passphrase_wanted(self, wanted: PassphraseWanted) -> None:
        dialog = SecretDialog(
            self._language,
            wanted.question.prompt,
            text("There is no keyring on this computer; secrets are kept in an encrypted vault instead."),
            twice=wanted.question.is_new,
            parent=self,
        )
        self._asking[wanted] = dialog
        dialog.typed.connect(wanted.answer)
        dialog.rejected.connect(lambda: wanted.answer(None))
        dialog.finished.connect(lambda _: self._asking.pop(wanted, None))
        dialog.open()

    def _on_passphrase_withdrawn(self, wanted: PassphraseWanted) -> None:
        dialog = self._asking.get(wanted)
        if dialog is not None:
            dialog.reject()

    # --- closing -------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
        """Qt: the person closes the window; while a run of ours works it is asked first."""
        if self.page.runs.own and not self._leaving:
            event.ignore()
            self._ask_before_leaving()
            return
        event.accept()
        self.closed.set()

    def _ask_before_leaving(self) -> None:
        if self._question is not None:
            self._question.raise_()
            return
        say = self._language.render
        self._question = asked = QMessageBox(self)
        asked.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        asked.setWindowTitle(say(text("A backup is running")))
        asked.setText(say(text("A backup is running. Cancel it and close?")))
        asked.setInformativeText(say(text("What it has saved so far stays in the repository; it makes no point.")))
        leave = asked.addButton(say(text("Cancel it and close")), QMessageBox.ButtonRole.DestructiveRole)
        stay = asked.addButton(say(text("Stay")), QMessageBox.ButtonRole.RejectRole)
        asked.setDefaultButton(stay)
        asked.setEscapeButton(stay)
        leave.clicked.connect(self._on_leave)
        asked.finished.connect(self._on_question_closed)
        asked.open()

    def _on_question_closed(self, _result: int) -> None:
        self._question = None

    def _on_leave(self) -> None:
        """Stays until the runs are put away, so that the person sees it; closing once more does not wait."""
        self._leaving = True
        if self.page.runs.own:
            self.page.runs.cancel_own()
        else:
            self.close()

    def end(self) -> None:
        """Closes without asking: the system wants the program to end."""
        self._leaving = True
        self.close()

    async def put_away(self) -> None:
        """Ends what the page still does, and what still asks something."""
        for dialog in self.findChildren(QDialog):
            dialog.reject()
        for tasks in (self.page, self.page.runs):
            await cancel_tasks(tasks)
