"""Two check characters for a line that a person types from paper: they show that it was typed wrong.

The line and its number are read as one number in a pure system (as in ISO 7064): each character counts by a power of
`RADIX`, modulo the prime `MODULUS`. ISO's own systems know letters and digits only, a command has 95 kinds of
characters, so the modulus is larger: the largest prime that two characters of an alphabet of 32 can hold. The radix is
a primitive root of it, so that no two places within 1020 characters weigh the same. Caught always: one wrong character,
and any two that changed places, however far apart; of anything else 1020 in 1021.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: without I, L, O and U
MODULUS = 1021
RADIX = 10
LONGEST = 160
"""Characters of a line that is to be typed, with its mark."""

_TYPED = re.compile(r"(?P<text>.*\S)\s*#(?P<number>[0-9]{1,4})-(?P<check>[0-9A-Za-z]{2})\Z")
_MARK_AT_MOST = len(" #9999-XX")
LONGEST_TEXT = LONGEST - _MARK_AT_MOST
"""Characters of it without its mark."""

_MISREAD = str.maketrans("OIL", "011")


class Mistake(msgspec.Struct, frozen=True):
    """A typed line that is not as printed.

    `line` counts what was typed from 1; `number` is the printed one that it should be (0: it cannot be told). `why` is
    `mistyped`, `no-mark` (its end is missing) or `out-of-order` (lines before it are missing or twice).
    """

    line: int
    number: int
    why: str


def check_characters(number: int, line: str) -> str:
    """The two characters for this line; it must be printable ASCII with single spaces, as `marked` says."""
    total = 0
    for character in f"{number}:{line}":
        total = (total * RADIX + ord(character) - ord(" ") + 1) % MODULUS
    high, low = divmod(total, len(ALPHABET))
    return ALPHABET[high] + ALPHABET[low]


def marked(number: int, line: str) -> str:
    """The line as it is printed: to a shell its mark at the end is a comment.

    Raises ValueError for a line that could not be typed from paper: too long, other than printable ASCII, or with
    spaces that paper does not show.
    """
    if len(line) > LONGEST_TEXT or not is_typeable(line):
        raise ValueError("this line cannot be typed from paper")
    return f"{line} #{number:02d}-{check_characters(number, line)}"


def is_typeable(text: str) -> bool:
    """Whether paper shows every character of it: printable ASCII, no two spaces together, none at an end."""
    return text.isascii() and text.isprintable() and "  " not in text and text == text.strip()


def mistakes(lines: Iterable[str]) -> list[Mistake]:
    """What is wrong in typed lines; empty ones do not count. What a line says is never repeated."""
    found: list[Mistake] = []
    expected = 1
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        mistake, number = _judged(place, line, expected)
        found += [mistake] if mistake else []
        expected = number + 1
    return found


def _judged(place: int, line: str, expected: int) -> tuple[Mistake | None, int]:
    """What is wrong with a line, if anything, and the number that it stands for."""
    typed = _TYPED.match(" ".join(line.split()))
    if typed is None:
        return Mistake(place, expected, "no-mark"), expected
    number = int(typed["number"])
    if not _is_right(number, typed["text"], typed["check"]):
        return Mistake(place, expected, "mistyped"), expected
    return (Mistake(place, expected, "out-of-order") if number != expected else None), number


def _is_right(number: int, text: str, check: str) -> bool:
    return text.isascii() and check_characters(number, text) == check.upper().translate(_MISREAD)


def without_marks(printed: Sequence[str]) -> list[str]:
    """The commands of printed lines."""
    found = (_TYPED.match(line.strip()) for line in printed)
    return [typed["text"] for typed in found if typed is not None]
