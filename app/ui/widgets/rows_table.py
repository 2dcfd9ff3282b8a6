"""A table of plain rows as every page shows one: sorted by its heads, chosen by whole rows, copied with Ctrl+C."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QFocusEvent, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.foundation.words import Language, text
from app.ui.models.rows import RowsModel
from app.ui.theme import TARGET
from app.ui.widgets.cells import PAD, CellDelegate


class RowsTable(QTableView):
    """Shows a `RowsModel`.

    Signals:
        opened: a row was clicked twice, or Enter pressed on it.
    """

    opened = Signal()

    def __init__(self, language: Language, name: str, model: RowsModel[Any], parent: QWidget | None = None) -> None:
        """`name` says to a screen reader what is in it."""
        super().__init__(parent)
        self._model = model
        self.setModel(model)
        self.setItemDelegate(CellDelegate(self))
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(TARGET)
        heads = self.horizontalHeader()
        heads.setHighlightSections(False)
        heads.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        heads.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        heads.setSortIndicatorClearable(True)
        self.setSortingEnabled(True)
        copy = QAction(language.render(text("Copy")), self)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self.copy)
        self.addAction(copy)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.doubleClicked.connect(self.opened)

    def give_room(self, stretched: int, widths: dict[int, str]) -> None:
        """One column gets what the others leave; those are as wide as the longest text they may hold."""
        heads = self.horizontalHeader()
        for column, sample in widths.items():
            head = str(self._model.headerData(column, Qt.Orientation.Horizontal))
            widest = max(self.fontMetrics().horizontalAdvance(sample), heads.fontMetrics().horizontalAdvance(head) + 24)
            heads.resizeSection(column, widest + 2 * PAD + 4)
        heads.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)

    @property
    def chosen(self) -> Any:
        """The row that is chosen, None when none is."""
        rows = self.selectionModel().selectedRows()
        return self._model.row(rows[0].row()) if rows else None

    def copy(self) -> None:
        """Puts the chosen row on the clipboard, its cells with tabs between them."""
        rows = self.selectionModel().selectedRows()
        if rows:
            cells = [str(rows[0].siblingAtColumn(column).data()) for column in range(self._model.columnCount())]
            QGuiApplication.clipboard().setText("\t".join(cells))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Qt: the keyboard comes here. Qt itself only marks the first row: with a single one none could be chosen."""
        super().focusInEvent(event)
        if not self.selectionModel().hasSelection() and self.currentIndex().isValid():
            self.selectRow(self.currentIndex().row())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key. Enter opens the row on every desktop."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit()
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)
