"""Files sealed with a key: nobody reads or changes them without it (AES-256-GCM).

A sealed file, format 1, byte by byte:

    0   8   magic, `OWSEALED`
    8   1   version of the format, 1
    9   8   mark of the key: the first bytes of HMAC-SHA-256(key, "overwinter key mark"), tells a wrong key from damage
    17  12  nonce, random
    29  …   ciphertext, then the tag of 16 bytes

The first 17 bytes and the purpose are authenticated with it. The purpose, such as `vault`, is not in the file: whoever
opens it says what it must be, so one sealed file cannot be put in another one's place.
"""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.foundation.errors import UserError
from app.foundation.words import text
from app.store.durable import write_durably

MAGIC = b"OWSEALED"
VERSION = 1
KEY_SIZE = 32
MARK_SIZE = 8
NONCE_SIZE = 12
TAG_SIZE = 16
HEADER_SIZE = len(MAGIC) + 1 + MARK_SIZE


def seal(key: bytes, plain: bytes, purpose: bytes) -> bytes:
    """`plain`, sealed with a key of 32 bytes for one purpose."""
    header = MAGIC + bytes([VERSION]) + _mark(key)
    nonce = secrets.token_bytes(NONCE_SIZE)
    return header + nonce + _cipher(key).encrypt(nonce, plain, header + purpose)


def open_sealed(key: bytes, sealed: bytes, purpose: bytes) -> bytes:
    """What was sealed with this key for this purpose.

    Raises `UserError` `sealed.newer`, `sealed.wrong-key`, `sealed.damaged` (also for another purpose).
    """
    version, mark, nonce, ciphertext = _parts(sealed)
    if version > VERSION:
        raise _newer()
    if not hmac.compare_digest(mark, _mark(key)):
        raise _wrong_key()
    try:
        return _cipher(key).decrypt(nonce, ciphertext, sealed[:HEADER_SIZE] + purpose)
    except InvalidTag as error:
        raise _damaged() from error


def _parts(sealed: bytes) -> tuple[int, bytes, bytes, bytes]:
    """Version, mark of the key, nonce, and ciphertext with its tag."""
    if not sealed.startswith(MAGIC) or len(sealed) < HEADER_SIZE + NONCE_SIZE + TAG_SIZE:
        raise _damaged()
    version = sealed[len(MAGIC)]
    after_nonce = HEADER_SIZE + NONCE_SIZE
    return version, sealed[HEADER_SIZE - MARK_SIZE : HEADER_SIZE], sealed[HEADER_SIZE:after_nonce], sealed[after_nonce:]


def _cipher(key: bytes) -> AESGCM:
    if len(key) != KEY_SIZE:
        raise ValueError(f"a key of {KEY_SIZE} bytes is needed")  # a shorter one would quietly be AES-128
    return AESGCM(key)


def _mark(key: bytes) -> bytes:
    return hmac.digest(key, b"overwinter key mark", "sha256")[:MARK_SIZE]


def write_sealed(path: Path, key: bytes, plain: bytes, purpose: bytes) -> None:
    """Seals `plain` into a file (0600): after a power cut the old one is there or the new one. Blocks.

    Raises OSError when it cannot be written; what stood there before is then still there.
    """
    write_durably(path, seal(key, plain, purpose), 0o600)


def _newer() -> UserError:
    return UserError(
        text("This sealed file was written by a newer Overwinter."),
        text("It was not opened; nothing was changed."),
        text("Update Overwinter on this computer."),
        "sealed.newer",
    )


def _wrong_key() -> UserError:
    return UserError(
        text("This file was sealed with another key."),
        text("It is whole as far as can be seen, but this key does not open it; nothing was changed."),
        text("Use the key it was sealed with: the passphrase of that time, or the recovery kit of its site."),
        "sealed.wrong-key",
    )


def _damaged() -> UserError:
    return UserError(
        text("This sealed file is damaged, or it is not what it should be."),
        text("Its content cannot be trusted and was not used; nothing was changed."),
        text("Put back a copy of the file."),
        "sealed.damaged",
    )
