"""How the state of a recovery point looks: icon, word and colour together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QModelIndex, QPersistentModelIndex

from app.foundation.words import Text, text
from app.ui.theme import State

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.points import Point


Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()
"""What a model's questions are about, and the root that they are asked of."""


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


def look_of(point: Point, *, running: bool = False) -> Look:
    """How a point's state is shown; one that another version of the program made may have a word of its own.

    `running` says that the run that makes the point still works.
    """
    if running and not point.manifest:
        return _RUNNING
    if point.status == "complete" and not point.complete:
        return _PART_ONLY
    return _LOOKS.get(point.status, Look(State.UNKNOWN, text("{status}", status=point.status)))
