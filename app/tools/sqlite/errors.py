"""What SQLite's refusals mean for the person and the data."""

from __future__ import annotations

import re
from collections.abc import Callable

from app.foundation.errors import UserError
from app.foundation.words import Duration, Size, Text, text
from app.tools.sqlite.programs import BUSY_FOR

Explained = Callable[[str, str], UserError]

NOT_TAKEN = text("This database is not in the backup; it was not changed.")


def from_words(database: str, said: str) -> UserError:
    """The error in what a program said that was to copy the database at that path."""
    for pattern, explained in _BY_WORDS:
        if re.search(pattern, said, re.IGNORECASE):
            return explained(database, said)
    return UserError(
        text("SQLite could not copy {database}: {said}", database=database, said=_last_line(said)),
        NOT_TAKEN,
        text("Read below what it said, and put that right."),
        "sqlite.failed",
        said,
    )


def missing(database: str) -> UserError:
    """Nothing stands at the path."""
    return _error(
        "sqlite.missing",
        text("There is no database at {database}.", database=database),
        text("Check that the disk is mounted and the path in the site's settings is right."),
        database,
    )


def no_file(database: str) -> UserError:
    """A folder, a pipe, a device."""
    return _error(
        "sqlite.not-a-file",
        text("What stands at {database} is not a file.", database=database),
        text("Write the path of the database file itself in the site's settings."),
        database,
    )


def empty(database: str) -> UserError:
    """A file without a byte in it: what a program with a wrong path makes."""
    return _error(
        "sqlite.empty",
        text("The database at {database} is an empty file.", database=database),
        text("Check the path in the site's settings; leave the source out until the database is in use."),
        database,
    )


def damaged(database: str, said: str) -> UserError:
    """Pages that do not fit together."""
    return _error(
        "sqlite.damaged",
        text("The database at {database} is damaged.", database=database),
        text("Stop what writes to it and keep the file; restore the newest point that was proven."),
        said,
        text("It was not taken: part of it cannot be read any more. Older points are not affected."),
    )


def no_room(database: str, needed: int, free: int) -> UserError:
    """The copy would not fit."""
    return _error(
        "sqlite.no-room",
        text("A copy of {database} needs {needed}, and {free} are free.", database=database, **_sizes(needed, free)),
        text("Make room on the disk with the temporary files of its host, then try again."),
        database,
    )


def _sizes(needed: int, free: int) -> dict[str, Size]:
    return {"needed": Size(needed), "free": Size(free)}


def _error(code: str, what: Text, next_step: Text, said: str, means: Text = NOT_TAKEN) -> UserError:
    return UserError(what, means, next_step, code, said)


def _busy(database: str, said: str) -> UserError:
    return _error(
        "sqlite.busy",
        text("{database} stayed locked by another program for {time}.", database=database, time=Duration(BUSY_FOR)),
        text("Find the program that keeps it locked and let it finish, then try again."),
        said,
    )


def _not_a_database(database: str, said: str) -> UserError:
    return _error(
        "sqlite.not-a-database",
        text("{database} is not a SQLite database, or it is encrypted.", database=database),
        text("Correct the path in the site's settings; take an encrypted one as a file while nothing writes to it."),
        said,
    )


def _unreadable_schema(database: str, said: str) -> UserError:
    return _error(
        "sqlite.schema-unreadable",
        text("SQLite does not understand the tables of {database}.", database=database),
        text("Install a newer SQLite on that host: a newer one may have made them. Else the file is damaged."),
        said,
    )


def _recovery(database: str, said: str) -> UserError:
    return _error(
        "sqlite.read-only",
        text("{database} cannot be opened where nothing may be written beside it.", database=database),
        text("Let this account write in its folder, or copy the file with its -wal or -journal to another disk."),
        said,
        text("SQLite must write beside such a database to read it right, so it was not taken; it was not changed."),
    )


def _unopenable(database: str, said: str) -> UserError:
    return _error(
        "sqlite.unopenable",
        text("{database} cannot be opened.", database=database),
        text("Let this account read the file, and write in its folder where it is in WAL mode."),
        said,
    )


def _full(database: str, said: str) -> UserError:
    return _error(
        "sqlite.disk-full",
        text("There was no room for the copy of {database}.", database=database),
        text("Make room on the disk with the temporary files of its host, then try again."),
        said,
    )


def _disk(database: str, said: str) -> UserError:
    return _error(
        "sqlite.disk-error",
        text("The disk with {database} could not be read.", database=database),
        text("Look after that disk now: copy what is readable, and replace it."),
        said,
    )


def _last_line(said: str) -> str:
    return said.strip().rpartition("\n")[2]


_BY_WORDS: tuple[tuple[str, Explained], ...] = (
    (r"malformed database schema|unsupported file format", _unreadable_schema),
    (r"disk image is malformed", damaged),
    (r"not a database|file is encrypted", _not_a_database),
    (r"locked|busy", _busy),
    (r"readonly database", _recovery),
    (r"unable to open", _unopenable),
    (r"disk is full", _full),
    (r"disk i/o error", _disk),
)
