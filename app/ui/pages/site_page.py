"""The first page: a site, its recovery points, the one button that backs it up, and the run as it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QSplitter,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.foundation.errors import Problem
from app.foundation.words import Language, Text, text
from app.jobs.points import Point
from app.ui.bridge import Bridge
from app.ui.models.points import LAYERS, PointsModel
from app.ui.page_task import page_task
from app.ui.pages.run_panel import RunPanel
from app.ui.theme import GRID, State, verdict_font
from app.ui.widgets.controls import Choice, ElidedLabel, TextButton, label
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.error_card import ErrorCard
from app.ui.widgets.secret_dialog import SecretDialog
from app.ui.widgets.state_badge import StateBadge
from app.ui.widgets.work_strip import Work

PASSWORD = "repository-password"

REMEDIES: dict[str, Text] = {
    "secrets.missing": text("Store the password…"),
    "restic.wrong-password": text("Store the password…"),
    "restic.no-repository": text("Make the repository"),
}
"""The next step that this page can take itself, by the code of what went wrong."""


class SitePage(QWidget):
    """One site at a time.

    Signals:
        work_changed: how the run that is shown stands; carries a `Work`.
    """

    work_changed = Signal(object)

    def __init__(self, bridge: Bridge, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._bridge = bridge
        self._language = language
        self._run = ""
        self._titles: dict[str, str] = {}
        self._sites = Choice(self._say(text("Site")))
        self._backup = TextButton(self._say(text("Back up now")), "primary", "backup")
        self._backup.setEnabled(False)
        self._refresh = TextButton(self._say(text("Refresh")), "quiet", "refresh")
        self._verdict = ElidedLabel(self._say(text("Opening…")))
        self._verdict.setFont(verdict_font())
        self._badge = StateBadge(language, State.UNKNOWN)
        self._card: ErrorCard | None = None
        self._points = PointsModel(language, self)
        self._table = self._make_table()
        self._no_points = EmptyState(language, "disk", text("No recovery point yet. Make the first one now."))
        self._loading = label(self._say(text("Reading the repository…")), "muted")
        self._panel = RunPanel(language)
        self._arrange()
        self._connect()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self._points)
        table.setAccessibleName(self._say(text("Recovery points")))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.verticalHeader().setDefaultSectionSize(5 * GRID)
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setSectionResizeMode(LAYERS, QHeaderView.ResizeMode.Stretch)
        table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        table.horizontalHeader().setHighlightSections(False)
        return table

    # --- arrangement ---------------------------------------------------------------------------

    def _arrange(self) -> None:
        self._pages = QStackedLayout()
        self._empty = EmptyState(
            self._language,
            "greenhouse",
            text("No site yet. A site file says what to back up and where to."),
            text("Open a site file…"),
        )
        self._pages.addWidget(self._opening())
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self._working())
        self.setLayout(self._pages)

    def _opening(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.addStretch(1)
        self._opening_column = column
        said = label(self._say(text("Opening…")), "muted")
        said.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(said)
        column.addStretch(2)
        return page

    def _working(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addLayout(self._head())
        column.addLayout(self._verdict_row())
        self._cards = QVBoxLayout()
        column.addLayout(self._cards)
        parts = QSplitter(Qt.Orientation.Horizontal)
        parts.setChildrenCollapsible(False)
        parts.setHandleWidth(2 * GRID)
        parts.addWidget(self._points_part())
        parts.addWidget(self._panel)
        parts.setSizes([560, 740])
        column.addWidget(parts, 1)
        return page

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self._sites)
        row.addStretch(1)
        row.addWidget(self._refresh)
        row.addWidget(self._backup)
        return row

    def _verdict_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2 * GRID)
        row.addWidget(self._badge)
        row.addWidget(self._verdict, 1)
        return row

    def _points_part(self) -> QWidget:
        part = QWidget()
        self._loading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._points_shown = QStackedLayout(part)
        for widget in (self._loading, self._no_points, self._table):
            self._points_shown.addWidget(widget)
        return part

    def _connect(self) -> None:
        self._backup.clicked.connect(self._on_backup)
        self._refresh.clicked.connect(self._on_refresh)
        self._empty.acted.connect(self._on_open_site_file)
        self._sites.currentIndexChanged.connect(self._on_site_chosen)
        self._table.activated.connect(self._on_point_activated)

    # --- what a person does --------------------------------------------------------------------

    def _on_backup(self) -> None:
        self.back_up()

    def _on_refresh(self) -> None:
        self.load_points()

    def _on_site_chosen(self, _index: int) -> None:
        self._open_site()

    def _on_point_activated(self, index: QModelIndex) -> None:
        self.show_run(self._points.point(index.row()).id)

    def _on_open_site_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, self._say(text("Open a site file")), "", "*.toml")
        if chosen:
            self.add_site(chosen)

    def _on_card_acted(self, code: str) -> None:
        if code == "restic.no-repository":
            self.make_repository()
        else:
            self._ask_password()

    def _ask_password(self) -> None:
        dialog = SecretDialog(
            self._language,
            text("The repository's password"),
            text("It encrypts everything in the repository. Whoever loses it loses every backup."),
            parent=self,
        )
        dialog.typed.connect(self._on_password_typed)
        dialog.open()

    def _on_password_typed(self, password: str) -> None:
        self.store_password(password)

    # --- what the page asks --------------------------------------------------------------------

    @property
    def site(self) -> str:
        """The name of the site that is shown, "" while there is none."""
        return str(self._sites.currentData() or "")

    @page_task
    async def load(self) -> None:
        """Shows the sites of this computer, then the chosen one."""
        sites = await self._bridge.ask(lambda app: app.sites.all())
        chosen = self.site
        self._titles = {site.name: site.title for site in sites}
        self._sites.blockSignals(True)
        self._sites.clear()
        for name, title in self._titles.items():
            self._sites.addItem(title, name)
        self._sites.setCurrentIndex(max(0, self._sites.findData(chosen)))
        self._sites.blockSignals(False)
        self._pages.setCurrentIndex(2 if sites else 1)
        if sites:
            self._open_site()

    def _open_site(self) -> None:
        self._clear_card()
        self._panel.clear()
        self._backup.setEnabled(True)
        self.load_points()
        self.follow_running()

    @page_task
    async def load_points(self) -> None:
        """Reads the recovery points of the site from its repository."""
        site = self.site
        self._points_shown.setCurrentWidget(self._loading)
        try:
            points = await self._bridge.ask(lambda app: app.points(site))
        except Exception:
            self._points_shown.setCurrentWidget(self._no_points)
            self._say_verdict(State.UNKNOWN, text("What can be brought back is not known now."))
            raise
        self._clear_card()
        self._show_points(points)

    def _show_points(self, points: Sequence[Point]) -> None:
        self._points.show_points(points)
        self._points_shown.setCurrentWidget(self._table if points else self._no_points)
        complete = next((point for point in points if point.complete), None)
        if complete is None:
            self._say_verdict(State.NEVER, text("Not protected: there is no complete recovery point."))
        else:
            when = self._language.moment(complete.time, datetime.now(UTC))
            self._say_verdict(State.OK, text("Last complete point {when}.", when=when))

    def _say_verdict(self, state: State, sentence: Text) -> None:
        self._badge.show_state(state)
        self._verdict.set_whole(self._say(sentence))

    @page_task
    async def follow_running(self) -> None:
        """Shows a run that is under way already, such as a timer's."""
        site = self.site
        active = await self._bridge.ask(lambda app: app.records(site).active_runs())
        if active:
            await self._follow(site, active[0].id)

    @page_task
    async def show_run(self, run: str) -> None:
        """Shows the past of a run of this computer's records."""
        await self._follow(self.site, run)

    @page_task
    async def back_up(self) -> None:
        """Starts a backup, or joins the one under way, and shows it to its end."""
        site = self.site
        self._clear_card()
        self._backup.setEnabled(False)
        try:
            launched = await self._bridge.ask(lambda app: app.back_up(site))
            await self._follow(site, launched.run)
        finally:
            self._backup.setEnabled(True)

    async def _follow(self, site: str, run: str) -> None:
        self._run = run
        work = Work(run, text("Backup of {site}", site=self._titles.get(site, site)))
        self._panel.begin(text("Backup {run}", run=run[:8]))
        self.work_changed.emit(work)
        try:
            async for batch in self._bridge.follow(site, run):
                self._panel.tell(batch)
                for event in batch:
                    work = work.after(event)
                self.work_changed.emit(work)
        finally:
            self.work_changed.emit(Work(run, work.title, closed=True))
        await self._show_end(site, run)

    async def _show_end(self, site: str, run: str) -> None:
        closed = await self._bridge.ask(lambda app: app.runner.wait(site, run))
        if closed.error is not None:
            self.show_error(closed.error)
        self.load_points()

    @page_task
    async def cancel(self, run: str) -> None:
        """Asks a run to stop."""
        site = self.site
        await self._bridge.ask(lambda app: app.runner.cancel(site, run))

    @page_task
    async def add_site(self, file: str) -> None:
        """Sets a site up from its file."""
        await self._bridge.ask(lambda app: app.add_site_file(file))
        self.load()

    @page_task
    async def store_password(self, password: str) -> None:
        """Stores the repository's password and tries again."""
        site = self.site
        await self._bridge.ask(lambda app: app.set_secret(site, PASSWORD, password))
        self.load_points()

    @page_task
    async def make_repository(self) -> None:
        """Makes the site's repository."""
        site = self.site
        await self._bridge.ask(lambda app: app.init_repository(site))
        self.load_points()

    # --- errors --------------------------------------------------------------------------------

    def show_error(self, error: Problem) -> None:
        """Shows what went wrong in its place, with the next step where this page can take it."""
        self._clear_card()
        self._card = ErrorCard(self._language, error, REMEDIES.get(error.code))
        self._card.acted.connect(self._on_card_acted)
        if self._pages.currentIndex() == 0:
            self._opening_column.insertWidget(0, self._card)
        else:
            self._cards.addWidget(self._card)

    def _clear_card(self) -> None:
        if self._card is not None:
            self._card.hide()
            self._card.deleteLater()
            self._card = None
