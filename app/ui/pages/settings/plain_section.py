"""A section of one form, or of a few below each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.foundation.words import Language, text
from app.settings.draft import Draft
from app.settings.repository import Repository
from app.settings.rules import Fault, Where
from app.settings.secrets import StoredSecret
from app.ui.pages.settings.field_form import FieldForm
from app.ui.pages.settings.secret_group import SecretGroup, secret_names_in
from app.ui.pages.settings.secret_row import SecretRow
from app.ui.pages.settings.section_view import SectionView, scrolled
from app.ui.pages.settings.sections import Section, Tried
from app.ui.theme import GRID, heading_font
from app.ui.widgets.controls import label


class PlainSection(SectionView):
    """The forms of a section; that of the repository has its secrets and its Test too."""

    def __init__(self, section: Section, language: Language, draft: Draft, stored: Sequence[StoredSecret]) -> None:
        super().__init__(section, language, draft, stored)
        self._forms: list[FieldForm] = []
        self._secrets = SecretGroup(language)
        self._secrets.hide()
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(2, GRID, 2 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        for group in section.groups:
            if group.title is not None:
                column.addSpacing(GRID)
                column.addWidget(label(self._say(group.title), font=heading_font()))
            form = FieldForm(group.struct, draft, group.where, language)
            form.edited.connect(self._on_edited)
            self._forms.append(form)
            column.addWidget(form)
            if group.struct is Repository:
                column.addWidget(self._secrets)
                self._secrets.edited.connect(self.edited)
                self._secrets.replace_asked.connect(self.replace_asked)
                self._secrets.remove_asked.connect(self.remove_asked)
        if section.tried is Tried.REPOSITORY:
            column.insertWidget(0, self._panel(self._say(text("The repository"))))
        if section.key == "site":
            self._forms[0].lock("name")
        column.addStretch(1)
        self._body.addWidget(scrolled(inside, self._say(section.title)), 1)
        self._show_secrets()

    def _on_edited(self) -> None:
        self._show_secrets()
        self.edited.emit()

    def _show_secrets(self) -> None:
        if self.section.tried is Tried.REPOSITORY:
            row = self._draft.document().get("repository", {})
            self._secrets.show_names(secret_names_in(Repository, row), self.stored)

    def show_stored(self, stored: Sequence[StoredSecret]) -> None:
        super().show_stored(stored)
        self._show_secrets()

    def show_faults(self, faults: Iterable[Fault]) -> None:
        found = list(faults)
        for form in self._forms:
            form.show_faults(found)

    def go_to(self, _where: Where) -> None:
        for form in self._forms:
            if form.focus_first_fault():
                return

    @property
    def secrets(self) -> dict[str, SecretRow]:
        return self._secrets.rows
