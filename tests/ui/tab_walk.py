"""A walk with Tab through whatever is shown: what it passes, in which order, and what it should have passed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QTextEdit,
    QWidget,
)

from app.ui.pages.dashboard.band import Band
from app.ui.widgets.log_view import LogView
from tests.ui.hands import spoken

CONTROLS = (
    QAbstractButton, QAbstractItemView, QComboBox, QLineEdit, QPlainTextEdit, QTextEdit, QTabBar, Band, LogView,
)  # fmt: skip
INSIDE = (QLineEdit, QComboBox, QAbstractItemView)
"""What these are made of is reached through them."""
MOST = 200
SLACK = 8  # pixels: what stands in one line is not placed to the pixel


def controls(front: QWidget) -> Iterator[QWidget]:
    """Everything that can be used now."""
    for widget in front.findChildren(QWidget):
        if isinstance(widget, CONTROLS) and widget.isVisible() and widget.isEnabled() and not _is_part(widget):
            yield widget


def _is_part(widget: QWidget) -> bool:
    around = widget.parentWidget()
    while around is not None:
        if isinstance(around, INSIDE):
            return True
        around = around.parentWidget()
    return False


def walk(front: QWidget, key: Qt.Key = Qt.Key.Key_Tab) -> list[QWidget]:
    """What has the keyboard, from one thing round to it again."""
    passed: list[QWidget] = []
    if not isinstance(QApplication.focusWidget(), CONTROLS):  # a page itself has it while it is being read
        QTest.keyClick(QApplication.focusWidget() or front, key)
    for _ in range(MOST):
        focused = QApplication.focusWidget() or front
        if focused in passed:
            break
        passed.append(focused)
        QTest.keyClick(focused, key)
    assert (QApplication.focusWidget() or front) is passed[0], f"a trap: it does not go round: {named(passed)}"
    return passed


def named(widgets: list[QWidget]) -> list[str]:
    """What a screen reader says of each."""
    return [spoken(widget) or type(widget).__name__ for widget in widgets]


def faults_of(front: QWidget) -> list[str]:
    """Everything that is wrong with what is shown, for who has no mouse or no eyes."""
    wanted = list(controls(front))
    found = [f"{type(each).__name__} has no name" for each in wanted if not spoken(each)]
    passed = walk(front)
    found += [f"{spoken(each)!r} is not reached" for each in wanted if each not in passed]
    passed[0].setFocus()
    back = walk(front, Qt.Key.Key_Backtab)
    if back != [passed[0], *reversed(passed[1:])]:
        found.append(f"back goes another way: {named(passed)} and {named(back)}")
    found += [f"from {spoken(a)!r} back to {spoken(b)!r}" for a, b in _jumps(passed, front)]
    return found


def _jumps(passed: list[QWidget], front: QWidget) -> list[tuple[QWidget, QWidget]]:
    """Where Tab goes against reading: up in the same column, or back in the same line; the way round is one jump."""
    against = [(a, b) for a, b in pairwise([*passed, passed[0]]) if _is_back(_place(a, front), _place(b, front))]
    first = min(passed, key=lambda each: (_place(each, front).top() // 40, _place(each, front).left()))
    return [(a, b) for a, b in against if b is not first and b is not _first_of(passed, front)]


def _first_of(passed: list[QWidget], front: QWidget) -> QWidget:
    """Where the way begins: the leftmost column's top."""
    return min(passed, key=lambda each: (_place(each, front).left() // 40, _place(each, front).top()))


def _place(widget: QWidget, front: QWidget) -> QRect:
    return QRect(widget.mapTo(front, QPoint(0, 0)), widget.size())


def _is_back(a: QRect, b: QRect) -> bool:
    same_line = min(a.bottom(), b.bottom()) - max(a.top(), b.top()) > SLACK
    if same_line:
        return b.right() <= a.left() + SLACK
    is_above = b.bottom() <= a.top() + SLACK
    return is_above and b.left() < a.right() - SLACK
