"""Where a database is, and how a program gets its password without an argument or a variable that holds it."""

from __future__ import annotations

import msgspec
from psycopg.conninfo import make_conninfo

from app.foundation.errors import Refused
from app.foundation.words import text
from app.hosts.host import Address

CONNECTS_WITHIN = 10
"""Seconds; a server that needs more is treated as down."""


class Server(msgspec.Struct, frozen=True):
    """A database on a server. `server` is a name, an address, or the absolute path of a socket's folder."""

    server: str
    port: int
    user: str
    database: str

    @property
    def address(self) -> Address:
        """Where it listens; a socket's own path has no port."""
        if self.server.startswith("/"):
            return Address(f"{self.server.rstrip('/')}/.s.PGSQL.{self.port}")
        return Address(self.server, self.port)

    def conninfo(self, way: Address | None = None) -> str:
        """How libpq is told, without the password. Dead connections are noticed after two minutes.

        `way` is where it is reached from here, when that is another address than its own.
        """
        at = Address(self.server, self.port) if way is None or way == self.address else way
        return make_conninfo(
            host=at.server,
            port=at.port,
            user=self.user,
            dbname=self.database,
            application_name="overwinter",
            connect_timeout=CONNECTS_WITHIN,
            keepalives_idle=60,
            keepalives_interval=20,
            keepalives_count=3,
        )


def password_file(password: str) -> bytes:
    """The content of a file for `PGPASSFILE` (mode 0600, removed after use): this password, whatever is asked.

    The file serves one program on one server, so it does not name them: libpq compares a socket's folder in two ways,
    which depend on how it was built. Raises `Refused` `postgres.password-unusable`.
    """
    if not password or any(character in password for character in "\r\n\0"):
        raise Refused(
            text("The database password is empty or holds a line break."),
            text("Nothing was done: PostgreSQL's programs read it as one line."),
            text("Give the database user a password of one line, and store it again."),
            "postgres.password-unusable",
        )
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:*:{escaped}\n".encode()
