"""The shared database of a team: PostgreSQL, given by its URL; the password comes separately.

One writer at a time, as in a SQLite file: every writing transaction first takes one advisory lock of the database,
so code above sees the same rules on both. A laptop that falls asleep in a transaction loses it to the server.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import errors
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from app.foundation.errors import Busy, Refused, UserError
from app.foundation.words import Duration, text
from app.store.backend import is_writing

WRITERS_LOCK = 0x6F766572  # any number will do, as long as it never changes
SILENCE = 30  # seconds that a connection may be silent in a transaction, or its network dead, before it is given up
CONNECTS_WITHIN = 10  # seconds


class PostgresDatabase:
    """The database at `url`; a writer waits `patience` seconds for another one."""

    def __init__(self, url: str, password: str, patience: float) -> None:
        self._url = _parsed(url)
        self._password = password
        self._patience = patience

    def engine(self) -> Engine:
        """An engine that asks an idle connection whether it still lives before using it again."""
        engine = create_engine(
            self._url, connect_args=self._connect_arguments(), pool_pre_ping=True, hide_parameters=True
        )
        event.listen(engine, "begin", _on_begin)
        return engine

    def _connect_arguments(self) -> dict[str, Any]:
        settings = {
            "lock_timeout": f"{round(self._patience * 1000)}ms",
            "idle_in_transaction_session_timeout": f"{SILENCE}s",
        }
        arguments: dict[str, Any] = {
            "options": " ".join(f"-c{name}={value}" for name, value in settings.items()),
            "application_name": "overwinter",
            "connect_timeout": CONNECTS_WITHIN,
            "keepalives_idle": SILENCE // 3,
            "keepalives_interval": SILENCE // 6,
            "keepalives_count": 4,
            "tcp_user_timeout": SILENCE * 1000,
        }
        return arguments | ({"password": self._password} if self._password else {})

    def settle(self, engine: Engine) -> None:
        """Nothing: the server's settings are its administrator's."""

    def keep_copy(self, version: str) -> None:
        """Nothing: the change is one transaction, and a team's server has a backup of its own."""

    def explain(self, error: BaseException) -> UserError | None:
        """What the driver's error means; one without a state code came from the connection, not from a statement."""
        detail = str(error)
        match error:
            case errors.LockNotAvailable():
                return self._busy(detail)
            case errors.DiskFull():
                return self._disk_full(detail)
            case errors.InsufficientPrivilege() | errors.InvalidSchemaName() | errors.ReadOnlySqlTransaction():
                return self._read_only(detail)
            case psycopg.OperationalError(sqlstate=None) if "password" in detail:
                return self._wrong_password(detail)
            case psycopg.OperationalError():
                return self._unreachable(detail)
            case _:
                return None

    def _busy(self, detail: str) -> UserError:
        return Busy(
            text("Another computer has kept Overwinter's records locked for {time}.", time=Duration(self._patience)),
            text("Nothing was changed by this attempt."),
            text("Wait until the other Overwinter is done, then try again."),
            "store.busy",
            detail,
        )

    def _disk_full(self, detail: str) -> UserError:
        return UserError(
            text("The disk of the server with Overwinter's records is full ({server}).", server=self._server),
            text("This was not recorded; everything recorded before is kept."),
            text("Have room made on that server, then try again."),
            "store.disk-full",
            detail,
        )

    def _read_only(self, detail: str) -> UserError:
        return UserError(
            text("The user {user} may not write Overwinter's records on {server}.", **self._who_and_where),
            text("Nothing was changed; the records are as they were."),
            text("Have this user made the owner of the database, then try again."),
            "store.read-only",
            detail,
        )

    def _wrong_password(self, detail: str) -> UserError:
        return UserError(
            text("The server {server} does not accept the password of {user}.", **self._who_and_where),
            text("The shared records cannot be read; the backups in your repositories are not touched."),
            text("Enter the password of the shared records again."),
            "store.wrong-password",
            detail,
        )

    def _unreachable(self, detail: str) -> UserError:
        return UserError(
            text("The server with Overwinter's records cannot be reached ({server}).", server=self._server),
            text(
                "Whether the last change was recorded is not known; the backups in your repositories are not touched."
            ),
            text("Check the network and the address of the shared records, then try again."),
            "store.unreachable",
            detail,
        )

    @property
    def _server(self) -> str:
        return self._url.render_as_string()

    @property
    def _who_and_where(self) -> dict[str, str]:
        return {"user": self._url.username or "", "server": self._url.host or ""}


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise _bad_address() from error
    if parsed.password is not None:
        raise Refused(
            text("The address of the shared records contains a password."),
            text("Nothing was opened: an address is shown and logged, a password must not be."),
            text("Take the password out of the address and enter it in its own field."),
            "store.password-in-address",
        )
    if parsed.drivername not in ("postgresql", "postgres"):
        raise _bad_address()
    return parsed.set(drivername="postgresql+psycopg")


def _bad_address() -> UserError:
    return UserError(
        text("The address of the shared records is not one of a PostgreSQL database."),
        text("Nothing was opened."),
        text("Write it as postgresql://user@server/database"),
        "store.bad-address",
    )


def _on_begin(connection: Connection) -> None:
    if is_writing(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
