"""An unfinished restore, looked at closely: every part that decides, and which of the two states it is in now."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, Text, text
from app.jobs.cutover.recover import Fact
from app.jobs.effects.effect import Happened
from app.ui.bridge import Bridge
from app.ui.help import set_topic
from app.ui.models.rows import Column, RowsModel
from app.ui.page_task import page_task
from app.ui.theme import GRID, heading_font
from app.ui.widgets.card_stack import CardStack
from app.ui.widgets.controls import TextButton, label
from app.ui.widgets.rows_table import RowsTable

STATES = {
    Happened.YES: text("the point's"),
    Happened.NO: text("the old one"),
    Happened.UNCLEAR: text("neither of the two"),
}


class RecoveryDialog(QDialog):
    """The facts, asked of the hosts, and the two ways out.

    Signals:
        finish_asked: the restore is to be brought to its end.
        roll_back_asked: the site is to be put back as it was before.
    """

    finish_asked = Signal()
    roll_back_asked = Signal()

    def __init__(self, bridge: Bridge, language: Language, site: str, what: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._bridge = bridge
        self._language = language
        self._site = site
        self.setWindowTitle(self._say(text("An unfinished restore")))
        self._cards = CardStack(language, self)
        self.facts: RowsModel[Fact] = RowsModel(
            language,
            (
                Column(text("Part"), lambda one: self._say(one.effect), lambda one: self._say(one.effect)),
                Column(text("What stands there"), self._state, self._state),
            ),
            self,
        )
        self.table = RowsTable(language, self._say(text("Parts of the restore")), self.facts, self)
        self.table.give_room(0, {1: "neither of the two, at all"})
        self._standing = label(self._say(text("Asking the hosts…")), "muted")
        self.again = self._button(text("Look again"))
        self.finish = self._button(text("Finish"))
        self.roll_back = self._button(text("Roll back"))
        self.leave = self._button(text("Close"))
        self._arrange(what)
        self.again.clicked.connect(self.look)
        self.finish.clicked.connect(self._on_finish)
        self.roll_back.clicked.connect(self._on_roll_back)
        self.leave.clicked.connect(self.reject)
        set_topic(self, "recovery")

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _button(self, word: Text) -> TextButton:
        return TextButton(self._say(word), parent=self)

    def _state(self, fact: Fact) -> str:
        return self._say(STATES[fact.happened])

    def _arrange(self, what: str) -> None:
        advice = text("Roll back puts the site back as it was, Finish goes on to the point. When in doubt: roll back.")
        low = QHBoxLayout()
        low.setSpacing(GRID)
        low.addWidget(self.leave)
        low.addWidget(self.again)
        low.addStretch(1)
        low.addWidget(self.finish)
        low.addWidget(self.roll_back)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(GRID)
        column.addWidget(label(what, font=heading_font()))
        column.addWidget(self._standing)
        column.addWidget(self._cards)
        column.addWidget(self.table, 1)
        column.addWidget(label(self._say(advice)))
        column.addLayout(low)
        self.resize(110 * GRID, 60 * GRID)

    def show_error(self, error: Problem) -> None:
        """The hosts could not be asked."""
        self._standing.setText(self._say(text("What stands there could not be seen.")))
        self._cards.show_problem("looking", error)

    @page_task
    async def look(self) -> None:
        """Asks the hosts."""
        self._cards.clear("looking")
        self._standing.setText(self._say(text("Asking the hosts…")))
        found = await self._bridge.ask(lambda app: app.found_unfinished(self._site))
        self.facts.show_rows(() if found is None else found.facts)
        over = text("No restore of {site} is unfinished any more.", site=self._site)
        seen = text("As it was seen just now; nothing was changed by looking.")
        self._standing.setText(self._say(over if found is None else seen))
        for button in (self.finish, self.roll_back):
            button.setEnabled(found is not None)

    def _on_finish(self) -> None:
        self.accept()
        self.finish_asked.emit()

    def _on_roll_back(self) -> None:
        self.accept()
        self.roll_back_asked.emit()

    def done(self, result: int) -> None:
        """Qt: it is closed; nothing is asked any more."""
        for task in self.tasks.values():
            task.cancel()
        super().done(result)
