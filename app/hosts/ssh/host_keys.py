"""The host keys of a site's servers, pinned at first use: one file per site, in the format of ssh's own known_hosts.

All of it blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import asyncssh
import msgspec

from app.foundation.errors import Refused
from app.foundation.words import text
from app.settings.private_files import locked, make_folder, read_file, remove_file, write_file

LOCK_WAIT = 5.0


class Pinned(msgspec.Struct, frozen=True):
    """A pinned key, in OpenSSH's format (`ssh-ed25519 AAAA…`)."""

    text: str

    def key(self) -> asyncssh.SSHKey:
        """The key itself. One that was damaged in our file is no reason to trust another: `Refused`."""
        try:
            return asyncssh.import_public_key(self.text)
        except asyncssh.KeyImportError as error:
            raise _damaged() from error


class HostKeys:
    """The pinned keys of one site."""

    def __init__(self, folder: Path, site: str) -> None:
        """`folder` holds the files of all sites; it is made when the first key is pinned."""
        self._file = folder / site
        self._lock = folder / f"{site}.lock"

    def pinned(self, address: str, port: int) -> Pinned | None:
        """The key that is expected there; None at first use. A line that is damaged counts as no key of that place."""
        return self._read().get(_place(address, port))

    def pin(self, address: str, port: int, key: asyncssh.SSHKey, *, replace: bool = False) -> Pinned:
        """Expects this key there from now on; gives the key that is pinned now: another process may have been first."""
        kind, encoded = key.export_public_key("openssh").decode("ascii").split()[:2]
        make_folder(self._file.parent)
        with locked(self._lock, LOCK_WAIT):
            keys = self._read()
            place = _place(address, port)
            if replace or place not in keys:
                keys[place] = Pinned(f"{kind} {encoded}")
                write_file(self._file, "".join(f"{place} {key.text}\n" for place, key in keys.items()).encode())
            return keys[place]

    def all(self) -> dict[str, str]:
        """Every pinned key by its place, both as ssh writes them."""
        return {place: key.text for place, key in self._read().items()}

    def take_over(self, keys: Mapping[str, str]) -> None:
        """Pins keys that another computer had pinned, by their places; those pinned here at other places stay."""
        make_folder(self._file.parent)
        with locked(self._lock, LOCK_WAIT):
            whole = {**self.all(), **keys}
            write_file(self._file, "".join(f"{place} {key}\n" for place, key in whole.items()).encode())

    def forget(self) -> None:
        """Removes all pinned keys of the site."""
        for file in (self._file, self._lock):
            if file.exists():
                remove_file(file)

    def _read(self) -> dict[str, Pinned]:
        content = (read_file(self._file) or b"").decode("utf-8", "replace")
        lines = (line.split(None, 1) for line in content.splitlines())
        return {parts[0]: Pinned(parts[1].strip()) for parts in lines if len(parts) == 2}


def _damaged() -> Refused:
    return Refused(
        text("A pinned host key in Overwinter's own files is damaged."),
        text("Nothing was sent: without it nobody can tell the server from another."),
        text("Pin the key again, by the fingerprint that the server itself shows: overwinter host trust --help"),
        "host.pinned-key-damaged",
    )


def _place(address: str, port: int) -> str:
    """As ssh writes it."""
    return address.lower() if port == 22 else f"[{address.lower()}]:{port}"
