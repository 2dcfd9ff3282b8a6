"""Runs as rows: sorted and filtered here, without a proxy, so that thousands are as quick as ten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QObject, Qt

from app.foundation.words import Language, Text, text
from app.ui.models.points import NOWHERE, Index, Look
from app.ui.theme import State
from app.ui.widgets.state_badge import OUTCOMES

if TYPE_CHECKING:  # the window is painted before the runs' room is loaded
    from app.runs.history import PastRun

HEADS = (
    text("Status"),
    text("Type"),
    text("Started"),
    text("Duration"),
    text("Trigger"),
    text("By"),
    text("Added"),
    text("Warnings"),
    text("Id"),
)
STATUS, KIND, STARTED, DURATION, TRIGGER, WHO, ADDED, WARNINGS, IDENTITY = range(len(HEADS))
RIGHT = (DURATION, ADDED, WARNINGS)

RUNNING = "running"
"""The status of a run that works now, beside those of `Outcome`."""
UNFINISHED = "unfinished"
"""That of a run of another computer, of whose end nobody here knows."""

LOOKS: dict[str, Look] = {
    RUNNING: Look(State.RUNNING, text("Running")),
    **{outcome.value: Look(*look) for outcome, look in OUTCOMES.items()},
    UNFINISHED: Look(State.UNKNOWN, text("Unfinished")),
}
"""How a run's status looks, in the order in which statuses are sorted."""

KINDS = {
    "backup": text("Backup"),
    "verify": text("Verification"),
    "check": text("Check"),
    "retention": text("Retention"),
    "keep": text("Keep"),
    "delete": text("Deletion"),
    "restore": text("Restore"),
    "restore-look": text("Look at a restore"),
    "restore-undo": text("Undo of a restore"),
    "recover": text("Recovery"),
    "cleanup": text("Clearing up"),
    "repair": text("Repair"),
    "repair-points": text("Repair of points"),
    "save": text("Saving files"),
    "new-password": text("New password"),
    "kit": text("Recovery kit"),
    "kit-test": text("Test of the kit"),
    "kit-compare": text("Comparison of the kit"),
}
"""The kinds of runs that this version knows, as people read them."""

TRIGGERS = {"manual": text("by hand"), "safety": text("before a restore"), "schedule": text("schedule")}
"""What begins a run, as people read it."""


def kind_word(kind: str) -> Text:
    """What kind of run it is; one of another version of the program has only its own word."""
    return KINDS.get(kind) or text("{kind}", kind=kind)


def status_of(run: PastRun) -> str:
    """The status by which a run is filtered and shown."""
    if run.outcome is not None:
        return run.outcome.value
    return RUNNING if run.here else UNFINISHED


class Wanted(NamedTuple):
    """Which runs are shown; "" is no limit. `words` stand somewhere in the row, in any order."""

    status: str = ""
    kind: str = ""
    words: str = ""


class _Row(NamedTuple):
    run: PastRun
    status: str
    sought: str


