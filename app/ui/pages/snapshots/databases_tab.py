"""Databases of the chosen point: each dump with what was counted in it, and its tables."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, Text, text
from app.ui.bridge import Bridge
from app.ui.models.rows import Column, RowsModel
from app.ui.page_task import page_task
from app.ui.pages.snapshots import asking
from app.ui.theme import GRID
from app.ui.widgets.controls import ElidedLabel, TextButton, set_tone
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.questions import ask_for_file
from app.ui.widgets.rows_table import RowsTable

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.catalogue.dumps import Dump
    from app.jobs.catalogue.rows import PointRow
    from app.jobs.manifest import TableRows

_REMEMBERED = 50
"""So many points' databases are kept in mind: a point never changes."""


class DatabasesTab(QWidget):
    """The tab.

    Signals:
        start: a coroutine function that launches a run.
    """

    start = Signal(object)

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
        self._known: dict[str, list[Dump]] = {}
        self._make_parts()
        self._arrange()
        self._databases.selectionModel().selectionChanged.connect(self._on_chosen)
        self._dumps.modelReset.connect(self._on_chosen)
        self._save.clicked.connect(self._on_save)

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _make_parts(self) -> None:
        size, number = self._language.size, "{:,}".format
        self._dumps: RowsModel[Dump] = RowsModel(
            self._language,
            (
                Column(text("Database"), lambda one: one.source, lambda one: one.source),
                Column(text("Server"), lambda one: one.server or one.kind, lambda one: one.server or one.kind),
                Column(text("Tables"), _tables, lambda one: len(one.tables or ()), figures=True),
                Column(text("Rows"), _rows, lambda one: one.rows, figures=True),
                Column(text("Size"), lambda one: size(one.bytes), lambda one: one.bytes, figures=True),
            ),
            self,
        )
        self._tables: RowsModel[TableRows] = RowsModel(
            self._language,
            (
                Column(text("Table"), lambda one: one.table, lambda one: one.table),
                Column(text("Rows"), lambda one: number(one.rows), lambda one: one.rows, figures=True),
            ),
            self,
        )
        self._databases = RowsTable(self._language, self._say(text("Databases of the point")), self._dumps)
        self._databases.give_room(0, {1: "PostgreSQL 15.13 (Debian)", 2: "0000", 3: "000,000,000", 4: "1023 MiB"})
        self._inside = RowsTable(self._language, self._say(text("Tables of the database")), self._tables)
        self._inside.give_room(0, {1: "000,000,000"})
        self._none = EmptyState(self._language, "database", text("No database is in this point."))
        self._reading = EmptyState(self._language, "database", text("Reading what was counted…"))
        self._note = ElidedLabel()
        set_tone(self._note, "muted")
        self._save = TextButton(self._say(text("Save the dump as…")), "primary", "save")

    def _arrange(self) -> None:
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.setChildrenCollapsible(False)
        parts.setHandleWidth(GRID)
        parts.addWidget(self._databases)
        parts.addWidget(self._inside)
        parts.setSizes([2000, 3000])  # in proportion: no part is as tall yet
        self._parts = parts
        self._stack = QStackedWidget()
        for page in (self._reading, self._none, parts):
            self._stack.addWidget(page)
        self._stack.setMinimumHeight(10 * GRID)
        low = QHBoxLayout()
        low.setSpacing(GRID)
        low.addWidget(self._note, 1)
        low.addWidget(self._save)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self._stack, 1)
        column.addLayout(low)

    def show_point(self, site: str, point: PointRow | None) -> None:
        """Shows the databases of this point."""
        self._site, self._point = site, point
        self._dumps.show_rows(())
        self._tables.show_rows(())
        self._note.set_whole("")
        self._stack.setCurrentWidget(self._reading)
        if point is not None:
            self.read_databases()

    @page_task
    async def read_databases(self) -> None:
        """Shows what the list knows, then what the manifest adds."""
        site, point = self._site, self._point
        if point is None:
            return
        known = self._known.get(point.point.id)
        if known is None:
            self._show(await self._bridge.ask(lambda app: asking.known_dumps(app, site, point.point.id)))
        if known is None and self._dumps.total:
            self._note.set_whole(self._say(text("Reading what was counted…")))
            known = await self._bridge.ask(lambda app: asking.counted_dumps(app, site, point.point.id))
            self._remember(point.point.id, known)
        if known is not None:
            self._show(known)
        self._note.set_whole("")

    def _remember(self, point: str, dumps: list[Dump]) -> None:
        self._known[point] = dumps
        while len(self._known) > _REMEMBERED:
            self._known.pop(next(iter(self._known)))

    def _show(self, dumps: list[Dump]) -> None:
        self._dumps.show_rows(dumps)
        self._stack.setCurrentWidget(self._parts if dumps else self._none)
        if dumps:
            self._databases.selectRow(0)

    def show_error(self, error: Problem) -> None:
        """What the list knows stays; why there is no more is said below it."""
        self._note.set_whole(self._say(text("Not counted here: {why}", why=error.what)))

    def _on_chosen(self) -> None:
        chosen: Dump | None = self._databases.chosen
        tables = chosen.tables if chosen is not None else None
        self._tables.show_rows(tables or ())
        self._inside.setVisible(bool(tables))
        self._save.setEnabled(chosen is not None and bool(chosen.path))

    def _on_save(self) -> None:
        chosen: Dump = self._databases.chosen
        name = chosen.path.rpartition("/")[2]
        ask_for_file(self, self._say(text("Save as")), name, partial(self.save, chosen))

    def save(self, dump: Dump, target: str) -> None:
        """Has the dump saved as a file."""
        paths = (dump.path,)
        self.start.emit(partial(asking.save, site=self._site, snapshot=dump.snapshot, paths=paths, target=target))


def _tables(dump: Dump) -> str:
    return "" if dump.tables is None else str(len(dump.tables))


def _rows(dump: Dump) -> str:
    return "" if dump.tables is None else f"{dump.rows:,}"
