"""The contract of stores: who holds a site, how a run is cancelled, and what becomes of the dead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import update

from app.foundation.errors import Refused
from app.foundation.events import Counters, Item, ItemStatus, Outcome, Phase, StepOutcome
from app.foundation.redact import Redactor
from app.foundation.words import text
from app.records.owners import Owner
from app.records.site_records import SiteRecords
from app.store.tables import runs, steps
from tests.contracts.conftest import StorePlace
from tests.contracts.store_rows import PROBLEM, a_run, two_sites
from tests.running import run


@pytest.mark.spec("B6")
def test_of_two_connections_one_holds_the_site_and_the_other_learns_who(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (_, north, south), place.opened() as other:
            again = SiteRecords(other, "north", Redactor())
            first = (await north.begin(a_run(who="bob"))).run
            second = (await again.begin(a_run(kind="verify", key="verify"))).run
            assert await north.take_site_lock(first.id, first.owner) is None
            assert await north.take_site_lock(first.id, first.owner) is None
            holder = await again.take_site_lock(second.id, second.owner)
            assert holder is not None
            assert (holder.run, holder.kind, holder.who, holder.owner) == (first.id, "backup", "bob", first.owner)
            elsewhere = (await south.begin(a_run("south"))).run
            assert await south.take_site_lock(elsewhere.id, elsewhere.owner) is None
            await north.release_site_lock(first.id)
            assert await again.take_site_lock(second.id, second.owner) is None

    run(story())


@pytest.mark.spec("B6")
def test_a_run_that_is_closed_holds_nothing_and_takes_nothing(place: StorePlace) -> None:
    dead = Owner("laptop#1", "boot", 42, 1.5)

    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            first, second = [(await north.begin(a_run(key=key))).run for key in "12"]
            await north.take_site_lock(first.id, first.owner)
            await north.close(first.id, Outcome.INTERRUPTED)
            for take in (
                north.take_site_lock(first.id, first.owner),
                north.take_over(first.id, first.owner, dead, "ann"),
            ):
                with pytest.raises(Refused) as refused:
                    await take
                assert refused.value.code == "records.run-closed"
            assert await north.take_site_lock(second.id, second.owner) is None

    run(story())


@pytest.mark.spec("B6", "J5")
def test_the_lock_of_a_dead_process_is_taken_over_and_that_is_audited(place: StorePlace) -> None:
    dead = Owner("laptop#1", "boot", 42, 1.5)

    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            gone, mine = (
                (await north.begin(a_run(key="1", owner=dead))).run,
                (await north.begin(a_run(key="2"))).run,
            )
            await north.take_site_lock(gone.id, dead)
            another = msgspec.structs.replace(dead, started=2.5)
            holder = await north.take_over(mine.id, mine.owner, another, "eve")
            assert holder is not None
            assert holder.run == gone.id
            assert "lock-taken-over" not in {entry.what for entry in await north.audit()}
            assert await north.take_over(mine.id, mine.owner, dead, "eve") is None
            holder = await north.take_site_lock(gone.id, dead)
            assert holder is not None
            assert holder.owner == mine.owner
            (entry,) = [entry for entry in await north.audit() if entry.what == "lock-taken-over"]
            assert entry.who == "eve"
            assert entry.fields == {"run": mine.id, "from": gone.id, "computer": "laptop", "pid": "42"}

    run(story())


@pytest.mark.spec("J1", "J2")
def test_a_clock_that_is_set_back_makes_no_negative_duration_and_no_other_order(place: StorePlace) -> None:
    """As if everything had begun an hour from now, and then somebody put the clock right."""
    ahead = datetime.now(UTC) + timedelta(hours=1)

    async def story() -> None:
        async with two_sites(place) as (database, north, _south):
            first = (await north.begin(a_run(started=ahead))).run
            await north.add_step(first.id, 1, "dump", text("Dump"), Phase.STAGE)
            await database.write(lambda connection: connection.execute(update(steps).values(started=ahead)))
            await north.finish_step(first.id, 1, StepOutcome.DONE)
            await north.close(first.id, Outcome.SUCCESS)
            (step,) = await north.steps(first.id)
            assert step.ended == step.started == ahead
            assert (await north.run(first.id)).closed == ahead
            second = (await north.begin(a_run(started=ahead - timedelta(hours=1)))).run
            assert [each.id for each in await north.runs()] == [second.id, first.id]

    run(story())


@pytest.mark.spec("J2", "J5", "B6")
def test_a_run_whose_process_died_is_closed_with_its_step_and_its_lock_and_that_is_audited(place: StorePlace) -> None:
    dead = Owner("laptop#1", "boot", 42, 1.5)

    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            gone = (await north.begin(a_run(owner=dead, counters=Counters(total=3)))).run
            await north.take_site_lock(gone.id, dead)
            await north.add_item(gone.id, Item("database", ItemStatus.SUCCESS))
            await north.add_item(gone.id, Item("files", ItemStatus.FAILED))
            await north.add_step(gone.id, 1, "dump", text("Dump"), Phase.STAGE)
            await north.interrupt(gone.id, PROBLEM, who="eve", for_run="next", log_excerpt="said")
            closed = await north.run(gone.id)
            assert (closed.outcome, closed.error, closed.log_excerpt) == (Outcome.INTERRUPTED, PROBLEM, "said")
            assert closed.counters == Counters(total=3, processed=2, succeeded=1, failed=1, skipped=1)
            (step,) = await north.steps(gone.id)
            assert (step.outcome, step.error) == (StepOutcome.FAILED, PROBLEM)
            assert await north.site_holder() is None
            found, taken = (await north.audit())[-2:]
            assert (found.who, found.what) == ("eve", "run-interrupted")
            assert found.fields == {"run": gone.id, "computer": "laptop", "pid": "42"}
            assert (taken.who, taken.what) == ("eve", "lock-taken-over")
            assert taken.fields == {"run": "next", "from": gone.id, "computer": "laptop", "pid": "42"}
            assert [each.id for each in await north.untidy_runs()] == [gone.id]
            await north.tidied(gone.id)
            assert await north.untidy_runs() == []

    run(story())


@pytest.mark.spec("B6")
def test_a_sign_of_life_is_counted_by_the_databases_clock_and_a_closed_run_gives_none(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (database, north, _south):
            begun = (await north.begin(a_run())).run
            (working,) = await north.working()
            assert working.run == begun
            assert 0 <= working.silent < 60
            an_hour = runs.c.renewed - 3600
            await database.write(lambda connection: connection.execute(update(runs).values(renewed=an_hour)))
            (working,) = await north.working()
            assert 3600 <= working.silent < 3660
            assert await north.renew(begun.id)
            (working,) = await north.working()
            assert working.silent < 60
            await north.close(begun.id, Outcome.SUCCESS)
            assert not await north.renew(begun.id)
            assert await north.working() == []

    run(story())


@pytest.mark.spec("J5")
def test_who_started_and_who_cancelled_is_audited(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            begun = (await north.begin(a_run(who="ann"))).run
            await north.begin(a_run(who="bob"))
            await north.request_cancel(begun.id, "bob")
            await north.request_cancel(begun.id, "carol")
            assert [(entry.who, entry.what) for entry in await north.audit()] == [
                ("ann", "run-began"),
                ("bob", "run-cancel-asked"),
            ]

    run(story())


@pytest.mark.spec("J2")
def test_a_cancel_asked_for_elsewhere_is_seen_by_the_owner(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (_, north, _south), place.opened() as other:
            run_id = (await north.begin(a_run())).run.id
            assert not await north.cancel_requested(run_id)
            elsewhere = SiteRecords(other, "north", Redactor())
            await elsewhere.request_cancel(run_id, "bob")
            await elsewhere.request_cancel(run_id, "carol")
            assert await north.cancel_requested(run_id)
            await north.close(run_id, Outcome.CANCELLED)
            with pytest.raises(Refused) as refused:
                await elsewhere.request_cancel(run_id, "bob")
            assert refused.value.code == "records.run-closed"

    run(story())
    assert place.rows("SELECT cancel_requested_by FROM runs") == [("bob",)]
