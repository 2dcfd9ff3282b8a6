"""Makes a database anew as a manifest says it was: locale, encoding and owner first, what else belongs to it at last.

pg_restore could do so itself (`--create`), but where the name exists it goes on into the database that is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from app.tools.postgres.facts import DatabaseFacts, Setting

LONGEST_NAME = 63
"""Bytes of a name; PostgreSQL cuts a longer one off, with no more than a notice."""

USUAL_TABLESPACE = "pg_default"

TIMESCALE = "timescaledb"

# Their values are lists of names: set as one text they would be one name with commas in it (as pg_dump knows, too).
_LISTS = frozenset(
    {
        *("search_path", "temp_tablespaces", "unix_socket_directories"),
        *("local_preload_libraries", "session_preload_libraries", "shared_preload_libraries"),
    }
)
_NOT_KEPT = frozenset({"timescaledb.restoring"})
"""Says that a load is under way; it is no setting of anybody's."""

_END_CLIENTS = """
    SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
     WHERE datname = %s AND backend_type = 'client backend'
"""

_LISTED = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",]*?))\s*(?:,|$)')

Statements = Callable[[psycopg.Connection[Any]], None]


class Offers(msgspec.Struct, frozen=True):
    """What a server has to offer to a new database, and what this account may do there.

    `grantable` are the roles that may be made owner. `extensions` are `name version`. `data_folder` is "" when this
    account may not know it.
    """

    version_number: int
    version: str
    makes_databases: bool
    databases: frozenset[str]
    roles: frozenset[str]
    grantable: frozenset[str]
    tablespaces: frozenset[str]
    extensions: frozenset[str]
    data_folder: str
    user: str

    @property
    def major(self) -> int:
        """The server's major version."""
        return self.version_number // 10000


_OFFERS = """
    SELECT current_setting('server_version_num')::int AS version_number, current_setting('server_version') AS version,
           r.rolsuper OR r.rolcreatedb AS makes_databases,
           ARRAY(SELECT datname::text FROM pg_database) AS databases,
           ARRAY(SELECT rolname::text FROM pg_roles) AS roles,
           ARRAY(SELECT rolname::text FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')) AS grantable,
           ARRAY(SELECT spcname::text FROM pg_tablespace) AS tablespaces,
           ARRAY(SELECT name || ' ' || version FROM pg_available_extension_versions) AS extensions,
           CASE WHEN pg_has_role(current_user, 'pg_read_all_settings', 'MEMBER')
                THEN current_setting('data_directory') ELSE '' END AS data_folder,
           r.rolname::text AS "user"
      FROM pg_roles r WHERE r.rolname = current_user
"""


def read_offers(connection: psycopg.Connection[Any]) -> Offers:
    """Asks the server; blocks."""
    with connection.cursor(row_factory=dict_row) as cursor:
        (row,) = cursor.execute(_OFFERS).fetchall()
    return msgspec.convert(row, Offers)


def create(connection: psycopg.Connection[Any], name: str, facts: DatabaseFacts, tablespaces: Iterable[str]) -> None:
    """An empty database with the recorded locale, encoding and owner; in the usual tablespace where its own is not
    among `tablespaces`."""
    options = [
        SQL("TEMPLATE template0 OWNER {}").format(Identifier(facts.owner)),
        SQL("ENCODING {}").format(Literal(facts.encoding)),
        SQL("LC_COLLATE {} LC_CTYPE {}").format(Literal(facts.collation), Literal(facts.character_type)),
        *_provider(facts),
    ]
    if facts.tablespace != USUAL_TABLESPACE and facts.tablespace in tablespaces:  # naming the usual one takes a right
        options.append(SQL("TABLESPACE {}").format(Identifier(facts.tablespace)))
    connection.execute(SQL("CREATE DATABASE {} {}").format(Identifier(name), SQL(" ").join(options)))


