"""The effects that put one database in another's place, taken together, and the names that databases have meanwhile."""

from __future__ import annotations

import msgspec

from app.jobs.effects.postgresql import CloseDatabase, OpenDatabase, SwapDatabases


class DatabaseChange(msgspec.Struct, frozen=True):
    """One database takes another's place. `close` is None where there is none yet."""

    close: CloseDatabase | None
    swap: SwapDatabases
    open: OpenDatabase


def shadow_name(database: str, run: str) -> str:
    """What a database is called while it is staged."""
    return f"{database}__restored_{run[:8]}"


def before_name(database: str, run: str) -> str:
    """What the database that was live is called once another has taken its place."""
    return f"{database}__before_{run[:8]}"
