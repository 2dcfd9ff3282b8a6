"""Everything the list knows of the chosen point, as JSON that is read and copied."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, text
from app.ui.bridge import Bridge
from app.ui.page_task import page_task
from app.ui.pages.snapshots import asking
from app.ui.theme import GRID, mono_font
from app.ui.widgets.controls import ElidedLabel, TextButton, set_tone

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.catalogue.rows import PointRow


class DetailsTab(QWidget):
    """The tab."""

    def __init__(
        self,
        bridge: Bridge,
        language: Language,
        tasks: dict[str, asyncio.Task[None]],
        parent: QWidget | None = None,
    ) -> None:
        """`tasks` are those of the page."""
        super().__init__(parent)
        self.tasks = tasks
        self._bridge = bridge
        self._language = language
        self._point: PointRow | None = None
        self._id = ElidedLabel()
        self._id.setFont(mono_font())
        set_tone(self._id, "muted")
        self._copy_id = TextButton(language.render(text("Copy the id")), "plain", "copy")
        self._copy_all = TextButton(language.render(text("Copy all")), "plain", "copy")
        self.view = QPlainTextEdit()
        self.view.setReadOnly(True)
        self.view.setTabChangesFocus(True)
        self.view.setFont(mono_font())
        self.view.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.view.setAccessibleName(language.render(text("Details of the point")))
        self._copy_id.clicked.connect(self._on_copy_id)
        self._copy_all.clicked.connect(self._on_copy_all)
        self._arrange()

    def _arrange(self) -> None:
        low = QHBoxLayout()
        low.setSpacing(GRID)
        low.addWidget(self._id, 1)
        low.addWidget(self._copy_id)
        low.addWidget(self._copy_all)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2 * GRID, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.view, 1)
        column.addLayout(low)

    def show_point(self, site: str, point: PointRow | None) -> None:
        """Shows this point."""
        self._point = point
        self.view.clear()
        self._id.set_whole("" if point is None else point.point.id)
        if point is not None:
            self.read_details(site, point.point.id)

    @page_task
    async def read_details(self, site: str, point: str) -> None:
        """Reads what the list knows of it."""
        self.view.setPlainText(await self._bridge.ask(lambda app: asking.details(app, site, point)))

    def show_error(self, error: Problem) -> None:
        """Says it where the details would stand."""
        self.view.setPlainText(self._language.render(error.what))

    def _on_copy_id(self) -> None:
        if self._point is not None:
            QGuiApplication.clipboard().setText(self._point.point.id)

    def _on_copy_all(self) -> None:
        QGuiApplication.clipboard().setText(self.view.toPlainText())
