"""How far the reading of all data is: a block for each share, solid when it was read and well."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.foundation.words import Language, text
from app.ui.theme import GRID, tones_now

_HEIGHT = 3 * GRID
_GAP = 3


class ShareBar(QWidget):
    """Blocks from left to right; what they say is said in words beside them too."""

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._of = 1
        self._well: frozenset[int] = frozenset()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_shares(self, of: int, well: Collection[int]) -> None:
        """Shows `of` shares; those in `well` (from 1) are solid."""
        self._of, self._well = of, frozenset(well)
        said = text("{count} of {of} shares are known to be well", count=len(self._well), of=of)
        self.setAccessibleName(self._language.render(said))
        self.update()

    def sizeHint(self) -> QSize:
        """Qt: a line of blocks."""
        return QSize(30 * GRID, _HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt: paints the blocks; many shares stand without gaps."""
        painter, tones = QPainter(self), tones_now()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        gap = _GAP if self._of <= 32 else 0
        width = (self.width() - gap * (self._of - 1)) / self._of
        for number in range(1, self._of + 1):
            block = QRectF((number - 1) * (width + gap), 0, width, _HEIGHT).adjusted(0.75, 0.75, -0.75, -0.75)
            is_well = number in self._well
            painter.setPen(QPen(QColor(tones.ok if is_well else tones.control), 1.5) if gap else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tones.ok if is_well else tones.surface))
            painter.drawRoundedRect(block, 3, 3)
