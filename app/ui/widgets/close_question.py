"""Asked when the window is closed while work goes on; promises no tray where there is none."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QMessageBox, QSystemTrayIcon, QWidget

from app.foundation.words import Language, Text, plural, text


class CloseQuestion(QMessageBox):
    """Three ways: the work goes on without the window, it is cancelled, or the window stays.

    Signals:
        keep_working: the window may go, the work goes on.
        cancel_work: the work is to be cancelled, then the window goes.
    """

    keep_working = Signal()
    cancel_work = Signal()

    def __init__(self, language: Language, runs: int, parent: QWidget) -> None:
        super().__init__(parent)
        say = language.render
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(say(text("Work is going on")))
        self.setText(say(plural("A run is under way here.", "{count} runs are under way here.", runs)))
        self.setInformativeText(say(_without_the_window()))
        keep = self.addButton(say(text("Keep working")), QMessageBox.ButtonRole.AcceptRole)
        cancel = self.addButton(say(text("Cancel it and close")), QMessageBox.ButtonRole.DestructiveRole)
        stay = self.addButton(say(text("Stay")), QMessageBox.ButtonRole.RejectRole)
        self.setDefaultButton(stay)
        self.setEscapeButton(stay)
        stay.setFocus()  # Enter presses what has the keyboard, whatever the default is
        keep.clicked.connect(self.keep_working)
        cancel.clicked.connect(self.cancel_work)


def _without_the_window() -> Text:
    if QSystemTrayIcon.isSystemTrayAvailable():
        return text(
            "Keep working: the window goes to the tray, and Overwinter ends by itself when the work is done. "
            "Cancel: what was saved so far stays in the repository; it makes no point."
        )
    return text(
        "Keep working: the window goes, and Overwinter ends by itself when the work is done; start it again to see it. "
        "Cancel: what was saved so far stays in the repository; it makes no point."
    )
