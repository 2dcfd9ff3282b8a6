"""Reads what a systemd unit says of its service: the program it starts, and the folder it works in."""

from __future__ import annotations

import shlex

import msgspec

UNITS = "/etc/systemd/system"
"""Where a server's own units are; those of packages are elsewhere."""

_MARKS = "@-:+!|"


class Service(msgspec.Struct, frozen=True):
    """`words` are the program and its arguments, none where the unit starts none; `folder` may be ""."""

    words: tuple[str, ...]
    folder: str


def read_service(content: bytes) -> Service:
    """The first program and the folder of a unit; specifiers such as %i stay as they are."""
    start = folder = section = ""
    for line in content.decode("utf-8", "replace").replace("\\\n", " ").splitlines():
        if line.startswith("["):
            section = line.strip()
        key, _, value = (part.strip() for part in line.partition("="))
        if section == "[Service]" and key == "ExecStart":
            start = start or value
        elif section == "[Service]" and key == "WorkingDirectory":
            folder = value.lstrip("-").strip("\"'")
    return Service(_words(start), folder)


def _words(line: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(line.lstrip(_MARKS)))
    except ValueError:  # an open quote: systemd would not start it either
        return ()
