"""Secrets in the operating system's keyring: Secret Service, Windows Credential Locker, macOS Keychain.

The keyring of the system is asked itself: what python-keyring's own configuration names (null, plain text, a plug-in)
is never used. A value too long for the keyring is sealed into a file under a fresh key, and the keyring keeps that
key in the secret's own entry.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.settings.places import Places
from app.settings.private_files import make_folder, read_file, remove_file, write_file
from app.settings.secret_store import check_value
from app.store.sealed import KEY_SIZE, open_sealed, seal

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend  # importing it takes 70 ms: done on first use

LONGEST = 1200 if sys.platform == "win32" else None
"""The longest value the keyring takes, in UTF-16 units; Windows fails at 1280, no other has a limit that matters."""

_SEALED = re.compile(r"overwinter-sealed 1 ([0-9a-f]{32}) ([A-Za-z0-9+/=]{44})\Z")

FindKeyring = Callable[[], "KeyringBackend"]


class KeyringAbsent(UserError):
    """This computer, or this session, has no keyring at all."""


def system_keyring() -> KeyringBackend:
    """The keyring of this operating system; raises `KeyringAbsent` when there is none."""
    try:
        kind = _system_keyring_class()
        _ = kind.priority  # says why it cannot be used
        return kind()
    except (RuntimeError, ImportError, OSError) as error:
        raise KeyringAbsent(
            text("There is no keyring here that secrets could be kept in."),
            text("Secrets that are in a keyring cannot be read from here. Nothing was changed."),
            text("Log in to the desktop, or start Overwinter within the session whose keyring has the secrets."),
            "secrets.absent",
            str(error),
        ) from error


def _system_keyring_class() -> type[KeyringBackend]:
    if sys.platform == "win32":
        from keyring.backends.Windows import WinVaultKeyring  # noqa: PLC0415  slow to import

        return WinVaultKeyring
    if sys.platform == "darwin":
        from keyring.backends.macOS import Keyring as Keychain  # noqa: PLC0415  slow to import

        return Keychain
    from app.settings.secret_service import ClosingSecretService  # noqa: PLC0415  slow to import, and Linux's only

    return ClosingSecretService


class KeyringSecrets:
    """Secrets in the system's keyring, under one service name for each site of this data folder."""

    def __init__(self, places: Places, find: FindKeyring = system_keyring, longest: int | None = LONGEST) -> None:
        """`longest` is the longest value that the keyring takes, in UTF-16 units; None: any."""
        self._places = places
        self._find = find
        self._longest = longest

    def check(self) -> None:
        """Asks the keyring for something; raises what a read would raise."""
        self._read("", "check")

    def get(self, site: str, name: str) -> str | None:
        """The secret; None when the keyring has none of that name."""
        entry = self._read(site, name)
        key = _key_of(entry)
        return entry if key is None else self._opened(key, site, name)

    def set(self, site: str, name: str, value: str) -> None:
        """Stores the secret and reads it back; when that fails, the one before is put back."""
        check_value(value)
        before = self._read(site, name)
        key = _new_key() if self._must_be_sealed(value) else None
        try:
            if key is not None:
                self._seal(key, site, name, value)
            self._write(site, name, value if key is None else key.entry)
            if self.get(site, name) != value:
                raise _not_kept()
        except UserError:
            with contextlib.suppress(UserError):  # the first error is the one to tell
                self._put_back(site, name, before)
            self._remove_sealed(key)
            raise
        self._remove_sealed(_key_of(before))

    def remove(self, site: str, name: str) -> None:
        """Removes the secret and its sealed file."""
        before = self._read(site, name)
        if before is not None:
            with self._keyring() as keyring:
                keyring.delete_password(self._service(site), name)
            self._remove_sealed(_key_of(before))

    def _read(self, site: str, name: str) -> str | None:
        with self._keyring() as keyring:
            return keyring.get_password(self._service(site), name)

    def _write(self, site: str, name: str, entry: str) -> None:
        with self._keyring() as keyring:
            keyring.set_password(self._service(site), name, entry)

    def _put_back(self, site: str, name: str, before: str | None) -> None:
        if before is None:
            self.remove(site, name)
        elif self._read(site, name) != before:
            self._write(site, name, before)

    def _service(self, site: str) -> str:
        return f"overwinter {site} ({self._installation})"

    @functools.cached_property
    def _installation(self) -> str:
        return self._places.installation()

    @contextlib.contextmanager
    def _keyring(self) -> Iterator[KeyringBackend]:
        """The keyring of the moment; whatever it raises comes out as what it means to a person."""
        keyring = self._find()
        try:
            yield keyring
        except UserError:
            raise
        except Exception as error:
            raise self._meaning(error) from error

    def _meaning(self, error: Exception) -> UserError:
        from keyring.errors import InitError, KeyringLocked  # noqa: PLC0415  slow to import

        detail = f"{type(error).__name__}: {error}"
        try:
            self._find()
        except KeyringAbsent as absent:  # it went away meanwhile
            return absent
        # A keyring that is to be made first, and may not, raises InitError.
        return _locked(detail) if isinstance(error, KeyringLocked | InitError) else _refused(detail)

    def _must_be_sealed(self, value: str) -> bool:
        too_long = self._longest is not None and len(value.encode("utf-16-le")) // 2 > self._longest
        return too_long or _key_of(value) is not None

    def _seal(self, key: _Key, site: str, name: str, value: str) -> None:
        make_folder(self._places.sealed)
        write_file(self._file(key), seal(key.key, value.encode(), _purpose(site, name)))

    def _opened(self, key: _Key, site: str, name: str) -> str:
        sealed = read_file(self._file(key))
        if sealed is None:
            raise UserError(
                text("The file with the secret {name} of {site} is missing.", name=name, site=site),
                text("The secret cannot be read. Nothing was changed."),
                text(
                    "Put the folder {path} back from a copy, or store the secret anew.", path=str(self._places.sealed)
                ),
                "secrets.sealed-missing",
                str(self._file(key)),
            )
        return open_sealed(key.key, sealed, _purpose(site, name)).decode()

    def _remove_sealed(self, key: _Key | None) -> None:
        """Removes a sealed file whose key is gone; one that stays behind is of no use to anybody."""
        if key is not None:
            with contextlib.suppress(UserError):
                remove_file(self._file(key))

    def _file(self, key: _Key) -> Path:
        return self._places.sealed / key.id


