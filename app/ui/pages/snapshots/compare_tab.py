"""The chosen point beside another one, or beside what is live now: what was added, removed and changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, Size, Text, plural, text
from app.ui.bridge import Bridge
from app.ui.models.files import shown_name
from app.ui.models.point_names import PointNames
from app.ui.models.rows import Column, RowsModel
from app.ui.page_task import page_task
from app.ui.theme import GRID
from app.ui.widgets.controls import Choice, ElidedLabel, SearchField, TextButton, label, set_tone
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.rows_table import RowsTable

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.catalogue.comparing import Comparison
    from app.jobs.catalogue.rows import PointRow
    from app.jobs.compare import Difference

CHANGES = {
    "added": text("Added"),
    "removed": text("Removed"),
    "modified": text("Changed"),
    "type": text("Other type"),
    "metadata": text("Attributes"),
}
"""What each kind of difference is called."""


class CompareTab(QWidget):
    """The tab.

    Signals:
        failed: they could not be compared; carries a `Problem`.
    """

    failed = Signal(object)

    def __init__(
        self,
        bridge: Bridge,
        language: Language,
        tasks: dict[str, asyncio.Task[None]],
        parent: QWidget | None = None,
    ) -> None:
        """`tasks` are those of the page."""
        super().__init__(parent)
        self.tasks = tasks
        self._bridge = bridge
        self._language = language
        self._site = ""
        self._point: PointRow | None = None
        self._make_parts()
        self._arrange()
        self._connect()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _make_parts(self) -> None:
        self.others = PointNames(self._language, self)
        self.other = Choice(self._say(text("Compare with")))
        self.other.setModel(self.others)
        self.other.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.other.setMinimumContentsLength(28)
        self._compare = TextButton(self._say(text("Compare")), "primary")
        self._stop = TextButton(self._say(text("Cancel")), "quiet")
        self.rows: RowsModel[Difference] = RowsModel(self._language, self._columns(), self)
        self.table = RowsTable(self._language, self._say(text("What is different")), self.rows)
        longest = max((self._say(word) for word in CHANGES.values()), key=len)
        self.table.give_room(1, {0: longest, 2: "1023 MiB", 3: "1023 MiB"})
        self._search = SearchField(self._say(text("Find a name")))
        self._kind = Choice(self._say(text("Kind of change")))
        self._kind.addItem(self._say(text("Every change")), "")
        for kind, word in CHANGES.items():
            self._kind.addItem(self._say(word), kind)
        self._totals = ElidedLabel()
        set_tone(self._totals, "muted")
        shown_here = text("What was added, removed and changed is shown here.")
        self._ready = EmptyState(self._language, "search", shown_here)
        self._working = EmptyState(self._language, "search", text("Comparing…"))
        self._same = EmptyState(self._language, "check", text("Nothing is different."))

    def _columns(self) -> Sequence[Column[Difference]]:
        def size(of: Callable[[Difference], int], absent: str) -> Callable[[Difference], str]:
            def cell(row: Difference) -> str:
                is_there = row.type == "file" and row.change.value != absent
                return self._language.size(of(row)) if is_there else ""

            return cell

        return (
            Column(text("Change"), lambda row: self._say(CHANGES[row.change.value]), lambda row: row.change.value),
            Column(text("Name"), lambda row: shown_name(row.path), lambda row: row.path),
            Column(text("Before"), size(lambda row: row.before, "added"), lambda row: row.before, figures=True),
            Column(text("After"), size(lambda row: row.after, "removed"), lambda row: row.after, figures=True),
        )

    def _arrange(self) -> None:
        top, filters = QHBoxLayout(), QHBoxLayout()
        for row in (top, filters):
            row.setSpacing(GRID)
        with_ = label(self._say(text("Compare with")))
        with_.setWordWrap(False)
        with_.setBuddy(self.other)
        top.addWidget(with_)
        top.addWidget(self.other, 1)
        top.addWidget(self._stop)
        top.addWidget(self._compare)
        filters.addWidget(self._search, 1)
        filters.addWidget(self._kind)
        self._filters = QWidget()
        filters.setContentsMargins(0, 0, 0, 0)
        self._filters.setLayout(filters)
        self._stack = QStackedWidget()
        for page in (self._ready, self._working, self._same, self.table):
            self._stack.addWidget(page)
        self._stack.setMinimumHeight(10 * GRID)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(top)
        column.addWidget(self._filters)
        column.addWidget(self._stack, 1)
        column.addWidget(self._totals)

    def _connect(self) -> None:
        self._compare.clicked.connect(self._on_compare)
        self._stop.clicked.connect(self._on_stop)
        self._search.textChanged.connect(self._on_narrowed)
        self._kind.currentIndexChanged.connect(self._on_narrowed)
        self.other.currentIndexChanged.connect(self._show_ready)

    def offer(self, rows: Sequence[PointRow]) -> None:
        """These points can be compared with."""
        chosen = self.others.point(self.other.currentIndex())
        self.others.show_rows(rows)
        self.other.setCurrentIndex(max(0, self.others.row_of(chosen.point.id)) if chosen is not None else 0)

    def show_point(self, site: str, point: PointRow | None) -> None:
        """This point is to be compared."""
        self._site, self._point = site, point
        self._show_ready()

    def _show_ready(self, _index: int = 0) -> None:
        self._end()
        self.rows.show_rows(())
        self._totals.set_whole("")
        self._stack.setCurrentWidget(self._ready)
        self._tell_buttons(working=False)

    def _end(self) -> None:
        comparing = self.tasks.get("compare_points")
        if comparing is not None:
            comparing.cancel()

    def _tell_buttons(self, *, working: bool) -> None:
        other = self.others.point(self.other.currentIndex())
        same = other is not None and self._point is not None and other.point.id == self._point.point.id
        self._stop.setVisible(working)
        self._compare.setEnabled(not working and not same and self._point is not None)
        self._filters.setVisible(self._stack.currentWidget() is self.table)

    def _on_compare(self) -> None:
        self.compare_points()

    def _on_stop(self) -> None:
        self._show_ready()

    @page_task
    async def compare_points(self) -> None:
        """Compares the two, the older one first."""
        site, point, other = self._site, self._point, self.others.point(self.other.currentIndex())
        if point is None:
            return
        self._stack.setCurrentWidget(self._working)
        self._tell_buttons(working=True)
        if other is None:
            found = await self._bridge.ask(lambda app: app.compare_with_live(site, point.point.id))
        else:
            before, after = sorted((point.point, other.point), key=lambda one: one.time)
            found = await self._bridge.ask(lambda app: app.compare_points(site, before.id, after.id))
        self._show(found)

    def _show(self, found: Comparison) -> None:
        self.rows.show_rows(sorted(found.rows, key=lambda row: row.change.value == "metadata"))  # contents come first
        self._stack.setCurrentWidget(self.table if found.rows else self._same)
        self._totals.set_whole(" · ".join(map(self._say, _said(found))))
        self._tell_buttons(working=False)

    def _on_narrowed(self, _value: object) -> None:
        words, kind = self._search.text().strip().casefold(), self._kind.currentData()

        def wanted(row: Difference) -> bool:
            return (not kind or row.change.value == kind) and words in row.path.casefold()

        self.rows.want(wanted if words or kind else None)

    def show_error(self, error: Problem) -> None:
        """Tells the page."""
        self._show_ready()
        self.failed.emit(error)


def _said(found: Comparison) -> list[Text]:
    totals = found.totals
    said = [
        text("{count} added, {size}", count=totals.added, size=Size(totals.bytes_added)),
        text("{count} removed, {size}", count=totals.removed, size=Size(totals.bytes_removed)),
        text("{count} changed", count=totals.modified),
    ]
    said += [text("{count} of other owner, mode or time", count=totals.metadata)] if totals.metadata else []
    said += [text("{count} of another type", count=totals.type)] if totals.type else []
    said += [text("{source} is in one of them alone", source=one.source) for one in found.only_in]
    if found.left_out:
        said.append(text("not compared: {sources}", sources=", ".join(found.left_out)))
    different = totals.added + totals.removed + totals.modified + totals.metadata + totals.type
    if different > len(found.rows):
        said.append(plural("the first {count} is shown", "the first {count} are shown", len(found.rows)))
    return said
