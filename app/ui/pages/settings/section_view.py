"""What every section is to the page: it shows a draft, tells of edits, and marks what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.foundation.words import Language, Text
from app.settings.draft import Draft
from app.settings.rules import Fault, Where
from app.settings.secrets import StoredSecret
from app.ui.pages.settings.secret_row import SecretRow
from app.ui.pages.settings.sections import Section
from app.ui.pages.settings.trial_panel import Mending, TrialPanel
from app.ui.theme import GRID, heading_font
from app.ui.widgets.controls import label


class SectionView(QWidget):
    """One section of the page.

    Signals:
        edited: something is not as it was.
        replace_asked, remove_asked: a secret is to be stored or removed; carry its name.
        trial_wanted: a connection is to be tried; carries the panel and the name of what is tried.
        mending_asked: a card's button was pressed; carries the panel, the name and the `Mending`.
    """

    edited = Signal()
    replace_asked = Signal(str)
    remove_asked = Signal(str)
    trial_wanted = Signal(object, str)
    mending_asked = Signal(object, str, object)

    def __init__(self, section: Section, language: Language, draft: Draft, stored: Sequence[StoredSecret]) -> None:
        super().__init__()
        self.section = section
        self.stored = tuple(stored)
        self._language = language
        self._draft = draft
        self.setAccessibleName(self._say(section.title))
        self._body = QVBoxLayout(self)
        self._body.setContentsMargins(0, 0, 0, 0)
        self._body.setSpacing(2 * GRID)
        self._body.addWidget(label(self._say(section.title), font=heading_font()))
        self._body.addWidget(label(self._say(section.about), "muted"))

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def show_stored(self, stored: Sequence[StoredSecret]) -> None:
        """Other secrets are stored now."""
        self.stored = tuple(stored)

    def show_faults(self, faults: Iterable[Fault]) -> None:
        """Marks what is wrong here."""

    def begin(self) -> None:
        """Gives the keyboard to what is done here first."""
        self.setFocus()

    def go_to(self, _where: Where) -> None:
        """Goes to a place of the site."""

    @property
    def secrets(self) -> dict[str, SecretRow]:
        """The secrets that can be typed here now."""
        return {}

    @property
    def typed(self) -> dict[str, str]:
        """Secrets that are typed here and not stored yet."""
        return {name: row.typed for name, row in self.secrets.items() if row.typed}

    def _panel(self, title: str, name: Callable[[], str] = str) -> TrialPanel:
        """`name` says what is tried when that is asked for: it may be called otherwise by then."""
        panel = TrialPanel(self._language, title)
        panel.wanted.connect(lambda: self.trial_wanted.emit(panel, name()))
        panel.mending_asked.connect(lambda mending: self._on_mending_asked(panel, name(), mending))
        return panel

    def _on_mending_asked(self, panel: TrialPanel, name: str, mending: Mending) -> None:
        self.mending_asked.emit(panel, name, mending)


FORM_WIDTH = 92 * GRID
"""More is hard to read."""


def scrolled(inside: QWidget, name: str) -> QFrame:
    """A part of a section on a ground of its own, which scrolls by itself."""
    inside.setMaximumWidth(FORM_WIDTH)
    area = QScrollArea()
    area.setObjectName("bare")
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setAccessibleName(name)
    area.setWidget(inside)
    ground = QFrame()
    ground.setObjectName("card")
    column = QVBoxLayout(ground)
    column.setContentsMargins(2 * GRID, GRID, GRID // 2, GRID)
    column.addWidget(area)
    return ground
