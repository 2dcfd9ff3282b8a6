"""How a line of raw output becomes text a person can read: decoded, harmless, its level recognised. Knows no Qt."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable

from ahocorasick_rs import BytesAhoCorasick

CUT = 1000
"""So many characters of a line are painted; a copy holds the whole line."""

_READ_FOR_PAINTING = 8 * CUT
_READ_FOR_LEVEL = 2048

_ESCAPE_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours and cursor movements
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # window titles and links
    r"|\x1b[ -/]*[0-Z\\^-~]"
)

_HIDDEN = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f"  # controls, but for the tab
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"  # what hides, breaks lines, turns the direction
)


def _by_number(hidden: re.Match[str]) -> str:
    """Such as `‹1B›`: every font has that, and nobody takes it for a word."""
    return f"\u2039{ord(hidden[0]):02X}\u203a"


def readable(line: bytes) -> str:
    """The whole line as text: bytes that are not UTF-8 as the replacement mark, colours gone, controls visible."""
    text = line.decode("utf-8", "replace")
    if text.isprintable():
        return text
    text = text.rstrip("\r\n")
    if "\x1b" in text:
        text = _ESCAPE_SEQUENCES.sub("", text)
    return _HIDDEN.sub(_by_number, text)


def painted(line: bytes) -> str:
    """As much of the line as is shown; what is left out is marked by an ellipsis."""
    text = readable(line[:_READ_FOR_PAINTING])
    return text if len(text) <= CUT and len(line) <= _READ_FOR_PAINTING else text[:CUT] + "…"


class Level(enum.IntEnum):
    """How much a line asks for attention."""

    INFO = 0
    WARNING = 1
    ERROR = 2


_ERROR_WORDS = [b"error", b"fatal", b"panic", b"critical", b"traceback", b"exception", b"fail", b"refused", b"denied"]
_WARNING_WORDS = [b"warn", b"deprecated", b"skipp", b"retry"]
_COMMAND = b"$ "
_ERRORS = BytesAhoCorasick(_ERROR_WORDS)
_ALL = BytesAhoCorasick(_ERROR_WORDS + _WARNING_WORDS)
_NOTHING_WRONG = re.compile(
    rb"\b(?:no|0|without) (?:errors?|warnings?|failures?)\b|\b(?:errors?|warnings?|failed)\"? ?[:=] ?0\b"
)


def level_of(line: bytes) -> Level:
    """The level by the words programs use; only the start of a long line is read. A command that is begun says none."""
    if line.startswith(_COMMAND):
        return Level.INFO
    start = line[:_READ_FOR_LEVEL].lower()
    if not _ALL.find_matches_as_indexes(start):  # nearly every line, so this look is the fastest there is
        return Level.INFO
    start = _NOTHING_WRONG.sub(b"", start)
    if _ERRORS.find_matches_as_indexes(start):
        return Level.ERROR
    return Level.WARNING if _ALL.find_matches_as_indexes(start) else Level.INFO


class Query:
    """What is searched for, without regard to case, in the text as it is shown."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self._pattern = re.compile(re.escape(wanted), re.IGNORECASE)
        self._plain = wanted.lower().encode() if wanted.isascii() else b""

    def found_in(self, line: bytes) -> bool:
        """Whether the line holds it."""
        if line.isascii() and b"\x1b" not in line:  # nearly every line: looked at as bytes, without decoding
            return bool(self._plain) and self._plain in line.lower()
        return self._pattern.search(readable(line)) is not None

    def places(self, text: str, most: int = 200) -> list[tuple[int, int]]:
        """Where in a shown line it stands, as (start, length)."""
        found: list[tuple[int, int]] = []
        for match in self._pattern.finditer(text):
            found.append((match.start(), match.end() - match.start()))
            if len(found) == most:
                break
        return found


LineTest = Callable[[bytes], bool]


def line_test(query: Query | None, least: Level) -> LineTest:
    """A test for lines of at least this level that hold what is searched for."""
    if query is None:
        return lambda line: level_of(line) >= least
    if least is Level.INFO:
        return query.found_in
    return lambda line: query.found_in(line) and level_of(line) >= least
