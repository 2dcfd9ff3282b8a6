"""The contract of stores: the audit log is one chain, and shows what was changed."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.exc import DBAPIError

from app.foundation.redact import Redactor
from app.records.audit import first_broken
from app.records.site_records import SiteRecords
from tests.contracts.conftest import StorePlace
from tests.contracts.store_rows import two_sites
from tests.running import run


@pytest.mark.spec("J5")
def test_the_audit_chain_is_whole_also_when_two_write_at_once(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (_, north, south), place.opened() as other:
            again = SiteRecords(other, "north", Redactor())
            writers = [
                each.add_audit("ann\udcff\0", "noted", {"nr": str(nr)}) for nr in range(5) for each in (north, again)
            ]
            await asyncio.gather(*writers, south.add_audit("ann", "noted", {}))
            chain = await north.audit()
            assert [entry.number for entry in chain] == list(range(1, 11))
            assert first_broken(chain) is None
            assert [entry.site for entry in await south.audit()] == ["south"]

    run(story())


@pytest.mark.spec("J5")
@pytest.mark.parametrize(
    ("edit", "broken"),
    [
        ("UPDATE audit SET who = 'bob' WHERE number = 2", 2),
        ("UPDATE audit SET fields = '{}' WHERE number = 3", 3),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 1", 1),
    ],
)
def test_an_edit_of_the_audit_log_is_refused_and_shows_when_forced(place: StorePlace, edit: str, broken: int) -> None:
    async def write() -> None:
        async with two_sites(place) as (_, north, _south):
            for number in range(4):
                await north.add_audit("ann", "noted", {"number": str(number)})

    async def read() -> int | None:
        async with place.opened() as database:
            return first_broken(await SiteRecords(database, "north", Redactor()).audit())

    run(write())
    with pytest.raises(DBAPIError, match="append-only"):
        place.change(edit)
    assert run(read()) is None
    place.change(*UNGUARDED[place.kind], edit)
    assert run(read()) == broken


UNGUARDED = {
    "sqlite": ("DROP TRIGGER audit_refuses_update", "DROP TRIGGER audit_refuses_delete"),
    "postgresql": ("DROP TRIGGER audit_is_append_only ON audit",),
}
