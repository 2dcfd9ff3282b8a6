"""The small widgets: what they say, what they do when pressed, what they do when there is no room."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QProgressBar
from pytestqt.qtbot import QtBot

from app.foundation.errors import Problem
from app.foundation.events import Outcome, Phase, Progress, RunClosed, StepFinished, StepOutcome, StepStarted
from app.foundation.words import ENGLISH, text
from app.ui.theme import State
from app.ui.widgets.controls import ElidedButton, ElidedLabel, TextButton
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.error_card import ErrorCard
from app.ui.widgets.progress import figures, fraction, percent, remaining
from app.ui.widgets.state_badge import OUTCOMES, StateBadge
from app.ui.widgets.step_list import StepList
from app.ui.widgets.step_model import ShownStep, StepModel
from app.ui.widgets.work_strip import Work, WorkRow, WorkStrip
from tests.ui.gallery import LONG, MIB, NOON, PROBLEM


def said(widget: object) -> list[str]:
    assert hasattr(widget, "findChildren")
    return [label.text() for label in widget.findChildren(QLabel) if label.text()]


def button(widget: object, word: str) -> TextButton:
    assert hasattr(widget, "findChildren")
    found: list[TextButton] = [each for each in widget.findChildren(TextButton) if each.text() == word]
    assert len(found) == 1, [each.text() for each in widget.findChildren(TextButton)]
    return found[0]


# --- error card -------------------------------------------------------------------------------


@pytest.mark.spec("X3")
def test_a_card_says_what_happened_what_it_means_and_what_to_do(qtbot: QtBot) -> None:
    card = ErrorCard(ENGLISH, PROBLEM, text("Enter the password…"))
    qtbot.addWidget(card)
    assert said(card) == [str(PROBLEM.what), str(PROBLEM.means), str(PROBLEM.next)]
    assert card.accessibleName() == str(PROBLEM.what)
    with qtbot.waitSignal(card.acted, check_params_cb=lambda code: code == "restic.wrong-password"):
        button(card, "Enter the password…").click()


@pytest.mark.spec("X3")
def test_the_details_are_folded_until_asked_for_and_can_be_copied(qtbot: QtBot) -> None:
    card = ErrorCard(ENGLISH, PROBLEM)
    qtbot.addWidget(card)
    card.show()
    details = card.findChild(QPlainTextEdit)
    assert isinstance(details, QPlainTextEdit)
    assert not details.isVisible()
    button(card, "Details").click()
    assert details.isVisible()
    assert "exit code 12" in details.toPlainText()
    button(card, "Copy").click()
    copied = QGuiApplication.clipboard().text()
    assert str(PROBLEM.what) in copied
    assert "restic.wrong-password" in copied
    assert "exit code 12" in copied
    button(card, "Hide details").click()
    assert not details.isVisible()


def test_a_sentence_with_markup_in_it_is_shown_as_it_is(qtbot: QtBot) -> None:
    card = ErrorCard(ENGLISH, Problem(text("{name} vanished", name="<b>x</b>"), text("a"), text("b"), "files.gone"))
    qtbot.addWidget(card)
    label = card.findChildren(QLabel)[1]
    assert label.text() == "<b>x</b> vanished"
    assert all(each.textFormat() is Qt.TextFormat.PlainText for each in card.findChildren(QLabel) if each.text())


# --- badge, empty state, elided text ----------------------------------------------------------


def test_a_badge_names_its_state(qtbot: QtBot) -> None:
    badge = StateBadge(ENGLISH, State.NEVER)
    qtbot.addWidget(badge)
    assert badge.accessibleName() == "Never"
    for outcome in Outcome:
        badge.show_outcome(outcome)
        assert badge.state is OUTCOMES[outcome][0]
        assert badge.text() == str(OUTCOMES[outcome][1])


def test_an_empty_page_offers_the_one_thing_to_do(qtbot: QtBot) -> None:
    page = EmptyState(ENGLISH, "greenhouse", text("No recovery point yet."), text("Back up now"))
    qtbot.addWidget(page)
    with qtbot.waitSignal(page.acted):
        button(page, "Back up now").click()


def test_a_name_without_room_ends_in_an_ellipsis_and_is_whole_in_its_tip(qtbot: QtBot) -> None:
    label = ElidedLabel(LONG)
    qtbot.addWidget(label)
    label.show()
    label.resize(200, 30)
    assert "…" in label.text()
    assert label.toolTip() == LONG
    assert label.accessibleName() == LONG
    label.resize(2000, 30)
    assert label.text() == LONG
    assert label.toolTip() == ""


# --- progress ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("progress", "done", "line"),
    [
        (Progress(key="a"), None, ""),
        (Progress(key="a", bytes=3 * MIB), None, "3.0 MiB so far"),
        (Progress(key="a", bytes=MIB, total_bytes=2 * MIB), 0.5, "1.0 MiB of 2.0 MiB"),
        (Progress(key="a", files=3, total_files=4), 0.75, "3 of 4 files"),
        (
            Progress(key="a", bytes=9 * MIB, total_bytes=8 * MIB, speed=2.0 * MIB, remaining=65),
            1.0,
            "9.0 MiB of 8.0 MiB · 2.0 MiB/s · 1 min 5 s left",
        ),
    ],
)
def test_progress_says_what_is_known_and_no_more(progress: Progress, done: float | None, line: str) -> None:
    assert fraction(progress) == done
    assert figures(progress, ENGLISH) == line


def test_a_hundred_percent_means_all() -> None:
    assert str(percent(Progress(key="a", bytes=999, total_bytes=1000))) == "99 %"
    assert str(percent(Progress(key="a", bytes=1000, total_bytes=1000))) == "100 %"
    assert str(remaining(Progress(key="a", remaining=3))) == "a few seconds left"


# --- steps ------------------------------------------------------------------------------------


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def go_on(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def steps(qtbot: QtBot, clock: Clock) -> StepList:
    made = StepList(ENGLISH, clock.now)
    qtbot.addWidget(made)
    made.resize(600, 400)
    made.show()
    return made


def started(clock: Clock, key: str, number: int, of: int) -> StepStarted:
    return StepStarted(key=key, title=text("Files"), phase=Phase.STAGE, number=number, of=of, at=clock.now())


def spoken(steps: StepList) -> list[str]:
    model = steps.model()
    role = Qt.ItemDataRole.AccessibleTextRole
    return [str(model.data(model.index(row, 0), role)) for row in range(model.rowCount())]


def test_steps_are_told_from_their_start_to_their_end(steps: StepList, clock: Clock) -> None:
    steps.tell(started(clock, "a", 1, 3))
    assert spoken(steps) == ["step 1 of 3, Files, Running", "2 more steps, To come"]
    steps.tell(Progress(key="a", bytes=1, total_bytes=2))
    assert spoken(steps)[0] == "step 1 of 3, Files, Running, 50 %"
    clock.go_on(130)
    steps.tell(StepFinished(key="a", outcome=StepOutcome.FAILED, error=PROBLEM, at=clock.now()))
    assert spoken(steps)[0] == f"step 1 of 3, Files, Failed, {PROBLEM.what}"
    steps.tell(started(clock, "b", 2, 3))
    assert spoken(steps)[1:] == ["step 2 of 3, Files, Running", "1 more step, To come"]
    steps.tell(StepFinished(key="b", outcome=StepOutcome.CANCELLED, at=clock.now()))
    steps.tell(RunClosed(outcome=Outcome.CANCELLED, at=clock.now()))
    assert spoken(steps)[1:] == ["step 2 of 3, Files, Cancelled"]
    steps.clear()
    assert spoken(steps) == []


@pytest.mark.spec("J2")
def test_a_step_of_a_run_that_died_stands_still(steps: StepList, clock: Clock) -> None:
    steps.tell(started(clock, "a", 1, 3))
    clock.go_on(5)
    steps.tell(Progress(key="a", bytes=1, total_bytes=2, at=clock.now()))
    clock.go_on(3600)
    steps.tell(RunClosed(outcome=Outcome.INTERRUPTED, at=clock.now()))
    assert spoken(steps) == ["step 1 of 3, Files, Interrupted"]
    model = steps.model()
    assert isinstance(model, StepModel)
    assert not model.running
    step = model.data(model.index(0, 0), StepModel.STEP)
    assert isinstance(step, ShownStep)
    assert model.time_of(step) == "5.0 s"


def test_every_step_has_a_picture_and_the_keyboard_chooses_it(qtbot: QtBot, steps: StepList, clock: Clock) -> None:
    for number, outcome in enumerate(StepOutcome, 1):
        steps.tell(started(clock, outcome.value, number, len(StepOutcome) + 1))
        steps.tell(StepFinished(key=outcome.value, outcome=outcome, at=clock.now()))
    steps.setFocus()
    steps.setCurrentIndex(steps.model().index(0, 0))
    QTest.keyClick(steps, Qt.Key.Key_Down)
    assert steps.currentIndex().row() == 1
    assert not steps.grab().isNull()
    with qtbot.waitSignal(steps.step_chosen, check_params_cb=lambda key: key == StepOutcome.WARNED.value):
        QTest.mouseClick(
            steps.viewport(), Qt.MouseButton.LeftButton, pos=steps.visualRect(steps.currentIndex()).center()
        )


# --- the strip of work ------------------------------------------------------------------------


@pytest.fixture
def strip(qtbot: QtBot) -> WorkStrip:
    made = WorkStrip(ENGLISH)
    qtbot.addWidget(made)
    made.resize(1366, 60)
    return made


WORK = Work("run-1", text("Backup"))


def test_a_run_s_events_make_its_line(clock: Clock) -> None:
    work = WORK.after(started(clock, "a", 3, 6)).after(Progress(key="a", bytes=71, total_bytes=100))
    assert [str(part) for part in work.line] == ["Backup", "step 3 of 6", "Files"]
    assert fraction(work.progress) == pytest.approx(0.71)
    assert work.after(started(clock, "b", 4, 6)).progress is None
    assert work.after(RunClosed(outcome=Outcome.SUCCESS)).closed


def test_the_strip_shows_a_run_opens_it_and_cancels_it(qtbot: QtBot, strip: WorkStrip, clock: Clock) -> None:
    assert strip.isHidden()
    work = WORK.after(started(clock, "a", 3, 6)).after(
        Progress(key="a", bytes=71, total_bytes=100, speed=MIB, remaining=40)
    )
    strip.show_work(work)
    assert strip.isVisible()
    assert said(strip) == ["71 %", "1.0 MiB/s", "40 s left"]
    bar = strip.findChild(QProgressBar)
    assert isinstance(bar, QProgressBar)
    assert bar.value() == 710
    with qtbot.waitSignal(strip.opened, check_params_cb=lambda run: run == "run-1"):
        strip.findChildren(ElidedButton)[0].click()
    with qtbot.waitSignal(strip.cancel_asked, check_params_cb=lambda run: run == "run-1"):
        button(strip, "Cancel").click()


def test_a_run_that_is_being_cancelled_says_so_and_one_that_is_closed_goes(strip: WorkStrip, clock: Clock) -> None:
    work = WORK.after(started(clock, "a", 3, 6))
    strip.show_work(Work(work.run, work.title, work.step, work.number, work.of, cancelling=True))
    assert "Cancelling…" in said(strip)
    assert not button(strip, "Cancel").isEnabled()
    assert button(strip, "Cancel").accessibleName() == "Cancel Backup"
    strip.show_work(work.after(RunClosed(outcome=Outcome.CANCELLED)))
    assert strip.isHidden()


def test_several_runs_fold_into_one_line(strip: WorkStrip) -> None:
    for number in range(5):
        strip.show_work(Work(f"run-{number}", text("Backup")))
    assert not any(row.isVisible() for row in strip.findChildren(WorkRow))
    fold = button(strip, "5 running")
    fold.click()
    assert all(row.isVisible() for row in strip.findChildren(WorkRow))
    fold.click()
    for number in range(4):
        strip.show_work(Work(f"run-{number}", text("Backup"), closed=True))
    assert not fold.isVisible()
    assert sum(row.isVisible() for row in strip.findChildren(WorkRow)) == 1
