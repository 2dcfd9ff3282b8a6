"""An error in its place: what happened, what it means for the data, one next step, the details folded underneath."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, Text, text
from app.ui.theme import GRID, heading_font, mono_font
from app.ui.widgets.controls import IconButton, IconLabel, TextButton, label

_SHOW, _HIDE = text("Details"), text("Hide details")
_DETAIL_ROWS = 10


class ErrorCard(QFrame):
    """Shows one problem.

    Signals:
        acted: the button with the next step was pressed; carries the problem's code.
        closed: the person has read it.
    """

    acted = Signal(str)
    closed = Signal()

    def __init__(
        self,
        language: Language,
        problem: Problem,
        action: Text | None = None,
        *,
        closable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """`action` is the verb on the button that does the next step; without one the step is only said."""
        super().__init__(parent)
        self._language = language
        self._problem = problem
        self.setObjectName("card")
        self.setProperty("state", "fail")
        self.setAccessibleName(self._say(problem.what))
        self.setAccessibleDescription(f"{self._say(problem.means)} {self._say(problem.next)}".strip())
        self._details = self._make_details()
        self._fold = TextButton(self._say(_SHOW), "quiet", "chevron-right")
        self._copy = TextButton(self._say(text("Copy")), "quiet", "copy")
        self._fold.clicked.connect(self._on_fold)
        self._copy.clicked.connect(self._on_copy)
        self._arrange(action, closable=closable)

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _make_details(self) -> QPlainTextEdit:
        made = QPlainTextEdit(self._technical())
        made.setReadOnly(True)
        made.setTabChangesFocus(True)
        made.setFont(mono_font())
        made.setAccessibleName(self._say(text("Technical details")))
        lines = min(_DETAIL_ROWS, self._technical().count("\n") + 1)
        made.setFixedHeight(lines * made.fontMetrics().lineSpacing() + 3 * GRID)
        made.hide()
        return made

    def _technical(self) -> str:
        return "\n".join(part for part in (self._problem.code, self._problem.detail.rstrip()) if part)

    def _arrange(self, action: Text | None, *, closable: bool) -> None:
        column = QVBoxLayout()
        column.setSpacing(GRID)
        column.addWidget(label(self._say(self._problem.what), font=heading_font()))
        for sentence in (self._problem.means, self._problem.next):
            if sentence.id:
                column.addWidget(label(self._say(sentence)))
        column.addSpacing(GRID // 2)
        column.addLayout(self._buttons(action))
        column.addWidget(self._details)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, GRID)
        row.setSpacing(2 * GRID)
        row.addWidget(IconLabel("error", "fail", 28), alignment=Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)
        if closable:
            close = IconButton("cancel", self._say(text("Close this message")))
            close.clicked.connect(self.closed)
            row.addWidget(close, alignment=Qt.AlignmentFlag.AlignTop)

    def _buttons(self, action: Text | None) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GRID)
        if action is not None:
            button = TextButton(self._say(action))
            button.clicked.connect(self._on_acted)
            row.addWidget(button)
        row.addWidget(self._fold)
        row.addWidget(self._copy)
        row.addStretch(1)
        return row

    def _on_acted(self) -> None:
        self.acted.emit(self._problem.code)

    def _on_fold(self) -> None:
        shown = self._details.isHidden()
        self._details.setVisible(shown)
        self._fold.set_icon("chevron-down" if shown else "chevron-right")
        self._fold.setText(self._say(_HIDE if shown else _SHOW))

    def _on_copy(self) -> None:
        """Everything a colleague needs who is asked for help; secrets were removed before it was stored."""
        said = (self._say(sentence) for sentence in (self._problem.what, self._problem.means, self._problem.next))
        QGuiApplication.clipboard().setText("\n".join([*filter(None, said), self._technical()]))
