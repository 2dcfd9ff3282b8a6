"""Small questions about files and the careful removal of folders, on this computer; all of it blocks."""

from __future__ import annotations

import errno
import fnmatch
import hashlib
import itertools
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

import psutil

from app.hosts.file_errors import full, missing, mounted, no_exchange, taken, too_big, unreadable, unwritable
from app.hosts.host import WHILE_COPIED, Below, Entry, FileKind, FileStat, Listing
from app.store import durable

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_KINDS = {stat.S_IFREG: FileKind.FILE, stat.S_IFDIR: FileKind.FOLDER, stat.S_IFLNK: FileKind.LINK}


def read(path: Path, limit: int) -> bytes:
    """A regular file's content, `limit` bytes at most. Pipes and devices are not even opened: that could hang, or
    reset a board."""
    with reading(path):
        if not stat.S_ISREG(path.stat().st_mode):
            raise unreadable(path, "not a regular file")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    if len(content) > limit:
        raise too_big(path, limit)
    return content


def look(path: Path) -> FileStat | None:
    """What stands at `path`, links not followed; None when nothing does."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise unreadable(path, str(error)) from error
    return _told(found)


def _told(found: os.stat_result) -> FileStat:
    kind = _KINDS.get(stat.S_IFMT(found.st_mode), FileKind.OTHER)
    mode = stat.S_IMODE(found.st_mode)
    return FileStat(
        kind, found.st_size, found.st_mtime_ns, mode, found.st_uid, found.st_gid, found.st_ino, found.st_dev
    )


def entries(folder: Path, limit: int) -> Listing:
    """At most `limit` names of a folder, links not followed."""
    found = look(folder)
    if found is not None and found.kind is not FileKind.FOLDER:
        raise unreadable(folder, "not a folder")
    with reading(folder), os.scandir(folder) as names:
        first = list(itertools.islice(names, limit + 1))
    kept = sorted((Entry(each.name, _kind(each)) for each in first[:limit]), key=lambda entry: entry.name)
    return Listing(tuple(kept), cut=len(first) > limit)


def _kind(entry: os.DirEntry[str]) -> FileKind:
    if entry.is_symlink():
        return FileKind.LINK
    if entry.is_dir(follow_symlinks=False):
        return FileKind.FOLDER
    return FileKind.FILE if entry.is_file(follow_symlinks=False) else FileKind.OTHER


def walk(top: Path) -> Iterator[Below]:
    """Everything below a folder; a folder that cannot be read ends it with an error."""
    expect(top)
    if not top.is_dir():
        raise unreadable(top, "not a folder")
    folders = [(top, "")]
    while folders:
        folder, name = folders.pop()
        with reading(folder), os.scandir(folder) as entries:
            for entry in entries:
                below = f"{name}{entry.name}"
                yield Below(below, _told(entry.stat(follow_symlinks=False)))
                if entry.is_dir(follow_symlinks=False):
                    folders.append((Path(entry.path), f"{below}/"))


def expect(path: Path) -> None:
    """Something has to stand at `path`."""
    if look(path) is None:
        raise missing(path)


def free_space(path: Path) -> int:
    """Free bytes for this user on the file system of `path`."""
    with reading(path):
        return shutil.disk_usage(path).free


def make_scratch(folder: Path, name: str) -> str:
    """A new private folder below `folder`."""
    with writing(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.mkdtemp(prefix=f"{name}-", dir=folder)


def remove_scratch(folder: Path, name: str) -> None:
    """Removes the folders that `make_scratch(folder, name)` made."""
    for left in folder.glob(f"{name}-*"):
        remove_tree(left)


def make_private(folder: Path) -> str:
    """A folder for this user alone; one that is there already is made so."""
    with writing(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    return str(folder)


def copy_durably(source: Path, path: Path, mode: int) -> None:
    """Copies a regular file so that afterwards it is there whole or not at all."""
    with reading(source), source.open("rb") as content, writing(path):
        durable.copy_durably(content, path, mode)


def copy_as_it_is(source: Path, path: Path) -> None:
    """Copies a regular file with all that it has besides its content."""
    found = look(source)
    if found is not None and found.kind is not FileKind.FILE:
        raise unreadable(source, "not a regular file")
    expect(source)
    with writing(path):
        durable.copy_as_it_is(source, path, path.with_name(WHILE_COPIED.format(name=path.name)))


def exchange(path: Path, target: Path) -> None:
    """Exchanges what stands at two paths, in one step or not at all."""
    expect(path)
    expect(target)
    try:
        with writing(path):
            durable.exchange(path, target)
    except durable.NoExchange as error:
        raise no_exchange(path, str(error.__cause__)) from error


def sync(folder: Path) -> None:
    """Makes the names in a folder last."""
    with writing(folder):
        durable.sync_folder(folder)


def remove_matching(folder: Path, pattern: str) -> None:
    """Removes those of a folder whose names fit the pattern, with all below them."""
    found = look(folder)
    if found is None:
        return
    if found.kind is not FileKind.FOLDER:
        raise unwritable(folder, "not a folder")
    _refuse_mounts(folder)
    with reading(folder), os.scandir(folder) as names:
        fitting = [entry.path for entry in names if fnmatch.fnmatchcase(entry.name, pattern)]
    for path in fitting:
        remove_tree(Path(path))


def create(path: Path, content: bytes) -> None:
    """A new file (0600) under a name that is free; nothing of it is ever under another name."""
    with writing(path):
        durable.create_durably(path, content)


def open_regular(path: Path) -> BufferedReader:
    """A regular file, open for reading."""
    with reading(path):
        if not stat.S_ISREG(path.stat().st_mode):
            raise unreadable(path, "not a regular file")
        return path.open("rb")


def sha256(path: Path) -> str:
    """The SHA-256 of a regular file's content."""
    with reading(path), open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_tree(path: Path) -> None:
    """Removes what stands at `path` and all below; links are removed, not followed.

    Entries that may not be written are made so. Where something is mounted below nothing is removed at all.
    """
    found = look(path)
    if found is None:
        return
    with writing(path):
        if found.kind is not FileKind.FOLDER:
            path.unlink()
            return
        _refuse_mounts(path)
        try:
            shutil.rmtree(path)
        except PermissionError:
            _make_removable(path)
            shutil.rmtree(path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Says for a person what went wrong with writing to `path`."""
    try:
        yield
    except FileExistsError as error:
        raise taken(path) from error
    except (OSError, ValueError) as error:
        is_full = isinstance(error, OSError) and error.errno in FULL
        raise (full if is_full else unwritable)(path, str(error)) from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Explains what keeps a file from being read."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing(path) from error
    except (OSError, ValueError) as error:
        raise unreadable(path, str(error)) from error


def _refuse_mounts(path: Path) -> None:
    real = path.resolve()
    for partition in psutil.disk_partitions(all=True):
        if real in (Path(partition.mountpoint), *Path(partition.mountpoint).parents):
            raise mounted(path, partition.mountpoint)


def _make_removable(top: Path) -> None:
    folders = [top]
    while folders:
        folder = folders.pop()
        folder.chmod(0o700)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif sys.platform == "win32" and not entry.is_symlink():
                    Path(entry.path).chmod(stat.S_IWRITE)  # only there does a file's own mode keep it from removal
