"""The Test button, and below it what came of it in words: what was found, or what failed and what to do about it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, Text, text
from app.ui.theme import GRID, heading_font
from app.ui.widgets.controls import ElidedLabel, IconLabel, TextButton, label
from app.ui.widgets.error_card import ErrorCard

TYPE_SECRET, TRUST_KEY, MAKE_REPOSITORY, UNLOCK = "type-secret", "trust-key", "make-repository", "unlock"


class Mending(NamedTuple):
    """What the button on a card does: `act`, and for a secret the end of its name; `next` is said in place of the
    error's own words where these speak of the command line."""

    word: Text
    act: str
    secret: str = ""
    next: Text | None = None


_TYPE_PASSWORD = Mending(
    text("Type the password"), TYPE_SECRET, "password", text("Type the right one, and test again.")
)
_TYPE_PASSPHRASE = Mending(
    text("Type the passphrase"), TYPE_SECRET, "key-passphrase", text("Type the right one, and test again.")
)
_MENDINGS = {
    "host.login-refused": Mending(
        text("Type the password"),
        TYPE_SECRET,
        "password",
        text("Allow one of your keys there (ssh-copy-id), or type the account's password and test again."),
    ),
    "host.passphrase-missing": _TYPE_PASSPHRASE,
    "host.passphrase-wrong": _TYPE_PASSPHRASE,
    "host.key-changed": Mending(
        text("Trust its new key…"),
        TRUST_KEY,
        next=text("Ask on the server itself for the fingerprint of its key. Trust the new one only if it is the same."),
    ),
    "postgres.password-wrong": _TYPE_PASSWORD,
    "postgres.password-missing": _TYPE_PASSWORD,
    "mysql.password-wrong": _TYPE_PASSWORD,
    "mysql.password-missing": _TYPE_PASSWORD,
    "restic.wrong-password": _TYPE_PASSWORD,
    "secrets.missing": Mending(
        text("Type the password"), TYPE_SECRET, "password", text("Type it, and test again; it is stored when you save.")
    ),
    "restic.no-repository": Mending(
        text("Make the repository"),
        MAKE_REPOSITORY,
        next=text("Check the address and that its disk is plugged in; or make the repository there now."),
    ),
    "restic.locked": Mending(
        text("Remove dead locks"),
        UNLOCK,
        next=text("Wait until that work has ended; if it died, its lock can be removed. Locks of living work stay."),
    ),
}


class TrialPanel(QWidget):
    """Tries one connection.

    Signals:
        wanted: the button was pressed.
        mending_asked: the button on a card was pressed; carries a `Mending`.
    """

    wanted = Signal()
    mending_asked = Signal(object)

    def __init__(self, language: Language, title: str) -> None:
        """`title` says what is tried; it is the heading of what stands below."""
        super().__init__()
        self._language = language
        self.button = TextButton(self._say(text("Test")), icon="check")
        self._title = ElidedLabel()
        self._title.setFont(heading_font())
        self._state = label("", "muted")
        self._state.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._state.setWordWrap(False)
        self._is_trying = False
        self._results: list[QWidget] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GRID)
        row = QHBoxLayout()
        row.setSpacing(2 * GRID)
        row.addWidget(self._title, 1)
        row.addWidget(self._state)
        row.addWidget(self.button)
        self._column.addLayout(row)
        self.button.clicked.connect(self._on_clicked)
        self.show_title(title)

    def show_title(self, title: str) -> None:
        """What is tried is called so now."""
        self._title.set_whole(title)
        self.button.setAccessibleName(self._say(text("Test {name}", name=title)))

    def _on_clicked(self) -> None:
        """It stays pressable while it tries, so that the keyboard stays on it; one trial is enough."""
        if not self._is_trying:
            self.wanted.emit()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def begin(self) -> None:
        """It is being tried."""
        self.clear()
        self._is_trying = True
        self._state.setText(self._say(text("Trying it for real…")))

    def clear(self) -> None:
        """What came of an earlier trial goes."""
        for result in self._results:
            result.hide()
            result.deleteLater()
        self._results = []
        self._state.clear()
        self._is_trying = False

    def show_found(self, said: tuple[Text, ...], warnings: tuple[Problem, ...]) -> None:
        """It works, and this was found; `warnings` are cards below it."""
        self.clear()
        self._add(self._found(said))
        for warning in warnings:
            self._add(ErrorCard(self._language, warning))

    def _found(self, said: tuple[Text, ...]) -> QFrame:
        card = QFrame()
        card.setObjectName("card")
        card.setProperty("state", "ok")
        sentences = [self._say(each) for each in said]
        card.setAccessibleName(" ".join(sentences))
        row = QHBoxLayout(card)
        row.setContentsMargins(2 * GRID, GRID + GRID // 2, 2 * GRID, GRID + GRID // 2)
        row.setSpacing(2 * GRID)
        row.addWidget(IconLabel("check", "ok", 28))
        row.addWidget(label("\n".join(sentences)), 1)
        return card

    def show_failed(self, problem: Problem, *, mended: bool = True) -> None:
        """It does not work; the card says why, and has a button for what can be done, where it may be `mended` here."""
        self.clear()
        mending = _MENDINGS.get(problem.code) if mended else None
        if mending is not None and mending.next is not None:
            problem = msgspec.structs.replace(problem, next=mending.next)
        card = ErrorCard(self._language, problem, mending.word if mending is not None else None)
        card.acted.connect(lambda _: self.mending_asked.emit(mending))
        self._add(card)

    def _add(self, result: QWidget) -> None:
        self._results.append(result)
        self._column.addWidget(result)
