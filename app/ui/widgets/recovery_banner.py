"""The banner above everything: a restore stopped in the middle, and the two ways out of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, text
from app.ui.theme import GRID, heading_font
from app.ui.widgets.controls import IconLabel, TextButton, label


class RecoveryBanner(QFrame):
    """Shown while a restore of a site is unfinished.

    Signals:
        finish_asked: the restore is to be brought to its end.
        roll_back_asked: the site is to be put back as it was before.
        details_asked: what stands there is to be seen closely.
    """

    finish_asked = Signal()
    roll_back_asked = Signal()
    details_asked = Signal()

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self.setObjectName("banner")
        self._what = label("", font=heading_font())
        self._means = label("")
        self._finish = TextButton(self._say(text("Finish")))
        self._roll_back = TextButton(self._say(text("Roll back")))
        self._details = TextButton(self._say(text("Details…")))
        self._details.clicked.connect(self.details_asked)
        self._finish.clicked.connect(self.finish_asked)
        self._roll_back.clicked.connect(self.roll_back_asked)
        said = QVBoxLayout()
        said.setSpacing(0)
        said.addWidget(self._what)
        said.addWidget(self._means)
        row = QHBoxLayout(self)
        row.setContentsMargins(3 * GRID, GRID, 3 * GRID, GRID)
        row.setSpacing(2 * GRID)
        row.addWidget(IconLabel("warning", "fail", 28), alignment=Qt.AlignmentFlag.AlignTop)
        row.addLayout(said, 1)
        row.addWidget(self._details)
        row.addWidget(self._finish)
        row.addWidget(self._roll_back)
        self.hide()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def show_unfinished(self, what: Text, means: Text) -> None:
        """Says what is unfinished and what that means."""
        self._what.setText(self._say(what))
        self._means.setText(self._say(means))
        self.setAccessibleName(self._say(what))
        self.setAccessibleDescription(self._say(means))
        self.show()

    def allow(self, *, allowed: bool) -> None:
        """Whether it may be put right now; not while something works on the site."""
        self._finish.setEnabled(allowed)
        self._roll_back.setEnabled(allowed)
