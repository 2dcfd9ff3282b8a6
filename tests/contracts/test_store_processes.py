"""The contract of stores: several processes work in one database at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from app.foundation.blocking import Blocking
from app.foundation.errors import Busy, UserError
from app.foundation.events import Outcome
from app.foundation.redact import Redactor
from app.records.audit import first_broken
from app.records.site_records import SiteRecords
from app.store.engine import Database
from app.store.tables import audit, runs, sites
from tests.contracts.conftest import StorePlace
from tests.contracts.store_rows import WEDNESDAY, a_run, add_a_site, add_site, open_and_close, two_sites
from tests.running import run

PROCESS = """
import asyncio, sys
from datetime import UTC, datetime
from sqlalchemy import insert
from app.foundation.blocking import Blocking
from app.foundation.redact import Redactor
from app.records.owners import this_process
from app.records.run import Run, new_run_id
from app.records.site_records import SiteRecords
from app.store.engine import open_database
from app.store.tables import sites

where, password, NOW = sys.argv[1], sys.argv[2], datetime.now(UTC)

def site(name):
    return insert(sites).values(name=name, document="", added=NOW, changed=NOW)

async def main():
    blocking = Blocking()
    database = await open_database(where, blocking, password=password)
    await story(database)
    await database.close()
    blocking.close()
"""


def process(place: StorePlace, story: str) -> subprocess.Popen[str]:
    """A process that has everything loaded, says so, and begins its story when it reads a line."""
    code = f"{PROCESS}\n{story}\nprint('ready', flush=True)\nsys.stdin.readline()\nasyncio.Runner().run(main())"
    command = [sys.executable, "-c", code, place.where, place.password]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


def all_at_once(processes: list[subprocess.Popen[str]]) -> list[str]:
    """What each says, all told to begin at the same moment."""
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    said = [each.communicate(timeout=60)[0].strip() for each in processes]
    assert [each.returncode for each in processes] == [0] * len(processes)
    return said


@pytest.mark.spec("B6")
def test_processes_that_open_a_new_database_at_once_all_succeed(place: StorePlace) -> None:
    story = "async def story(database): print(await database.read(lambda connection: 'open'))"
    assert all_at_once([process(place, story) for _ in range(4)]) == ["open"] * 4


@pytest.mark.spec("B6")
def test_of_processes_that_ask_for_the_same_one_begins_and_the_others_join(place: StorePlace) -> None:
    run(add_a_site(place))
    story = """
async def story(database):
    run = Run(id=new_run_id(), site="north", kind="backup", trigger="manual", who="ann", choice="all", key="all",
              owner=this_process(), started=NOW)
    begun = await SiteRecords(database, "north", Redactor()).begin(run)
    print(begun.joined, begun.run.id)
"""
    said = [line.split() for line in all_at_once([process(place, story) for _ in range(4)])]
    assert sorted(joined for joined, _ in said) == ["False", "True", "True", "True"]
    assert len({run_id for _, run_id in said}) == 1


@pytest.mark.spec("B6")
def test_of_eight_connections_exactly_one_gets_a_key_by_the_index_alone(place: StorePlace) -> None:
    numbers = count(1)

    async def insert_run(database: Database) -> bool:
        row = msgspec.structs.asdict(a_run())
        owner = row.pop("owner")
        row["number"] = next(numbers)
        row |= {f"owner_{name}": value for name, value in msgspec.structs.asdict(owner).items()}
        try:
            await database.write(lambda connection: connection.execute(insert(runs).values(row)))
        except IntegrityError:
            return False
        return True

    async def story() -> None:
        async with AsyncExitStack() as stack:
            databases = [await stack.enter_async_context(place.opened()) for _ in range(8)]
            await add_site(databases[0], "north")
            assert sum(await asyncio.gather(*map(insert_run, databases))) == 1
            await databases[0].write(
                lambda connection: connection.execute(update(runs).values(closed=WEDNESDAY, outcome=Outcome.FAILED))
            )
            assert sum(await asyncio.gather(*map(insert_run, databases))) == 1

    run(story())


@pytest.mark.spec("J5")
def test_processes_that_append_to_the_audit_log_at_once_make_one_chain(place: StorePlace) -> None:
    run(add_a_site(place))
    story = """
