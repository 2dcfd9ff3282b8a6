"""The list of recovery points by day: time, layers, state, whether it is proven and kept, what it added."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QRect, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.foundation.words import Language, text
from app.ui import icons
from app.ui.models.points import Index
from app.ui.models.recovery_points import Day, Filter, Item, Order, RecoveryPoints
from app.ui.theme import GRID, TARGET, body_font, tones_now

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.catalogue.rows import PointRow

_ICON = 18
_GAP = GRID // 2
_PAD = GRID + GRID // 2
_BAR = 3
_LAYERS = 5
"""So many layers have an icon; of more the rest is counted."""

_OF_LAYER: dict[str, icons.Name] = {
    "postgresql": "database",
    "mysql": "database",
    "mariadb": "database",
    "sqlite": "database",
    "database": "database",
    "broker": "broker",
    "mosquitto": "broker",
    "mqtt": "broker",
    "docker": "container",
    "containers": "container",
    "esp32": "chip",
    "boards": "chip",
    "overwinter": "greenhouse",
}


def layer_icon(layer: str) -> icons.Name:
    """The icon of a layer; those that have names of their own are folders."""
    return _OF_LAYER.get(layer, "folder")


class _Pen:
    """Paints one line from left to right, and from right to left."""

    def __init__(self, painter: QPainter, room: QRect) -> None:
        self.painter = painter
        self.left, self.right = room.left() + _PAD, room.right() - _PAD
        self._room = room

    def icon(self, name: icons.Name, colour: str, *, right: bool = False) -> None:
        top = self._room.top() + (self._room.height() - _ICON) // 2
        at = self.right - _ICON if right else self.left
        drawn = icons.pixmap(name, colour, _ICON, self.painter.device().devicePixelRatio())
        self.painter.drawPixmap(at, top, drawn)
        self._go(_ICON + _GAP, right=right)

    def word(self, word: str, colour: str, width: int, *, right: bool = False) -> None:
        self.painter.setPen(QColor(colour))
        at = self.right - width if right else self.left
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        room = QRect(at, self._room.top(), width, self._room.height())
        self.painter.drawText(room, side | Qt.AlignmentFlag.AlignVCenter, word)
        self._go(width + _GAP, right=right)

    def _go(self, width: int, *, right: bool) -> None:
        if right:
            self.right -= width
        else:
            self.left += width


class RecoveryDelegate(QStyledItemDelegate):
    """Paints a day or a point."""

    def __init__(self, language: Language, model: RecoveryPoints) -> None:
        super().__init__(model)
        self._language = language
        self._model = model
        self._plain, self._strong = QFontMetrics(body_font()), QFontMetrics(body_font(strong=True))
        self._time = self._strong.horizontalAdvance("00:00") + GRID
        self._date = self._strong.horizontalAdvance("0000-00-00 00:00") + GRID
        self._size = self._plain.horizontalAdvance("+1023 MiB") + _GAP

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """Qt: as tall as anything that is pressed."""
        return QSize(40 * GRID, TARGET)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Qt: paints a line."""
        line, room = self._model.line(index.row()), QRect(option.rect)
        painter.save()
        if isinstance(line, Day):
            self._paint_day(painter, room, line)
        else:
            selected = bool(option.state & QStyle.StateFlag.State_Selected)
            self._paint_point(painter, room, line, selected=selected)
        painter.restore()

    def _paint_day(self, painter: QPainter, room: QRect, day: Day) -> None:
        tones = tones_now()
        painter.setFont(body_font(strong=True))
        painter.setPen(QColor(tones.muted))
        said = self._model.day_words(day)
        painter.drawText(room.adjusted(_PAD, GRID, -_PAD, 0), Qt.AlignmentFlag.AlignVCenter, said)

    def _paint_point(self, painter: QPainter, room: QRect, item: Item, *, selected: bool) -> None:
        tones = tones_now()
        if selected:
            painter.fillRect(room, QColor(tones.selection))
            painter.fillRect(room.left(), room.top(), _BAR, room.height(), QColor(tones.accent))
        pen = _Pen(painter, room)
        painter.setFont(body_font(strong=True))
        grouped = self._model.is_grouped
        when = f"{item.at:%H:%M}" if grouped else f"{item.at:%Y-%m-%d %H:%M}"
        pen.word(when, tones.text, self._time if grouped else self._date)
        painter.setFont(body_font())
        self._paint_right(pen, item, selected=selected)
        self._paint_state(pen, item, selected=selected)
        self._paint_layers(pen, item, tones.text if selected else tones.muted)

    def _paint_right(self, pen: _Pen, item: Item, *, selected: bool) -> None:
        """What it added, and the marks: their places stay, so that columns can be read down."""
        tones, point = tones_now(), item.row.point
        added = f"+{self._language.size(item.row.added)}" if item.row.added else "–"
        pen.word(added, tones.text if selected else tones.muted, self._size, right=True)
        marks: tuple[tuple[bool, icons.Name, str], ...]
        marks = (point.kept, "pin", tones.accent), (point.verified, "shield", tones.ok)
        for there, name, colour in marks:
            if there:
                pen.icon(name, colour, right=True)
            else:
                pen.right -= _ICON + _GAP

    def _paint_state(self, pen: _Pen, item: Item, *, selected: bool) -> None:
        tones, look = tones_now(), self._model.look(item)
        word = self._language.render(look.word)
        colour = tones.of(look.state)
        pen.icon(icons.OF_STATE[look.state], colour)
        needed = self._strong.horizontalAdvance(word) + 1  # which rounds, and less than all of it is elided
        room = min(needed, max(0, pen.right - pen.left))
        pen.painter.setFont(body_font(strong=True))
        shown = self._strong.elidedText(word, Qt.TextElideMode.ElideRight, room)
        pen.word(shown, tones.text if selected else colour, room)
        pen.painter.setFont(body_font())
        pen.left += GRID

    def _paint_layers(self, pen: _Pen, item: Item, colour: str) -> None:
        layers = item.row.point.layers
        fits = max(0, (pen.right - pen.left) // (_ICON + _GAP))
        shown = min(len(layers), _LAYERS, fits)
        if shown < len(layers) and shown == fits:
            shown -= 1  # the number of the rest needs room, too
        for layer in layers[: max(0, shown)]:
            pen.icon(layer_icon(layer), colour)
        if 0 <= shown < len(layers):
            pen.word(f"+{len(layers) - shown}", colour, max(0, pen.right - pen.left))


class RecoveryList(QListView):
    """Shows recovery points; a new list keeps the chosen one chosen, and the view where it is.

    Signals:
        chosen_changed: another point is chosen, or none; carries its id or "".
    """

    chosen_changed = Signal(str)

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.points = RecoveryPoints(language, parent=self)
        self._told = ""
        self.setModel(self.points)
        self.setItemDelegate(RecoveryDelegate(language, self.points))
        self.setAccessibleName(language.render(text("Recovery points")))
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        copy = QAction(language.render(text("Copy the id")), self)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self.copy)
        self.addAction(copy)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    @property
    def chosen(self) -> PointRow | None:
        """The point that is chosen."""
        index = self.currentIndex()
        line = self.points.line(index.row()) if index.isValid() else None
        return line.row if isinstance(line, Item) else None

    def show_rows(self, rows: Sequence[PointRow]) -> None:
        """Puts these points in place of the old ones."""
        with_place = self._kept()
        self.points.show_rows(rows)
        self._back_to(*with_place)

    def narrow(self, wanted: Filter, order: Order) -> None:
        """Shows those that are meant, in that order."""
        with_place = self._kept()
        self.points.choose(wanted, order)
        self._back_to(*with_place)

    def _kept(self) -> tuple[str, int]:
        return self.chosen.point.id if self.chosen is not None else "", self.verticalScrollBar().value()

    def _back_to(self, point: str, at: int) -> None:
        row = self.points.row_of(point) if point else -1
        if row < 0:
            row, at = self.points.first_point(), 0
        if row >= 0:
            flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
            self.selectionModel().setCurrentIndex(self.points.index(row), flag)
        self.verticalScrollBar().setValue(at)
        self._tell()

    def choose(self, point: str) -> bool:
        """Chooses the point with this id, when it is shown."""
        row = self.points.row_of(point)
        if row >= 0:
            self.setCurrentIndex(self.points.index(row))
        return row >= 0

    def copy(self) -> None:
        """Puts the chosen point's whole id on the clipboard."""
        if self.chosen is not None:
            QGuiApplication.clipboard().setText(self.chosen.point.id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key. Qt itself would copy the words of the line."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def currentChanged(self, current: Index, previous: Index) -> None:
        """Qt: another line is the current one."""
        super().currentChanged(current, previous)
        self._tell()

    def _tell(self) -> None:
        now = self.chosen.point.id if self.chosen is not None else ""
        if now != self._told:
            self._told = now
            self.chosen_changed.emit(now)