class _Key(msgspec.Struct, frozen=True):
    """A sealed file's name and key, and how the keyring keeps them."""

    id: str
    key: bytes

    @property
    def entry(self) -> str:
        return f"overwinter-sealed 1 {self.id} {base64.b64encode(self.key).decode()}"

    def __repr__(self) -> str:
        return f"_Key({self.id})"


def _new_key() -> _Key:
    return _Key(os.urandom(16).hex(), os.urandom(KEY_SIZE))


def _key_of(entry: str | None) -> _Key | None:
    found = _SEALED.match(entry or "")
    return _Key(found[1], base64.b64decode(found[2])) if found else None


def _purpose(site: str, name: str) -> bytes:
    return f"secret {name} of {site}".encode()


def _locked(detail: str) -> UserError:
    return UserError(
        text("The keyring is locked."),
        text("Nothing was started and nothing was changed."),
        text("Unlock it (log in to the desktop, or answer its question), then try again."),
        "secrets.locked",
        detail,
    )


def _refused(detail: str) -> UserError:
    return UserError(
        text("The keyring refused."),
        text("Nothing was changed; a secret that was stored before is still there."),
        text("Look whether the keyring's own program works and lets Overwinter in, then try again."),
        "secrets.refused",
        detail,
    )


def _not_kept() -> UserError:
    return _refused("what was written came back different")
