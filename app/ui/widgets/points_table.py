"""The list of recovery points: one row each, its state as icon, word and colour, its id to be copied."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QRect, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QColor,
    QFontMetrics,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app.foundation.words import Language, text
from app.ui import icons
from app.ui.models.points import IDENTITY, LAYERS, STATE, STATE_WORDS, TIME, Index, PointsModel
from app.ui.theme import GRID, TARGET, Tones, body_font, tones_now

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.points import Point

_ICON = 18
_PAD = GRID + GRID // 2
_BAR = 3
_LEAST_LAYERS = 18 * GRID
_MEASURED = 100  # so many moments are measured; the ages of older points differ little in width


class PointDelegate(QStyledItemDelegate):
    """Paints the cells of a point."""

    def __init__(self, language: Language, model: PointsModel) -> None:
        super().__init__(model)
        self._language = language
        self._model = model

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Qt: paints a cell."""
        tones, room = tones_now(), QRect(option.rect)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if selected:
            self._paint_selected(painter, tones, room, first=index.column() == TIME)
        self._paint_cell(painter, tones, room.adjusted(_PAD, 0, -_PAD // 2, 0), index, selected=selected)
        painter.restore()

    def _paint_cell(self, painter: QPainter, tones: Tones, room: QRect, index: Index, *, selected: bool) -> None:
        ink = tones.muted if index.column() == IDENTITY and not selected else tones.text
        painter.setPen(QColor(ink))
        if index.column() == STATE:
            self._paint_state(painter, tones, room, index, selected=selected)
        elif index.column() == TIME:
            self._paint_time(painter, room, index)
        else:
            self._paint_word(painter, room, str(index.data()))

    def _paint_selected(self, painter: QPainter, tones: Tones, room: QRect, *, first: bool) -> None:
        painter.fillRect(room, QColor(tones.selection))
        if first:
            painter.fillRect(room.left(), room.top(), _BAR, room.height(), QColor(tones.accent))

    def _paint_state(self, painter: QPainter, tones: Tones, room: QRect, index: Index, *, selected: bool) -> None:
        """The word in the state's colour, but on the ground of a selection that would be hard to read."""
        state, word = self._model.look(index.row())
        colour, scale = tones.of(state), painter.device().devicePixelRatio()
        top = room.top() + (room.height() - _ICON) // 2
        painter.drawPixmap(room.left(), top, icons.pixmap(icons.OF_STATE[state], colour, _ICON, scale))
        painter.setPen(QColor(tones.text if selected else colour))
        painter.setFont(body_font(strong=True))
        self._paint_word(painter, room.adjusted(_ICON + GRID, 0, 0, 0), self._language.render(word))

    def _paint_time(self, painter: QPainter, room: QRect, index: Index) -> None:
        """With the age where there is room for all of it."""
        whole, day = str(index.data()), str(index.data(PointsModel.DAY))
        fits = painter.fontMetrics().horizontalAdvance(whole) <= room.width()
        self._paint_word(painter, room, whole if fits else day)

    def _paint_word(self, painter: QPainter, room: QRect, word: str) -> None:
        shown = painter.fontMetrics().elidedText(word, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)


class PointsTable(QTableView):
    """Shows recovery points; a new list keeps the chosen one chosen, and the view where it is.

    Signals:
        opened: a point was clicked twice, or Enter pressed on it; carries its id.
    """

    opened = Signal(str)

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._points = PointsModel(language, parent=self)
        self.setModel(self._points)
        self.setItemDelegate(PointDelegate(language, self._points))
        self.setAccessibleName(language.render(text("Recovery points")))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self._arrange_heads()
        self._offer_actions()
        self.activated.connect(self._on_activated)

    def _arrange_heads(self) -> None:
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(TARGET)
        heads = self.horizontalHeader()
        heads.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heads.setSectionResizeMode(LAYERS, QHeaderView.ResizeMode.Stretch)
        heads.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        heads.setSectionsClickable(False)
        heads.setHighlightSections(False)
        words = [self._language.render(word) for word in STATE_WORDS]
        heads.resizeSection(STATE, max(self._width_of(word, strong=True) for word in words) + _ICON + GRID)
        heads.resizeSection(IDENTITY, self._width_of("0" * 8))

    def _fit_columns(self) -> None:
        """What is in a point gets its room first, then the age beside its time; the ids go when it is narrow."""
        heads, shown = self.horizontalHeader(), range(min(_MEASURED, self._points.rowCount()))
        moments = [self._points.index(row, TIME) for row in shown]
        widest = max((self._width_of(str(index.data())) for index in moments), default=0)
        least = max((self._width_of(str(index.data(PointsModel.DAY))) for index in moments), default=0)
        room = self.viewport().width() - heads.sectionSize(STATE) - _LEAST_LAYERS
        identity = self._width_of("0" * 8)
        self.setColumnHidden(IDENTITY, room - identity < least)
        room -= identity if room - identity >= least else 0
        heads.resizeSection(TIME, max(least, min(widest, room), self._width_of(str(self._points.head(TIME)))))

    def _width_of(self, sample: str, *, strong: bool = False) -> int:
        measures = QFontMetrics(body_font(strong=True)) if strong else self.fontMetrics()
        return measures.horizontalAdvance(sample) + 2 * _PAD

    def _offer_actions(self) -> None:
        """What can be done with a point, by menu and by key."""
        show = QAction(self._language.render(text("Show how it was made")), self)
        show.triggered.connect(self._on_show)
        copy = QAction(self._language.render(text("Copy the id")), self)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self.copy)
        self.addActions([show, copy])
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    @property
    def chosen(self) -> Point | None:
        """The point that is selected."""
        rows = self.selectionModel().selectedRows()
        return self._points.point(rows[0].row()) if rows else None

    def show_points(self, points: Sequence[Point]) -> None:
        """Puts these points in place of the old ones."""
        chosen, at = self.chosen, self.verticalScrollBar().value()
        self._points.show_points(points)
        self._fit_columns()
        if chosen is not None:
            self.choose(chosen.id)
        self.verticalScrollBar().setValue(at)

    def choose(self, point: str) -> None:
        """Selects the point with this id, when it is there."""
        row = self._points.row_of(point)
        if row >= 0:
            self.setCurrentIndex(self._points.index(row, TIME))

    def set_running(self, runs: frozenset[str]) -> None:
        """These runs work now: a point that one of them is making is not an unfinished one."""
        self._points.set_running(runs)

    def tick(self) -> None:
        """Time has passed."""
        self._points.tick()
        self._fit_columns()

    def copy(self) -> None:
        """Puts the chosen point's whole id on the clipboard."""
        if self.chosen is not None:
            QGuiApplication.clipboard().setText(self.chosen.id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key. Enter opens the point on every desktop."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._on_show()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: there is more room, or less."""
        self._fit_columns()
        super().resizeEvent(event)

    def _on_show(self) -> None:
        if self.chosen is not None:
            self.opened.emit(self.chosen.id)

    def _on_activated(self, index: QModelIndex) -> None:
        self.opened.emit(self._points.point(index.row()).id)
