"""Buttons, choices and labels as every page uses them: tinted with the look, named for screen readers, large enough."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QAction, QFont, QKeyEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionComboBox,
    QToolButton,
    QWidget,
)

from app.ui import icons
from app.ui.theme import GRID, tones_now

Kind = Literal["plain", "primary", "quiet"]

_ICON = 20
_GAP = 6
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_LOOK_CHANGED = (QEvent.Type.PaletteChange, QEvent.Type.StyleChange)


class TextButton(QPushButton):
    """A button with a verb on it. One per page is `primary`; `quiet` ones stay behind what they stand beside."""

    def __init__(
        self, label: str, kind: Kind = "plain", icon: icons.Name | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(label, parent)
        self.setProperty("kind", kind)
        self.setIconSize(QSize(_ICON + _GAP, _ICON))
        self._kind = kind
        self._icon = icon
        self._tint()

    def set_icon(self, name: icons.Name) -> None:
        """Shows another icon."""
        self._icon = name
        self._tint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key. Enter presses the button that has the focus, not only in dialogs."""
        if event.key() in _ENTER and not event.isAutoRepeat():
            self.click()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Qt: the look may have changed."""
        super().changeEvent(event)
        if event.type() in _LOOK_CHANGED:
            self._tint()

    def _tint(self) -> None:
        tones = tones_now()
        ink = {"plain": tones.text, "primary": tones.on_accent, "quiet": tones.accent}[self._kind]
        if self._icon is not None:
            self.setIcon(icons.icon(self._icon, tones, _ICON, ink, _GAP))


class ElidedButton(TextButton):
    """A button as wide as there is room, whose text ends in an ellipsis; the whole of it is then the tip."""

    def __init__(self, icon: icons.Name, parent: QWidget | None = None) -> None:
        super().__init__("", icon=icon, parent=parent)
        self._whole = ""
        self.setObjectName("elided")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_whole(self, sentence: str) -> None:
        """Shows this text as far as there is room."""
        self._whole = sentence
        self.setAccessibleName(sentence)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """Qt: a few letters are enough."""
        return QSize(12 * GRID, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: there is more room, or less."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.width() - _ICON - _GAP - 4 * GRID
        shown = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, max(0, room))
        self.setText(shown)
        self.setToolTip(self._whole if shown != self._whole else "")


class IconButton(QToolButton):
    """A button that shows an icon, beside it a word where there is room; its name is said and shown as a tip."""

    def __init__(self, icon: icons.Name, name: str, word: str = "", parent: QWidget | None = None) -> None:
        """`name` says what it does; `word` is written on it."""
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._gap = 0
        self._icon = icon
        self.setText(word)
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.show_word(bool(word))

    def show_word(self, shown: bool) -> None:
        """Shows the word beside the icon, or the icon alone where there is no room for words."""
        self._gap = _GAP // 2 if shown else 0
        self.setIconSize(QSize(_ICON + self._gap, _ICON))
        self.setProperty("words", shown)
        style = Qt.ToolButtonStyle.ToolButtonTextBesideIcon if shown else Qt.ToolButtonStyle.ToolButtonIconOnly
        self.setToolButtonStyle(style)
        self.style().unpolish(self)
        self.style().polish(self)
        self._tint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key. Enter presses the button that has the focus."""
        if event.key() in _ENTER and not event.isAutoRepeat():
            self.click()
        else:
            super().keyPressEvent(event)

    def set_icon(self, name: icons.Name) -> None:
        """Shows another icon."""
        self._icon = name
        self._tint()

    def changeEvent(self, event: QEvent) -> None:
        """Qt: the look may have changed."""
        super().changeEvent(event)
        if event.type() in _LOOK_CHANGED:
            self._tint()

    def _tint(self) -> None:
        self.setIcon(icons.icon(self._icon, tones_now(), _ICON, gap=self._gap))


