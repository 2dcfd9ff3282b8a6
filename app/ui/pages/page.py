"""What every page of the window has in common: the site that it shows, and that it is read when it is looked at."""

from __future__ import annotations

import asyncio

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, Text
from app.ui.bridge import Bridge


class SitePage(QWidget):
    """One page of the window for the site that is chosen; made once, shown again and again.

    `site` is the name of the site, "" for none.
    """

    def __init__(self, bridge: Bridge, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.site = ""
        self._bridge = bridge
        self._language = language
        self._is_stale = True

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def show_error(self, error: Problem) -> None:
        """Shows what went wrong, in its place on the page."""
        raise NotImplementedError

    def show_site(self, site: str) -> None:
        """Another site is chosen; what it holds is read only when the page is visible."""
        raise NotImplementedError

    def load(self) -> None:
        """Reads what is shown anew."""
        raise NotImplementedError

    def site_changed(self) -> None:
        """Something of the shown site changed (a run ended, settings were saved): it is read anew when visible."""
        self._is_stale = True
        self._load_when_visible()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Qt: the page is looked at."""
        super().showEvent(event)
        self._load_when_visible()

    def _load_when_visible(self) -> None:
        if self._is_stale and self.site and self.isVisible():
            self._is_stale = False
            self.load()
