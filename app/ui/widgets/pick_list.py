"""A list of a few things of which one is chosen: an icon, a title, a line below it, and marks for changed and wrong."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.ui import icons
from app.ui.theme import GRID, TARGET, Tones, body_font, tones_now

Index = QModelIndex | QPersistentModelIndex

_ICON = 20
_MARK = 18
_DOT = 8


class Pick(NamedTuple):
    """One thing: `detail` is a line below its title; `spoken` is added for who does not see the marks."""

    title: str
    detail: str = ""
    icon: icons.Name | None = None
    changed: bool = False
    wrong: bool = False
    muted: bool = False
    spoken: str = ""


class _Picks(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.picks: list[Pick] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own way to say: none
        """Qt: how many."""
        return 0 if parent.isValid() else len(self.picks)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt: what is said of one."""
        pick = self.picks[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.ToolTipRole:
                return pick.title
            case Qt.ItemDataRole.AccessibleTextRole:
                return " ".join(part for part in (pick.title, pick.detail, pick.spoken) if part)
            case _:
                return None

    def show(self, picks: Sequence[Pick]) -> None:
        """Shows these; rows that stay are changed in place, so that the choice stays too."""
        same = min(len(self.picks), len(picks))
        if len(self.picks) > same:
            self.beginRemoveRows(QModelIndex(), same, len(self.picks) - 1)
            del self.picks[same:]
            self.endRemoveRows()
        self.picks[:same] = picks[:same]
        if same:
            self.dataChanged.emit(self.index(0), self.index(same - 1))
        if len(picks) > same:
            self.beginInsertRows(QModelIndex(), same, len(picks) - 1)
            self.picks += picks[same:]
            self.endInsertRows()


class _Painter(QStyledItemDelegate):
    def __init__(self, model: _Picks) -> None:
        super().__init__(model)
        self._model = model

    def sizeHint(self, _option: QStyleOptionViewItem, index: Index) -> QSize:
        """Qt: one line or two."""
        return QSize(10 * GRID, TARGET + 2 * GRID if self._model.picks[index.row()].detail else TARGET)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Qt: paints one."""
        pick, tones, room = self._model.picks[index.row()], tones_now(), QRect(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter, tones, option, room)
        inner = room.adjusted(GRID + GRID // 2, 0, -GRID, 0)
        if pick.icon is not None:
            ink = tones.muted if pick.muted else tones.text
            scale = painter.device().devicePixelRatio()
            top = inner.top() + (inner.height() - _ICON) // 2
            painter.drawPixmap(inner.left(), top, icons.pixmap(pick.icon, ink, _ICON, scale))
            inner.adjust(_ICON + GRID + GRID // 2, 0, 0, 0)
        inner.adjust(0, 0, -self._paint_marks(painter, tones, pick, inner), 0)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        self._paint_words(painter, tones, pick, inner, strong=chosen)
        painter.restore()

    def _paint_ground(self, painter: QPainter, tones: Tones, option: QStyleOptionViewItem, room: QRect) -> None:
        inner = room.adjusted(2, 1, -2, -1)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        focus = bool(option.state & QStyle.StateFlag.State_HasFocus)
        painter.setBrush(QColor(tones.selection) if chosen else Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(tones.accent), 2) if focus else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(inner, 5, 5)

    def _paint_marks(self, painter: QPainter, tones: Tones, pick: Pick, room: QRect) -> int:
        """The marks on the right; gives how much room they take."""
        taken = 0
        middle = room.center().y()
        if pick.wrong:
            scale = painter.device().devicePixelRatio()
            left = room.right() - _MARK
            painter.drawPixmap(left, middle - _MARK // 2, icons.pixmap("error", tones.fail, _MARK, scale))
            taken += _MARK + GRID
        if pick.changed:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tones.stale))
            painter.drawEllipse(room.right() - taken - _DOT, middle - _DOT // 2 + 1, _DOT, _DOT)
            taken += _DOT + GRID
        return taken

    def _paint_words(self, painter: QPainter, tones: Tones, pick: Pick, room: QRect, *, strong: bool) -> None:
        both = bool(pick.detail)
        title = QRect(
            room.left(), room.top() + (6 if both else 0), room.width(), room.height() // 2 if both else room.height()
        )
        painter.setFont(body_font(strong=strong))
        painter.setPen(QColor(tones.muted if pick.muted else tones.text))
        self._paint_line(painter, title, pick.title)
        if both:
            below = QRect(room.left(), room.center().y() - 1, room.width(), room.height() // 2 - 5)
            painter.setFont(body_font(points=9.5))
            painter.setPen(QColor(tones.muted))
            self._paint_line(painter, below, pick.detail)

    def _paint_line(self, painter: QPainter, room: QRect, said: str) -> None:
        shown = painter.fontMetrics().elidedText(said, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)


class PickList(QListView):
    """Shows the things; up and down choose.

    Signals:
        picked: another row is chosen; carries its number, -1 for none.
    """

    picked = Signal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._picks = _Picks(self)
        self._painter = _Painter(self._picks)
        self.setModel(self._picks)
        self.setItemDelegate(self._painter)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.selectionModel().currentRowChanged.connect(self._on_current_changed)

    def _on_current_changed(self, current: QModelIndex, _before: QModelIndex) -> None:
        self.picked.emit(current.row())

    @property
    def row(self) -> int:
        """The chosen one's number, -1 for none."""
        return self.currentIndex().row()

    def show_picks(self, picks: Sequence[Pick]) -> None:
        """Shows these; the choice stays where it is as far as there is such a row."""
        self._picks.show(picks)

    def pick(self, row: int) -> None:
        """Chooses a row as a person would; nothing where there is none."""
        self.setCurrentIndex(self._picks.index(row))
