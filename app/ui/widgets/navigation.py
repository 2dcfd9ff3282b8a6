"""The way around the window: which site, which page; icons with words, each with its key."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QShortcut
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, plural, text
from app.ui import icons
from app.ui.theme import GRID, body_font, tones_now
from app.ui.widgets.controls import Choice, TextButton

WIDTH = 27 * GRID
_BAR = 3
_BADGE = 20


class Entry(TextButton):
    """A place to go to. A number on it says how much there waits to be seen."""

    def __init__(self, icon: icons.Name, word: str, parent: QWidget | None = None) -> None:
        super().__init__(word, icon=icon, parent=parent)
        self.setObjectName("entry")
        self.setCheckable(True)
        self._word = word
        self._waiting = 0

    def show_waiting(self, count: int, name: str) -> None:
        """Shows how much waits; `name` says it to who does not see it."""
        self._waiting = count
        self.setAccessibleName(name)
        self.update()

    def nextCheckState(self) -> None:
        """Qt: pressed; whether one is there is shown when one is there."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key. Up and down go from entry to entry."""
        if event.key() == Qt.Key.Key_Down:
            self.focusNextChild()
        elif event.key() == Qt.Key.Key_Up:
            self.focusPreviousChild()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: the button, a bar where one is, and the number."""
        super().paintEvent(event)
        painter, tones = QPainter(self), tones_now()
        if self.isChecked():
            painter.fillRect(0, GRID, _BAR, self.height() - 2 * GRID, QColor(tones.accent))
        if self._waiting:
            self._paint_number(painter, tones.on_accent, tones.accent)

    def _paint_number(self, painter: QPainter, ink: str, ground: str) -> None:
        said = str(self._waiting) if self._waiting < 100 else "99+"
        painter.setFont(body_font(points=9, strong=True))
        width = max(_BADGE, painter.fontMetrics().horizontalAdvance(said) + GRID)
        room = QRect(self.width() - width - GRID, (self.height() - _BADGE) // 2, width, _BADGE)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(ground))
        painter.drawRoundedRect(room, _BADGE / 2, _BADGE / 2)
        painter.setPen(QColor(ink))
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, said)


class Navigation(QFrame):
    """The sites and the pages.

    Signals:
        site_chosen: a person chose another site; carries its name.
        page_chosen: a person wants to see a page; carries its key.
    """

    site_chosen = Signal(str)
    page_chosen = Signal(str)

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._entries: dict[str, Entry] = {}
        self._words: dict[str, Text] = {}
        self._of_sites: set[str] = set()
        self.setObjectName("navigation")
        self.setFixedWidth(WIDTH)
        self.setAccessibleName(self._say(text("Navigation")))
        self.sites = Choice(self._say(text("Site")))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(GRID, 2 * GRID, GRID, GRID)
        self._column.setSpacing(GRID // 2)
        self._column.addWidget(self.sites)
        self._column.addSpacing(GRID)
        self._foot = self._column.count()
        self._column.addStretch(1)
        self.sites.currentIndexChanged.connect(self._on_site_chosen)

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    @property
    def site(self) -> str:
        """The name of the chosen site, "" while there is none."""
        return str(self.sites.currentData() or "")

    def show_sites(self, titles: Mapping[str, str], chosen: str) -> None:
        """Offers these sites (titles by name), one of them chosen; nothing is told of it."""
        self.sites.blockSignals(True)
        self.sites.clear()
        for row, (name, title) in enumerate(titles.items()):
            self.sites.addItem(title or name, name)
            self.sites.setItemData(row, f"{title}\n{name}", Qt.ItemDataRole.ToolTipRole)
        self.sites.setCurrentIndex(max(0, self.sites.findData(chosen)))
        self.sites.setToolTip(self.sites.currentText())
        self.sites.setVisible(bool(titles))
        self.sites.blockSignals(False)

    def choose_site(self, site: str) -> None:
        """Chooses a site as a person would."""
        self.sites.setCurrentIndex(self.sites.findData(site))

    def add_page(self, key: str, icon: icons.Name, word: Text) -> None:
        """A page of the chosen site; its key is the next of Ctrl+1, Ctrl+2 …"""
        number = len(self._entries) + 1
        entry = self._entry(key, icon, word, f"Ctrl+{number}")
        self._of_sites.add(key)
        self._column.insertWidget(self._foot, entry)
        self._foot += 1

    def add_place(self, key: str, icon: icons.Name, word: Text, keys: str = "", *, needs_site: bool = False) -> None:
        """A place that is no page of one site, at the foot; with `needs_site` only where there is one."""
        self._column.addWidget(self._entry(key, icon, word, keys))
        if needs_site:
            self._of_sites.add(key)

    def _entry(self, key: str, icon: icons.Name, word: Text, keys: str) -> Entry:
        entry = Entry(icon, self._say(word))
        entry.setToolTip(f"{self._say(word)} ({keys})" if keys else self._say(word))
        entry.clicked.connect(lambda: self.page_chosen.emit(key))
        if keys:
            QShortcut(QKeySequence(keys), self, entry.click)
        self._entries[key], self._words[key] = entry, word
        return entry

    def add_button(self, button: QWidget) -> None:
        """Something to press that is no place, at the foot."""
        self._column.addWidget(button)

    def show_page(self, key: str) -> None:
        """This page is shown now."""
        for each, entry in self._entries.items():
            entry.setChecked(each == key)

    def focus_on(self, key: str) -> None:
        """Gives the keyboard to an entry."""
        self._entries[key].setFocus()

    def show_waiting(self, key: str, count: int) -> None:
        """So much waits to be seen on a page."""
        word = self._words[key]
        waiting = plural("{page}, {count} notice to be seen", "{page}, {count} notices to be seen", count, page=word)
        self._entries[key].show_waiting(count, self._say(waiting if count else word))

    def offer_pages(self, *, offered: bool) -> None:
        """There are sites, or none whose pages could be shown."""
        for key, entry in self._entries.items():
            entry.setVisible(offered or key not in self._of_sites)

    def _on_site_chosen(self, _row: int) -> None:
        self.sites.setToolTip(self.sites.currentText())
        self.site_chosen.emit(self.site)
