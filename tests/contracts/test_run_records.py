"""The contract of stores: what a run leaves comes back as it was recorded."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import msgspec
import pytest
from sqlalchemy.exc import StatementError

from app.foundation.errors import Problem, Refused
from app.foundation.events import Counters, Item, ItemStatus, Outcome, Phase, Rollback, StepOutcome
from app.foundation.redact import Redactor
from app.foundation.words import text
from app.records.run import RUNNING, Begun, StepRecord
from app.records.site_records import SiteRecords
from app.store.tables import metadata
from tests.contracts.conftest import StorePlace
from tests.contracts.store_rows import PROBLEM, WEDNESDAY, a_run, two_sites
from tests.running import run


@pytest.mark.spec("J1")
def test_a_run_comes_back_as_it_was_recorded(place: StorePlace) -> None:
    begun = a_run(tags=("before-update", "весна"), choice="только базы")
    counters = Counters(3, 3, 2, 1, 0)

    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            assert await north.begin(begun) == Begun(begun, joined=False)
            assert await north.run(begun.id) == begun
            await north.close(
                begun.id,
                Outcome.PARTIAL,
                rollback=Rollback.DONE,
                counters=counters,
                error=PROBLEM,
                log_excerpt="first\nпоследняя\n",
            )
            closed = await north.run(begun.id[:6])
            assert closed.closed is not None
            expected = msgspec.structs.replace(
                begun,
                closed=closed.closed,
                outcome=Outcome.PARTIAL,
                rollback=Rollback.DONE,
                counters=counters,
                error=PROBLEM,
                log_excerpt="first\nпоследняя\n",
            )
            assert closed == expected
            assert await north.runs() == [msgspec.structs.replace(expected, log_excerpt="")]

    run(story())


@pytest.mark.spec("J2")
def test_a_run_is_closed_exactly_once(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            run_id = (await north.begin(a_run())).run.id
            await north.close(run_id, Outcome.SUCCESS)
            with pytest.raises(Refused) as refused:
                await north.close(run_id, Outcome.FAILED)
            assert refused.value.code == "records.run-closed"
            assert (await north.run(run_id)).outcome is Outcome.SUCCESS

    run(story())


@pytest.mark.spec("B6")
def test_the_same_request_joins_while_one_is_active_and_begins_anew_afterwards(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (_, north, south):
            first = (await north.begin(a_run())).run
            assert await north.begin(a_run()) == Begun(first, joined=True)
            assert not (await north.begin(a_run(key="files only"))).joined
            assert not (await south.begin(a_run("south"))).joined
            await north.close(first.id, Outcome.FAILED)
            assert not (await north.begin(a_run())).joined

    run(story())


@pytest.mark.spec("J1")
def test_runs_are_listed_newest_first_and_by_what_is_asked(place: StorePlace) -> None:
    hour = timedelta(hours=1)
    early, late = a_run(kind="verify", key="1"), a_run(key="2", started=WEDNESDAY + hour)
    latest = a_run(key="3", started=WEDNESDAY + 2 * hour)

    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            for each in (early, late, latest):
                await north.begin(each)
            await north.close(early.id, Outcome.FAILED)
            assert [each.id for each in await north.runs()] == [latest.id, late.id, early.id]
            assert [each.id for each in await north.runs(limit=1)] == [latest.id]
            assert [each.id for each in await north.runs(kind="verify")] == [early.id]
            assert [each.id for each in await north.runs(since=late.started)] == [latest.id, late.id]
            assert [each.id for each in await north.runs(status=Outcome.FAILED)] == [early.id]
            assert await north.runs(status=RUNNING) == await north.active_runs() == [latest, late]

    run(story())


def test_a_beginning_that_several_runs_share_or_that_is_too_short_names_none(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            for end in "01":
                await north.begin(a_run(id=f"abcdef{end}".ljust(32, "0"), key=end))
            assert (await north.run("abcdef1")).key == "1"
            for given, code in (
                ("abcdef", "records.ambiguous-run"),
                ("abcde", "records.no-such-run"),
                ("abc%ef0", "records.no-such-run"),
                ("\0bcdef", "records.no-such-run"),
                ("", "records.no-such-run"),
            ):
                with pytest.raises(Refused) as refused:
                    await north.run(given)
                assert refused.value.code == code

    run(story())


@pytest.mark.spec("J1")
def test_steps_come_back_in_order_with_how_they_ended(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            run_id = (await north.begin(a_run())).run.id
            await north.add_step(run_id, 2, "files", text("Files of {name}", name="сад"), Phase.STAGE)
            await north.add_step(run_id, 1, "look", text("Look"), Phase.PREFLIGHT)
            await north.finish_step(run_id, 2, StepOutcome.FAILED, PROBLEM)
            look, files = await north.steps(run_id)
            assert look == StepRecord(1, "look", text("Look"), Phase.PREFLIGHT, look.started)
            assert files.ended is not None
            assert files.started <= files.ended
            assert files == StepRecord(
                2,
                "files",
                text("Files of {name}", name="сад"),
                Phase.STAGE,
                files.started,
                files.ended,
                StepOutcome.FAILED,
                PROBLEM,
            )

    run(story())


@pytest.mark.spec("B5", "J1")
def test_items_come_back_as_they_were_told_whatever_the_names_are(place: StorePlace) -> None:
    names = ("plain", "new\nline", "сад/🌱", b"\xff\xfe".decode("utf-8", "surrogateescape"), "")
    database = Item("database", ItemStatus.SUCCESS, "ab" * 32, bytes=5 * 2**40, added=7)
    files = Item("files", ItemStatus.PARTIAL, error=PROBLEM, missing=names, missing_count=10**9)

    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            run_id = (await north.begin(a_run())).run.id
            await north.add_item(run_id, Item("database", ItemStatus.FAILED))
            await north.add_item(run_id, files)
            await north.add_item(run_id, database)
            assert await north.items(run_id) == [files, database]

    run(story())


def test_text_that_no_database_takes_is_kept_readable(place: StorePlace) -> None:
    choice = b"caf\xe9 \0 \xd1\x81".decode("utf-8", "surrogateescape")

    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            run_id = (await north.begin(a_run(choice=choice))).run.id
            assert (await north.run(run_id)).choice == r"caf\udce9 \x00 с"

    run(story())


def test_times_come_back_in_utc_to_the_microsecond_and_a_time_without_zone_is_refused(place: StorePlace) -> None:
    prague = WEDNESDAY.astimezone(timezone(timedelta(hours=2)))

    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            found = await north.run((await north.begin(a_run(started=prague))).run.id)
            assert found.started == WEDNESDAY
            assert found.started.tzinfo is UTC
            with pytest.raises(StatementError, match="no time zone"):
                await north.begin(a_run(key="naive", started=WEDNESDAY.replace(tzinfo=None)))

    run(story())


@pytest.mark.spec("J1")
def test_a_long_log_is_kept_by_its_beginning_and_its_end(place: StorePlace) -> None:
    log = "beginning " + "я" * 300_000 + " end"

    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            run_id = (await north.begin(a_run())).run.id
            await north.close(run_id, Outcome.SUCCESS, log_excerpt=log)
            kept = (await north.run(run_id)).log_excerpt
            assert 199_000 < len(kept.encode()) <= 200 * 1024
            assert kept.startswith("beginning яя")
            assert kept.endswith("яя end")

    run(story())


@pytest.mark.spec("S4")
def test_no_secret_reaches_a_row(place: StorePlace) -> None:
    canary = "Canary-7f3a+x/y"
    leak = text("It is {p}.", p=text("{inner}", inner=canary))
    leaky = Problem(leak, leak, leak, "x.y", f"password={canary}")

    async def story() -> None:
        async with two_sites(place) as (database, _north, _south):
            north = SiteRecords(database, "north", Redactor([canary]))
            run_id = (await north.begin(a_run(choice=canary, who=canary, tags=(canary,)))).run.id
            await north.add_step(run_id, 1, "dump", text("Dump {of}", of=canary), Phase.STAGE)
            await north.finish_step(run_id, 1, StepOutcome.FAILED, leaky)
            await north.add_item(run_id, Item("db", ItemStatus.FAILED, error=leaky, missing=(f"/{canary}/x",)))
            await north.request_cancel(run_id, canary)
            await north.add_audit(canary, "secret-set", {"value": canary})
            await north.close(run_id, Outcome.FAILED, error=leaky, log_excerpt=f"said {canary}\n")

    run(story())
    everything = [row for table in metadata.sorted_tables for row in place.rows(f"SELECT * FROM {table.name}")]
    assert canary not in repr(everything)
    assert "[secret]" in repr(everything)
