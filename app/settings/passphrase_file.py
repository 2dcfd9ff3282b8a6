"""The vault's passphrase out of a file, for use without a person: a timer, a server."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from app.foundation.errors import Refused, UserError
from app.foundation.words import Text, text

PASSPHRASE_FILE_VARIABLE = "OVERWINTER_VAULT_PASSPHRASE_FILE"
LONGEST = 64 * 1024


def read_passphrase(path: Path) -> str:
    """The passphrase in the file, without one newline at its end.

    The file must be its user's own and closed to everybody else, else it is `Refused` `secrets.passphrase-file-open`.
    Windows has no such mode: there a file in the user's profile is closed to others by what it inherits.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise _unusable(path, text("It cannot be opened: {reason}.", reason=error.strerror or str(error))) from error
    try:
        _check(path, os.fstat(descriptor))
        content = os.read(descriptor, LONGEST + 1)
    finally:
        os.close(descriptor)
    return _text(path, content)


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _unusable(path, text("It is not a file."))
    if sys.platform != "win32" and (found.st_uid != os.geteuid() or found.st_mode & 0o077):
        raise Refused(
            text("Others can get at the file with the vault's passphrase, {path}.", path=str(path)),
            text("It was not used; nothing was changed."),
            text("Make it yours alone: chown $USER FILE, chmod 600 FILE. If others may have read it, change it."),
            "secrets.passphrase-file-open",
            f"owner {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}",
        )


def _text(path: Path, content: bytes) -> str:
    if len(content) > LONGEST:
        raise _unusable(path, text("It is too long for a passphrase."))
    try:
        passphrase = content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise _unusable(path, text("It is not UTF-8 text.")) from error
    if not passphrase:
        raise _unusable(path, text("It is empty."))
    return passphrase


def _unusable(path: Path, why: Text) -> UserError:
    return UserError(
        text("The file with the vault's passphrase, {path}, cannot be used. {why}", path=str(path), why=why),
        text("Nothing was changed."),
        text("Write the passphrase into the file that OVERWINTER_VAULT_PASSPHRASE_FILE names, or unset the variable."),
        "secrets.passphrase-file",
    )
