"""The cards of the Dashboard: one matter each, how it stands, and the one button that mends it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSpacerItem, QVBoxLayout, QWidget

from app.foundation.words import Language, Text
from app.ui import icons
from app.ui.pages.dashboard.said import Fact, Line
from app.ui.theme import GRID, State, heading_font
from app.ui.widgets.controls import ElidedButton, IconLabel, TextButton, label
from app.ui.widgets.tab_order import join_tab_order


class Card(QFrame):
    """A framed part of the page with a title; what it holds goes into `column`."""

    def __init__(self, title: str, parent: QWidget | None = None, *, head_height: int = 0) -> None:
        """`head_height` is the least that its first line takes, so that cards beside each other agree."""
        super().__init__(parent)
        self.setObjectName("card")
        self.setAccessibleName(title)
        self.head = QHBoxLayout()
        self.head.setSpacing(GRID)
        said = label(title, "muted", heading_font())
        said.setWordWrap(False)
        self.head.addWidget(said)
        self.head.addStretch(1)
        self.head.addItem(QSpacerItem(0, head_height))
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(2 * GRID, GRID + GRID // 2, 2 * GRID, GRID + GRID // 2)
        self.column.setSpacing(GRID)
        self.column.addLayout(self.head)


class FactCard(Card):
    """One matter.

    Signals:
        acted: its button was pressed.
    """

    acted = Signal()

    def __init__(self, language: Language, title: Text, action: Text, parent: QWidget | None = None) -> None:
        super().__init__(language.render(title), parent)
        self._language = language
        self._icon = StateIcon()
        self._headline = label("", font=heading_font())
        self._about = label("", "muted")
        self.button = TextButton(language.render(action))
        self.button.clicked.connect(self.acted)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self._icon, alignment=Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._headline, 1)
        self.column.addLayout(row)
        self.column.addWidget(self._about)
        self.column.addStretch(1)
        self.column.addWidget(self.button, alignment=Qt.AlignmentFlag.AlignLeft)

    def add_more(self, *actions: TextButton) -> None:
        """Puts what may be done besides below its button."""
        row = QHBoxLayout()
        row.setSpacing(GRID)
        for action in actions:
            row.addWidget(action)
        row.addStretch(1)
        self.column.addLayout(row)

    def show_fact(self, fact: Fact) -> None:
        """Shows how it stands."""
        self._icon.show_state(fact.state)
        self._headline.setText(self._language.render(fact.headline))
        self._about.setText("\n".join(map(self._language.render, fact.about)))
        self._about.setVisible(bool(fact.about))

    def offer(self, action: Text | None, *, enabled: bool = True) -> None:
        """What its button says; None where there is nothing to do."""
        self.button.setVisible(action is not None)
        self.button.setEnabled(enabled)
        if action is not None:
            self.button.setText(self._language.render(action))


class StateIcon(IconLabel):
    """The icon of a state, in its colour."""

    def __init__(self, state: State = State.UNKNOWN, size: int = 20) -> None:
        super().__init__(icons.OF_STATE[state], state.value, size)

    def show_state(self, state: State) -> None:
        """Shows another state."""
        self.show_icon(icons.OF_STATE[state], state.value)


class Lines(QWidget):
    """A short list, each line of which opens something.

    Signals:
        opened: a line was pressed; carries what it opens.
    """

    opened = Signal(str)

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._nothing = label("", "muted")
        self._lines: tuple[Line, ...] = ()
        self._widgets: list[QWidget] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self._nothing)

    def show_lines(self, lines: Sequence[Line], nothing: Text) -> None:
        """Shows these lines, or `nothing`; what has not changed is left as it is, with the keyboard on it."""
        self._nothing.setText(self._language.render(nothing))
        if tuple(lines) == self._lines:
            return
        self._lines = tuple(lines)
        for widget in self._widgets:
            self._column.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._widgets = [self._widget(line) for line in lines]
        for widget in self._widgets:
            self._column.addWidget(widget)
        for widget in reversed(self._widgets):
            join_tab_order(self._nothing, widget)
        self._nothing.setVisible(not lines)

    def _widget(self, line: Line) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID // 2)
        button = ElidedButton("chevron-right")
        sentence = self._language.render(line.sentence)
        button.set_whole(sentence)
        button.setAccessibleName(f"{self._language.render(line.word)}: {sentence}")
        button.clicked.connect(lambda: self.opened.emit(line.opens))
        row.addWidget(StateIcon(line.state))
        row.addWidget(button, 1)
        return made
