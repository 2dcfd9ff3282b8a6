"""The cards of the Repository page: figures, what is known of the data, locks, keys, and known damage."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, plural, text
from app.ui.icons import Name
from app.ui.pages.repository.share_bar import ShareBar
from app.ui.theme import GRID, State, body_font, heading_font, mono_font
from app.ui.widgets.controls import ElidedLabel, IconButton, IconLabel, TextButton, label
from app.ui.widgets.state_badge import StateBadge

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.jobs.check.marks import CheckMark, Cycle
    from app.jobs.repository_state import Counted, Damaged, RepositoryState
    from app.tools.restic.keys import Key
    from app.tools.restic.output import Lock

SHORT = 8
STALE_AFTER = timedelta(minutes=30)
"""A working restic renews its lock every five minutes; after half an hour restic itself takes it for dead."""

_NOT_KNOWN = "–"


class Panel(QFrame):
    """A card with a heading and, on its right, what can be done."""

    def __init__(self, language: Language, title: Text, *buttons: QWidget) -> None:
        super().__init__()
        self.setObjectName("card")
        self._language = language
        self.setAccessibleName(self._say(title))
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(2 * GRID, GRID, 2 * GRID, 2 * GRID)
        self.column.setSpacing(GRID)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        heading = label(self._say(title), font=heading_font())
        heading.setMinimumHeight(5 * GRID)
        row.addWidget(heading, 1)
        for button in buttons:
            row.addWidget(button)
        self.column.addLayout(row)

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _moment(self, at: datetime) -> str:
        return self._language.moment(at, datetime.now(UTC))


class Figure(QWidget):
    """A number that is read from afar, what it is above it, how old it is below it."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._name = title
        self._value = QLabel(_NOT_KNOWN)
        self._value.setFont(body_font(points=18, strong=True))
        self._note = label("", "muted", body_font(points=9.5))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(label(title, "muted"))
        column.addWidget(self._value)
        column.addWidget(self._note)
        column.addStretch(1)

    def show_value(self, value: str, note: str = "") -> None:
        """Shows a number, and what is to be said of it."""
        self._value.setText(value or _NOT_KNOWN)
        self._value.setAccessibleName(f"{self._name}: {value or _NOT_KNOWN} {note}".strip())
        self._note.setText(note)


class Figures(Panel):
    """Where the repository is, which one it is, and how big.

    Signals:
        count_asked: its data is to be counted anew.
    """

    count_asked = Signal()

    def __init__(self, language: Language) -> None:
        self._count = TextButton(language.render(text("Count again")), "quiet", "refresh")
        self._count.setToolTip(
            language.render(text("Reads the list of every folder: minutes where there are many files"))
        )
        super().__init__(language, text("What it is"), self._count)
        self._address = ElidedLabel()
        self._address.setFont(mono_font())
        self._copy_address = IconButton("copy", self._say(text("Copy the address")))
        self._id = QLabel(_NOT_KNOWN)
        self._id.setFont(mono_font())
        self._copy_id = IconButton("copy", self._say(text("Copy the whole id")))
        self._whole_id = self._whole_address = ""
        self._size = Figure(self._say(text("On its disk")))
        self._before = Figure(self._say(text("Before packing")))
        self._snapshots = Figure(self._say(text("Snapshots")))
        self._format = Figure(self._say(text("Format")))
        self._arrange()
        self._count.clicked.connect(self.count_asked)
        self._copy_address.clicked.connect(self._on_copy_address)
        self._copy_id.clicked.connect(self._on_copy_id)

    def _arrange(self) -> None:
        figures = QHBoxLayout()
        figures.setSpacing(3 * GRID)
        for figure in (self._size, self._before, self._snapshots, self._format):
            figures.addWidget(figure, 1)
        self.column.addLayout(figures)
        line = QHBoxLayout()
        line.setSpacing(GRID)
        for title, value, button in (
            (text("Address"), self._address, self._copy_address),
            (text("Id"), self._id, self._copy_id),
        ):
            said = label(self._say(title), "muted")
            said.setWordWrap(False)
            line.addWidget(said)
            line.addWidget(value, 1 if value is self._address else 0)
            line.addWidget(button)
            line.addSpacing(GRID)
        self.column.addLayout(line)

    def _on_copy_address(self) -> None:
        QGuiApplication.clipboard().setText(self._whole_address)

    def _on_copy_id(self) -> None:
        QGuiApplication.clipboard().setText(self._whole_id)

    def show_address(self, address: str) -> None:
        """Where it is; whether it answers is another matter."""
        self._whole_address = address
        self._address.set_whole(address)

    def show_state(self, state: RepositoryState | None) -> None:
        """What it says of itself; nothing while it does not answer."""
        self._whole_id = state.id if state is not None else ""
        self._id.setText(self._whole_id[:SHORT] or _NOT_KNOWN)
        self._id.setAccessibleName(self._say(text("Id {id}", id=self._whole_id or _NOT_KNOWN)))
        self._copy_id.setEnabled(bool(self._whole_id))
        self._snapshots.show_value(str(state.snapshots) if state is not None else "")
        self._format.show_value(
            str(state.version) if state is not None else "",
            self._say(text("restic {version}", version=state.restic)) if state is not None else "",
        )

    def show_counted(self, counted: Counted | None, *, counting: bool) -> None:
        """How big it was when it was counted."""
        self._count.setEnabled(not counting)
        if counted is None:
            self._size.show_value("", self._say(text("Counting…") if counting else text("Not counted yet")))
            self._before.show_value("")
            return
        note = self._say(text("Counting…")) if counting else self._moment(counted.at)
        self._size.show_value(self._language.size(counted.size), note)
        self._before.show_value(self._language.size(counted.uncompressed), self._saved(counted))

    def _saved(self, counted: Counted) -> str:
        if not counted.size or counted.uncompressed <= counted.size:
            return ""
        return self._say(text("{times} times as much", times=counted.uncompressed / counted.size))


