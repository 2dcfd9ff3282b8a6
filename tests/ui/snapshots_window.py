"""The Snapshots page in a window of its own: what the frame does for a page, and a technician at it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QLabel, QVBoxLayout, QWidget

from app.assembly import Overwinter
from app.foundation.words import ENGLISH
from app.records.run import Run
from app.runs.runner import Launched
from app.settings.places import places
from app.ui.bridge import Bridge
from app.ui.garbage import GarbageRound
from app.ui.page_task import cancel_tasks
from app.ui.pages.snapshots.page import SnapshotsPage
from tests.ui.greenhouse import SITE
from tests.ui.technician import on_window_loop, true_soon


class Frame(QWidget):
    """A bare window around the page; runs that it starts are followed to their end."""

    def __init__(self, bridge: Bridge, site: str) -> None:
        super().__init__()
        self.page = SnapshotsPage(bridge, ENGLISH)
        self.ended: list[Run] = []
        self._bridge = bridge
        self._site = site
        self._launched: set[asyncio.Task[None]] = set()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.page)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.page.start.connect(self._on_start)

    def _on_start(self, launch: Callable[[Overwinter], Awaitable[Launched]]) -> None:
        task = asyncio.get_running_loop().create_task(self._follow(launch))
        self._launched.add(task)
        task.add_done_callback(self._launched.discard)

    async def _follow(self, launch: Callable[[Overwinter], Awaitable[Launched]]) -> None:
        launched = await self._bridge.ask(launch)
        self.ended.append(await self._bridge.ask(lambda app: app.runner.wait(self._site, launched.run)))
        self.page.site_changed()


@dataclass
class Looker:
    """A technician who looks at the page."""

    frame: Frame
    bridge: Bridge
    shots: list[str] = field(default_factory=list)

    @property
    def page(self) -> SnapshotsPage:
        """What is looked at."""
        return self.frame.page

    def dialog(self) -> QDialog | None:
        """The question that stands before the window."""
        return next((each for each in self.page.findChildren(QDialog) if each.isVisible()), None)

    def button(self, word: str) -> QAbstractButton | None:
        """The visible button with this word on it or this name."""
        for button in (self.dialog() or self.frame).findChildren(QAbstractButton):
            if button.isVisible() and word in (button.text(), button.accessibleName()):
                return button
        return None

    def click(self, word: str) -> None:
        """Presses a button with the mouse."""
        button = self.button(word)
        assert button is not None, f"no button {word!r}"
        assert button.isEnabled(), f"{word!r} cannot be pressed"
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def press(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Presses a key."""
        QTest.keyClick(QApplication.focusWidget() or self.frame, key, modifiers)

    def reads(self, words: str) -> bool:
        """Whether these words stand somewhere to be read."""
        labels = (self.dialog() or self.frame).findChildren(QLabel)
        return any(words in f"{each.text()} {each.accessibleName()}" for each in labels if each.isVisible())

    async def sees(self, fact: Callable[[], object], seconds: float = 30) -> None:
        """Waits until the fact is true."""
        await true_soon(fact, seconds)

    async def reads_soon(self, words: str) -> None:
        """Waits until the words stand there."""
        await self.sees(lambda: self.reads(words))

    async def sees_it_rest(self) -> None:
        """Waits until the page has nothing more to do."""
        await self.sees(lambda: not self.page.tasks)

    async def opens_tab(self, name: str) -> None:
        """Opens a tab and waits until it is filled."""
        tabs = self.page.tabs
        (index,) = [each for each in range(tabs.count()) if tabs.tabText(each) == name]
        QTest.mouseClick(tabs, Qt.MouseButton.LeftButton, pos=tabs.tabRect(index).center())
        await self.sees_it_rest()

    async def ask(self, question: Callable[[Overwinter], Awaitable[Any]]) -> Any:
        """Asks the engine, past the page."""
        return await self.bridge.ask(question)

    async def backs_up(self) -> Run:
        """Backs the site up, as the Dashboard would."""
        launched = await self.ask(lambda app: app.back_up(self.page.site))
        run: Run = await self.ask(lambda app: app.runner.wait(self.page.site, launched.run))
        return run


Story = Callable[[Looker], Awaitable[None]]


def look_at(
    application: QApplication,
    data: Path,
    story: Story,
    site: str = SITE,
    size: tuple[int, int] = (1366 - 208, 768 - 48),
) -> None:
    """Opens the page on `data`, lets the story happen, and puts everything away."""
    garbage = GarbageRound()
    on_window_loop(application, _told(data, story, site, size, garbage), garbage)


async def _told(data: Path, story: Story, site: str, size: tuple[int, int], garbage: GarbageRound) -> None:
    bridge = Bridge(places(data))
    bridge.opened.connect(garbage.keep_all)
    frame = Frame(bridge, site)
    frame.resize(*size)
    frame.show()
    frame.activateWindow()
    bridge.start()
    try:
        await story(Looker(frame, bridge))
    finally:
        frame.close()
        await cancel_tasks(frame.page)
        await bridge.close()
        frame.deleteLater()
        bridge.deleteLater()
