"""Every widget in its states, side by side, to be looked at and to be tested for names, focus and size."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.events import (
    Outcome,
    Phase,
    Progress,
    StepFinished,
    StepOutcome,
    StepStarted,
)
from app.foundation.words import ENGLISH, Text, text
from app.ui.theme import GRID, State
from app.ui.widgets.controls import Choice, ElidedLabel, IconButton, SearchField, TextButton, label
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.error_card import ErrorCard
from app.ui.widgets.log_panel import LogPanel
from app.ui.widgets.state_badge import StateBadge
from app.ui.widgets.step_list import StepList
from app.ui.widgets.work_strip import Work, WorkStrip

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
MIB = 2**20
PRESSED = "pressed as soon as it is shown"

PROBLEM = Problem(
    text("The repository on NORTH-A could not be opened: the password is not right."),
    text("Nothing was backed up this time. The points that are there are not touched."),
    text("Enter the repository's password again; it is on the printed recovery kit."),
    "restic.wrong-password",
    "Fatal: wrong password or no key found\nexit code 12\nrepository: /media/NORTH-A/overwinter",
)
LONG = "database hydro_production_north_house_telemetry_archive_with_a_very_long_name_that_nobody_wanted.dump"


def column(*widgets: QWidget, spacing: int = 2 * GRID, stretched: bool = True) -> QWidget:
    """Widgets below each other."""
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 3 * GRID)
    layout.setSpacing(spacing)
    for widget in widgets:
        layout.addWidget(widget)
    if stretched:
        layout.addStretch(1)
    return page


def row(*widgets: QWidget) -> QWidget:
    """Widgets beside each other."""
    line = QWidget()
    layout = QHBoxLayout(line)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(GRID)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(1)
    return line


def controls() -> QWidget:
    """Buttons, fields and labels."""
    plain, primary, quiet = (
        TextButton("Restore…"),
        TextButton("Back up now", "primary", "backup"),
        TextButton("Details", "quiet"),
    )
    off = [TextButton("Restore…"), TextButton("Back up now", "primary", "backup"), TextButton("Details", "quiet")]
    for button in off:
        button.setEnabled(False)
    choice = Choice("Which lines")
    choice.addItems(["All lines", "Errors only"])
    long_name = ElidedLabel(LONG)
    long_name.setFixedWidth(300)
    marked = IconButton("follow", "Follow the end", "Follow")
    marked.setCheckable(True)
    marked.setChecked(True)
    return column(
        row(primary, plain, quiet),
        row(*off),
        row(SearchField("Find a file"), choice, marked, IconButton("refresh", "Refresh"), IconButton("save", "Save")),
        label("Body text, as everything is written that is not a heading."),
        label("Text that stays behind.", "muted"),
        long_name,
    )


def badges() -> QWidget:
    """The six states, small and large, and how runs end."""
    outcomes = [StateBadge(ENGLISH, State.UNKNOWN) for _ in Outcome]
    for badge, outcome in zip(outcomes, Outcome, strict=True):
        badge.show_outcome(outcome)
    verdict = StateBadge(ENGLISH, State.OK, large=True)
    verdict.show_state(State.OK, text("Protected"))
    worst = StateBadge(ENGLISH, State.NEVER, large=True)
    worst.show_state(State.NEVER, text("Never backed up"))
    return column(row(*(StateBadge(ENGLISH, state) for state in State)), row(*outcomes), row(verdict), row(worst))


def empty() -> QWidget:
    """Nothing there yet."""
    said = text("No recovery point yet. The first backup makes one; it takes a few minutes.")
    return EmptyState(ENGLISH, "greenhouse", said, text("Back up now"))


def errors() -> QWidget:
    """An error folded, with a button; and one with its details open."""
    folded = ErrorCard(ENGLISH, PROBLEM, text("Enter the password…"))
    opened = ErrorCard(ENGLISH, PROBLEM)
    opened.findChildren(TextButton)[0].setProperty(PRESSED, True)
    return column(folded, opened)


def _started(number: int, title: Text, at: float) -> StepStarted:
    when = NOON + timedelta(seconds=at)
    return StepStarted(key=f"step-{number}", title=title, phase=Phase.STAGE, number=number, of=8, at=when)


def _finished(number: int, outcome: StepOutcome, at: float, error: Problem | None = None) -> StepFinished:
    return StepFinished(key=f"step-{number}", outcome=outcome, error=error, at=NOON + timedelta(seconds=at))


PROGRESS = Progress(
    key="step-5", bytes=852 * MIB, total_bytes=1200 * MIB, speed=48.0 * MIB, remaining=40, current="/app.dump"
)


def steps() -> QWidget:
    """A run with every way a step may end, and one that goes on."""
    made = StepList(ENGLISH, lambda: NOON + timedelta(seconds=330))
    for event in (
        _started(1, text("Look at the repository"), 0),
        _finished(1, StepOutcome.DONE, 1.4),
        _started(2, text("Roles of PostgreSQL"), 2),
        _finished(2, StepOutcome.WARNED, 5, PROBLEM),
        _started(3, text("{name}", name=LONG), 5),
        _finished(3, StepOutcome.FAILED, 135, PROBLEM),
        _started(4, text("Uploads of the site"), 135),
        _finished(4, StepOutcome.SKIPPED, 135),
        _started(5, text("Files of the site"), 200),
        PROGRESS,
    ):
        made.tell(event)
    made.setMinimumHeight(480)
    return column(made)


def strips() -> QWidget:
    """One run, one that is being cancelled, one whose end nobody knows, and several."""
    work = Work("r1", text("Backup"), text("database hydro"), 3, 6, PROGRESS)
    made = [WorkStrip(ENGLISH) for _ in range(4)]
    made[0].show_work(work)
    made[1].show_work(Work("r1", text("Backup"), text("{name}", name=LONG), 3, 6, PROGRESS, cancelling=True))
    made[2].show_work(Work("r1", text("Check"), text("{name}", name=LONG * 2), 1, 2))
    for number in range(3):
        made[3].show_work(Work(f"r{number}", text("Verify"), text("database hydro"), 1, 2, PROGRESS))
    made[3].findChildren(TextButton)[0].click()
    return column(*made, spacing=4 * GRID)


def log() -> QWidget:
    """A log with levels, odd bytes and a long line."""
    made = LogPanel(ENGLISH)
    lines = [
        b"2026-11-21T02:00:%02d info: scanned /srv/site/storage/app/%04d unchanged" % (n % 60, n) for n in range(400)
    ]
    lines[385] = b"\x1b[31merror: cannot read /srv/site/storage/\xff\xfe: permission denied\x1b[0m"
    lines[390] = "warning: клапан 3 не отвечает,\tretrying \x01 \u202e".encode()
    lines[395] = b"x" * 5000
    made.view.append(lines, 12_000)
    return column(made, stretched=False)


def empty_log() -> QWidget:
    """A log before its first line."""
    made = LogPanel(ENGLISH)
    made.view.set_placeholder("The log begins with the first step.")
    return column(made, stretched=False)


SHEETS: dict[str, Callable[[], QWidget]] = {
    "controls": controls,
    "badges": badges,
    "empty": empty,
    "errors": errors,
    "steps": steps,
    "strips": strips,
    "log": log,
    "log-empty": empty_log,
}


def shown(name: str) -> QWidget:
    """A sheet of the gallery at the size of the smallest screen, shown."""
    sheet = SHEETS[name]()
    sheet.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    sheet.resize(1366 - 200, 768 - 60)
    sheet.show()
    for button in sheet.findChildren(TextButton):
        if button.property(PRESSED):
            button.click()
    QApplication.processEvents()
    return sheet
