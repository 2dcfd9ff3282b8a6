"""The Dashboard: the verdict in one sentence, what can be brought back to when, and what there is to do about it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import Problem, UserError
from app.foundation.events import ItemFinished, RunClosed
from app.foundation.words import Language, text
from app.ui.bridge import Bridge
from app.ui.page_task import page_task
from app.ui.pages.dashboard.band import Band
from app.ui.pages.dashboard.facts import Card, FactCard, Lines
from app.ui.pages.dashboard.growth import GrowthBars
from app.ui.pages.dashboard.kit import KitCard
from app.ui.pages.dashboard.said import (
    SPANS,
    growth_of_days,
    growth_sentence,
    notice_line,
    proof_fact,
    repository_fact,
    run_line,
    standing,
)
from app.ui.pages.mending import READING, RUN, Mending
from app.ui.pages.page import SitePage
from app.ui.pages.remedies import TRY_AGAIN
from app.ui.pages.run_story import RunStory
from app.ui.pages.run_watch import Begin, RunWatch
from app.ui.theme import CONTENT_WIDTH, GRID, TARGET, State, title_font
from app.ui.widgets.controls import Choice, ElidedLabel, TextButton, label
from app.ui.widgets.state_badge import StateBadge

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter
    from app.foundation.events import Item
    from app.jobs.health.overview import Overview
    from app.jobs.points import Point
    from app.records.run import Run
    from app.runs.runner import Launched

MINUTE = 60_000
NOTICES_SHOWN = 5


class DashboardPage(SitePage):
    """How the chosen site stands.

    Signals:
        navigate: something is to be seen on another page; carries the page and what to open there.
        start: a run is to begin; carries a coroutine function that launches it.
        waiting_changed: so many notices wait to be seen; carries the number.
    """

    navigate = Signal(str, str)
    start = Signal(object)
    waiting_changed = Signal(int)

    def __init__(self, bridge: Bridge, language: Language, watch: RunWatch, parent: QWidget | None = None) -> None:
        super().__init__(bridge, language, parent)
        self._watch = watch
        self._overview: Overview | None = None
        self._reading = self._span_chosen = False
        self._told_of: set[str] = set()
        self._unreadable = ""
        self._make_parts()
        self._arrange()
        self._connect()

    # --- arrangement ---------------------------------------------------------------------------

    def _make_parts(self) -> None:
        self._title = ElidedLabel()
        self._title.setFont(title_font())
        self._standing = label("", "muted")
        self._standing.setWordWrap(False)
        self._refresh = TextButton(self._say(text("Refresh")), "quiet", "refresh")
        self._refresh.setToolTip("F5")
        self._backup = TextButton(self._say(text("Back up now")), "primary", "backup")
        self._backup.setToolTip("Ctrl+B")
        self._badge = StateBadge(self._language, State.UNKNOWN, large=True)
        self._verdict = label("", font=title_font())
        self._cards = Mending(self._bridge, self._language, self.tasks, share=1.0)
        self.band = Band(self._language)
        self._readout = label("", "muted")
        self._span = Choice(self._say(text("How much time is shown")))
        for word, span in SPANS:
            self._span.addItem(self._say(word), span)
        self._span.setCurrentIndex(1)
        self._no_band = label(self._say(text("Reading the repository…")), "muted")
        self._repository = FactCard(self._language, text("Repository"), text("Check now"))
        self._bars = GrowthBars()
        self._repository.column.insertWidget(3, self._bars)
        self._proof = FactCard(self._language, text("Proof"), text("Verify now"))
        self._kit = KitCard(self._bridge, self._language, self.tasks)
        self._runs = Lines(self._language)
        self._notices = Lines(self._language)
        self._all_runs = TextButton(self._say(text("All runs")), "quiet")
        self._all_seen = TextButton(self._say(text("Mark as seen")), "quiet")
        self._minute = QTimer(self, interval=MINUTE)

    def _arrange(self) -> None:
        inside = QWidget()
        inside.setMaximumWidth(CONTENT_WIDTH + 6 * GRID)
        column = QVBoxLayout(inside)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addLayout(self._head())
        column.addLayout(self._verdict_row())
        column.addWidget(self._cards)
        column.addWidget(self._band_card())
        column.addLayout(self._facts())
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setObjectName("bare")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self._title, 1)
        for part in (self._standing, self._refresh, self._backup):
            row.addWidget(part)
        return row

    def _verdict_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2 * GRID)
        row.addWidget(self._badge, alignment=Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._verdict, 1, Qt.AlignmentFlag.AlignVCenter)
        return row

    def _band_card(self) -> Card:
        card = Card(self._say(text("What can be brought back, to when")))
        card.head.addWidget(self._span)
        self._bands = QStackedWidget()
        self._bands.addWidget(self._no_band)
        self._bands.addWidget(self.band)
        card.column.addWidget(self._bands)
        card.column.addWidget(self._readout)
        return card

    def _facts(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(2 * GRID)
        for number, card in enumerate((self._repository, self._proof, self._kit)):
            grid.addWidget(card, 0, 2 * number, 1, 2)
        runs = Card(self._say(text("Recent runs")), head_height=TARGET)
        runs.head.addWidget(self._all_runs)
        runs.column.addWidget(self._runs)
        runs.column.addStretch(1)
        notices = Card(self._say(text("Notices")), head_height=TARGET)
        notices.head.addWidget(self._all_seen)
        notices.column.addWidget(self._notices)
        notices.column.addStretch(1)
        grid.addWidget(runs, 1, 0, 1, 3)
        grid.addWidget(notices, 1, 3, 1, 3)
        for column in range(6):
            grid.setColumnStretch(column, 1)
        return grid

    def _connect(self) -> None:
        self._refresh.clicked.connect(self.load)
        self._backup.clicked.connect(self.back_up)
        self._span.currentIndexChanged.connect(self._on_span)
        self.band.opened.connect(partial(self.navigate.emit, "snapshots"))
        self.band.said.connect(self._readout.setText)
        self._repository.acted.connect(self.check)
        self._proof.acted.connect(self.verify)
        self._kit.start.connect(self.start)
        self._kit.noted.connect(self.remember)
        self._kit.failed.connect(self.show_error)
        self._cards.mended.connect(self.load)
        self._runs.opened.connect(partial(self.navigate.emit, "runs"))
        self._notices.opened.connect(partial(self.navigate.emit, "runs"))
        self._all_runs.clicked.connect(lambda: self.navigate.emit("runs", ""))
        self._all_seen.clicked.connect(self.mark_seen)
        self._watch.busy_changed.connect(self._tell_buttons)
        self._minute.timeout.connect(self.remember)
        self._minute.start()
        QShortcut(QKeySequence("F5"), self, self.load)

    # --- what the frame asks -------------------------------------------------------------------

    def show_site(self, site: str) -> None:
        """Another site is chosen; one that is shown already stays in sight."""
        if site != self.site:
            self._clear(site)
        self.site_changed()

    def _clear(self, site: str) -> None:
        self.site, self._overview = site, None
        self._kit.forget()
        self._cards.show_site(site)
        self._title.set_whole("")
        self._badge.hide()
        self._verdict.setText(self._say(text("Reading the repository…")))
        self.band.show_rows((), (), datetime.now(UTC))
        self._readout.setText("")
        self._bands.setCurrentWidget(self._no_band)
        self._tell_buttons()

    def show_last(self, overview: Overview) -> None:
        """How the site stood when the program was last here; what the repository says is still being asked."""
        if self._overview is None:
            self._reading = True  # its reading has begun when the page came into sight
            self._show(overview)

    def show_error(self, error: Problem) -> None:
        """Shows what went wrong, in its place on the page."""
        self._cards.show_error(error)

    # --- reading -------------------------------------------------------------------------------

    @page_task
    async def load(self) -> None:
        """Shows what is remembered at once, then what the repository says."""
        site = self.site
        if not site:
            return
        self._reading = True
        try:
            self._show(await self._bridge.ask(lambda app: app.overviews.known(site, self._language)))
            overview = await self._bridge.ask(lambda app: app.overviews.read(site, self._language))
        except UserError as error:
            self._reading = False
            self._show(await self._bridge.ask(lambda app: app.overviews.known(site, self._language)))
            self._unreadable = error.code
            self._cards.tell(READING, error.problem, TRY_AGAIN)
            return
        finally:
            self._reading = False
        self._cards.clear(READING)
        self._is_readable()
        self._show(overview)
        self.measure()

    def _is_readable(self) -> None:
        """What kept the repository from being read kept a run from working too: that is over."""
        told = self._cards.problem(RUN)
        if told is not None and told.code == self._unreadable:
            self._cards.clear(RUN)
        self._unreadable = ""

    @page_task
    async def remember(self) -> None:
        """Time has passed: what is known is judged anew."""
        site = self.site
        if site and self.isVisible():
            self._show(await self._bridge.ask(lambda app: app.overviews.known(site, self._language)))

    @page_task
    async def measure(self) -> None:
        """Has the repository's size asked for, which may take long; the page does not wait for it."""
        site = self.site
        with contextlib.suppress(UserError):  # the size of the last time stays
            await self._bridge.ask(lambda app: app.overviews.measure(site))
            self._show(await self._bridge.ask(lambda app: app.overviews.known(site, self._language)))

    def _show(self, overview: Overview) -> None:
        if overview.site != self.site:
            return
        now = datetime.now(UTC)
        self._overview = overview
        self._title.set_whole(overview.title)
        self._standing.setText(self._say(standing(overview, now, self._language, reading=self._reading)))
        self._badge.setVisible(overview.inventory is not None or not self._reading)
        if overview.inventory is not None or not self._reading:
            self._badge.show_state(State(overview.verdict.condition.value), overview.verdict.word)
            self._verdict.setText(self._say(overview.verdict.sentence))
        self._show_band(overview, now)
        self._show_facts(overview, now)
        self._show_lists(overview, now)
        self._tell_buttons()
        self._tell_of_last_run(overview)

    def _show_band(self, overview: Overview, now: datetime) -> None:
        from app.jobs.health.band import rows_of  # noqa: PLC0415  loaded by the engine long before there is anything

        if overview.inventory is None:
            said = text("Reading the repository…") if self._reading else text("The repository was never read here.")
            self._no_band.setText(self._say(said))
            return
        layers = overview.health.layers
        self._fit_span(overview.inventory.points, now)
        self.band.show_rows(rows_of(overview.inventory.points, [one.layer for one in layers], now), layers, now)
        self._bands.setCurrentWidget(self.band)

    def _fit_span(self, points: Sequence[Point], now: datetime) -> None:
        """The shortest time that holds all points of a young site, unless a person chose one."""
        if points and not self._span_chosen:
            back = now - points[-1].time
            fits = (row for row, (_, span) in enumerate(SPANS[:2]) if back <= span)
            self._span.blockSignals(True)
            self._span.setCurrentIndex(next(fits, 1))
            self._span.blockSignals(False)
            self.band.show_span(self._span.currentData())

    def _show_facts(self, overview: Overview, now: datetime) -> None:
        language = self._language
        self._repository.show_fact(repository_fact(overview, now, language))
        days = growth_of_days(() if overview.inventory is None else overview.inventory.growth, now)
        self._bars.show_days(days, self._say(growth_sentence(days)))
        self._proof.show_fact(proof_fact(overview, now, language))
        self._kit.show_kit(overview.kit, now)

    def _show_lists(self, overview: Overview, now: datetime) -> None:
        runs = [run_line(run, now, self._language) for run in overview.runs]
        self._runs.show_lines(runs, text("Nothing was run on this computer yet."))
        notices = overview.notices[:NOTICES_SHOWN]
        went_well = text("Nothing to notice: what was run lately went well.") if runs else text("Nothing to notice.")
        self._notices.show_lines([notice_line(notice, now, self._language) for notice in notices], went_well)
        self._all_seen.setVisible(bool(overview.unread))
        self.waiting_changed.emit(overview.unread)

    def _tell_buttons(self) -> None:
        free = bool(self.site) and not self._watch.is_busy(self.site)
        has_points = self._overview is not None and self._overview.health.newest is not None
        self._backup.setEnabled(free)
        self._repository.offer(text("Check now"), enabled=free and has_points)
        self._proof.offer(text("Verify now"), enabled=free and has_points)
        self._kit.allow(allowed=free)

    # --- how the last run ended ----------------------------------------------------------------

    def _tell_of_last_run(self, overview: Overview) -> None:
        """The newest run that did not go well has its card until it was seen, or a later one went well."""
        last = next(iter(overview.runs), None)
        if last is None or last.closed is None or last.closed <= overview.seen:
            self._cards.clear(RUN)
        elif last.id not in self._told_of:
            self._told_of.add(last.id)
            self.tell_of(last)

    @page_task
    async def tell_of(self, run: Run) -> None:
        """Shows what a person has to know about a run that has ended."""
        items = await self._bridge.ask(lambda app: app.records(run.site).items(run.id))
        problem = _problem_of(run, items)
        if run.site == self.site and problem is not None:
            self._cards.tell(RUN, problem)
        elif run.site == self.site:
            self._cards.clear(RUN)

    # --- what a person does --------------------------------------------------------------------

    def back_up(self) -> None:
        """Starts a backup of the site."""
        site = self.site
        self._begin(lambda app: app.back_up(site))

    def verify(self) -> None:
        """Starts a verification of the newest point."""
        site = self.site
        self._begin(lambda app: _verification(app, site))

    def check(self) -> None:
        """Starts a check of the next share of the repository."""
        site = self.site
        self._begin(lambda app: _check(app, site))

    def _begin(self, begin: Begin) -> None:
        self._cards.clear(RUN)
        self.start.emit(begin)

    @page_task
    async def mark_seen(self) -> None:
        """The person has seen the notices."""
        site = self.site
        await self._bridge.ask(lambda app: app.overviews.notices_seen(site))
        self.remember()

    def _on_span(self, _index: int) -> None:
        self._span_chosen = True
        self.band.show_span(self._span.currentData())


def _problem_of(run: Run, items: Sequence[Item]) -> Problem | None:
    story = RunStory(run.kind)
    for item in items:
        story.tell(ItemFinished(item=item))
    if run.closed is not None and run.outcome is not None:
        story.tell(RunClosed(at=run.closed, outcome=run.outcome, counters=run.counters, error=run.error))
    return story.problem


async def _verification(app: Overwinter, site: str) -> Launched:
    from app.jobs.verify.job import VerifyChoice  # noqa: PLC0415  asked by the engine, which has loaded it

    return await app.runner.launch(await app.plan_verify(site, VerifyChoice()))


async def _check(app: Overwinter, site: str) -> Launched:
    from app.jobs.check.job import CheckChoice  # noqa: PLC0415  asked by the engine, which has loaded it

    return await app.runner.launch(await app.plan_check(site, CheckChoice()))
