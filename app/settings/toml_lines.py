"""Says on which line of a TOML text each table and each key stands, which the standard library's reader does not."""

from __future__ import annotations

import bisect
import re
import tomllib
from collections.abc import Iterator

Path = tuple[str | int, ...]
"""("hosts", 1, "name"): the key `name` of the second table of `hosts`."""

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
# The longer quotes first; up to two more quotes may stand before a multi-line string's end.
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"""(?!")|\'\'\'.*?\'\'\'(?!\')|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)
_PLAIN = re.compile(r"[^,\]}#\n]+")


def lines_of(document: str) -> dict[Path, int]:
    """The line (from 1) of every table and key of a text that `tomllib` accepts."""
    text = document.replace("\r\n", "\n")
    ends = [match.start() for match in re.finditer("\n", text)]
    lines: dict[Path, int] = {}
    for path, at in _Scan(text).document():
        lines.setdefault(path, bisect.bisect_left(ends, at) + 1)
    return lines


class _Scan:
    """One walk through a text that is known to be valid TOML; yields each path with its place in the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._tables: dict[Path, int] = {}  # how many tables an array of tables has so far

    def document(self) -> Iterator[tuple[Path, int]]:
        table: Path = ()
        while self._skip(_BLANK) and self._at < len(self._text):
            start = self._at
            if self._takes("[["):
                table = self._array_table(self._keys())
                yield table[:-1], start
                yield table, start
                self._at += 2
            elif self._takes("["):
                table = self._inside_arrays(self._keys())
                yield table, start
                self._at += 1
            else:
                yield from self._pair(table)

    def _array_table(self, keys: Path) -> Path:
        path = (*self._inside_arrays(keys[:-1]), keys[-1])
        self._tables[path] = self._tables.get(path, -1) + 1
        return (*path, self._tables[path])

    def _inside_arrays(self, keys: Path) -> Path:
        """A header's path: under an array of tables it means the last one of them."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self._tables:
                path = (*path, self._tables[path])
        return path

    def _pair(self, table: Path) -> Iterator[tuple[Path, int]]:
        start = self._at
        path = (*table, *self._keys())
        for end in range(len(table) + 1, len(path) + 1):
            yield path[:end], start
        self._at += 1  # the =
        self._skip(_SPACE)
        yield from self._value(path)

    def _value(self, path: Path) -> Iterator[tuple[Path, int]]:
        if self._takes("["):
            yield from self._array(path)
        elif self._takes("{"):
            yield from self._inline_table(path)
        else:
            _ = self._skip(_STRING) or self._skip(_PLAIN)

    def _array(self, path: Path) -> Iterator[tuple[Path, int]]:
        index = 0
        while self._skip(_BLANK) and not self._takes("]"):
            if not self._takes(","):
                yield (*path, index), self._at
                yield from self._value((*path, index))
                index += 1

    def _inline_table(self, path: Path) -> Iterator[tuple[Path, int]]:
        while self._skip(_BLANK) and not self._takes("}"):
            if not self._takes(","):
                yield from self._pair(path)

    def _keys(self) -> Path:
        """A key, or a dotted one."""
        keys: list[str] = []
        while found := _KEY.match(self._text, self._at):
            self._at = found.end()
            keys.append(_unquoted(found[1]))
            if not self._takes("."):
                break
        return tuple(keys)

    def _takes(self, mark: str) -> bool:
        found = self._text.startswith(mark, self._at)
        self._at += len(mark) if found else 0
        return found

    def _skip(self, what: re.Pattern[str]) -> bool:
        found = what.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found is not None


def _unquoted(key: str) -> str:
    return str(tomllib.loads(f"key = {key}")["key"]) if key[0] in "\"'" else key
