"""The fifth step: what is prepared and what is exchanged, whether the site is up, how long it still takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.events import (
    LogLines,
    Phase,
    Progress,
    RolledBack,
    RunClosed,
    SiteTurned,
    StepFinished,
    StepStarted,
    Told,
    Warned,
)
from app.foundation.words import Duration, Language, Text, text
from app.ui.theme import GRID, State, heading_font
from app.ui.widgets.card_stack import CardStack
from app.ui.widgets.controls import TextButton, label
from app.ui.widgets.state_badge import StateBadge
from app.ui.widgets.step_list import StepList

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.restore.remaining import Forecast, Left

STAGING = (Phase.PREFLIGHT, Phase.STAGE)
TICK = 200


class Lane(QFrame):
    """The steps of one phase, below its name."""

    def __init__(self, language: Language, title: Text, about: Text, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.steps = StepList(language, parent=self)
        self.steps.setAccessibleName(language.render(title))
        self._number, self._of = 0, 0
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(label(language.render(title), font=heading_font()))
        column.addWidget(label(language.render(about), "muted"))
        column.addWidget(self.steps, 1)

    def begin(self, of: int, placeholder: str) -> None:
        """Another run; it has so many steps in this lane."""
        self._number, self._of = 0, of
        self.steps.clear()
        self.steps.set_placeholder(placeholder)

    def tell(self, event: Told) -> None:
        """Takes an event; steps are counted within the lane."""
        if isinstance(event, StepStarted):
            self._number += 1
            event = msgspec.structs.replace(event, number=self._number, of=max(self._of, self._number))
        self.steps.tell(event)


class ProgressStep(QWidget):
    """Follows one run.

    Signals:
        cancel_wanted: the run is to stop.
        log_wanted: the run is to be seen with its log.
    """

    cancel_wanted = Signal()
    log_wanted = Signal()

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._forecast: Forecast | None = None
        self._lane_of: dict[str, Lane] = {}
        self._down: datetime | None = None
        self._was_down = 0.0
        self._began: datetime | None = None
        self._closed = False
        self._site = StateBadge(language, State.OK, parent=self)
        self._left = label("", font=heading_font())
        self._bar = QProgressBar(self)
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self._say(text("How much of it is done")))
        self._current = label("", "muted")
        self.cards = CardStack(language, self)
        self.staging = Lane(language, text("Prepare"), text("Beside what is live; the site works on."), self)
        self.cutover = Lane(
            language, text("Exchange"), text("A moment; an error takes everything back by itself."), self
        )
        self.cancel = TextButton(self._say(text("Cancel the restore")), parent=self)
        self.log = TextButton(self._say(text("Show the log")), "quiet", parent=self)
        self.cancel.clicked.connect(self.cancel_wanted)
        self.log.clicked.connect(self.log_wanted)
        self._arrange()
        self._timer = QTimer(self, interval=TICK)
        self._timer.timeout.connect(self._tick)

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(2 * GRID)
        head.addWidget(self._site)
        head.addWidget(self._left, 1)
        lanes = QHBoxLayout()
        lanes.setSpacing(2 * GRID)
        lanes.addWidget(self.staging, 1)
        lanes.addWidget(self.cutover, 1)
        low = QHBoxLayout()
        low.setSpacing(GRID)
        low.addWidget(label(self._say(text("Closing this window does not stop it.")), "muted"), 1)
        low.addWidget(self.log)
        low.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self._bar)
        column.addWidget(self._current)
        column.addWidget(self.cards)
        column.addLayout(lanes, 1)
        column.addLayout(low)

    def begin(self, phases: Sequence[Phase], forecast: Forecast | None) -> None:
        """A run begins that will take steps of these phases."""
        self._forecast, self._closed = forecast, False
        self._down, self._was_down, self._began = None, 0.0, datetime.now(UTC)
        self._lane_of = {}
        staged = sum(phase in STAGING for phase in phases)
        self.staging.begin(staged, self._say(text("Starting…")))
        self.cutover.begin(len(phases) - staged, self._say(text("Comes when everything is prepared.")))
        self.cutover.setVisible(len(phases) > staged)
        for button in (self.cancel, self.log):
            button.setEnabled(True)
        for matter in ("warning", "problem"):
            self.cards.clear(matter)
        self._current.setText("")
        self._bar.setValue(0)
        self._timer.start()
        self._tick()

    def tell(self, batch: Sequence[Told]) -> None:
        """Takes what the run told."""
        for event in batch:
            if not isinstance(event, LogLines):
                self._tell(event)
        self._tick()

    def _tell(self, event: Told) -> None:
        if self._forecast is not None:
            self._forecast.tell(event)
        match event:
            case StepStarted():
                lane = self.staging if event.phase in STAGING else self.cutover
                self._lane_of[event.key] = lane
                lane.tell(event)
            case StepFinished():
                self._lane_of.get(event.key, self.staging).tell(event)
            case Progress():
                self._lane_of.get(event.key, self.staging).tell(event)
                self._current.setText(event.current)
            case SiteTurned():
                self._turn(event)
            case Warned():
                self.cards.show_problem("warning", event.warning)
            case RolledBack():
                self._current.setText(self._say(text("Everything was taken back.")))
            case RunClosed():
                self._close(event)
            case _:
                pass

    def _turn(self, event: SiteTurned) -> None:
        if event.up and self._down is not None:
            self._was_down += (event.at - self._down).total_seconds()
        self._down = None if event.up else event.at

    def _close(self, event: RunClosed) -> None:
        self._closed = True
        for lane in (self.staging, self.cutover):
            lane.tell(event)
        self._timer.stop()
        self.cancel.setEnabled(False)
        if event.error is not None:
            self.show_problem(event.error)

    def show_problem(self, problem: Problem) -> None:
        """Something went wrong."""
        self.cards.show_problem("problem", problem)

    def show_cancelling(self) -> None:
        """It was asked to stop."""
        self.cancel.setEnabled(False)
        self._left.setText(self._say(text("Cancelling: everything goes back to what it was…")))

    # --- how it stands -------------------------------------------------------------------------

    def _tick(self) -> None:
        now = datetime.now(UTC)
        self._tell_site(now)
        left = self._forecast.left(now) if self._forecast is not None else None
        if self.cancel.isEnabled() or self._closed:
            self._left.setText("" if left is None else self._say(left_words(left)))
        if left is not None and self._began is not None:
            passed = (now - self._began).total_seconds()
            whole = passed + left.middle
            self._bar.setValue(max(self._bar.value(), round(1000 * passed / whole)) if whole else 0)
        elif self._closed:
            self._bar.setValue(1000)

    def _tell_site(self, now: datetime) -> None:
        if self._down is not None:
            since = max(0.0, (now - self._down).total_seconds())
            self._site.show_state(State.STALE, text("The site is down since {seconds} s", seconds=f"{since:.1f}"))
        elif self._was_down:
            word = text("The site is up; it was down for {seconds} s", seconds=f"{self._was_down:.1f}")
            self._site.show_state(State.OK, word)
        else:
            self._site.show_state(State.OK, text("The site is not touched"))


def left_words(left: Left) -> Text:
    """`about 4 min left`, or between what and what."""
    if left.most < 3:
        return text("a few seconds left")
    if left.is_known:
        return text("about {time} left", time=Duration(left.middle))
    return text("{least} to {most} left", least=Duration(left.least), most=Duration(left.most))
