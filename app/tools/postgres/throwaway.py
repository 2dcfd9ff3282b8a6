"""A database that is made for a moment and dropped again; it carries a comment that says whose it is. All blocks."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.tools.postgres import making
from app.tools.postgres.facts import DatabaseFacts

TIMESCALE = "timescaledb"
_PROVIDERS_SINCE = 150000
_ALWAYS_THERE = frozenset({"plpgsql"})

_STANDBY = "SELECT pg_catalog.pg_is_in_recovery()"
_MAY_CREATE = "SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
_AVAILABLE = "SELECT name FROM pg_catalog.pg_available_extensions"
_COMMENT = """
    SELECT coalesce(pg_catalog.shobj_description(oid, 'pg_database'), '') FROM pg_catalog.pg_database WHERE datname = %s
"""


def check_able(connection: psycopg.Connection[Any], facts: DatabaseFacts) -> None:
    """Raises `postgres.no-create`, `postgres.standby`, `postgres.extension-missing` where the server cannot take it."""
    if _value(connection, _STANDBY):
        raise _unable(
            "postgres.standby", text("The server is a standby, which takes no writes."), text("Name its primary.")
        )
    if not _value(connection, _MAY_CREATE):
        user = connection.info.user
        raise _unable(
            "postgres.no-create",
            text("{user} may not create databases on the server.", user=user),
            text("Let an administrator run: ALTER ROLE {user} CREATEDB;", user=user),
        )
    available = {name for (name,) in connection.execute(_AVAILABLE).fetchall()} | _ALWAYS_THERE
    missing = [one.name for one in facts.extensions if one.name not in available]
    if missing:
        raise _unable(
            "postgres.extension-missing",
            text("The server does not have the extension {name}.", name=missing[0]),
            text("Install it there: {names}", names=", ".join(missing)),
        )


def exists(connection: psycopg.Connection[Any], name: str) -> bool:
    """Whether there is a database of that name."""
    return _comment(connection, name) is not None


def create(connection: psycopg.Connection[Any], name: str, comment: str, facts: DatabaseFacts) -> None:
    """Makes an empty database like the one that was dumped, closed to others, with the comment."""
    connection.execute(_create(name, facts, connection.info.server_version))
    connection.execute(SQL("COMMENT ON DATABASE {} IS {}").format(Identifier(name), Literal(comment)))
    connection.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(name)))


def drop(connection: psycopg.Connection[Any], name: str, comment: str) -> None:
    """Drops it, whoever is connected to it; one that carries another comment is not ours and stays.

    One without any comment was made a moment before its maker died.
    """
    if _comment(connection, name) in ("", comment):
        making.drop(connection, name)


def make_roles(connection: psycopg.Connection[Any], names: tuple[str, ...]) -> None:
    """Makes roles that may not log in, so that what names them can be made; only for a server of our own."""
    for name in names:
        connection.execute(SQL("CREATE ROLE {}").format(Identifier(name)))


def before_restore(connection: psycopg.Connection[Any], facts: DatabaseFacts) -> None:
    """What TimescaleDB wants done in the empty database before a restore: the same version, and its hooks off."""
    for extension in facts.extensions:
        if extension.name == TIMESCALE:
            statement = SQL("CREATE EXTENSION {} WITH SCHEMA {} VERSION {}")
            names = (Identifier(TIMESCALE), Identifier(extension.schema), Literal(extension.version))
            connection.execute(statement.format(*names))
            _in_schema(connection, extension.schema, "timescaledb_pre_restore")


def after_restore(connection: psycopg.Connection[Any], facts: DatabaseFacts) -> None:
    """What it wants done afterwards."""
    for extension in facts.extensions:
        if extension.name == TIMESCALE:
            _in_schema(connection, extension.schema, "timescaledb_post_restore")


def data_folder(connection: psycopg.Connection[Any]) -> str:
    """Where the server keeps its files, "" where this account may not know."""
    allowed = "SELECT pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE')"
    return str(_value(connection, "SHOW data_directory")) if _value(connection, allowed) else ""


def _in_schema(connection: psycopg.Connection[Any], schema: str, function: str) -> None:
    connection.execute(SQL("SELECT {}()").format(Identifier(schema, function)))


def _value(connection: psycopg.Connection[Any], query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def _comment(connection: psycopg.Connection[Any], name: str) -> str | None:
    row = connection.execute(_COMMENT, (name,)).fetchone()
    return None if row is None else str(row[0])


def _create(name: str, facts: DatabaseFacts, server_version: int) -> Composed:
    made = SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
        Identifier(name), Literal(facts.encoding), Literal(facts.collation), Literal(facts.character_type)
    )
    if server_version < _PROVIDERS_SINCE or facts.locale_provider == "libc":
        return made
    if facts.locale_provider == "icu":
        made += SQL(" LOCALE_PROVIDER icu ICU_LOCALE {}").format(Literal(facts.locale))
        return made + SQL(" ICU_RULES {}").format(Literal(facts.icu_rules)) if facts.icu_rules else made
    return made + SQL(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {}").format(Literal(facts.locale))


def _unable(code: str, what: Text, next_step: Text) -> UserError:
    return UserError(what, text("That says nothing about the dump."), next_step, code)
