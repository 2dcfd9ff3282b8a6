"""What a server is asked and told while one database takes another's place: the tables, and the mark that goes along.

A database of MySQL or MariaDB has no number, and cannot be renamed; its tables can, all in one statement. A table of
ours, the mark, goes along in that statement: where it stands tells whether it was carried out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from app.tools.mysql.facts import Client
from app.tools.mysql.load import literal, quoted

MOVABLE = ("BASE TABLE", "SEQUENCE", "SYSTEM VERSIONED")
"""The kinds of tables that are renamed; views are made anew."""

WAITS = 2
"""Seconds that a statement waits for a table that somebody uses, before those are ended and it is tried again."""

HELD = "overwinter: held"


class Mark(msgspec.Struct, frozen=True):
    """A table of ours by its name, with a number that is one run's."""

    name: str
    number: int

    @property
    def comment(self) -> str:
        """What says that it is ours."""
        return f"Overwinter {self.number}"


class Found(msgspec.Struct, frozen=True):
    """A database as it stands: whether it is there, whether it has the mark, and all its tables but that."""

    exists: bool
    marked: bool
    tables: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether it is there and holds nothing."""
        return self.exists and not self.marked and not self.tables


def guarded(key: str, statements: str) -> str:
    """Statements that are run only when no other session of the run is at work; else there is an error `HELD`."""
    take = f"GET_LOCK({literal(key)}, {WAITS})"
    return (
        f"SET SESSION lock_wait_timeout = {WAITS}, sql_mode = '';\n"
        f"SET @held = IF({take} = 1, 'DO 0', '{HELD}');\nPREPARE held FROM @held;\nEXECUTE held;\n{statements}\n"
    )


def end_holder(key: str) -> str:
    """Asks for the statement that ends who holds the run's lock; no line where nobody does."""
    lock = literal(key)
    return f"SELECT CONCAT('KILL ', IS_USED_LOCK({lock})) FROM DUAL WHERE IS_USED_LOCK({lock}) IS NOT NULL;"


# --- the databases ---------------------------------------------------------------------------------------------------


async def look(client: Client, mark: Mark, *names: str) -> list[Found]:
    """How these databases stand, seen in one session."""
    lines = await client.ask("".join(_looking(number, name) for number, name in enumerate(names)))
    rows = [line.split("\t") for line in lines if line]
    return [_found(mark, [row[1:] for row in rows if row[0] == str(number)]) for number in range(len(names))]


async def find(client: Client, mark: Mark) -> str | None:
    """The database that the mark stands in, wherever that is; None: in none, or in more than one."""
    lines = await client.ask(
        "SELECT HEX(TABLE_SCHEMA) FROM information_schema.TABLES"
        f" WHERE TABLE_NAME = {literal(mark.name)} AND TABLE_COMMENT = {literal(mark.comment)};"
    )
    return _text(lines[0]) if len(lines) == 1 else None


def _looking(number: int, name: str) -> str:
    """By equality: only so the server does not look through all databases."""
    kinds = ", ".join(f"'{kind}'" for kind in MOVABLE)
    return (
        f"SELECT {number}, 'schema', '', '' FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {literal(name)};\n"
        f"SELECT {number}, 'table', HEX(TABLE_NAME), HEX(TABLE_COMMENT) FROM information_schema.TABLES"
        f" WHERE TABLE_SCHEMA = {literal(name)} AND TABLE_TYPE IN ({kinds}) ORDER BY TABLE_NAME;\n"
    )


def _found(mark: Mark, rows: Sequence[Sequence[str]]) -> Found:
    tables = [(_text(row[1]), _text(row[2])) for row in rows if row[0] == "table"]
    marked = (mark.name, mark.comment) in tables
    others = tuple(name for name, comment in tables if (name, comment) != (mark.name, mark.comment))
    return Found(any(row[0] == "schema" for row in rows), marked, others)


