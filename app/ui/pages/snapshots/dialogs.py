"""Asks before a point is kept or deleted."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, text
from app.ui.pages.snapshots.filter_bar import DayField
from app.ui.theme import GRID, heading_font, mono_font
from app.ui.widgets.controls import TextButton, label

_KEPT_FOR = timedelta(days=365)


class _Question(QDialog):
    """A title, what it means, fields, what is wrong with them, and two buttons."""

    def __init__(self, language: Language, title: Text, verb: Text, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._language = language
        self.setWindowTitle(language.render(title))
        self._title = label(language.render(title), font=heading_font())
        self._fault = label("", "fail")
        self._fault.hide()
        self.confirm = TextButton(language.render(verb), "primary")
        self.confirm.setDefault(True)
        self._leave = TextButton(language.render(text("Cancel")))
        self._leave.clicked.connect(self.reject)

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _arrange(self, parts: Sequence[QWidget]) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        for part in (self._title, *parts, self._fault):
            column.addWidget(part)
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        buttons.addStretch(1)
        buttons.addWidget(self._leave)
        buttons.addWidget(self.confirm)
        column.addLayout(buttons)
        self.setMinimumWidth(64 * GRID)
        self.resize(64 * GRID, column.heightForWidth(64 * GRID))  # Qt's own guess is too tall for lines that wrap

    def _say_fault(self, fault: Text) -> None:
        self._fault.setText(self._say(fault))
        self._fault.show()


class KeepDialog(_Question):
    """Asks how long a point is to be kept, and why.

    Signals:
        confirmed: carries the last day and the reason.
    """

    confirmed = Signal(object, str)

    def __init__(self, language: Language, point: str, today: date, parent: QWidget | None = None) -> None:
        """`point` is how people know it; `today` the earliest day that can be said."""
        super().__init__(language, text("Keep this point"), text("Keep this point"), parent)
        self._today = today
        self._until = DayField(language, text("Keep to the end of"))
        self._until.setText((today + _KEPT_FOR).isoformat())
        self._reason = QLineEdit()
        self._reason.setAccessibleName(self._say(text("Why it is kept")))
        self._reason.setPlaceholderText(self._say(text("Such as: before the pump was changed")))
        about = text("{point} stays to the end of this day, whatever the policy of retention says.", point=point)
        until, why = label(self._say(text("Keep to the end of"))), label(self._say(text("Why it is kept")))
        until.setBuddy(self._until)
        why.setBuddy(self._reason)
        self._arrange([label(self._say(about), "muted"), until, self._until, why, self._reason])
        self.confirm.clicked.connect(self._on_confirmed)
        self._reason.setFocus()

    def _on_confirmed(self) -> None:
        day, reason = self._until.day, self._reason.text().strip()
        if day is None or day < self._today:
            self._say_fault(text("Write a day that is still to come, such as {day}.", day=str(self._today + _KEPT_FOR)))
            self._until.setFocus()
        elif not reason:
            self._say_fault(text("Say why: whoever finds the mark in a year has to know."))
            self._reason.setFocus()
        else:
            self.accept()
            self.confirmed.emit(day, reason)


class TypedField(QLineEdit):
    """A field whose words have to be typed: it takes nothing from the clipboard, and nothing that is dropped."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(False)
        self.setFont(mono_font())
        self.installEventFilter(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key; those that paste do nothing."""
        if not event.matches(QKeySequence.StandardKey.Paste):
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Qt: its menu would offer to paste."""
        event.accept()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Qt: the middle button pastes what is marked elsewhere."""
        is_mouse = event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease)
        return is_mouse and getattr(event, "button", lambda: None)() is Qt.MouseButton.MiddleButton


class PhraseDialog(_Question):
    """Asks for a phrase, so that nothing happens by a click too many.

    Signals:
        confirmed: the phrase was typed; carries it.
    """

    confirmed = Signal(str)

    def __init__(
        self, language: Language, title: Text, verb: Text, *, phrase: str, about: Text, parent: QWidget | None = None
    ) -> None:
        """`about` says what will happen."""
        super().__init__(language, title, verb, parent)
        self._phrase = phrase
        shown = label(phrase, font=mono_font(points=12))
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        shown.setAccessibleName(phrase)
        self.field = TypedField()
        self.field.setAccessibleName(self._say(text("Type {phrase}", phrase=phrase)))
        self.field.textChanged.connect(self._on_typed)
        self.confirm.clicked.connect(self._on_confirmed)
        self.confirm.setEnabled(False)
        ask = label(self._say(text("If that is meant, type this:")))
        ask.setBuddy(self.field)
        self._arrange([label(self._say(about)), ask, shown, self.field])
        self.field.setFocus()

    def _on_typed(self, typed: str) -> None:
        self.confirm.setEnabled(typed == self._phrase)

    def _on_confirmed(self) -> None:
        if self.field.text() == self._phrase:
            self.accept()
            self.confirmed.emit(self.field.text())


class DeleteDialog(PhraseDialog):
    """Asks for the phrase that deletes a point."""

    def __init__(self, language: Language, point: str, phrase: str, about: Text, parent: QWidget | None = None) -> None:
        """`point` is how people know it; `about` says what goes with it."""
        title = text("Delete the point of {point}?", point=point)
        super().__init__(language, title, text("Delete"), phrase=phrase, about=about, parent=parent)
