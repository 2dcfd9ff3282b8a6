"""Chooses how the window looks, at once."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from app.foundation.words import Language, text
from app.ui.theme import Look
from app.ui.widgets.navigation import Entry

WORDS = {
    Look.SYSTEM: text("As the desktop"),
    Look.LIGHT: text("Light"),
    Look.DARK: text("Dark"),
    Look.SUNLIGHT: text("Sunlight"),
}


class LookButton(Entry):
    """Opens a menu of looks.

    Signals:
        chosen: another look is wanted; carries a `Look`.
    """

    chosen = Signal(object)

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__("look", language.render(text("Look")), parent)
        self._menu = QMenu(self)
        self._actions: dict[Look, QAction] = {}
        group = QActionGroup(self)
        for look, word in WORDS.items():
            action = self._actions[look] = self._menu.addAction(language.render(word))
            action.setCheckable(True)
            action.triggered.connect(lambda _checked, look=look: self.chosen.emit(look))
            group.addAction(action)
        self.show_look(Look.SYSTEM)
        self.clicked.connect(self._on_clicked)

    def show_look(self, look: Look) -> None:
        """This look is on."""
        self._actions[look].setChecked(True)

    def _on_clicked(self) -> None:
        self._menu.popup(self.mapToGlobal(QPoint(0, -self._menu.sizeHint().height())))
