"""What the refusals of MySQL and MariaDB mean for the person and the data.

Their programs say the server's error number with every message, in whatever language the words are: the number
decides. What is not recognised is shown as it was said.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.tools.mysql.server import Server

Explained = Callable[[Server, str], UserError]

_NUMBER = re.compile(r"^[^\n]*?(?:ERROR|Error:|Error) (\d{4,5})\b|\((\d{4,5})\)$", re.MULTILINE | re.IGNORECASE)
_GOT = re.compile(r"Got error: (\d{4,5}):")
_NO_RIGHTS_IN_WORDS = re.compile(r"has insufficient privileges to|access denied", re.IGNORECASE)
_OPTION_IN_WORDS = re.compile(r"unknown (option|variable)", re.IGNORECASE)
_CHANGING_IN_WORDS = re.compile(r"error in field count for table", re.IGNORECASE)


def from_words(server: Server, said: str) -> UserError | None:
    """The error in what one of the programs said; None when it is none that is known here."""
    number = number_in(said)
    if number in _BY_NUMBER:
        return _BY_NUMBER[number](server, said)
    if _NO_RIGHTS_IN_WORDS.search(said):
        return _no_rights(server, said)
    if _CHANGING_IN_WORDS.search(said):  # MySQL's, of a column that came or went meanwhile
        return _changing(server, said)
    return _option_unknown(server, said) if _OPTION_IN_WORDS.search(said) else None


def number_in(said: str) -> int:
    """The number of the error that was said, 0 when there is none."""
    found = _GOT.search(said) or _NUMBER.search(said)
    return int(next(filter(None, found.groups()))) if found is not None else 0


def failed(server: Server, said: str) -> UserError:
    """A refusal that is not known here."""
    return _error(
        "mysql.failed",
        text("The database server at {server} refused: {said}", server=server.server, said=said.partition("\n")[0]),
        text("Read below what it said, and put that right."),
        said,
    )


def _error(code: str, what: Text, next_step: Text, said: str, means: Text | None = None) -> UserError:
    return UserError(
        what, means or text("This database is not in the backup; it was not changed."), next_step, code, said
    )


# --- who may log in --------------------------------------------------------------------------------------------------


def _denied(server: Server, said: str) -> UserError:
    if re.search(r"using password: NO", said):
        return _error(
            "mysql.password-missing",
            text("The database server wants a password for {user}, and none is stored.", user=server.user),
            text("Store the password of this database account."),
            said,
        )
    return _error(
        "mysql.password-wrong",
        text("The database server refused {user} with the stored password.", user=server.user),
        text("Store the right password of this account, or correct its name in the site's settings."),
        said,
    )


def _not_allowed(server: Server, said: str) -> UserError:
    return _error(
        "mysql.not-allowed",
        text("The database server does not let {user} in from that host.", user=server.user),
        text("Create the account for the host that the backup runs on."),
        said,
    )


def _login_unknown(server: Server, said: str) -> UserError:
    return _error(
        "mysql.login-unknown",
        text("The client program cannot log in the way that the server wants of {user}.", user=server.user),
        text("Install the client programs of the server's own maker and version (MariaDB's, or MySQL's)."),
        said,
    )


def _encryption(server: Server, said: str) -> UserError:
    return _error(
        "mysql.encryption",
        text("No encrypted connection to the database server at {server} could be made.", server=server.server),
        text("Check the server's certificate, or use its socket where it is on the same host."),
        said,
    )


def _database_missing(server: Server, said: str) -> UserError:
    return _error(
        "mysql.database-missing",
        text("There is no database {database} on {server}.", database=server.database, server=server.server),
        text("Correct the database's name in the site's settings."),
        said,
    )


def _no_rights(server: Server, said: str) -> UserError:
    return _error(
        "mysql.no-rights",
        text("{user} may not read everything in {database}.", user=server.user, database=server.database),
        text("Grant this account what the message below says, or use an account that may read everything."),
        said,
        INCOMPLETE,
    )


# --- whether the server is there -------------------------------------------------------------------------------------


def _server_down(server: Server, said: str) -> UserError:
    return _error(
        "mysql.server-down",
        text("No database server answers at {server}, port {port}.", server=server.server, port=server.port),
        text("Start MariaDB or MySQL there, or correct the server and port in the site's settings."),
        said,
    )


def _not_mysql(server: Server, said: str) -> UserError:
    return _error(
        "mysql.not-mysql",
        text("What answers at {server}, port {port} is not MySQL.", server=server.server, port=server.port),
        text("Correct the server and port in the site's settings."),
        said,
    )


def _too_many_connections(server: Server, said: str) -> UserError:
    return _error(
        "mysql.too-many-connections",
        text("The database server at {server} has no connection left.", server=server.server),
        text("Close connections that are not needed, or raise max_connections (or the account's own limit)."),
        said,
    )


def _connection_lost(server: Server, said: str) -> UserError:
    if re.search(r"reading initial communication packet", said):
        return _not_mysql(server, said)
    return _error(
        "mysql.connection-lost",
        text("The connection to the database server at {server} was lost.", server=server.server),
        text("See in the server's log whether it was restarted or the connection was ended, then try again."),
        said,
    )


# --- what happens while a dump runs ----------------------------------------------------------------------------------


def _changing(server: Server, said: str) -> UserError:
    return _error(
        "mysql.changing",
        text("A table of {database} changed its shape while it was dumped.", database=server.database),
        text("Wait until the migration or maintenance on it has ended, then try again."),
        said,
    )


def _locked(server: Server, said: str) -> UserError:
    return _error(
        "mysql.locked",
        text("A table of {database} stayed locked by somebody who changes it.", database=server.database),
        text("Wait until the migration or maintenance on it has ended, then try again."),
        said,
    )


def _view_broken(server: Server, said: str) -> UserError:
    return _error(
        "mysql.view-broken",
        text("A view of {database} cannot be used: what it refers to is not there.", database=server.database),
        text("Drop or repair the view that is named below, then try again."),
        said,
        STOPS_AT_VIEW,
    )


def _definer_missing(server: Server, said: str) -> UserError:
    return _error(
        "mysql.definer-missing",
        text("A view of {database} runs as an account that does not exist.", database=server.database),
        text("Create the account that is named below, or make the view anew with another definer, then try again."),
        said,
        STOPS_AT_VIEW,
    )


def _account_unusable(server: Server, said: str) -> UserError:
    return _error(
        "mysql.account-unusable",
        text(
            "An account of the server at {server} is for a host name, which it does not look up.", server=server.server
        ),
        text("Drop the account that is named below, or make it anew for the host's address."),
        said,
        text("The dump programs stop at such an account (skip_name_resolve), so the accounts are not in the backup."),
    )


def _damaged(server: Server, said: str) -> UserError:
    return _error(
        "mysql.damaged",
        text("The database server at {server} reports damaged data in {database}.", **_names(server)),
        text("Stop writing to it and keep its files; restore the newest point that was proven."),
        said,
        text("Part of this database cannot be read any more. Points made before the damage are not affected."),
    )


def _disk_full(server: Server, said: str) -> UserError:
    return _error(
        "mysql.disk-full",
        text("The disk of the database server at {server} is full.", server=server.server),
        text("Free space on the server, then try again."),
        said,
    )


def _row_too_big(server: Server, said: str) -> UserError:
    return _error(
        "mysql.row-too-big",
        text("A row of {database} is larger than the server or its client may send.", database=server.database),
        text("Raise max_allowed_packet in the server's configuration, up to 1 GiB."),
        said,
    )


def _option_unknown(server: Server, said: str) -> UserError:
    return _error(
        "mysql.client-unfit",
        text("The client program for {server} does not know what it was told to do.", server=server.server),
        text("Install the client programs of the server's own version."),
        said,
    )


def _names(server: Server) -> dict[str, str]:
    return {"server": server.server, "database": server.database}


STOPS_AT_VIEW = text(
    "The dump programs stop at such a view, so this database is not in the backup; it was not changed."
)
INCOMPLETE = text("A dump without what it may not read would look whole and not be it, so none was made.")

_BY_NUMBER: dict[int, Explained] = {
    **dict.fromkeys((1045, 1698), _denied),
    **dict.fromkeys((1129, 1130), _not_allowed),
    **dict.fromkeys((1251, 1275, 1524, 1156, 2049, 2054, 2058, 2059, 2061), _login_unknown),
    2026: _encryption,
    1049: _database_missing,
    **dict.fromkeys((1044, 1142, 1143, 1227, 1370, 1345), _no_rights),
    **dict.fromkeys((2002, 2003, 2004, 2005), _server_down),
    **dict.fromkeys((2007, 2012, 2027), _not_mysql),
    **dict.fromkeys((1040, 1203, 1226), _too_many_connections),
    **dict.fromkeys((1053, 1077, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 2006, 2013, 2055), _connection_lost),
    **dict.fromkeys((1146, 1412, 1109, 1305, 1360, 1539), _changing),
    **dict.fromkeys((1205, 1213, 1099, 1223), _locked),
    1356: _view_broken,
    1449: _definer_missing,
    1133: _account_unusable,
    **dict.fromkeys((1030, 1033, 1034, 1035, 1194, 1195, 1712, 1812, 1814, 1815, 1877, 1932), _damaged),
    **dict.fromkeys((1021, 1114), _disk_full),
    **dict.fromkeys((1153, 2020), _row_too_big),
}
