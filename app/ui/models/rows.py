"""A table of plain rows: each column says how it is read, and the model itself sorts and filters, without a proxy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.foundation.words import Language, Text

R = TypeVar("R")

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


class Column(NamedTuple, Generic[R]):
    """A column: what stands above it and in it, by what it is sorted, the tip; `figures` stand on the right."""

    head: Text
    cell: Callable[[R], str]
    key: Callable[[R], Any]
    figures: bool = False
    tip: Callable[[R], str] | None = None


class RowsModel(QAbstractTableModel, Generic[R]):
    """Shows those of the rows that are wanted, in the order of the last column that was asked for."""

    def __init__(self, language: Language, columns: Sequence[Column[R]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._columns = tuple(columns)
        self._all: list[R] = []
        self._shown: list[R] = []
        self._wanted: Callable[[R], bool] | None = None
        self._sorted: tuple[int, bool] | None = None

    def show_rows(self, rows: Sequence[R]) -> None:
        """Puts these rows in place of the old ones."""
        self._all = list(rows)
        self._arrange()

    def append(self, rows: Sequence[R]) -> None:
        """More rows, behind those that are there; sorted ones find their place."""
        self._all.extend(rows)
        meant = [row for row in rows if self._wanted is None or self._wanted(row)]
        if self._sorted is not None:
            self._arrange()
        elif meant:
            self.beginInsertRows(NOWHERE, len(self._shown), len(self._shown) + len(meant) - 1)
            self._shown.extend(meant)
            self.endInsertRows()

    def want(self, wanted: Callable[[R], bool] | None) -> None:
        """Shows only rows of which this is true."""
        self._wanted = wanted
        self._arrange()

    def _arrange(self) -> None:
        self.beginResetModel()
        self._shown = list(self._all) if self._wanted is None else list(filter(self._wanted, self._all))
        if self._sorted is not None:
            column, backwards = self._sorted
            self._shown.sort(key=self._columns[column].key, reverse=backwards)
        self.endResetModel()

    @property
    def total(self) -> int:
        """How many rows there are, shown or not."""
        return len(self._all)

    def row(self, index: int) -> R:
        """One of the shown rows."""
        return self._shown[index]

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Qt: sorts by a column, by none when that is -1; what is selected stays selected."""
        self._sorted = (column, order is Qt.SortOrder.DescendingOrder) if column >= 0 else None
        if self._sorted is None:
            self._arrange()
            return
        self.layoutAboutToBeChanged.emit()
        kept = [(index, self._shown[index.row()]) for index in self.persistentIndexList()]
        self._shown.sort(key=self._columns[column].key, reverse=self._sorted[1])
        places = {id(row): place for place, row in enumerate(self._shown)} if kept else {}
        moved = [self.index(places[id(row)], index.column()) for index, row in kept]
        self.changePersistentIndexList([index for index, _ in kept], moved)
        self.layoutChanged.emit()

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802  Qt's name
        """Qt: how many rows are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802  Qt's name
        """Qt: how many columns there are."""
        return 0 if parent.isValid() else len(self._columns)

    def headerData(  # noqa: N802  Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Qt: what stands above a column."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self._columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._language.render(self._columns[section].head)
        return _aligned(self._columns[section]) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Qt: what stands in a cell."""
        if not index.isValid():
            return None
        column, row = self._columns[index.column()], self._shown[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.cell(row)
            case Qt.ItemDataRole.ToolTipRole:
                return (column.tip or column.cell)(row)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _aligned(column)
            case _:
                return None


def _aligned(column: Column[Any]) -> int:
    side = Qt.AlignmentFlag.AlignRight if column.figures else Qt.AlignmentFlag.AlignLeft
    return int((side | Qt.AlignmentFlag.AlignVCenter).value)
