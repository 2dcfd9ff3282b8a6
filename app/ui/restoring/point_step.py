"""The first step: which recovery point, and what is in it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import Problem, UserError
from app.foundation.words import Language, Text, plural, text
from app.ui.bridge import Bridge
from app.ui.models.points import look_of
from app.ui.models.rows import Column, RowsModel
from app.ui.page_task import page_task
from app.ui.restoring.wish import Wish
from app.ui.theme import GRID, State, heading_font
from app.ui.widgets.controls import ElidedLabel, label, set_tone
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.recovery_list import RecoveryList
from app.ui.widgets.rows_table import RowsTable
from app.ui.widgets.state_badge import StateBadge

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.assembly import Overwinter
    from app.jobs.catalogue.rows import Listed, PointRow
    from app.jobs.manifest import SourceEntry
    from app.jobs.restore.contents import Contents


class PointStep(QWidget):
    """The list on the left, the sources of the chosen point on the right.

    Signals:
        changed: whether one can go on may be another now.
        failed: the repository could not be read; carries a `Problem`.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(
        self, bridge: Bridge, language: Language, wish: Wish, site: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._bridge = bridge
        self._language = language
        self._wish = wish
        self._site = site
        self._wanted = ""
        self._listed: Listed | None = None
        self._stack = QStackedWidget(self)
        self._reading = EmptyState(language, "disk", text("Reading the repository…"), parent=self._stack)
        self._none = EmptyState(
            language, "disk", text("No recovery point yet. The first backup makes one."), parent=self._stack
        )
        self._sides = QSplitter(Qt.Orientation.Horizontal, self._stack)
        self.points = RecoveryList(language, self._sides)
        self._arrange(self._right())
        self.points.chosen_changed.connect(self._on_chosen)

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _right(self) -> QWidget:
        side = QWidget(self._sides)
        column = QVBoxLayout(side)
        column.setContentsMargins(GRID, 0, 0, 0)
        column.setSpacing(GRID)
        self._when = ElidedLabel(parent=side)
        self._when.setFont(heading_font())
        self._state = StateBadge(self._language, State.UNKNOWN, parent=side)
        self._what = label("", "muted")
        size = self._language.size
        self._entries: RowsModel[SourceEntry] = RowsModel(
            self._language,
            (
                Column(text("Source"), lambda one: one.source, lambda one: one.source),
                Column(text("Layer"), lambda one: one.layer, lambda one: one.layer),
                Column(text("Host"), lambda one: one.host, lambda one: one.host),
                Column(
                    text("Size"),
                    lambda one: size(one.bytes) if one.snapshot else self._say(text("not in it")),
                    lambda one: one.bytes,
                    figures=True,
                ),
            ),
            self,
        )
        self._table = RowsTable(self._language, self._say(text("Sources of the point")), self._entries, side)
        self._table.give_room(0, {1: "postgresql", 2: "this-computer", 3: "1023 MiB"})
        column.addWidget(self._when)
        column.addWidget(self._state)
        column.addWidget(self._what)
        column.addWidget(self._table, 1)
        return side

    def _arrange(self, right: QWidget) -> None:
        self._sides.setChildrenCollapsible(False)
        self._sides.setHandleWidth(GRID)
        self._sides.addWidget(self.points)
        self._sides.addWidget(right)
        self.points.setMinimumWidth(36 * GRID)
        self._sides.setSizes([4000, 4600])
        for page in (self._reading, self._none, self._sides):
            self._stack.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack)

    @property
    def is_ready(self) -> bool:
        """Whether a point is chosen whose contents are known."""
        return self._wish.contents is not None and bool(self._entries.total)

    def show_error(self, error: Problem) -> None:
        """Something went wrong in a task."""
        self.failed.emit(error)

    def open(self, point: str) -> None:
        """Begins with this point, else with the newest one that is complete."""
        self._wanted = point
        self.load()

    @page_task
    async def load(self) -> None:
        """Shows the list as it was known last, then reads it anew."""
        site = self._site
        if (known := await self._bridge.ask(lambda app: app.catalogue.known(site))) is not None:
            self._show(known)
        self._show(await self._bridge.ask(lambda app: app.catalogue.refresh(site)))

    def _show(self, listed: Listed) -> None:
        is_first, self._listed = self._listed is None, listed
        self.points.show_rows(listed.rows)
        self._stack.setCurrentWidget(self._sides if listed.rows else self._none)
        if is_first:
            whole = (row.point.id for row in listed.rows if row.point.status == "complete" and not row.point.damaged)
            self.points.choose(self._wanted or next(whole, ""))
            self.points.setFocus()

    def _on_chosen(self, _point: str) -> None:
        row = self.points.chosen
        self._wish.row, self._wish.contents = row, None
        self._entries.show_rows(())
        self.changed.emit()
        if row is not None:
            self._show_head(row)
            self.read(row.point.id)

    def _show_head(self, row: PointRow) -> None:
        look = look_of(row.point, running=False)
        self._when.set_whole(self._language.moment(row.point.time, datetime.now(UTC)))
        proven = row.point.verified and look.state is State.OK
        self._state.show_state(look.state, text("Proven to restore") if proven else look.word)
        self._what.setText(self._say(text("Reading what is in it…")))
        set_tone(self._what, "muted")

    @page_task
    async def read(self, point: str) -> None:
        """Reads what the chosen point holds."""
        site = self._site
        try:
            found = await self._bridge.ask(lambda app: _contents(app, site, point))
        except UserError as error:
            self._what.setText(f"{self._say(error.problem.what)} {self._say(error.problem.next)}")
            set_tone(self._what, "fail")
            return
        self._wish.contents = found
        self._entries.show_rows(found.entries)
        there = [entry for entry in found.entries if entry.snapshot]
        said = plural("{count} source is in it.", "{count} sources are in it.", len(there))
        self._what.setText(self._say(said))
        self.changed.emit()


async def _contents(app: Overwinter, site: str, point: str) -> Contents:
    from app.jobs.restore.contents import read_contents  # noqa: PLC0415  the engine's thread loads it

    return await read_contents(await app.repository(site), point)
