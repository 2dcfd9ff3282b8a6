"""The recovery kit of a site: one file, sealed with a passphrase, that brings the site to an empty computer.

The file, format 1 (the README has a short Python script that opens it):

    overwinter-kit 1\\n
    {"site":"…","kit":"<32 hex digits>","made":"<UTC>","kdf":"scrypt","cost":131072,"block":8,"lanes":1,"salt":"<16
        bytes, base64>"}\\n   (one line)
    the content, as JSON in UTF-8, sealed as `store.sealed` says, its purpose the two lines
    SHA-256 of all before it (32 bytes)

The key is what scrypt makes of the passphrase (NFC, UTF-8) and the salt: `cost` is its N, `block` its r, `lanes` its p.
scrypt, because Python's own library has it wherever a kit may have to be opened. Every later format will begin with
such a first line and end in such a sum, so that damage, a newer format and a wrong passphrase are told apart.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from app.foundation.errors import Refused, UserError
from app.foundation.words import Size, text
from app.store.sealed import open_sealed, seal

MAGIC = b"overwinter-kit "
FORMAT = 1
SUM = 32
LARGEST = 4 * 1024 * 1024
"""Bytes; a kit with a site of a thousand sources has a tenth of it."""

MOST_MEMORY = 512 * 1024 * 1024
"""Bytes that opening a kit may take; a forged file could else ask for all there is."""

FINGERPRINT = 16  # hexadecimal digits

SETTINGS, HOST_KEYS = "site-file", "host-keys"
"""What else a kit keeps besides secrets, by the names that comparing them uses."""


class Cost(msgspec.Struct, frozen=True):
    """What a guess of the passphrase costs. The default takes 128 MiB and about half a second."""

    cost: Annotated[int, msgspec.Meta(ge=2)] = 2**17
    block: Annotated[int, msgspec.Meta(ge=1)] = 8
    lanes: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1

    @property
    def memory(self) -> int:
        """Bytes that it takes."""
        return 128 * self.cost * self.block


class Header(msgspec.Struct, frozen=True):
    """What can be read of a kit without its passphrase."""

    site: str
    kit: str
    """The kit's own id."""
    made: datetime
    kdf: str
    cost: int
    block: int
    lanes: int
    salt: bytes


