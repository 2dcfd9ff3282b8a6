"""What every place for secrets can do. There are two: the operating system's keyring, and the vault."""

from __future__ import annotations

import enum
from typing import Protocol

from app.foundation.errors import UserError
from app.foundation.words import text


class Where(enum.StrEnum):
    """Where a secret is kept."""

    KEYRING = "keyring"
    VAULT = "vault"


class SecretStore(Protocol):
    """Keeps secrets by site and name; no site reads another's. Everything here blocks, a keyring even for ever."""

    def check(self) -> None:
        """Raises what keeps it from being used: `secrets.absent`, `secrets.locked`, `secrets.vault-locked` …"""

    def get(self, site: str, name: str) -> str | None:
        """The secret; None when there is none of that name, which is told apart from one that cannot be read."""

    def set(self, site: str, name: str, value: str) -> None:
        """Stores the secret in place of the one before and reads it back.

        Raises `secrets.empty` and `secrets.not-text` for what is no secret. When it fails, the one before stays.
        """

    def remove(self, site: str, name: str) -> None:
        """Removes the secret; one that is not there is success."""


def check_value(value: str) -> None:
    """Refuses what cannot be a secret: nothing at all, and what is no text in any encoding."""
    unchanged = text("Nothing was stored; a secret that was stored before is unchanged.")
    if not value:
        raise UserError(
            text("The secret is empty."),
            unchanged,
            text("Type it again, or remove the stored one if it is not needed any more."),
            "secrets.empty",
        )
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(
            text("The secret is not UTF-8 text."),
            unchanged,
            text("Give it as UTF-8 text."),
            "secrets.not-text",
        ) from error
