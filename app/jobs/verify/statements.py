"""Proves what is kept as SQL of a whole server: its roles, accounts and grants. It is read, statement by statement.

Reading it in would make accounts, so it is not; each statement must be one of those that such a dump is made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.foundation.errors import UserError
from app.foundation.words import text
from app.jobs.plan import Ctx
from app.jobs.verify.proof import Proving, Shown, lacks_end

LARGEST = 64 * 1024 * 1024
"""Bytes of such a dump; a server with a hundred thousand accounts needs less."""

POSTGRESQL_END = "-- PostgreSQL database cluster dump complete"
MYSQL_END = "-- Dump completed"

_KNOWN = re.compile(
    r"(CREATE|ALTER|COMMENT|GRANT|REVOKE|SET|SELECT|SECURITY|INSERT|REPLACE|DROP|FLUSH|EXECUTE|PREPARE|DEALLOCATE)\b",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(r"CREATE (OR REPLACE )?(ROLE|USER)\b", re.IGNORECASE)

# What a statement is made of: texts and names in quotation marks, comments, and everything between.
_PIECE = re.compile(
    r"""'(?:[^'\\]|''|\\.)*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | --[^\n]*\n | (?P<end>;) | ['"`-] | [^'"`;-]+""",
    re.VERBOSE | re.DOTALL,
)


async def prove_roles(ctx: Ctx, proving: Proving) -> Shown:
    """The roles of a PostgreSQL server."""
    return await _prove(ctx, proving, POSTGRESQL_END)


async def prove_accounts(ctx: Ctx, proving: Proving) -> Shown:
    """The accounts of a MySQL or MariaDB server."""
    return await _prove(ctx, proving, MYSQL_END)


async def _prove(ctx: Ctx, proving: Proving, end: str) -> Shown:
    source = proving.entry.source
    content = await (await proving.tree(ctx)).head(proving.entry.path, LARGEST)
    if len(content) != proving.entry.bytes:
        raise lacks_end(source, f"{len(content)} of {proving.entry.bytes} bytes")
    written = content.decode("utf-8", "replace")
    if not any(line.startswith(end) for line in written.splitlines()[-20:]):
        raise lacks_end(source, f"no line that begins with {end}")
    found = list(statements(written))
    strange = [one for one in found if not _KNOWN.match(one)]
    if strange:
        raise _not_understood(source, strange[0])
    return Shown(text("read"), {"statements": len(found), "accounts": sum(bool(_ACCOUNT.match(one)) for one in found)})


def statements(written: str) -> Iterator[str]:
    """The statements of a script, without comments and what is said to a client; one without its end is there too."""
    lines = (line for line in written.splitlines(keepends=True) if not line.startswith(("\\", "/*M!999999\\-")))
    held = ""
    for piece in _PIECE.finditer("".join(lines) + "\n"):
        if piece["end"]:
            if statement := held.strip():
                yield _without_condition(statement)
            held = ""
        elif not piece.group().startswith("--"):
            held += piece.group()
    if rest := held.strip():
        yield rest


def _without_condition(statement: str) -> str:
    """What stands in a comment that only some versions of MySQL read: `/*!50003 SET … */`."""
    found = re.fullmatch(r"/\*M?!\d*\s+(.*?)\s*\*/", statement, re.DOTALL)
    return found[1] if found is not None else statement


def _not_understood(source: str, statement: str) -> UserError:
    return UserError(
        text("A statement in the dump of {source} is not known here.", source=source),
        text("It may be one that a newer version writes."),
        text("Update Overwinter, or read the dump."),
        "verify.statement-unknown",
        re.sub(r"'(?:[^'\\]|''|\\.)*'", "'…'", statement)[:200],
    )
