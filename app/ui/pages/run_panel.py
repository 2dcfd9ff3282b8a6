"""One run, live or past: how it stands, its steps, its log, and what to do when it went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.events import ItemFinished, LogLines, RunClosed, StepFinished, StepStarted, Told
from app.foundation.words import Language, Size, Text, text
from app.ui.theme import GRID, State, heading_font
from app.ui.widgets.controls import ElidedLabel, set_tone
from app.ui.widgets.log_panel import LogPanel
from app.ui.widgets.state_badge import StateBadge
from app.ui.widgets.step_list import StepList


class RunPanel(QWidget):
    """Shows what a run tells, from its beginning.

    Signals:
        log_file_wanted: the person wants to see the log's file.
    """

    log_file_wanted = Signal()

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._title = ElidedLabel()
        self._title.setFont(heading_font())
        self._badge = StateBadge(language, State.UNKNOWN)
        self._said = QLabel()
        self._said.setWordWrap(True)
        self._steps = StepList(language)
        self._log = LogPanel(language)
        self._log.file_wanted.connect(self.log_file_wanted)
        self._log.view.set_placeholder(language.render(text("What the programs say appears here.")))
        self._arrange()
        self.clear()

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(self._title, 1)
        head.addWidget(self._badge)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.setChildrenCollapsible(False)
        parts.addWidget(self._steps)
        parts.addWidget(self._log)
        parts.setStretchFactor(0, 2)
        parts.setStretchFactor(1, 3)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self._said)
        column.addWidget(parts, 1)

    def clear(self) -> None:
        """No run is shown."""
        self._title.set_whole(self._language.render(text("No run yet")))
        self._badge.hide()
        self._said.hide()
        self._steps.clear()
        self._log.view.clear()

    def begin(self, title: Text) -> None:
        """Another run is shown from now on."""
        self.clear()
        self._title.set_whole(self._language.render(title))
        self._badge.show_state(State.RUNNING)
        self._badge.show()

    def tell(self, batch: Sequence[Told]) -> None:
        """Takes what the run told."""
        for event in batch:
            if isinstance(event, LogLines):
                self._log.view.append(event.lines, event.first)
            else:
                self._steps.tell(event)
                self._tell(event)

    def _tell(self, event: Told) -> None:
        match event:
            case RunClosed():
                self._badge.show_outcome(event.outcome)
                self._say_error(event.error)
            case StepFinished(error=Problem() as error):
                self._say_error(error)
            case ItemFinished() if event.item.added:
                added = text("{source}: {size} added", source=event.item.source, size=Size(event.item.added))
                self._say(added, "muted")
            case StepStarted():
                self._badge.show_state(State.RUNNING)
            case _:
                pass

    def _say_error(self, error: Problem | None) -> None:
        if error is not None:
            self._say(text("{what} {means}", what=error.what, means=error.means), "fail")

    def _say(self, sentence: Text, tone: str) -> None:
        self._said.setText(self._language.render(sentence))
        set_tone(self._said, "fail" if tone == "fail" else "muted")
        self._said.show()

    def interrupted(self) -> None:
        """The run's process is gone without closing it."""
        self._badge.show_state(State.FAIL, text("Interrupted"))
