"""Asked when the window is closed while settings are edited and not saved."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from app.foundation.words import Language, text


class UnsavedQuestion(QMessageBox):
    """Two ways: what was edited is given up, or the window stays.

    Signals:
        give_up: the window may go.
    """

    give_up = Signal()

    def __init__(self, language: Language, parent: QWidget) -> None:
        super().__init__(parent)
        say = language.render
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(say(text("Settings are not saved")))
        self.setText(say(text("Settings were edited and are not saved.")))
        self.setInformativeText(say(text("When the window closes, what was typed is lost; the site stays as it was.")))
        give_up = self.addButton(say(text("Close without saving")), QMessageBox.ButtonRole.DestructiveRole)
        stay = self.addButton(say(text("Stay")), QMessageBox.ButtonRole.RejectRole)
        self.setDefaultButton(stay)
        self.setEscapeButton(stay)
        stay.setFocus()  # Enter presses what has the keyboard, whatever the default is
        give_up.clicked.connect(self.give_up)
