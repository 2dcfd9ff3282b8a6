"""The Snapshots page of one site: its recovery points, and what is in the one that is chosen."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import Problem, UserError
from app.foundation.words import Language, Text, plural, text
from app.ui.bridge import Bridge
from app.ui.page_task import page_task
from app.ui.pages.page import SitePage
from app.ui.pages.remedies import TRY_AGAIN, remedy_of
from app.ui.pages.snapshots import asking
from app.ui.pages.snapshots.compare_tab import CompareTab
from app.ui.pages.snapshots.databases_tab import DatabasesTab
from app.ui.pages.snapshots.details_tab import DetailsTab
from app.ui.pages.snapshots.dialogs import DeleteDialog, KeepDialog
from app.ui.pages.snapshots.files_tab import FilesTab
from app.ui.pages.snapshots.filter_bar import FilterBar
from app.ui.pages.snapshots.point_head import PointHead
from app.ui.theme import GRID, body_font
from app.ui.widgets.card_stack import CardStack
from app.ui.widgets.controls import ElidedLabel, IconLabel, TextButton, label, set_tone
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.questions import ask_for_folder
from app.ui.widgets.recovery_list import RecoveryList
from app.ui.widgets.tabs import Tabs

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.catalogue.rows import Listed, PointRow

MINUTE = 60_000
READING, OTHER = "reading", "other"
"""The matters that have a card on this page."""


class SnapshotsPage(SitePage):
    """The page.

    Signals:
        start: a coroutine function that launches a run, for the frame to start and to follow.
        navigate: another page is wanted; carries its name and what to open there.
        restore: the wizard is wanted; carries the point that it begins with.
    """

    start = Signal(object)
    navigate = Signal(str, str)
    restore = Signal(str)

    def __init__(self, bridge: Bridge, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(bridge, language, parent)
        self._listed: Listed | None = None
        self._reading = self._failed = False
        self._wanted = ""
        self._shown_in: set[int] = set()
        self._make_parts()
        self._arrange()
        self._connect()
        self._tell()

    # --- arrangement ---------------------------------------------------------------------------

    def _make_parts(self) -> None:
        self._old = IconLabel("warning", "stale", 20)
        self._standing = ElidedLabel()
        set_tone(self._standing, "muted")
        self._check = TextButton(self._say(text("Check")), "plain")
        self._check.setToolTip(self._say(text("Reads the next share of the repository's data and checks it")))
        self._refresh = TextButton(self._say(text("Refresh")), "plain", "refresh")
        self._refresh.setToolTip("F5")
        self.filters = FilterBar(self._language)
        self._cards = CardStack(self._language)
        self.points = RecoveryList(self._language)
        self.head = PointHead(self._language)
        self.tabs = Tabs(self._say(text("What is shown of the point")))
        shared = (self._bridge, self._language, self.tasks)
        self.files, self.databases = FilesTab(*shared), DatabasesTab(*shared)
        self.compare, self.details = CompareTab(*shared), DetailsTab(*shared)
        self._no_site = EmptyState(self._language, "greenhouse", text("No site is chosen."))
        self._first_look = EmptyState(self._language, "disk", text("Reading the repository…"))
        self._not_known = EmptyState(self._language, "unknown", text("What is in the repository is not known now."))
        self._none = EmptyState(self._language, "disk", text("No recovery point yet. The first backup makes one."))
        self._no_match = EmptyState(self._language, "search", text("No point is like this."), text("Show all points"))
        self._no_point = EmptyState(self._language, "disk", text("Choose a point on the left."))
        self._minute = QTimer(self, interval=MINUTE)

    def _arrange(self) -> None:
        """From the outside in, and in the order in which Tab goes: what comes into another widget is styled anew."""
        title = label(self._say(text("Snapshots")), font=body_font(points=16.5, strong=True))
        title.setWordWrap(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(GRID + GRID // 2)
        top = QHBoxLayout()
        column.addLayout(top)
        top.setSpacing(GRID)
        top.addWidget(title)
        top.addSpacing(GRID)
        top.addWidget(self._old)
        top.addWidget(self._standing, 1)
        top.addWidget(self._check)
        top.addWidget(self._refresh)
        column.addWidget(self.filters)
        column.addWidget(self._cards)
        self._stack = QStackedWidget(self)
        self._stack.setMinimumHeight(30 * GRID)
        column.addWidget(self._stack, 1)
        self._parts = QSplitter(Qt.Orientation.Horizontal, self._stack)
        self._left, self._right = QStackedWidget(self._parts), QStackedWidget(self._parts)
        _fill(self._left, self.points, self._no_match)
        _fill(self._right, self._no_point, self._point_side())
        _fill(self._stack, self._no_site, self._first_look, self._not_known, self._none, self._sides())

    def _sides(self) -> QSplitter:
        self._parts.setChildrenCollapsible(False)
        self._parts.setHandleWidth(2 * GRID)
        self._parts.addWidget(self._left)
        self._parts.addWidget(self._right)
        self._left.setMinimumWidth(44 * GRID)
        self._parts.setSizes([3800, 6600])  # in proportion: no part is as wide yet
        self._parts.setStretchFactor(0, 2)
        self._parts.setStretchFactor(1, 5)
        return self._parts

    def _point_side(self) -> QWidget:
        side = QWidget(self._right)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addSpacing(GRID)
        column.addWidget(self.tabs)
        self._pages = QStackedWidget(side)
        column.addWidget(self._pages, 1)
        named = (
            (self.files, text("Files")),
            (self.databases, text("Databases")),
            (self.compare, text("Compare")),
            (self.details, text("Details")),
        )
        for page, name in named:
            self._pages.addWidget(page)
            self.tabs.addTab(self._say(name))
        return side

    def _connect(self) -> None:
        self._refresh.clicked.connect(self._on_refresh)
        self._check.clicked.connect(self._on_check)
        self.filters.changed.connect(self._on_narrowed)
        self._no_match.acted.connect(self.filters.clear)
        self.points.chosen_changed.connect(self._on_chosen)
        self.tabs.currentChanged.connect(self._on_tab)
        self._cards.acted.connect(self._on_card_acted)
        self.head.restore_wanted.connect(self._on_restore)
        self.head.verify_wanted.connect(self._on_verify)
        self.head.keep_wanted.connect(self._on_keep)
        self.head.delete_wanted.connect(self._on_delete)
        self.head.export_wanted.connect(self._on_export)
        for tab in (self.files, self.databases):
            tab.start.connect(self.start)
        for failing in (self.files, self.compare):
            failing.failed.connect(self.show_error)
        self._minute.timeout.connect(self._on_minute)
        self._minute.start()
        QShortcut(QKeySequence("F5"), self, self._refresh.click)

    # --- what the frame says -------------------------------------------------------------------

    def show_site(self, site: str) -> None:
        """Another site is chosen; it is read when the page is visible."""
        if site == self.site:
            return
        self.site, self._listed, self._is_stale = site, None, True
        self._reading = self._failed = False
        self._wanted = ""
        for matter in (READING, OTHER):
            self._cards.clear(matter)
        self.points.show_rows(())
        self._tell()
        self._load_when_visible()

    def open_point(self, point: str) -> None:
        """Chooses this point, as soon as it is known."""
        self._wanted = point
        self.filters.clear()
        self._choose_wanted()

    def set_running(self, runs: frozenset[str]) -> None:
        """These runs work now."""
        self.points.points.set_running(runs)

    # --- the list ------------------------------------------------------------------------------

    def _on_refresh(self) -> None:
        if self.site:
            self.load()

    @page_task
    async def load(self) -> None:
        """Shows the list as it was known last, then reads it anew."""
        site = self.site
        self._reading = True
        self._tell()
        try:
            if self._listed is None:
                known = await self._bridge.ask(lambda app: app.catalogue.known(site))
                if known is not None:
                    self._show(known)
            self._show(await self._bridge.ask(lambda app: app.catalogue.refresh(site)))
        except UserError as error:
            self._failed = True
            self._show_card(READING, error.problem, TRY_AGAIN.word)
        else:
            self._failed = False
            self._cards.clear(READING)
        finally:
            self._reading = False
            self._tell()

    def _show(self, listed: Listed) -> None:
        before, self._listed = self._listed, listed
        if before is None or before.rows != listed.rows:
            self.filters.offer(listed.rows)
            self.compare.offer(listed.rows)
            self.files.set_times({row.point.id: row.point.time for row in listed.rows})
            self.points.show_rows(listed.rows)
            self._choose_wanted()
            self._tell_head()
        self._tell()

    def _tell_head(self) -> None:
        if self.chosen is not None:
            self.head.show_point(self.chosen)

    def _choose_wanted(self) -> None:
        if self._wanted and self.points.choose(self._wanted):
            self._wanted = ""

    def _on_narrowed(self) -> None:
        self.points.narrow(self.filters.wanted, self.filters.order)
        self._tell()

    def _on_minute(self) -> None:
        self.points.points.tick()
        self._tell()

    def _tell(self) -> None:
        """Which of its states the page is in, and how old the list is."""
        self._stack.setCurrentWidget(self._state())
        self._left.setCurrentWidget(self.points if self.points.points.shown else self._no_match)
        has_points = self._listed is not None and bool(self._listed.rows)
        self.filters.setVisible(has_points)
        self._refresh.setEnabled(bool(self.site) and not self._reading)
        self._check.setEnabled(bool(self.site))
        self._old.setVisible(self._failed and self._listed is not None)
        self._standing.set_whole("" if self._listed is None else self._say(self._freshness(self._listed)))

    def _state(self) -> QWidget:
        if not self.site:
            return self._no_site
        if self._listed is None:
            return self._not_known if self._failed and not self._reading else self._first_look
        return self._parts if self._listed.rows else self._none

    def _freshness(self, listed: Listed) -> Text:
        shown, total = self.points.points.shown, len(listed.rows)
        points = plural("{count} point", "{count} points", total)
        if shown != total:
            points = text("{shown} of {points}", shown=shown, points=points)
        if listed.loose:
            loose = plural("{count} snapshot of no point", "{count} snapshots of no point", listed.loose)
            points = text("{points}, {loose}", points=points, loose=loose)
        when = self._language.moment(listed.read, datetime.now(UTC))
        if self._reading:
            return text("{points} · as known {when} · reading the repository…", points=points, when=when)
        if self._failed:
            return text("{points} · last known {when}", points=points, when=when)
        return text("{points} · read {age}", points=points, age=self._language.age(datetime.now(UTC) - listed.read))

    # --- the chosen point ----------------------------------------------------------------------

    @property
    def chosen(self) -> PointRow | None:
        """The point that is chosen."""
        return self.points.chosen

    def _on_chosen(self, _point: str) -> None:
        row = self.chosen
        self._right.setCurrentIndex(0 if row is None else 1)
        self._cards.clear(OTHER)
        self._tell_head()
        self._shown_in = set()
        self._fill_tab()

    def _on_tab(self, index: int) -> None:
        self._pages.setCurrentIndex(index)
        self._fill_tab()

    def _fill_tab(self) -> None:
        """Tells the visible tab of the chosen point; the others hear of it when they are opened."""
        index = self.tabs.currentIndex()
        if index not in self._shown_in:
            self._shown_in.add(index)
            (self.files, self.databases, self.compare, self.details)[index].show_point(self.site, self.chosen)

    def _on_restore(self) -> None:
        if self.chosen is not None:
            self.restore.emit(self.chosen.point.id)

    def _on_verify(self) -> None:
        if self.chosen is not None:
            self.start.emit(partial(asking.verify, site=self.site, point=self.chosen.point.id))

    def _on_check(self) -> None:
        self.start.emit(partial(asking.check, site=self.site))

    def _on_keep(self) -> None:
        if self.chosen is None:
            return
        point = self.chosen.point.id
        dialog = KeepDialog(self._language, self._name_of(self.chosen), datetime.now().astimezone().date(), self)
        dialog.confirmed.connect(
            lambda until, reason: self.start.emit(
                partial(asking.keep, site=self.site, point=point, until=until, reason=reason)
            )
        )
        dialog.open()

    def _name_of(self, row: PointRow) -> str:
        return f"{row.point.time.astimezone():%Y-%m-%d %H:%M}"

    def _on_delete(self) -> None:
        if self.chosen is not None:
            self.ask_to_delete(self.chosen)

    @page_task
    async def ask_to_delete(self, row: PointRow) -> None:
        """Asks for the phrase, and has the point deleted when it was typed."""
        site, point = self.site, row.point.id
        phrase = await self._bridge.ask(lambda app: asking.phrase(app, site, point))
        about = plural(
            "Its {count} snapshot goes from the repository and cannot be brought back. Other points are untouched.",
            "Its {count} snapshots go from the repository and cannot be brought back. Other points are untouched.",
            len(row.point.snapshots),
        )
        dialog = DeleteDialog(self._language, self._name_of(row), phrase, about, self)
        dialog.confirmed.connect(
            lambda typed: self.start.emit(partial(asking.delete, site=site, point=point, typed=typed))
        )
        dialog.open()

    def _on_export(self) -> None:
        ask_for_folder(self, self._say(text("Save the whole point into a new folder in")), self.export_to)

    def export_to(self, folder: str) -> None:
        """Has the chosen point put into a new folder in this one."""
        if self.chosen is not None:
            at = self.chosen.point.time.astimezone()
            target = f"{folder.rstrip('/')}/{self.site} {at:%Y-%m-%d %H%M}"
            self.start.emit(partial(asking.export, site=self.site, point=self.chosen.point.id, folder=target))

    # --- errors --------------------------------------------------------------------------------

    def show_error(self, error: Problem) -> None:
        """Shows what went wrong in its place."""
        self._show_card(OTHER, error, None)

    def _show_card(self, matter: str, error: Problem, action: Text | None) -> None:
        remedy = remedy_of(error)
        if remedy is not None and remedy.next is not None:
            error = msgspec.structs.replace(error, next=remedy.next)
        self._cards.show_problem(matter, error, action)

    def _on_card_acted(self, matter: str) -> None:
        self._cards.clear(matter)
        self.load()


def _fill(stack: QStackedWidget, *pages: QWidget) -> None:
    for page in pages:
        stack.addWidget(page)
