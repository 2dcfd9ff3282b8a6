"""Commands of a POSIX shell that a person types from paper: short lines, plain characters, whatever is in them.

What does not fit into its line, and what is not plain ASCII, is put into a variable first, piece by piece.
"""

from __future__ import annotations

import shlex
import string

from app.settings.check_characters import LONGEST_TEXT, is_typeable

_AS_IS = frozenset(string.ascii_letters + string.digits + '/.,:;=@^_+~-()[]{}<>|&#!?*$"` ') - frozenset("%\\'")


class Typed:
    """Collects lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def assign(self, name: str, value: str, *, export: bool = False) -> None:
        """Lines that give a variable this value, of whatever characters and length."""
        if is_typeable(value) and len(whole := f"{name}={shlex.quote(value)}") + len("export ") <= LONGEST_TEXT:
            self.lines.append(f"export {whole}" if export else whole)
            return
        if is_typeable(value):
            self._pieces(name, value)
        else:
            self._octal(name, value)
        if export:
            self.lines.append(f"export {name}")

    def add(self, command: str, **values: str) -> None:
        """A command with its `{values}`, each one word or part of one; those that do not fit go into variables."""
        words = {name: shlex.quote(value) if is_typeable(value) else "" for name, value in values.items()}
        for name in sorted(values, key=lambda each: (words[each] != "", -len(values[each]))):
            if words[name] and len(command.format(**words)) <= LONGEST_TEXT:
                break
            self.assign(name, values[name])
            words[name] = f'"${name}"'
        self.lines.append(command.format(**words))

    def _pieces(self, name: str, value: str) -> None:
        """The value in as many lines as it takes."""
        begin = ""
        while value:
            length = min(len(value), LONGEST_TEXT)
            while len(line := f"{name}={begin}{shlex.quote(value[:length])}") > LONGEST_TEXT:
                length -= 1
            self.lines.append(line)
            value, begin = value[length:], f'"${name}"'

    def _octal(self, name: str, value: str) -> None:
        """By printf, which knows every byte; the _ keeps a line break at the end, which a shell would drop."""
        begin, rest = "", [_printf(byte) for byte in value.encode("utf-8", "surrogateescape")]
        room = LONGEST_TEXT - len(f"{name}=\"${name}\"$(printf '_')")
        while rest:
            piece = ""
            while rest and len(piece) + len(rest[0]) <= room:
                piece += rest.pop(0)
            self.lines.append(f"{name}={begin}$(printf '{piece}_')")
            self.lines.append(f"{name}=${{{name}%_}}")
            begin = f'"${name}"'


def _printf(byte: int) -> str:
    character = chr(byte)
    return character if character in _AS_IS and character != " " else f"\\{byte:03o}"
