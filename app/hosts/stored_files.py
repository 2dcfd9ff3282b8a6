"""Files that lie on a disk of this computer, asked what the disk itself holds; all of it blocks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.hosts import files
from app.hosts.host import FileKind


def listed(folder: Path) -> dict[str, int]:
    """The names of all files in a folder and in the folders in it, with their sizes in bytes; links are passed over.

    One that vanishes meanwhile is none. Raises `host.file-unreadable`.
    """
    found: dict[str, int] = {}
    with files.reading(folder):
        for top, _, names in os.walk(folder, onerror=_raise):
            for name in names:
                stands = files.look(Path(top) / name)
                if stands is not None and stands.kind is FileKind.FILE:
                    found[name] = stands.size
    return found


def sha256_from_disk(path: Path) -> str:
    """The SHA-256 of a file as its disk holds it: on Linux the system forgets first what it still has in memory.

    Other systems may answer out of memory. What is not on the disk yet stays in memory, whatever is asked.
    """
    if sys.platform == "linux":
        with files.reading(path), files.open_regular(path) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return files.sha256(path)


def _raise(error: OSError) -> None:
    raise error
