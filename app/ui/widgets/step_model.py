"""The steps of a run as they are told, ready to be listed."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

from app.foundation.events import Progress, RunClosed, StepFinished, StepOutcome, StepStarted, Told
from app.foundation.words import Duration, Language, Text, plural, text
from app.ui.icons import Name
from app.ui.widgets.progress import elapsed, percent

Index = QModelIndex | QPersistentModelIndex


class Look(NamedTuple):
    """How the state of a step is shown: an icon, the name of a colour, a word."""

    icon: Name
    tone: str
    word: Text


RUNNING = Look("running", "running", text("Running"))
TO_COME = Look("waiting", "muted", text("To come"))
BROKEN_OFF = Look("error", "fail", text("Interrupted"))
_ENDED = {
    StepOutcome.DONE: Look("check", "ok", text("Done")),
    StepOutcome.WARNED: Look("warning", "stale", text("Warning")),
    StepOutcome.FAILED: Look("error", "fail", text("Failed")),
    StepOutcome.SKIPPED: Look("skipped", "unknown", text("Skipped")),
    StepOutcome.CANCELLED: Look("skipped", "unknown", text("Cancelled")),
}


@dataclass(frozen=True)
class ShownStep:
    """One row: a step that has begun, or what is still to come."""

    key: str
    title: Text
    look: Look
    number: int = 0
    of: int = 0
    started: datetime | None = None
    took: float | None = None
    progress: Progress | None = None
    note: Text | None = None


class StepModel(QAbstractListModel):
    """The steps as they are told."""

    STEP = Qt.ItemDataRole.UserRole

    def __init__(self, language: Language, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._language = language
        self._now = now
        self._steps: list[ShownStep] = []
        self._to_come = 0
        self._heard: datetime | None = None

    @property
    def running(self) -> bool:
        """Whether a step is going on."""
        return any(step.look is RUNNING for step in self._steps)

    def tell(self, event: Told) -> None:
        """Takes what a run tells; what is not about steps changes nothing."""
        match event:
            case StepStarted():
                self._begin(event)
            case StepFinished():
                note = event.error.what if event.error is not None else None
                self._change(event.key, look=_ENDED[event.outcome], took=self._since(event.key, event.at), note=note)
            case Progress():
                self._change(event.key, progress=event)
            case RunClosed():
                self._set_to_come(0)
                self._break_off()
            case _:
                pass
        self._heard = event.at

    def clear(self) -> None:
        """Another run begins."""
        self.beginResetModel()
        self._steps, self._to_come = [], 0
        self.endResetModel()

    def _begin(self, event: StepStarted) -> None:
        self._set_to_come(0)
        row = len(self._steps)
        self.beginInsertRows(QModelIndex(), row, row)
        self._steps.append(ShownStep(event.key, event.title, RUNNING, event.number, event.of, event.at))
        self.endInsertRows()
        self._set_to_come(event.of - event.number)

    def _set_to_come(self, count: int) -> None:
        row = len(self._steps)
        if count <= 0 < self._to_come:
            self.beginRemoveRows(QModelIndex(), row, row)
            self._to_come = 0
            self.endRemoveRows()
        elif count > 0 and not self._to_come:
            self.beginInsertRows(QModelIndex(), row, row)
            self._to_come = count
            self.endInsertRows()

    def _break_off(self) -> None:
        """A run that died closes with a step under way: it lasted until it was heard of last, as far as is known."""
        for step in self._steps:
            if step.look is RUNNING and self._heard is not None:
                self._change(step.key, look=BROKEN_OFF, took=self._since(step.key, self._heard))

    def _change(self, key: str, **changes: object) -> None:
        for row, step in enumerate(self._steps):
            if step.key == key and step.look is RUNNING:
                self._steps[row] = replace(step, **changes)  # type: ignore[arg-type]  # the fields named by tell()
                self.dataChanged.emit(self.index(row), self.index(row))

    def _since(self, key: str, at: datetime) -> float:
        started = [step.started for step in self._steps if step.key == key and step.look is RUNNING]
        return (at - started[0]).total_seconds() if started and started[0] is not None else 0.0

    def tick(self) -> None:
        """Time has passed: the rows that show it are painted again."""
        for row, step in enumerate(self._steps):
            if step.look is RUNNING:
                self.dataChanged.emit(self.index(row), self.index(row))

    def time_of(self, step: ShownStep) -> str:
        """How long the step took, or has been going on."""
        if step.look is _ENDED[StepOutcome.SKIPPED]:
            return ""
        if step.took is not None:
            return self._language.render(text("{time}", time=Duration(step.took)))
        if step.started is None:
            return ""
        return self._language.render(text("{time}", time=elapsed((self._now() - step.started).total_seconds())))

    def rowCount(self, _parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own default, immutable
        """Qt: how many rows there are."""
        return len(self._steps) + (1 if self._to_come else 0)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Qt: what stands in a row."""
        step = self._step(index.row())
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._language.render(step.title)
            case Qt.ItemDataRole.ToolTipRole:
                return "\n".join(self._language.render(part) for part in (step.title, step.note) if part is not None)
            case Qt.ItemDataRole.AccessibleTextRole:
                return self._spoken(step)
            case self.STEP:
                return step
            case _:
                return None

    def _step(self, row: int) -> ShownStep:
        if row < len(self._steps):
            return self._steps[row]
        return ShownStep("", plural("{count} more step", "{count} more steps", self._to_come), TO_COME)

    def _spoken(self, step: ShownStep) -> str:
        said = [self._language.render(part) for part in (step.title, step.look.word)]
        if step.number:
            place = text("step {number} of {of}", number=step.number, of=step.of)
            said.insert(0, self._language.render(place))
        share = percent(step.progress) if step.look is RUNNING else None
        said += [self._language.render(part) for part in (share, step.note) if part is not None]
        return ", ".join(said)
