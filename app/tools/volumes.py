"""What is mounted on this computer, and what the disks are called; all of it blocks."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path, PurePath

import msgspec
import psutil

_BY_LABEL = Path("/dev/disk/by-label")
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")

if sys.platform == "win32":
    import ctypes

    LONGEST_LABEL = 261

    def _own_label(volume: Volume) -> str:
        label = ctypes.create_unicode_buffer(LONGEST_LABEL)
        root = volume.mount if volume.mount.endswith("\\") else volume.mount + "\\"
        done = ctypes.windll.kernel32.GetVolumeInformationW(root, label, LONGEST_LABEL, None, None, None, None, 0)
        return label.value if done else ""

else:

    def _own_label(volume: Volume) -> str:
        """As udev has read it. macOS has no such folder: there a disk is mounted under its name."""
        with contextlib.suppress(OSError):
            device = os.path.realpath(volume.device)
            for link in _BY_LABEL.iterdir():
                if os.path.realpath(link) == device:
                    return _unescaped(link.name)
        return ""


class Volume(msgspec.Struct, frozen=True):
    """A file system: where it is mounted, and the device that it is on."""

    mount: str
    device: str


def mounted() -> frozenset[Volume]:
    """Everything that is mounted now; the disks themselves are not touched."""
    return frozenset(
        Volume(each.mountpoint, each.device) for each in psutil.disk_partitions(all=sys.platform != "win32")
    )


def volume_of(path: str, volumes: Iterable[Volume]) -> Volume | None:
    """The volume that holds a path, which need not be there."""
    place = PurePath(path)
    above = {place, *place.parents}
    holding = [volume for volume in volumes if PurePath(volume.mount) in above]
    return max(holding, key=lambda volume: len(PurePath(volume.mount).parts), default=None)


def label_of(volume: Volume) -> str:
    """What a person calls the disk: its label, or the name under which it is mounted."""
    mount = PurePath(volume.mount)
    return _own_label(volume) or mount.name or str(mount)


def _unescaped(name: str) -> str:
    """udev writes what a file's name cannot hold as `\\x20`."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), os.fsencode(name)).decode("utf-8", "replace")
