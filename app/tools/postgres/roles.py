"""Takes single roles out of what pg_dumpall wrote of a server, to make those that another server lacks.

A role that exists is never changed: only the statements of the named roles are taken, and the first of them, CREATE
ROLE, fails for one that is there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import psycopg

_STATEMENT = re.compile(r"""(?:[^;'"$]|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$)+;""")
_NAME = r'("(?:[^"]|"")+"|[^\s";]+)'
_OF_ROLE = re.compile(rf"(?:CREATE ROLE|ALTER ROLE|COMMENT ON ROLE) {_NAME}(?=[\s;])(?! IN DATABASE )")
_MEMBER = re.compile(rf"GRANT {_NAME} TO {_NAME}(.*?)(?: GRANTED BY {_NAME})?;", re.DOTALL)


def statements_for(globals_: str, roles: Collection[str]) -> list[str]:
    """The statements that make these roles, in their order; memberships too, as granted by whoever runs them."""
    wanted = [statement for statement in _statements(globals_) if _role_of(statement) in roles]
    members = [found for statement in _statements(globals_) if (found := _MEMBER.fullmatch(statement))]
    grants = [f"GRANT {one[1]} TO {one[2]}{one[3]};" for one in members if _plain(one[2]) in roles]
    return [*wanted, *grants]


def made_by(statements: Collection[str]) -> set[str]:
    """The roles that these statements make."""
    return {_role_of(statement) for statement in statements if statement.startswith("CREATE ROLE ")}


def make(connection: psycopg.Connection[Any], statements: Collection[str]) -> None:
    """Makes the roles, all or none; blocks."""
    with connection.transaction():
        for statement in statements:
            connection.execute(statement.encode())


def _statements(globals_: str) -> Iterator[str]:
    lines = (line for line in globals_.splitlines(keepends=True) if not line.startswith(("--", "\\")))
    for found in _STATEMENT.finditer("".join(lines)):
        yield found.group().strip()


def _role_of(statement: str) -> str:
    found = _OF_ROLE.match(statement)
    return _plain(found[1]) if found is not None else ""


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
