"""python-keyring's Secret Service, but for one thing: a keyring that stays locked leaves no open socket behind.

It is tried again and again while a window is open, and each try has a connection of its own.
"""

from __future__ import annotations

import contextlib

import secretstorage
from keyring.backends import SecretService
from keyring.errors import InitError, KeyringLocked
from secretstorage.exceptions import SecretStorageException


class ClosingSecretService(SecretService.Keyring):
    """The default collection of the Secret Service, each call over a connection that is closed at its end."""

    def get_preferred_collection(self) -> secretstorage.Collection:
        """The default collection, after asking a person to unlock it; its caller closes the connection."""
        with contextlib.ExitStack() as on_failure:
            connection = secretstorage.dbus_init()
            on_failure.callback(connection.close)
            try:
                collection = secretstorage.get_default_collection(connection)
            except SecretStorageException as error:
                raise InitError(f"Failed to create the collection: {error}") from error
            if collection.is_locked():
                collection.unlock()
            if collection.is_locked():
                raise KeyringLocked("Failed to unlock the collection!")
            on_failure.pop_all()
            return collection
