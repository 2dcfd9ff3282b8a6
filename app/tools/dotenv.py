"""Reads `.env` files as Laravel does (vlucas/phpdotenv 5): a # ends a value that has no quotes, wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ENTRY = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<mark>["']?)(?P<name>[A-Za-z0-9_.]+)(?P=mark)[ \t]*=[ \t]*
    (?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^'\n]*)'|(?P<plain>(?:[^\s#"'][^\s#]*)?))
    [ \t]*(?:\#[^\n]*)?$""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
_SPECIAL = re.compile(r"\\(?P<escaped>.)|\$\{(?P<name>[A-Za-z0-9_.]+)\}", re.DOTALL)
_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z0-9_.]+)\}")
_ESCAPES = {'"': '"', "\\": "\\", "$": "$", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def variables(content: bytes) -> dict[str, str]:
    """The variables of a `.env` file; a line that Laravel would refuse is left out, the last of a name counts."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    found: dict[str, str] = {}
    for entry in _ENTRY.finditer(text.replace("\r\n", "\n").replace("\r", "\n")):
        value = _value(entry, found)
        if value is not None:
            found[entry["name"]] = value
    return found


def _value(entry: re.Match[str], known: Mapping[str, str]) -> str | None:
    if entry["single"] is not None:
        return entry["single"]
    if entry["double"] is None:
        return _REFERENCE.sub(lambda place: known.get(place["name"], place[0]), entry["plain"] or "")
    if any(each["escaped"] not in (None, *_ESCAPES) for each in _SPECIAL.finditer(entry["double"])):
        return None
    return _SPECIAL.sub(lambda place: _special(place, known), entry["double"])


def _special(place: re.Match[str], known: Mapping[str, str]) -> str:
    return _ESCAPES[place["escaped"]] if place["escaped"] else known.get(place["name"], place[0])
