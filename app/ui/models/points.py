"""Recovery points as rows, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.foundation.words import Language, Text, text
from app.jobs.points import Point

HEADS = (text("Time"), text("State"), text("What is in it"), text("Id"))
TIME, STATE, LAYERS, IDENTITY = range(len(HEADS))

STATUS_WORDS: dict[str, Text] = {
    "complete": text("Complete"),
    "partial": text("Partial"),
    "unfinished": text("Unfinished"),
}

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


class PointsModel(QAbstractTableModel):
    """A table of recovery points; a refresh keeps rows that are still there selected (their ids stay)."""

    def __init__(self, language: Language, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._points: tuple[Point, ...] = ()

    def show_points(self, points: Sequence[Point]) -> None:
        """Puts these points in place of the old ones."""
        self.beginResetModel()
        self._points = tuple(points)
        self.endResetModel()

    def point(self, row: int) -> Point:
        """The point of a row."""
        return self._points[row]

    def row_of(self, point: str) -> int:
        """The row of the point with this id, -1 when it is gone."""
        return next((row for row, found in enumerate(self._points) if found.id == point), -1)

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802  Qt's name
        return 0 if parent.isValid() else len(self._points)

    def columnCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802  Qt's name
        return 0 if parent.isValid() else len(HEADS)

    def headerData(  # noqa: N802  Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._language.render(HEADS[section])
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        point = self._points[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._cell(point, index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return point.id if index.column() == IDENTITY else self._cell(point, index.column())
            case _:
                return None

    def _cell(self, point: Point, column: int) -> str:
        if column == TIME:
            return self._language.moment(point.time, datetime.now(UTC))
        if column == STATE:
            return self._language.render(STATUS_WORDS.get(point.status, point.status))
        if column == LAYERS:
            return ", ".join(point.layers)
        return point.short_id