def _text(hexadecimal: str) -> str:
    return bytes.fromhex(hexadecimal).decode("utf-8", "replace")


def make_database(name: str, character_set: str, collation: str) -> str:
    """Makes it where it is not there."""
    return f"CREATE DATABASE IF NOT EXISTS {quoted(name)} CHARACTER SET {character_set} COLLATE {collation};\n"


def rename(moves: Iterable[tuple[str, str, str]]) -> str:
    """One statement that moves each table from a database to another; it is done wholly or not at all."""
    said = ",\n".join(f"{quoted(old)}.{quoted(table)} TO {quoted(new)}.{quoted(table)}" for table, old, new in moves)
    return f"RENAME TABLE {said};\n"


def rename_table(name: str, table: str, new: str) -> str:
    """Gives one table another name."""
    return f"RENAME TABLE {quoted(name)}.{quoted(table)} TO {quoted(name)}.{quoted(new)};\n"


def drop_database(name: str, tables: Sequence[str]) -> str:
    """Its tables first, and with them all but the mark: what is left of a half of it is still known to be ours."""
    gone = "".join(f"DROP TABLE IF EXISTS {quoted(name)}.{quoted(table)};\n" for table in tables)
    return f"SET SESSION foreign_key_checks = 0;\n{gone}DROP DATABASE IF EXISTS {quoted(name)};\n"


# --- the mark --------------------------------------------------------------------------------------------------------


def make_mark(name: str, mark: Mark) -> str:
    """Makes it in that database, with room for what is written on it."""
    return (
        f"CREATE TABLE {quoted(name)}.{quoted(mark.name)} (name varbinary(190) PRIMARY KEY, content longblob)"
        f" ENGINE = InnoDB COMMENT '{mark.comment}';\n"
    )


def write_on(name: str, mark: Mark, key: str, content: bytes) -> str:
    """Writes something on it."""
    value = f"0x{content.hex()}" if content else "''"
    return f"REPLACE INTO {quoted(name)}.{quoted(mark.name)} VALUES ({literal(key)}, {value});\n"


def wipe_off(name: str, mark: Mark, key: str) -> str:
    """Takes it away again."""
    return f"DELETE FROM {quoted(name)}.{quoted(mark.name)} WHERE name = {literal(key)};\n"


async def read_on(client: Client, name: str, mark: Mark, key: str) -> bytes | None:
    """What is written there; None: nothing."""
    asked = f"SELECT HEX(content) FROM {quoted(name)}.{quoted(mark.name)} WHERE name = {literal(key)};"
    lines = await client.ask(asked)
    return bytes.fromhex(lines[0]) if lines else None


# --- the programs ----------------------------------------------------------------------------------------------------

_PROGRAMS = """
SELECT 'EVENT', HEX(EVENT_NAME) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {name};
SELECT 'TRIGGER', HEX(TRIGGER_NAME) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {name};
SELECT 'VIEW', HEX(TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name} AND TABLE_TYPE = 'VIEW';
SELECT ROUTINE_TYPE, HEX(ROUTINE_NAME) FROM information_schema.ROUTINES
 WHERE ROUTINE_SCHEMA = {name} AND ROUTINE_TYPE <> 'PACKAGE BODY';
"""


class Program(msgspec.Struct, frozen=True):
    """A trigger, view, routine or event."""

    kind: str
    name: str


async def read_programs(client: Client, name: str) -> list[Program]:
    """Those of a database; events first, which run by themselves."""
    lines = await client.ask(_PROGRAMS.format(name=literal(name)))
    rows = [line.split("\t") for line in lines if line]
    return [Program(kind, _text(hexadecimal)) for kind, hexadecimal in rows]


def drop_programs(name: str, programs: Iterable[Program]) -> str:
    """Removes them."""
    return "".join(f"DROP {one.kind} IF EXISTS {quoted(name)}.{quoted(one.name)};\n" for one in programs)
