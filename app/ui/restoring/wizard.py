"""The window of the wizard: the rail on the left, one step at a time, the buttons that go on and back.

It holds no more than what was chosen: looks and restores are runs like any other, and go on when it is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.events import Told
from app.foundation.words import Language, Text, text
from app.ui.bridge import Bridge
from app.ui.help import set_topic
from app.ui.page_task import page_task
from app.ui.pages.snapshots.dialogs import PhraseDialog
from app.ui.restoring import asking
from app.ui.restoring.check_step import CheckStep
from app.ui.restoring.confirm_step import ConfirmStep
from app.ui.restoring.point_step import PointStep
from app.ui.restoring.progress_step import ProgressStep
from app.ui.restoring.rail import Rail
from app.ui.restoring.report_step import ReportStep
from app.ui.restoring.what_step import WhatStep
from app.ui.restoring.wish import Way, Wish
from app.ui.theme import GRID, verdict_font
from app.ui.widgets.card_stack import CardStack
from app.ui.widgets.controls import TextButton, label
from app.ui.widgets.questions import ask_for_file

if TYPE_CHECKING:  # the window is painted before the store is loaded
    from app.jobs.restore.setting import RestoreState
    from app.records.run import Run
    from app.ui.pages.run_watch import RunWatch

POINT, WHAT, CHECK, CONFIRM, PROGRESS, REPORT = range(6)
STEPS = (
    text("Point"),
    text("What and where"),
    text("Check"),
    text("Confirm"),
    text("Progress"),
    text("Report"),
)
TITLES = (
    text("Which recovery point?"),
    text("What comes back, and where to?"),
    text("Can it be done, and what would change?"),
    text("Is that meant?"),
    text("Restoring"),
    text("Report"),
)
_ON = {
    POINT: text("Next"),
    WHAT: text("Check"),
    CHECK: text("Next"),
    CONFIRM: text("Restore now"),
    PROGRESS: text("Report"),
}
SIZE = QSize(1280, 700)
OTHER = "other"


class RestoreWizard(QDialog):
    """One restore of one site, from its point to its report."""

    def __init__(
        self, bridge: Bridge, language: Language, runs: RunWatch, site: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowFlags(
            Qt.WindowType.Window | Qt.WindowType.WindowMinMaxButtonsHint | Qt.WindowType.WindowCloseButtonHint
        )
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.wish = Wish()
        self.step = POINT
        self._bridge = bridge
        self._language = language
        self._runs = runs
        self.site = self._site = site
        self._run = ""
        self._restore: asking.Restore | None = None
        self._ended: Run | None = None
        self._looked: RestoreState | None = None
        self.setWindowTitle(self._say(text("Restore {site}", site=site)))
        self._make_parts()
        self._arrange()
        self._connect()
        set_topic(self, "restoring")

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    # --- arrangement ---------------------------------------------------------------------------

    def _make_parts(self) -> None:
        language, wish = self._language, self.wish
        self.rail = Rail(language, STEPS, self)
        self._title = label("", font=verdict_font())
        self._title.setWordWrap(False)
        self._cards = CardStack(language, self)
        self._stack = QStackedWidget(self)
        self.point = PointStep(self._bridge, language, wish, self._site, self._stack)
        self.what = WhatStep(language, wish, self._stack)
        self.check = CheckStep(language, wish, self._stack)
        self.confirm = ConfirmStep(language, wish, self._site, self._stack)
        self.progress = ProgressStep(language, self._stack)
        self.report = ReportStep(language, self._stack)
        for page in (self.point, self.what, self.check, self.confirm, self.progress, self.report):
            self._stack.addWidget(page)
        self._fault = label("", "muted")
        self.back = TextButton(self._say(text("Back")), icon="chevron-left", parent=self)
        self.on = TextButton("", "primary", parent=self)
        self.leave = TextButton(self._say(text("Close")), parent=self)
        self.on.setDefault(True)

    def _arrange(self) -> None:
        self.resize(SIZE)
        self.setMinimumSize(112 * GRID, 66 * GRID)
        low = QHBoxLayout()
        low.setSpacing(GRID)
        low.addWidget(self.leave)
        low.addWidget(self._fault, 1)
        low.addWidget(self.back)
        low.addWidget(self.on)
        inside = QVBoxLayout()
        inside.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        inside.setSpacing(2 * GRID)
        inside.addWidget(self._title)
        inside.addWidget(self._cards)
        inside.addWidget(self._stack, 1)
        inside.addLayout(low)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addLayout(inside, 1)

    def _connect(self) -> None:
        for page in (self.point, self.what, self.check, self.confirm):
            page.changed.connect(self._tell)
        self.point.failed.connect(self.show_error)
        self.check.again_wanted.connect(self.look)
        self.confirm.entered.connect(self.on.click)
        self.progress.cancel_wanted.connect(self._on_cancel)
        self.progress.log_wanted.connect(self._on_log)
        self.report.save_wanted.connect(self._on_save)
        self.report.undo_wanted.connect(self._on_undo)
        self.report.switch_wanted.connect(self._on_switch)
        self._runs.launched.connect(self._on_launched)
        self._runs.began.connect(self._on_began)
        self._runs.told.connect(self._on_told)
        self._runs.ended.connect(self._on_ended)
        self._runs.busy_changed.connect(self._tell)
        self.back.clicked.connect(self._on_back)
        self.on.clicked.connect(self._on_next)
        self.leave.clicked.connect(self.reject)

    # --- from step to step ---------------------------------------------------------------------

    def open_at(self, point: str = "", sources: Sequence[str] = ()) -> None:
        """Opens with this point, and with these sources ticked where any are named."""
        if sources:
            self.what.choose(tuple(sources))
        self._go(POINT)
        self.show()
        self.point.open(point)

    def open_for_switch(self, run: str) -> None:
        """Opens where what that run has prepared is looked at once more."""
        self._go(CHECK)
        self.check.begin()
        self.show()
        self.take_prepared(run)

    @page_task
    async def take_prepared(self, run: str) -> None:
        """Reads what that run has prepared, and looks whether it can be exchanged now."""
        site = self._site
        choice, contents = await self._bridge.ask(lambda app: asking.prepared(app, site, run))
        self.wish.take(choice, contents, run)
        self.look()

    def _go(self, step: int) -> None:
        self.step = step
        self._stack.setCurrentIndex(step)
        self.rail.show_step(step)
        self._title.setText(self._say(TITLES[step]))
        self._cards.clear(OTHER)
        self._tell()
        focused: dict[int, QWidget] = {POINT: self.point.points, CONFIRM: self.confirm.field, REPORT: self.report.text}
        if step in focused and focused[step].isVisible():
            focused[step].setFocus()
        elif step in (WHAT, CHECK):
            (self.what if step == WHAT else self.check).setFocus()

    def _is_ready(self) -> bool:
        match self.step:
            case 0:
                return self.point.is_ready
            case 1:
                return self.wish.fault() is None
            case 2:
                return self.check.is_ready and not self._is_busy()
            case 3:
                return self.confirm.is_ready and not self._is_busy()
            case 4:
                return self._ended is not None
            case _:
                return False

    def _is_busy(self) -> bool:
        return self._runs.is_busy(self._site)

    def _tell(self) -> None:
        """What can be pressed."""
        self.on.setText(self._say(_ON.get(self.step, text("Next"))))
        self.on.setVisible(self.step != REPORT)
        self.on.setEnabled(self._is_ready())
        self.back.setVisible(self.step in (WHAT, CHECK, CONFIRM) and not (self.step == CHECK and self.wish.staged))
        self.back.setEnabled(self._run == "" or self.step != CHECK or self._ended is not None)
        fault = self.wish.fault() if self.step == WHAT else None
        busy = text("Something else works on this site; wait until it is over.") if self._waits() else None
        said = fault or busy
        self._fault.setText(self._say(said) if said is not None else "")

    def _waits(self) -> bool:
        return self.step in (CHECK, CONFIRM) and self._is_busy() and self._restore is None

    def _on_back(self) -> None:
        self._go(self.step - 1)

    def _on_next(self) -> None:
        if not self._is_ready():
            return
        match self.step:
            case 0:
                self.what.show_contents()
                self._go(WHAT)
            case 1:
                self._go(CHECK)
                self.look()
            case 2:
                self.show_order()
            case 3:
                self._begin()
            case _:
                self.show_report()

    # --- looking -------------------------------------------------------------------------------

    def look(self) -> None:
        """Looks whether it can be done, and at what it would change; nothing is written."""
        self.check.begin()
        self._launch(asking.Restore(self._site, self.wish.order(dry_run=True)))

    def _launch(self, restore: asking.Restore) -> None:
        self._restore, self._run, self._ended = restore, "", None
        self._tell()
        self._runs.launch(self._site, restore.begin, self._on_refused)

    def _on_refused(self, problem: Problem) -> None:
        restore, self._restore = self._restore, None
        if self.step == CHECK and restore is not None and restore.state is not None:
            self.check.show_found(restore.state, problem)
        elif self.step == CHECK:
            self.check.show_refused(problem)
        else:
            if self.step == PROGRESS:
                self._go(CONFIRM)
            self.show_error(problem)
        self._tell()

    def _on_launched(self, run: str, site: str) -> None:
        if site == self._site and self._restore is not None and not self._run:
            self._run = run

    def _on_began(self, run: str, _title: Text, _kind: str) -> None:
        if run == self._run and self.step == PROGRESS and self._restore is not None:
            self.progress.begin(self._restore.phases, self._restore.forecast)

    def _on_told(self, run: str, batch: Sequence[Told]) -> None:
        if run == self._run and self.step == PROGRESS:
            self.progress.tell(batch)

    def _on_ended(self, run: Run, _was_live: bool) -> None:
        if run.id != self._run or self._restore is None:
            return
        self._ended, restore = run, self._restore
        self._restore = None
        if self.step == CHECK:
            self._show_looked(restore, run)
        elif self.step == PROGRESS:
            self.show_report()
        self._tell()

    def _show_looked(self, restore: asking.Restore, run: Run) -> None:
        if restore.state is None:
            self.check.show_refused(
                Problem(
                    text("Another program has looked at the same."),
                    text("What it found is not known here; nothing was changed."),
                    text("Check again."),
                    "restore.looked-elsewhere",
                )
            )
        else:
            self.check.show_found(restore.state, run.error)
            self._looked = restore.state

    # --- restoring -----------------------------------------------------------------------------

    @page_task
    async def show_order(self) -> None:
        """Says once more what was chosen; how long it will take is reckoned."""
        contents, looked = self.wish.contents, self._looked
        if contents is None or looked is None:
            return
        site, phrase = self._site, asking.phrase(self._site, contents, self.wish.scopes)
        choice = self.wish.order(dry_run=False)
        forecast = await self._bridge.ask(lambda app: asking.expected(app, site, choice, phrase))
        self.confirm.show_order(phrase if self.wish.needs_phrase else "", looked, forecast.left_at_start())
        self._go(CONFIRM)

    def _begin(self) -> None:
        choice, typed = self.wish.order(dry_run=False), self.confirm.typed
        self._go(PROGRESS)
        self.progress.begin((), None)
        self._launch(asking.Restore(self._site, choice, typed))

    def _on_cancel(self) -> None:
        if self._run:
            self.progress.show_cancelling()
            self._runs.cancel(self._run)

    def _on_log(self) -> None:
        window, run = self.parentWidget(), self._run
        if window is not None and run and (open_run := getattr(window, "open_run", None)) is not None:
            open_run(run)
            window.activateWindow()

    # --- its end -------------------------------------------------------------------------------

    @page_task
    async def show_report(self) -> None:
        """Shows what was done."""
        run, site = self._ended, self._site
        if run is None:
            return
        self._go(REPORT)
        self.report.begin()
        parts = await self._bridge.ask(lambda app: app.report(site, run.id))
        until = await self._bridge.ask(lambda app: app.old_state(site, run.id))
        waits = await self._bridge.ask(lambda app: app.is_waiting(site, run.id))
        self.report.show_report(run, parts, can_undo=until is not None, can_switch=waits)
        self._tell()

    def _on_save(self) -> None:
        if self._ended is not None:
            name = f"{self._site} restore {self._ended.started.astimezone():%Y-%m-%d %H%M}.pdf"
            ask_for_file(self, self._say(text("Where to save the report")), name, self.save_report)

    @page_task
    async def save_report(self, file: str) -> None:
        """Writes the report into a new file."""
        run, language = self._ended, self._language
        if run is not None:
            await self._bridge.ask(lambda app: app.save_report(run.site, run.id, Path(file), language))

    def _on_undo(self) -> None:
        run = self._ended
        if run is None:
            return
        from app.jobs.cutover.undo import undo_phrase  # noqa: PLC0415  loaded by the engine long before

        about = text(
            "The site goes back to what it was before this restore. What was written since is put aside in its turn."
        )
        dialog = PhraseDialog(
            self._language,
            text("Put the old state back?"),
            text("Put it back"),
            phrase=undo_phrase(run.site, run.id),
            about=about,
            parent=self,
        )
        dialog.confirmed.connect(lambda typed: self._undo(run, typed))
        dialog.open()

    def _undo(self, run: Run, typed: str) -> None:
        self._runs.launch(self._site, partial(asking.undo, run=run, typed=typed), self.show_error)
        self.accept()

    def _on_switch(self) -> None:
        """Exchanges what was prepared: looked at again first, since the site went on meanwhile."""
        run = self._ended
        if run is not None:
            self.wish.staged, self.wish.way = run.id, Way.SWAP
            self._go(CHECK)
            self.look()

    def show_error(self, error: Problem) -> None:
        """Something went wrong."""
        self._cards.show_problem(OTHER, error)

    def done(self, result: int) -> None:
        """Qt: it is closed; what it still asks is asked no more, and the runs go on."""
        for task in (*self.tasks.values(), *self.point.tasks.values()):
            task.cancel()
        super().done(result)