class KitContent(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a kit. `secrets` are all that were stored for the site, by name, the board archive's key among them.

    `repository_id` is "" when the repository could not be reached when the kit was made. `host_keys` are the pinned
    ones, by the place they belong to, in OpenSSH's format.
    """

    format: int = FORMAT
    site: str
    made: datetime
    who: str
    computer: str
    overwinter: str
    restic: str
    repository: str
    repository_id: str
    site_file: str
    secrets: Mapping[str, str]
    host_keys: Mapping[str, str]

    def __repr__(self) -> str:
        return f"KitContent({self.site}, secrets: {', '.join(self.secrets)})"

    def comparable(self) -> dict[str, str]:
        """All in it that may change where the site lives on."""
        return comparable(self.site_file, self.secrets, self.host_keys)


class _Format(msgspec.Struct, frozen=True):
    format: int


class SealedKit(msgspec.Struct, frozen=True):
    """A kit's file, whole and of a format that we know."""

    header: Header
    purpose: bytes
    sealed: bytes


def comparable(site_file: str, secrets: Mapping[str, str], host_keys: Mapping[str, str]) -> dict[str, str]:
    """What is compared between a kit and a computer: secrets by name, the site's settings, the pinned host keys."""
    pinned = "\n".join(f"{place} {key}" for place, key in sorted(host_keys.items()))
    return {SETTINGS: site_file, HOST_KEYS: pinned, **secrets}


def fingerprints(key: str, values: Mapping[str, str]) -> dict[str, str]:
    """A mark of each value that tells nothing of it to whoever lacks `key`, and changes when it does.

    By these a kit is compared with what is stored here without its passphrase. The key never leaves the computer.
    """
    return {name: _fingerprint(key, name, value) for name, value in values.items()}


def _fingerprint(key: str, name: str, value: str) -> str:
    return hmac.new(key.encode(), f"{name}\0{value}".encode(), hashlib.sha256).hexdigest()[:FINGERPRINT]


def sealed_kit(content: KitContent, kit: str, passphrase: str, cost: Cost) -> bytes:
    """The kit's file. Blocks for as long as its key takes to make."""
    header = Header(
        site=content.site,
        kit=kit,
        made=content.made,
        kdf="scrypt",
        cost=cost.cost,
        block=cost.block,
        lanes=cost.lanes,
        salt=os.urandom(16),
    )
    purpose = MAGIC + b"%d\n" % FORMAT + msgspec.json.encode(header) + b"\n"
    whole = purpose + seal(_key(header, passphrase), msgspec.json.encode(content), purpose)
    return whole + hashlib.sha256(whole).digest()


def parsed_kit(file: bytes) -> SealedKit:
    """What the file says before it is opened.

    Raises `UserError` `kit.no-kit`, `kit.damaged`, `kit.newer`, `kit.cost`.
    """
    whole, checksum = file[:-SUM], file[-SUM:]
    if not file.startswith(MAGIC[:-1]):
        raise _no_kit()
    if hashlib.sha256(whole).digest() != checksum:
        raise _damaged("the file does not have the sum that stands at its end")
    first, _, rest = whole.partition(b"\n")
    if first != MAGIC + b"%d" % FORMAT:
        raise _newer(first.decode("utf-8", "replace"))
    second, _, sealed = rest.partition(b"\n")
    try:
        header = msgspec.json.decode(second, type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _damaged(str(error)) from error
    _check_cost(header)
    return SealedKit(header, first + b"\n" + second + b"\n", sealed)


def _check_cost(header: Header) -> None:
    if header.kdf != "scrypt":
        raise _newer(header.kdf)
    try:
        asked = msgspec.convert({name: getattr(header, name) for name in Cost.__struct_fields__}, Cost)
    except msgspec.ValidationError as error:
        raise _costly(str(error)) from error
    if asked.memory > MOST_MEMORY:
        raise _costly(f"it asks for {asked.memory} bytes of memory")


def opened_kit(kit: SealedKit, passphrase: str) -> KitContent:
    """The content. Blocks for as long as the key takes to make.

    Raises `UserError` `kit.wrong-passphrase`, `kit.damaged`, `kit.newer`.
    """
    try:
        plain = open_sealed(_key(kit.header, passphrase), kit.sealed, kit.purpose)
    except UserError as error:
        raise _unopened(error, kit.header) from error
    except ValueError as error:  # what scrypt says of a cost that is no power of two
        raise _damaged(str(error)) from error
    try:
        if (found := msgspec.json.decode(plain, type=_Format).format) > FORMAT:
            raise _newer(f"content of format {found}")
        return msgspec.json.decode(plain, type=KitContent)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _damaged(str(error)) from error


def _key(header: Header, passphrase: str) -> bytes:
    normal = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")
    return Scrypt(salt=header.salt, length=32, n=header.cost, r=header.block, p=header.lanes).derive(normal)


def _unopened(error: UserError, header: Header) -> UserError:
    if error.code == "sealed.wrong-key":
        return Refused(
            text("The passphrase does not open this kit of {site}.", site=header.site),
            text("Nothing was changed. The kit is whole; only its passphrase is another one."),
            text("Type it again; mind the keyboard's language and Caps Lock. The kit was made {day}.",
                 day=header.made.date().isoformat()),
            "kit.wrong-passphrase",
        )  # fmt: skip
    if error.code == "sealed.newer":
        return _newer(error.code)
    return _damaged(error.code)


def _no_kit() -> UserError:
    return UserError(
        text("This file is no recovery kit."),
        text("Nothing was changed."),
        text("Choose the file that `overwinter kit make` wrote."),
        "kit.no-kit",
    )


def _damaged(detail: str) -> UserError:
    return UserError(
        text("This recovery kit is damaged or cut short."),
        text("It cannot be opened, whatever the passphrase. Nothing was changed."),
        text("Use another copy of it, or the printed page; where the site still works, make a new kit."),
        "kit.damaged",
        detail,
    )


def _newer(found: str) -> UserError:
    return UserError(
        text("This recovery kit was made by a newer Overwinter."),
        text("It was not opened; nothing was changed."),
        text("Update Overwinter on this computer."),
        "kit.newer",
        found,
    )


def _costly(detail: str) -> UserError:
    return Refused(
        text("This recovery kit asks for more memory or time than a kit of ours ever does."),
        text("It was not opened, since that could stop this computer. Nothing was changed."),
        text("Use another copy of it: this one was tampered with. A kit takes at most {most}.",
             most=Size(MOST_MEMORY)),
        "kit.cost",
        detail,
    )  # fmt: skip
