"""Paths as text, POSIX's and Windows', whatever system this one is: a site file is read on any of them."""

from __future__ import annotations

import ntpath
import posixpath
from pathlib import PurePath, PurePosixPath, PureWindowsPath


def is_absolute(path: str) -> bool:
    """Whether it begins at a root: of the system, of a Windows drive, or of a share."""
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def steps_up(path: str) -> bool:
    """Whether a part of it is `..`, so that it may lead anywhere."""
    return ".." in _pure(path).parts or ".." in PureWindowsPath(path).parts


def is_whole_disk(path: str) -> bool:
    """Whether it is the root of everything: `/`, or a Windows drive; a share is a folder of somebody's."""
    pure = _pure(path)
    return pure.parent == pure and not pure.drive.startswith("\\\\")


def same_always(path: str) -> str:
    """One spelling for all spellings of an absolute path; links are not followed, the disk is not asked."""
    if PurePosixPath(path).is_absolute():
        return "/" + posixpath.normpath(path).lstrip("/")
    return ntpath.normpath(path).lower()


def inside(folder: str, path: str) -> str:
    """An absolute path below `folder` as seen from it; any other path as it is."""
    start = folder.rstrip("/\\")
    below = bool(folder) and path.startswith((f"{start}/", f"{start}\\"))
    return path[len(start) + 1 :] if below else path


def _pure(path: str) -> PurePath:
    return PurePosixPath(path) if PurePosixPath(path).is_absolute() else PureWindowsPath(path)
