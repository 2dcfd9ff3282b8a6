"""What the client is told to do to prove a dump, and whether what it complains of is the dump's fault."""

from __future__ import annotations

import re

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Finished
from app.tools.found import ToolFound
from app.tools.mysql.errors import from_words, number_in
from app.tools.mysql.server import Server

DUMP_DAMAGED = "mysql.dump-damaged"

LONGEST_HEAD = 4096
"""Bytes that hold the comments at the beginning of a dump."""

_NAMED = re.compile(rb"^-- Host: .*?\s{2,}Database: (.*)$", re.MULTILINE)

# A statement that cannot be read, a text without its end, a row that cannot have been in a sound table.
_DATA = frozenset(
    {1022, 1048, 1054, 1062, 1064, 1136, 1215, 1216, 1217, 1264, 1265, 1292, 1366, 1406, 1451, 1452, 3819}
)


def database_in(head: bytes) -> str | None:
    """The name of the database that was dumped, as the dump's beginning says it; None when it does not."""
    found = _NAMED.search(head)
    return None if found is None else found[1].decode("utf-8", "replace").strip()


def restore_command(program: ToolFound, server: Server, option_file: str) -> Command:
    """Reads a dump from standard input into the database; stops at the first error."""
    arguments = (
        f"--defaults-file={option_file}",
        *server.arguments(),
        "--default-character-set=utf8mb4",
        "--max-allowed-packet=1G",
        "--batch",
        f"--database={server.database}",
    )
    return Command(program.path, arguments, environment={"LC_ALL": "C", "MYSQL_TEST_LOGIN_FILE": f"{option_file}.none"})


def restore_failed(server: Server, finished: Finished) -> UserError:
    """What a client that failed means: `mysql.dump-damaged` where the dump is not as it should be, any other code where
    this server or this program could not take it.
    """
    said = finished.stderr.decode("utf-8", "replace").strip()
    if number_in(said) in _DATA:
        return UserError(
            text("The database server refused the dump: {said}", said=said.partition("\n")[0]),
            text("The database cannot be brought back from it as it was."),
            text("Use another recovery point, and make a new backup."),
            DUMP_DAMAGED,
            said,
        )
    return from_words(server, said) or UserError(
        text("The dump could not be read in: {said}", said=said.partition("\n")[0] or f"exit code {finished.code}"),
        text("That may be the dump's fault or the throwaway server's."),
        text("Read below what was said, and put that right."),
        "mysql.restore-failed",
        said,
    )
