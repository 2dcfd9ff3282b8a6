"""Asks for the fingerprint of a server's new host key, as it was read on the server itself."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.foundation.words import Language, text
from app.ui.theme import GRID, heading_font
from app.ui.widgets.controls import TextButton, label


class TrustDialog(QDialog):
    """One field. What the server shows now is not put into it: whoever answers in its place would show its own.

    Signals:
        typed: a fingerprint was typed; carries it.
    """

    typed = Signal(str)

    def __init__(self, language: Language, host: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        title = language.render(text("Trust the new key of {host}", host=host))
        self.setWindowTitle(title)
        self.setMinimumWidth(70 * GRID)
        about = text(
            "Read the fingerprint on the server itself, at its own screen or by somebody who stands there: "
            "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
        )
        self._field = QLineEdit()
        self._field.setAccessibleName(language.render(text("Fingerprint")))
        self._field.setPlaceholderText("SHA256:…")
        trust = TextButton(language.render(text("Trust this key")), "primary")
        trust.setDefault(True)
        leave = TextButton(language.render(text("Cancel")))
        trust.clicked.connect(self._on_trust)
        leave.clicked.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addWidget(label(title, font=heading_font()))
        column.addWidget(label(language.render(about), "muted"))
        column.addWidget(self._field)
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        buttons.addStretch(1)
        buttons.addWidget(leave)
        buttons.addWidget(trust)
        column.addLayout(buttons)
        self.resize(70 * GRID, column.heightForWidth(70 * GRID))

    def _on_trust(self) -> None:
        fingerprint = self._field.text().strip()
        if fingerprint:
            self.accept()
            self.typed.emit(fingerprint)
        else:
            self._field.setFocus()
