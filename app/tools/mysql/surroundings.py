"""What is around a live database of MySQL or MariaDB that another one is to take the place of."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from app.tools.mysql.accounts import Account, Users, as_granted, can_lock, read_users
from app.tools.mysql.facts import Client
from app.tools.mysql.grants import Rights, rights_in
from app.tools.mysql.load import literal, quoted
from app.tools.mysql.programs import Flavour, flavour_of

ON_EACH = (
    *("SELECT", "INSERT", "DELETE", "CREATE", "ALTER", "DROP", "INDEX", "REFERENCES", "LOCK TABLES", "TRIGGER"),
    *("EVENT", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE"),
)
"""The rights that it takes on the live database, on the one beside it, and on the one for the old state."""

_ENDS_SESSIONS = {Flavour.MARIADB: ("CONNECTION ADMIN", "SUPER"), Flavour.MYSQL: ("CONNECTION_ADMIN", "SUPER")}


class Granted(msgspec.Struct, frozen=True):
    """A grant on one routine, as a statement that makes it again; `routine` is its kind and its quoted name."""

    routine: str
    statement: str


class Surroundings(msgspec.Struct, frozen=True):
    """The server and the live database.

    `exists` says whether there is one, `versioned` whether tables of it keep their history; `foreign` are foreign keys
    of other databases that lead into it. `users` is None where this account may not know who uses it; `granted` are the
    grants on single routines, None likewise. `rights` are this account's by database: the live one, the one beside it,
    and the one for the old state; `taken` are those of the latter that are there. `grants_on`: it may give rights.
    """

    version: str
    account: str
    identity: str
    data_folder: str
    exists: bool
    versioned: bool
    size: int
    character_set: str
    collation: str
    foreign: tuple[str, ...]
    rights: dict[str, Rights]
    grants_on: bool
    users: Users | None
    granted: tuple[Granted, ...] | None
    accounts: frozenset[Account] | None
    taken: tuple[str, ...]

    def lacking(self, name: str) -> tuple[str, ...]:
        """The rights on a database that this account does not have."""
        return tuple(right for right in ON_EACH if not self.rights[name].has(right))

    def lacking_everywhere(self) -> tuple[str, ...]:
        """Those that it takes to keep accounts out: to lock them, to see their sessions, and to end these."""
        has = next(iter(self.rights.values())).everywhere
        ends = _ENDS_SESSIONS[flavour_of(self.version)]
        needed = ["CREATE USER", "PROCESS", *([] if has & set(ends) else ends[:1])]
        return () if "ALL PRIVILEGES" in has else tuple(right for right in needed if right not in has)

    @property
    def can_lock(self) -> bool:
        """Whether such a server knows how."""
        return can_lock(self.version)


_ABOUT = """
SELECT 'server', HEX(VERSION()), HEX(CURRENT_USER()), HEX(@@datadir);
SELECT 'schema', DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA
 WHERE SCHEMA_NAME = {name};
SELECT 'size', CAST(COALESCE(SUM(COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0)), 0) AS SIGNED)
  FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name};
SELECT 'versioned', COUNT(*) FROM information_schema.TABLES
 WHERE TABLE_SCHEMA = {name} AND TABLE_TYPE = 'SYSTEM VERSIONED';
SELECT 'foreign', HEX(CONCAT(CONSTRAINT_SCHEMA, '.', TABLE_NAME, ' (', CONSTRAINT_NAME, ')'))
  FROM information_schema.REFERENTIAL_CONSTRAINTS
 WHERE UNIQUE_CONSTRAINT_SCHEMA = {name} AND CONSTRAINT_SCHEMA <> {name};
SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid');
SHOW GRANTS;
"""
_TAKEN = "SELECT 'taken', HEX(SCHEMA_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {name};\n"

_GRANTED = """
SELECT HEX(Routine_name), Routine_type, HEX(User), HEX(Host), Proc_priv FROM mysql.procs_priv WHERE Db IN ({names});
"""
# Of tables that this account may not see, too.
_FOREIGN = """
SELECT HEX(CONVERT(CONVERT(CAST(FOR_NAME AS BINARY) USING filename) USING utf8mb4))
  FROM information_schema.INNODB_SYS_FOREIGN
 WHERE CAST(SUBSTRING_INDEX(REF_NAME, '/', 1) AS BINARY) = CAST(CONVERT({name} USING filename) AS BINARY)
   AND SUBSTRING_INDEX(REF_NAME, '/', 1) <> SUBSTRING_INDEX(FOR_NAME, '/', 1);
"""
_ACCOUNTS = "SELECT HEX(User), HEX(Host) FROM mysql.user;"


async def read_surroundings(client: Client, name: str, beside: str, before: str) -> Surroundings:
    """Asks; `beside` and `before` are the names of the one that is staged, and of the one for the old state."""
    asked = _ABOUT + _TAKEN.format(name=literal(beside)) + _TAKEN.format(name=literal(before))
    lines = await client.ask(asked.replace("{name}", literal(name)))
    rows = {line.partition("\t")[0]: line.split("\t")[1:] for line in lines}
    version, account, folder = map(_text, rows["server"])
    grants = [line for line in lines if line.startswith("GRANT ")]
    schema = rows.get("schema", ["", ""])
    return Surroundings(
        version=version,
        account=account,
        identity=(rows.get("server_uuid") or rows.get("server_uid") or [""])[0],
        data_folder=folder,
        exists="schema" in rows,
        versioned=rows["versioned"] != ["0"],
        size=int(rows["size"][0]),
        character_set=schema[0],
        collation=schema[1],
        foreign=tuple(_text(line.split("\t")[1]) for line in lines if line.startswith("foreign\t"))
        or await _foreign(client, name, version),
        rights={one: rights_in(grants, one) for one in (name, beside, before)},
        grants_on=any(line.endswith("WITH GRANT OPTION") for line in grants),
        users=await read_users(client, name, version),
        granted=await _granted(client, name),
        accounts=await _accounts(client),
        taken=tuple(_text(line.split("\t")[1]) for line in lines if line.startswith("taken\t")),
    )


async def _foreign(client: Client, name: str, version: str) -> tuple[str, ...]:
    if flavour_of(version) is not Flavour.MARIADB:
        return ()
    return tuple(map(_text, await client.ask_if_allowed(_FOREIGN.format(name=literal(name))) or ()))


async def _granted(client: Client, name: str) -> tuple[Granted, ...] | None:
    """As statements: with a routine its grants go."""
    lines = await client.ask_if_allowed(_GRANTED.format(names=as_granted(name)))
    return None if lines is None else tuple(_grant(name, line.split("\t")) for line in lines if line)


def _grant(name: str, row: Iterable[str]) -> Granted:
    routine, kind, user, host, rights = row
    given = [right.upper() for right in rights.split(",") if right != "Grant"]
    account = Account(_text(user), _text(host))
    option = " WITH GRANT OPTION" if "Grant" in rights.split(",") else ""
    named = quoted(_text(routine))
    statement = f"GRANT {', '.join(given) or 'USAGE'} ON {kind} {quoted(name)}.{named} TO {account}{option};"
    return Granted(f"{kind} {named}", statement)


async def _accounts(client: Client) -> frozenset[Account] | None:
    lines = await client.ask_if_allowed(_ACCOUNTS)
    if lines is None:
        return None
    return frozenset(Account(_text(user), _text(host)) for user, host in (line.split("\t") for line in lines if line))


def _text(hexadecimal: str) -> str:
    return bytes.fromhex(hexadecimal).decode("utf-8", "replace")
