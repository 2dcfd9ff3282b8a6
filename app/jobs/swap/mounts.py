"""What is mounted where, as a computer tells it, and whether a tree can be moved in spite of it.

A tree that is mounted, or that a container has by a bind mount, cannot be swapped by a rename: whoever has the mount
keeps the old one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from app.hosts.host import Command, Host

LOOKS_WITHIN = 30.0  # seconds
_OCTAL = re.compile(r"\\([0-7]{3})")


class Mount(msgspec.Struct, frozen=True):
    """A mount: `point` is where, `device` what the kernel calls its file system, `root` which folder of that it shows.

    Of systems but Linux only `point` is known.
    """

    point: str
    device: str = ""
    root: str = ""


def read_mounts(said: str) -> list[Mount]:
    """The mounts of /proc/…/mountinfo, or of what `mount` says elsewhere."""
    return [mount for line in said.splitlines() if (mount := _mount(line)) is not None]


def _mount(line: str) -> Mount | None:
    if (told := re.search(r" on (/.*) \(", line)) is not None:
        return Mount(told[1])
    words = line.split(" ")
    return Mount(_plain(words[4]), words[2], _plain(words[3])) if len(words) > 5 else None


def _plain(path: str) -> str:
    return _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), path)


def is_in(path: str, folder: str) -> bool:
    """Whether a path is that folder, or is in it."""
    return f"{path}/".startswith(f"{folder.rstrip('/')}/")


def at_or_below(mounts: Sequence[Mount], path: str) -> list[str]:
    """Where something is mounted on a tree or in it."""
    return [mount.point for mount in mounts if is_in(mount.point, path)]


class Shown(msgspec.Struct, frozen=True):
    """Where a tree is mounted once more; `is_whole`: the tree itself, not a part of it."""

    point: str
    is_whole: bool


def shown_elsewhere(mounts: Sequence[Mount], others: Sequence[Mount], path: str) -> list[Shown]:
    """Where the tree, or a part of it, is mounted once more: in `others`, which may be those of containers."""
    above = [mount for mount in mounts if is_in(path, mount.point)]
    if not above:
        return []
    own = max(reversed(above), key=lambda mount: len(mount.point))
    inside = f"{own.root.rstrip('/')}/{path[len(own.point.rstrip('/')) + 1 :]}"
    same = [mount for mount in others if mount.device == own.device and mount.point != own.point]
    return [
        Shown(mount.point, mount.root.rstrip("/") == inside.rstrip("/")) for mount in same if is_in(mount.root, inside)
    ]


async def mounts_of(host: Host, system: str) -> list[Mount]:
    """What is mounted where, as programs on that host see it."""
    command = Command("cat", ("/proc/self/mountinfo",)) if system == "linux" else Command("mount")
    done = await host.run(command, deadline=LOOKS_WITHIN)
    return read_mounts(done.stdout.decode("utf-8", "surrogateescape"))


async def mounts_of_all(host: Host) -> tuple[list[Mount], bool]:
    """What is mounted in whatever container of that host (Linux), and whether all of them could be looked at.

    Processes that end meanwhile are passed over.
    """
    done = await host.run(
        Command("find", ("/proc", "-mindepth", "2", "-maxdepth", "2", "-name", "mountinfo", "-exec", "cat", "{}", "+")),
        keep=64 * 1024 * 1024,
        deadline=LOOKS_WITHIN,
    )
    found = dict.fromkeys(read_mounts(done.stdout.decode("utf-8", "surrogateescape")))
    return list(found), not done.cut and b"ermission denied" not in done.stderr
