"""The files of a recovery point as a tree: folders open in place, files open with Enter."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from PySide6.QtCore import QItemSelection, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTreeView,
    QWidget,
)

from app.foundation.words import Language, text
from app.ui import icons
from app.ui.models.files import CHANGED, NAME, SIZE, FilesModel, Index, Node
from app.ui.theme import GRID
from app.ui.widgets.cells import PAD, CellDelegate, Lead

_NARROW = 54 * GRID
_ICONS: dict[str, icons.Name] = {"dir": "folder", "symlink": "link"}


def icon_of(type_: str) -> icons.Name:
    """The icon of a name by its type."""
    return _ICONS.get(type_, "file")


class _Delegate(CellDelegate):
    """Puts an icon before each name, and its folder behind a source's."""

    def lead(self, index: Index) -> Lead | None:
        """The icon of a cell, None where it has none."""
        if index.column() != NAME:
            return None
        node: Node = index.data(FilesModel.NODE)
        return Lead("disk", node.path) if node.name is None else Lead(icon_of(node.name.type))


class FileTree(QTreeView):
    """Shows a `FilesModel`.

    Signals:
        opened: a file was clicked twice, or Enter pressed on it; carries its `Node`.
        chosen_changed: other names are chosen.
    """

    opened = Signal(object)
    chosen_changed = Signal()

    def __init__(self, language: Language, files: FilesModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._files = files
        self.setModel(files)
        self.setItemDelegate(_Delegate(self))
        self.setAccessibleName(language.render(text("Files of the recovery point")))
        self.setUniformRowHeights(True)
        self.setAnimated(False)
        self.setIndentation(20)
        self.setExpandsOnDoubleClick(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setTabKeyNavigation(False)
        self._arrange_heads()
        self.doubleClicked.connect(self._on_opened)

    def _arrange_heads(self) -> None:
        heads, measures = self.header(), self.fontMetrics()
        heads.setHighlightSections(False)
        heads.setSectionsMovable(False)
        heads.setStretchLastSection(False)
        heads.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        heads.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        heads.resizeSection(SIZE, measures.horizontalAdvance("1023 MiB") + 2 * PAD + 4)
        heads.resizeSection(CHANGED, measures.horizontalAdvance("0000-00-00 00:00") + 2 * PAD + 4)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: there is more room, or less; where names would be cut, when they were changed gives way."""
        self.setColumnHidden(CHANGED, self.viewport().width() < _NARROW)
        super().resizeEvent(event)

    @property
    def chosen(self) -> list[Node]:
        """What is chosen, from top to bottom."""
        rows = sorted(self.selectionModel().selectedRows(), key=lambda index: self.visualRect(index).top())
        return [self._files.node(index) for index in rows]

    def open_folder(self, node: Node) -> None:
        """Shows what is in a folder."""
        self._files.ask(node)
        self.expand(self._files.index_of(node))

    def choose(self, node: Node) -> None:
        """Chooses a name, and shows where it stands."""
        index = self._files.index_of(node)
        self.setCurrentIndex(index)
        self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        """Qt: other rows are chosen."""
        super().selectionChanged(selected, deselected)
        self.chosen_changed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key. Enter opens a file, and opens or closes a folder."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._on_opened(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def _on_opened(self, index: QModelIndex) -> None:
        node = self._files.node(index)
        if node.is_folder:
            place = index.siblingAtColumn(NAME)
            self.setExpanded(place, not self.isExpanded(place))
        else:
            self.opened.emit(node)
