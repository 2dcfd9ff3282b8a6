"""A disk with backups on it was plugged in: what is on it, and the backup that can go there now."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, text
from app.ui.theme import GRID, heading_font
from app.ui.widgets.controls import IconLabel, TextButton, label


class DiskBanner(QWidget):
    """Shown until it is answered, or the disk is gone again.

    Signals:
        backup_asked: everything on the disk is to be backed up to now.
    """

    backup_asked = Signal()

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        card = QFrame()
        card.setObjectName("card")
        card.setProperty("state", "ok")
        self._what = label("", font=heading_font())
        self._means = label("")
        self._backup = TextButton(self._say(text("Back up now")), icon="backup")
        self._leave = TextButton(self._say(text("Not now")))
        self._backup.clicked.connect(self.backup_asked)
        self._backup.clicked.connect(self.hide)
        self._leave.clicked.connect(self.hide)
        said = QVBoxLayout()
        said.setSpacing(0)
        said.addWidget(self._what)
        said.addWidget(self._means)
        row = QHBoxLayout(card)
        row.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        row.setSpacing(2 * GRID)
        row.addWidget(IconLabel("disk", "ok", 28), alignment=Qt.AlignmentFlag.AlignVCenter)
        row.addLayout(said, 1)
        row.addWidget(self._leave)
        row.addWidget(self._backup)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 0)
        whole.addWidget(card)
        self.hide()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def show_come(self, what: Text, means: Text) -> None:
        """Says which disk has come, and what is on it."""
        self._what.setText(self._say(what))
        self._means.setText(self._say(means))
        self.setAccessibleName(self._say(what))
        self.setAccessibleDescription(self._say(means))
        self.show()
