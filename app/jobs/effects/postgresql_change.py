"""The effects that put one database in another's place, taken together."""

from __future__ import annotations

import msgspec

from app.jobs.effects.postgresql import CloseDatabase, OpenDatabase, SwapDatabases


class DatabaseChange(msgspec.Struct, frozen=True):
    """One database takes another's place. `close` is None where there is none yet."""

    close: CloseDatabase | None
    swap: SwapDatabases
    open: OpenDatabase
