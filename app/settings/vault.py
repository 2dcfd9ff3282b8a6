"""The vault: one encrypted file of secrets for a computer that has no keyring.

The file, format 1:

    overwinter-vault 1\\n
    {"kdf":"argon2id","memory":65536,"passes":3,"lanes":4,"salt":"<16 bytes, base64>"}\\n
    {"<site>": {"<name>": "<secret>"}}, as JSON in UTF-8, sealed as `store.sealed` says, its purpose the two lines
    SHA-256 of all before it (32 bytes)

The key is what the key derivation makes of the passphrase (NFC, UTF-8) and the salt: Argon2id (memory in KiB) or,
where the cryptographic library has none, scrypt ("cost", "block", "lanes"). Every later format will begin with such a
first line and end in such a sum, so that damage, a newer format and a wrong passphrase are told apart.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from app.foundation.errors import UserError
from app.foundation.words import text
from app.settings.private_files import locked, read_file, write_file
from app.settings.secret_store import check_value
from app.store.sealed import open_sealed, seal

MAGIC = b"overwinter-vault "
FORMAT = 1
SUM = 32
LOCK_WAIT = 5.0

Secrets = dict[str, dict[str, str]]
"""Site, name, secret."""

MOST_MEMORY = 1024**3
"""Bytes that opening a vault may take; without a limit a forged file could ask for all there is."""

Memory = Annotated[int, msgspec.Meta(ge=8, le=MOST_MEMORY // 1024)]
Lanes = Annotated[int, msgspec.Meta(ge=1, le=64)]


class ArgonCost(msgspec.Struct, frozen=True, tag_field="kdf", tag="argon2id", forbid_unknown_fields=True):
    """Argon2id; `memory` in KiB. The default is the second recommendation of RFC 9106: 64 MiB, about 0.2 s."""

    memory: Memory = 64 * 1024
    passes: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    lanes: Lanes = 4
    salt: bytes = b""

    def derive(self, passphrase: bytes) -> bytes:
        """The 32-byte key."""
        return Argon2id(
            salt=self.salt, length=32, iterations=self.passes, lanes=self.lanes, memory_cost=self.memory
        ).derive(passphrase)


class ScryptCost(msgspec.Struct, frozen=True, tag_field="kdf", tag="scrypt", forbid_unknown_fields=True):
    """scrypt; the default takes 128 MiB and about 0.5 s."""

    cost: Annotated[int, msgspec.Meta(ge=2, le=2**22)] = 2**17
    block: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
    lanes: Lanes = 1
    salt: bytes = b""

    def __post_init__(self) -> None:
        """Raises `ValueError` for what would take too much memory (N x r x 128 bytes, RFC 7914)."""
        if 128 * self.cost * self.block > MOST_MEMORY:
            raise ValueError("it asks for too much memory")

    def derive(self, passphrase: bytes) -> bytes:
        """The 32-byte key."""
        return Scrypt(salt=self.salt, length=32, n=self.cost, r=self.block, p=self.lanes).derive(passphrase)


Cost = ArgonCost | ScryptCost


def strongest_cost() -> Cost:
    """Argon2id where the cryptographic library of this computer has it, else scrypt."""
    try:
        ArgonCost(memory=32, passes=1, lanes=4, salt=bytes(16)).derive(b"")
    except UnsupportedAlgorithm:
        return ScryptCost()
    return ArgonCost()


class Unlocked(msgspec.Struct, frozen=True):
    """A passphrase's key, with the header line that says how it was made."""

    header: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Unlocked(…)"


