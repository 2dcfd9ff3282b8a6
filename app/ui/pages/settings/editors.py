"""What a value is typed into, one kind of editor for each kind of value.

An editor that shows a value which it could not give back unchanged does not let it be changed.
"""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, text
from app.ui.theme import GRID, mono_font, tones_now
from app.ui.widgets.controls import Choice, label
from app.ui.widgets.tick import Tick

_LINES = (3, 8)
_NARROW = 14 * GRID
_WIDEST = 64 * GRID
_MOST = 1000  # of the room; what an editor cannot use stays free beside it
_PARAGRAPH = "\u2029"


class Editor(QWidget):
    """Shows and takes one value.

    Signals:
        edited: a person changed the value.
    """

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(GRID)

    def show_value(self, value: Any, filled_in: str = "") -> None:
        """Shows a value; `filled_in` is what takes its place when it is left out."""
        raise NotImplementedError

    def value(self) -> Any:
        """What is typed, as a site file would have it; None to leave it out."""
        raise NotImplementedError

    def set_name(self, name: str, description: str) -> None:
        """Names it for who does not see what stands beside it."""
        for each in self.findChildren(QWidget):
            if each.focusPolicy() & Qt.FocusPolicy.TabFocus:
                each.setAccessibleName(name)
                each.setAccessibleDescription(description)

    def set_locked(self, locked: bool) -> None:
        """Lets it be read only."""
        self.setEnabled(not locked)


class LineEditor(Editor):
    """One line of text."""

    def __init__(self, example: str = "", *, needed: bool = False) -> None:
        """`example` stands in an empty line for which nothing is filled in."""
        super().__init__()
        self._example = example
        self._needed = needed
        self.line = QLineEdit()
        self.line.setMaximumWidth(_WIDEST)
        self.line.textEdited.connect(self._on_edited)
        self._row.addWidget(self.line, _MOST)
        self._row.addStretch(1)

    def _on_edited(self, _typed: str) -> None:
        self.edited.emit()

    def show_value(self, value: Any, filled_in: str = "") -> None:
        shown = "" if value is None else str(value)
        if shown != self.line.text():
            self.line.setText(shown)
            self.line.setCursorPosition(0)
        self.line.setReadOnly(self.line.text() != shown)  # a line break that a line cannot hold
        self.line.setPlaceholderText(filled_in or self._example)

    def value(self) -> Any:
        typed = self.line.text()
        return typed if typed or self._needed else None

    def set_locked(self, locked: bool) -> None:
        self.line.setEnabled(not locked)


class NumberEditor(LineEditor):
    """A whole number; anything else that is typed is left for the rules to judge."""

    def __init__(self, unit: str = "") -> None:
        super().__init__()
        self.line.setMaximumWidth(_NARROW)
        self.line.setInputMethodHints(Qt.InputMethodHint.ImhDigitsOnly)
        if unit:
            self._row.insertWidget(1, label(unit, "muted"), _MOST)

    def value(self) -> Any:
        typed = self.line.text().strip()
        if not typed:
            return None
        return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 10 else typed


