"""What the two kinds of database have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from app.foundation.errors import UserError

WRITING = "overwinter_writing"
"""Execution option of a connection whose next transaction writes; a backend acts on it when the transaction begins."""


class Backend(Protocol):
    """One kind of database: how it is connected to and what its errors mean. Everything here blocks."""

    def engine(self) -> Engine:
        """An engine whose writing transactions come one at a time and whose reading ones cannot write.

        Makes the place for the database where there is none. Raises OSError when that fails.
        """

    def settle(self, engine: Engine) -> None:
        """Sets what the database itself remembers; called when it is known to be ours."""

    def keep_copy(self, version: str) -> None:
        """Keeps a copy of the database of an older `version`, before it is brought up to date."""

    def explain(self, error: BaseException) -> UserError | None:
        """What a driver's error, or an OSError, means to a person; None when it is a defect of the program."""


@contextmanager
def explained(backend: Backend) -> Iterator[None]:
    """Raises the driver's errors as what they mean to a person."""
    try:
        yield
    except Exception as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        meaning = backend.explain(cause)
        if meaning is None:
            raise
        raise meaning from error


@contextmanager
def transaction(engine: Engine, *, writing: bool) -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back on an error."""
    with engine.connect().execution_options(**{WRITING: writing}) as connection, connection.begin():
        yield connection


def is_writing(connection: Connection) -> bool:
    """Whether the transaction that begins on this connection writes."""
    return bool(connection.get_execution_options().get(WRITING))
