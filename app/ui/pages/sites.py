"""All sites at one glance: a row for each with its verdict."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.foundation.errors import Problem, UserError
from app.foundation.words import Language, Text, plural, text
from app.ui.bridge import Bridge
from app.ui.page_task import page_task
from app.ui.theme import GRID, State, title_font
from app.ui.widgets.card_stack import CardStack
from app.ui.widgets.controls import ElidedButton, ElidedLabel, TextButton, label, set_tone
from app.ui.widgets.state_badge import StateBadge

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.jobs.health.overview import Overview


class SiteRow(QFrame):
    """One site.

    Signals:
        opened: the person wants to see the site; carries its name.
    """

    opened = Signal(str)

    def __init__(self, language: Language, site: str) -> None:
        super().__init__()
        self._language = language
        self._site = site
        self.setObjectName("card")
        self._open = ElidedButton("greenhouse")
        self._open.clicked.connect(lambda: self.opened.emit(self._site))
        self._badge = StateBadge(language, State.UNKNOWN)
        self._sentence = label("")
        self._read = ElidedLabel()
        set_tone(self._read, "muted")
        said = QVBoxLayout()
        said.setSpacing(0)
        said.addWidget(self._sentence)
        said.addWidget(self._read)
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, GRID, 2 * GRID, GRID)
        row.setSpacing(2 * GRID)
        row.addWidget(self._open, 3)
        verdict = QWidget()
        verdict.setFixedWidth(25 * GRID)
        beside = QHBoxLayout(verdict)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(self._badge)
        beside.addStretch(1)
        row.addWidget(verdict)
        row.addLayout(said, 6)

    def show_overview(self, overview: Overview) -> None:
        """Shows how the site stands, and when its repository was read or why it could not be."""
        self._open.set_whole(overview.title)
        verdict = overview.verdict
        self._open.setAccessibleDescription(self._language.render(verdict.sentence))
        self._badge.show_state(State(verdict.condition.value), verdict.word)
        self._sentence.setText(self._language.render(verdict.sentence))
        self._read.set_whole(self._language.render(self._last_read(overview)))

    def show_note(self, note: Text) -> None:
        """Says what goes on."""
        self._read.set_whole(self._language.render(note))

    def _last_read(self, overview: Overview) -> Text:
        if overview.away is not None:
            return overview.away.what
        if overview.inventory is None:
            return text("Never read on this computer")
        return text("Read {age}", age=self._language.age(datetime.now(UTC) - overview.inventory.read))


class SitesPage(QWidget):
    """Every site of this computer.

    Signals:
        opened: the person wants to see a site; carries its name.
        adding: another site is to be added.
    """

    opened = Signal(str)
    adding = Signal()

    def __init__(self, bridge: Bridge, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._bridge = bridge
        self._language = language
        self._rows: dict[str, SiteRow] = {}
        self._count = label("", "muted")
        self._count.setWordWrap(False)
        self._read = TextButton(self._say(text("Read all")), "quiet", "refresh")
        self._read.setToolTip("F5")
        self._add = TextButton(self._say(text("Add a site…")), icon="plus")
        self._cards = CardStack(language)
        self._arrange()
        self._read.clicked.connect(self.read_all)
        self._add.clicked.connect(self.adding)
        QShortcut(QKeySequence("F5"), self, self.read_all)

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(label(self._say(text("All sites")), font=title_font()))
        head.addStretch(1)
        for part in (self._count, self._read, self._add):
            head.addWidget(part)
        inside = QWidget()
        self._list = QVBoxLayout(inside)
        self._list.setContentsMargins(0, 0, GRID, 0)
        self._list.setSpacing(GRID)
        self._list.addStretch(1)
        scroll = QScrollArea()
        scroll.setObjectName("bare")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addLayout(head)
        column.addWidget(self._cards)
        column.addWidget(scroll, 1)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Qt: the page is looked at."""
        super().showEvent(event)
        self.load()

    def show_error(self, error: Problem) -> None:
        """Shows what went wrong."""
        self._cards.show_problem("other", error)

    @page_task
    async def load(self) -> None:
        """Shows how all sites stood when they were read last."""
        overviews = await self._bridge.ask(lambda app: app.overviews.all_known(self._language))
        for gone in self._rows.keys() - {one.site for one in overviews}:
            self._remove(gone)
        for number, overview in enumerate(overviews):
            if overview.site not in self._rows:
                self._add_row(number, overview.site)
            self._rows[overview.site].show_overview(overview)
        self._count.setText(self._say(plural("{count} site", "{count} sites", len(overviews))))

    def _add_row(self, number: int, site: str) -> None:
        row = self._rows[site] = SiteRow(self._language, site)
        row.opened.connect(self.opened)
        self._list.insertWidget(number, row)

    def _remove(self, site: str) -> None:
        row = self._rows.pop(site)
        self._list.removeWidget(row)
        row.deleteLater()

    @page_task
    async def read_all(self) -> None:
        """Reads every repository anew, one after the other; one that is away does not keep the others."""
        for site, row in list(self._rows.items()):
            row.show_note(text("Reading…"))
            try:
                row.show_overview(await self._asked(site))
            except UserError:  # its overview says why
                row.show_overview(await self._remembered(site))

    async def _asked(self, site: str) -> Overview:
        return await self._bridge.ask(lambda app: app.overviews.read(site, self._language))

    async def _remembered(self, site: str) -> Overview:
        return await self._bridge.ask(lambda app: app.overviews.known(site, self._language))
