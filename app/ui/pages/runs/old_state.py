"""What a restore has left: the old state, until when and the way back to it; what waits to be exchanged; its report."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Duration, Language, Text, text
from app.ui.bridge import Bridge
from app.ui.page_task import page_task
from app.ui.pages.snapshots.dialogs import PhraseDialog
from app.ui.theme import GRID, heading_font
from app.ui.widgets.controls import IconLabel, TextButton, label
from app.ui.widgets.questions import ask_for_file

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter
    from app.records.run import Run

RESTORES = ("restore", "restore-undo")


class OldStateCard(QFrame):
    """Stands above a restore that was exchanged, or that waits for it.

    Signals:
        start: the old state is to be put back; carries a coroutine function that launches that.
        switch: what was prepared is to be exchanged; carries the run that has prepared it.
        failed: it could not be found out; carries a `Problem`.
    """

    start = Signal(object)
    switch = Signal(str)
    failed = Signal(object)

    def __init__(self, bridge: Bridge, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._bridge = bridge
        self._language = language
        self._run: Run | None = None
        self.setObjectName("card")
        self._until = label("", font=heading_font())
        self._about = label("", "muted")
        self.report = TextButton(self._say(text("Save the report…")), icon="save")
        self.remove = TextButton(self._say(text("Remove it…")), "quiet")
        self.remove.clicked.connect(self._on_remove)
        self.button = TextButton(self._say(text("Put the old state back…")))
        self.switch_button = TextButton(self._say(text("Switch now…")), "primary")
        self.report.clicked.connect(self._on_report)
        self.button.clicked.connect(self._on_wanted)
        self.switch_button.clicked.connect(self._on_switch)
        said = QVBoxLayout()
        said.setSpacing(0)
        said.addWidget(self._until)
        said.addWidget(self._about)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        row.setSpacing(2 * GRID)
        row.addWidget(IconLabel("waiting", "muted", 24))
        row.addLayout(said, 1)
        row.addWidget(self.remove)
        row.addWidget(self.report)
        row.addWidget(self.button)
        row.addWidget(self.switch_button)
        self.hide()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def show_error(self, error: Problem) -> None:
        """Something went wrong in a task."""
        self.failed.emit(error)

    def forget(self) -> None:
        """Another run is shown."""
        self._run = None
        self.hide()

    @page_task
    async def look(self, run: Run) -> None:
        """Shows itself where that run, which has ended, has put something aside that stays still."""
        self.forget()
        if run.kind not in RESTORES:
            return
        until = await self._bridge.ask(lambda app: app.old_state(run.site, run.id))
        waits = await self._bridge.ask(lambda app: app.is_waiting(run.site, run.id))
        if until is None and not waits:
            return
        self._run = run
        self._until.setText(self._say(_WAITS if until is None else _stays(until)))
        self._about.setText(self._say(_PREPARED if until is None else _OLD))
        for button in (self.button, self.remove):
            button.setVisible(until is not None)
        self.switch_button.setVisible(waits)
        self.show()

    def _on_report(self) -> None:
        run = self._run
        if run is not None:
            name = f"{run.site} {run.kind} {run.started.astimezone():%Y-%m-%d %H%M}.pdf"
            ask_for_file(self, self._say(text("Where to save the report")), name, self.save_report)

    @page_task
    async def save_report(self, file: str) -> None:
        """Writes the report into a new file."""
        run, language = self._run, self._language
        if run is not None:
            await self._bridge.ask(lambda app: app.save_report(run.site, run.id, Path(file), language))

    def _on_remove(self) -> None:
        run = self._run
        if run is None:
            return
        from app.jobs.swap.cleanup import removal_phrase  # noqa: PLC0415  loaded by the engine long before

        dialog = PhraseDialog(
            self._language,
            text("Remove the old state now?"),
            text("Remove it"),
            phrase=removal_phrase(run.site, run.id),
            about=text("Its room becomes free. Then there is no way back but a recovery point."),
            parent=self,
        )
        dialog.confirmed.connect(lambda typed: self.start.emit(lambda app: _removed(app, run, typed)))
        dialog.open()

    def _on_switch(self) -> None:
        if self._run is not None:
            self.switch.emit(self._run.id)

    def _on_wanted(self) -> None:
        run = self._run
        if run is None:
            return
        from app.jobs.cutover.undo import undo_phrase  # noqa: PLC0415  loaded by the engine long before

        about = text(
            "{site} goes back to what it was before the restore {run}. It is down for a moment; what was written since "
            "is put aside in its turn.",
            site=run.site,
            run=run.short_id,
        )
        phrase = undo_phrase(run.site, run.id)
        title, verb = text("Put the old state back?"), text("Put it back")
        dialog = PhraseDialog(self._language, title, verb, phrase=phrase, about=about, parent=self)
        dialog.confirmed.connect(lambda typed: self.start.emit(lambda app: _undone(app, run, typed)))
        dialog.open()


_OLD = text("What the restore replaced stands beside it. Putting it back takes what was written since aside.")
_WAITS = text("What was prepared waits to be exchanged.")
_PREPARED = text("Everything stands beside what is live. It is looked at once more, then exchanged.")


def _stays(until: datetime) -> Text:
    left = (until - datetime.now(UTC)).total_seconds()
    if left <= 0:
        return text("The old state stands still; the next run removes it.")
    return text("The old state stays until {when}, for {time} more.", when=f"{until.astimezone():%Y-%m-%d %H:%M}",
                time=Duration(left))  # fmt: skip


async def _undone(app: Overwinter, run: Run, typed: str) -> object:
    return await app.undo(run.site, run.id, typed)


async def _removed(app: Overwinter, run: Run, typed: str) -> object:
    return await app.runner.launch(await app.plan_cleanup(run.site, run.id, typed))
