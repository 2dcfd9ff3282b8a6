"""What pg_dump and pg_dumpall are told to do, so that each can be started as a child of restic."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg.conninfo import make_conninfo

from app.hosts.host import Command
from app.tools.postgres.server import Server
from app.tools.postgres.snapshot import LOCK_WAIT

COMPLETED = b"\n-- PostgreSQL database cluster dump complete\n--\n"
"""How every file of roles ends that was written to its end, whatever the language of messages is."""


class WrittenRoles:
    """A file of roles that is read again in pieces; `size` is how many bytes of it were taken."""

    def __init__(self) -> None:
        self.size = 0
        self._end = b""

    @property
    def whole(self) -> bool:
        """Whether it ended as only a finished one does."""
        return self._end.rstrip(b"\n").endswith(COMPLETED.rstrip(b"\n"))

    def take(self, piece: bytes) -> None:
        """The next piece."""
        self.size += len(piece)
        self._end = (self._end + piece)[-2 * len(COMPLETED) :]


def dump_command(program: str, server: Server, snapshot: str, password_file: str = "") -> Command:
    """Writes the database as it was in an exported snapshot, in pg_dump's own format, to standard output.

    Not compressed: restic finds what is unchanged only in plain data, and compresses the rest itself.
    `password_file` is the path of a file made by `server.password_file`; "" where the server asks for no password.
    """
    arguments = (
        "--format=custom",
        "--compress=0",
        f"--snapshot={snapshot}",
        # A table that somebody waits to change could block pg_dump behind the lock that the snapshot itself holds.
        f"--lock-wait-timeout={LOCK_WAIT}s",
        "--no-password",
        f"--dbname={server.conninfo()}",
    )
    return Command(program, arguments, environment=environment(password_file))


def globals_command(program: str, server: Server, password_file: str = "", *, with_passwords: bool = True) -> Command:
    """Writes the server's roles, memberships and tablespaces as SQL to standard output.

    Few may read the roles' password hashes (`DatabaseFacts.reads_role_passwords`): superusers and members of
    pg_read_all_data. Without them the restored roles cannot log in before they get new passwords.
    """
    arguments = (
        "--globals-only",
        *(() if with_passwords else ("--no-role-passwords",)),
        # A bare name with "=" in it would be read as a connection string, so it is always given as one.
        f"--database={make_conninfo(dbname=server.database)}",
        f"--lock-wait-timeout={LOCK_WAIT}s",
        "--no-password",
        f"--dbname={server.conninfo()}",
    )
    return Command(program, arguments, environment=environment(password_file))


def environment(password_file: str) -> Mapping[str, str]:
    """What a program of PostgreSQL's gets: messages in English, since they are read by this program too."""
    return {"LC_ALL": "C", **({"PGPASSFILE": password_file} if password_file else {})}
