"""Recovery points as one chooses between them in a box: only those are worded that are seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.foundation.words import Language, text

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.catalogue.rows import PointRow

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


class PointNames(QAbstractListModel):
    """What is live now, then the points, newest first."""

    def __init__(self, language: Language, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._rows: tuple[PointRow, ...] = ()

    def show_rows(self, rows: Sequence[PointRow]) -> None:
        """Puts these points in place of the old ones."""
        self.beginResetModel()
        self._rows = tuple(rows)
        self.endResetModel()

    def point(self, row: int) -> PointRow | None:
        """The point of a row; None for what is live."""
        return self._rows[row - 1] if 0 < row <= len(self._rows) else None

    def row_of(self, point: str) -> int:
        """The row of the point with this id, -1 when there is none."""
        return next((row for row, found in enumerate(self._rows, 1) if found.point.id == point), -1)

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802  Qt's name
        """Qt: how many there are to choose from."""
        return 0 if parent.isValid() else len(self._rows) + 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Qt: what stands in a row."""
        if not index.isValid() or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return None
        found = self.point(index.row())
        if found is None:
            return self._language.render(text("what is live now"))
        return self._language.moment(found.point.time, datetime.now(UTC))
