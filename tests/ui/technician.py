"""The real window on a data folder of its own, and a technician at its mouse and its keyboard."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import qasync
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QLabel, QWidget

from app.foundation.words import ENGLISH, Language
from app.settings.places import places
from app.ui.bridge import Bridge, Sight
from app.ui.garbage import GarbageRound
from app.ui.main_window import MainWindow
from app.ui.page_task import Page
from tests.catalogues import spoken
from tests.ui.greenhouse import PASSPHRASE

PATIENCE = 30.0  # seconds that a fact may take to become true
STORY = 150.0
"""Seconds that a story may take: where pytest's own limit strikes in one of Qt's loops, the loop goes on for ever."""


@dataclass(frozen=True)
class Technician:
    """Sees what the window shows, and uses it as a person does."""

    window: MainWindow
    bridge: Bridge
    language: Language = field(default=ENGLISH, kw_only=True)

    def dialog(self) -> QDialog | None:
        """The question that stands before the window."""
        shown = [each for each in self.window.findChildren(QDialog) if each.isVisible()]
        return next((each for each in shown if not any(other.parent() is each for other in shown)), None)

    def _front(self) -> QWidget:
        return self.dialog() or self.window

    def button(self, word: str) -> QAbstractButton | None:
        """The visible button with this word on it or this name; the word is English whatever the window speaks."""
        words = {word, *spoken(word, self.language)}
        for button in self._front().findChildren(QAbstractButton):
            if button.isVisible() and words & {button.text(), button.accessibleName()}:
                return button
        return None

    def reads(self, words: str) -> bool:
        """Whether these words stand somewhere to be read."""
        wanted = {words, *spoken(words, self.language)}
        return any(each in said for said in self.all_words() for each in wanted)

    def all_words(self) -> list[str]:
        """Everything that is written on labels and buttons, also what there is no room for."""
        written: list[QLabel | QAbstractButton] = [*self._front().findChildren(QLabel)]
        written += self._front().findChildren(QAbstractButton)
        return [said for each in written if each.isVisible() for said in (each.text(), each.accessibleName()) if said]

    def click(self, word: str) -> None:
        """Presses a button with the mouse."""
        button = self.button(word)
        assert button is not None, f"no button {word!r}"
        assert button.isEnabled(), f"{word!r} cannot be pressed"
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def focused(self) -> QWidget:
        """What has the keyboard."""
        focused = QApplication.focusWidget()
        assert focused is not None, "nothing has the keyboard"
        return focused

    def press(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Presses a key."""
        QTest.keyClick(QApplication.focusWidget() or self._front(), key, modifiers)

    def types(self, words: str) -> None:
        """Types where the keyboard is."""
        QTest.keyClicks(self.focused(), words)

    async def sees_it_rest(self) -> None:
        """Waits until the window has nothing more to do: runs have ended, lists have been read."""
        await self.sees(self.rests)

    def rests(self) -> bool:
        """Whether the window has nothing to do now."""
        window = self.window
        busy: tuple[Page, ...] = (window, *window.pages.values(), window.sites, window.recoveries, window.adding)
        return window.runs.tasks.keys() <= {"look_out"} and not any(each.tasks for each in busy)

    async def is_back(self) -> None:
        """Waits until the window has the keyboard again; no window manager is here to give it back after a dialog."""
        self.window.activateWindow()
        await self.sees(self.window.isActiveWindow)

    async def tabs_to(self, name: str) -> None:
        """Goes on with Tab until what is named has the keyboard."""
        await self.is_back()
        if QApplication.focusWidget() is None:
            QTest.keyClick(self.window, Qt.Key.Key_Tab)
        for _ in range(60):
            focused = self.focused()
            word = focused.text() if isinstance(focused, QAbstractButton) else ""
            if name in (focused.accessibleName(), word):
                return
            self.press(Qt.Key.Key_Tab)
        raise AssertionError(f"{name!r} cannot be reached with Tab")

    async def sees(self, fact: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Waits until the fact is true."""
        await true_soon(fact, seconds)

    async def is_asked(self) -> QDialog:
        """Waits until a question stands before the window and has the keyboard."""

        def asked() -> bool:
            dialog, focused = self.dialog(), QApplication.focusWidget()
            return dialog is not None and focused is not None and dialog.isAncestorOf(focused)

        await self.sees(asked)
        dialog = self.dialog()
        assert dialog is not None
        return dialog

    async def reads_soon(self, words: str) -> None:
        """Waits until the words stand there."""
        try:
            await self.sees(lambda: self.reads(words))
        except AssertionError:
            raise AssertionError(f"{words!r} is not among {self.all_words()}") from None

    async def presses_soon(self, word: str) -> None:
        """Waits until the button can be pressed, and presses it."""
        await self.sees(lambda: (button := self.button(word)) is not None and button.isEnabled())
        self.click(word)


async def true_soon(fact: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Waits until the fact is true, and lets the window live meanwhile."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


Story = Callable[[Technician], Awaitable[None]]


def on_window_loop(
    application: QApplication,
    story: Coroutine[Any, Any, None],
    garbage: GarbageRound | None = None,
    within: float = STORY,
) -> None:
    """Lets the story happen on a loop like the window's; its Qt objects are destroyed in this thread alone."""
    application.setQuitOnLastWindowClosed(False)
    garbage = garbage or GarbageRound()
    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(application)) as runner:
        runner.run(_in_time(story, within))
    del runner
    garbage.stop()


async def _in_time(story: Coroutine[Any, Any, None], within: float) -> None:
    async with asyncio.timeout(within):
        await story


def run_in_window(
    application: QApplication,
    data: Path,
    story: Story,
    size: tuple[int, int] = (1366, 768),
    language: Language = ENGLISH,
    *,
    last: str = "",
    within: float = STORY,
) -> None:
    """Opens the window on `data` as the program does, lets the story happen, and puts everything away.

    `last` is the site that was shown when the window was closed.
    """
    garbage = GarbageRound()
    on_window_loop(application, _told(data, story, size, Sight(last, language), garbage), garbage, within)


async def _told(data: Path, story: Story, size: tuple[int, int], sight: Sight, garbage: GarbageRound) -> None:
    bridge = Bridge(places(data))
    bridge.opened.connect(garbage.keep_all)
    window = MainWindow(bridge, sight.language)
    window.resize(*size)
    window.show()
    window.activateWindow()
    bridge.start(sight if sight.site else None)
    window.load(choose=sight.site)
    try:
        await story(Technician(window, bridge, language=sight.language))
    finally:
        window.end()
        await window.put_away()
        await bridge.close()
        window.deleteLater()
        bridge.deleteLater()


@contextmanager
def vault_with_passphrase_file(folder: Path) -> Iterator[None]:
    """No keyring of the person's, and the vault opens without asking."""
    file = folder / "passphrase"
    file.write_text(PASSPHRASE)
    file.chmod(0o600)
    with environment(OVERWINTER_VAULT_PASSPHRASE_FILE=str(file), DBUS_SESSION_BUS_ADDRESS=None):
        yield


@contextmanager
def environment(**wanted: str | None) -> Iterator[None]:
    """These variables, for a while; None takes one away."""
    before = {name: os.environ.get(name) for name in wanted}
    _put(wanted)
    try:
        yield
    finally:
        _put(before)


def _put(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
