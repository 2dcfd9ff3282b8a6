"""One secret: where it is kept and since when, a masked field that is never prefilled, Replace and Remove."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, text
from app.settings.secret_store import Where
from app.settings.secrets import StoredSecret
from app.ui.pages.settings.field_form import TITLE_WIDTH
from app.ui.theme import GRID, TARGET, body_font
from app.ui.widgets.controls import TextButton, label

_WIDEST = 40 * GRID

_TITLES = {
    "repository-password": text("Repository password"),
    "s3-access-key": text("S3 access key"),
    "s3-secret-key": text("S3 secret key"),
    "s3-session-token": text("S3 session token"),
    "rest-username": text("REST server's user"),
    "rest-password": text("REST server's password"),
    "kit-fingerprint-key": text("Fingerprint key of the recovery kit"),
}
_HELP = {
    "repository-password": text("It encrypts everything in the repository. Whoever loses it loses every backup."),
    "s3-session-token": text("Only for logins that last a while; leave it empty otherwise."),
    "kit-fingerprint-key": text("Made by this program: it tells whether a kit still fits the secrets."),
}
_HELP_OF_PART = {
    "password": text("Leave it empty where none is asked for."),
    "key-passphrase": text("Leave it empty where the key file has none, or the SSH agent holds it."),
}
_WHERE = {Where.KEYRING: text("in the keyring"), Where.VAULT: text("in the vault")}


def secret_words(name: str, *, alone: bool) -> tuple[Text, Text | None]:
    """What a secret is called and what to know of it; `alone` says whose it is besides."""
    if name in _TITLES:
        return _TITLES[name], _HELP.get(name)
    _, owner, part = name.split(":")
    title = text("Key file's passphrase") if part == "key-passphrase" else text("Password")
    return (text("{title} of {owner}", title=title, owner=owner) if alone else title), _HELP_OF_PART[part]


class SecretRow(QWidget):
    """A secret of a site. What is typed counts as a change until it is stored; blank keeps what is stored.

    Signals:
        edited: something was typed or taken out.
        replace_asked: what is typed is to be stored now; carries the secret's name.
        remove_asked: the stored one is to be removed; carries the secret's name.
    """

    edited = Signal()
    replace_asked = Signal(str)
    remove_asked = Signal(str)

    def __init__(self, name: str, language: Language, *, alone: bool = False, needless: bool = False) -> None:
        """`alone`: whose it is does not stand around it. A `needless` one can only be removed."""
        super().__init__()
        self.name = name
        self._language = language
        title, about = secret_words(name, alone=alone)
        self._title = language.render(title)
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setMaximumWidth(_WIDEST)
        self.field.setAccessibleName(self._title)
        self.replace = TextButton("")
        self.remove = TextButton(language.render(text("Remove")), "quiet")
        self.remove.setAccessibleName(language.render(text("Remove: {name}", name=title)))
        self._state = label("", "muted")
        self._state.setMinimumHeight(TARGET)
        self._state.setWordWrap(False)
        if needless:
            about = text("Nothing of this site needs it any more.")
        self._about = label(language.render(about), "muted", body_font(points=9.5)) if about is not None else None
        self._arrange()
        self._state.setVisible(needless)  # not before it has its place: what has none becomes a window
        self.field.setVisible(not needless)
        self.replace.setVisible(not needless)
        self.field.textEdited.connect(self._on_edited)
        self.field.returnPressed.connect(self._on_replace)
        self.replace.clicked.connect(self._on_replace)
        self.remove.clicked.connect(self._on_remove)

    def _arrange(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GRID)
        title = QLabel(self._title)
        title.setWordWrap(True)
        title.setFixedWidth(TITLE_WIDTH)
        title.setMinimumHeight(TARGET)
        row.addWidget(title, alignment=Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(GRID // 2)
        line = QHBoxLayout()
        line.setSpacing(GRID)
        line.addWidget(self._state)
        line.addWidget(self.field, 1000)
        line.addWidget(self.replace)
        line.addWidget(self.remove)
        line.addStretch(1)
        column.addLayout(line)
        if self._about is not None:
            column.addWidget(self._about)
        row.addLayout(column, 1)

    def show_stored(self, stored: StoredSecret | None, now: datetime) -> None:
        """Shows where it is kept, never what it is."""
        said = self._language.render(_stored_words(stored, now))
        self.field.setPlaceholderText(said)
        self.field.setAccessibleDescription(said)
        self._state.setText(said)
        word = text("Replace") if stored is not None else text("Store")
        self.replace.setText(self._language.render(word))
        self.replace.setAccessibleName(f"{self._language.render(word)}: {self._title}")
        self.remove.setVisible(stored is not None)
        self._tell()

    def _tell(self) -> None:
        self.replace.setEnabled(bool(self.field.text()))

    def _on_edited(self, _typed: str) -> None:
        self._tell()
        self.edited.emit()

    def _on_replace(self) -> None:
        if self.field.text():
            self.replace_asked.emit(self.name)

    def _on_remove(self) -> None:
        self.remove_asked.emit(self.name)

    @property
    def typed(self) -> str:
        """What is typed and not stored yet."""
        return self.field.text()

    def clear(self) -> None:
        """It is stored, or not wanted any more: the field is empty again."""
        self.field.clear()
        self._tell()


def _stored_words(stored: StoredSecret | None, now: datetime) -> Text:
    if stored is None:
        return text("not stored")
    at, today = stored.stored_at.astimezone(), now.astimezone()
    day = f"{at:%Y-%m-%d}"
    if at.date() == today.date():
        return text("stored today {time}, {where}", time=f"{at:%H:%M}", where=_WHERE[stored.where])
    return text("stored {day}, {where}", day=day, where=_WHERE[stored.where])
