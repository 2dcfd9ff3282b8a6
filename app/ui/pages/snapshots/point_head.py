"""The chosen point: when it was made, how it stands, and what can be done with it as a whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.words import Language, Size, Text, plural, text
from app.ui.models.points import look_of
from app.ui.models.recovery_points import kept_words
from app.ui.theme import GRID, State, heading_font
from app.ui.widgets.controls import ElidedLabel, TextButton, set_tone
from app.ui.widgets.state_badge import StateBadge

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.catalogue.rows import PointRow


class PointHead(QWidget):
    """Its first line says when, the second what; below are the buttons.

    Signals:
        restore_wanted, verify_wanted, keep_wanted, delete_wanted, export_wanted: the button was pressed.
    """

    restore_wanted = Signal()
    verify_wanted = Signal()
    keep_wanted = Signal()
    delete_wanted = Signal()
    export_wanted = Signal()

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._when = ElidedLabel()
        self._when.setFont(heading_font())
        self._state = StateBadge(language, State.UNKNOWN)
        self._proven = StateBadge(language, State.OK)
        self._what = ElidedLabel()
        set_tone(self._what, "muted")
        self.restore = self._button(text("Restore…"), self.restore_wanted)
        self.export = self._button(text("Save all…"), self.export_wanted)
        self.verify = self._button(text("Verify"), self.verify_wanted)
        self.keep = self._button(text("Keep…"), self.keep_wanted)
        self.delete = self._button(text("Delete…"), self.delete_wanted)
        owners = text("Puts the whole point into a new folder here; owners stay where this account may set them")
        self.export.setToolTip(self._say(owners))
        self.verify.setToolTip(self._say(text("Brings every source back for a moment and compares it")))
        self.keep.setToolTip(self._say(text("No policy removes it before the end of a day")))
        self.delete.setToolTip(self._say(text("Removes it from the repository, for good")))
        self._arrange()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _button(self, word: Text, pressed: SignalInstance) -> TextButton:
        made = TextButton(self._say(word))
        made.clicked.connect(pressed)
        return made

    def _arrange(self) -> None:
        first, last = QHBoxLayout(), QHBoxLayout()
        for row in (first, last):
            row.setSpacing(GRID)
        first.addWidget(self._when, 1)
        first.addWidget(self._proven)
        first.addWidget(self._state)
        last.addWidget(self.restore)
        last.addWidget(self.export)
        last.addWidget(self.verify)
        last.addStretch(1)
        last.addWidget(self.keep)
        last.addWidget(self.delete)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(first)
        column.addWidget(self._what)
        column.addLayout(last)

    def show_point(self, row: PointRow, *, running: bool = False) -> None:
        """Shows this point; `running` says that the run that makes it still works."""
        point, look = row.point, look_of(row.point, running=running)
        when = self._language.moment(point.time, datetime.now(UTC))
        self._when.set_whole(when[:1].upper() + when[1:])
        self._state.show_state(look.state, look.word)
        self._proven.setVisible(point.verified)
        self._proven.show_state(State.OK, text("Proven to restore"))
        self._what.set_whole(" · ".join(self._facts(row)))
        for button in (self.restore, self.export, self.verify, self.keep, self.delete):
            button.setEnabled(not (running and not point.manifest))

    def _facts(self, row: PointRow) -> list[str]:
        point = row.point
        facts = [text("{id}", id=point.short_id)]
        facts += [plural("{count} source", "{count} sources", len(point.snapshots))]
        facts += [text("{size}, {added} added", size=Size(row.bytes), added=Size(row.added))] if row.bytes else []
        facts += [kept_words(row)] if point.kept else []
        facts += [text("made before a restore")] if row.trigger == "safety" else []
        facts += [text("hit by damage in the repository")] if point.damaged else []
        return list(map(self._say, facts))
