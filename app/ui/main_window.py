"""The frame: the way around, the banner above the pages, the strip of running work below them, and how it is closed."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QByteArray
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QDialog, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import Problem, UserError
from app.foundation.words import Language, Text, text
from app.ui.adding import Adding
from app.ui.asking import PassphraseAsking
from app.ui.bridge import Bridge
from app.ui.disks import DiskWatch
from app.ui.help import Help, set_topic
from app.ui.leaving import Leaving
from app.ui.page_task import Page, cancel_tasks, page_task
from app.ui.pages.dashboard.page import DashboardPage
from app.ui.pages.doors import DoorsPage
from app.ui.pages.late import MAKERS, REPOSITORY, RUNS, SETTINGS, SNAPSHOTS
from app.ui.pages.page import SitePage
from app.ui.pages.run_watch import Begin, RunWatch
from app.ui.pages.runs.history import history
from app.ui.pages.sites import SitesPage
from app.ui.recoveries import Recoveries
from app.ui.remembered import Remembered
from app.ui.theme import GRID, Look
from app.ui.widgets.card_stack import CardStack
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.look_button import LookButton
from app.ui.widgets.navigation import Entry, Navigation
from app.ui.widgets.work_strip import WorkStrip

if TYPE_CHECKING:  # the window is painted before the store is loaded
    from app.jobs.health.overview import Overview
    from app.records.run import Run
    from app.ui.finder import Finder
    from app.ui.pages.late import LatePage
    from app.ui.pages.runs.page import RunsPage
    from app.ui.restoring.wizard import RestoreWizard

NAME = "Overwinter"
DASHBOARD, SITES, DOORS = "dashboard", "sites", "doors"
_OPENING = {SNAPSHOTS: "open_point", SETTINGS: "open_section"}
"""What a page calls it to open one of its things."""


class MainWindow(QMainWindow):
    """The window; `closed` is set when the person is done with it."""

    def __init__(self, bridge: Bridge, language: Language) -> None:
        super().__init__()
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.closed = asyncio.Event()
        self._bridge = bridge
        self._language = language
        self._titles: dict[str, str] = {}
        self._parts = QByteArray()
        self.runs = RunWatch(bridge, self)
        self.leaving = Leaving(self, language, self.runs, self._has_unsaved)
        self.recoveries = Recoveries(bridge, language, self.runs, self)
        self.disks = DiskWatch(bridge, language, self.runs, self)
        self.adding = Adding(bridge, language, self)
        self._asking = PassphraseAsking(bridge, language, self)
        self._make_parts()
        self._arrange()
        self._connect()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    # --- arrangement ---------------------------------------------------------------------------

    def _make_parts(self) -> None:
        bridge, language = self._bridge, self._language
        # What is made without the widget it will be in is styled anew, with all it holds, when it comes there. And what
        # is made first is reached first by Tab.
        self._body = QWidget(self)
        self._make_navigation()
        for banner in (self.recoveries.banner, self.disks.banner):
            banner.setParent(self._body)
        self.cards = CardStack(language, self._body)
        self.stack = QStackedWidget(self._body)
        self._opening = EmptyState(language, "greenhouse", text("Opening…"), parent=self.stack)
        self._not_open = QWidget(self.stack)
        self.doors = DoorsPage(language, self.stack)
        self.sites = SitesPage(bridge, language, self.stack)
        self.dashboard = DashboardPage(bridge, language, self.runs, self.stack)
        self.pages: dict[str, SitePage] = {DASHBOARD: self.dashboard}
        self._late: dict[str, LatePage] = {}
        self.strip = WorkStrip(language, self._body)
        self.help = Help(bridge, language, self)
        for widget, topic in (
            (self.dashboard, DASHBOARD),
            (self.sites, SITES),
            (self.doors, "adding"),
            (self.recoveries.banner, "recovery"),
        ):
            set_topic(widget, topic)

    def _make_navigation(self) -> None:
        self.navigation = Navigation(self._language, self._body)
        self.navigation.add_page(DASHBOARD, "dashboard", text("Dashboard"))
        self.navigation.add_page(SNAPSHOTS, "snapshots", text("Snapshots"))
        self.navigation.add_page(RUNS, "runs", text("Runs"))
        self.navigation.add_page(REPOSITORY, "disk", text("Repository"))
        self.navigation.add_page(SETTINGS, "settings", text("Settings"))
        self.navigation.add_place(SITES, "sites", text("All sites"), "Ctrl+0", needs_site=True)
        self.navigation.add_place(DOORS, "plus", text("Add a site…"))
        self._restore_entry = Entry("restore", self._say(text("Restore…")), self.navigation)
        self._restore_entry.setToolTip("Ctrl+R")
        self.look_button = LookButton(self._language, self.navigation)
        self._help_entry = Entry("help", self._say(text("Help")), self.navigation)
        self._help_entry.setToolTip("F1")
        self.navigation.add_button(self._restore_entry)
        self.navigation.add_button(self.look_button)
        self.navigation.add_button(self._help_entry)
        self.navigation.show_sites({}, "")
        self.navigation.offer_pages(offered=False)

    def _arrange(self) -> None:
        self.setWindowTitle(NAME)
        self.resize(1366 - 2 * GRID, 768 - 8 * GRID)
        self.setMinimumSize(100 * GRID, 70 * GRID)
        for page in (self._opening, self._not_open, self.doors, self.sites, self.dashboard):
            self.stack.addWidget(page)
        cards = QHBoxLayout()
        cards.setContentsMargins(3 * GRID, 0, 3 * GRID, 0)
        cards.addWidget(self.cards)
        beside = QVBoxLayout()
        beside.setSpacing(0)
        beside.addWidget(self.recoveries.banner)
        beside.addWidget(self.disks.banner)
        beside.addLayout(cards)
        beside.addWidget(self.stack, 1)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.navigation)
        middle.addLayout(beside, 1)
        column = QVBoxLayout(self._body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(middle, 1)
        column.addWidget(self.strip)
        self.setCentralWidget(self._body)

    def _connect(self) -> None:
        self._bridge.sighted.connect(self._on_sighted)
        self.navigation.site_chosen.connect(self._open_site)
        self.navigation.page_chosen.connect(self.show_page)
        self.cards.acted.connect(lambda _: self.load())
        self.sites.opened.connect(self.show_site)
        self.sites.adding.connect(partial(self.show_page, DOORS))
        self.doors.chosen.connect(self.adding.go)
        self.adding.made.connect(self.begin_site)
        self.adding.added.connect(self._on_site_added)
        self.adding.failed.connect(self.show_error)
        self.adding.practising.connect(self.doors.show_practising)
        self.dashboard.navigate.connect(self.navigate)
        self.dashboard.start.connect(partial(self._launch, self.dashboard))
        self.dashboard.waiting_changed.connect(partial(self.navigation.show_waiting, DASHBOARD))
        self.runs.noticed.connect(self._on_run_noticed)
        self.runs.launched.connect(self._on_run_launched)
        self.runs.work_changed.connect(self.strip.show_work)
        self.runs.ended.connect(self._on_run_ended)
        self.runs.failed.connect(self.show_error)
        self.recoveries.failed.connect(self.show_error)
        self.disks.changed.connect(self._on_disks_changed)
        self.disks.failed.connect(self.show_error)
        self.strip.cancel_asked.connect(self.runs.cancel)
        self.strip.opened.connect(self.open_run)
        self._restore_entry.clicked.connect(self._on_restore)
        self._help_entry.clicked.connect(self.show_help)
        self.help.support_wanted.connect(self.show_support)
        self.leaving.over.connect(self.closed.set)
        for keys, act in (
            ("Ctrl+B", self._on_backup),
            ("Ctrl+R", self.restore_site),
            ("Ctrl+K", self.find_anything),
            ("F1", self.show_help),
        ):
            QShortcut(QKeySequence(keys), self, act)

    # --- sites ---------------------------------------------------------------------------------

    @property
    def site(self) -> str:
        """The name of the site that is shown, "" while there is none."""
        return self.navigation.site

    @page_task
    async def load(self, choose: str = "") -> None:
        """Lists the sites of this computer; the chosen one, or the one that was shown, is read anew."""
        await self._load(choose)

    async def _load(self, choose: str) -> None:
        before = self.site
        if not self._titles:
            self.stack.setCurrentWidget(self._opening)
        try:
            sites = await self._bridge.ask(lambda app: app.sites.all())
        except UserError as error:
            self._show_not_open(error.problem)
            return
        self.cards.clear(DOORS)
        self._show_sites({site.name: site.title for site in sites}, choose or before)
        if not self.runs.looks_out:
            self.runs.look_out()
            self.disks.look_out()
        self.recoveries.look()
        if self.site != before:
            self._open_site(self.site)
        else:
            self._tell_pages()

    def _on_sighted(self, overview: Overview) -> None:
        """The site as it stood last is there to be read while the program is still being opened."""
        if self._titles:
            return
        self._show_sites({overview.site: overview.title}, overview.site)
        self._open_site(overview.site)
        self.dashboard.show_last(overview)

    def _show_not_open(self, problem: Problem) -> None:
        if not self._titles:
            self.stack.setCurrentWidget(self._not_open)
        self.cards.show_problem(DOORS, problem, text("Try again"))

    def _show_sites(self, titles: Mapping[str, str], chosen: str) -> None:
        self._titles = dict(titles)
        self.runs.name_sites(titles)
        self.navigation.show_sites(titles, chosen)
        self.navigation.offer_pages(offered=bool(titles))
        if not titles:
            self._show(DOORS, self.doors)
            self.doors.setFocus()
        elif self.stack.currentWidget() in (self._opening, self._not_open, self.doors):
            self.show_page(DASHBOARD)
            self.navigation.focus_on(DASHBOARD)

    def _open_site(self, site: str) -> None:
        title = self._titles.get(site, "") or site
        self.setWindowTitle(f"{title} – {NAME}" if title else NAME)
        for page in self.pages.values():
            page.show_site(site)

    def _tell_pages(self) -> None:
        for page in self.pages.values():
            page.site_changed()

    @page_task
    async def begin_site(self, site: str) -> None:
        """A new site begins with what it backs up."""
        self.cards.clear(RUNS)
        await self._load(site)
        self.navigate(SETTINGS, "sources")

    def _on_site_added(self, site: str) -> None:
        self.cards.clear(RUNS)
        self.show_page(DASHBOARD)
        self.load(choose=site)

    # --- pages ---------------------------------------------------------------------------------

    def show_page(self, key: str) -> None:
        """Goes to a page of the chosen site, or to a place that is of none."""
        made = {DASHBOARD: self.dashboard, SITES: self.sites, DOORS: self.doors}
        self._show(key, made[key] if key in made else self.late_page(key))

    def late_page(self, key: str) -> LatePage:
        """One of the pages that are made when they are first gone to."""
        page = self._late.get(key)
        if page is None:
            page = self.pages[key] = self._late[key] = MAKERS[key](self._bridge, self._language, self.runs, self.stack)
            self._connect_page(page)
            self.stack.addWidget(page)
            set_topic(page, key)
            page.show_site(self.site)
            if (parts := getattr(page, "parts", None)) is not None:
                parts.restoreState(self._parts)
            self._tell_working()
        return page

    @property
    def runs_page(self) -> RunsPage:
        """The page of runs."""
        return cast("RunsPage", self.late_page(RUNS))

    def _connect_page(self, page: LatePage) -> None:
        acts = {
            "start": partial(self._launch, page),
            "navigate": self.navigate,
            "saved": self._on_settings_saved,
            "restore": self.restore_site,
            "switch": self.switch_site,
        }
        for name, act in acts.items():
            if (signal := getattr(page, name, None)) is not None:
                signal.connect(act)

    def _tell_working(self) -> None:
        """Points whose run still works look otherwise."""
        for page in self._late.values():
            if (tell := getattr(page, "set_running", None)) is not None:
                tell(self.runs.live)

    def _on_settings_saved(self, site: str) -> None:
        """Its title may be another one now, and so may what it backs up."""
        self.load(choose=site)

    def _show(self, key: str, page: QWidget) -> None:
        self.stack.setCurrentWidget(page)
        self.navigation.show_page(key)

    def navigate(self, page: str, what: str) -> None:
        """Goes to a page of the chosen site and opens something there; a point is known by the run that made it."""
        self.show_page(page)
        opening = self.runs_page.open if page == RUNS else getattr(self._late.get(page), _OPENING.get(page, ""), None)
        if what and opening is not None:
            opening(what)

    def open_run(self, run: str) -> None:
        """Shows a run that works now, and its site."""
        site = self.runs.site_of(run)
        if site is not None:
            self.navigation.choose_site(site)
            self.navigate(RUNS, run)

    def show_site(self, site: str) -> None:
        """Goes to another site, also to one that was set up elsewhere meanwhile."""
        self.show_page(DASHBOARD)
        if site in self._titles:
            self.navigation.choose_site(site)
        else:
            self.load(choose=site)

    def _on_restore(self) -> None:
        self.restore_site()

    def restore_site(self, point: str = "", sources: Sequence[str] = ()) -> None:
        """Opens the wizard for the chosen site, at this point; the one that is open comes forward."""
        if self.site:
            wizard = self._wizard()
            if not wizard.isVisible():
                wizard.open_at(point, sources)
            wizard.activateWindow()

    def _wizard(self) -> RestoreWizard:
        """The one that is open for the chosen site, or a new one."""
        from app.ui.restoring.wizard import RestoreWizard  # noqa: PLC0415  not needed for the first paint

        opened = [one for one in self.findChildren(RestoreWizard) if one.isVisible() and one.site == self.site]
        return opened[0] if opened else RestoreWizard(self._bridge, self._language, self.runs, self.site, self)

    def switch_site(self, run: str) -> None:
        """Opens the wizard where what that run has prepared is looked at once more and exchanged."""
        self._wizard().open_for_switch(run)

    def show_help(self) -> None:
        """Helps with what has the keyboard, or else with the page."""
        focused = QApplication.focusWidget()
        aside = focused is None or self.navigation.isAncestorOf(focused)
        self.help.show_for(self.stack.currentWidget() if aside else focused)

    def show_support(self) -> None:
        """Shows what a colleague needs to help with the chosen site."""
        from app.ui.support import SupportDialog  # noqa: PLC0415  not needed for the first paint

        self.help.close()
        SupportDialog(self._bridge, self._language, self.site, self).open()

    @cached_property
    def finder(self) -> Finder:
        """The field that finds anything."""
        from app.ui.finder import Finder  # noqa: PLC0415  as above

        return Finder(self._language, self)

    @page_task
    async def find_anything(self) -> None:
        """Opens the field that finds anything; what takes longer to be known is offered when it is."""
        from app.ui.findables import places_and_actions, runs_of, sites_of  # noqa: PLC0415  as above

        language, site = self._language, self.site
        at_once = [*places_and_actions(self, language), *sites_of(self, self._titles, language)]
        self.finder.field.clear()
        self.finder.offer(at_once)
        self.finder.open()
        self.finder.field.setFocus()
        if site:
            runs = await self._bridge.ask(lambda app: history(app, site))
            self.finder.offer([*at_once, *runs_of(self, runs, language)])

    def show_error(self, error: Problem) -> None:
        """Shows what went wrong outside of any page."""
        self.cards.show_problem(RUNS, error)

    # --- runs ----------------------------------------------------------------------------------

    def _launch(self, page: SitePage, begin: Begin) -> None:
        self.runs.launch(self.site, begin, page.show_error)

    def _on_backup(self) -> None:
        if self.site and not self.runs.is_busy(self.site):
            self.dashboard.back_up()

    def _on_run_noticed(self, run: str, site: str) -> None:
        """A terminal or a timer may have started it."""
        self.runs.follow(run, site)
        self._on_run_launched(run, site)

    def _on_run_launched(self, _run: str, site: str) -> None:
        self._tell_working()
        if site == self.site:
            if RUNS in self._late:
                self._late[RUNS].site_changed()
            self.dashboard.remember()

    def _on_disks_changed(self, sites: list[str]) -> None:
        if self.site in sites:
            self._tell_pages()

    def _on_run_ended(self, run: Run, was_live: bool) -> None:
        self._tell_working()
        if was_live:
            self.recoveries.look()
            if run.site == self.site:
                self._tell_pages()
        self.leaving.run_ended()

    # --- between two starts --------------------------------------------------------------------

    def restore(self, remembered: Remembered) -> None:
        """Stands where it stood, as it was left."""
        self.restoreGeometry(remembered.geometry)
        self._parts = remembered.parts

    def remembered(self, look: Look) -> Remembered:
        """The window as it is left."""
        parts = self.runs_page.parts.saveState() if RUNS in self._late else self._parts
        return Remembered(self.saveGeometry(), parts, look, self.site)

    # --- closing -------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:
        """Qt: the person closes the window."""
        if not self.leaving.may_close():
            event.ignore()
            return
        event.accept()
        self.closed.set()

    def _has_unsaved(self) -> bool:
        settings = self._late.get(SETTINGS)
        return settings is not None and bool(getattr(settings, "has_unsaved", False))

    def come_forward(self) -> None:
        """Somebody wants to see the window."""
        self.leaving.come_forward()

    def end(self) -> None:
        """Closes without asking: the system wants the program to end."""
        self.leaving.end()

    async def put_away(self) -> None:
        """Ends what the pages still do, and what still asks something."""
        self.leaving.tray.hide()
        for dialog in self.findChildren(QDialog):
            dialog.reject()
        working: tuple[Page, ...] = (
            self,
            *self.pages.values(),
            self.sites,
            self.runs,
            self.recoveries,
            self.disks,
            self.adding,
            self.help,
        )
        for tasks in working:
            await cancel_tasks(tasks)
