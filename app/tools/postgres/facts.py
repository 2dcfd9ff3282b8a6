"""What a database says of itself: enough to make it anew as it was, on a bare server."""

from __future__ import annotations

from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.rows import dict_row

SYSTEM_IDENTIFIER = "pg_catalog.pg_control_system()"


class Setting(msgspec.Struct, frozen=True):
    """Settings of the database, or of one role in it (`role` is "" for everybody), each as `name=value`.

    They are the catalogue's own texts: a list setting must not be quoted again as one value.
    """

    role: str
    values: tuple[str, ...]


class Extension(msgspec.Struct, frozen=True):
    """An extension that the database uses."""

    name: str
    version: str
    schema: str


class DatabaseFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """A database and its server, as they were in the exported snapshot.

    `system_identifier` names the cluster; "" when this user may not read it. `access` is the ACL as the catalogue
    writes it, None for the built-in default. `size` is in bytes. `roles` are all that own something in it, may use
    something, or have settings: they must exist where it is restored.
    """

    server_version: str
    server_version_number: int
    system_identifier: str
    database: str
    oid: int
    owner: str
    encoding: str
    collation: str
    character_type: str
    locale_provider: str
    locale: str
    icu_rules: str
    collation_version: str
    tablespace: str
    connection_limit: int
    access: tuple[str, ...] | None
    comment: str
    settings: tuple[Setting, ...]
    extensions: tuple[Extension, ...]
    size: int
    standby: bool = False
    reads_role_passwords: bool = False
    roles: tuple[str, ...] = ()

    @property
    def major(self) -> int:
        """The server's major version."""
        return self.server_version_number // 10000


# The locale's columns differ between versions (daticulocale, then datlocale); as JSON each may be missing.
# Names are qualified as pg_dump does it: the search path is empty.
_DATABASE = """
    SELECT current_setting('server_version') AS server_version,
           current_setting('server_version_num')::int AS server_version_number,
           d.datname AS database, d.oid::bigint AS oid, pg_get_userbyid(d.datdba) AS owner,
           pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collation, d.datctype AS character_type,
           CASE coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
                WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin'
                ELSE to_jsonb(d) ->> 'datlocprovider' END AS locale_provider,
           coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', '') AS locale,
           coalesce(to_jsonb(d) ->> 'daticurules', '') AS icu_rules,
           coalesce(to_jsonb(d) ->> 'datcollversion', '') AS collation_version,
           t.spcname AS tablespace, d.datconnlimit AS connection_limit, d.datacl::text[] AS access,
           coalesce(shobj_description(d.oid, 'pg_database'), '') AS comment,
           pg_database_size(d.oid) AS size, pg_is_in_recovery() AS standby,
           has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS reads_role_passwords
      FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
     WHERE d.datname = coalesce(%(database)s::name, current_database())
"""

_SETTINGS = """
    SELECT CASE s.setrole WHEN 0 THEN '' ELSE pg_get_userbyid(s.setrole) END AS role, s.setconfig AS values
      FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
     WHERE d.datname = coalesce(%(database)s::name, current_database())
     ORDER BY role
"""

_EXTENSIONS = """
    SELECT e.extname AS name, e.extversion AS version, n.nspname AS schema
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     ORDER BY name
"""

# The first superuser's own (10) are not written down in pg_shdepend, so its tables, functions and schemas are looked
# for, those of extensions left aside.
_ROLES = """
    WITH this AS (SELECT oid, datdba FROM pg_database WHERE datname = current_database())
    SELECT r.rolname FROM pg_roles r WHERE r.oid IN (
        SELECT datdba FROM this
        UNION ALL
        SELECT s.refobjid FROM pg_shdepend s, this
         WHERE s.refclassid = 'pg_authid'::regclass
           AND (s.dbid = this.oid OR s.dbid = 0 AND s.classid = 'pg_database'::regclass AND s.objid = this.oid)
        UNION ALL
        SELECT s.setrole FROM pg_db_role_setting s, this WHERE s.setdatabase = this.oid
        UNION ALL
        SELECT o.owner FROM (
            SELECT 'pg_class'::regclass AS class, oid, relowner AS owner FROM pg_class WHERE relkind <> 't'
            UNION ALL SELECT 'pg_proc'::regclass, oid, proowner FROM pg_proc
            UNION ALL SELECT 'pg_namespace'::regclass, oid, nspowner FROM pg_namespace WHERE nspname !~ '^pg_'
        ) o WHERE o.owner = 10 AND o.oid >= 16384
              AND NOT EXISTS (SELECT FROM pg_depend d
                               WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype IN ('e', 'i')))
     ORDER BY 1
"""


def read_facts(connection: psycopg.Connection[Any]) -> DatabaseFacts:
    """Reads them of the database that is connected, in the connection's own snapshot; blocks."""
    (database,) = _read(connection, _DATABASE, None)
    with connection.cursor(row_factory=dict_row) as cursor:
        extensions = cursor.execute(_EXTENSIONS).fetchall()
    roles = [name for (name,) in connection.execute(_ROLES).fetchall()]
    return _facts(connection, {**database, "extensions": extensions, "roles": roles}, None)


def read_outside(connection: psycopg.Connection[Any], name: str) -> DatabaseFacts | None:
    """What can be read from another database of the server: all but extensions and roles; None where it is not there.

    So it can be read of one that is closed; blocks.
    """
    found = _read(connection, _DATABASE, name)
    return _facts(connection, {**found[0], "extensions": ()}, name) if found else None


def _facts(connection: psycopg.Connection[Any], database: dict[str, Any], name: str | None) -> DatabaseFacts:
    found = {"settings": _read(connection, _SETTINGS, name), "system_identifier": read_system_identifier(connection)}
    return msgspec.convert({**database, **found}, DatabaseFacts)


def _read(connection: psycopg.Connection[Any], query: LiteralString, name: str | None) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, {"database": name}).fetchall()


def read_system_identifier(connection: psycopg.Connection[Any]) -> str:
    """The cluster's own number, "" where this account may not know it.

    Asked only where it may be: a refusal would end the transaction, and the snapshot with it.
    """
    allowed = connection.execute("SELECT has_function_privilege(%s, 'EXECUTE')", (SYSTEM_IDENTIFIER,)).fetchone()
    if not allowed or not allowed[0]:
        return ""
    found = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
    return "" if found is None else str(found[0])
