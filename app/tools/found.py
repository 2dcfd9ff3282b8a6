"""Which outside programs a host has, their versions, and whether they are fit to be used.

Asking a program for its version costs a process, so what was answered is remembered for as long as the file is the
same one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping, Sequence
from functools import partial

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import Text
from app.hosts.host import Command, FileKind, FileStat, Host
from app.settings.paths import is_absolute

ANSWERS_WITHIN = 20.0
"""Seconds in which a program says its version; more than it needs on a cold disk."""

Versions = MutableMapping[str, str]
"""Versions that programs said before, kept by the caller; the keys are made here."""

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


class ToolFound(msgspec.Struct, frozen=True):
    """A program on a host. `version` is "" when it did not say one; `why` says what makes it unfit."""

    name: str
    version: str
    path: str
    fit: bool
    why: Text | str = ""


def first_fit(found: Sequence[ToolFound], name: str) -> ToolFound | None:
    """The program of that name that is used."""
    return next((tool for tool in found if tool.name == name and tool.fit), None)


def version_numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version for comparing: `0.18.1` is (0, 18, 1), and "" is ()."""
    return tuple(int(part) for part in version.split(".") if part)


async def locate(host: Host, candidate: str) -> str | None:
    """The absolute path of a candidate (a path or a name to look up), None when nothing is there."""
    if not is_absolute(candidate):
        return await host.which(candidate)
    return candidate if await host.stat(candidate) is not None else None


async def said_version(host: Host, path: str, arguments: tuple[str, ...], begins: str, versions: Versions) -> str:
    """The version that the program at `path` says with `arguments`; `begins` is what it says before its number.

    "" when it does not start or does not answer so: then it is another program.
    """
    return await version_answered(host, path, arguments, partial(_after, begins), versions)


async def version_answered(
    host: Host, path: str, arguments: tuple[str, ...], version_in: Callable[[str], str], versions: Versions
) -> str:
    """As `said_version`, for programs that say it in their own way: `version_in` finds it in what was said."""
    key = _key(host, path, await host.stat(path))
    if key in versions:
        return versions[key]
    version = version_in(await _answer(host, path, arguments))
    if key and version:
        versions[key] = version
    return version


def _key(host: Host, path: str, stat: FileStat | None) -> str:
    """What identifies a program's file; "" when it cannot be told that it changed, as behind a link."""
    if stat is None or stat.kind is not FileKind.FILE:
        return ""
    return f"{host.name}|{path}|{stat.size}|{stat.modified}"


async def _answer(host: Host, path: str, arguments: tuple[str, ...]) -> str:
    try:
        finished = await host.run(Command(path, arguments), keep=4096, deadline=ANSWERS_WITHIN)
    except UserError:
        return ""  # it does not start: it cannot be used, and its caller says so
    return finished.stdout.decode("utf-8", "replace").strip() if finished.code == 0 else ""


def _after(begins: str, said: str) -> str:
    numbers = _NUMBERS.match(said.removeprefix(begins)) if said.startswith(begins) else None
    return numbers.group() if numbers else ""
