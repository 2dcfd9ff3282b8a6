"""One site's records as a database of their own: a SQLite file that holds that site's rows and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Table, insert, select

from app.store.backend import explained, transaction
from app.store.sqlite import SqliteFile
from app.store.tables import locks, metadata, sites
from app.store.versions import bring_up_to_date

AT_ONCE = 200
"""Rows that are held in memory; a run's row may have 200 KB of log in it."""

PATIENCE = 10.0


def extract_site(connection: Connection, site: str, target: Path) -> dict[str, int]:
    """Writes the site's rows, as this transaction sees them, to a new file; gives how many of each table.

    Locks are left out: they say who works now. Blocks.
    """
    backend = SqliteFile(target, PATIENCE)
    with explained(backend):
        engine = backend.engine()
        try:
            bring_up_to_date(backend, engine)
            with transaction(engine, writing=True) as copy:
                copy.exec_driver_sql("PRAGMA defer_foreign_keys = ON")  # a run may stand before the one it belongs to
                return {str(table.name): _copy(connection, copy, table, site) for table in metadata.sorted_tables}
        finally:
            engine.dispose()


def _copy(source: Connection, target: Connection, table: Table, site: str) -> int:
    if table is locks:
        return 0
    copied = 0
    for rows in _batches(source, table, site):
        target.execute(insert(table), rows)
        copied += len(rows)
    return copied


def _batches(source: Connection, table: Table, site: str) -> Iterator[list[dict[str, Any]]]:
    query = select(table).where(_site_of(table) == site)
    found = source.execute(query, execution_options={"yield_per": AT_ONCE})
    for batch in found.mappings().partitions(AT_ONCE):
        yield [dict(row) for row in batch]


def _site_of(table: Table) -> Column[Any]:
    return table.c.name if table is sites else table.c.site
