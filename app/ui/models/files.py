"""The files of a recovery point as a tree that is read folder by folder, when one is opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from app.foundation.words import Language, Size, plural, text

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.catalogue.members import Member
    from app.jobs.catalogue.rows import Level, Name

HEADS = (text("Name"), text("Size"), text("Changed"))
NAME, SIZE, CHANGED = range(len(HEADS))

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Node:
    """A source or a name of the tree; `rest` is where the names begin that were not read yet."""

    __slots__ = ("asked", "children", "is_source", "name", "parent", "path", "rest", "row", "snapshot", "source")

    def __init__(
        self, parent: Node | None = None, row: int = 0, *, member: tuple[str, str], path: str, name: Name | None = None
    ) -> None:
        """`member` is the snapshot and its source."""
        self.parent = parent
        self.row = row
        self.snapshot, self.source = member
        self.path = path
        self.name = name
        self.is_source = parent is not None and parent.parent is None
        self.children: list[Node] | None = None
        self.rest: tuple[int, int] | None = None
        self.asked = False

    @property
    def is_folder(self) -> bool:
        """Whether something may stand in it."""
        return self.name is None or self.name.is_folder

    @property
    def key(self) -> str:
        """Tells it from all others."""
        return f"{self.snapshot} {self.path}"

    @property
    def can_be_read(self) -> bool:
        """Whether there is more in it than is known, and nobody is asked for it."""
        return self.is_folder and not self.asked and (self.children is None or self.rest is not None)


def modified_at(name: Name) -> datetime | None:
    """When it was last changed, local; None for a time that no calendar has."""
    try:
        return None if name.modified is None else (_EPOCH + timedelta(microseconds=name.modified)).astimezone()
    except (OverflowError, ValueError):
        return None


class FilesModel(QAbstractItemModel):
    """The tree. Whoever shows it answers `wanted` with `take`, or with `failed`.

    Signals:
        wanted: the names of a folder are to be read, from `rest` on; carries a `Node`.
    """

    NODE = Qt.ItemDataRole.UserRole
    wanted = Signal(object)

    def __init__(self, language: Language, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._top = Node(member=("", ""), path="")
        self._top.children = []

    def show_sources(self, members: Sequence[Member]) -> None:
        """Puts the sources of a point in place of what stood there."""
        self.beginResetModel()
        self._top = Node(member=("", ""), path="")
        self._top.children = [
            Node(self._top, row, member=(member.snapshot, member.source), path=member.path)
            for row, member in enumerate(members)
        ]
        self.endResetModel()

    def take(self, node: Node, level: Level, after: tuple[int, int] | None = None) -> None:
        """These names stand in the folder, from the beginning or `after` what was known when they were asked for.

        Those that came by another way meanwhile, and those of a point that is not shown any more, are passed over.
        """
        node.asked = False
        is_known = node.rest != after or (after is None and node.children is not None)
        if is_known or not self._is_shown(node):
            return
        known = node.children
        begin = len(known) if known is not None else 0
        node.rest = level.next
        made = [
            Node(node, begin + count, member=(node.snapshot, node.source), path=name.path, name=name)
            for count, name in enumerate(level.names)
        ]
        if not made:
            node.children = known or []
            self.dataChanged.emit(self.index_of(node), self.index_of(node))
            return
        self.beginInsertRows(self.index_of(node), begin, begin + len(made) - 1)
        node.children = [*(known or ()), *made]
        self.endInsertRows()

    def failed(self, node: Node) -> None:
        """The folder could not be read: it may be asked for again."""
        node.asked = False

    def improve(self, node: Node, level: Level) -> None:
        """More is known of names that stand there already, such as how much is in a folder."""
        for child, name in zip(node.children or (), level.names, strict=False):
            if child.path == name.path:
                child.name = name
        if node.children:
            first, last = self.index_of(node.children[0]), self.index_of(node.children[-1])
            self.dataChanged.emit(first, last.siblingAtColumn(CHANGED))

    def read_folders(self) -> list[Node]:
        """Every folder whose names are known."""
        found, waiting = [], list(self._top.children or ())
        while waiting:
            node = waiting.pop()
            if node.children is not None:
                found.append(node)
                waiting += node.children
        return found

    def sources(self) -> list[Node]:
        """The nodes of the sources."""
        return self._top.children or []

    def child(self, node: Node, path: str) -> Node | None:
        """The node of that path in a folder, as far as it is known."""
        return next((one for one in node.children or () if one.path == path), None)

    def ask(self, node: Node) -> None:
        """Has a folder read, unless it is being read."""
        if node.can_be_read:
            node.asked = True
            self.wanted.emit(node)

    def _is_shown(self, node: Node) -> bool:
        while node.parent is not None:
            node = node.parent
        return node is self._top

    # --- what Qt asks --------------------------------------------------------------------------

    def index_of(self, node: Node) -> QModelIndex:
        """Where a node stands."""
        return QModelIndex() if node.parent is None else self.createIndex(node.row, NAME, node)

    def node(self, index: Index) -> Node:
        """What stands there; the invisible top for no place."""
        if not index.isValid():
            return self._top
        found = index.internalPointer()
        assert isinstance(found, Node)
        return found

    def index(self, row: int, column: int, parent: Index = NOWHERE) -> QModelIndex:
        """Qt: a place in the tree."""
        children = self.node(parent).children or ()
        if (parent.isValid() and parent.column() != NAME) or not 0 <= row < len(children):
            return QModelIndex()
        return self.createIndex(row, column, children[row]) if 0 <= column < len(HEADS) else QModelIndex()

    def parent(self, index: Index = NOWHERE) -> QModelIndex:  # type: ignore[override]  # Qt's other `parent` takes nothing
        """Qt: the folder that something is in."""
        above = self.node(index).parent if index.isValid() else None
        return QModelIndex() if above is None else self.index_of(above)

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802  Qt's name
        """Qt: how many names are known of a folder."""
        return 0 if parent.isValid() and parent.column() != NAME else len(self.node(parent).children or ())

    def columnCount(self, _parent: Index = NOWHERE) -> int:  # noqa: N802  Qt's name
        """Qt: how many columns there are."""
        return len(HEADS)

    def hasChildren(self, parent: Index = NOWHERE) -> bool:  # noqa: N802  Qt's name
        """Qt: whether something can be opened; nobody knows of a folder that was not read, so it can."""
        node = self.node(parent)
        if parent.isValid() and parent.column() != NAME:
            return False
        if node.children is not None:
            return bool(node.children)
        return node.is_folder and (node.name is None or node.name.names != 0)

    def canFetchMore(self, parent: Index) -> bool:  # noqa: N802  Qt's name
        """Qt: whether there is more in a folder than is known."""
        return parent.isValid() and parent.column() == NAME and self.node(parent).can_be_read

    def fetchMore(self, parent: Index) -> None:  # noqa: N802  Qt's name
        """Qt: more of a folder is to be shown; it comes when it was read."""
        if parent.isValid():
            self.ask(self.node(parent))

    def headerData(  # noqa: N802  Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Qt: what stands above a column."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(HEADS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._language.render(HEADS[section])
        return _aligned(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Qt: what stands in a cell."""
        if not index.isValid():
            return None
        node = self.node(index)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._cell(node, index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return self._tip(node)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _aligned(index.column())
            case self.NODE:
                return node
            case _:
                return None

    def _cell(self, node: Node, column: int) -> str:
        if node.name is None:
            return node.source if column == NAME else ""
        if column == NAME:
            return shown_name(node.name.name)
        if column == SIZE:
            known = node.name.type == "file" or node.name.names >= 0
            return self._language.size(node.name.size) if known else ""
        at = modified_at(node.name)
        return "" if at is None else f"{at:%Y-%m-%d %H:%M}"

    def _tip(self, node: Node) -> str:
        lines = [shown_name(node.path)]
        if node.name is not None and node.name.names >= 0:
            inside = plural("{count} name in it", "{count} names in it", node.name.names)
            lines.append(self._language.render(text("{names}, {size}", names=inside, size=Size(node.name.size))))
        return "\n".join(lines)


def shown_name(name: str) -> str:
    """A name on one line, whatever is in it."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def _aligned(column: int) -> int:
    side = Qt.AlignmentFlag.AlignRight if column == SIZE else Qt.AlignmentFlag.AlignLeft
    return int((side | Qt.AlignmentFlag.AlignVCenter).value)
