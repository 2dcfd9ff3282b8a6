"""The beginning of a file of a recovery point, read in its place; nothing is written for it."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.words import Language, Size, Text, text
from app.ui.pages.snapshots.asking import PREVIEWED
from app.ui.theme import GRID, mono_font
from app.ui.widgets.controls import ElidedLabel, TextButton, label
from app.ui.widgets.empty_state import EmptyState

LONGEST_LINE = 4000
"""Letters: a view of one line of 256 KiB would hold the window up."""


def as_text(content: bytes) -> str | None:
    """The content as text that a view can show; None where it is none."""
    if b"\0" in content:
        return None
    try:
        said = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(content) - error.start > 3:  # one letter may be cut at the end
            return None
        said = content[: error.start].decode("utf-8-sig")
    return "\n".join(line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + " …" for line in said.splitlines())


class Preview(QWidget):
    """Shows a file.

    Signals:
        left: the person wants to go back to the files.
    """

    left = Signal()

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._back = TextButton(language.render(text("Back to the files")), "quiet", "chevron-left")
        self._back.setToolTip("Esc")
        self._name = ElidedLabel()
        self._cut = label("", "muted")
        self.view = QPlainTextEdit()
        self.view.setReadOnly(True)
        self.view.setTabChangesFocus(True)
        self.view.setFont(mono_font())
        self.view.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.view.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._reading = EmptyState(language, "file", text("Reading the file…"))
        self._no_text = EmptyState(language, "file", text("This file holds no text. Save it to open it elsewhere."))
        self._stack = QStackedWidget()
        for page in (self._reading, self._no_text, self.view):
            self._stack.addWidget(page)
        self._back.clicked.connect(self.left)
        self._arrange()

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(self._back)
        head.addWidget(self._name, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self._stack, 1)
        column.addWidget(self._cut)

    def begin(self, path: str) -> None:
        """This file is being read."""
        self._name.set_whole(path)
        self.view.setAccessibleName(path)
        self._cut.hide()
        self._stack.setCurrentWidget(self._reading)
        self._back.setFocus()

    def show_content(self, content: bytes, size: int) -> None:
        """This is its beginning; `size` is that of the whole file."""
        said = as_text(content[:PREVIEWED])
        self._stack.setCurrentWidget(self._no_text if said is None else self.view)
        if said is None:
            return
        self.view.setPlainText(said or self._say(text("The file is empty.")))
        if len(content) > PREVIEWED:
            shown, whole = Size(PREVIEWED), Size(size)
            self._cut.setText(self._say(text("The first {shown} of {whole} are shown.", shown=shown, whole=whole)))
            self._cut.show()
        self.view.setFocus()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key. Esc goes back."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)