class RunsModel(QAbstractTableModel):
    """A table of runs; `RUN` gives a row's run, `SORT` what a column is sorted by."""

    RUN = Qt.ItemDataRole.UserRole

    def __init__(
        self,
        language: Language,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._language = language
        self._now = now
        self._all: list[_Row] = []
        self._shown: list[_Row] = []
        self._wanted = Wanted()
        self._words: dict[tuple[object, ...], str] = {}
        self._column, self._order = STARTED, Qt.SortOrder.DescendingOrder

    # --- what is shown -------------------------------------------------------------------------

    def show_runs(self, runs: Sequence[PastRun]) -> None:
        """Puts these runs in the place of the old ones."""
        self.beginResetModel()
        self._all = [self._row(run) for run in runs]
        self._shown = self._sorted(self._filtered())
        self.endResetModel()

    def _row(self, run: PastRun) -> _Row:
        status = status_of(run)
        alike = (status, run.kind, run.trigger, run.who, run.computer, run.here)
        if alike not in self._words:  # of thousands of runs most say the same
            said = (LOOKS[status].word, kind_word(run.kind), self._trigger(run), self._who(run))
            self._words[alike] = " ".join(map(self._say, said)).casefold()
        return _Row(run, status, f"{self._words[alike]} {run.id}")

    def show_only(self, wanted: Wanted) -> None:
        """Shows the runs that are wanted."""
        if wanted != self._wanted:
            self.beginResetModel()
            self._wanted = wanted
            self._shown = self._sorted(self._filtered())
            self.endResetModel()

    def _filtered(self) -> list[_Row]:
        status, kind, words = self._wanted.status, self._wanted.kind, self._wanted.words.casefold().split()
        return [
            row
            for row in self._all
            if (not status or row.status == status)
            and (not kind or row.run.kind == kind)
            and all(word in row.sought for word in words)
        ]

    def _sorted(self, rows: list[_Row]) -> list[_Row]:
        return sorted(rows, key=_KEYS[self._column], reverse=self._order is Qt.SortOrder.DescendingOrder)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Qt: sorts by a column; what is selected stays selected."""
        if not 0 <= column < len(HEADS):
            return
        self.layoutAboutToBeChanged.emit()
        held = self.persistentIndexList()
        runs = [self._shown[index.row()].run.id for index in held]
        self._column, self._order = column, order
        self._shown = self._sorted(self._shown)
        rows = {row.run.id: number for number, row in enumerate(self._shown)}
        moved = [self.index(rows[run], index.column()) for run, index in zip(runs, held, strict=True)]
        self.changePersistentIndexList(held, moved)
        self.layoutChanged.emit()

    @property
    def kinds(self) -> list[str]:
        """The kinds of runs that there are, in alphabetical order of their words."""
        return sorted({row.run.kind for row in self._all}, key=lambda kind: self._say(kind_word(kind)))

    @property
    def total(self) -> int:
        """How many runs there are, shown or not."""
        return len(self._all)

    def run(self, row: int) -> PastRun:
        """The run of a row."""
        return self._shown[row].run

    def row_of(self, run: str) -> int:
        """The row of the run with this id, -1 where it is not shown."""
        return next((number for number, row in enumerate(self._shown) if row.run.id == run), -1)

    def look(self, row: int) -> Look:
        """How the status of a row is shown."""
        return LOOKS[self._shown[row].status]

    def tick(self) -> None:
        """Time has passed: ages and durations have grown."""
        if self._shown:
            self.dataChanged.emit(self.index(0, STARTED), self.index(len(self._shown) - 1, DURATION))

    # --- Qt's questions ------------------------------------------------------------------------

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802  Qt's name
        """Qt: how many runs are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802  Qt's name
        """Qt: how many columns there are."""
        return 0 if parent.isValid() else len(HEADS)

    def headerData(  # noqa: N802  Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Qt: what stands above a column."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._say(HEADS[section])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Qt: what stands in a cell."""
        if not index.isValid():
            return None
        run = self._shown[index.row()].run
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._cell(index.row(), index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return run.id if index.column() == IDENTITY else self._cell(index.row(), index.column())
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(index.column())
            case self.RUN:
                return run
            case _:
                return None

    def _cell(self, row: int, column: int) -> str:
        run = self._shown[row].run
        match column:
            case 0:
                return self._say(self.look(row).word)
            case 1:
                return self._say(kind_word(run.kind))
            case 2:
                return self._language.moment(run.started, self._now())
            case 3:
                return self._duration(run)
            case 4:
                return self._say(self._trigger(run))
            case 5:
                return self._say(self._who(run))
            case 6:
                return self._language.size(run.added) if run.added else ""
            case 7:
                return str(run.warnings) if run.warnings else ""
            case _:
                return run.id[:8]

    def _duration(self, run: PastRun) -> str:
        if not run.here:
            return ""
        return self._language.duration(max(0.0, ((run.closed or self._now()) - run.started).total_seconds()))

    def _trigger(self, run: PastRun) -> Text:
        return TRIGGERS.get(run.trigger) or text("{trigger}", trigger=run.trigger)

    def _who(self, run: PastRun) -> Text:
        if not run.here:
            return text("another computer")
        return text("{who} on {computer}", who=run.who, computer=run.computer)

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in RIGHT else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


_ORDER = {status: number for number, status in enumerate(LOOKS)}
_KEYS: tuple[Callable[[_Row], Any], ...] = (
    lambda row: _ORDER[row.status],
    lambda row: row.run.kind,
    lambda row: row.run.started,
    lambda row: ((row.run.closed or row.run.started) - row.run.started).total_seconds(),
    lambda row: row.run.trigger,
    lambda row: (row.run.computer, row.run.who),
    lambda row: row.run.added,
    lambda row: row.run.warnings,
    lambda row: row.run.id,
)
"""What each column is sorted by."""
