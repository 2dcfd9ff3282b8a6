"""What the contracts of stores put into a database: two sites, their runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import insert

from app.foundation.errors import Problem
from app.foundation.redact import Redactor
from app.foundation.words import Size, text
from app.records.owners import this_process
from app.records.run import Run, new_run_id
from app.records.site_records import SiteRecords
from app.store.engine import Database
from app.store.tables import sites
from tests.contracts.conftest import StorePlace

WEDNESDAY = datetime(2026, 2, 11, 2, 0, 0, 123456, tzinfo=UTC)
PROBLEM = Problem(
    text("{source} was left out.", source="Теплица", size=Size(3)), text("Nothing."), text("Look."), "x.y", "d\0e"
)


@asynccontextmanager
async def two_sites(place: StorePlace) -> AsyncIterator[tuple[Database, SiteRecords, SiteRecords]]:
    """The database with the sites north and south, and the records of both."""
    async with place.opened() as database:
        await add_site(database, "north")
        await add_site(database, "south")
        yield database, SiteRecords(database, "north", Redactor()), SiteRecords(database, "south", Redactor())


async def add_site(database: Database, name: str) -> None:
    row = {"name": name, "document": "format = 1", "added": WEDNESDAY, "changed": WEDNESDAY}
    await database.write(lambda connection: connection.execute(insert(sites).values(row)))


def a_run(site: str = "north", **changes: Any) -> Run:
    plain = Run(
        id=new_run_id(),
        site=site,
        kind="backup",
        trigger="manual",
        who="ann",
        choice="everything",
        key="backup everything",
        owner=this_process(),
        started=WEDNESDAY,
    )
    return msgspec.structs.replace(plain, **changes)


async def open_and_close(place: StorePlace) -> None:
    async with place.opened():
        pass


async def add_a_site(place: StorePlace) -> None:
    async with place.opened() as database:
        await add_site(database, "north")
