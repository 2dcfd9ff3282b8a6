"""A place for cards on a page: one for each matter, never more than the page has room for."""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, Text
from app.ui.theme import GRID
from app.ui.widgets.error_card import ErrorCard
from app.ui.widgets.tab_order import join_tab_order

SHARE = 0.3  # of the window's height that cards may take


class CardStack(QScrollArea):
    """Shows problems below each other, each in the place of its matter; scrolls when they are too tall.

    Signals:
        acted: the button of a card was pressed; carries its matter.
    """

    acted = Signal(str)

    def __init__(self, language: Language, parent: QWidget | None = None, *, share: float = SHARE) -> None:
        """`share` of the window's height is theirs at most; a page that scrolls itself gives them all they need."""
        super().__init__(parent)
        self._share = share
        self._language = language
        self._cards: dict[str, ErrorCard] = {}
        self._problems: dict[str, Problem] = {}
        self._inside = QWidget()
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GRID)
        self.setWidget(self._inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setObjectName("bare")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._inside.installEventFilter(self)
        self.hide()

    def show_problem(self, matter: str, problem: Problem, action: Text | None = None) -> None:
        """Shows a problem in place of the one before of the same matter; another matter's twin of it goes."""
        for other in [each for each, shown in self._problems.items() if shown.code == problem.code]:
            self.clear(other)
        self.clear(matter)
        card = ErrorCard(self._language, problem, action, closable=True)
        card.acted.connect(lambda _: self.acted.emit(matter))
        card.closed.connect(lambda: self.clear(matter))
        self._cards[matter], self._problems[matter] = card, problem
        self._column.insertWidget(0, card)  # the newest is what the person waits to see
        join_tab_order(self, card)
        self.show()
        self.updateGeometry()

    def clear(self, matter: str) -> None:
        """The matter is settled."""
        card = self._cards.pop(matter, None)
        self._problems.pop(matter, None)
        if card is not None:
            card.hide()
            card.deleteLater()
        self.setVisible(bool(self._cards))
        self.updateGeometry()

    def problem(self, matter: str) -> Problem | None:
        """What is shown of this matter."""
        return self._problems.get(matter)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt: a card was unfolded or wraps otherwise: the page gives more room, or less."""
        if watched is self._inside and event.type() is QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def hasHeightForWidth(self) -> bool:
        """Qt: sentences wrap."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Qt: as tall as the cards, up to a limit."""
        return min(round(self._share * self.window().height()), max(self._column.totalHeightForWidth(width), 0))

    def sizeHint(self) -> QSize:
        """Qt: see `heightForWidth`."""
        width = max(self.width(), 60 * GRID)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        """Qt: the first lines of a card."""
        return QSize(40 * GRID, min(self.sizeHint().height(), 12 * GRID))
