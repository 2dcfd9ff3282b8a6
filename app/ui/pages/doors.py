"""The first start: what a person may have come for, each behind a door of its own."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, text
from app.ui.icons import Name
from app.ui.theme import GRID, heading_font, verdict_font
from app.ui.widgets.card_stack import CardStack
from app.ui.widgets.controls import IconLabel, TextButton, label


class Door(NamedTuple):
    """One way to begin: what it is called, what it is for, what is pressed; `other` is a second thing to press."""

    key: str
    icon: Name
    title: Text
    about: Text
    action: Text
    other: tuple[str, Text] | None = None


DOORS = (
    Door(
        "protect",
        "shield",
        text("Protect a site"),
        text("Name it, say where its backups go, and take a preset for what it runs. A site file does all of that."),
        text("Make a new site…"),
        ("file", text("Open a site file…")),
    ),
    Door(
        "recover",
        "kit",
        text("Recover a site"),
        text("This computer is new, or the old one is gone: a recovery kit and its passphrase bring the site here."),
        text("Open a recovery kit…"),
    ),
    Door(
        "look",
        "search",
        text("Open a repository"),
        text("Look into any restic repository. It becomes a site of its own that backs nothing up."),
        text("Open a repository…"),
    ),
    Door(
        "try",
        "practice",
        text("Try it"),
        text("A practice greenhouse is made, backed up and verified. Nothing of yours is touched."),
        text("Try it"),
    ),
)


class DoorsPage(QWidget):
    """Shown while there is no site, and where another one is to be added.

    Signals:
        chosen: the person went through a door; carries its key.
    """

    chosen = Signal(str)

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self.buttons: dict[str, TextButton] = {}
        self.cards = CardStack(language)
        grid = QGridLayout()
        grid.setSpacing(2 * GRID)
        for number, door in enumerate(DOORS):
            grid.addWidget(self._door(door, primary=number == 0), number // 2, number % 2)
        for row in (0, 1):
            grid.setRowStretch(row, 1)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        inside = QWidget()
        inside.setMaximumWidth(110 * GRID)
        column = QVBoxLayout(inside)
        column.setSpacing(2 * GRID)
        column.addStretch(1)
        column.addWidget(label(self._say(text("What brings you here?")), font=verdict_font()))
        column.addWidget(self.cards)
        column.addLayout(grid)
        column.addStretch(2)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        whole.addStretch(1)
        whole.addWidget(inside, 12)
        whole.addStretch(1)
        self.setFocusProxy(self.buttons["protect"])

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def show_practising(self, practising: bool) -> None:
        """The practice greenhouse is being made and shown, or no more."""
        button = self.buttons["try"]
        button.setEnabled(not practising)
        word = text("Its window opens in a minute…") if practising else DOORS[-1].action
        button.setText(self._say(word))

    def _door(self, door: Door, *, primary: bool) -> QFrame:
        made = QFrame()
        made.setObjectName("door")
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        buttons.addWidget(self._button(door.key, door.action, door.about, primary=primary))
        if door.other is not None:
            buttons.addWidget(self._button(*door.other, door.about))
        buttons.addStretch(1)
        column = QVBoxLayout()
        column.setSpacing(GRID)
        column.addWidget(label(self._say(door.title), font=heading_font()))
        column.addWidget(label(self._say(door.about), "muted"))
        column.addStretch(1)
        column.addLayout(buttons)
        row = QHBoxLayout(made)
        row.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        row.setSpacing(2 * GRID)
        row.addWidget(IconLabel(door.icon, "accent", 5 * GRID), alignment=Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)
        return made

    def _button(self, key: str, action: Text, about: Text, *, primary: bool = False) -> TextButton:
        button = self.buttons[key] = TextButton(self._say(action), "primary" if primary else "plain")
        button.setAccessibleDescription(self._say(about))
        button.clicked.connect(lambda: self.chosen.emit(key))
        return button