def _provider(facts: DatabaseFacts) -> list[Composable]:
    """Versions before 15 know libc alone, and no word for it."""
    match facts.locale_provider:
        case "icu":
            rules = [SQL("ICU_RULES {}").format(Literal(facts.icu_rules))] if facts.icu_rules else []
            return [SQL("LOCALE_PROVIDER icu ICU_LOCALE {}").format(Literal(facts.locale)), *rules]
        case "builtin":
            return [SQL("LOCALE_PROVIDER builtin BUILTIN_LOCALE {}").format(Literal(facts.locale))]
        case _:
            return []


def comment_on(connection: psycopg.Connection[Any], name: str, comment: str) -> None:
    """What is said of a database; "" for nothing."""
    said = Literal(comment) if comment else SQL("NULL")
    connection.execute(SQL("COMMENT ON DATABASE {} IS {}").format(Identifier(name), said))


def rename(connection: psycopg.Connection[Any], name: str, target: str) -> None:
    """Gives it another name, which must be free; nobody may be connected to it."""
    connection.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(name), Identifier(target)))


def drop(connection: psycopg.Connection[Any], name: str) -> None:
    """Removes a database with all in it; whoever is connected to it is cut off. None there is success.

    Not WITH (FORCE): where autovacuum is at work in it, that is refused to anybody but a superuser. DROP DATABASE
    itself sends autovacuum away, and waits five seconds for the others to be gone (PostgreSQL, CountOtherDBBackends).
    """
    connection.execute(_END_CLIENTS, (name,))
    connection.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(name)))


def size_of(connection: psycopg.Connection[Any], name: str) -> int:
    """The bytes that a database takes."""
    (row,) = connection.execute("SELECT pg_database_size(%s::name)", (name,)).fetchall()
    return int(row[0])


def analyze(connection: psycopg.Connection[Any]) -> None:
    """Gathers what the planner goes by: a dump holds nothing of it."""
    connection.execute("SET statement_timeout = 0")
    connection.execute("ANALYZE")


def begin_timescale(connection: psycopg.Connection[Any], version: str, schema: str) -> None:
    """The extension in the very version of the dump, told that a load is coming (its manual, "logical backup")."""
    where = Identifier(schema)
    connection.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(where))
    connection.execute(SQL("CREATE EXTENSION timescaledb SCHEMA {} VERSION {}").format(where, Literal(version)))
    connection.execute(SQL("SELECT {}()").format(Identifier(schema, "timescaledb_pre_restore")))


def end_timescale(connection: psycopg.Connection[Any], schema: str) -> None:
    """The load is over: it looks whether the catalogue fits, and works again."""
    connection.execute(SQL("SELECT {}()").format(Identifier(schema, "timescaledb_post_restore")))


def keep(connection: psycopg.Connection[Any], name: str, facts: DatabaseFacts) -> list[str]:
    """Gives the database what belongs to it but is in no dump of it: owner, limit, comment, settings, privileges.

    Gives what the server refused, in its own words; everything else is done all the same.
    """
    return list(_tried(connection, belonging(connection, name, facts)).values())


def refusals(connection: psycopg.Connection[Any], name: str, facts: DatabaseFacts) -> dict[int, str]:
    """What the server would refuse of what belongs to a database, by its place in `belonging`; nothing is changed."""
    with connection.transaction(force_rollback=True):
        return _tried(connection, belonging(connection, name, facts))


def _tried(connection: psycopg.Connection[Any], groups: Sequence[Sequence[Composed]]) -> dict[int, str]:
    refused = {}
    for number, group in enumerate(groups):
        try:
            with connection.transaction():
                for statement in group:
                    connection.execute(statement)
        except psycopg.Error as error:
            if connection.broken:
                raise
            said = "; ".join(statement.as_string(connection) for statement in group)
            refused[number] = f"{said}: {str(error).strip()}"
    return refused


def belonging(connection: psycopg.Connection[Any], name: str, facts: DatabaseFacts) -> list[list[Composed]]:
    """The statements that give a database what belongs to it, in groups of which each is done whole or not at all."""
    database = Identifier(name)
    said = Literal(facts.comment) if facts.comment else SQL("NULL")
    return [
        [SQL("ALTER DATABASE {} OWNER TO {}").format(database, Identifier(facts.owner))],
        [SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(database, Literal(facts.connection_limit))],
        [SQL("COMMENT ON DATABASE {} IS {}").format(database, said)],
        *([statement] for setting in facts.settings for statement in _settings(database, setting)),
        *_grants(connection, database, facts),
    ]


