"""Lets a screen reader read the band as a value along time: its sentence, and the points that can be gone to.

How Qt asks for interfaces by their address is told in `app.ui.widgets.log_accessible`.
"""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import shiboken6
from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleInterface, QAccessibleValueInterface
from PySide6.QtWidgets import QAccessibleWidget

if TYPE_CHECKING:
    from app.ui.pages.dashboard.band import Band


@cache
def offer_value_of(kind: type[Band]) -> None:
    """From now on every band of this kind can be read and moved by a screen reader."""

    def made_for(_class: str, what: QObject) -> QAccessibleInterface | None:
        return BandAccessible(what) if isinstance(what, kind) else None

    QAccessible.installFactory(made_for)


class BandAccessible(QAccessibleWidget, QAccessibleValueInterface):
    """A slider whose places are the points of the layer under the cursor; the last one is now."""

    def __init__(self, band: Band) -> None:
        QAccessibleWidget.__init__(self, band, QAccessible.Role.Slider)
        QAccessibleValueInterface.__init__(self)
        self._band = band

    def interface_cast(self, kind: QAccessible.InterfaceType) -> Any:
        """Qt: the address of one of this object's interfaces."""
        if kind is QAccessible.InterfaceType.ValueInterface:
            return shiboken6.VoidPtr(shiboken6.getCppPointer(self)[1])  # the second base's address
        address = super().interface_cast(kind)
        return shiboken6.VoidPtr(0) if address is None else address

    def text(self, asked: QAccessible.Text) -> str:
        """Qt: the name and the like; its value is what the cursor says."""
        return self._band.sentence if asked is QAccessible.Text.Value else super().text(asked)

    def currentValue(self) -> int:
        """Qt: the place of the cursor."""
        return self._band.stop

    def setCurrentValue(self, value: Any) -> None:
        """Qt: moves the cursor."""
        self._band.go_to_stop(round(value))

    def minimumValue(self) -> int:
        """Qt: the place of the oldest point that is shown."""
        return 0

    def maximumValue(self) -> int:
        """Qt: the place of now."""
        return len(self._band.stops) - 1

    def minimumStepSize(self) -> int:
        """Qt: from point to point."""
        return 1
