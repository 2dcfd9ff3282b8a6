"""Asks for one secret: masked, never prefilled, typed twice where it is new."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, text
from app.ui.theme import GRID, heading_font
from app.ui.widgets.controls import TextButton, label


class SecretDialog(QDialog):
    """A small window with one masked field, or two that must agree.

    Signals:
        typed: the person typed a secret and confirmed it; carries the secret.
    """

    typed = Signal(str)

    def __init__(
        self, language: Language, title: Text, about: Text, *, twice: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)  # what was typed goes with it
        self._language = language
        self._secret = self._field(title)
        self._again = self._field(text("The same once more")) if twice else None
        self._fault = label("", "fail")
        self._fault.hide()
        self.setWindowTitle(language.render(title))
        self.setMinimumWidth(60 * GRID)
        self._store = TextButton(language.render(text("OK")), "primary")
        self._store.setDefault(True)
        self._leave = TextButton(language.render(text("Cancel")))
        self._store.clicked.connect(self._on_store)
        self._leave.clicked.connect(self.reject)
        self._arrange(title, about)

    def _field(self, name: Text) -> QLineEdit:
        made = QLineEdit()
        made.setEchoMode(QLineEdit.EchoMode.Password)
        made.setAccessibleName(self._language.render(name))
        made.setPlaceholderText(self._language.render(name))
        return made

    def _arrange(self, title: Text, about: Text) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addWidget(label(self._language.render(title), font=heading_font()))
        column.addWidget(label(self._language.render(about), "muted"))
        column.addWidget(self._secret)
        if self._again is not None:
            column.addWidget(self._again)
        column.addWidget(self._fault)
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        buttons.addStretch(1)
        buttons.addWidget(self._leave)
        buttons.addWidget(self._store)
        column.addLayout(buttons)
        self.resize(60 * GRID, column.heightForWidth(60 * GRID))  # Qt's own guess is too tall for lines that wrap

    def _on_store(self) -> None:
        secret = self._secret.text()
        if not secret:
            self._say_fault(text("Type it first."))
        elif self._again is not None and not self._again.text():
            self._again.setFocus()  # Enter after the first goes to the second
        elif self._again is not None and self._again.text() != secret:
            self._say_fault(text("The two are not the same. Type them again."))
        else:
            self._secret.clear()
            self.accept()
            self.typed.emit(secret)

    def _say_fault(self, fault: Text) -> None:
        self._fault.setText(self._language.render(fault))
        self._fault.show()
        self._secret.setFocus()
