"""The effects that replace one database, taken together; and those that bring the old one back."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from app.jobs.effects.postgresql import CloseDatabase, OpenDatabase, SwapDatabases, key_of
from app.tools.postgres.swapping import Move


class DatabaseChange(msgspec.Struct, frozen=True):
    """One database takes another's place. `close` is None where there is none to be closed, `open` where none is to be
    open afterwards."""

    close: CloseDatabase | None
    swap: SwapDatabases
    open: OpenDatabase | None

    @property
    def incoming(self) -> Move:
        """The database that gets the live name."""
        return self.swap.moves[-1]

    @property
    def outgoing(self) -> Move | None:
        """The database that had it, where there was one."""
        return self.swap.moves[0] if len(self.swap.moves) > 1 else None


def shadow_name(database: str, run: str) -> str:
    """What a database is called while it is staged."""
    return f"{database}__restored_{run[:8]}"


def before_name(database: str, run: str) -> str:
    """What the database that was live is called afterwards."""
    return f"{database}__before_{run[:8]}"


def changes_back(effects: Sequence[object], run: str) -> list[DatabaseChange]:
    """What brings the old databases back that a cutover with these effects has put aside; `run` is the one that does.

    The databases that are live now are put aside in their turn, with all that was written since.
    """
    return [_back(swap, effects, run) for swap in effects if isinstance(swap, SwapDatabases)]


def _back(swap: SwapDatabases, effects: Sequence[object], run: str) -> DatabaseChange:
    at = msgspec.structs.replace(swap.at, key=key_of(run))
    new, name = swap.moves[-1], swap.moves[-1].after
    old = swap.moves[0] if len(swap.moves) > 1 else None
    closed = next((one for one in effects if isinstance(one, CloseDatabase) and old and one.oid == old.oid), None)
    opened = next((one for one in effects if isinstance(one, OpenDatabase) and one.oid == new.oid), None)
    workers = opened is not None and opened.workers
    moves = [Move(new.oid, name, before_name(name, run)), *([old.back] if old is not None else [])]
    return DatabaseChange(
        CloseDatabase(at, name, new.oid, workers=workers),
        SwapDatabases(at, tuple(moves)),
        OpenDatabase(at, name, closed.oid, workers=workers) if closed is not None and closed.allowed else None,
    )
