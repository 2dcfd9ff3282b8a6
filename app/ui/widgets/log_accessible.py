"""Lets a screen reader read the log where it is looked at: the text on the screen, its caret, its selection.

Qt asks for interfaces by their address. PySide takes an address from Python only as a `VoidPtr`: an `int` or `None`
ends the process, so every answer here is wrapped. A selection cannot be told (its question answers through pointers
that Python never sees), so none is claimed; the caret and all text are.
"""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import shiboken6
from PySide6.QtCore import QObject, QPoint, QRect
from PySide6.QtGui import QAccessible, QAccessibleInterface, QAccessibleTextInterface
from PySide6.QtWidgets import QAccessibleWidget

if TYPE_CHECKING:
    from app.ui.widgets.log_view import LogView


@cache
def offer_text_of(kind: type[LogView]) -> None:
    """From now on every view of this kind can be read by a screen reader."""

    def made_for(_class: str, what: QObject) -> QAccessibleInterface | None:
        return LogAccessible(what) if isinstance(what, kind) else None

    QAccessible.installFactory(made_for)


class LogAccessible(QAccessibleWidget, QAccessibleTextInterface):
    """A log view as a text that can be read, not changed."""

    def __init__(self, view: LogView) -> None:
        QAccessibleWidget.__init__(self, view, QAccessible.Role.EditableText)
        QAccessibleTextInterface.__init__(self)
        self._view = view

    def interface_cast(self, kind: QAccessible.InterfaceType) -> Any:
        """Qt: the address of one of this object's interfaces."""
        if kind is QAccessible.InterfaceType.TextInterface:
            return shiboken6.VoidPtr(shiboken6.getCppPointer(self)[1])  # the second base's address
        address = super().interface_cast(kind)
        return shiboken6.VoidPtr(0) if address is None else address

    def state(self) -> QAccessible.State:
        """Qt: read, not written; many lines."""
        state = super().state()
        state.readOnly = True
        state.multiLine = True
        state.selectableText = True
        return state

    def text(self, *asked: Any) -> str:
        """Qt: the name and the like of the view, or a part of its text; both are asked by this one name."""
        if len(asked) == 1:
            return QAccessibleWidget.text(self, asked[0])
        start, stop = asked
        return self._view.seen().text[max(0, start) : stop if stop >= 0 else None]

    def characterCount(self) -> int:
        """Qt: how long the text is."""
        return len(self._view.seen().text)

    def cursorPosition(self) -> int:
        """Qt: where the caret is."""
        return self._view.caret_offset()

    def setCursorPosition(self, position: int) -> None:
        """Qt: moves the caret."""
        self._view.select_offsets(position, position)

    def selectionCount(self) -> int:
        """Qt: no selection is claimed, see above."""
        return 0

    def addSelection(self, start: int, stop: int) -> None:
        """Qt: selects."""
        self._view.select_offsets(start, stop)

    def setSelection(self, _index: int, start: int, stop: int) -> None:
        """Qt: selects; there is one selection only."""
        self._view.select_offsets(start, stop)

    def removeSelection(self, _index: int) -> None:
        """Qt: leaves the caret alone."""
        self._view.select_offsets(self._view.caret_offset(), self._view.caret_offset())

    def scrollToSubstring(self, _start: int, _stop: int) -> None:
        """Qt: the text is what is on the screen, so there is nowhere to go."""

    def characterRect(self, offset: int) -> QRect:
        """Qt: where a character is, on the desktop."""
        there = self._view.seen().rect_of(offset)
        return there.translated(self._view.viewport().mapToGlobal(QPoint(0, 0)))

    def offsetAtPoint(self, point: QPoint) -> int:
        """Qt: which character is at a point of the desktop."""
        return self._view.seen().offset_at(self._view.viewport().mapFromGlobal(point))
