"""Trees of files, compared as a restore must give them back; and what a file can have besides its content."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
"""`cap_net_bind_service=ep` as Linux keeps it: what lets a broker listen on a low port without root."""


def described(root: Path, without: Sequence[str] = ()) -> dict[str, tuple[object, ...]]:
    """Everything below a folder but for these parts of it: all that a restore must bring back."""
    left_out = [root / part for part in without]
    paths = [path for path in root.rglob("*") if not any(path.is_relative_to(part) for part in left_out)]
    return {str(path.relative_to(root)): (*_described(path), other) for path, other in _first_names(paths).items()}


def _first_names(paths: list[Path]) -> dict[Path, str]:
    """Of each path the first name that its file has here: hard links share one."""
    first: dict[tuple[int, int], str] = {}
    names = {}
    for path in sorted(paths):
        seen = path.lstat()
        names[path] = first.setdefault((seen.st_dev, seen.st_ino), path.name)
    return names


def _described(path: Path) -> tuple[object, ...]:
    """Kind and mode, owner and group, time of change in ns, extended attributes, link or content."""
    seen = path.lstat()
    content = path.read_bytes() if stat.S_ISREG(seen.st_mode) else b""
    target = path.readlink() if stat.S_ISLNK(seen.st_mode) else None
    return seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns, attributes_of(path), target, content


def attributes_of(path: Path) -> dict[str, bytes]:
    """The extended attributes, where the system has them."""
    if sys.platform != "linux":
        return {}
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}


def add_rarities(root: Path) -> set[str]:
    """Adds what few trees have; the names of the extended attributes that the disk and this account could take."""
    if sys.platform == "win32":
        return set()
    place = root / "rarities"
    place.mkdir()
    program = place / "suid"
    program.write_text("#!/bin/sh\n")
    os.link(program, place / "the same")
    os.mkfifo(place / "pipe", 0o620)
    (place / "shared").mkdir()
    (place / "nowhere").symlink_to("../no such file")
    if os.geteuid() == 0:
        for number, path in enumerate(sorted(place.iterdir()), 1000):
            os.chown(path, number, number + 1, follow_symlinks=False)
    program.chmod(0o4751)  # after the owner, which takes such rights away
    (place / "shared").chmod(0o3770)
    os.utime(place / "nowhere", ns=(1, 1_234_567_890_123_456_789), follow_symlinks=False)
    taken = {name for name, value in _RARE.items() if _set(program, name, value)}
    os.utime(program, ns=(1, 1_000_000_000_000_000_001))
    return taken


_RARE = {"user.сад": b"\0\xff", "user.empty": b"", "trusted.overwinter": b"root's", "security.capability": CAPABILITY}


def _set(path: Path, name: str, value: bytes) -> bool:
    if sys.platform != "linux":
        return False
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EPERM):
            return False
        raise
    return True
