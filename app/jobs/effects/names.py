"""The names that databases have while one takes another's place."""

from __future__ import annotations


def shadow_name(database: str, run: str) -> str:
    """What a database is called while it is staged."""
    return f"{database}__restored_{run[:8]}"


def before_name(database: str, run: str) -> str:
    """What the database that was live is called once another has taken its place."""
    return f"{database}__before_{run[:8]}"
