"""Asks the person for the vault's passphrase whenever the engine wants it, over the window."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.foundation.words import Language, text
from app.ui.bridge import Bridge, PassphraseWanted
from app.ui.widgets.secret_dialog import SecretDialog


class PassphraseAsking(QObject):
    """Shows a question for each passphrase that is wanted, and takes it away when nobody waits for it any more."""

    def __init__(self, bridge: Bridge, language: Language, window: QWidget) -> None:
        super().__init__(window)
        self._language = language
        self._window = window
        self._asking: dict[PassphraseWanted, SecretDialog] = {}
        bridge.passphrase_wanted.connect(self._on_wanted)
        bridge.passphrase_withdrawn.connect(self._on_withdrawn)

    def _on_wanted(self, wanted: PassphraseWanted) -> None:
        dialog = SecretDialog(
            self._language,
            wanted.question.prompt,
            text("There is no keyring on this computer; secrets are kept in an encrypted vault instead."),
            twice=wanted.question.is_new,
            parent=self._window,
        )
        self._asking[wanted] = dialog
        dialog.typed.connect(wanted.answer)
        dialog.rejected.connect(lambda: wanted.answer(None))
        dialog.finished.connect(lambda _: self._asking.pop(wanted, None))
        dialog.open()

    def _on_withdrawn(self, wanted: PassphraseWanted) -> None:
        dialog = self._asking.get(wanted)
        if dialog is not None:
            dialog.reject()