class Knowledge(Panel):
    """How well the data is known to be: the shares that were read, and the last checks.

    Signals:
        check_asked: the next share is to be read.
    """

    check_asked = Signal()

    def __init__(self, language: Language) -> None:
        self._check = TextButton(language.render(text("Check now")), icon="check")
        super().__init__(language, text("Checks"), self._check)
        self._bar = ShareBar(language)
        self._said = label("")
        self._list = QGridLayout()
        self._list.setHorizontalSpacing(2 * GRID)
        self._list.setVerticalSpacing(GRID // 2)
        self._list.setColumnStretch(1, 1)
        self.column.addWidget(self._bar)
        self.column.addWidget(self._said)
        self.column.addLayout(self._list)
        self._check.clicked.connect(self.check_asked)

    def allow_checks(self, allowed: bool) -> None:
        """Whether there is something that could be checked."""
        self._check.setEnabled(allowed)

    def show_checks(self, cycle: Cycle | None, checks: Iterable[CheckMark]) -> None:
        """Shows how far the present cycle is, and the checks, newest first."""
        self._bar.setVisible(cycle is not None)
        if cycle is not None:
            self._bar.show_shares(cycle.of, cycle.well)
        self._said.setText(self._say(_cycle_words(cycle, self._language)))
        _clear(self._list)
        for row, mark in enumerate(checks):
            badge = StateBadge(self._language, State.OK)
            badge.show_state(*((State.OK, text("Well")) if mark.passed else (State.FAIL, text("Damaged"))))
            when = label(self._moment(mark.time))
            when.setWordWrap(False)
            self._list.addWidget(when, row, 0)
            self._list.addWidget(label(self._say(_share_words(mark)), "muted"), row, 1)
            self._list.addWidget(badge, row, 2)


def _cycle_words(cycle: Cycle | None, language: Language) -> Text:
    if cycle is None:
        return text("What is known of its data stands in the repository itself.")
    if cycle.whole and cycle.since is not None:
        return text(
            "All of its data is well; it was read since {when}.", when=language.moment(cycle.since, datetime.now(UTC))
        )
    if not cycle.well:
        return text("None of its data was read again yet: whether it is well is not known.")
    return text(
        "{count} of {of} shares are known to be well; each check reads the next one.",
        count=len(cycle.well),
        of=cycle.of,
    )


def _share_words(mark: CheckMark) -> Text:
    if mark.share is None:
        return text("what a backup had just added")
    if mark.share.of == 1:
        return text("everything")
    return text("share {number} of {of}", number=mark.share.number, of=mark.share.of)


class Locks(Panel):
    """Who works with the repository now.

    Signals:
        unlock_asked: locks of dead work are to be removed.
    """

    unlock_asked = Signal()

    def __init__(self, language: Language) -> None:
        self._unlock = TextButton(language.render(text("Remove dead locks")), "quiet")
        self._unlock.setToolTip(language.render(text("Only those of work that is dead; those of living work stay")))
        super().__init__(language, text("Locks"), self._unlock)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(GRID)
        self.column.addLayout(self._rows)
        self._unlock.clicked.connect(self.unlock_asked)

    def show_locks(self, locks: Iterable[Lock] | None) -> None:
        """Shows whose they are; None while that is not known."""
        _clear(self._rows)
        held = list(locks or ())
        self._unlock.setEnabled(bool(held))
        if locks is None:
            self._rows.addWidget(label(self._say(text("Not known while it does not answer.")), "muted"))
        elif not held:
            self._rows.addWidget(label(self._say(text("Nobody works with it now.")), "muted"))
        for lock in held:
            self._rows.addWidget(self._row(lock))

    def _row(self, lock: Lock) -> QWidget:
        stale = datetime.now(UTC) - lock.time > STALE_AFTER
        who = text("{user} on {computer}, process {pid}", user=lock.username, computer=lock.hostname, pid=lock.pid)
        kept = [self._say(text("since {when}", when=self._moment(lock.time)))]
        kept += [self._say(text("keeps everybody else out"))] if lock.exclusive else []
        kept += [self._say(text("not renewed for half an hour: probably dead"))] if stale else []
        return _entry(
            "waiting" if not stale else "warning", "text" if not stale else "stale", self._say(who), " · ".join(kept)
        )

    def show_done(self, removed: int, left: int) -> None:
        """Says what came of removing dead locks."""
        said = plural("{count} dead lock was removed.", "{count} dead locks were removed.", removed)
        if left:
            said = text(
                "{removed} {left}",
                removed=said,
                left=plural("{count} lock of living work stays.", "{count} locks of living work stay.", left),
            )
        self._rows.addWidget(label(self._say(said), "muted"))


class Keys(Panel):
    """The passwords that open the repository: who made them, and which one is in use here.

    Signals:
        change_asked: the password in use is to be changed.
    """

    change_asked = Signal()

    def __init__(self, language: Language) -> None:
        self._change = TextButton(language.render(text("Change the password…")), "quiet")
        super().__init__(language, text("Keys"), self._change)
        self._change.clicked.connect(self.change_asked)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(GRID)
        self.column.addLayout(self._rows)

    def show_keys(self, keys: Iterable[Key] | None) -> None:
        """Shows them, the one in use first; None while they are not known."""
        _clear(self._rows)
        self._change.setEnabled(keys is not None)
        if keys is None:
            self._rows.addWidget(label(self._say(text("Not known while it does not answer.")), "muted"))
            return
        for key in sorted(keys, key=lambda each: (not each.current, each.created)):
            who = text("{user} on {computer}", user=key.user_name, computer=key.host_name)
            parts = [self._say(text("in use here"))] if key.current else []
            parts += [self._say(text("made {when}", when=key.created)), self._say(text("id {id}", id=key.id[:SHORT]))]
            self._rows.addWidget(
                _entry(
                    "check" if key.current else "unknown",
                    "ok" if key.current else "muted",
                    self._say(who),
                    " · ".join(parts),
                )
            )


class DamagePanel(QFrame):
    """Damage that is known: since when, what it hits, and what a repair would do. Nothing is repaired from here."""

    def __init__(self, language: Language) -> None:
        super().__init__()
        self._language = language
        self.setObjectName("card")
        self.setProperty("state", "fail")
        self._title = label("", font=heading_font())
        self._means = label("")
        self._more = label("")
        self._fold = TextButton("", "quiet", "chevron-right")
        self._more.hide()
        column = QVBoxLayout()
        column.setSpacing(GRID)
        for widget in (self._title, self._means):
            column.addWidget(widget)
        column.addWidget(self._fold, alignment=Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._more)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, GRID)
        row.setSpacing(2 * GRID)
        row.addWidget(IconLabel("error", "fail", 28), alignment=Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)
        self._fold.clicked.connect(self._on_fold)
        self._tell_fold()
        self.hide()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _tell_fold(self) -> None:
        shown = not self._more.isHidden()
        self._fold.set_icon("chevron-down" if shown else "chevron-right")
        self._fold.setText(self._say(text("Hide what a repair would do") if shown else text("What a repair would do")))

    def _on_fold(self) -> None:
        self._more.setVisible(self._more.isHidden())
        self._tell_fold()

    def show_damage(self, damaged: Damaged | None, site: str) -> None:
        """Shows it; None for a repository without known damage."""
        self.setVisible(damaged is not None)
        if damaged is None:
            return
        when = self._language.moment(damaged.found, datetime.now(UTC))
        self._title.setText(self._say(text("Something in this repository is damaged ({when}).", when=when)))
        self.setAccessibleName(self._title.text())
        hit = plural("{count} recovery point is hit.", "{count} recovery points are hit.", damaged.points)
        means = text(
            "{hit} These and all younger ones do not count as complete until a check has seen all data well.", hit=hit
        )
        self._means.setText(self._say(means))
        steps = [f"{number}. {self._say(step)}" for number, step in enumerate(damaged.steps, 1)]
        if not steps:
            steps = [
                self._say(
                    text("Another computer found it. Check here once, and it stands here what a repair would do.")
                )
            ]
        do = text('To repair it: overwinter repo repair {site} --confirm "REPAIR {site}"', site=site)
        said = [self._say(each) for each in damaged.said]
        self._more.setText("\n".join([*said, *([""] if said else []), *steps, "", self._say(do)]))
        self._tell_fold()


def _entry(icon: Name, role: str, title: str, detail: str) -> QWidget:
    """A line with an icon, and a smaller one below it."""
    made = QWidget()
    made.setAccessibleName(f"{title}, {detail}")
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GRID + GRID // 2)
    row.addWidget(IconLabel(icon, role, 20), alignment=Qt.AlignmentFlag.AlignTop)
    column = QVBoxLayout()
    column.setSpacing(0)
    column.addWidget(label(title))
    column.addWidget(label(detail, "muted", body_font(points=9.5)))
    row.addLayout(column, 1)
    return made


def _clear(layout: QVBoxLayout | QGridLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
