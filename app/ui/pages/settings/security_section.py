"""All secrets of the site: which are stored, where, since when; and those that nothing needs any more."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.foundation.words import Language, plural, text
from app.settings.draft import Draft
from app.settings.missing_secrets import missing_of
from app.settings.secret_store import Where
from app.settings.secrets import StoredSecret
from app.ui.pages.settings.secret_group import SecretGroup
from app.ui.pages.settings.secret_row import SecretRow
from app.ui.pages.settings.section_view import SectionView, scrolled
from app.ui.pages.settings.sections import Section
from app.ui.theme import GRID, heading_font
from app.ui.widgets.controls import label


class SecuritySection(SectionView):
    """The secrets of the stored site; those of what is not saved yet stand beside it."""

    def __init__(self, section: Section, language: Language, draft: Draft, stored: Sequence[StoredSecret]) -> None:
        super().__init__(section, language, draft, stored)
        self._summary = label("")
        self._needed = self._group()
        self._needless_title = label(self._say(text("Not needed any more")), font=heading_font())
        self._needless = self._group()
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(2, GRID, 2 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        for widget in (self._summary, self._needed, self._needless_title, self._needless):
            column.addWidget(widget)
        column.addStretch(1)
        self._body.addWidget(scrolled(inside, self._say(section.title)), 1)
        self.show_stored(stored)

    def _group(self) -> SecretGroup:
        group = SecretGroup(self._language, alone=True)
        group.edited.connect(self.edited)
        group.replace_asked.connect(self.replace_asked)
        group.remove_asked.connect(self.remove_asked)
        return group

    def show_stored(self, stored: Sequence[StoredSecret]) -> None:
        super().show_stored(stored)
        site = self._draft.site
        known = [one.name for one in stored]
        needless = [name for name in known if name not in site.secret_names()]
        self._needed.show_names(site.secret_names(), stored)
        self._needless.show_names(needless, stored, needless)
        self._needless_title.setVisible(bool(needless))
        missing = missing_of(site, known).needed
        in_vault = any(one.where is Where.VAULT for one in stored)
        kept = text("in the encrypted vault") if in_vault else text("in the keyring")
        said = [
            self._say(
                plural(
                    "{count} secret is stored, {where}.", "{count} secrets are stored, {where}.", len(known), where=kept
                )
                if known
                else text("No secret is stored yet.")
            ),
            *(
                [
                    self._say(
                        plural(
                            "{count} that is needed is missing.", "{count} that are needed are missing.", len(missing)
                        )
                    )
                ]
                if missing
                else []
            ),
        ]
        self._summary.setText(" ".join(said))

    @property
    def secrets(self) -> dict[str, SecretRow]:
        return self._needed.rows
