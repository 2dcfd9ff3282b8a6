"""How a cell of a table or tree is painted: its words under its head, on flat ground, perhaps behind an icon."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.ui import icons
from app.ui.models.rows import Index
from app.ui.theme import GRID, TARGET, tones_now

ICON = 18
PAD = GRID + GRID // 2
"""As far in as the stylesheet puts the words of heads."""


class Lead(NamedTuple):
    """What a cell begins with, and what stands behind its words in a quieter tone."""

    icon: icons.Name
    more: str = ""


class CellDelegate(QStyledItemDelegate):
    """Paints cells; `lead` says which begin with an icon."""

    def lead(self, _index: Index) -> Lead | None:
        """The icon of a cell, None where it has none."""
        return None

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Qt: as tall as anything that is pressed."""
        return QSize(super().sizeHint(option, index).width() + 2 * PAD, TARGET)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Qt: paints a cell."""
        tones, room = tones_now(), QRect(option.rect)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(room, QColor(tones.selection))
        lead = self.lead(index)
        room.adjust(PAD if lead is None else GRID // 2, 0, -PAD, 0)
        if lead is not None:
            self._paint_icon(painter, room, lead.icon)
        written = self._write(painter, room, index)
        if lead is not None and lead.more:
            painter.setPen(QColor(tones.muted))
            rest = room.adjusted(written + GRID, 0, 0, 0)
            said = option.fontMetrics.elidedText(lead.more, Qt.TextElideMode.ElideMiddle, max(0, rest.width()))
            painter.drawText(rest, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, said)
        painter.restore()

    def _paint_icon(self, painter: QPainter, room: QRect, name: icons.Name) -> None:
        drawn = icons.pixmap(name, tones_now().muted, ICON, painter.device().devicePixelRatio())
        painter.drawPixmap(room.left(), room.top() + (room.height() - ICON) // 2, drawn)
        room.adjust(ICON + GRID, 0, 0, 0)

    def _write(self, painter: QPainter, room: QRect, index: Index) -> int:
        """Writes the words; gives how wide they are."""
        words = painter.fontMetrics().elidedText(str(index.data() or ""), Qt.TextElideMode.ElideMiddle, room.width())
        painter.setPen(QColor(tones_now().text))
        painter.drawText(room, int(index.data(Qt.ItemDataRole.TextAlignmentRole)), words)
        return painter.fontMetrics().horizontalAdvance(words)
