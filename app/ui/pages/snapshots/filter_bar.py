"""Which points are meant: words, layer, host, tag, from and to, and in which order they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLineEdit, QWidget

from app.foundation.words import Language, Text, text
from app.ui.models.recovery_points import ORDER_WORDS, Filter, Order
from app.ui.theme import GRID
from app.ui.widgets.controls import Choice, IconButton, SearchField

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.catalogue.rows import PointRow

_DAY_FORMAT = "2026-12-31"
NARROW = 112 * GRID
"""With less room the field would have no place for a word."""


class DayField(QLineEdit):
    """A day as it is written in lists; what is no day asks for nothing, and is marked."""

    def __init__(self, language: Language, name: Text, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText(language.render(name))
        self.setAccessibleName(language.render(name))
        self.setToolTip(language.render(text("{name}: a day such as {day}", name=name, day=_DAY_FORMAT)))
        self.setFixedWidth(self.fontMetrics().horizontalAdvance(_DAY_FORMAT) + 3 * GRID)

    @property
    def day(self) -> date | None:
        """What was typed; None for nothing, and for what is no day."""
        try:
            return date.fromisoformat(self.text().strip())
        except ValueError:
            return None


class FilterBar(QWidget):
    """The bar.

    Signals:
        changed: other points are meant, or in another order.
    """

    changed = Signal()

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._clearing = self._narrow = False
        self.search = SearchField(language.render(text("Find a point")))
        self._layer = self._choice(text("Layer"), text("Any layer"))
        self._host = self._choice(text("Host"), text("Any host"))
        self._tag = self._choice(text("Tag"), text("Any tag"))
        self._order = Choice(language.render(text("Order")))
        for order, word in ORDER_WORDS.items():
            self._order.addItem(language.render(word), order)
        self._since = DayField(language, text("From"))
        self._until = DayField(language, text("To"))
        self._clear = IconButton("cancel", language.render(text("Show all points")))
        self._clear.setEnabled(False)
        self._arrange()
        self._connect()

    def _choice(self, name: Text, everything: Text) -> Choice:
        made = Choice(self._language.render(name))
        made.addItem(self._language.render(everything), "")
        made.setMinimumWidth(13 * GRID)
        made.setMaximumWidth(max(16 * GRID, made.sizeHint().width()))
        return made

    def _arrange(self) -> None:
        self._first, self._row = QHBoxLayout(), QHBoxLayout()
        for row in (self._first, self._row):
            row.setSpacing(GRID)
        self._first.addWidget(self.search, 1)
        for part in (self._layer, self._host, self._tag, self._since, self._until, self._clear, self._order):
            self._row.addWidget(part)
        self._row.addStretch(0)
        self._both = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._both.setContentsMargins(0, 0, 0, 0)
        self._both.setSpacing(GRID)
        self._both.addLayout(self._first, 1)
        self._both.addLayout(self._row)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        """Qt: in a narrow window the field stands above the choices, and the order beside it."""
        super().resizeEvent(event)
        if (self.width() < NARROW) != self._narrow:
            self._narrow = not self._narrow
            self._fold()

    def _fold(self) -> None:
        sideways, below = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._both.setDirection(below if self._narrow else sideways)
        (self._row if self._narrow else self._first).removeWidget(self._order)
        if self._narrow:
            self._first.addWidget(self._order)
        else:
            self._row.insertWidget(self._row.count() - 1, self._order)
        self._row.setStretch(self._row.count() - 1, int(self._narrow))

    def _connect(self) -> None:
        for field in (self.search, self._since, self._until):
            field.textChanged.connect(self._on_changed)
        for choice in (self._layer, self._host, self._tag, self._order):
            choice.currentIndexChanged.connect(self._on_changed)
        self._clear.clicked.connect(self.clear)

    def _on_changed(self, _value: object) -> None:
        if not self._clearing:
            self._clear.setEnabled(self.wanted != Filter())
            self.changed.emit()

    @property
    def wanted(self) -> Filter:
        """Which points are meant."""
        return Filter(
            words=self.search.text().strip(),
            tag=self._tag.currentData() or "",
            host=self._host.currentData() or "",
            layer=self._layer.currentData() or "",
            since=self._since.day,
            until=self._until.day,
        )

    @property
    def order(self) -> Order:
        """In which order they stand."""
        return Order(self._order.currentData())

    def clear(self) -> None:
        """All points are meant."""
        self._clearing = True  # told once; a blocked field would keep the button that clears it
        for field in (self.search, self._since, self._until):
            field.clear()
        for choice in (self._layer, self._host, self._tag):
            choice.setCurrentIndex(0)
        self._clearing = False
        self._on_changed(None)

    def offer(self, rows: Sequence[PointRow]) -> None:
        """What can be chosen among these points; what was chosen stays chosen."""
        self._fill(self._layer, rows, lambda row: row.point.layers)
        self._fill(self._host, rows, lambda row: row.hosts)
        self._fill(self._tag, rows, lambda row: row.tags)

    def _fill(self, choice: Choice, rows: Sequence[PointRow], values: Callable[[PointRow], Iterable[str]]) -> None:
        offered = sorted({value for row in rows for value in values(row)})
        if offered == [choice.itemData(at) for at in range(1, choice.count())]:
            return
        chosen = choice.currentData()
        blocked = QSignalBlocker(choice)
        while choice.count() > 1:
            choice.removeItem(choice.count() - 1)
        for value in offered:
            choice.addItem(value, value)
        choice.setCurrentIndex(max(0, choice.findData(chosen)))
        del blocked
        if choice.currentData() != chosen:
            self._on_changed(None)
