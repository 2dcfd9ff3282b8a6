"""File names as restic's patterns and trees write them."""

from __future__ import annotations

import re

_ESCAPES = {"a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v"}
_STRAY_BYTE = re.compile("[\udc80-\udcff]")
_QUOTED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))|([^\\]+)", re.DOTALL)


def as_pattern(path: str, *, windows: bool = False) -> str:
    """A restic pattern that matches exactly this path: glob characters lose their meaning.

    On Windows the backslash separates folders and escapes nothing; the one glob character that a name can hold there
    is the bracket.
    """
    if windows:
        return path.replace("[", "[[]")
    return re.sub(r"([\\*?\[])", r"\\\1", path)


def file_line(pattern: str) -> str:
    """A pattern as a line of a file of them, where restic fills variables in and cuts white space off the end.

    A line break, which cannot stand there, becomes what stands for any character.
    """
    line = re.sub(r"[\r\n]", "?", pattern.replace("$", "$$"))
    return f"{line[:-1]}[{line[-1]}]" if line[-1:].isspace() else line


def unquoted(name: str) -> str:
    """A name as restic's trees store it (quoted as Go does), with its real bytes as `os.fsdecode` would give them."""
    return b"".join(map(_piece, _QUOTED.finditer(name))).decode("utf-8", "surrogateescape")


def _piece(found: re.Match[str]) -> bytes:
    byte, short, long, escape, plain = found.groups()
    if byte:
        return bytes([int(byte, 16)])
    if short or long:
        return chr(int(short or long, 16)).encode("utf-8", "surrogatepass")
    if escape:
        return _ESCAPES.get(escape, escape.encode())
    return plain.encode("utf-8", "surrogateescape")


def shown(name: str) -> str:
    """A real name as restic's JSON shows it: each byte that is not UTF-8 becomes U+FFFD."""
    return _STRAY_BYTE.sub("\ufffd", name)


def is_unclear(path: str) -> bool:
    """Whether a path that restic showed may stand for several real ones."""
    return "\ufffd" in path


def stored_path(path: str) -> str:
    """Where an absolute path of any system stands in a snapshot: restic makes a folder of a Windows drive."""
    if path.startswith("/"):
        return path
    drive, _, rest = path.partition(":")
    return f"/{drive}{rest}".replace("\\", "/").rstrip("/")
