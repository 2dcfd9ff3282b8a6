"""Help without a network: one page for each topic, shown for what has the keyboard."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QTextBrowser, QVBoxLayout, QWidget

from app.foundation.errors import Problem, UserError
from app.foundation.words import Language, text
from app.ui.bridge import Bridge
from app.ui.page_task import page_task
from app.ui.theme import GRID
from app.ui.widgets.controls import TextButton

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "help"
TOPIC = "helpTopic"
"""The property of a widget that says which page helps with it and what is inside."""

FIRST = "start"
TOPICS = (
    FIRST,
    "dashboard",
    "snapshots",
    "runs",
    "repository",
    "settings",
    "sites",
    "adding",
    "restoring",
    "recovery",
    "kit",
    "keys",
)
"""Every page of help; each of them stands in `resources/help/LANGUAGE/TOPIC.md`."""


def set_topic(widget: QWidget, topic: str) -> None:
    """This page helps with the widget and what is inside."""
    widget.setProperty(TOPIC, topic)


def topic_of(widget: QWidget | None) -> str:
    """The page that helps with what has the keyboard."""
    while widget is not None:
        topic = widget.property(TOPIC)
        if topic:
            return str(topic)
        widget = widget.parentWidget()
    return FIRST


class Help(QDialog):
    """Shows a page; its links lead to others.

    Signals:
        support_wanted: the person wants to ask a colleague for help.
    """

    support_wanted = Signal()

    def __init__(self, bridge: Bridge, language: Language, parent: QWidget) -> None:
        super().__init__(parent)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._bridge = bridge
        self._language = language
        self.setWindowTitle(language.render(text("Help")))
        self.page = QTextBrowser()
        self.page.setOpenLinks(False)
        self.page.setAccessibleName(language.render(text("Help")))
        self.page.anchorClicked.connect(self._on_link)
        self.page.document().setDocumentMargin(2 * GRID)
        contents = TextButton(language.render(text("Contents")), "quiet")
        contents.clicked.connect(lambda: self.show_topic(FIRST))
        support = TextButton(language.render(text("Support bundle…")), "quiet")
        support.clicked.connect(self.support_wanted)
        close = TextButton(language.render(text("Close")), "primary")
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addWidget(contents)
        buttons.addWidget(support)
        buttons.addStretch(1)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addWidget(self.page, 1)
        column.addLayout(buttons)
        self.resize(90 * GRID, 72 * GRID)

    def show_for(self, widget: QWidget | None) -> None:
        """Shows what helps with a widget."""
        self.show_topic(topic_of(widget))
        self.show()
        self.raise_()
        self.page.setFocus()

    def show_error(self, error: Problem) -> None:
        """A page could not be read: it says so itself."""
        self.page.setPlainText("\n\n".join(map(self._language.render, (error.what, error.means, error.next))))

    @page_task
    async def show_topic(self, topic: str) -> None:
        """Shows a page by its name."""
        code = self._language.code
        self.page.setMarkdown(await self._bridge.ask(lambda app: _read(app, topic, code)))

    def _on_link(self, link: QUrl) -> None:
        topic = Path(link.path()).stem
        if topic in TOPICS:
            self.show_topic(topic)


async def _read(app: Overwinter, topic: str, code: str) -> str:
    """The page in the reader's language, or in English where nobody has translated it."""
    here = await app.host("", "this-computer")
    try:
        content = await here.read(str(FOLDER / code / f"{topic}.md"))
    except UserError:
        content = await here.read(str(FOLDER / "en" / f"{topic}.md"))
    return content.decode()
