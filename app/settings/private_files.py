"""Files that only their owner reads and that are whole or not there after a power cut; locks between processes.

All of it blocks. What the system refuses comes out as `UserError` with a code `places.…`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from app.foundation.errors import Busy, UserError
from app.foundation.words import text
from app.store.durable import sync_folder, write_durably

LOOKS_AGAIN_AFTER = 0.02  # seconds between two tries for a lock


def make_folder(folder: Path) -> None:
    """Makes a folder, and those above it that are missing, for their owner only (0700); one that is there stays."""
    with _told(folder):
        missing = [above for above in (folder, *folder.parents) if not above.exists()]
        for each in reversed(missing):
            each.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def read_file(path: Path) -> bytes | None:
    """The file's content; None when there is no such file, which is told apart from one that cannot be read."""
    with _told(path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def write_file(path: Path, content: bytes) -> None:
    """Writes a file (0600) that after a power cut is the old one or the new one, whole.

    Only one process may write it at a time: the temporary name beside it is always the same, so nothing is left over.
    """
    with _told(path):
        write_durably(path, content, 0o600, temporary=path.with_name(f"{path.name}.new"))


def remove_file(path: Path) -> None:
    """Removes a file for good; one that is not there is success."""
    with _told(path):
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


class FileLock:
    """A lock file that one holder has at a time, whatever process it is in; the system drops it when its holder dies.

    The file is empty and stays: a removed one would be another file to whoever comes next.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def take(self) -> bool:
        """Takes it; False when somebody else has it. Raises `places.unusable` where the disk knows no locks."""
        make_folder(self._path.parent)
        with _told(self._path):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                taken = _try_lock(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
        if taken:
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return taken

    def release(self) -> None:
        """Gives it back; nothing happens when it is not held."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@contextlib.contextmanager
def locked(path: Path, wait: float) -> Iterator[None]:
    """Holds the lock file, alone among all processes; the system drops it when its holder dies.

    Raises `Busy` `places.locked` when somebody else holds it for longer than `wait` seconds.
    """
    lock = FileLock(path)
    _take(lock, path, time.monotonic() + wait)
    try:
        yield
    finally:
        lock.release()


def _take(lock: FileLock, path: Path, until: float) -> None:
    pause = threading.Event()  # nothing tells when a lock gets free, so it is tried again
    while not lock.take():
        if time.monotonic() > until:
            raise Busy(
                text("Another Overwinter is writing {file} and does not come to an end.", file=path.stem),
                text("Nothing was changed."),
                text("Wait until the other one is done, or close it, then try again."),
                "places.locked",
                str(path),
            )
        pause.wait(LOOKS_AGAIN_AFTER)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turns what the system refuses into what a person can act on."""
    try:
        yield
    except OSError as error:
        raise _as_told(path, error) from error


def _as_told(path: Path, error: OSError) -> UserError:
    means = text("Nothing was changed; what was stored before is still there.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(
            text("The disk that holds {path} is full.", path=str(path)),
            means,
            text("Free some space there, then try again."),
            "places.disk-full",
            str(error),
        )
    return UserError(
        text("{path} cannot be used: {reason}.", path=str(path), reason=error.strerror or type(error).__name__),
        means,
        text("Make it readable and writable for you, or choose another folder with --data or OVERWINTER_DATA."),
        "places.unusable",
        str(error),
    )
