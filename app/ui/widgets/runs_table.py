"""The table of runs: a row each, its status as icon, word and colour; sorted by a click on a head."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelection, QRect, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QAction, QColor, QFontMetrics, QGuiApplication, QKeySequence, QPainter, QResizeEvent
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
from app.ui.models.points import Index
from app.ui.models.runs import (
    ADDED,
    DURATION,
    IDENTITY,
    KIND,
    KINDS,
    LOOKS,
    RIGHT,
    STARTED,
    STATUS,
    TRIGGER,
    TRIGGERS,
    WARNINGS,
    WHO,
    RunsModel,
    Wanted,
)
from app.ui.theme import GRID, TARGET, Tones, body_font, tones_now

if TYPE_CHECKING:  # the window is painted before the runs' room is loaded
    from app.runs.history import PastRun

_ICON = 18
_PAD = GRID + GRID // 2
_BAR = 3
_NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
_FIRST_TO_GO = (IDENTITY, TRIGGER, WARNINGS, ADDED)


class RunDelegate(QStyledItemDelegate):
    """Paints the cells of a run."""

    def __init__(self, model: RunsModel) -> None:
        super().__init__(model)
        self._model = model

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Qt: paints a cell."""
        tones, room = tones_now(), QRect(option.rect)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if selected:
            painter.fillRect(room, QColor(tones.selection))
            if index.column() == STATUS:
                painter.fillRect(room.left(), room.top(), _BAR, room.height(), QColor(tones.accent))
        room = room.adjusted(_PAD, 0, -_PAD, 0)
        if index.column() == STATUS:
            self._paint_status(painter, tones, room, index, selected=selected)
        else:
            painter.setPen(QColor(tones.muted if index.column() == IDENTITY and not selected else tones.text))
            self._paint_word(painter, room, str(index.data()), right=index.column() in RIGHT)
        painter.restore()

    def _paint_status(self, painter: QPainter, tones: Tones, room: QRect, index: Index, *, selected: bool) -> None:
        """The word in the state's colour, but on the ground of a selection that would be hard to read."""
        state, _ = self._model.look(index.row())
        colour, scale = tones.of(state), painter.device().devicePixelRatio()
        top = room.top() + (room.height() - _ICON) // 2
        painter.drawPixmap(room.left(), top, icons.pixmap(icons.OF_STATE[state], colour, _ICON, scale))
        painter.setPen(QColor(tones.text if selected else colour))
        painter.setFont(body_font(strong=True))
        self._paint_word(painter, room.adjusted(_ICON + GRID, 0, _PAD, 0), str(index.data()), right=False)

    def _paint_word(self, painter: QPainter, room: QRect, word: str, *, right: bool) -> None:
        shown = painter.fontMetrics().elidedText(word, Qt.TextElideMode.ElideRight, room.width())
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | side, shown)


class RunsTable(QTableView):
    """Shows runs; a new list keeps the chosen one chosen, and the view where it is.

    Signals:
        chosen: another run is selected; carries its id.
        shown_changed: other runs are shown.
    """

    chosen = Signal(str)
    shown_changed = Signal()

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self.runs = RunsModel(language, parent=self)
        self.setModel(self.runs)
        self.setItemDelegate(RunDelegate(self.runs))
        self.setAccessibleName(language.render(text("Runs")))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self._arrange_heads()
        copy = QAction(language.render(text("Copy the id")), self)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self.copy)
        self.addAction(copy)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.selectionModel().selectionChanged.connect(self._on_selected)

    def _arrange_heads(self) -> None:
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(TARGET)
        heads = self.horizontalHeader()
        heads.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heads.setSectionResizeMode(WHO, QHeaderView.ResizeMode.Stretch)
        heads.setSectionsClickable(True)
        heads.setHighlightSections(False)
        heads.setMinimumSectionSize(4 * GRID)
        self.setSortingEnabled(True)
        self.sortByColumn(STARTED, Qt.SortOrder.DescendingOrder)
        words = [self._language.render(look.word) for look in LOOKS.values()]
        heads.resizeSection(STATUS, max(self._width_of(word, strong=True) for word in words) + _ICON + GRID)
        for column, samples in self._widest().items():
            head = self._width_of(str(self.runs.headerData(column, Qt.Orientation.Horizontal)), strong=True) + 2 * GRID
            heads.resizeSection(column, max(head, *map(self._width_of, samples)))
        self._widest_kind = heads.sectionSize(KIND)

    def _widest(self) -> dict[int, list[str]]:
        """The longest that the cells of a column may say in this language."""
        long_ago = self._language.moment(_NOON - timedelta(days=188), _NOON)
        return {
            KIND: [self._language.render(word) for word in KINDS.values()],
            STARTED: [long_ago],
            DURATION: [self._language.duration(48 * 60 + 48)],
            TRIGGER: [self._language.render(word) for word in TRIGGERS.values()],
            ADDED: [self._language.size(888_800 * 2**10)],
            WARNINGS: ["8888"],
            IDENTITY: ["0" * 8],
        }

    def _width_of(self, sample: str, *, strong: bool = False) -> int:
        measures = QFontMetrics(body_font(strong=True)) if strong else self.fontMetrics()
        return measures.horizontalAdvance(sample) + 2 * _PAD

    def _fit_columns(self) -> None:
        """What tells least goes first where it is narrow; then the longest of the types is cut, which are rare."""
        heads = self.horizontalHeader()
        heads.resizeSection(KIND, self._widest_kind)
        for column in _FIRST_TO_GO:
            self.setColumnHidden(column, False)
        for column in _FIRST_TO_GO:
            if self._lacking() <= 0:
                return
            self.setColumnHidden(column, True)
        heads.resizeSection(KIND, max(14 * GRID, self._widest_kind - max(0, self._lacking())))

    def _lacking(self) -> int:
        """How much wider the table would have to be, so that there is room for who it was."""
        sizes = (self.horizontalHeader().sectionSize(each) for each in range(self.runs.columnCount()) if each != WHO)
        return sum(sizes) + 16 * GRID - self.viewport().width()

    @property
    def chosen_run(self) -> PastRun | None:
        """The run that is selected."""
        rows = self.selectionModel().selectedRows()
        return self.runs.run(rows[0].row()) if rows else None

    def show_runs(self, runs: Sequence[PastRun]) -> None:
        """Puts these runs in the place of the old ones."""
        self._keeping(lambda: self.runs.show_runs(runs))

    def show_only(self, wanted: Wanted) -> None:
        """Shows the runs that are wanted."""
        self._keeping(lambda: self.runs.show_only(wanted))

    def _keeping(self, change: Callable[[], None]) -> None:
        chosen, at = self.chosen_run, self.verticalScrollBar().value()
        with QSignalBlocker(self):  # the same run is chosen before and after
            change()
            if chosen is not None:
                self.choose(chosen.id)
        self.verticalScrollBar().setValue(at)
        self.shown_changed.emit()

    def choose(self, run: str) -> bool:
        """Selects the run with this id; says whether it is shown."""
        row = self.runs.row_of(run)
        if row >= 0:
            self.setCurrentIndex(self.runs.index(row, STATUS))
        return row >= 0

    def copy(self) -> None:
        """Puts the chosen run's whole id on the clipboard."""
        if self.chosen_run is not None:
            QGuiApplication.clipboard().setText(self.chosen_run.id)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: there is more room, or less."""
        self._fit_columns()
        super().resizeEvent(event)

    def _on_selected(self, _now: QItemSelection, _before: QItemSelection) -> None:
        if self.chosen_run is not None:
            self.chosen.emit(self.chosen_run.id)
