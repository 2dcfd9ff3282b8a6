"""Stored sites: each belongs to itself, and no two share a repository."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import update

from app.foundation.blocking import Blocking
from app.foundation.errors import Refused, UserError
from app.settings.model import Repository, Site, Source, SourceKind
from app.settings.sites import Sites
from app.store.engine import Database, open_database
from app.store.tables import sites as rows
from tests.running import run

NORTH = Site(
    name="north",
    title="Северная теплица",
    repository=Repository(url="/mnt/disk/north"),
    sources=(Source(name="files", kind=SourceKind.FILES, root="/srv"),),
)
SOUTH = Site(name="south", repository=Repository(url="sftp:ops@host:/srv/south"))


@asynccontextmanager
async def database_in(folder: Path) -> AsyncIterator[Database]:
    blocking = Blocking()
    try:
        database = await open_database(folder / "overwinter.db", blocking)
        try:
            yield database
        finally:
            await database.close()
    finally:
        blocking.close()


def with_sites(folder: Path, work: Callable[[Sites, Database], Awaitable[None]]) -> None:
    """Does `work` with the stored sites of a database in that folder."""

    async def all_of_it() -> None:
        async with database_in(folder) as database:
            await work(Sites(database), database)

    run(all_of_it())


def replaced(site: Site, **fields: object) -> Site:
    return msgspec.structs.replace(site, **fields)


@pytest.mark.spec("S1")
def test_a_site_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    async def work(sites: Sites, _: Database) -> None:
        await sites.add(SOUTH)
        await sites.add(NORTH)
        assert await sites.get("north") == NORTH
        assert await sites.all() == (NORTH, SOUTH)
        assert await sites.find("east") is None
        await sites.remove("north")
        assert await sites.all() == (SOUTH,)
        await sites.remove("north")

    with_sites(tmp_path, work)


@pytest.mark.spec("S1")
def test_a_site_is_replaced_only_when_asked(tmp_path: Path) -> None:
    async def work(sites: Sites, _: Database) -> None:
        await sites.add(NORTH)
        new = replaced(NORTH, title="New")
        with pytest.raises(Refused) as caught:
            await sites.add(new)
        assert caught.value.code == "site.exists"
        assert await sites.get("north") == NORTH
        await sites.add(new, replace=True)
        assert await sites.get("north") == new

    with_sites(tmp_path, work)


@pytest.mark.spec("S1")
@pytest.mark.parametrize("url", ["sftp:ops@host:/srv/south", "sftp://host:22//srv/./south/"])
def test_two_sites_never_share_a_repository(tmp_path: Path, url: str) -> None:
    async def work(sites: Sites, _: Database) -> None:
        await sites.add(SOUTH)
        taken = replaced(NORTH, repository=Repository(url=url))
        with pytest.raises(Refused) as caught:
            await sites.add(taken)
        assert caught.value.code == "site.repository-taken"
        assert "south" in str(caught.value.problem.what)
        await sites.add(NORTH)
        with pytest.raises(Refused):
            await sites.add(taken, replace=True)
        assert await sites.get("north") == NORTH
        await sites.add(SOUTH, replace=True)  # its own address is no other's

    with_sites(tmp_path, work)


@pytest.mark.spec("S1", "X3")
def test_an_unknown_site_is_told_with_the_nearest_known_one(tmp_path: Path) -> None:
    async def work(sites: Sites, _: Database) -> None:
        with pytest.raises(UserError) as caught:
            await sites.get("north")
        assert "site add" in str(caught.value.problem.next)
        await sites.add(NORTH)
        with pytest.raises(UserError) as caught:
            await sites.get("nort")
        assert caught.value.code == "site.unknown"
        assert 'Did you mean "north"?' in str(caught.value.problem.next)

    with_sites(tmp_path, work)


@pytest.mark.spec("S2", "B4")
def test_a_site_that_cannot_be_used_is_not_stored_whoever_made_it(tmp_path: Path) -> None:
    async def work(sites: Sites, _: Database) -> None:
        with pytest.raises(UserError) as caught:
            await sites.add(replaced(NORTH, env="a,b"))
        assert caught.value.code == "site.wrong-value"
        with pytest.raises(UserError) as caught:
            await sites.add(replaced(NORTH, repository=Repository(url="rest:http://ana:canary@host/")))
        assert caught.value.code == "site.password-in-address"
        assert "canary" not in str(caught.value.problem)
        assert await sites.all() == ()

    with_sites(tmp_path, work)


def test_a_stored_site_that_this_version_cannot_read_is_named(tmp_path: Path) -> None:
    async def work(sites: Sites, database: Database) -> None:
        await sites.add(NORTH)
        change = update(rows).values(document="format = 2\n")
        await database.write(lambda connection: connection.execute(change))
        with pytest.raises(UserError) as caught:
            await sites.get("north")
        assert caught.value.code == "site.unreadable"
        assert "north" in str(caught.value.problem.what)
        assert str(caught.value.problem.next) == "Update Overwinter."

    with_sites(tmp_path, work)
