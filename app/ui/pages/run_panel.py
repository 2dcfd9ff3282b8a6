"""One run, live or past: how it stands, its steps, its log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.events import ItemFinished, LogLines, RunClosed, StepStarted, Told
from app.foundation.words import Language, Text, text
from app.ui.pages.run_story import RunStory
from app.ui.theme import GRID, State, heading_font
from app.ui.widgets.controls import ElidedLabel, label
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.log_panel import LogPanel
from app.ui.widgets.state_badge import StateBadge
from app.ui.widgets.step_list import StepList

if TYPE_CHECKING:  # the window is painted before the store is loaded
    from app.records.run import Run


class RunPanel(QWidget):
    """Shows what a run tells, from its beginning.

    Signals:
        log_file_wanted: the person wants to see the log's file.
    """

    log_file_wanted = Signal()

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._parts = QSplitter(Qt.Orientation.Horizontal)
        self._story = RunStory()
        self._title = ElidedLabel()
        self._title.setFont(heading_font())
        self._badge = StateBadge(language, State.UNKNOWN)
        self._said = label("", "muted")
        self.steps = StepList(language)
        self.log = LogPanel(language)
        self.log.file_wanted.connect(self.log_file_wanted)
        self.log.view.set_placeholder(language.render(text("What the programs say appears here.")))
        self._none = EmptyState(language, "runs", text("The steps and the log of a run are shown here."))
        self._elsewhere = EmptyState(
            language, "unknown", text("Another computer made this point; how is not recorded on this computer.")
        )
        self._stack = QStackedWidget()
        for page in (self._none, self._elsewhere, self._run_part()):
            self._stack.addWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._stack)

    def _run_part(self) -> QWidget:
        part = QWidget()
        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(self._title, 1)
        head.addWidget(self._badge)
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self._said)
        column.addWidget(self._steps_and_log(), 1)
        return part

    def _steps_and_log(self) -> QSplitter:
        parts = self._parts
        parts.setChildrenCollapsible(False)
        parts.setHandleWidth(2 * GRID)
        self.steps.setMinimumWidth(32 * GRID)
        self.log.view.setMinimumHeight(6 * GRID)
        parts.addWidget(self.steps)
        parts.addWidget(self.log)
        parts.setSizes([4000, 6000])  # in proportion: neither is as wide yet
        parts.setStretchFactor(0, 4)
        parts.setStretchFactor(1, 6)
        return parts

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def clear(self) -> None:
        """No run is shown."""
        self._stack.setCurrentWidget(self._none)

    def show_elsewhere(self) -> None:
        """A run that another computer has recorded."""
        self._stack.setCurrentWidget(self._elsewhere)

    def begin(self, title: Text, kind: str) -> None:
        """Another run of that kind is shown from now on."""
        self._story = RunStory(kind)
        self._title.set_whole(self._say(title))
        self._badge.show_state(State.RUNNING)
        self._said.hide()
        self.steps.clear()
        self.steps.set_placeholder(self._say(text("Starting…")))
        self.log.view.clear()
        self._stack.setCurrentIndex(2)

    def tell(self, batch: Sequence[Told]) -> None:
        """Takes what the run told."""
        for event in batch:
            if isinstance(event, LogLines):
                self.log.view.append(event.lines, event.first)
            else:
                self._tell(event)

    def _tell(self, event: Told) -> None:
        self._story.tell(event)
        self.steps.tell(event)
        match event:
            case RunClosed():
                self._badge.show_outcome(event.outcome)
                self._show_sentence()
                self.steps.set_placeholder(self._say(text("It had not begun its first step.")))
            case ItemFinished():
                self._show_sentence()
            case StepStarted() if event.number == 1:
                self._badge.show_state(State.RUNNING)
            case _:
                pass

    def _show_sentence(self) -> None:
        sentence = self._story.sentence
        self._said.setText("" if sentence is None else self._say(sentence))
        self._said.setVisible(sentence is not None)

    def show_cancelling(self) -> None:
        """The run was asked to stop."""
        self._badge.show_state(State.RUNNING, text("Cancelling…"))

    def end(self, run: Run) -> None:
        """The run's record is closed; of one whose process died nobody told the end."""
        if self._story.closed is None and run.outcome is not None:
            at = run.closed or datetime.now(UTC)
            self._tell(RunClosed(at=at, outcome=run.outcome, counters=run.counters, error=run.error))

    @property
    def problem(self) -> Problem | None:
        """What a person has to know about the run that is shown, once it has ended."""
        return self._story.problem
