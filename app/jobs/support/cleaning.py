"""Makes text fit to leave this computer: no secrets, nothing that looks like one, nothing that hides."""

from __future__ import annotations

import re

from app.foundation.redact import MASK, Redactor

LINE_LETTERS = 2000
"""So many letters of a line are told."""

_LOOKS_SECRET = (
    re.compile(rb"(-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z))", re.DOTALL),
    re.compile(
        rb"(?i)(?:(?:password|passwd|passphrase|secret|token|api_?key|secret_?key|access_?key)[\"']?\s{0,3}[=:]\s{0,3}"
        rb"|authorization[\"']?\s{0,3}[=:]\s{0,3}(?:\w+ )?|\bbearer |--pass(?:word|wd|phrase)?[ =])[\"']?([^\s\"',;]+)"
    ),
)
"""What is hidden in each is its first group. They are for secrets that nobody has told us; no stored one needs them."""

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def cleaned(redactor: Redactor, said: str) -> str:
    """The text without secrets, in lines that a person can read: long ones cut, controls shown by their numbers."""
    content = redactor.clean(said.encode("utf-8", "backslashreplace"))
    for pattern in _LOOKS_SECRET:
        content = pattern.sub(_masked, content)
    shown = _HIDDEN.sub(lambda found: f"\\x{ord(found[0]):02x}", content.decode("utf-8", "replace"))
    return "\n".join(map(_cut, shown.split("\n")))


def _masked(found: re.Match[bytes]) -> bytes:
    return found[0][: found.start(1) - found.start()] + MASK


def _cut(line: str) -> str:
    rest = len(line) - LINE_LETTERS
    return line if rest <= 0 else f"{line[:LINE_LETTERS]} [… {rest} more …]"