async def story(database):
    records = SiteRecords(database, "north", Redactor())
    for number in range(25):
        await records.add_audit(str(os.getpid()), "noted", {"number": str(number)})
"""
    all_at_once([process(place, f"import os\n{story}") for _ in range(4)])

    async def read() -> None:
        async with place.opened() as database:
            chain = await SiteRecords(database, "north", Redactor()).audit()
            assert [entry.number for entry in chain] == list(range(1, 101))
            assert first_broken(chain) is None
            assert len({entry.who for entry in chain}) == 4

    run(read())


@pytest.mark.spec("J5")
def test_the_database_itself_refuses_a_second_entry_after_the_same_one(place: StorePlace) -> None:
    """A fork of the chain would need two entries of one number, whoever writes them and whatever locks fail."""

    async def story() -> None:
        async with two_sites(place) as (database, north, _south):
            await north.add_audit("ann", "noted", {})
            (entry,) = await north.audit()
            fork = msgspec.structs.asdict(msgspec.structs.replace(entry, who="eve"))
            with pytest.raises(IntegrityError):
                await database.write(lambda connection: connection.execute(insert(audit).values(fork)))

    run(story())


@pytest.mark.spec("J2")
def test_a_process_killed_in_the_middle_of_a_write_leaves_all_or_nothing_of_it(place: StorePlace) -> None:
    """Sites come in pairs; what was reported is there, what was not is there whole or not at all."""
    story = """
async def story(database):
    for number in range(10_000):
        def pair(connection):
            connection.execute(site(f"{number}-first"))
            connection.execute(site(f"{number}-second"))
        await database.write(pair)
        print(number, flush=True)
"""
    run(open_and_close(place))
    for _ in range(3):
        writer = process(place, story)
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
        reported = [writer.stdout.readline().strip() for _ in range(20)]
        writer.kill()
        reported += writer.communicate()[0].split()
        run(check_pairs(place, reported))


async def check_pairs(place: StorePlace, reported: list[str]) -> None:
    async with place.opened() as database:
        names = set(await database.read(lambda connection: connection.execute(select(sites.c.name)).scalars().all()))
        firsts, seconds = ({name for name in names if name.endswith(end)} for end in ("first", "second"))
        assert {name.partition("-")[0] for name in firsts} == {name.partition("-")[0] for name in seconds}
        assert {f"{number}-first" for number in reported} <= firsts
        await database.write(lambda connection: connection.execute(sites.delete()))
    if place.kind == "sqlite":
        assert place.rows("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.spec("B6", "X3")
def test_a_database_that_another_one_keeps_locked_is_busy_in_bounded_time(place: StorePlace) -> None:
    async def story() -> None:
        holding, enough = threading.Event(), threading.Event()

        def hold(_: object) -> None:
            holding.set()
            enough.wait(20)

        blocking = Blocking()
        async with place.opened() as holder, place.opened(patience=0.3) as other:
            work = asyncio.create_task(holder.write(hold))
            assert await blocking.call("files", lambda: holding.wait(20))
            began = time.monotonic()
            with pytest.raises(Busy) as busy:
                await add_site(other, "north")
            assert busy.value.code == "store.busy"
            assert time.monotonic() - began < 5
            assert await other.read(lambda connection: connection.execute(select(sites)).all()) == []
            enough.set()
            await work
            await add_site(other, "north")
        blocking.close()

    run(story())


@pytest.mark.spec("J2")
def test_a_change_that_raises_is_rolled_back(place: StorePlace) -> None:
    async def story() -> None:
        async with place.opened() as database:

            def change(connection: Any) -> None:
                connection.execute(insert(sites).values(name="n", document="", added=WEDNESDAY, changed=WEDNESDAY))
                raise KeyError("half-way")

            with pytest.raises(KeyError):
                await database.write(change)
            assert await database.read(lambda connection: connection.execute(select(sites)).all()) == []

    run(story())


def test_a_reader_cannot_write(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (database, _north, _south):
            with pytest.raises(UserError):
                await database.read(lambda connection: connection.execute(sites.delete()))
            assert len(await database.read(lambda connection: connection.execute(select(sites)).all())) == 2

    run(story())
