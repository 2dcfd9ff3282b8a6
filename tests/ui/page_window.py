"""One page of the window by itself, with the real program behind it, for whoever tests or photographs that page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.settings.places import places
from app.ui.bridge import Bridge, PassphraseWanted
from app.ui.garbage import GarbageRound
from app.ui.page_task import cancel_tasks
from tests.ui.technician import Technician, on_window_loop

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

ROOM = (1366 - 200, 768 - 40)
"""What the window leaves to a page on the smallest screen, beside its navigation."""


class Shown(Protocol):
    """A page, as far as the frame and Qt know it."""

    tasks: dict[str, asyncio.Task[None]]

    def show_error(self, error: Problem) -> None: ...

    def show_site(self, site: str) -> None: ...

    def site_changed(self) -> None: ...


PageT = TypeVar("PageT", bound=Shown)


@dataclass(frozen=True)
class PageTechnician(Technician, Generic[PageT]):
    """Somebody at a window that has this page alone; it takes the place of the whole one."""

    shown: PageT

    async def presses_card(self, word: str) -> None:
        """Presses a button that has just come, as soon as it stands where it is seen."""
        await self.sees(lambda: self._is_in_place(word))
        self.click(word)

    def _is_in_place(self, word: str) -> bool:
        button = self.button(word)
        if button is None:
            return False
        return self.window.childAt(button.mapTo(self.window, button.rect().center())) is button

    async def shown_rests(self) -> None:
        """Waits until the page has nothing more to do."""
        await self.sees(lambda: not self.shown.tasks)


Story = Callable[[PageTechnician[PageT]], Awaitable[None]]


def run_on_page(
    application: QApplication,
    data: Path,
    make: Callable[[Bridge], PageT],
    story: Story[PageT],
    size: tuple[int, int] = ROOM,
) -> None:
    """Opens the page on `data`, lets the story happen, and puts everything away."""
    garbage = GarbageRound()
    on_window_loop(application, _told(data, make, story, size, garbage), garbage)


async def _told(
    data: Path, make: Callable[[Bridge], PageT], story: Story[PageT], size: tuple[int, int], garbage: GarbageRound
) -> None:
    bridge = Bridge(places(data))
    bridge.opened.connect(garbage.keep_all)
    bridge.passphrase_wanted.connect(_no_passphrase)
    window = QWidget()
    window.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    page = make(bridge)
    column = QVBoxLayout(window)
    column.setContentsMargins(0, 0, 0, 0)
    assert isinstance(page, QWidget)
    column.addWidget(page)
    window.resize(*size)
    window.show()
    window.activateWindow()
    bridge.start()
    try:
        await story(PageTechnician(window=cast("MainWindow", window), bridge=bridge, shown=page))
    finally:
        for dialog in window.findChildren(QDialog):
            dialog.reject()
        await cancel_tasks(page)
        await bridge.close()
        window.close()
        window.deleteLater()
        bridge.deleteLater()


def _no_passphrase(wanted: PassphraseWanted) -> None:
    wanted.answer(None)
