"""Ctrl+K: find anything by a few letters of it: sites, pages, runs, points, actions."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QAbstractListModel, QEvent, QObject, QRect, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.foundation.words import Language, text
from app.ui import icons
from app.ui.models.points import NOWHERE, Index
from app.ui.theme import GRID, TARGET, tones_now
from app.ui.widgets.controls import SearchField

SHOWN = 60
_ICON = 20


class Findable(NamedTuple):
    """Something that can be gone to or done: what it is called, what it is, and the way to it."""

    icon: icons.Name
    words: str
    kind: str
    go: Callable[[], object]


class FoundModel(QAbstractListModel):
    """What fits the words that were typed, best first: what begins with them before what holds them."""

    FOUND = Qt.ItemDataRole.UserRole

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: list[tuple[Findable, str]] = []
        self._words = ""
        self._shown: list[Findable] = []

    def offer(self, findables: Iterable[Findable]) -> None:
        """These can be found."""
        self.beginResetModel()
        self._all = [(one, f"{one.words} {one.kind}".casefold()) for one in findables]
        self._shown = self._fitting()
        self.endResetModel()

    def look_for(self, words: str) -> None:
        """Shows what has all these words in it."""
        self.beginResetModel()
        self._words = words
        self._shown = self._fitting()
        self.endResetModel()

    def _fitting(self) -> list[Findable]:
        words = self._words.casefold().split()
        fitting = [(one, sought) for one, sought in self._all if all(word in sought for word in words)]
        first = words[0] if words else ""
        return [one for one, sought in sorted(fitting, key=lambda pair: not pair[1].startswith(first))[:SHOWN]]

    def found(self, row: int) -> Findable:
        """What stands in a row."""
        return self._shown[row]

    def rowCount(self, parent: Index = NOWHERE) -> int:
        """Qt: how much fits."""
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Qt: what stands in a row."""
        if not index.isValid():
            return None
        one = self._shown[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return one.words
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{one.words}, {one.kind}"
            case self.FOUND:
                return one
            case _:
                return None


class FoundDelegate(QStyledItemDelegate):
    """Paints what was found: its icon, its words, and on the right what it is."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """Qt: a row for a gloved hand."""
        return QSize(40 * GRID, TARGET)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Qt: paints a row."""
        one: Findable = index.data(FoundModel.FOUND)
        tones, room = tones_now(), QRect(option.rect)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(room, QColor(tones.selection))
        room = room.adjusted(GRID, 0, -2 * GRID, 0)
        drawn = icons.pixmap(one.icon, tones.text, _ICON, painter.device().devicePixelRatio())
        painter.drawPixmap(room.left(), room.top() + (room.height() - _ICON) // 2, drawn)
        room = room.adjusted(_ICON + GRID, 0, 0, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(tones.text))
        kind = painter.fontMetrics().horizontalAdvance(one.kind)
        words = room.adjusted(0, 0, -kind - 2 * GRID, 0)
        shown = painter.fontMetrics().elidedText(one.words, Qt.TextElideMode.ElideRight, words.width())
        painter.drawText(words, middle | Qt.AlignmentFlag.AlignLeft, shown)
        painter.setPen(QColor(tones.muted))
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignRight, one.kind)
        painter.restore()


class Finder(QDialog):
    """A field and below it what fits; Enter goes there."""

    def __init__(self, language: Language, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(language.render(text("Find anything")))
        self.field = SearchField(language.render(text("A site, a page, a run, a point, an action")))
        self.model = FoundModel(self)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setItemDelegate(FoundDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setAccessibleName(language.render(text("Found")))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.field.textChanged.connect(self._on_typed)
        self.field.returnPressed.connect(self._go)
        self.field.installEventFilter(self)
        self.list.clicked.connect(lambda _: self._go())
        self.list.activated.connect(lambda _: self._go())
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        column.setSpacing(GRID)
        column.addWidget(self.field)
        column.addWidget(self.list, 1)
        self.resize(80 * GRID, 56 * GRID)

    def offer(self, findables: Sequence[Findable]) -> None:
        """These can be found; what was typed stays."""
        self.model.offer(findables)
        self._choose(0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt: the arrows go through what was found while letters are typed."""
        if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
            steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 8, Qt.Key.Key_PageUp: -8}
            step = steps.get(Qt.Key(event.key()))
            if step is not None:
                self._choose(self.list.currentIndex().row() + step)
                return True
        return super().eventFilter(watched, event)

    def _choose(self, row: int) -> None:
        last = self.model.rowCount() - 1
        if last >= 0:
            self.list.setCurrentIndex(self.model.index(min(last, max(0, row))))

    def _on_typed(self, words: str) -> None:
        self.model.look_for(words)
        self._choose(0)

    def _go(self) -> None:
        index = self.list.currentIndex()
        if index.isValid():
            one = self.model.found(index.row())
            self.accept()
            one.go()