class Choice(QComboBox):
    """One out of a few."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.setMaxVisibleItems(12)
        self.setItemDelegate(QStyledItemDelegate(self))  # the one that minds the stylesheet's heights
        self.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Qt: a wheel that passes over it chooses nothing."""
        event.ignore()

    def initStyleOption(self, option: QStyleOptionComboBox) -> None:
        """Qt: what is painted; a long entry ends in an ellipsis."""
        super().initStyleOption(option)
        room = self.width() - 16 - 4 * GRID
        option.currentText = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideMiddle, room)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: paints the box, and the arrow in the colours of the look."""
        super().paintEvent(event)
        tones = tones_now()
        arrow = icons.pixmap(
            "chevron-down", tones.text if self.isEnabled() else tones.disabled, 16, self.devicePixelRatio()
        )
        QPainter(self).drawPixmap(self.width() - 16 - GRID, (self.height() - 16) // 2, arrow)


class SearchField(QLineEdit):
    """A field to search with."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText(name)
        self.setAccessibleName(name)
        self.setClearButtonEnabled(True)
        self._glass = QAction(self)
        self.addAction(self._glass, QLineEdit.ActionPosition.LeadingPosition)
        self._tint()

    def changeEvent(self, event: QEvent) -> None:
        """Qt: the look may have changed."""
        super().changeEvent(event)
        if event.type() in _LOOK_CHANGED:
            self._tint()

    def _tint(self) -> None:
        tones = tones_now()
        self._glass.setIcon(icons.icon("search", tones, 16, tones.muted))
        clear = self.findChild(QAction, "_q_qlineeditclearaction")  # Qt's own icon knows no look
        if isinstance(clear, QAction):
            clear.setIcon(icons.icon("cancel", tones, 16, tones.muted))


class ElidedLabel(QLabel):
    """One line of text that ends in an ellipsis where there is no room; the whole of it is then the tip."""

    def __init__(self, sentence: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = sentence
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.set_whole(sentence)

    def set_whole(self, sentence: str) -> None:
        """Shows this text as far as there is room."""
        self._whole = sentence
        self.setAccessibleName(sentence)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """Qt: a few letters are enough."""
        return QSize(self.fontMetrics().averageCharWidth() * 8, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        """Qt: room for all of it, if there is."""
        return QSize(self.fontMetrics().horizontalAdvance(self._whole) + 2, super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: there is more room, or less."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Qt: the letters may be larger now."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        shown = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideMiddle, max(0, self.width()))
        self.setText(shown)
        self.setToolTip(self._whole if shown != self._whole else "")
        self.updateGeometry()


class IconLabel(QLabel):
    """An icon that cannot be pressed; what it means is said beside it."""

    def __init__(
        self, icon: icons.Name, role: str = "text", size: int = icons.SIZE, parent: QWidget | None = None
    ) -> None:
        """`role` is the colour's name among `Tones`."""
        super().__init__(parent)
        self._icon = icon
        self._role = role
        self._size = size
        self.setFixedSize(size, size)
        self._tint()

    def show_icon(self, icon: icons.Name, role: str) -> None:
        """Shows another icon, in another colour."""
        self._icon, self._role = icon, role
        self._tint()

    def changeEvent(self, event: QEvent) -> None:
        """Qt: the look may have changed."""
        super().changeEvent(event)
        if event.type() in _LOOK_CHANGED:
            self._tint()

    def _tint(self) -> None:
        colour = str(getattr(tones_now(), self._role))
        self.setPixmap(icons.pixmap(self._icon, colour, self._size, self.devicePixelRatio()))


Tone = Literal["text", "muted", "ok", "stale", "fail", "running", "never", "unknown"]


def label(sentence: str, tone: Tone = "text", font: QFont | None = None) -> QLabel:
    """A sentence that wraps, in one of the look's colours; it can be marked and copied with the mouse."""
    made = QLabel(sentence)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(True)
    made.setProperty("tone", tone)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if font is not None:
        made.setFont(font)
    return made


def set_tone(widget: QLabel, tone: Tone) -> None:
    """Another colour for a label that stands already."""
    widget.setProperty("tone", tone)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
