"""The secrets of one thing, below each other: rows stay while what they belong to is edited."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.foundation.words import Language
from app.settings.draft import Raw
from app.settings.secrets import StoredSecret
from app.ui.pages.settings.secret_row import SecretRow
from app.ui.theme import GRID


class SecretGroup(QWidget):
    """A row for each secret.

    Signals:
        edited, replace_asked, remove_asked: as of each row.
    """

    edited = Signal()
    replace_asked = Signal(str)
    remove_asked = Signal(str)

    def __init__(self, language: Language, *, alone: bool = False) -> None:
        super().__init__()
        self._language = language
        self._alone = alone
        self.rows: dict[str, SecretRow] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2 * GRID)

    def show_names(self, names: Sequence[str], stored: Sequence[StoredSecret], needless: Collection[str] = ()) -> None:
        """Shows these secrets; what was typed stays, also where what they belong to is called otherwise now."""
        typed: dict[str, str] = {}
        for name in [name for name in self.rows if name not in names]:
            gone = self.rows.pop(name)
            typed[_part(name)] = gone.typed
            gone.hide()
            gone.deleteLater()
        known = {one.name: one for one in stored}
        for place, name in enumerate(names):
            if name not in self.rows:
                self._add(place, name, needless=name in needless)
                self.rows[name].field.setText(typed.pop(_part(name), ""))
            self.rows[name].show_stored(known.get(name), datetime.now(UTC))
        self.setVisible(bool(names))

    def _add(self, place: int, name: str, *, needless: bool) -> None:
        row = SecretRow(name, self._language, alone=self._alone, needless=needless)
        row.edited.connect(self.edited)
        row.replace_asked.connect(self.replace_asked)
        row.remove_asked.connect(self.remove_asked)
        self.rows[name] = row
        self._column.insertWidget(place, row)

    @property
    def typed(self) -> dict[str, str]:
        """What is typed and not stored yet, by name."""
        return {name: row.typed for name, row in self.rows.items() if row.typed}


def _part(name: str) -> str:
    """What kind of secret it is, whosever it is."""
    return name.rpartition(":")[2]


def secret_names_in(struct: type[msgspec.Struct], row: Raw) -> tuple[str, ...]:
    """The secrets that a thing with these values may need; none while it cannot be made out of them."""
    try:
        made = msgspec.convert(row, struct)
    except msgspec.ValidationError:
        return ()
    names: tuple[str, ...] = made.secret_names() if hasattr(made, "secret_names") else ()
    return names
