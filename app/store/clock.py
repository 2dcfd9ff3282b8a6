"""The database's own clock: one for all who share the database, whatever their computers' clocks say."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class database_seconds(FunctionElement[float]):  # noqa: N801  written in queries like SQL's own functions
    """Seconds since 1970 as the database counts them (a SQLite file: as this computer does)."""

    inherit_cache = True
    name = "database_seconds"
    type = Double()


@compiles(database_seconds, "sqlite")
def _on_sqlite(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(database_seconds, "postgresql")
def _on_postgresql(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
