"""What a page shows when there is nothing yet: an icon, one sentence, the one thing to do about it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.words import Language, Text
from app.ui.icons import Name
from app.ui.theme import GRID
from app.ui.widgets.controls import IconLabel, TextButton, label


class EmptyState(QWidget):
    """Stands in the middle of what is empty.

    Signals:
        acted: its button was pressed.
    """

    acted = Signal()

    def __init__(
        self,
        language: Language,
        icon: Name,
        sentence: Text,
        action: Text | None = None,
        *,
        hint: Text | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """`hint` is another way, in small words below the button."""
        super().__init__(parent)
        self.setAccessibleName(language.render(sentence))
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 4 * GRID, 3 * GRID, 4 * GRID)
        column.setSpacing(2 * GRID)
        column.addStretch(1)
        middle = Qt.AlignmentFlag.AlignHCenter
        column.addWidget(IconLabel(icon, "accent", 6 * GRID), alignment=middle)
        column.addLayout(_centred(language.render(sentence)))
        if action is not None:
            button = TextButton(language.render(action), "primary")
            button.clicked.connect(self.acted)
            self.setFocusProxy(button)
            column.addWidget(button, alignment=middle)
        if hint is not None:
            column.addLayout(_centred(language.render(hint)))
        column.addStretch(2)


def _centred(sentence: str) -> QHBoxLayout:
    """Between stretches, not aligned: an aligned label does not get the height of its lines."""
    said = label(sentence, "muted")
    said.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    said.setMaximumWidth(60 * GRID)
    row = QHBoxLayout()
    row.addStretch(1)
    row.addWidget(said, 8)
    row.addStretch(1)
    return row
