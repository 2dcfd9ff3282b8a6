"""The built-in database: one SQLite file, used by the window, the command line and timers at the same time.

It is in WAL mode, so readers never wait; a writer takes its lock at once (BEGIN IMMEDIATE) or waits its turn.
Every commit is synced: what was recorded survives a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from app.foundation.errors import Busy, UserError
from app.foundation.words import Duration, text
from app.store.backend import is_writing


class SqliteFile:
    """The database in the file `path`; a writer waits `patience` seconds for another one."""

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path.absolute()
        self._patience = patience

    def engine(self) -> Engine:
        """An engine on the file, which is made (0600, in a 0700 folder) where there is none."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_file(self._path)
        url = URL.create("sqlite", database=str(self._path))
        engine = create_engine(url, connect_args={"timeout": self._patience}, hide_parameters=True)
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
        return engine

    def settle(self, engine: Engine) -> None:
        """WAL mode, which the file remembers.

        While others switch a new file over too, SQLite answers "locked" instead of waiting; so wait for them as
        writers do, and ask again.
        """
        deadline = time.monotonic() + self._patience
        with contextlib.closing(engine.raw_connection()) as connection:
            driver = connection.driver_connection
            while not _switched_to_wal(driver, deadline):
                _wait_for_writers(driver)

    def keep_copy(self, version: str) -> None:
        """Keeps a copy beside the file, named after its version."""
        copy = self._path.with_name(f"{self._path.name}.version-{version}")
        unfinished = copy.with_name(f"{copy.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        _make_file(unfinished)
        with (
            contextlib.closing(sqlite3.connect(self._path)) as live,
            contextlib.closing(sqlite3.connect(unfinished)) as target,
        ):
            live.backup(target)
        unfinished.replace(copy)

    def explain(self, error: BaseException) -> UserError | None:
        """What SQLite's result code, or the system's error, means."""
        detail = f"{type(error).__name__}: {error}"
        if isinstance(error, OSError):
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            return self._disk_full(detail) if full else self._unreachable(detail)
        match _result_code(error):
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
                return self._busy(detail)
            case sqlite3.SQLITE_FULL:
                return self._disk_full(detail)
            case sqlite3.SQLITE_READONLY:
                return self._read_only(detail)
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return self._damaged(detail)
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_IOERR:
                return self._unreachable(detail)
            case _:
                return None

    def _busy(self, detail: str) -> UserError:
        return Busy(
            text("Another program has kept Overwinter's records locked for {time}.", time=Duration(self._patience)),
            text("Nothing was changed by this attempt."),
            text("Wait until the other Overwinter is done, or close it, then try again."),
            "store.busy",
            detail,
        )

    def _disk_full(self, detail: str) -> UserError:
        return UserError(
            text("The disk with Overwinter's records is full ({path}).", path=str(self._path)),
            text("This was not recorded; everything recorded before is kept."),
            text("Make room on that disk, then try again."),
            "store.disk-full",
            detail,
        )

    def _read_only(self, detail: str) -> UserError:
        return UserError(
            text("Overwinter may not write its records ({path}).", path=str(self._path)),
            text("Nothing was changed; the records are as they were."),
            text("Give yourself the right to write this file and its folder, then try again."),
            "store.read-only",
            detail,
        )

    def _damaged(self, detail: str) -> UserError:
        return UserError(
            text("The file with Overwinter's records is damaged ({path}).", path=str(self._path)),
            text("Sites and the history of runs cannot be read; the backups in your repositories are not touched."),
            text("Put back a copy of this file, or move it away to begin with empty records."),
            "store.damaged",
            detail,
        )

    def _unreachable(self, detail: str) -> UserError:
        return UserError(
            text("The file with Overwinter's records cannot be opened ({path}).", path=str(self._path)),
            text("Nothing was changed; the backups in your repositories are not touched."),
            text("Check that its disk is there and that the file and its folder are yours, then try again."),
            "store.unreachable",
            detail,
        )


def _make_file(path: Path) -> None:
    """An empty file, closed to others; one that exists is not even opened, which would drop SQLite's locks on it."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))


def _result_code(error: BaseException) -> int | None:
    """SQLite's primary result code of a driver's error."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _switched_to_wal(driver: Any, deadline: float) -> bool:
    try:
        driver.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        if _result_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
            raise
        return False
    return True


def _wait_for_writers(driver: Any) -> None:
    driver.execute("BEGIN IMMEDIATE")
    driver.execute("ROLLBACK")


def _on_connect(driver: Any, _: object) -> None:
    driver.isolation_level = None  # transactions begin where `_on_begin` says, not where the driver guesses
    driver.execute("PRAGMA foreign_keys=ON")
    driver.execute("PRAGMA synchronous=FULL")


def _on_begin(connection: Connection) -> None:
    writing = is_writing(connection)
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writing else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
