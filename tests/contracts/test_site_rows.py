"""The contract of stores: one site's rows are closed to every other site."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from app.foundation.errors import Refused
from app.foundation.events import Item, ItemStatus, Outcome, Phase, StepOutcome
from app.foundation.redact import Redactor
from app.foundation.words import text
from app.records.audit import first_broken
from app.records.owners import this_process
from app.records.run import new_run_id
from app.records.site_records import SiteRecords
from app.store.engine import Database
from app.store.tables import items, locks, metadata, secret_names, sites, steps
from tests.contracts.conftest import StorePlace
from tests.contracts.store_rows import PROBLEM, WEDNESDAY, a_run, two_sites
from tests.running import run


@pytest.mark.spec("S1")
def test_every_table_belongs_to_a_site() -> None:
    for table in set(metadata.tables.values()) - {sites}:
        assert next(iter(table.primary_key.columns)).name == "site", table.name
        parents = {
            tuple(element.target_fullname for element in constraint.elements)
            for constraint in table.foreign_key_constraints
        }
        assert parents <= {("sites.name",), ("runs.site", "runs.id")}, table.name
        assert ("sites.name",) in parents or table.name == "audit"


@pytest.mark.spec("S1")
@pytest.mark.parametrize("child", [locks, steps, items], ids=lambda table: table.name)
def test_the_database_refuses_a_child_of_another_sites_run(place: StorePlace, child: Any) -> None:
    async def story() -> None:
        async with two_sites(place) as (database, north, _south):
            foreign = (await north.begin(a_run())).run.id
            await north.add_step(foreign, 1, "dump", text("Dump"), Phase.STAGE)
            await north.add_item(foreign, Item("db", ItemStatus.SUCCESS))
            await north.take_site_lock(foreign, this_process())
            row = await database.read(lambda connection: connection.execute(select(child)).mappings().one())
            with pytest.raises(IntegrityError):
                await database.write(
                    lambda connection: connection.execute(insert(child).values({**row, "site": "south"}))
                )

    run(story())


@pytest.mark.spec("S1")
def test_the_database_refuses_a_parent_of_another_site(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (_, north, south):
            foreign = (await north.begin(a_run())).run.id
            with pytest.raises(IntegrityError):
                await south.begin(a_run("south", parent=foreign))
            begun = await north.begin(a_run(parent=foreign, key="another"))
            assert (await north.run(begun.run.id)).parent == foreign

    run(story())


def every_entrance(records: SiteRecords, run_id: str) -> list[Coroutine[Any, Any, Any]]:
    me = this_process()
    return [
        records.run(run_id),
        records.close(run_id, Outcome.SUCCESS),
        records.take_site_lock(run_id, me),
        records.take_over(run_id, me, me, "ann"),
        records.interrupt(run_id, PROBLEM, who="ann"),
        records.tidied(run_id),
        records.renew(run_id),
        records.release_site_lock(run_id),
        records.request_cancel(run_id, "ann"),
        records.cancel_requested(run_id),
        records.add_step(run_id, 1, "dump", text("Dump"), Phase.STAGE),
        records.finish_step(run_id, 1, StepOutcome.DONE),
        records.steps(run_id),
        records.add_item(run_id, Item("db", ItemStatus.SUCCESS)),
        records.items(run_id),
    ]


@pytest.mark.spec("S1")
def test_another_sites_run_reads_like_one_that_does_not_exist(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (_, north, south):
            foreign, unknown = (await north.begin(a_run())).run.id, new_run_id()
            for on_foreign, on_unknown in zip(
                every_entrance(south, foreign), every_entrance(south, unknown), strict=True
            ):
                said = [await refusal(each) for each in (on_foreign, on_unknown)]
                assert said[0].replace(foreign, "ID") == said[1].replace(unknown, "ID")
            assert await south.runs() == []
            assert (await north.run(foreign)).closed is None

    run(story())


async def refusal(work: Coroutine[Any, Any, Any]) -> str:
    with pytest.raises(Refused) as refused:
        await work
    assert refused.value.code == "records.no-such-run"
    return str(refused.value.problem)


@pytest.mark.spec("S1")
def test_a_run_of_another_site_cannot_begin_here(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            with pytest.raises(ValueError, match="south among those of north"):
                await north.begin(a_run("south"))

    run(story())


@pytest.mark.spec("S1")
def test_a_run_of_a_removed_site_is_refused(place: StorePlace) -> None:
    async def story() -> None:
        async with place.opened() as database:
            with pytest.raises(Refused) as refused:
                await SiteRecords(database, "north", Redactor()).begin(a_run())
            assert refused.value.code == "records.no-such-site"

    run(story())


@pytest.mark.spec("S1", "J5")
def test_removing_a_site_removes_its_rows_of_everything_but_the_audit_log(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (database, north, south):
            for site, records in (("north", north), ("south", south)):
                await fill(database, site, records)
            await database.write(lambda connection: connection.execute(sites.delete().where(sites.c.name == "north")))

    run(story())
    for table in metadata.sorted_tables:
        left = {row[0] for row in place.rows(f"SELECT {'name' if table is sites else 'site'} FROM {table.name}")}
        assert left == ({"north", "south"} if table.name == "audit" else {"south"}), table.name


@pytest.mark.spec("S1", "B2")
def test_one_sites_records_are_written_out_with_nothing_of_another(place: StorePlace, tmp_path: Path) -> None:
    """To a file that opens as a database of its own; who works now is no part of it."""
    target = StorePlace("sqlite", str(tmp_path / "out" / "north.db"))

    async def story() -> dict[str, int]:
        async with two_sites(place) as (database, north, south):
            for site, records in (("north", north), ("south", south)):
                await fill(database, site, records)
            written = await database.extract("north", Path(target.where))
            await north.add_audit("ann", "afterwards", {})
        async with target.opened() as copy:
            records = SiteRecords(copy, "north", Redactor())
            assert {run.key for run in await records.runs()} == {"backup everything", "child"}
            assert first_broken(await records.audit()) is None
        return written

    written = run(story())
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["north.db"]
    for table in metadata.sorted_tables:
        rows = target.rows(f"SELECT {'name' if table is sites else 'site'} FROM {table.name}")
        assert set(rows) == (set() if table is locks else {("north",)}), table.name
        assert len(rows) == written[table.name]
    assert b"south" not in Path(target.where).read_bytes()


async def fill(database: Database, site: str, records: SiteRecords) -> None:
    parent = (await records.begin(a_run(site))).run.id
    await records.begin(a_run(site, parent=parent, key="child"))
    await records.add_step(parent, 1, "dump", text("Dump"), Phase.STAGE)
    await records.add_item(parent, Item("db", ItemStatus.SUCCESS))
    await records.take_site_lock(parent, this_process())
    await records.add_audit("ann", "site-added", {})
    row = {"site": site, "name": "repository-password", "stored_at": WEDNESDAY, "where": "keyring"}
    await database.write(lambda connection: connection.execute(insert(secret_names).values(row)))
