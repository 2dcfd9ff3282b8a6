"""Removes every known secret from text before it is written anywhere.

All secrets, in every spelling they are likely to appear in, are looked for in one pass (Aho-Corasick, in a library
that leaves the interpreter's lock alone, so the window stays smooth while a million lines go by). Credentials inside
URLs are removed whether known or not.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick, Implementation

MASK = b"[secret]"
LONGEST_LINE_HELD = 64 * 1024
URL_OVERLAP = 4096
"""In a line without end, credentials are found in URLs whose authority (user, password, host) is at most this long."""

_URL_CREDENTIALS = re.compile(rb"(://[^/\s:@\"']*:)([^/\s\"']+)(@)")
_END_OF_AUTHORITY = re.compile(rb"[/\s\"']")

_GO_JSON = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"})
_QUOTED_APOSTROPHES = ("'\"'\"'", "'\\''", "\\'", "''")  # two ways of the shell, a C-like string, SQL


def spellings(secret: str) -> frozenset[bytes]:
    """Every form under which a secret is hidden: as it is, URL-quoted, base64, shell-quoted, JSON-escaped, by line.

    Of a secret with several lines, one without a letter or digit (the braces of a key in JSON) tells nothing.
    """
    lines = {line for line in secret.splitlines() if any(map(str.isalnum, line))}
    forms: set[bytes] = set()
    for part in {secret, secret.strip(), *lines, *map(str.strip, lines)}:
        if part:
            forms |= _spellings_of_part(part)
    return frozenset(forms)


def _spellings_of_part(part: str) -> set[bytes]:
    plain = _encoded(part)
    strict, readable = (json.dumps(part, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    texts = {
        *(quote(plain, safe=safe) for safe in ("", "/", "$&+,;=")),  # the last is Go's, in the user part of a URL
        quote_plus(plain),
        *(part.replace("'", quoted) for quoted in _QUOTED_APOSTROPHES),
        *(strict, readable, readable.translate(_GO_JSON), strict.replace("/", "\\/")),  # the last is PHP's
    }
    forms = {plain} | {_encoded(text) for text in texts}
    if len(plain) >= 6:  # shorter ones leave no characters that depend on the secret alone
        forms |= _base64_cores(plain)
    return forms


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character, as Windows allows in a file name
        return text.encode("utf-8", "backslashreplace")


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
        # A DFA, the library's choice for few patterns, takes minutes to build for a secret as long as a private key.
        self._search = BytesAhoCorasick(forms, implementation=Implementation.ContiguousNFA) if forms else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self.clean(_encoded(text)).decode("utf-8", "surrogateescape")

    def clean(self, data: bytes) -> bytes:
        """The bytes without secrets; finds that overlap go as one."""
        spans = self.spans(data)
        return _without(data, spans) if spans else data

    def stream(self) -> RedactedStream:
        """For output that arrives in pieces; a secret cut in two by a piece's end is found all the same."""
        return RedactedStream(self)

    @property
    def longest(self) -> int:
        """The length of the longest form that is looked for."""
        return self._longest

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where secrets stand (start, end), in order and apart from each other."""
        found: list[tuple[int, int]] = []
        if self._search is not None:
            found += [(start, end) for _, start, end in self._search.find_matches_as_indexes(data, overlapping=True)]
        if b"://" in data and b"@" in data:
            found += [match.span(2) for match in _URL_CREDENTIALS.finditer(data)]
        return _merged(found)


class RedactedStream:
    """Redacts a stream piece by piece, a line at a time; endless lines go on in large pieces."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""
        self._masked = 0  # so many bytes at the start of what is held belong to a secret whose mask is written

    def feed(self, piece: bytes) -> bytes:
        """What can be written after this piece."""
        self._held += piece
        return self._write(self._writable())

    def finish(self) -> bytes:
        """What was still held when the stream ended."""
        return self._write(len(self._held))

    def _writable(self) -> int:
        """How much of what is held needs nothing that is still to come."""
        newline = self._held.rfind(b"\n")
        if newline >= 0:
            return newline + 1
        if len(self._held) < LONGEST_LINE_HELD:
            return 0
        end = max(0, len(self._held) - max(self._redactor.longest, URL_OVERLAP))
        url = self._held.rfind(b"://", max(0, end - URL_OVERLAP), end + len(b"://") - 1)
        return end if url < 0 or _END_OF_AUTHORITY.search(self._held, url + 3, end) else url

    def _write(self, end: int) -> bytes:
        if not end:
            return b""
        begun = [(0, self._masked)] if self._masked else []
        spans = [(start, stop) for start, stop in _merged([*begun, *self._redactor.spans(self._held)]) if start < end]
        clean = _without(self._held[:end], [(start, min(stop, end)) for start, stop in spans])
        self._masked = max(0, spans[-1][1] - end) if spans else 0
        self._held = self._held[end:]
        return clean.removeprefix(MASK) if begun else clean  # its mask was written with the piece before


def _merged(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start < merged[-1][1]:
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
