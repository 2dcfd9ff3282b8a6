"""What is sought among names: a part of a name in any case, or with `*` and `?` a pattern of all of it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence

END = b"\n"


def folded(names: Sequence[str]) -> bytes:
    """Names as they are searched: without case, each ended by a line end."""
    return "".join(f"{_line(name)}\n" for name in names).encode()


def _line(name: str) -> str:
    return name.casefold().replace("\n", " ")


class Needle:
    """One search; an empty one finds everything."""

    def __init__(self, wanted: str) -> None:
        line = _line(wanted.strip())
        parts = re.split(r"[*?]", line)
        self._literal = max(parts, key=len).encode()
        self._pattern = re.compile(fnmatch.translate(line.replace("[", "[[]")).encode()) if len(parts) > 1 else None

    def rows(self, block: bytes) -> Iterator[int]:
        """The places of the names of a folded block that are meant, in order."""
        row = seen = 0
        at = block.find(self._literal)
        while 0 <= at < len(block):
            begin, end = block.rfind(END, 0, at) + 1, block.find(END, at)
            row += block.count(END, seen, begin)
            seen = begin
            if self._pattern is None or self._pattern.fullmatch(block, begin, end):
                yield row
            at = block.find(self._literal, end + 1)