class TickEditor(Editor):
    """Yes or no."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.tick = Tick(sentence)
        self.tick.clicked.connect(self._on_clicked)
        self._row.addWidget(self.tick)
        self._row.addStretch(1)

    def _on_clicked(self, _checked: bool) -> None:
        self.edited.emit()

    def show_value(self, value: Any, filled_in: str = "") -> None:  # noqa: ARG002  a tick is never left out
        self.tick.setChecked(bool(value))

    def value(self) -> Any:
        return self.tick.isChecked()


class ChoiceEditor(Editor):
    """One of a few; a value that is none of them is shown and stays until another is chosen."""

    def __init__(self, name: str, choices: Sequence[tuple[str, str]], *, needed: bool) -> None:
        """`choices` are values with their words."""
        super().__init__()
        self._needed = needed
        self.box = Choice(name)
        self.box.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(8)
        self.box.setMaximumWidth(_WIDEST)
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.offer(choices)
        self.box.activated.connect(self._on_activated)
        self._row.addWidget(self.box, _MOST)
        self._row.addStretch(1)

    def _on_activated(self, _row: int) -> None:
        self.edited.emit()

    def offer(self, choices: Sequence[tuple[str, str]]) -> None:
        """Offers these; what is chosen stays chosen."""
        chosen = self.box.currentData()
        with QSignalBlocker(self.box):
            self.box.clear()
            for value, word in choices:
                self.box.addItem(word, value)
        self._choose(chosen)

    def _choose(self, value: Any) -> None:
        with QSignalBlocker(self.box):
            if value is not None and self.box.findData(value) < 0:
                self.box.addItem(str(value), value)
            self.box.setCurrentIndex(self.box.findData(value) if value is not None else -1)

    def show_value(self, value: Any, filled_in: str = "") -> None:
        self._choose(filled_in if value is None and filled_in else ("" if value is None else value))

    def value(self) -> Any:
        chosen = self.box.currentData()
        return chosen if chosen or self._needed else None


class TextEditor(Editor):
    """Several lines in letters of equal width."""

    def __init__(self, example: str = "") -> None:
        """`example` stands in an empty box."""
        super().__init__()
        self._example = example
        self.box = QPlainTextEdit()
        self.box.setFont(mono_font())
        self.box.setTabChangesFocus(True)
        self.box.setMaximumWidth(_WIDEST)
        self._column = QVBoxLayout()
        self._column.setSpacing(GRID // 2)
        self._column.addWidget(self.box)
        self._row.addLayout(self._column, _MOST)
        self._row.addStretch(1)
        self._outline()
        self._quiet = False
        self.box.textChanged.connect(self._on_text_changed)

    def _on_text_changed(self) -> None:
        self._fit()
        if not self._quiet:
            self.edited.emit()

    def show_value(self, value: Any, filled_in: str = "") -> None:
        """Shows the list, unless it is what stands there already: the cursor stays where it is."""
        if self.box.toPlainText() and self.value() == value:
            return
        self._quiet = True
        self.box.setPlainText(self._written(value or ()))
        self._quiet = False
        self.box.setPlaceholderText(filled_in or self._example)
        self.box.setReadOnly((self.value() or []) != list(value or ()))

    def changeEvent(self, event: QEvent) -> None:
        """Qt: the look may have changed."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._outline()

    def _outline(self) -> None:
        """An outline like that of a line: the look gives boxes of text the thin one of lists."""
        wanted = f"QPlainTextEdit {{ border-color: {tones_now().control}; }}"
        if self.box.styleSheet() != wanted:
            self.box.setStyleSheet(wanted)

    def raw_text(self) -> str:
        """What stands there, character by character; Qt's plain text makes other spaces of some."""
        return self.box.document().toRawText().replace(_PARAGRAPH, "\n")

    def _written(self, value: Sequence[str]) -> str:
        raise NotImplementedError

    def _fit(self) -> None:
        lines = min(max(self.box.blockCount(), _LINES[0]), _LINES[1])
        self.box.setFixedHeight(lines * self.box.fontMetrics().lineSpacing() + 2 * GRID + 4)


class LinesEditor(TextEditor):
    """A list of texts, one a line."""

    def __init__(self, example: str = "") -> None:
        super().__init__(example)
        self.box.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._fit()

    def _written(self, value: Sequence[str]) -> str:
        return "\n".join(value)

    def value(self) -> Any:
        return [line for line in self.raw_text().split("\n") if line] or None


class CommandLineEditor(TextEditor):
    """A program and its arguments, quoted as a shell would have them; below it stands how they are taken apart."""

    def __init__(self, language: Language, *, needed: bool) -> None:
        super().__init__()
        self._language = language
        self._needed = needed
        self._parts = label("", "muted")
        self._column.addWidget(self._parts)
        self._fit()
        self._tell()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _written(self, value: Sequence[str]) -> str:
        return shlex.join(value)

    def value(self) -> Any:
        """The arguments; text with an open quote is handed on as it is, which no list is."""
        typed = self.raw_text()
        try:
            parts = shlex.split(typed)
        except ValueError:
            return typed
        return parts or ([] if self._needed else None)

    def _on_text_changed(self) -> None:
        super()._on_text_changed()
        self._tell()

    def _tell(self) -> None:
        parts = self.value()
        if isinstance(parts, str):
            said = self._say(text("A quote is open: close it, or write a backslash before it."))
        elif parts:
            said = "  ·  ".join(parts)
        else:
            said = self._say(text('The program first. Quotes hold an argument with spaces together: "two words".'))
        self._parts.setText(said)
        self._parts.setVisible(isinstance(parts, str) or len(parts or ()) != 1)

    def _fit(self) -> None:
        self.box.setFixedHeight(2 * self.box.fontMetrics().lineSpacing() + 2 * GRID + 4)
