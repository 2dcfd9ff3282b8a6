"""Files of the chosen point: opened folder by folder, found by name in this or in all points, read, saved."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, Size, Text, plural, text
from app.ui.bridge import Bridge
from app.ui.models.files import FilesModel, Node, shown_name
from app.ui.models.found_files import IN_POINTS, FoundFile, FoundFiles, columns
from app.ui.models.rows import RowsModel
from app.ui.page_task import page_task, page_task_for_each
from app.ui.pages.snapshots import asking
from app.ui.pages.snapshots.index_strip import IndexStrip
from app.ui.pages.snapshots.indexing import Indexing
from app.ui.pages.snapshots.preview import Preview
from app.ui.theme import GRID
from app.ui.widgets.controls import Choice, ElidedLabel, SearchField, TextButton, set_tone
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.file_tree import FileTree
from app.ui.widgets.questions import ask_for_file, ask_for_folder
from app.ui.widgets.rows_table import RowsTable

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.assembly import Overwinter
    from app.jobs.catalogue.members import Member
    from app.jobs.catalogue.rows import Name, PointRow, Searchable

_TYPING = 150  # milliseconds without a key before names are sought
_CHANGED, _SIZE = "0000-00-00 00:00", "1023 MiB"


class FilesTab(QWidget):
    """The tab.

    Signals:
        start: a coroutine function that launches a run.
        failed: something could not be read; carries a `Problem`.
    """

    start = Signal(object)
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
        self._members: list[Member] = []
        self._times: Mapping[str, datetime] = {}
        self._is_indexed = self._has_skipped = False
        self._previewed = ("", "")
        self._typing = QTimer(self, interval=_TYPING, singleShot=True)
        self._make_parts()
        self._arrange()
        self._connect()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    # --- arrangement ---------------------------------------------------------------------------

    def _make_parts(self) -> None:
        self.search = SearchField(self._say(text("Find a file by its name")))
        self.search.setToolTip(self._say(text("Ctrl+F · a part of a name, or a pattern with * and ?")))
        self._where = Choice(self._say(text("Where to find it")))
        self._where.addItem(self._say(text("In this point")), False)
        self._where.addItem(self._say(text("In all points")), True)
        self.files = FilesModel(self._language, self)
        self.tree = FileTree(self._language, self.files)
        self.found: RowsModel[FoundFile] = RowsModel(self._language, columns(self._language, self._when), self)
        self.hits = RowsTable(self._language, self._say(text("Files that were found")), self.found)
        self.hits.give_room(1, {0: "controllers-000000.php", 2: _SIZE, 3: _CHANGED, 4: "0000"})
        self.preview = Preview(self._language)
        self._loading = EmptyState(self._language, "folder", text("Opening the point…"))
        self._none = EmptyState(self._language, "folder", text("No files are in this point."))
        self._nothing = EmptyState(self._language, "search", text("No name is like this."))
        self._not_read = EmptyState(
            self._language, "search", text("Not all names are read yet. None of the others is like this.")
        )
        self.strip = IndexStrip(self._language)
        self._indexing = Indexing(self._bridge, self.strip)
        self._chosen = ElidedLabel()
        set_tone(self._chosen, "muted")
        self._show = TextButton(self._say(text("Show in its folder")))
        self._open = TextButton(self._say(text("Preview")))
        self._save = TextButton(self._say(text("Save as…")), "primary", "save")

    def _arrange(self) -> None:
        top, low = QHBoxLayout(), QHBoxLayout()
        for row in (top, low):
            row.setSpacing(GRID)
        top.addWidget(self.search, 1)
        top.addWidget(self._where)
        low.addWidget(self._chosen, 1)
        for button in (self._show, self._open, self._save):
            low.addWidget(button)
        self._stack = QStackedWidget()
        for page in (self._loading, self._none, self._nothing, self._not_read, self.tree, self.hits, self.preview):
            self._stack.addWidget(page)
        self._stack.setMinimumHeight(10 * GRID)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(top)
        column.addWidget(self._stack, 1)
        column.addWidget(self.strip)
        column.addLayout(low)

    def _connect(self) -> None:
        self.files.wanted.connect(self._on_wanted)
        self.tree.opened.connect(self._on_opened)
        self.tree.chosen_changed.connect(self._tell_chosen)
        self.hits.opened.connect(self._on_hit_opened)
        self.hits.selectionModel().selectionChanged.connect(self._tell_chosen)
        self.found.modelReset.connect(self._tell_chosen)
        self.search.textChanged.connect(self._on_typed)
        self.search.returnPressed.connect(self._on_search)
        self._where.currentIndexChanged.connect(self._on_search)
        self._typing.timeout.connect(self._on_search)
        self.strip.stop_wanted.connect(self._on_stop)
        self.strip.begin_wanted.connect(self._on_begin)
        self.preview.left.connect(self._on_left)
        self._show.clicked.connect(self._on_show)
        self._open.clicked.connect(self._on_preview)
        self._save.clicked.connect(self._on_save)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self, self._on_find)

    # --- what is shown -------------------------------------------------------------------------

    def set_times(self, times: Mapping[str, datetime]) -> None:
        """When each point was made, by its id: so it is called where files of several stand in one list."""
        self._times = times

    def _when(self, point: str) -> str:
        at = self._times.get(point)
        return point[:8] if at is None else self._language.moment(at, datetime.now(UTC))

    def show_point(self, site: str, point: PointRow | None) -> None:
        """Shows the files of this point."""
        self._site, self._point = site, point
        self._members = []
        self._is_indexed = False
        self.files.show_sources(())
        self.strip.say(None)
        self._turn_to(self._loading)
        if point is not None:
            self.open_files()
            if self._words and self._where.currentData():
                self._turn_to(self.hits)
            elif self._words:
                self.find_names()

    @page_task
    async def open_files(self) -> None:
        """Shows the sources of the point with their first level, and has names indexed that are not."""
        site, point = self._site, self._point
        if point is None:
            return
        members = await self._bridge.ask(lambda app: app.catalogue.members(site, point.point.id))
        self._members = [member for member in members if not member.is_database]
        self.files.show_sources(self._members)
        for node in self.files.sources():
            self.tree.open_folder(node)
        if not self._words:
            self._show_files()
        await self._index()

    def _show_files(self) -> None:
        self._turn_to(self.tree if self._members else self._none)

    def _turn_to(self, page: QWidget) -> None:
        """Shows this, and what can be done with what is chosen in it."""
        if self._stack.currentWidget() is not page:
            self._stack.setCurrentWidget(page)
            self._tell_chosen()

    def _on_wanted(self, node: Node) -> None:
        self._read_folder(node.key, node)

    @page_task_for_each
    async def _read_folder(self, _key: str, node: Node) -> None:
        site, rest = self._site, node.rest
        try:
            level = await self._bridge.ask(lambda app: app.catalogue.level(site, node.snapshot, node.path, rest))
        except BaseException:
            self.files.failed(node)
            raise
        self.files.take(node, level, rest)
        if self._is_indexed:
            await self._indexing.improve(site, self.files, [node])

    def show_error(self, error: Problem) -> None:
        """Tells the page."""
        self.failed.emit(error)

    # --- names ---------------------------------------------------------------------------------

    async def _index(self) -> None:
        """Has the names of the point indexed, one source after the other, and says how far that is."""
        for member in self._members:
            if not await self._indexing.make(self._site, member.snapshot, member.source):
                self._indexing.tell_missing(1)
                return
        self.strip.say(None)
        self._is_indexed = True
        if self._words and self._has_skipped:
            self.find_names()
        await self._indexing.improve(self._site, self.files, self.files.read_folders())

    def _on_stop(self) -> None:
        self.stop_reading()

    @page_task
    async def stop_reading(self) -> None:
        """Stops the index that is being made."""
        await self._indexing.stop(self._site)

    def _on_begin(self) -> None:
        if self._words:
            self.read_missing()
        else:
            self.open_files()

    @page_task
    async def read_missing(self) -> None:
        """Indexes what the search had to leave out, and seeks again."""
        for tree in await self._trees():
            if not await self._indexing.make(self._site, tree.snapshot, tree.source):
                break
        self.find_names()

    # --- search --------------------------------------------------------------------------------

    @property
    def _words(self) -> str:
        return self.search.text().strip()

    def _on_find(self) -> None:
        self.search.setFocus()
        self.search.selectAll()

    def _on_typed(self, _words: str) -> None:
        self._typing.start()

    def _on_search(self) -> None:
        self._typing.stop()
        if self._words:
            self.find_names()
        else:
            self._end_search()

    def _end_search(self) -> None:
        searching = self.tasks.get("find_names")
        if searching is not None:
            searching.cancel()
        self.found.show_rows(())
        if not self._indexing.reading:
            self.strip.say(None)
        self._show_files()

    async def _trees(self) -> list[Searchable]:
        site, point = self._site, self._point
        wanted = "" if self._where.currentData() or point is None else point.point.id
        return await self._bridge.ask(lambda app: app.catalogue.searchable(site, wanted))

    @page_task
    async def find_names(self) -> None:
        """Shows the names that are like the words, those of the newest point first."""
        site, words, gathered, skipped = self._site, self._words, FoundFiles(), 0
        self.hits.setColumnHidden(IN_POINTS, not self._where.currentData())
        self.found.show_rows(())
        for tree in await self._trees():
            names = await self._bridge.ask(partial(_found, site, tree.snapshot, words))
            if names is None:
                skipped += 1
            elif new := gathered.add(tree, names):
                self.found.append(new)
                self._turn_to(self.hits)
        self.hits.viewport().update()
        self._has_skipped = bool(skipped)
        if not self.found.rowCount():
            self._turn_to(self._not_read if skipped else self._nothing)
        self._tell_search(skipped)

    def _tell_search(self, skipped: int) -> None:
        if self._indexing.reading:
            return
        if skipped:
            self._indexing.tell_missing(skipped)
        else:
            self.strip.say(plural("{count} file found.", "{count} files found.", self.found.total))

    # --- what is done with a file --------------------------------------------------------------

    @property
    def _picked(self) -> list[tuple[str, str]]:
        """Snapshot and path of what is chosen, in the list that is shown."""
        if self._stack.currentWidget() is self.hits:
            hit: FoundFile | None = self.hits.chosen
            return [] if hit is None else [(hit.snapshot, hit.name.path)]
        if self._stack.currentWidget() is self.tree:
            return [(node.snapshot, node.path) for node in self.tree.chosen]
        return [self._previewed] if self._stack.currentWidget() is self.preview else []

    def _tell_chosen(self) -> None:
        hit = self._stack.currentWidget() is self.hits
        picked = self._picked
        self._show.setVisible(hit)
        self._show.setEnabled(bool(picked))
        self._open.setEnabled(len(picked) == 1 and self._is_file())
        one_snapshot = len({snapshot for snapshot, _ in picked}) == 1
        self._save.setEnabled(one_snapshot)
        self._save.setToolTip("" if one_snapshot or not picked else self._say(text("Choose names of one source.")))
        self._chosen.set_whole(self._chosen_words(picked))

    def _is_file(self) -> bool:
        if self._stack.currentWidget() is self.hits:
            hit: FoundFile | None = self.hits.chosen
            return hit is not None and hit.name.type == "file"
        nodes = self.tree.chosen if self._stack.currentWidget() is self.tree else []
        return bool(nodes) and nodes[0].name is not None and nodes[0].name.type == "file"

    def _chosen_words(self, picked: list[tuple[str, str]]) -> str:
        if len(picked) == 1:
            return shown_name(picked[0][1])
        if not picked:
            return ""
        size = sum(node.name.size for node in self.tree.chosen if node.name is not None)
        chosen = plural("{count} name chosen", "{count} names chosen", len(picked))
        return self._say(text("{chosen}, {size}", chosen=chosen, size=Size(size)))

    def _on_opened(self, node: Node) -> None:
        if node.name is not None:
            self.read_file(node.snapshot, node.path, node.name.size)

    def _on_hit_opened(self) -> None:
        self._on_preview()

    def _on_preview(self) -> None:
        if self._stack.currentWidget() is self.hits and self.hits.chosen is not None and self._is_file():
            self.read_file(self.hits.chosen.snapshot, self.hits.chosen.name.path, self.hits.chosen.name.size)
        elif self._stack.currentWidget() is self.tree and self.tree.chosen:
            self._on_opened(self.tree.chosen[0])

    @page_task
    async def read_file(self, snapshot: str, path: str, size: int) -> None:
        """Shows the beginning of a file."""
        site = self._site
        self._previewed = (snapshot, path)
        self.preview.begin(shown_name(path))
        self._turn_to(self.preview)
        try:
            content = await self._bridge.ask(lambda app: asking.head(app, site, snapshot, path))
        except Exception:
            self._on_left()
            raise
        self.preview.show_content(content, size)

    def _on_left(self) -> None:
        reading = self.tasks.get("read_file")
        if reading is not None and reading is not asyncio.current_task():
            reading.cancel()
        shown = self.hits if self._words else self.tree
        self._turn_to(shown)
        shown.setFocus()

    def _on_show(self) -> None:
        hit: FoundFile | None = self.hits.chosen
        if hit is not None:
            self.reveal(hit)

    @page_task
    async def reveal(self, hit: FoundFile) -> None:
        """Shows a found file in its folder, in the point that is open."""
        self.search.clear()
        self._end_search()
        way = await self._indexing.reach(self._site, self.files, hit.source, hit.name.path)
        for node in way[:-1]:
            self.tree.expand(self.files.index_of(node))
        if way:
            self.tree.choose(way[-1])
            self.tree.setFocus()
        else:
            self.strip.say(text("{name} is not in this point.", name=shown_name(hit.name.path)))

    def _on_save(self) -> None:
        picked = self._picked
        if len(picked) == 1:
            name = PurePosixPath(picked[0][1]).name or self._site
            ask_for_file(self, self._say(text("Save as")), name, partial(self.save, tuple(picked)))
        else:
            ask_for_folder(self, self._say(text("Save into a new folder in")), partial(self.save, tuple(picked)))

    def save(self, picked: tuple[tuple[str, str], ...], target: str) -> None:
        """Has these names of one snapshot saved: one as the target, several into a new folder in it."""
        snapshot, paths = picked[0][0], tuple(path for _, path in picked)
        if len(paths) > 1 and self._point is not None:
            at = self._point.point.time.astimezone()
            target = f"{target.rstrip('/')}/{self._site} {at:%Y-%m-%d %H%M}"
        self.start.emit(partial(asking.save, site=self._site, snapshot=snapshot, paths=paths, target=target))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key. Esc ends a search."""
        if event.key() == Qt.Key.Key_Escape and self._words:
            self.search.clear()
            self._on_search()
            self.tree.setFocus()
        else:
            super().keyPressEvent(event)


async def _found(site: str, snapshot: str, words: str, app: Overwinter) -> list[Name] | None:
    return await app.catalogue.find(site, snapshot, words)
