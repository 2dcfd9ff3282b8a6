"""Removes every known secret from text before it is written anywhere.

All secrets, in every spelling they are likely to appear in, are looked for in one pass (Aho-Corasick, in a library
that leaves the interpreter's lock alone, so the window stays smooth while a million lines go by). Credentials inside
URLs are removed whether known or not.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick

MASK = b"[secret]"
LONGEST_LINE_HELD = 64 * 1024
URL_OVERLAP = 4096

_URL_CREDENTIALS = re.compile(rb"(://[^/\s:@\"']*:)([^@/\s\"']+)(@)")


def spellings(secret: str) -> frozenset[bytes]:
    """Every form under which a secret is hidden: as it is, URL-quoted, base64, shell-quoted, JSON-escaped, by line."""
    forms: set[bytes] = set()
    for part in {secret, secret.strip(), *secret.splitlines()}:
        if part:
            forms |= _spellings_of_line(part)
    return frozenset(forms)


def _spellings_of_line(part: str) -> set[bytes]:
    plain = part.encode("utf-8", "surrogateescape")
    texts = {
        quote(plain, safe=""),
        quote(plain),
        quote_plus(plain),
        shlex.quote(part)[1:-1] if "'" in part else part,
        json.dumps(part)[1:-1],
        json.dumps(part, ensure_ascii=False)[1:-1],
    }
    forms = {plain} | {text.encode("utf-8", "surrogateescape") for text in texts}
    if len(plain) >= 6:  # shorter ones leave no characters that depend on the secret alone
        forms |= _base64_cores(plain)
    return forms


def _base64_cores(plain: bytes) -> set[bytes]:
    """The characters that base64 makes of the secret wherever it stands in the encoded bytes (three alignments)."""
    cores: set[bytes] = set()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + plain)
        first = (shift * 8 + 5) // 6
        last = (shift + len(plain)) * 8 // 6
        core = encoded[first:last]
        cores |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return cores


class Redactor:
    """Knows the secrets of the moment; each is taught before its first use and forgotten at the end of its plan."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._taught: dict[str, int] = {}
        self._search: BytesAhoCorasick | None = None
        self._longest = 0
        for secret in secrets:
            self._taught[secret] = 1
        self._rebuild()

    def teach(self, secret: str) -> None:
        """From now on this secret is removed; teaching it twice needs forgetting it twice."""
        if secret:
            self._taught[secret] = self._taught.get(secret, 0) + 1
            self._rebuild()

    def forget(self, secret: str) -> None:
        """One user of this secret is done with it."""
        left = self._taught.get(secret, 0) - 1
        if left > 0:
            self._taught[secret] = left
        elif secret in self._taught:
            del self._taught[secret]
            self._rebuild()

    def _rebuild(self) -> None:
        forms = sorted({form for secret in self._taught for form in spellings(secret)})
        self._longest = max((len(form) for form in forms), default=0)
        self._search = BytesAhoCorasick(forms) if forms else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self.clean(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def clean(self, data: bytes) -> bytes:
        """The bytes without secrets; what lies between two overlapping finds goes too."""
        spans = self._spans(data)
        return _without(data, spans) if spans else data

    def stream(self) -> RedactedStream:
        """For output that arrives in pieces; a secret cut in two by a piece's end is found all the same."""
        return RedactedStream(self)

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        if self._search is not None:
            found += [(start, end) for _, start, end in self._search.find_matches_as_indexes(data, overlapping=True)]
        if b"://" in data and b"@" in data:
            found += [match.span(2) for match in _URL_CREDENTIALS.finditer(data)]
        return _merged(found)

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """The clean part that can be written now, and the raw rest that may still hold the start of a secret."""
        newline = data.rfind(b"\n")
        if newline >= 0:
            return self.clean(data[: newline + 1]), data[newline + 1 :]
        if len(data) < LONGEST_LINE_HELD:
            return b"", data
        spans = self._spans(data)
        cut = len(data) - max(self._longest, URL_OVERLAP)
        for start, end in spans:
            if start < cut < end:
                cut = start
        return _without(data[:cut], [span for span in spans if span[1] <= cut]), data[cut:]


class RedactedStream:
    """Redacts a stream piece by piece, a line at a time; endless lines go on in large pieces."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """What can be written after this piece."""
        clean, self._held = self._redactor.split(self._held + piece)
        return clean

    def finish(self) -> bytes:
        """What was still held when the stream ended."""
        held, self._held = self._held, b""
        return self._redactor.clean(held)


def _merged(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _without(data: bytes, spans: list[tuple[int, int]]) -> bytes:
    pieces: list[bytes] = []
    at = 0
    for start, end in spans:
        pieces += [data[at:start], MASK]
        at = end
    pieces.append(data[at:])
    return b"".join(pieces)
