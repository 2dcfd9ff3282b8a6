"""What a client program of MySQL or MariaDB is told to do to make a database and to load a dump into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from app.hosts.host import Command
from app.tools.found import ToolFound
from app.tools.mysql.facts import CONNECTS_WITHIN, Client, MysqlFacts
from app.tools.mysql.grants import Rights, rights_in
from app.tools.mysql.server import Server

LONGEST_NAME = 64
"""Characters."""

COUNTED_AT_ONCE = 200

ALL_TIMES = " FOR SYSTEM_TIME ALL"

_DEFINES_FOR_OTHERS = ("SUPER", "SET USER", "SET_USER_ID", "SET_ANY_DEFINER")
"""With one of these an account may make what runs as another one."""


class Offers(msgspec.Struct, frozen=True):
    """A server, and what this account may do with a database there. `accounts` is None when it may not know them."""

    version: str
    account: str
    data_folder: str
    exists: bool
    rights: Rights
    accounts: frozenset[str] | None


async def read_offers(client: Client, name: str) -> Offers:
    """Asks the server about a database of that name."""
    lines = await client.ask(
        "SELECT VERSION(); SELECT CURRENT_USER(); SELECT @@datadir;"
        f"SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {literal(name)}; SHOW GRANTS;"
    )
    version, account, folder, count, *grants = lines
    return Offers(version, account, folder, count != "0", rights_in(grants, name), await _accounts(client))


async def _accounts(client: Client) -> frozenset[str] | None:
    lines = await client.ask_if_allowed("SELECT CONCAT(User, '@', Host) FROM mysql.user;")
    return None if lines is None else frozenset(filter(None, lines))


def rights_lacking(offers: Offers, facts: MysqlFacts) -> tuple[str, ...]:
    """The rights on the new database that loading this one takes."""
    needed = ["CREATE", "ALTER", "DROP", "INDEX", "INSERT", "SELECT", "LOCK TABLES", "REFERENCES"]
    kinds = ((facts.views, "CREATE VIEW"), (facts.views, "SHOW VIEW"), (facts.routines, "CREATE ROUTINE"))
    needed += [right for count, right in (*kinds, (facts.triggers, "TRIGGER"), (facts.events, "EVENT")) if count]
    return tuple(right for right in needed if not offers.rights.has(right))


def may_define(offers: Offers, facts: MysqlFacts) -> bool:
    """Whether it may make what runs as another account."""
    everywhere = offers.rights.everywhere
    return not others_of(offers, facts) or bool(everywhere.intersection((*_DEFINES_FOR_OTHERS, "ALL PRIVILEGES")))


def others_of(offers: Offers, facts: MysqlFacts) -> tuple[str, ...]:
    """The accounts that things in the database run as, but for this one."""
    return tuple(definer for definer in facts.definers if definer != offers.account)


def make_statements(name: str, facts: MysqlFacts, mark: str) -> str:
    """Makes an empty database with the recorded character set; the table `mark` says that it is not whole."""
    return (
        f"CREATE DATABASE {quoted(name)} CHARACTER SET {facts.character_set} COLLATE {facts.collation};"
        f"CREATE TABLE {quoted(name)}.{quoted(mark)} (restored_by varchar(32)) COMMENT 'Overwinter: not whole yet';"
    )


def unmark_statements(name: str, mark: str) -> str:
    """Says that it is whole."""
    return f"DROP TABLE {quoted(name)}.{quoted(mark)};"


def is_marked(name: str, mark: str) -> str:
    """Asks how many tables `mark` there are: 1 or 0."""
    return (
        "SELECT COUNT(*) FROM information_schema.TABLES"
        f" WHERE TABLE_SCHEMA = {literal(name)} AND TABLE_NAME = {literal(mark)};"
    )


def drop_statements(name: str) -> str:
    """Removes a database with all in it."""
    return f"DROP DATABASE {quoted(name)};"


def size_statements(name: str) -> str:
    """Asks how many bytes its tables take, as the server guesses."""
    return (
        "SELECT CAST(COALESCE(SUM(COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0)), 0) AS SIGNED)"
        f" FROM information_schema.TABLES WHERE TABLE_SCHEMA = {literal(name)};"
    )


async def count_rows(client: Client, name: str, tables: Sequence[str], versioned: Iterable[str]) -> list[int]:
    """The rows of each table; of one that keeps its history, those of all times."""
    keeping = set(versioned)
    counts: list[int] = []
    for first in range(0, len(tables), COUNTED_AT_ONCE):
        some = tables[first : first + COUNTED_AT_ONCE]
        asked = [f"SELECT COUNT(*) FROM {quoted(table)}{ALL_TIMES if table in keeping else ''};" for table in some]
        counts += [int(line) for line in await client.ask("\n".join(asked), name) if line]
    return counts


def load_command(program: ToolFound, server: Server, dump: str, option_file: str, *, windows: bool = False) -> Command:
    """Loads the dump at that path into the database that `server` names. The first error ends it.

    The dump is the program's input: at an error in a file that is named by `source` it goes on, and ends with 0
    (measured, 10.11.19). Windows has no shell of ours; there what was loaded has to be counted all the more.
    """
    arguments = load_arguments(server, option_file)
    environment = {"LC_ALL": "C"}
    if windows:
        return Command(program.path, (*arguments, f"--execute=source {dump}"), environment=environment)
    return Command("sh", ("-c", _READS_FILE, dump, program.path, *arguments), environment=environment)


def load_arguments(server: Server, option_file: str) -> tuple[str, ...]:
    """What the client is told so that it loads its input into the database that `server` names."""
    return (
        f"--defaults-file={option_file}",
        *server.arguments(),
        f"--connect-timeout={CONNECTS_WITHIN}",
        "--default-character-set=utf8mb4",
        "--max-allowed-packet=1G",
        "--batch",
        f"--database={server.database}",
    )


# Around a program that was made while its database had another collation a dump alters "the" database, and names the
# live one: without the name it is the one that is loaded into.
_READS_FILE = (
    r"""sed 's/^ALTER DATABASE `[^`]*` \(CHARACTER SET [a-z0-9_]* COLLATE [a-z0-9_]* ;\)$/ALTER DATABASE \1/' <"$0" """
    """| "$@" """
)


def quoted(name: str) -> str:
    """A name as SQL has it."""
    escaped = name.replace("`", "``")
    return f"`{escaped}`"


def literal(text: str) -> str:
    """A text as SQL has it, whatever is escaped there."""
    return f"CONVERT(0x{text.encode().hex()} USING utf8mb4)" if text else "''"
