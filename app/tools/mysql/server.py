"""Where a database is, and how a program gets its password without an argument or a variable that holds it."""

from __future__ import annotations

import msgspec

from app.foundation.errors import Refused
from app.foundation.words import text
from app.settings.paths import is_absolute

SOCKET = "mysqld.sock"
"""What the socket is called in its folder where nobody named it otherwise."""

_UNREADABLE_IN_NAMES = frozenset("'\"\\")


class Server(msgspec.Struct, frozen=True):
    """A database on a server.

    `server` is a name, an address, or the absolute path of a socket or of its folder. `database` is "" where the
    server as a whole is meant.
    """

    server: str
    port: int
    user: str
    database: str = ""

    def arguments(self) -> tuple[str, ...]:
        """How a client program is told, without the password and the database.

        The way is named too: by itself a client takes its own socket for `localhost`, whatever the port.
        """
        user = (f"--user={self.user}",) if self.user else ()
        if is_absolute(self.server):
            return ("--protocol=socket", f"--socket={self.socket}", *user)
        return ("--protocol=tcp", f"--host={self.server}", f"--port={self.port}", *user)

    @property
    def socket(self) -> str:
        """The path of the socket; a folder stands for the socket of the usual name in it."""
        return self.server if self.server.endswith(".sock") else f"{self.server.rstrip('/')}/{SOCKET}"


def option_file(password: str) -> bytes:
    """The content of a file for `--defaults-file` (mode 0600, removed after use); `password` may be "".

    It stands in for all other option files: what a person or the system wrote there (`where`, `ignore-table`, `force`)
    must not decide what is in a backup. Raises `Refused` `mysql.password-unusable`.
    """
    if any(character in password for character in "\r\n\0"):
        raise Refused(
            text("The database password holds a line break."),
            text("Nothing was done: the database's programs read it as one line."),
            text("Give the database account a password of one line, and store it again."),
            "mysql.password-unusable",
        )
    escaped = password.replace("\\", "\\\\").replace('"', '\\"')
    return "\n".join(["[client]", *([f'password="{escaped}"'] if password else []), ""]).encode()


def check_name(database: str) -> None:
    """Raises `Refused` for a name that the dump programs cannot take: they quote it twice (measured, 10.11.19)."""
    if _UNREADABLE_IN_NAMES & set(database):
        raise Refused(
            text("The name of the database {database} holds a quotation mark or a backslash.", database=database),
            text("It is not in the backup: MariaDB's and MySQL's own dump programs fail on such a name."),
            text("Move its tables to a database with a plain name."),
            "mysql.name-unusable",
        )
