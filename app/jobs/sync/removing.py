"""Removes names of a live tree one by one: nothing is ever removed that was not seen and judged by its own name.

A folder is removed when it is empty, and not before: what has come into it meanwhile, and what is mounted there, stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Host
from app.jobs.swap.patterns import under
from app.jobs.swap.place import WINDOWS
from app.jobs.sync.difference import Going

AT_ONCE = 2000
"""Names that one program is told."""


async def remove_all(host: Host, root: str, system: str, going: Sequence[Going]) -> None:
    """Removes them, folders last and the deepest first. Raises `sync.not-removed`."""
    files = [one.path for one in going if not one.is_folder]
    folders = sorted((one.path for one in going if one.is_folder), key=lambda path: -path.count("/"))
    if system == WINDOWS:
        for path in (*files, *folders):
            await host.remove_tree(under(root, path))
        return
    await _each(host, root, files, "rm", "-f", "--")
    await _each(host, root, folders, "rmdir", "--")


async def _each(host: Host, root: str, paths: Sequence[str], *program: str) -> None:
    for first in range(0, len(paths), AT_ONCE):
        some = [under(root, path) for path in paths[first : first + AT_ONCE]]
        told = b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in some)
        done = await host.run(Command("xargs", ("-0", *program), stdin=told))
        if done.code != 0:
            raise _not_removed(host, root, done.stderr.decode("utf-8", "replace"))


def _not_removed(host: Host, root: str, said: str) -> UserError:
    return UserError(
        text("Something in {root} on {host} could not be removed.", root=root, host=host.name),
        text("The point does not have it, so the tree would not be what the point holds."),
        text("Read what the system said, and put that right; or restore as root."),
        "sync.not-removed",
        said,
    )
