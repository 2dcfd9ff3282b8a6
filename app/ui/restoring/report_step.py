"""The sixth step: what was done, to be read, saved, and handed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QTextBrowser, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, text
from app.ui.theme import GRID, State, heading_font
from app.ui.widgets.controls import TextButton, label
from app.ui.widgets.state_badge import OUTCOMES, StateBadge

if TYPE_CHECKING:  # the window is painted before the store is loaded
    from collections.abc import Sequence

    from app.jobs.runbook.document import Part
    from app.records.run import Run


class ReportStep(QWidget):
    """The report of one run.

    Signals:
        save_wanted: the report is to be saved.
        undo_wanted: the old state is to be put back.
        switch_wanted: what was prepared is to be exchanged now.
    """

    save_wanted = Signal()
    undo_wanted = Signal()
    switch_wanted = Signal()

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._badge = StateBadge(language, State.UNKNOWN, parent=self)
        self._said = label("", font=heading_font())
        self.text = QTextBrowser(self)
        self.text.setOpenLinks(False)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(self._say(text("Report")))
        self.switch = TextButton(self._say(text("Switch now…")), "primary", parent=self)
        self.save = TextButton(self._say(text("Save the report…")), icon="save", parent=self)
        self.undo = TextButton(self._say(text("Put the old state back…")), parent=self)
        self.switch.clicked.connect(self.switch_wanted)
        self.save.clicked.connect(self.save_wanted)
        self.undo.clicked.connect(self.undo_wanted)
        self._arrange()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(2 * GRID)
        head.addWidget(self._badge)
        head.addWidget(self._said, 1)
        low = QHBoxLayout()
        low.setSpacing(GRID)
        low.addWidget(self.undo)
        low.addStretch(1)
        low.addWidget(self.save)
        low.addWidget(self.switch)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self.text, 1)
        column.addLayout(low)

    def begin(self) -> None:
        """The report is being written."""
        self._badge.show_state(State.RUNNING, text("Writing the report…"))
        self._said.setText("")
        self.text.clear()
        for button in (self.switch, self.save, self.undo):
            button.hide()

    def show_report(self, run: Run, parts: Sequence[Part], *, can_undo: bool, can_switch: bool) -> None:
        """Shows how it ended."""
        from app.jobs.runbook.document import as_html  # noqa: PLC0415  loaded by the engine long before

        state, word = OUTCOMES[run.outcome] if run.outcome is not None else (State.UNKNOWN, text("Unknown"))
        self._badge.show_state(state, word)
        self._said.setText(self._say(run.error.what) if run.error is not None else self._say(text("It is done.")))
        self.text.document().setDefaultFont(self.font())
        self.text.document().setDocumentMargin(2 * GRID)
        self.text.setHtml(_of_window(as_html(parts, self._language), self.text.palette()))
        self.save.show()
        self.undo.setVisible(can_undo)
        self.switch.setVisible(can_switch)


def _of_window(html: str, palette: QPalette) -> str:
    """The page without its style for paper: the window has its own colours."""
    head, _, rest = html.partition("<style>")
    _, _, body = rest.partition("</style>")
    line = palette.mid().color().name()
    style = (
        "table { border-collapse: collapse; } h1 { font-size: 14pt; } h2 { font-size: 12pt; }"
        f" td, th {{ border: 1px solid {line}; padding: 4px 8px; text-align: left; }}"
    )
    return f"{head}<style>{style}</style>{body}"
