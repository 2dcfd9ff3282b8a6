"""The files with the names of trees: found by their tree, looked through once for damage, dropped when they take too
much room. All of it blocks.

A file is called after its tree and the checksum of its bytes, so that one that was damaged since is told by its name.
The tree is restic's own hash of all that is in a snapshot: snapshots that are alike share a file.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
import zlib
from pathlib import Path

from app.jobs.catalogue.tree_file import FORMAT, TreeFile
from app.settings.private_files import make_folder

LARGEST = 1024 * 1024 * 1024
"""Bytes that the files of all sites may take together: some ten million names."""

ABANDONED_AFTER = 24 * 3600.0
"""Seconds after which a file that did not become whole is nobody's any more."""

_SUFFIX, _BEGUN = f".names{FORMAT}", ".begun"
_NAME = re.compile(r"(?P<tree>[0-9a-f]{64})-(?P<sum>[0-9a-f]{8})\.names")
_PIECE = 1024 * 1024


class TreeShelf:
    """The files of all sites, below one folder with a folder for each site."""

    def __init__(self, folder: Path, largest: int = LARGEST) -> None:
        """`largest` is in bytes."""
        self.folder = folder
        self._largest = largest
        self._sound: set[tuple[str, int, int]] = set()

    def _of(self, site: str) -> Path:
        return self.folder / site

    def find(self, site: str, tree: str) -> TreeFile | None:
        """The file of a tree, now the one that was used last; a damaged one is removed, and is none."""
        for path in self._of(site).glob(f"{tree}-*{_SUFFIX}"):
            if self._is_sound(path):
                with contextlib.suppress(OSError):  # a disk that is read-only now serves as well
                    os.utime(path)
                return TreeFile(path)
            self._remove(path)
        return None

    def _is_sound(self, path: Path) -> bool:
        """Whether its bytes are those that were written; they are read once as long as the program runs."""
        named = _NAME.match(path.name)
        if named is None:
            return False
        try:
            size, inode = path.stat().st_size, path.stat().st_ino
            if (path.name, size, inode) in self._sound:
                return True
            if _checksum(path) != named["sum"]:
                return False
        except OSError:
            return False
        self._sound.add((path.name, size, inode))
        return True

    def drop(self, site: str, tree: str) -> None:
        """It turned out to be damaged while it was read."""
        for path in self._of(site).glob(f"{tree}-*{_SUFFIX}"):
            self._remove(path)

    def _remove(self, path: Path) -> None:
        self._sound = {known for known in self._sound if known[0] != path.name}
        with contextlib.suppress(OSError):  # another Overwinter was quicker, or reads it now: it goes the next time
            path.unlink()

    def begin(self, site: str) -> Path:
        """Where a new file may be written."""
        make_folder(self._of(site))
        return self._of(site) / f"{secrets.token_hex(8)}{_BEGUN}"

    def put(self, site: str, tree: str, begun: Path) -> None:
        """The file is whole and gets its name; what was used least goes where it gets too much."""
        target = self._of(site) / f"{tree}-{_checksum(begun)}{_SUFFIX}"
        begun.replace(target)
        self._is_sound(target)
        self._make_room(target)

    def _make_room(self, newest: Path) -> None:
        self._clear_abandoned()
        files = sorted(self._files(), key=lambda one: one[0], reverse=True)
        taken = 0
        for _, size, path in files:
            taken += size
            if taken > self._largest and path != newest:
                self._remove(path)

    def _files(self) -> list[tuple[float, int, Path]]:
        """Every whole file: when it was used last, its size, its path."""
        found = []
        for path in self.folder.glob("*/*.names*"):
            with contextlib.suppress(OSError):  # gone meanwhile
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        return found

    def _clear_abandoned(self) -> None:
        for path in self.folder.glob(f"*/*{_BEGUN}"):
            with contextlib.suppress(OSError):  # likewise
                if time.time() - path.stat().st_mtime > ABANDONED_AFTER:
                    path.unlink()

    def discard(self, begun: Path) -> None:
        """A file that does not become whole."""
        begun.unlink(missing_ok=True)


def _checksum(path: Path) -> str:
    found = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found = zlib.crc32(piece, found)
    return f"{found:08x}"
