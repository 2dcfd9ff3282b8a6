"""Recovery points as rows, newest first, and what they say about a site: the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.foundation.words import Language, Text, text
from app.ui.theme import State

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.points import Point

HEADS = (text("Time"), text("State"), text("What is in it"), text("Id"))
TIME, STATE, LAYERS, IDENTITY = range(len(HEADS))

STALE_AFTER = timedelta(hours=26)
"""A complete point older than this is getting old (the defaults of specification V3)."""
TOO_OLD_AFTER = timedelta(hours=50)
CLOCK_DIFFERENCE = timedelta(minutes=10)
"""So far ahead of this clock a point may be before the clock is doubted."""

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


class Look(NamedTuple):
    """A state with the word that says it most exactly."""

    state: State
    word: Text


_RUNNING = Look(State.RUNNING, text("Running"))
_PART_ONLY = Look(State.OK, text("Part only"))
_LOOKS = {
    "complete": Look(State.OK, text("Complete")),
    "partial": Look(State.STALE, text("Partial")),
    "unfinished": Look(State.UNKNOWN, text("Unfinished")),
}

STATE_WORDS = (*(look.word for look in _LOOKS.values()), _PART_ONLY.word, _RUNNING.word)
"""Every word that a point's state may have here."""


def look_of(point: Point, *, running: bool = False) -> Look:
    """How a point's state is shown; one that another version of the program made may have a word of its own.

    `running` says that the run that makes the point still works.
    """
    if running and not point.manifest:
        return _RUNNING
    if point.status == "complete" and not point.complete:
        return _PART_ONLY
    return _LOOKS.get(point.status, Look(State.UNKNOWN, text("{status}", status=point.status)))


class Verdict(NamedTuple):
    """What the points say about the site: a badge and one sentence."""

    state: State
    word: Text | None
    sentence: Text


def verdict_of(points: Sequence[Point], now: datetime, language: Language) -> Verdict:
    """How well the site is protected by these points; only a complete one counts."""
    newest = next((point for point in points if point.complete), None)
    if newest is None:
        return Verdict(State.NEVER, None, text("Not protected: there is no complete recovery point."))
    when, age = language.moment(newest.time, now), now - newest.time
    if age < -CLOCK_DIFFERENCE:
        return Verdict(State.UNKNOWN, None, text("The last complete point is ahead of this computer's clock."))
    if age > TOO_OLD_AFTER:
        return Verdict(State.FAIL, text("Too old"), text("The last complete point is too old: {when}.", when=when))
    if age > STALE_AFTER:
        return Verdict(State.STALE, None, text("The last complete point is getting old: {when}.", when=when))
    return Verdict(State.OK, None, text("Last complete point {when}.", when=when))


def not_known(points: Sequence[Point], now: datetime, language: Language) -> Verdict:
    """The verdict while the repository cannot be read; `points` are what was in it last."""
    newest = next((point for point in points if point.complete), None)
    if newest is None:
        return Verdict(State.UNKNOWN, None, text("What can be brought back is not known now."))
    when = language.moment(newest.time, now)
    return Verdict(State.UNKNOWN, None, text("Not known now. The last complete point was {when}.", when=when))


class PointsModel(QAbstractTableModel):
    """A table of recovery points; `DAY` gives a point's time without its age."""

    DAY = Qt.ItemDataRole.UserRole

    def __init__(
        self,
        language: Language,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._language = language
        self._now = now
        self._points: tuple[Point, ...] = ()
        self._running: frozenset[str] = frozenset()

    def set_running(self, runs: frozenset[str]) -> None:
        """These runs work now."""
        if runs != self._running:
            self._running = runs
            self._tell_changed(STATE)

    def look(self, row: int) -> Look:
        """How the state of a row is shown."""
        return look_of(self._points[row], running=self._points[row].id in self._running)

    def show_points(self, points: Sequence[Point]) -> None:
        """Puts these points in place of the old ones."""
        self.beginResetModel()
        self._points = tuple(points)
        self.endResetModel()

    def tick(self) -> None:
        """Time has passed: every point is older now."""
        self._tell_changed(TIME)

    def _tell_changed(self, column: int) -> None:
        if self._points:
            self.dataChanged.emit(self.index(0, column), self.index(len(self._points) - 1, column))

    def point(self, row: int) -> Point:
        """The point of a row."""
        return self._points[row]

    def row_of(self, point: str) -> int:
        """The row of the point with this id, -1 when it is gone."""
        return next((row for row, found in enumerate(self._points) if found.id == point), -1)

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802  Qt's name
        """Qt: how many points there are."""
        return 0 if parent.isValid() else len(self._points)

    def columnCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802  Qt's name
        """Qt: how many columns there are."""
        return 0 if parent.isValid() else len(HEADS)

    def headerData(  # noqa: N802  Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Qt: what stands above a column."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.head(section)
        return None

    def head(self, column: int) -> str:
        """What stands above a column."""
        return self._language.render(HEADS[column])

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Qt: what stands in a cell."""
        if not index.isValid():
            return None
        point = self._points[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._cell(index.row(), index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return self._tip(index.row(), index.column())
            case self.DAY:
                return self._day(point)
            case _:
                return None

    def _cell(self, row: int, column: int) -> str:
        point = self._points[row]
        if column == TIME:
            return self._language.moment(point.time, self._now())
        if column == STATE:
            return self._language.render(self.look(row).word)
        if column == LAYERS:
            return ", ".join(point.layers)
        return point.short_id

    def _day(self, point: Point) -> str:
        now = self._now()
        return self._language.moment(point.time, now).removesuffix(self._language.age(now - point.time)).rstrip(" ,")

    def _tip(self, row: int, column: int) -> str:
        point = self._points[row]
        if column == LAYERS:
            return "\n".join(f"{snapshot.source} ({snapshot.layer})" for snapshot in point.snapshots)
        return point.id if column == IDENTITY else self._cell(row, column)
