"""Everything below a folder of a server, told by find and stat there."""

from __future__ import annotations

import stat as modes
from decimal import Decimal

from app.hosts.host import Below, Command, FileKind, FileStat
from app.hosts.ssh.script import decoded

_KINDS = {modes.S_IFREG: FileKind.FILE, modes.S_IFDIR: FileKind.FOLDER, modes.S_IFLNK: FileKind.LINK}
_LETTERS = {b"f": FileKind.FILE, b"d": FileKind.FOLDER, b"l": FileKind.LINK}

# GNU's find says it all by itself. Elsewhere stat is asked (busybox, then BSD and macOS), whose mode is in hexadecimal
# with the kind of file in it. A name may hold anything but NUL, so that ends each.
_WALK = """\
LC_ALL=C;export LC_ALL;cd -- "$1"||exit
if find . -maxdepth 0 -printf '' 2>/dev/null;then
exec find . -mindepth 1 -printf '%y %s %T@ %U %G %i %D %m %P\\0';fi
find . ! -name . -exec sh -c 'for f do
s=$(stat -c "- %s %Y %u %g %i %d %f" -- "$f" 2>/dev/null)||s=$(stat -f "- %z %Fm %u %g %i %d %Xp" -- "$f")||exit
printf "%s %s\\0" "$s" "${f#./}";done' sh {} +
"""


def walk_command(folder: str) -> Command:
    """Walks; what it prints is for `Walk`."""
    return Command("/bin/sh", ("-c", _WALK, "sh", folder))


class Walk:
    """Makes entries of what the command prints, piece by piece."""

    def __init__(self) -> None:
        self._begun = b""

    def entries(self, piece: bytes) -> list[Below]:
        """Those that this piece ends."""
        *whole, self._begun = (self._begun + piece).split(b"\0")
        return [_entry(said) for said in whole]

    @property
    def whole(self) -> bool:
        """Whether it ended with an entry's end."""
        return not self._begun


def _entry(said: bytes) -> Below:
    letter, size, time, uid, gid, inode, device, mode, path = said.split(b" ", 8)
    bits = int(mode, 16) if letter == b"-" else int(mode, 8)
    kind = _KINDS.get(modes.S_IFMT(bits)) if letter == b"-" else _LETTERS.get(letter)
    modified = int(Decimal(time.decode("ascii")) * 10**9)
    numbers = (int(number) for number in (uid, gid, inode, device))
    return Below(decoded(path), FileStat(kind or FileKind.OTHER, int(size), modified, modes.S_IMODE(bits), *numbers))
