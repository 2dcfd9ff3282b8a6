"""Writes and renames that survive a power cut: afterwards there is the old state or the new one, never half of it.

POSIX: temporary name in the same folder, sync the file, rename over the old one, sync the folder. Windows has no sync
of a folder: the rename itself is asked to be written through, and NTFS keeps names in its journal.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _move = ctypes.WinDLL("kernel32", use_last_error=True).MoveFileExW
    _move.argtypes = (wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD)
    _move.restype = wintypes.BOOL
    _REPLACE_EXISTING, _WRITE_THROUGH = 0x1, 0x8
else:
    import ctypes
    import stat
    from collections.abc import Callable

    if sys.platform == "darwin":
        import fcntl

    def _system_rename(flag: int) -> Callable[[bytes, bytes], int] | None:
        """The system's own rename with a flag; None where its library is older than that."""
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return lambda path, target: int(library.renamex_np(path, target, flag))
        if not hasattr(library, "renameat2"):
            return None
        return lambda path, target: int(library.renameat2(_AT_FDCWD, path, _AT_FDCWD, target, flag))

    _AT_FDCWD = -100  # Linux, fcntl.h
    _NOREPLACE = 0x4 if sys.platform == "darwin" else 0x1  # RENAME_EXCL in sys/stdio.h, RENAME_NOREPLACE in linux/fs.h
    _EXCHANGE = 0x2  # RENAME_SWAP, RENAME_EXCHANGE
    _rename_exclusively = _system_rename(_NOREPLACE)
    _exchange_names = _system_rename(_EXCHANGE)


PIECE = 1024 * 1024


def write_durably(path: Path, content: bytes, mode: int, temporary: Path | None = None) -> None:
    """Writes `content` under the name `path`, replacing what stood there (a link is replaced, not followed).

    Until it is whole it stands beside it under another name: a random one, or `temporary`, where only one process
    writes at a time; then what a killed process left there is taken away by the next.
    """
    copy_durably(io.BytesIO(content), path, mode, temporary)


def copy_durably(content: BinaryIO, path: Path, mode: int, temporary: Path | None = None) -> None:
    """As `write_durably`, with what can be read from `content`, piece by piece."""
    if temporary is None:
        temporary = path.with_name(f".overwinter-{secrets.token_hex(8)}.tmp")
    else:
        temporary.unlink(missing_ok=True)
    try:
        _write(temporary, content, mode)
        _replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def create_durably(path: Path, content: bytes) -> None:
    """Writes a new file under a name that must be free, else `FileExistsError`; nothing is left under another name.

    It is its owner's alone (0600), where the file system knows modes. On Linux it has no name at all until it is whole,
    so that not even a kill leaves a part of it. Elsewhere, and on file systems that know no nameless files (FAT), it
    has its own name from the start; a failure removes it again.
    """
    if not _create_nameless(path, content):
        _create_named(path, content)
    sync_folder(path.parent)


def _create_named(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        _fill(descriptor, io.BytesIO(content))
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def rename(path: Path, target: Path) -> None:
    """Gives what stands at `path` the name `target`, which must be free; both in one file system.

    Of several who want the same name one gets it, the others `FileExistsError`: the system itself looks whether it is
    free (renameat2, renamex_np, MoveFileEx). Old network file systems cannot; there a file is linked to its new name,
    which is as safe, and a folder's name is looked at first, which two at the same moment can both find free.
    """
    _rename(path, target)
    for folder in {path.parent, target.parent}:
        sync_folder(folder)


def exchange(path: Path, target: Path) -> None:
    """Exchanges what stands at two paths of one file system in one step: there is no moment without either.

    Raises `NoExchange`, with nothing changed, where the system or the file system has no such step.
    """
    try:
        _exchange(path, target)
    except OSError as error:
        if error.errno in _NO_SUCH_STEP:
            raise NoExchange from error
        raise
    for folder in {path.parent, target.parent}:
        sync_folder(folder)


class NoExchange(Exception):
    """Two names cannot be exchanged in one step there."""


def copy_as_it_is(source: Path, path: Path, temporary: Path) -> None:
    """As `copy_durably`, with the owner, mode, times and attributes of `source` as far as this user may give them."""
    temporary.unlink(missing_ok=True)
    try:
        with source.open("rb") as content:
            _write(temporary, content, 0o600)
        _give_owner(temporary, source.stat())
        shutil.copystat(source, temporary)
        _sync_file(temporary)
        _replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _give_owner(path: Path, like: os.stat_result) -> None:
    if sys.platform != "win32":
        with contextlib.suppress(PermissionError):  # only root may give a file away
            os.chown(path, like.st_uid, like.st_gid)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY if sys.platform != "win32" else os.O_RDWR)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, content: BinaryIO, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    _fill(descriptor, content, mode)


