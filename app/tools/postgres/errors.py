"""What PostgreSQL's refusals mean for the person and the data.

A server's messages may be in its own language; while connecting there is nothing else to go by, so those that a
technician meets are known in English and Russian. Afterwards the SQLSTATE decides. What is not recognised is shown as
it was said.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import psycopg

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.tools.postgres.server import Server

Explained = Callable[[Server, str], UserError]


def from_psycopg(error: psycopg.Error | UnicodeDecodeError, server: Server) -> UserError:
    """The error that a psycopg exception stands for."""
    said = str(error).strip()
    if isinstance(error, UnicodeDecodeError):
        return _unreadable_name(server, said)
    state = error.sqlstate or ""
    for begins, explained in _BY_STATE:
        if state.startswith(begins):
            return explained(server, said)
    return from_words(server, said) or _unknown(server, said)


def from_words(server: Server, said: str) -> UserError | None:
    """The error in what a program of PostgreSQL's said; None when it is none that is known here."""
    for pattern, explained in _BY_WORDS:
        if pattern.search(said):
            return explained(server, said)
    return None


def _error(code: str, what: Text, next_step: Text, said: str, means: Text | None = None) -> UserError:
    return UserError(
        what, means or text("This database is not in the backup; it was not changed."), next_step, code, said
    )


# --- who may log in --------------------------------------------------------------------------------------------------


def _password_wrong(server: Server, said: str) -> UserError:
    return _error(
        "postgres.password-wrong",
        text("PostgreSQL refused the password of {user}.", user=server.user),
        text("Store the right password of this database user."),
        said,
    )


def _password_missing(server: Server, said: str) -> UserError:
    return _error(
        "postgres.password-missing",
        text("PostgreSQL wants a password for {user}, and none is stored.", user=server.user),
        text("Store the password of this database user."),
        said,
    )


def _role_missing(server: Server, said: str) -> UserError:
    return _error(
        "postgres.role-missing",
        text("PostgreSQL knows no user {user} who may log in.", user=server.user),
        text("Correct the user in the site's settings, or create that user."),
        said,
    )


def _not_allowed(server: Server, said: str) -> UserError:
    return _error(
        "postgres.not-allowed",
        text("PostgreSQL does not let {user} in from this computer.", user=server.user),
        text("Add a line for this user, database and address to the server's pg_hba.conf, and reload it."),
        said,
    )


def _database_missing(server: Server, said: str) -> UserError:
    return _error(
        "postgres.database-missing",
        text("There is no database {database} on {server}.", database=server.database, server=server.server),
        text("Correct the database's name in the site's settings."),
        said,
    )


def _database_closed(server: Server, said: str) -> UserError:
    return _error(
        "postgres.database-closed",
        text("The database {database} accepts no connections.", database=server.database),
        text(
            "Wait until a restore that works on it has ended, or open it with ALTER DATABASE … ALLOW_CONNECTIONS true."
        ),
        said,
    )


def _no_rights(server: Server, said: str) -> UserError:
    return _error(
        "postgres.no-rights",
        text("{user} may not read everything in {database}.", user=server.user, database=server.database),
        text("Grant pg_read_all_data to this user (and BYPASSRLS where rows are protected), or use the owner."),
        said,
        text("A dump without those tables would look whole and not be it, so none was made."),
    )


# --- whether the server is there -------------------------------------------------------------------------------------


def _server_down(server: Server, said: str) -> UserError:
    return _error(
        "postgres.server-down",
        text("No PostgreSQL answers at {server}, port {port}.", server=server.server, port=server.port),
        text("Start PostgreSQL, or correct the server and port in the site's settings."),
        said,
    )


def _not_ready(server: Server, said: str) -> UserError:
    return _error(
        "postgres.not-ready",
        text("PostgreSQL at {server} is starting, stopping or recovering.", server=server.server),
        text("Wait until it is ready, then try again."),
        said,
    )


def _not_postgresql(server: Server, said: str) -> UserError:
    return _error(
        "postgres.not-postgresql",
        text("What answers at {server}, port {port} is not PostgreSQL.", server=server.server, port=server.port),
        text("Correct the server and port in the site's settings."),
        said,
    )


def _too_many_connections(server: Server, said: str) -> UserError:
    return _error(
        "postgres.too-many-connections",
        text("PostgreSQL at {server} has no connection left.", server=server.server),
        text("Close connections that are not needed, or raise max_connections; a backup needs two."),
        said,
    )


def _connection_lost(server: Server, said: str) -> UserError:
    return _error(
        "postgres.connection-lost",
        text("The connection to PostgreSQL at {server} was lost.", server=server.server),
        text("See in the server's log whether it was restarted or the connection was ended, then try again."),
        said,
    )


# --- what happens while a dump runs ----------------------------------------------------------------------------------


def _locked(server: Server, said: str) -> UserError:
    return _error(
        "postgres.locked",
        text("A table of {database} is being changed and stayed locked.", database=server.database),
        text("Wait until the migration or maintenance on it has ended, then try again."),
        said,
    )


