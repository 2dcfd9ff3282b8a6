"""Two ways to use the window for one story: with the mouse, and with the keyboard alone.

Both find things by the words on them or by the name that a screen reader says, and wait until they can be used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QWidget,
)

from app.ui.pages.dashboard.band import Band
from app.ui.widgets.log_view import LogView
from tests.ui.technician import Technician

WidgetT = TypeVar("WidgetT", bound=QWidget)
MOST_TABS = 150


class Hand(Protocol):
    """Somebody who uses the program; every step waits until it can be done."""

    async def go(self, page: str) -> None:
        """Goes to a page of the site."""

    async def press(self, name: str) -> None:
        """Presses a button."""

    async def write(self, name: str, words: str) -> None:
        """Writes into a field, in place of what stands there."""

    async def choose(self, name: str, words: str) -> None:
        """Chooses, in a list or table, what these words are part of."""

    async def point_into(self, name: str) -> None:
        """Puts the cursor of a picture, such as the Dashboard's band, at something that can be brought back."""

    async def reads(self, words: str) -> None:
        """Waits until the words stand somewhere."""

    async def finds(self, file: Path) -> None:
        """Waits until a file is there that the program was to write."""


def spoken(widget: QWidget) -> str:
    """What a screen reader calls it."""
    if widget.accessibleName():
        return widget.accessibleName()
    if isinstance(widget, QAbstractButton):
        return widget.text().replace("&", "")
    labels = (label for label in widget.window().findChildren(QLabel) if label.buddy() is widget)
    return next((label.text().replace("&", "") for label in labels), "")


def is_called(widget: QWidget, name: str) -> bool:
    """Whether this is its name, or stands on it."""
    written = widget.text().replace("&", "") if isinstance(widget, QAbstractButton) else ""
    return name in (spoken(widget), written)


class _InWindow:
    def __init__(self, someone: Technician) -> None:
        self._someone = someone

    @property
    def _front(self) -> QWidget:
        return QApplication.activeModalWidget() or self._someone.window

    def _named(self, kind: type[WidgetT], name: str) -> WidgetT | None:
        """What can be used under this name now."""
        for widget in self._front.findChildren(kind):
            if widget.isVisible() and widget.isEnabled() and is_called(widget, name):
                return widget
        return None

    async def _usable(self, kind: type[WidgetT], name: str) -> WidgetT:
        try:
            await self._someone.sees(lambda: self._named(kind, name) is not None)
        except AssertionError:
            names = [spoken(each) for each in self._front.findChildren(kind) if each.isVisible()]
            raise AssertionError(f"{name!r} cannot be used; there are {names} on {list(self._words())}") from None
        found = self._named(kind, name)
        assert found is not None, "it was there a moment ago"
        return found

    async def _types(self, field: QLineEdit, words: str) -> None:
        """Types in place of what stands there, once the keyboard is there: a new window takes a moment for that."""
        await self._someone.sees(field.hasFocus)
        field.selectAll()
        QTest.keyClicks(field, words)

    def _words(self) -> Iterator[str]:
        for widget in self._front.findChildren(QWidget):
            if not widget.isVisible():
                continue
            if isinstance(widget, QLabel | QAbstractButton):
                yield widget.text()
                yield widget.accessibleName()
            elif isinstance(widget, QPlainTextEdit):
                yield widget.toPlainText()
            elif isinstance(widget, LogView):
                yield widget.seen().text

    async def reads(self, words: str) -> None:
        try:
            await self._someone.sees(lambda: any(words in said for said in self._words()))
        except AssertionError:
            raise AssertionError(f"{words!r} is not among {[said for said in self._words() if said]}") from None

    async def finds(self, file: Path) -> None:
        await self._someone.sees(file.is_file)

    async def _row(self, view: QAbstractItemView, words: str) -> QModelIndex:
        await self._someone.sees(lambda: _row_with(view, words).isValid())
        return _row_with(view, words)


def _row_with(view: QAbstractItemView, words: str) -> QModelIndex:
    model = view.model()
    columns = 1 if isinstance(model, QAbstractListModel) else model.columnCount(QModelIndex())
    for row in range(model.rowCount(QModelIndex())):
        cells = [model.index(row, column) for column in range(columns)]
        if any(words in str(cell.data()) for cell in cells):
            return cells[0]
    return QModelIndex()


