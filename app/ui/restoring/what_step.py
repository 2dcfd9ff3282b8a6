"""The second step: which parts of the point, and where to."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.foundation.words import Language, Size, Text, text
from app.ui.restoring.wish import PART_WORDS, WAY_WORDS, Part, Way, Wish
from app.ui.theme import GRID, heading_font
from app.ui.widgets.controls import TextButton, label
from app.ui.widgets.option import Option
from app.ui.widgets.page_scroll import PageScroll
from app.ui.widgets.questions import ask_for_folder
from app.ui.widgets.tick import Tick


class WhatStep(QWidget):
    """Two columns of choices.

    Signals:
        changed: whether one can go on may be another now.
    """

    changed = Signal()

    def __init__(self, language: Language, wish: Wish, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._wish = wish
        self._sources: dict[str, Tick] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3 * GRID)
        self._parts = {part: Option(self._say(words), parent=self) for part, words in PART_WORDS.items()}
        left = self._what_side()
        right = self._how_side()
        row.addWidget(left, 4)
        row.addWidget(right, 5)
        self._parts[Part.BOTH].setChecked(True)
        self._ways[Way.SWAP].setChecked(True)
        self._tell()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _what_side(self) -> QWidget:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(label(self._say(text("What comes back")), font=heading_font()))
        for part, option in self._parts.items():
            option.setParent(inside)
            column.addWidget(option)
            option.toggled.connect(partial(self._on_part, part))
        self._ticks = QWidget(inside)
        self._tick_column = QVBoxLayout(self._ticks)
        self._tick_column.setContentsMargins(4 * GRID, 0, 0, 0)
        self._tick_column.setSpacing(0)
        column.addWidget(self._ticks)
        column.addStretch(1)
        return PageScroll(inside, self._say(text("What comes back")), self)

    def _how_side(self) -> QWidget:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(label(self._say(text("Where to")), font=heading_font()))
        self._ways: dict[Way, Option] = {}
        made = {Way.FOLDER: self._folder_part, Way.DATABASE: self._database_part, Way.SWAP: self._safety_part}
        self._folder_box = self._database_box = self._safety_box = QWidget()
        for way, (word, about) in WAY_WORDS.items():
            option = self._ways[way] = Option(self._say(word), self._say(about), inside)
            column.addWidget(option)
            option.toggled.connect(partial(self._on_way, way))
            if way in made:
                column.addWidget(made[way](inside))
        column.addStretch(1)
        return PageScroll(inside, self._say(text("Where to")), self)

    def _safety_part(self, inside: QWidget) -> QWidget:
        self._safety_box = QWidget(inside)
        column = _indented(self._safety_box)
        self._safety = Tick(self._say(text("Back up first")), self._safety_box)
        self._safety.setChecked(True)
        self._safety.toggled.connect(self._on_safety)
        column.addWidget(self._safety)
        return self._safety_box

    def _folder_part(self, inside: QWidget) -> QWidget:
        self._folder_box = QWidget(inside)
        column = _indented(self._folder_box)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self._folder = QLineEdit(self._folder_box)
        self._folder.setAccessibleName(self._say(text("Folder that it comes into")))
        self._folder.setPlaceholderText(self._say(text("An empty folder, or one that is not there yet")))
        self._folder.textChanged.connect(self._on_folder)
        button = TextButton(self._say(text("Choose…")), icon="folder", parent=self._folder_box)
        button.clicked.connect(self._on_choose)
        row.addWidget(self._folder, 1)
        row.addWidget(button)
        self._here = Tick(self._say(text("On this computer")), self._folder_box)
        self._here.setChecked(True)
        self._here.toggled.connect(self._on_here)
        column.addLayout(row)
        column.addWidget(self._here)
        return self._folder_box

    def _database_part(self, inside: QWidget) -> QWidget:
        self._database_box = QWidget(inside)
        column = _indented(self._database_box)
        self._database = QLineEdit(self._database_box)
        self._database.setAccessibleName(self._say(text("Name of the new database")))
        self._database.setPlaceholderText(self._say(text("Name of the new database")))
        self._database.textChanged.connect(self._on_database)
        column.addWidget(self._database)
        return self._database_box

    # --- what is in the point ------------------------------------------------------------------

    def show_contents(self) -> None:
        """The chosen point is another one: what can be ticked is what it holds."""
        if self._wish.contents is None:
            return
        for tick in self._sources.values():
            self._tick_column.removeWidget(tick)
            tick.deleteLater()
        self._sources = {}
        for entry in self._wish.contents.entries:
            there = entry.snapshot != ""
            size = Size(entry.bytes) if there else text("not in this point")
            tick = Tick(self._say(text("{source} ({size})", source=entry.source, size=size)), self._ticks)
            tick.setChecked(entry.source in self._wish.sources and there)
            tick.setEnabled(there)
            tick.toggled.connect(self._on_source)
            self._tick_column.addWidget(tick)
            self._sources[entry.source] = tick
        self._on_source()

    def choose(self, sources: tuple[str, ...]) -> None:
        """Begins with these sources."""
        self._wish.sources = sources
        self._parts[Part.CHOSEN].setChecked(True)

    # --- what was chosen -----------------------------------------------------------------------

    def _on_part(self, part: Part, is_on: bool) -> None:
        if is_on:
            self._wish.part = part
            self._tell()

    def _on_way(self, way: Way, is_on: bool) -> None:
        if is_on:
            self._wish.way = way
            self._tell()

    def _on_source(self) -> None:
        self._wish.sources = tuple(name for name, tick in self._sources.items() if tick.isChecked())
        self._tell()

    def _on_safety(self, is_on: bool) -> None:
        self._wish.safety = is_on
        self._tell()

    def _on_here(self, is_on: bool) -> None:
        self._wish.here = is_on

    def _on_folder(self, typed: str) -> None:
        self._wish.folder = typed.strip()
        self._tell()

    def _on_database(self, typed: str) -> None:
        self._wish.database = typed.strip()
        self._tell()

    def _on_choose(self) -> None:
        ask_for_folder(self, self._say(text("The folder that it comes into")), self._folder.setText)

    def _tell(self) -> None:
        wish = self._wish
        self._ticks.setVisible(wish.part is Part.CHOSEN)
        self._safety_box.setVisible(wish.replaces)
        self._folder_box.setVisible(wish.way is Way.FOLDER)
        self._database_box.setVisible(wish.way is Way.DATABASE)
        wish.accepted.clear()  # what was accepted of another order says nothing of this one
        self.changed.emit()


def _indented(box: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(box)
    column.setContentsMargins(4 * GRID, 0, GRID, GRID)
    column.setSpacing(GRID // 2)
    return column