def _settings(database: Identifier, setting: Setting) -> list[Composed]:
    role = SQL("ROLE {} IN ").format(Identifier(setting.role)) if setting.role else SQL("")
    pairs = [value.partition("=")[::2] for value in setting.values]
    return [
        SQL("ALTER {}DATABASE {} SET {} TO {}").format(
            role, database, Identifier(*parameter.split(".")), _value(parameter, value)
        )
        for parameter, value in pairs
        if parameter not in _NOT_KEPT
    ]


def _value(parameter: str, value: str) -> Composable:
    if parameter not in _LISTS:
        return Literal(value)
    return SQL(", ").join(map(Literal, listed_names(value)))


def listed_names(value: str) -> list[str]:
    """The names in a list as the catalogue writes it: with commas between, some in quotation marks."""
    names, at = [], 0
    while at < len(value) and (found := _LISTED.match(value, at)) is not None:
        quoted, plain = found.groups()
        names.append(plain if quoted is None else quoted.replace('""', '"'))
        at = found.end()
    return names or [""]


_RIGHTS = {"CREATE": SQL("CREATE"), "CONNECT": SQL("CONNECT"), "TEMPORARY": SQL("TEMPORARY")}
"""All that there are on a database (PostgreSQL 10 to 18)."""

_PRIVILEGES = """
    SELECT CASE one.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(one.grantee)::text END,
           pg_get_userbyid(one.grantor)::text, one.privilege_type, one.is_grantable
      FROM unnest(%s::text[]) item, aclexplode(ARRAY[item::aclitem]) one
"""


def _grants(connection: psycopg.Connection[Any], database: Identifier, facts: DatabaseFacts) -> list[list[Composed]]:
    """Privileges as they were granted, the owner's grants first: those of others rest on them."""
    if facts.access is None:
        return []
    try:
        with connection.transaction():
            rows = connection.execute(_PRIVILEGES, (list(facts.access),)).fetchall()
    except psycopg.Error:  # a role that is not there; comparing afterwards says that the privileges are not kept
        return []
    owner = Identifier(facts.owner)
    made = [[SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, {}").format(database, owner)]]
    for grantee, grantor, privilege, grantable in sorted(rows, key=lambda row: row[1] != facts.owner):
        to = SQL("PUBLIC") if grantee is None else Identifier(grantee)
        option = SQL(" WITH GRANT OPTION") if grantable else SQL("")
        grant = SQL("GRANT {} ON DATABASE {} TO {}{}").format(_RIGHTS[privilege], database, to, option)
        made.append([grant] if grantor == facts.owner else _as(grantor, grant))
    return made


def _as(role: str, statement: Composed) -> list[Composed]:
    return [SQL("SET ROLE {}").format(Identifier(role)), statement, Composed([SQL("RESET ROLE")])]


def not_kept(was: DatabaseFacts, now: DatabaseFacts) -> list[str]:
    """What belongs to a database and is not as it was, by its names in the manifest."""
    differing = [name for name in _KEPT if getattr(was, name) != getattr(now, name)]
    if set(was.access or ()) != set(now.access or ()):
        differing.append("access")
    if _without_own(was.settings) != _without_own(now.settings):
        differing.append("settings")
    had = {extension.name: extension.version for extension in was.extensions}
    has = {extension.name: extension.version for extension in now.extensions}
    return [*differing, *(f"extension {name} {had[name]}" for name in had if has.get(name) != had[name])]


_KEPT = (
    *("owner", "encoding", "collation", "character_type", "locale_provider", "locale"),
    *("tablespace", "connection_limit", "comment"),
)


def _without_own(settings: Sequence[Setting]) -> dict[str, set[str]]:
    kept = {one.role: {value for value in one.values if value.partition("=")[0] not in _NOT_KEPT} for one in settings}
    return {role: values for role, values in kept.items() if values}