def _changing(server: Server, said: str) -> UserError:
    return _error(
        "postgres.changing",
        text("A table of {database} vanished while the dump began.", database=server.database),
        text("Try again when nobody changes the tables."),
        said,
    )


def _conflict(server: Server, said: str) -> UserError:
    return _error(
        "postgres.recovery-conflict",
        text("The standby at {server} ended the dump to follow its primary.", server=server.server),
        text("Raise max_standby_streaming_delay there, or back the primary up."),
        said,
    )


def _too_many_locks(server: Server, said: str) -> UserError:
    return _error(
        "postgres.too-many-locks",
        text("PostgreSQL at {server} cannot lock all tables of {database} at once.", **_names(server)),
        text("Raise max_locks_per_transaction in its configuration and restart it."),
        said,
    )


def _disk_full(server: Server, said: str) -> UserError:
    return _error(
        "postgres.disk-full",
        text("The disk of PostgreSQL at {server} is full.", server=server.server),
        text("Free space on the server, then try again."),
        said,
    )


def _damaged(server: Server, said: str) -> UserError:
    return _error(
        "postgres.damaged",
        text("PostgreSQL at {server} reports damaged data in {database}.", **_names(server)),
        text("Stop writing to it and keep its files; restore the newest point that was proven."),
        said,
        text("Part of this database cannot be read any more. Points made before the damage are not affected."),
    )


def _older_client(server: Server, said: str) -> UserError:
    return _error(
        "postgres.client-older",
        text("The pg_dump in use is older than PostgreSQL at {server}.", server=server.server),
        text("Install the client programs of the server's version."),
        said,
    )


def _unreadable_name(server: Server, said: str) -> UserError:
    return _error(
        "postgres.name-unreadable",
        text("A name in {database} is not in the encoding that the database claims.", database=server.database),
        text("Rename it to plain letters, or set the right encoding when the database is next restored."),
        said,
    )


def _unknown(server: Server, said: str) -> UserError:
    return _error(
        "postgres.failed",
        text("PostgreSQL at {server} refused: {said}", server=server.server, said=said.partition("\n")[0]),
        text("Read below what it said, and put that right."),
        said,
    )


def _names(server: Server) -> dict[str, str]:
    return {"server": server.server, "database": server.database}


_BY_STATE: tuple[tuple[str, Explained], ...] = (
    ("28P01", _password_wrong),
    ("28", _not_allowed),
    ("3D000", _database_missing),
    ("42501", _no_rights),
    ("53100", _disk_full),
    ("53200", _too_many_locks),
    ("53300", _too_many_connections),
    ("55P03", _locked),
    ("42P01", _changing),
    ("40001", _conflict),
    ("57P03", _not_ready),
    ("57P", _connection_lost),
    ("08", _connection_lost),
    ("XX001", _damaged),
    ("XX002", _damaged),
)


def _said(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_BY_WORDS: tuple[tuple[re.Pattern[str], Explained], ...] = (
    (_said(r"server version mismatch"), _older_client),
    (_said(r"no password supplied"), _password_missing),
    (_said(r"password authentication failed|не прошёл проверку подлинности \(по паролю\)"), _password_wrong),
    (_said(r"no pg_hba\.conf entry|pg_hba\.conf rejects|pg_hba\.conf нет записи"), _not_allowed),
    (_said(r"authentication failed|не прошёл проверку подлинности"), _not_allowed),
    (_said(r"database \".*\" does not exist|база данных \".*\" не существует"), _database_missing),
    (_said(r"not currently accepting connections|не принимает подключения"), _database_closed),
    (_said(r"role \".*\" (does not exist|is not permitted to log in)"), _role_missing),
    (_said(r"роль \".*\" не существует|для роли \".*\" вход запрещён"), _role_missing),
    (
        _said(r"too many (clients|connections)|connection slots are reserved|слишком много (клиентов|подключений)"),
        _too_many_connections,
    ),
    (
        _said(r"database system is (starting|shutting|in recovery|not yet)|система баз данных (запуск|останав)"),
        _not_ready,
    ),
    (_said(r"invalid response to SSL|expected authentication request|received invalid protocol"), _not_postgresql),
    (_said(r"(lock|statement) timeout|could not obtain lock"), _locked),
    (_said(r"row-level security policy|permission denied|нет доступа|запрещён"), _no_rights),
    (_said(r"invalid page in block|could not read block|missing chunk number|data is corrupted"), _damaged),
    (_said(r"out of shared memory"), _too_many_locks),
    (_said(r"conflict with recovery"), _conflict),
    (_said(r"connection refused|failed to resolve|could not translate host|no such file or directory"), _server_down),
    (_said(r"timeout expired|connection timed out|no route to host|network is unreachable"), _server_down),
    (
        _said(r"server closed the connection|connection reset|terminating connection|connection .*lost"),
        _connection_lost,
    ),
)