class VaultSecrets:
    """Secrets in the vault's file. All methods block; one process writes at a time, and none undoes another's work."""

    def __init__(self, file: Path, lock: Path, cost: Cost | None = None) -> None:
        """`file` is the vault, `lock` the lock between processes; `cost` is for the vault that is made here."""
        self._file = file
        self._lock = lock
        self._cost = cost
        self._unlocked: Unlocked | None = None

    def exists(self) -> bool:
        """Whether a vault was made."""
        return self._read() is not None

    def is_unlocked(self) -> bool:
        """Whether the passphrase was given."""
        return self._unlocked is not None

    def unlock(self, passphrase: str) -> None:
        """Opens the vault for this process, after checking the passphrase against it.

        Raises `UserError` `secrets.vault-missing`, `secrets.wrong-passphrase`, `secrets.vault-damaged`,
        `secrets.vault-newer`.
        """
        with self._alone():
            self._unlock(self._content(), passphrase)

    def make(self, passphrase: str) -> None:
        """Makes an empty vault and opens it; one that another process made meanwhile is opened instead."""
        with self._alone():
            content = self._read()
            if content is not None:
                return self._unlock(content, passphrase)
            cost = msgspec.structs.replace(self._cost or strongest_cost(), salt=os.urandom(16))
            header = _header(cost)
            unlocked = Unlocked(header, _derive(cost, passphrase, self._file))
            write_file(self._file, _sealed({}, unlocked))
            self._unlocked = unlocked
            return None

    def check(self) -> None:
        """Raises what keeps the vault from being used."""
        with self._alone():
            self._secrets()

    def get(self, site: str, name: str) -> str | None:
        """The secret; None when the vault has none of that name."""
        with self._alone():
            return self._secrets().get(site, {}).get(name)

    def set(self, site: str, name: str, value: str) -> None:
        """Stores the secret in place of the one before, and reads it back from the disk."""
        check_value(value)
        with self._alone():
            secrets = self._secrets()
            secrets.setdefault(site, {})[name] = value
            self._write(secrets)

    def remove(self, site: str, name: str) -> None:
        """Removes the secret; one that is not there is success."""
        with self._alone():
            secrets = self._secrets()
            if secrets.get(site, {}).pop(name, None) is not None:
                if not secrets[site]:
                    del secrets[site]
                self._write(secrets)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with locked(self._lock, LOCK_WAIT):
            yield

    def _read(self) -> bytes | None:
        return read_file(self._file)

    def _content(self) -> bytes:
        content = self._read()
        if content is None:
            raise self.missing()
        return content

    def missing(self) -> UserError:
        """The error of a vault that was made and is not there any more."""
        return UserError(
            text("There is no vault at {path}.", path=str(self._file)),
            text("The secrets that were kept in it cannot be read. Nothing was changed."),
            text("Put the file back from a copy, or store the secrets anew."),
            "secrets.vault-missing",
        )

    def _unlock(self, content: bytes, passphrase: str) -> None:
        parsed = _parsed(content, self._file)
        unlocked = Unlocked(parsed.header, _derive(parsed.cost, passphrase, self._file))
        _opened(parsed, unlocked, self._file)
        self._unlocked = unlocked

    def _secrets(self) -> Secrets:
        if self._unlocked is None:
            raise vault_locked()
        parsed = _parsed(self._content(), self._file)
        if parsed.header != self._unlocked.header:  # made anew, with another salt
            self._unlocked = None
            raise vault_locked()
        return _opened(parsed, self._unlocked, self._file)

    def _write(self, secrets: Secrets) -> None:
        if self._unlocked is None:
            raise vault_locked()
        write_file(self._file, _sealed(secrets, self._unlocked))
        if self._secrets() != secrets:
            raise _damaged(self._file, "what was written could not be read back")


class _Parsed(msgspec.Struct, frozen=True):
    header: bytes
    cost: Cost
    sealed: bytes


def vault_locked() -> UserError:
    """The error of a vault whose passphrase was not given."""
    return UserError(
        text("The vault with the secrets is locked."),
        text("Nothing was started and nothing was changed."),
        text(
            "Start Overwinter in a terminal or a window and type the passphrase, "
            "or name a file with it in OVERWINTER_VAULT_PASSPHRASE_FILE."
        ),
        "secrets.vault-locked",
    )


def _header(cost: Cost) -> bytes:
    return MAGIC + b"%d\n" % FORMAT + msgspec.json.encode(cost) + b"\n"


def _derive(cost: Cost, passphrase: str, file: Path) -> bytes:
    try:
        return cost.derive(unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape"))
    except UnsupportedAlgorithm as error:
        raise UserError(
            text("The vault {path} cannot be opened with the cryptographic library of this computer.", path=str(file)),
            text("Nothing was changed."),
            text("Run the set-up again: it brings a library that has Argon2id."),
            "secrets.vault-needs-argon2",
            str(error),
        ) from error
    except ValueError as error:
        raise _damaged(file, str(error)) from error


def _sealed(secrets: Secrets, unlocked: Unlocked) -> bytes:
    whole = unlocked.header + seal(unlocked.key, msgspec.json.encode(secrets), unlocked.header)
    return whole + hashlib.sha256(whole).digest()


def _parsed(content: bytes, file: Path) -> _Parsed:
    """The parts of the file, undamaged and of a format that we know."""
    whole, checksum = content[:-SUM], content[-SUM:]
    if not whole.startswith(MAGIC) or hashlib.sha256(whole).digest() != checksum:
        raise _damaged(file, "the file does not have the sum that stands at its end")
    first, _, rest = whole.partition(b"\n")
    if first != MAGIC + b"%d" % FORMAT:
        raise _newer(file, first)
    second, _, sealed = rest.partition(b"\n")
    try:
        cost = msgspec.json.decode(second, type=Cost)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _damaged(file, str(error)) from error
    return _Parsed(first + b"\n" + second + b"\n", cost, sealed)


def _opened(parsed: _Parsed, unlocked: Unlocked, file: Path) -> Secrets:
    try:
        return msgspec.json.decode(open_sealed(unlocked.key, parsed.sealed, parsed.header), type=Secrets)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _damaged(file, str(error)) from error
    except UserError as error:
        if error.code == "sealed.wrong-key":
            raise _wrong_passphrase() from error
        raise _damaged(file, error.code) from error


def _wrong_passphrase() -> UserError:
    return UserError(
        text("The passphrase does not open the vault."),
        text("Nothing was changed."),
        text("Type it again; mind the keyboard's language and Caps Lock."),
        "secrets.wrong-passphrase",
    )


def _damaged(file: Path, detail: str) -> UserError:
    return UserError(
        text("The vault {path} is damaged.", path=str(file)),
        text("The secrets in it cannot be read. It was left as it is."),
        text("Put the file back from a copy, or move it away and store the secrets anew."),
        "secrets.vault-damaged",
        detail,
    )


def _newer(file: Path, first: bytes) -> UserError:
    return UserError(
        text("The vault {path} was written by a newer Overwinter.", path=str(file)),
        text("Nothing was changed."),
        text("Update Overwinter on this computer."),
        "secrets.vault-newer",
        first.decode("utf-8", "replace"),
    )