class MouseHand(_InWindow):
    """Clicks; a keyboard is there only for what has to be typed."""

    async def go(self, page: str) -> None:
        await self.press(page)

    async def press(self, name: str) -> None:
        button = await self._usable(QAbstractButton, name)
        await self._someone.sees(lambda: self._is_in_reach(button))
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def _is_in_reach(self, widget: QWidget) -> bool:
        """Whether a click on its middle hits it; what is outside is scrolled to, as with a wheel."""
        around = widget.parentWidget()
        while around is not None:
            if isinstance(around, QScrollArea):
                around.ensureWidgetVisible(widget)
            around = around.parentWidget()
        hit = widget.window().childAt(widget.mapTo(widget.window(), widget.rect().center()))
        return hit is not None and (hit is widget or widget.isAncestorOf(hit))

    async def write(self, name: str, words: str) -> None:
        field = await self._usable(QLineEdit, name)
        await self._someone.sees(lambda: self._is_in_reach(field))
        self._front.activateWindow()
        QTest.mouseClick(field, Qt.MouseButton.LeftButton)
        await self._types(field, words)

    async def choose(self, name: str, words: str) -> None:
        view = await self._usable(QAbstractItemView, name)
        index = await self._row(view, words)
        view.scrollTo(index)
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(index).center())

    async def point_into(self, name: str) -> None:
        picture = await self._usable(Band, name)
        await self._someone.sees(lambda: self._is_in_reach(picture))
        for x in range(picture.width() - 1, 0, -1):  # from now back into the past
            _move_over(picture, QPointF(x, 20))
            if picture.cursor().shape() is Qt.CursorShape.PointingHandCursor:
                return
        raise AssertionError(f"nothing of {name!r} can be pointed at")


def _move_over(widget: QWidget, at: QPointF) -> None:
    """As `QTest.mouseMove`, which lets other events happen inside: a task that is woken there is never woken again."""
    none = Qt.MouseButton.NoButton
    there = QPointF(widget.mapToGlobal(at))
    moved = QMouseEvent(QEvent.Type.MouseMove, at, there, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, moved)


class KeyHand(_InWindow):
    """Has no mouse: goes with Tab, Enter, arrows and the keys of the pages."""

    PAGES = ("Dashboard", "Snapshots", "Runs", "Repository", "Settings")

    async def go(self, page: str) -> None:
        await self._is_in_front()
        number = Qt.Key(Qt.Key.Key_1 + self.PAGES.index(page))
        self._someone.press(number, Qt.KeyboardModifier.ControlModifier)

    async def _is_in_front(self) -> None:
        """No window manager is here to give the keyboard back after a question."""
        self._front.activateWindow()
        await self._someone.sees(self._front.isActiveWindow)
        if QApplication.focusWidget() is None:
            QTest.keyClick(self._front, Qt.Key.Key_Tab)

    async def _tabs_to(self, kind: type[WidgetT], name: str) -> WidgetT:
        await self._usable(kind, name)
        await self._is_in_front()
        passed = []
        for _ in range(MOST_TABS):
            focused = self._someone.focused()
            if isinstance(focused, kind) and is_called(focused, name):
                return focused
            passed.append(spoken(focused))
            self._someone.press(Qt.Key.Key_Tab)
        raise AssertionError(f"{name!r} cannot be reached with Tab, only {list(dict.fromkeys(passed))}")

    async def press(self, name: str) -> None:
        await self._tabs_to(QAbstractButton, name)
        self._someone.press(Qt.Key.Key_Return)

    async def write(self, name: str, words: str) -> None:
        await self._types(await self._tabs_to(QLineEdit, name), words)

    async def choose(self, name: str, words: str) -> None:
        view = await self._tabs_to(QAbstractItemView, name)
        index = await self._row(view, words)
        self._moves(view, lambda: view.currentIndex().row() > 0, Qt.Key.Key_Up)
        self._moves(view, lambda: view.currentIndex().row() < index.row(), Qt.Key.Key_Down)

    def _moves(self, view: QAbstractItemView, further: Callable[[], bool], key: Qt.Key) -> None:
        for _ in range(view.model().rowCount(QModelIndex())):
            if further():
                self._someone.press(key)
        assert not further(), "the arrows do not lead there"

    async def point_into(self, name: str) -> None:
        await self._tabs_to(Band, name)
        self._someone.press(Qt.Key.Key_Left)
