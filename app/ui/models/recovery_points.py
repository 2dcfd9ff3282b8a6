"""Recovery points as a list: grouped by day, filtered and sorted here."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer

from app.foundation.words import Language, Size, Text, plural, text
from app.ui.models.points import Look, look_of

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.catalogue.rows import PointRow

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


class Order(enum.Enum):
    """In which order points stand."""

    NEWEST = "newest"
    OLDEST = "oldest"
    ADDED = "added"
    STATE = "state"


ORDER_WORDS = {
    Order.NEWEST: text("Newest first"),
    Order.OLDEST: text("Oldest first"),
    Order.ADDED: text("Most added first"),
    Order.STATE: text("By state"),
}
_AT_ONCE = 200
_STATES = {"partial": 0, "unfinished": 1, "complete": 2}


@dataclass(frozen=True)
class Filter:
    """Which points are meant; what is empty or None asks for nothing. Days are local, the last one included."""

    words: str = ""
    tag: str = ""
    host: str = ""
    layer: str = ""
    since: date | None = None
    until: date | None = None

    def means(self, item: Item) -> bool:
        """Whether a point is meant."""
        row = item.row
        return (
            all(word in item.key for word in self.words.casefold().split())
            and (not self.tag or self.tag in row.tags)
            and (not self.host or self.host in row.hosts)
            and (not self.layer or self.layer in row.point.layers)
            and (self.since is None or item.day >= self.since)
            and (self.until is None or item.day <= self.until)
        )


@dataclass(frozen=True)
class Item:
    """A point with what is often asked of it: its local time and day."""

    row: PointRow
    at: datetime
    day: date

    @cached_property
    def key(self) -> str:
        """All words of the point that are sought, without case."""
        point, at = self.row.point, self.at
        when = f"{self.day} {at.hour:02}:{at.minute:02}"  # strftime takes several times as long
        words = [point.id, when, point.status, *point.layers, *self.row.hosts, *self.row.tags]
        words += [member.source for member in point.snapshots]
        words += ["verified"] if point.verified else []
        words += ["kept"] if point.kept else []
        return "\n".join(words).casefold()


@dataclass
class Day:
    """The line above the points of one day."""

    day: date
    items: list[Item] = field(default_factory=list)


def item_of(row: PointRow) -> Item:
    """A point as the list keeps it."""
    at = row.point.time.astimezone()
    return Item(row, at, at.date())


class RecoveryPoints(QAbstractListModel):
    """The list; a day's own line cannot be chosen. `ITEM` gives an `Item` or a `Day`."""

    ITEM = Qt.ItemDataRole.UserRole

    def __init__(
        self,
        language: Language,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._language = language
        self._now = now
        self._items: list[Item] = []
        self._lines: list[Item | Day] = []
        self._filter = Filter()
        self._order = Order.NEWEST
        self._running: frozenset[str] = frozenset()
        self._unprepared: list[Item] = []
        self._idle = QTimer(self, interval=0)
        self._idle.timeout.connect(self._prepare)
        self.shown = 0

    def show_rows(self, rows: Sequence[PointRow]) -> None:
        """Puts these points, newest first, in place of the old ones."""
        self._items = [item_of(row) for row in rows]
        self._unprepared = self._items[::-1]
        self._idle.start()
        self._arrange()

    def _prepare(self) -> None:
        """Has some points' words ready before they are sought, whenever there is nothing else to do."""
        for item in self._unprepared[-_AT_ONCE:]:
            _ = item.key
        del self._unprepared[-_AT_ONCE:]
        if not self._unprepared:
            self._idle.stop()

    def choose(self, wanted: Filter, order: Order) -> None:
        """Shows those that are meant, in that order."""
        if (wanted, order) != (self._filter, self._order):
            self._filter, self._order = wanted, order
            self._arrange()

    def set_running(self, runs: frozenset[str]) -> None:
        """These runs work now: what one of them makes is not unfinished."""
        if runs != self._running:
            self._running = runs
            self.tick()

    def tick(self) -> None:
        """Time has passed, or states are other ones."""
        if self._lines:
            self.dataChanged.emit(self.index(0), self.index(len(self._lines) - 1))

    def _arrange(self) -> None:
        self.beginResetModel()
        meant = list(filter(self._filter.means, self._items)) if self._filter != Filter() else list(self._items)
        self.shown = len(meant)
        self._lines = _by_day(meant) if self._order is Order.NEWEST else self._sorted(meant)
        self.endResetModel()

    def _sorted(self, meant: list[Item]) -> list[Item | Day]:
        match self._order:
            case Order.OLDEST:
                return _by_day(meant[::-1])
            case Order.ADDED:
                return [*sorted(meant, key=lambda item: item.row.added, reverse=True)]
            case _:
                return [
                    *sorted(meant, key=lambda item: (_STATES.get(item.row.point.status, 1), item.row.point.verified))
                ]

    @property
    def total(self) -> int:
        """How many points there are, shown or not."""
        return len(self._items)

    def line(self, row: int) -> Item | Day:
        """What stands in a row."""
        return self._lines[row]

    def row_of(self, point: str) -> int:
        """The row of the point with this id, -1 when it is not shown."""
        found = (at for at, line in enumerate(self._lines) if isinstance(line, Item) and line.row.point.id == point)
        return next(found, -1)

    @property
    def is_grouped(self) -> bool:
        """Whether days have lines of their own."""
        return self._order in (Order.NEWEST, Order.OLDEST)

    def first_point(self) -> int:
        """The row of the first point, -1 when there is none."""
        return next((at for at, line in enumerate(self._lines) if isinstance(line, Item)), -1)

    def look(self, item: Item) -> Look:
        """How a point's state is shown."""
        return look_of(item.row.point, running=item.row.point.id in self._running)

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802  Qt's name
        """Qt: how many lines there are."""
        return 0 if parent.isValid() else len(self._lines)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Qt: a point can be chosen, a day cannot."""
        if not index.isValid() or isinstance(self._lines[index.row()], Day):
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Qt: what a line says, as a whole sentence to a screen reader."""
        if not index.isValid():
            return None
        line = self._lines[index.row()]
        match role:
            case self.ITEM:
                return line
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return self.day_words(line) if isinstance(line, Day) else ", ".join(self._words(line))
            case Qt.ItemDataRole.ToolTipRole if isinstance(line, Item):
                return "\n".join(self._words(line))
            case _:
                return None

    def _words(self, item: Item) -> list[str]:
        point, say = item.row.point, self._language.render
        words = [self._language.moment(point.time, self._now()), say(self.look(item).word)]
        words += [say(text("proven to restore"))] if point.verified else []
        words += [say(kept_words(item.row))] if point.kept else []
        words += [", ".join(point.layers)] if point.layers else []
        return [*words, say(text("{size} added", size=Size(item.row.added)))]

    def day_words(self, line: Day) -> str:
        """The name of a day, and how many points it has."""
        today = self._now().astimezone().date()
        named = {today: text("Today"), today - timedelta(days=1): text("Yesterday")}.get(line.day)
        points = plural("{count} point", "{count} points", len(line.items))
        name = text("{day}", day=f"{line.day:%Y-%m-%d}") if named is None else named
        return self._language.render(text("{day} · {points}", day=name, points=points))


def _state_of(item: Item) -> tuple[int, bool]:
    """The worst first."""
    return _STATES.get(item.row.point.status, 1), item.row.point.verified


def kept_words(row: PointRow) -> Text:
    """Until when a point is kept."""
    until = row.point.kept_until
    return text("kept until {day}", day=until.isoformat() if until is not None else "")


def _by_day(items: Sequence[Item]) -> list[Item | Day]:
    lines: list[Item | Day] = []
    day: Day | None = None
    for item in items:
        if day is None or day.day != item.day:
            day = Day(item.day)
            lines.append(day)
        day.items.append(item)
        lines.append(item)
    return lines
