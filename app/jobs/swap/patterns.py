"""Which names below a folder are meant by the paths of a source: `storage/framework/sessions/*`.

As in a shell, `*`, `?` and `[…]` stand for anything within one name, and a name that begins with a dot has to be asked
for. No link is followed: what it leads to is no part of the tree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Below, FileKind, Host
from app.jobs.restore.folder import below

MOST_NAMES = 200_000
"""Names of one folder that are looked through."""

ANY_DEPTH = "**"
_SPECIAL = re.compile(r"[*?\[]")


def parts_of(pattern: str) -> list[str]:
    """The names that a path is made of, on whatever system it was written."""
    return [part for part in re.split(r"[/\\]", pattern) if part not in ("", ".")]


def is_special(part: str) -> bool:
    """Whether it stands for other names than itself."""
    return _SPECIAL.search(part) is not None


def matches(name: str, part: str, *, hidden: bool = False) -> bool:
    """Whether a name is meant by a part of a pattern; `hidden` ones as restic does it, without being asked for."""
    if not is_special(part):
        return name == part
    is_asked_for = hidden or not name.startswith(".") or part.startswith(".")
    return is_asked_for and re.match(translate(part), name) is not None


def is_meant(path: str, patterns: Sequence[str], *, hidden: bool = False) -> bool:
    """Whether a path as seen from the root, or a folder above it, is meant by one of these."""
    names = path.split("/")
    return any(_begins(names, parts_of(pattern), hidden=hidden) for pattern in patterns if parts_of(pattern))


def _begins(names: Sequence[str], parts: Sequence[str], *, hidden: bool) -> bool:
    if not parts:
        return True
    if parts[0] == ANY_DEPTH:
        return any(_begins(names[count:], parts[1:], hidden=hidden) for count in range(len(names) + 1))
    return bool(names) and matches(names[0], parts[0], hidden=hidden) and _begins(names[1:], parts[1:], hidden=hidden)


async def expanded(host: Host, root: str, patterns: Sequence[str], *, hidden: bool = False) -> list[str]:
    """What of the patterns stands below `root`, each once, as seen from it with `/` between names.

    `**` stands for any number of folders; only that takes a look at the whole tree.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        parts = parts_of(pattern)
        if ANY_DEPTH in parts:
            found |= dict.fromkeys(await _anywhere(host, root, pattern, hidden=hidden))
        elif parts:
            found |= dict.fromkeys(await _below(host, root, "", parts, hidden=hidden))
    return outermost(list(found))


async def _anywhere(host: Host, root: str, pattern: str, *, hidden: bool) -> list[str]:
    found: list[str] = []

    async def take(some: Sequence[Below]) -> None:
        found.extend(one.path for one in some if is_meant(one.path, [pattern], hidden=hidden))

    await host.walk(root, take)
    return found


def outermost(paths: Sequence[str]) -> list[str]:
    """Those that are in none of the others."""
    known = set(paths)
    return [path for path in paths if not any(above in known for above in _above(path))]


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


async def _below(host: Host, root: str, path: str, parts: Sequence[str], *, hidden: bool) -> list[str]:
    found: list[str] = []
    for name in await _names(host, under(root, path), parts[0], hidden=hidden):
        one = f"{path}/{name}" if path else name
        if len(parts) == 1:
            found.append(one)
        elif await is_folder(host, under(root, one)):
            found += await _below(host, root, one, parts[1:], hidden=hidden)
    return found


async def _names(host: Host, folder: str, part: str, *, hidden: bool) -> list[str]:
    if not is_special(part):
        return [part] if await host.stat(str(below(folder, part))) is not None else []
    listing = await host.entries(folder, MOST_NAMES)
    if listing.cut:
        raise too_many(folder)
    return [entry.name for entry in listing.entries if matches(entry.name, part, hidden=hidden)]


def under(root: str, path: str) -> str:
    """What stands at `path` as seen from the root."""
    return str(below(root, path)) if path else root


async def is_folder(host: Host, path: str) -> bool:
    """Whether a folder stands there, and no link to one."""
    found = await host.stat(path)
    return found is not None and found.kind is FileKind.FOLDER


async def is_reached(host: Host, root: str, path: str) -> bool:
    """Whether the folder that `path` is in is really below the root: all of them folders, none a link."""
    parts = path.split("/")[:-1]
    return all([await is_folder(host, under(root, "/".join(parts[:count]))) for count in range(len(parts) + 1)])


def too_many(folder: str) -> UserError:
    """A folder that is not looked through to its end."""
    return UserError(
        text("{folder} holds more than {count} names.", folder=folder, count=MOST_NAMES),
        text("Which of them are meant was not looked up; nothing was changed there."),
        text("Name the folder itself in the site's settings, without * behind it."),
        "restore.too-many-names",
    )
