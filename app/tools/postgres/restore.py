"""What pg_restore is told to do to prove a dump, and whether what it complains of is the dump's fault."""

from __future__ import annotations

import re

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Finished
from app.tools.postgres.errors import from_words
from app.tools.postgres.server import Server

DUMP_DAMAGED = "postgres.dump-damaged"
DATA_REFUSED = "postgres.data-refused"

# Owners, grants and the like name roles that a throwaway server does not have, and are no data. Subscriptions and
# publications reach out of the database.
_LEFT_OUT = (
    "--no-owner",
    "--no-privileges",
    "--no-tablespaces",
    "--no-security-labels",
    "--no-publications",
    "--no-subscriptions",
)


def restore_command(program: str, server: Server, password_file: str = "") -> Command:
    """Reads a dump in pg_dump's own format from standard input into an empty database; stops at the first error."""
    arguments = ("--format=custom", "--exit-on-error", *_LEFT_OUT, "--no-password", f"--dbname={server.conninfo()}")
    environment = {"LC_ALL": "C", **({"PGPASSFILE": password_file} if password_file else {})}
    return Command(program, arguments, environment=environment)


# What pg_restore itself says of a file that is not a whole dump.
_DAMAGED = re.compile(
    r"could not read from input file|unexpected end of file|unrecognized data block type|found unexpected block ID"
    r"|could not find block ID|does not appear to be a valid archive|did not find magic string|corrupt|is truncated"
    r"|unexpected (section|data) |could not uncompress|invalid .*(offset|entry ID|dump ID)|unexpected COPY statement"
    r"|bad dumpId|unsupported version \((?!1\.)",
    re.IGNORECASE,
)

# What a server says of rows that cannot have been in the database that was dumped.
_REFUSED = re.compile(
    r"violates|duplicate key|could not create unique index|invalid input syntax|invalid byte sequence"
    r"|missing data for column|extra data after last expected column|value too long|out of range for type"
    r"|null value in column|invalid (input value|hexadecimal|memory alloc)|unexpected EOF on client connection",
    re.IGNORECASE,
)


def restore_failed(server: Server, finished: Finished) -> UserError:
    """What a pg_restore that failed means: `postgres.dump-damaged` and `postgres.data-refused` where the dump is not
    as it should be, any other code where this server or this program could not take it.
    """
    said = finished.stderr.decode("utf-8", "replace").strip()
    if _DAMAGED.search(said) and "could not execute query" not in said:
        return _damaged(said)
    if _REFUSED.search(said):
        return _refused(said)
    return _by_server(said) or from_words(server, said) or _failed(finished, said)


def _by_server(said: str) -> UserError | None:
    for pattern, code in _UNABLE:
        if pattern.search(said):
            return UserError(
                text("The throwaway server could not take the dump: {said}", said=_first_error(said)),
                text("That says nothing about the dump."),
                text("Put right what the server says, or verify where the site's own server is the same."),
                code,
                said,
            )
    return None


_UNABLE = (
    (re.compile(r"extension .* is not available|could not open extension control file"), "postgres.extension-missing"),
    (
        re.compile(r"could not (load|access) (library|file)|must be loaded via shared_preload"),
        "postgres.library-missing",
    ),
    (re.compile(r"must be superuser|permission denied to create|must be owner of"), "postgres.no-rights"),
    (re.compile(r"role \".*\" does not exist"), "postgres.role-missing"),
    (
        re.compile(r"unsupported version .* in file header|unrecognized configuration parameter"),
        "postgres.client-older",
    ),
)


def _damaged(said: str) -> UserError:
    return UserError(
        text("The dump is not whole: {said}", said=_first_error(said)),
        text("The database cannot be brought back from it."),
        text("Use another recovery point, and make a new backup."),
        DUMP_DAMAGED,
        said,
    )


def _refused(said: str) -> UserError:
    return UserError(
        text("PostgreSQL refused rows of the dump: {said}", said=_first_error(said)),
        text("What is in the dump cannot have been in a sound database."),
        text("Read below which rows it is. See whether the same is wrong in the live database."),
        DATA_REFUSED,
        said,
    )


def _failed(finished: Finished, said: str) -> UserError:
    return UserError(
        text("pg_restore failed: {said}", said=_first_error(said) or text("exit code {code}", code=finished.code)),
        text("That may be the dump's fault or the throwaway server's."),
        text("Read below what it said, and put that right."),
        "postgres.restore-failed",
        said,
    )


def _first_error(said: str) -> str:
    """The line that names the reason, without pg_restore's own name."""
    lines = said.splitlines()
    named = next((line for line in lines if "ERROR:" in line), lines[0] if lines else "")
    return named.removeprefix("pg_restore: error: ")