def _fill(descriptor: int, content: BinaryIO, mode: int | None = None) -> None:
    """Writes it all, syncs and closes; without `mode` it keeps the one it was opened with (FAT refuses another)."""
    with os.fdopen(descriptor, "wb") as file:
        if sys.platform != "win32" and mode is not None:
            os.fchmod(file.fileno(), mode)
        shutil.copyfileobj(content, file, PIECE)
        file.flush()
        _sync(file.fileno())


if sys.platform == "linux":

    def _create_nameless(path: Path, content: bytes) -> bool:
        """Whether it could; where not, nothing was done."""
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            descriptor = os.open(path.parent, os.O_RDWR | os.O_TMPFILE, 0o600)
            try:
                _fill(os.dup(descriptor), io.BytesIO(content))
                # With a folder given Python calls linkat, which follows the link to the nameless file as asked.
                os.link(f"/proc/self/fd/{descriptor}", path.name, dst_dir_fd=folder, follow_symlinks=True)
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EISDIR, errno.EINVAL, errno.EPERM, errno.ENOENT):
                raise
            return False
        finally:
            os.close(folder)
        return True

else:

    def _create_nameless(_path: Path, _content: bytes) -> bool:
        """Only Linux can."""
        return False


if sys.platform == "win32":

    def _sync(descriptor: int) -> None:
        os.fsync(descriptor)

    def sync_folder(folder: Path) -> None:
        """Windows cannot; see above."""

    _NO_SUCH_STEP = (errno.ENOSYS,)

    def _exchange(_path: Path, _target: Path) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    def _rename(path: Path, target: Path) -> None:
        if not _move(str(path), str(target), _WRITE_THROUGH):
            raise ctypes.WinError(ctypes.get_last_error())

    def _replace(path: Path, target: Path) -> None:
        if not _move(str(path), str(target), _REPLACE_EXISTING | _WRITE_THROUGH):
            raise ctypes.WinError(ctypes.get_last_error())
else:

    def _sync(descriptor: int) -> None:
        if sys.platform == "darwin":
            try:
                fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # its fsync leaves the data in the disk's own cache
                return
            except OSError:
                pass  # a file system over the network knows only the plain one
        os.fsync(descriptor)

    def sync_folder(folder: Path) -> None:
        """Makes the names in the folder last."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _sync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems know no such sync
                raise
        finally:
            os.close(descriptor)

    def _rename(path: Path, target: Path) -> None:
        try:
            _rename_to_free_name(path, target)
        except OSError as error:
            if error.errno not in _UNKNOWN_TO_THE_FILE_SYSTEM:
                raise
            _rename_without_help(path, target)

    _UNKNOWN_TO_THE_FILE_SYSTEM = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
    _NO_SUCH_STEP = _UNKNOWN_TO_THE_FILE_SYSTEM

    def _exchange(path: Path, target: Path) -> None:
        _call(_exchange_names, path, target)

    def _rename_to_free_name(path: Path, target: Path) -> None:
        _call(_rename_exclusively, path, target)

    def _call(rename: Callable[[bytes, bytes], int] | None, path: Path, target: Path) -> None:
        if rename is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        if rename(os.fsencode(path), os.fsencode(target)) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path), None, str(target))

    def _rename_without_help(path: Path, target: Path) -> None:
        if stat.S_ISDIR(path.lstat().st_mode):
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
            path.rename(target)
        else:
            os.link(path, target, follow_symlinks=False)
            path.unlink()

    def _replace(path: Path, target: Path) -> None:
        path.replace(target)
