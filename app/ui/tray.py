"""An icon in the tray while work goes on without the window; nothing at all where there is no tray."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from app.foundation.words import Language, text
from app.ui import icons
from app.ui.theme import tones_now


class Tray(QObject):
    """Leads back to the window.

    Signals:
        wanted: the person wants to see the window.
    """

    wanted = Signal()

    def __init__(self, language: Language, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._icon: QSystemTrayIcon | None = None
        self._menu: QMenu | None = None

    def show(self) -> None:
        """The window has gone."""
        if self._icon is not None or not QSystemTrayIcon.isSystemTrayAvailable():
            return
        tones = tones_now()
        self._menu = QMenu()
        self._menu.addAction(self._language.render(text("Show the window"))).triggered.connect(self.wanted)
        self._icon = QSystemTrayIcon(icons.icon("greenhouse", tones, colour=tones.accent), self)
        self._icon.setToolTip(self._language.render(text("Overwinter is working")))
        self._icon.setContextMenu(self._menu)
        self._icon.activated.connect(lambda _: self.wanted.emit())
        self._icon.show()

    def hide(self) -> None:
        """The window is back, or the program ends."""
        if self._icon is not None and self._menu is not None:
            self._icon.hide()
            self._icon.deleteLater()
            self._menu.deleteLater()
            self._icon = self._menu = None
