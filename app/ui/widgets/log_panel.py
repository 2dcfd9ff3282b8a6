"""The log view with its bar: search, level, follow, pause, copy, open the file, and a line that says how it stands."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, plural, text
from app.ui.icons import Name
from app.ui.theme import GRID
from app.ui.widgets.controls import Choice, IconButton, SearchField
from app.ui.widgets.log_search import Found
from app.ui.widgets.log_text import Level
from app.ui.widgets.log_view import LogView

_NOTE = 4000  # milliseconds that a note stands before the count of lines comes back

_LEVELS = (
    (Level.INFO, text("All lines")),
    (Level.WARNING, text("Warnings")),
    (Level.ERROR, text("Errors")),
)


class LogPanel(QWidget):
    """A log with everything a person does with it; `view` takes the lines.

    Signals:
        file_wanted: the person wants to see the whole log's file.
    """

    file_wanted = Signal()

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self.view = LogView(language)
        self._wanted = SearchField(self._say(text("Find in the log")))
        self._previous = self._button("chevron-up", text("Previous find"), self.view.search_previous)
        self._next = self._button("chevron-down", text("Next find"), self.view.search_next)
        self._finds = QLabel()
        self._level = Choice(self._say(text("Which lines")))
        self._follow = self._switch("follow", text("Follow the end"), text("Follow"), self.view.set_following)
        self._pause = self._switch(
            "pause", text("Pause: lines are kept, the view stands"), text("Pause"), self._on_pause
        )
        self._copy = self._button("copy", text("Copy the selected lines"), self.view.copy)
        self._open = self._button("open", text("Open the log file"), self.file_wanted.emit)
        self._state = QLabel()
        self._note_shown = QTimer(self, singleShot=True, interval=_NOTE)
        self._arrange()
        self._connect()
        self._note_shown.timeout.connect(self._on_refreshed)
        self._show_search(None)
        self._on_refreshed()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _button(self, icon: Name, name: Text, act: Callable[[], object]) -> IconButton:
        made = IconButton(icon, self._say(name))
        made.clicked.connect(act)
        return made

    def _switch(self, icon: Name, name: Text, word: Text, turn: Callable[[bool], object]) -> IconButton:
        made = IconButton(icon, self._say(name), self._say(word))
        made.setCheckable(True)
        made.clicked.connect(turn)
        return made

    def _arrange(self) -> None:
        self._wanted.setMinimumWidth(14 * GRID)
        self._wanted.setMaximumWidth(36 * GRID)
        for label in (self._finds, self._state):
            label.setProperty("tone", "muted")
        for level, name in _LEVELS:
            self._level.addItem(self._say(name), level)
        self._follow.setChecked(True)
        self._copy.setEnabled(False)
        self._bar = bar = QHBoxLayout()
        bar.setSpacing(GRID // 2)
        search: tuple[QWidget, ...] = (self._wanted, self._previous, self._next, self._finds)
        rest: tuple[QWidget, ...] = (self._level, self._follow, self._pause, self._copy, self._open)
        for widget in search:
            bar.addWidget(widget)
        bar.addStretch(1)
        for widget in rest:
            bar.addWidget(widget)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(GRID)
        whole.addLayout(bar)
        whole.addWidget(self.view, 1)
        whole.addWidget(self._state)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: there is more room, or less: words go before anything is cut."""
        super().resizeEvent(event)
        self._fit_words()

    def showEvent(self, event: QShowEvent) -> None:
        """Qt: only now the look says how large words are."""
        super().showEvent(event)
        self._fit_words()

    def _fit_words(self) -> None:
        words = (self._follow, self._pause)
        for button in words:
            button.show_word(True)
        self._bar.invalidate()  # it learns of its parts' new sizes later than it is asked
        if self._bar.sizeHint().width() > self.width():
            for button in words:
                button.show_word(False)

    def _connect(self) -> None:
        self._wanted.textChanged.connect(self.view.search)
        self._wanted.returnPressed.connect(self.view.search_next)
        self._level.currentIndexChanged.connect(self._on_level_chosen)
        self.view.follow_changed.connect(self._follow.setChecked)
        self.view.pause_changed.connect(self._on_pause_changed)
        self.view.search_changed.connect(self._show_search)
        self.view.search_wanted.connect(self._on_search_wanted)
        self.view.file_wanted.connect(self.file_wanted)
        self.view.refreshed.connect(self._on_refreshed)
        self.view.noted.connect(self._on_noted)
        self.view.selection_changed.connect(self._copy.setEnabled)
        whole, field = Qt.ShortcutContext.WidgetWithChildrenShortcut, Qt.ShortcutContext.WidgetShortcut
        QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self, self._on_search_wanted, context=whole)
        QShortcut(QKeySequence("Shift+Return"), self._wanted, self.view.search_previous, context=field)
        QShortcut(QKeySequence("Esc"), self._wanted, self._on_escape, context=field)

    def _on_level_chosen(self, _index: int) -> None:
        self.view.set_level(Level(self._level.currentData()))

    def _on_pause(self, on: bool) -> None:
        self.view.set_paused(on)

    def _on_pause_changed(self, on: bool) -> None:
        self._pause.setChecked(on)
        self._pause.set_icon("play" if on else "pause")

    def _on_search_wanted(self) -> None:
        self._wanted.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._wanted.selectAll()

    def _on_escape(self) -> None:
        self._wanted.clear()
        self.view.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _show_search(self, found: Found | None) -> None:
        for button in (self._previous, self._next):
            button.setEnabled(found is not None and found.total > 0)
            button.setVisible(found is not None)
        self._finds.setText("" if found is None else self._say(_of_finds(found)))
        self._finds.setVisible(found is not None)
        self._fit_words()

    def _on_refreshed(self) -> None:
        if not self._note_shown.isActive():
            self._state.setText(self._say(_standing(self.view)))

    def _on_noted(self, note: Text) -> None:
        self._state.setText(self._say(note))
        self._note_shown.start()


def _of_finds(found: Found) -> Text:
    if not found.total:
        return text("not found") if found.complete else text("searching…")
    if found.current:
        return text("{current} of {total}", current=found.current, total=found.total)
    return plural("{count} line", "{count} lines", found.total)


def _standing(view: LogView) -> Text:
    lines = plural("{count} line", "{count} lines", view.line_count)
    if not view.paused:
        return lines
    waiting = plural("{count} new line waits", "{count} new lines wait", view.waiting)
    return text("{lines} · paused, {waiting}", lines=lines, waiting=waiting)
