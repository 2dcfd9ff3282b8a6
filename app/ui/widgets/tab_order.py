"""Where Tab goes: what is made later comes where it is seen, not behind everything else."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget


def join_tab_order(place: QWidget, made: QWidget) -> None:
    """Tab reaches what is in `made` where `place` stands, which takes no keys itself and was there from the start."""
    before = place.previousInFocusChain()
    while before is not None and before is not place and (not _takes_keys(before) or made.isAncestorOf(before)):
        before = before.previousInFocusChain()
    for widget in _inside(made):
        if before is not None and before is not place:
            QWidget.setTabOrder(before, widget)
        before = widget


def _inside(made: QWidget) -> list[QWidget]:
    """What takes keys in there, in the order in which it was made."""
    found = [made] if _takes_keys(made) else []
    widget = made.nextInFocusChain()
    while widget is not None and widget is not made:
        if made.isAncestorOf(widget) and _takes_keys(widget):
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found


def _takes_keys(widget: QWidget) -> bool:
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
