"""Who uses a database of MySQL or MariaDB, and how they are kept out: locked, and their sessions ended.

Neither server can close one database: an account is locked for all of them, and only who has no rights on everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from app.foundation.errors import UserError
from app.tools.mysql.errors import number_in
from app.tools.mysql.facts import Client
from app.tools.mysql.load import literal, quoted
from app.tools.mysql.programs import Flavour, flavour_of, series

LOCKS_SINCE = {Flavour.MARIADB: (10, 4), Flavour.MYSQL: (5, 7)}
"""The first series that can lock accounts."""

_NOBODYS = ("system user", "event_scheduler")
_GONE = 1094


class Account(msgspec.Struct, frozen=True, order=True):
    """An account by its user and the host that it is for."""

    user: str
    host: str

    def __str__(self) -> str:
        """As the servers write it."""
        return f"{quoted(self.user)}@{quoted(self.host)}"


class Users(msgspec.Struct, frozen=True):
    """Who may use a database by rights on it, but for `own`'s user; those that are `locked` already among them.

    `public` says that everybody may; `sessions` are those in it now, by user, this one's excepted.
    """

    accounts: tuple[Account, ...]
    locked: frozenset[Account]
    public: bool
    sessions: tuple[str, ...]

    @property
    def to_lock(self) -> tuple[Account, ...]:
        """Those that are open."""
        return tuple(account for account in self.accounts if account not in self.locked)

    @property
    def uncontrolled(self) -> tuple[str, ...]:
        """Users who are in it now, and are not among those that can be locked."""
        return tuple(sorted(set(self.sessions) - {account.user for account in self.accounts}))


_GRANTED = """
SELECT 'granted', HEX(User), HEX(Host) FROM mysql.db WHERE {name} LIKE Db;
SELECT 'granted', HEX(User), HEX(Host) FROM mysql.tables_priv WHERE Db IN ({names});
SELECT 'granted', HEX(User), HEX(Host) FROM mysql.columns_priv WHERE Db IN ({names});
SELECT 'granted', HEX(User), HEX(Host) FROM mysql.procs_priv WHERE Db IN ({names});
SELECT 'session', HEX(USER), '' FROM information_schema.PROCESSLIST WHERE DB = {name} AND ID <> CONNECTION_ID();
SELECT 'own', HEX(SUBSTRING_INDEX(USER(), '@', 1)), '';
"""
_MARIADB = """
SELECT 'account', HEX(User), HEX(Host), COALESCE(JSON_VALUE(Priv, '$.account_locked'), 0) FROM mysql.global_priv
 WHERE COALESCE(JSON_VALUE(Priv, '$.is_role'), 0) = 0;
SELECT 'member', HEX(User), HEX(Host), HEX(Role), '' FROM mysql.roles_mapping;
"""
_MYSQL = """
SELECT 'account', HEX(User), HEX(Host), account_locked = 'Y' FROM mysql.user;
SELECT 'member', HEX(TO_USER), HEX(TO_HOST), HEX(FROM_USER), HEX(FROM_HOST) FROM mysql.role_edges;
"""


async def read_users(client: Client, name: str, version: str) -> Users | None:
    """Who uses the database of that name; None where this account may not know it."""
    more = _MARIADB if flavour_of(version) is Flavour.MARIADB else _MYSQL
    lines = await client.ask_if_allowed(_GRANTED.format(name=literal(name), names=as_granted(name)) + more)
    return None if lines is None else _users([line.split("\t") for line in lines if line])


def as_granted(name: str) -> str:
    """The names that a database may have in the tables of single grants: MariaDB takes the bytes of a name for latin1
    when it writes some of them (measured, 10.11.19)."""
    mangled = f"CONVERT(_latin1 0x{name.encode().hex()} USING utf8mb4)"
    return literal(name) if name.isascii() else f"{literal(name)}, {mangled}"


def _users(rows: Sequence[Sequence[str]]) -> Users:
    def of(kind: str) -> list[tuple[str, ...]]:
        return [tuple(map(_text, row[1:3])) for row in rows if row[0] == kind]

    own = of("own")[0][0]
    granted = {Account(user, host) for user, host in of("granted")}
    members = [(Account(*map(_text, row[1:3])), Account(*map(_text, row[3:5]))) for row in rows if row[0] == "member"]
    reached = _with_members(granted, members)
    known = {Account(*map(_text, row[1:3])): row[3] in ("1", "true") for row in rows if row[0] == "account"}
    accounts = tuple(sorted(account for account in reached & known.keys() if account.user != own))
    return Users(
        accounts,
        frozenset(account for account in accounts if known[account]),
        any(account.user == "PUBLIC" and not account.host for account in granted),
        tuple(user for user, _ in of("session") if user not in _NOBODYS),
    )


def _with_members(granted: Collection[Account], members: Iterable[tuple[Account, Account]]) -> set[Account]:
    """And who has been granted a role that has it, or a role of such a role."""
    reached, pairs = set(granted), list(members)
    while new := {member for member, role in pairs if role in reached} - reached:
        reached |= new
    return reached


def _text(hexadecimal: str) -> str:
    return bytes.fromhex(hexadecimal).decode("utf-8", "replace")


def can_lock(version: str) -> bool:
    """Whether a server of that version can lock accounts."""
    return series(version) >= LOCKS_SINCE[flavour_of(version)]


def lock(accounts: Iterable[Account], *, locked: bool) -> str:
    """Locks them, or unlocks them; who is in stays in."""
    word = "LOCK" if locked else "UNLOCK"
    return "".join(f"ALTER USER IF EXISTS {account} ACCOUNT {word};\n" for account in accounts)


async def read_locks(client: Client, accounts: Collection[Account], version: str) -> dict[Account, bool]:
    """Which of them there are, and whether they are locked."""
    lines = await client.ask(_MARIADB if flavour_of(version) is Flavour.MARIADB else _MYSQL)
    rows = [line.split("\t") for line in lines if line.startswith("account\t")]
    found = {Account(_text(row[1]), _text(row[2])): row[3] in ("1", "true") for row in rows}
    return {account: found[account] for account in accounts if account in found}


# --- sessions --------------------------------------------------------------------------------------------------------


async def read_sessions(client: Client, name: str) -> list[str]:
    """Whose sessions are in that database, as far as this account may see them."""
    return await client.ask(
        f"SELECT USER FROM information_schema.PROCESSLIST WHERE DB = {literal(name)} AND ID <> CONNECTION_ID();"
    )


async def end_sessions(client: Client, names: Sequence[str], accounts: Iterable[Account]) -> list[str]:
    """Ends the sessions in these databases, and those of these accounts' users; gives whose there were.

    A thread of the server's own is nobody's. One that has gone by itself meanwhile is no error.
    """
    databases = [f"DB = {literal(name)}" for name in names]
    users = [f"USER = {literal(user)}" for user in sorted({account.user for account in accounts})]
    nobodys = ", ".join(f"'{name}'" for name in _NOBODYS)
    rows = await client.ask(
        "SELECT ID, CONCAT(USER, ' (', COMMAND, ')') FROM information_schema.PROCESSLIST"
        f" WHERE ID <> CONNECTION_ID() AND USER NOT IN ({nobodys}) AND ({' OR '.join([*databases, *users])});"
    )
    found = [row.partition("\t") for row in rows if row]
    for number, _, _ in found:
        await _end(client, number)
    return [who for _, _, who in found]


async def _end(client: Client, number: str) -> None:
    try:
        await client.ask(f"KILL {int(number)};")
    except UserError as error:
        if number_in(error.problem.detail) != _GONE:
            raise
