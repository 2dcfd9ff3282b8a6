"""How far the list of names of a snapshot is, and the way to stop it or to begin it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from app.foundation.words import Language, Text, plural, text
from app.ui.theme import GRID
from app.ui.widgets.controls import ElidedLabel, TextButton, set_tone

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.catalogue.rows import Headway

_STOP, _BEGIN = text("Cancel"), text("Read the names")


class IndexStrip(QWidget):
    """One line: a sentence, a bar while names are read, a button.

    Signals:
        stop_wanted: what is read is to be stopped.
        begin_wanted: the names that are missing are to be read.
    """

    stop_wanted = Signal()
    begin_wanted = Signal()

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._said = ElidedLabel()
        set_tone(self._said, "muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(20 * GRID)
        self._bar.setAccessibleName(language.render(text("Reading the names")))
        self.button = TextButton(language.render(_STOP), "quiet")
        self.button.clicked.connect(self._on_pressed)
        self._reads = False
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        row.addWidget(self._said, 1)
        row.addWidget(self._bar)
        row.addWidget(self.button)
        self.say(None)

    @property
    def words(self) -> str:
        """What it says."""
        return self._said.accessibleName()

    def show_headway(self, source: str, headway: Headway) -> None:
        """So far the names of a source are."""
        self._reads = True
        names = plural("{count} name", "{count} names", headway.names)
        self._said.set_whole(self._say(text("Reading the names of {source}: {names}", source=source, names=names)))
        self._bar.setRange(0, headway.total)  # 0 to 0 is a bar that only moves
        self._bar.setValue(min(headway.names, headway.total))
        self._show_parts(bar=True, button=_STOP)
        self.show()

    def offer(self, sentence: Text) -> None:
        """Names are missing; they can be read."""
        self._reads = False
        self._said.set_whole(self._say(sentence))
        self._show_parts(bar=False, button=_BEGIN)
        self.show()

    def say(self, sentence: Text | None) -> None:
        """A sentence and nothing to press; None for silence. Never shown in between: without its place, as at first,
        it would be a window that takes the keyboard away."""
        self._reads = False
        self._said.set_whole("" if sentence is None else self._say(sentence))
        self._show_parts(bar=False, button=None)
        self.setVisible(sentence is not None)

    def _show_parts(self, *, bar: bool, button: Text | None) -> None:
        self._bar.setVisible(bar)
        self.button.setVisible(button is not None)
        if button is not None:
            self.button.setText(self._say(button))

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _on_pressed(self) -> None:
        (self.stop_wanted if self._reads else self.begin_wanted).emit()
