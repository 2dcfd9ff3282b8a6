"""The first page: a site, its recovery points, the one button that backs it up, and the run as it goes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import Problem, UserError
from app.foundation.events import Outcome, Told
from app.foundation.words import Language, Text, text
from app.ui.bridge import Bridge
from app.ui.models.points import Verdict, not_known, verdict_of
from app.ui.page_task import page_task, page_task_for_each
from app.ui.pages.points_panel import KnownPoints, PointsPanel
from app.ui.pages.remedies import TRY_AGAIN, Act, Remedy, remedy_of, secret_meaning, secret_title
from app.ui.pages.run_panel import RunPanel
from app.ui.pages.run_watch import RunWatch
from app.ui.theme import GRID, State, verdict_font
from app.ui.widgets.card_stack import CardStack
from app.ui.widgets.controls import Choice, IconButton, TextButton, label
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.secret_dialog import SecretDialog
from app.ui.widgets.state_badge import StateBadge
from app.ui.widgets.work_strip import Work

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter
    from app.records.runs import Run

MINUTE = 60_000
READING, RUN, OTHER = "reading", "run", "other"
"""The matters that have a card on this page."""


class SitePage(QWidget):
    """One site at a time; `runs` follows those of other sites too.

    Signals:
        site_changed: another site is shown; carries its title.
    """

    site_changed = Signal(str)

    def __init__(self, bridge: Bridge, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._bridge = bridge
        self._language = language
        self.runs = RunWatch(bridge, self)
        self._titles: dict[str, str] = {}
        self._known: dict[str, KnownPoints] = {}
        self._unreadable = False
        self._launching: set[str] = set()
        self._shown = ""
        self._picked = ""
        self._just_made = ""
        self._remedies: dict[str, Remedy] = {}
        self._make_parts()
        self._arrange()
        self._connect()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    # --- arrangement ---------------------------------------------------------------------------

    def _make_parts(self) -> None:
        self._sites = Choice(self._say(text("Site")))
        self._sites.setMaximumWidth(56 * GRID)
        self._open = IconButton("folder", self._say(text("Open a site file…")))
        self._refresh = TextButton(self._say(text("Refresh")), "quiet", "refresh")
        self._refresh.setToolTip("F5")
        self._backup = TextButton(self._say(text("Back up now")), "primary", "backup")
        self._backup.setToolTip("Ctrl+B")
        self._badge = StateBadge(self._language, State.UNKNOWN, large=True)
        self._verdict = label("", font=verdict_font())
        self._cards = CardStack(self._language)
        self._points = PointsPanel(self._language)
        self._panel = RunPanel(self._language)
        self._opening = EmptyState(self._language, "greenhouse", text("Opening…"))
        self._not_open = QWidget()
        self._empty = EmptyState(
            self._language,
            "greenhouse",
            text("No site yet. A site file says what to back up and where to."),
            text("Open a site file…"),
            hint=text("To try it on a practice greenhouse first, type in a terminal: overwinter demo"),
        )
        self._minute = QTimer(self, interval=MINUTE)

    def _arrange(self) -> None:
        self._top = QWidget()
        top = QVBoxLayout(self._top)
        top.setContentsMargins(0, 0, 0, 0)
        top.setSpacing(2 * GRID)
        top.addLayout(_row(GRID, self._sites, self._open, None, self._refresh, self._backup))
        top.addLayout(_row(2 * GRID, self._badge, self._verdict))
        self._top.hide()
        self._pages = QStackedWidget()
        for page in (self._opening, self._not_open, self._empty, self._working()):
            self._pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addWidget(self._top)
        column.addWidget(self._cards)
        column.addWidget(self._pages, 1)

    def _working(self) -> QSplitter:
        self._parts = QSplitter(Qt.Orientation.Horizontal)
        self._parts.setChildrenCollapsible(False)
        self._parts.setHandleWidth(2 * GRID)
        self._parts.addWidget(self._points)
        self._parts.addWidget(self._panel)
        self._points.setMinimumWidth(44 * GRID)
        self._parts.setSizes([3250, 3900])  # in proportion: no part is as wide yet
        self._parts.setStretchFactor(0, 3)
        self._parts.setStretchFactor(1, 4)
        return self._parts

    def _connect(self) -> None:
        self._backup.clicked.connect(self._on_backup)
        self._refresh.clicked.connect(self._on_refresh)
        self._open.clicked.connect(self._on_open_site_file)
        self._empty.acted.connect(self._on_open_site_file)
        self._sites.currentIndexChanged.connect(self._on_site_chosen)
        self._points.opened.connect(self._on_point_opened)
        self._panel.log_file_wanted.connect(self._on_log_file_wanted)
        self._cards.acted.connect(self._on_card_acted)
        self.runs.noticed.connect(self._on_run_noticed)
        self.runs.work_changed.connect(self._on_work_changed)
        self.runs.began.connect(self._on_run_began)
        self.runs.told.connect(self._on_run_told)
        self.runs.not_here.connect(self._on_run_not_here)
        self.runs.ended.connect(self._on_run_ended)
        self.runs.failed.connect(self.show_error)
        self._minute.timeout.connect(self._on_minute)
        self._minute.start()
        QShortcut(QKeySequence("Ctrl+B"), self, self._backup.click)
        QShortcut(QKeySequence("F5"), self, self._refresh.click)

    # --- what a person does --------------------------------------------------------------------

    def _on_backup(self) -> None:
        self.back_up()

    def _on_refresh(self) -> None:
        self.load()

    def _on_site_chosen(self, _index: int) -> None:
        self._open_site()

    def _on_point_opened(self, point: str) -> None:
        self._picked = point
        self.show_run(point)

    def _on_log_file_wanted(self) -> None:
        self.open_log(self._shown)

    def _on_minute(self) -> None:
        self._points.tick()
        self._tell_verdict()

    def _on_open_site_file(self) -> None:
        dialog = QFileDialog(self, self._say(text("Open a site file")), "", "*.toml")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.add_site)
        dialog.open()

    def _on_card_acted(self, matter: str) -> None:
        remedy = self._remedies[matter]
        if remedy.act is Act.STORE_SECRET:
            self._ask_secret(matter, remedy)
        elif remedy.act is Act.MAKE_REPOSITORY:
            self.make_repository(matter)
        else:
            self._cards.clear(matter)
            self.load()

    def _ask_secret(self, matter: str, remedy: Remedy) -> None:
        title, about = secret_title(remedy.secret), secret_meaning(remedy.secret)
        dialog = SecretDialog(self._language, title, about, twice=remedy.is_new, parent=self)
        dialog.typed.connect(partial(self.store_secret, matter, remedy.secret))
        dialog.open()

    # --- sites ---------------------------------------------------------------------------------

    @property
    def site(self) -> str:
        """The name of the site that is shown, "" while there is none."""
        return str(self._sites.currentData() or "")

    @page_task
    async def load(self, choose: str = "") -> None:
        """Lists the sites of this computer and reads the points of the chosen one; another site is opened anew."""
        before = self.site
        self._pages.setCurrentWidget(self._working_or(self._opening))
        try:
            sites = await self._bridge.ask(lambda app: app.sites.all())
        except UserError as error:
            self._pages.setCurrentWidget(self._working_or(self._not_open))
            self._show_card(READING, error.problem, remedy_of(error.problem) or TRY_AGAIN)
            return
        self._list_sites({site.name: site.title for site in sites}, choose or before)
        if not self.runs.looks_out:
            self.runs.look_out()
        self._top.setVisible(bool(sites))
        self._pages.setCurrentWidget(self._parts if sites else self._empty)
        if self.site != before:
            self._open_site()
            self._sites.setFocus()
        elif sites:
            self.load_points()
        else:
            self._cards.clear(READING)
            self._empty.setFocus()

    def _working_or(self, otherwise: QWidget) -> QWidget:
        return self._parts if self._titles else otherwise

    def _list_sites(self, titles: dict[str, str], chosen: str) -> None:
        self._titles = titles
        self._sites.blockSignals(True)
        self._sites.clear()
        for row, (name, title) in enumerate(titles.items()):
            self._sites.addItem(title or name, name)
            self._sites.setItemData(row, f"{title}\n{name}", Qt.ItemDataRole.ToolTipRole)
        self._sites.setCurrentIndex(max(0, self._sites.findData(chosen)))
        self._sites.blockSignals(False)

    def _open_site(self) -> None:
        title = self._titles.get(self.site, "")
        self._sites.setToolTip(title)
        self.site_changed.emit(title)
        for matter in (READING, RUN):
            self._cards.clear(matter)
        self._unreadable = False
        self._shown = ""
        self._panel.clear()
        self._tell_buttons()
        self.load_points()
        self.follow_running()

    @page_task
    async def add_site(self, file: str) -> None:
        """Sets a site up from its file and shows it."""
        name = await self._bridge.ask(lambda app: _added_site(app, file))
        self._cards.clear(OTHER)
        self.load(choose=name)

    # --- points --------------------------------------------------------------------------------

    @page_task
    async def load_points(self) -> None:
        """Reads the recovery points of the site from its repository; the last known ones stay meanwhile."""
        site = self.site
        self._points.begin_reading(self._known.get(site))
        self._tell_verdict()
        try:
            points = await self._bridge.ask(lambda app: app.points(site))
        except UserError as error:
            self._unreadable = True
            self._points.reading_failed()
            self._tell_verdict()
            self._show_card(READING, error.problem, await self._remedy(site, error.problem) or TRY_AGAIN)
            return
        self._unreadable = False
        self._known[site] = KnownPoints(points, datetime.now(UTC))
        self._cards.clear(READING)
        self._points.show_points(self._known[site])
        if self._sites.hasFocus():  # nobody has gone anywhere yet: the list is what is looked at
            self._points.table.setFocus()
        if self._just_made:
            self._points.table.choose(self._just_made)
            self._just_made = ""
        self._tell_verdict()

    def _tell_verdict(self) -> None:
        known, now = self._known.get(self.site), datetime.now(UTC)
        if self._unreadable:
            self._show_verdict(not_known(known.points if known else (), now, self._language))
        elif known is not None:
            self._show_verdict(verdict_of(known.points, now, self._language))
        else:
            self._badge.hide()
            self._verdict.setText(self._say(text("Reading the repository…")))

    def _show_verdict(self, verdict: Verdict) -> None:
        self._badge.show_state(verdict.state, verdict.word)
        self._badge.show()
        self._verdict.setText(self._say(verdict.sentence))

    # --- runs ----------------------------------------------------------------------------------

    @page_task_for_each
    async def _back_up(self, site: str) -> None:
        try:
            launched = await self._bridge.ask(lambda app: app.back_up(site))
        except UserError:
            if self.site == site:
                self._panel.clear()
            raise
        finally:
            self._launching.discard(site)
            self._tell_buttons()
        if not launched.joined:
            self.runs.add_own(launched.run, site)
            self._tell_buttons()
        if self.site == site:
            self._show(launched.run)
        self._follow(launched.run, site)

    def back_up(self) -> None:
        """Starts a backup of the site, or joins the one under way, and shows it to its end."""
        if self.site:
            self._launching.add(self.site)
            self._tell_buttons()
            self._show("")
            self._panel.begin(text("Backup"))
            self._back_up(self.site)

    def _tell_buttons(self) -> None:
        busy = self.site in self._launching or self.runs.is_busy(self.site)
        self._backup.setEnabled(bool(self.site) and not busy)

    @page_task
    async def follow_running(self) -> None:
        """Shows a run of this site that is under way already, ours or another program's; else the last one when its
        program died: the person has to know, and it has its card here.
        """
        site = self.site
        last = await self._bridge.ask(lambda app: _last_run(app, site))
        if last is not None and last.outcome in (None, Outcome.INTERRUPTED) and self.site == site:
            self.show_run(last.id)

    def show_run(self, run: str) -> None:
        """Shows a run of this site from its beginning, live when it still works."""
        self._show(run)
        self._follow(run, self.site)

    def open_run(self, run: str) -> None:
        """Shows a run that works now, and its site."""
        site = self.runs.site_of(run)
        if site == self.site:
            self.show_run(run)
        elif site is not None:
            self._sites.setCurrentIndex(self._sites.findData(site))

    def _follow(self, run: str, site: str) -> None:
        self.runs.follow(run, site, self._titles.get(site, ""))

    def _show(self, run: str) -> None:
        """From now on this run is the shown one; what stands here of another goes."""
        self._shown = run
        self._cards.clear(RUN)
        self._cards.clear(OTHER)

    def _on_run_noticed(self, run: str, site: str) -> None:
        """A terminal or a timer may have started it. It is shown, unless the person looks at another one."""
        busy = site in self._launching or self._shown in self.runs.live or self._shown == self._picked != ""
        if site == self.site and not busy:
            self.show_run(run)
        else:
            self._follow(run, site)

    def _on_work_changed(self, work: Work) -> None:
        self._tell_buttons()
        self._points.table.set_running(self.runs.live)
        if work.cancelling and not work.closed and work.run == self._shown:
            self._panel.show_cancelling()

    def _on_run_began(self, run: str, title: Text) -> None:
        if run == self._shown:
            self._panel.begin(title)

    def _on_run_told(self, run: str, batch: list[Told]) -> None:
        if run == self._shown:
            self._panel.tell(batch)

    def _on_run_not_here(self, run: str) -> None:
        if run == self._shown:  # a point that another computer made
            self._panel.show_elsewhere()

    def _on_run_ended(self, run: Run, was_live: bool) -> None:
        self._tell_buttons()
        if run.id == self._shown:
            self._panel.end(run)
            self._show_outcome(run.site)
        if was_live and run.site == self.site:
            self._just_made = run.id
            self.load_points()

    @page_task
    async def _show_outcome(self, site: str) -> None:
        problem = self._panel.problem
        if problem is not None:
            self._show_card(RUN, problem, await self._remedy(site, problem))

    @page_task
    async def open_log(self, run: str) -> None:
        """Opens the file of a run's log with the desktop's own program."""
        path = await self._bridge.ask(lambda app: app.log_file(run))
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(path)):
            raise UserError(
                text("This desktop has no program that opens a log file."),
                text("The log is whole; it is only not shown in another window."),
                text("Open it by hand: {path}", path=path),
                "log.no-program",
            )

    # --- remedies ------------------------------------------------------------------------------

    async def _remedy(self, site: str, problem: Problem) -> Remedy | None:
        """What this page can do about a problem of a site.

        Where something was saved before, no repository is made: its disk is not plugged in, and a new one in the
        empty folder would hide that.
        """
        remedy = remedy_of(problem)
        if remedy is not None and remedy.act is Act.MAKE_REPOSITORY:
            return TRY_AGAIN if await self._bridge.ask(lambda app: _has_saved(app, site)) else remedy
        return remedy

    @page_task
    async def store_secret(self, matter: str, name: str, value: str) -> None:
        """Stores a secret of the site and tries again."""
        site = self.site
        await self._bridge.ask(lambda app: app.set_secret(site, name, value))
        self._cards.clear(matter)
        self.load_points()

    @page_task
    async def make_repository(self, matter: str) -> None:
        """Makes the site's repository."""
        site = self.site
        await self._bridge.ask(lambda app: app.init_repository(site))
        self._cards.clear(matter)
        self.load_points()

    # --- errors --------------------------------------------------------------------------------

    def show_error(self, error: Problem) -> None:
        """Shows what went wrong in its place, with the next step where this page can take it."""
        self._show_card(OTHER, error, remedy_of(error))

    def _show_card(self, matter: str, error: Problem, remedy: Remedy | None) -> None:
        if remedy is None:
            self._cards.show_problem(matter, error)
            return
        self._remedies[matter] = remedy
        if remedy.next is not None:
            error = msgspec.structs.replace(error, next=remedy.next)
        self._cards.show_problem(matter, error, remedy.word)


def _row(spacing: int, *parts: QWidget | None) -> QHBoxLayout:
    """Parts beside each other; None takes what room is left."""
    row = QHBoxLayout()
    row.setSpacing(spacing)
    for part in parts:
        if part is None:
            row.addStretch(1)
        else:
            row.addWidget(part)
    return row


async def _added_site(app: Overwinter, file: str) -> str:
    """Only the name crosses over: what was read may hold a password."""
    return (await app.add_site_file(file)).site.name


async def _has_saved(app: Overwinter, site: str) -> bool:
    records = app.records(site)
    saved = [await records.runs(status=outcome, limit=1) for outcome in (Outcome.SUCCESS, Outcome.PARTIAL)]
    return any(saved)


async def _last_run(app: Overwinter, site: str) -> Run | None:
    """The run that works on the site, or worked there last."""
    records = app.records(site)
    found = await records.active_runs() or await records.runs(limit=1)
    return found[0] if found else None
