"""A site's recovery points: the list, or why there is none, and below it how fresh the list is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, plural, text
from app.ui.theme import GRID
from app.ui.widgets.controls import ElidedLabel, set_tone
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.points_table import PointsTable

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.points import Point


class KnownPoints(NamedTuple):
    """The points of a site as they were read last, and when that was."""

    points: Sequence[Point]
    read: datetime


class PointsPanel(QWidget):
    """Shows what is known of a site's points; while they are read again the old list stays.

    Signals:
        opened: the person wants to see how a point was made; carries its id.
    """

    opened = Signal(str)

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._known: KnownPoints | None = None
        self._reading = self._failed = False
        self.table = PointsTable(language)
        self._none = EmptyState(language, "disk", text("No recovery point yet. Make the first one now."))
        self._first_look = EmptyState(language, "disk", text("Reading the repository…"))
        self._not_known = EmptyState(language, "unknown", text("The repository could not be read."))
        self._standing = ElidedLabel()
        set_tone(self._standing, "muted")
        self._stack = QStackedWidget()
        for page in (self._first_look, self._not_known, self._none, self.table):
            self._stack.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self._stack, 1)
        column.addWidget(self._standing)
        self.table.opened.connect(self.opened)

    def begin_reading(self, known: KnownPoints | None) -> None:
        """The repository is being read; `known` is what was in it before."""
        self._reading, self._failed = True, False
        self._show(known, self._first_look)

    def show_points(self, known: KnownPoints) -> None:
        """This was read."""
        self._reading = self._failed = False
        self._show(known, self._none)

    def reading_failed(self) -> None:
        """It could not be read; what was known stays."""
        self._reading, self._failed = False, True
        self._show(self._known, self._not_known)

    def _show(self, known: KnownPoints | None, instead: QWidget) -> None:
        if known is not None and (self._known is None or known.points is not self._known.points):
            self.table.show_points(known.points)
        self._known = known
        if known is None:
            self._stack.setCurrentWidget(instead)
        else:
            self._stack.setCurrentWidget(self.table if known.points else self._none)
        self._say_standing()

    def tick(self) -> None:
        """Time has passed."""
        self.table.tick()
        self._say_standing()

    def _say_standing(self) -> None:
        self._standing.set_whole("" if self._known is None else self._language.render(self._sentence(self._known)))

    def _sentence(self, known: KnownPoints) -> Text:
        points = plural("{count} point", "{count} points", len(known.points))
        if self._reading:
            return text("{points} · reading the repository…", points=points)
        age = self._language.age(datetime.now(UTC) - known.read)
        if self._failed:
            return text("{points} · last read {age}", points=points, age=age)
        return text("{points} · read {age}", points=points, age=age)
