"""Runs: all of a site in one table, and the chosen one from its beginning, live while it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import Problem, UserError
from app.foundation.events import Told
from app.foundation.words import Language, Text, plural, text
from app.ui.bridge import Bridge
from app.ui.models.runs import LOOKS, Wanted, kind_word
from app.ui.page_task import page_task
from app.ui.pages.mending import READING, RUN, Mending
from app.ui.pages.page import SitePage
from app.ui.pages.remedies import TRY_AGAIN
from app.ui.pages.run_panel import RunPanel
from app.ui.pages.run_watch import RunWatch
from app.ui.pages.runs.history import history
from app.ui.pages.runs.old_state import OldStateCard
from app.ui.theme import GRID, title_font
from app.ui.widgets.controls import Choice, SearchField, TextButton, label
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.runs_table import RunsTable
from app.ui.widgets.work_strip import Work

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.records.run import Run

MINUTE = 60_000
SEARCH_PAUSE = 120  # ms after a letter before it is looked for


class RunsPage(SitePage):
    """The runs of the chosen site.

    Signals:
        start: a run is to begin; carries a coroutine function that launches it.
        switch: what a run has prepared is to be exchanged; carries its id.
    """

    start = Signal(object)
    switch = Signal(str)

    def __init__(self, bridge: Bridge, language: Language, watch: RunWatch, parent: QWidget | None = None) -> None:
        super().__init__(bridge, language, parent)
        self._watch = watch
        self._shown = ""
        self._wanted_run = ""
        self._make_parts()
        self._arrange()
        self._connect()

    # --- arrangement ---------------------------------------------------------------------------

    def _make_parts(self) -> None:
        self._search = SearchField(self._say(text("Find a run")))
        self._search.setMaximumWidth(40 * GRID)
        self._status = Choice(self._say(text("Status")))
        self._kind = Choice(self._say(text("Type")))
        self._count = label("", "muted")
        self._count.setWordWrap(False)
        self._refresh = TextButton(self._say(text("Refresh")), "quiet", "refresh")
        self._refresh.setToolTip("F5")
        self._cards = Mending(self._bridge, self._language, self.tasks)
        self.old_state = OldStateCard(self._bridge, self._language)
        self.old_state.tasks = self.tasks
        self.table = RunsTable(self._language)
        self.panel = RunPanel(self._language)
        self._loading = EmptyState(self._language, "runs", text("Reading…"))
        self._none = EmptyState(self._language, "runs", text("Nothing was run on this site yet."))
        self._nothing_fits = EmptyState(self._language, "search", text("No run is like that."), text("Show all runs"))
        self._pause = QTimer(self, interval=SEARCH_PAUSE, singleShot=True)
        self._minute = QTimer(self, interval=MINUTE)
        self._fill_choices([])

    def _fill_choices(self, kinds: list[str]) -> None:
        for choice, every, entries in (
            (self._status, text("Every status"), [(look.word, status) for status, look in LOOKS.items()]),
            (self._kind, text("Every type"), [(kind_word(kind), kind) for kind in kinds]),
        ):
            before = choice.currentData()
            choice.blockSignals(True)
            choice.clear()
            choice.addItem(self._say(every), "")
            for word, key in entries:
                choice.addItem(self._say(word), key)
            choice.setCurrentIndex(max(0, choice.findData(before)))
            choice.blockSignals(False)

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(label(self._say(text("Runs")), font=title_font()))
        head.addSpacing(2 * GRID)
        for part in (self._search, self._status, self._kind):
            head.addWidget(part)
        head.addStretch(1)
        head.addWidget(self._count)
        head.addWidget(self._refresh)
        self._lists = QStackedWidget()
        for page in (self._loading, self._none, self._nothing_fits, self.table):
            self._lists.addWidget(page)
        self.parts = QSplitter(Qt.Orientation.Vertical)
        self.parts.setChildrenCollapsible(False)
        self.parts.setHandleWidth(2 * GRID)
        self._lists.setMinimumHeight(16 * GRID)
        self.panel.setMinimumHeight(22 * GRID)
        self.parts.addWidget(self._lists)
        self.parts.addWidget(self.panel)
        self.parts.setSizes([4500, 5500])  # in proportion: neither is as tall yet
        self.parts.setStretchFactor(0, 1)
        self.parts.setStretchFactor(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addLayout(head)
        column.addWidget(self._cards)
        column.addWidget(self.old_state)
        column.addWidget(self.parts, 1)

    def _connect(self) -> None:
        self._search.textChanged.connect(lambda _: self._pause.start())
        self._pause.timeout.connect(self._on_filter)
        self._status.currentIndexChanged.connect(lambda _: self._on_filter())
        self._kind.currentIndexChanged.connect(lambda _: self._on_filter())
        self._refresh.clicked.connect(self.load)
        self._nothing_fits.acted.connect(self.show_all)
        self._cards.mended.connect(self.load)
        self.old_state.start.connect(self.start)
        self.old_state.switch.connect(self.switch)
        self.old_state.failed.connect(self.show_error)
        self.table.chosen.connect(self._on_chosen)
        self.table.shown_changed.connect(self._show_count)
        self.panel.log_file_wanted.connect(self._on_log_file_wanted)
        self._minute.timeout.connect(self.table.runs.tick)
        self._minute.start()
        self._watch.work_changed.connect(self._on_work_changed)
        self._watch.began.connect(self._on_run_began)
        self._watch.told.connect(self._on_run_told)
        self._watch.not_here.connect(self._on_run_not_here)
        self._watch.ended.connect(self._on_run_ended)
        QShortcut(QKeySequence("F5"), self, self.load)

    # --- what the frame asks -------------------------------------------------------------------

    def show_site(self, site: str) -> None:
        """Another site is chosen."""
        self.site = site
        self._shown = self._wanted_run = ""
        self._cards.show_site(site)
        self.old_state.forget()
        self.panel.clear()
        self.show_all()
        self._lists.setCurrentWidget(self._loading)
        self.site_changed()

    def open(self, run: str) -> None:
        """Shows a run of the chosen site."""
        self._wanted_run = run
        self.show_run(run)
        if self.isVisible() and "load" not in self.tasks:
            self._choose_wanted()

    def show_error(self, error: Problem) -> None:
        """Shows what went wrong."""
        self._cards.show_error(error)

    # --- the list ------------------------------------------------------------------------------

    @page_task
    async def load(self) -> None:
        """Reads the runs of the site anew; the old list stays meanwhile."""
        site = self.site
        if not site:
            return
        try:
            runs = await self._bridge.ask(lambda app: history(app, site))
        except UserError as error:
            self._is_stale = True
            self._cards.tell(READING, error.problem, TRY_AGAIN)
            return
        self._cards.clear(READING)
        self.table.show_runs(runs)
        self._fill_choices(self.table.runs.kinds)
        self._show_list()
        self._choose_wanted()

    def _choose_wanted(self) -> None:
        """The run that was asked for, or is shown; without one the newest, so that something is to be seen."""
        if self._wanted_run and self.table.runs.row_of(self._wanted_run) < 0:
            self.show_all()
        shown = self._wanted_run or self._shown
        if not shown and self.table.runs.rowCount():
            self.table.selectRow(0)
        elif shown:
            self.table.choose(shown)
        self._wanted_run = ""

    def _show_list(self) -> None:
        self.panel.setVisible(bool(self.table.runs.total))
        if not self.table.runs.total:
            self._lists.setCurrentWidget(self._none)
        elif not self.table.runs.rowCount():
            self._lists.setCurrentWidget(self._nothing_fits)
        else:
            self._lists.setCurrentWidget(self.table)

    def _show_count(self) -> None:
        shown, total = self.table.runs.rowCount(), self.table.runs.total
        said = plural("{count} run", "{count} runs", total)
        if shown != total:
            said = text("{shown} of {total}", shown=shown, total=said)
        self._count.setText(self._say(said) if total else "")

    def _on_filter(self) -> None:
        status, kind = str(self._status.currentData() or ""), str(self._kind.currentData() or "")
        self.table.show_only(Wanted(status, kind, self._search.text()))
        if self.table.runs.total:
            self._show_list()

    def show_all(self) -> None:
        """Takes the filters away."""
        for choice in (self._status, self._kind):
            choice.setCurrentIndex(0)
        self._search.clear()
        self._pause.stop()
        self._on_filter()

    # --- the chosen run ------------------------------------------------------------------------

    def _on_chosen(self, run: str) -> None:
        if run != self._shown:
            self.show_run(run)

    def show_run(self, run: str) -> None:
        """Shows a run from its beginning, live when it still works."""
        self._shown = run
        self._cards.clear(RUN)
        self.old_state.forget()
        self._watch.follow(run, self.site)

    @property
    def shown_run(self) -> str:
        """The run that is shown, "" for none."""
        return self._shown

    def _on_work_changed(self, work: Work) -> None:
        if work.cancelling and not work.closed and work.run == self._shown:
            self.panel.show_cancelling()

    def _on_run_began(self, run: str, title: Text, kind: str) -> None:
        if run == self._shown:
            self.panel.begin(title, kind)

    def _on_run_told(self, run: str, batch: list[Told]) -> None:
        if run == self._shown:
            self.panel.tell(batch)

    def _on_run_not_here(self, run: str) -> None:
        if run == self._shown:  # a point that another computer made
            self.panel.show_elsewhere()

    def _on_run_ended(self, run: Run, _was_live: bool) -> None:
        if run.id == self._shown:
            self.panel.end(run)
            self.old_state.look(run)
            problem = self.panel.problem
            if problem is not None:
                self._cards.tell(RUN, problem)

    def _on_log_file_wanted(self) -> None:
        self.open_log(self._shown)

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
