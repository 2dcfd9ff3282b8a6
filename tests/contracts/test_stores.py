"""The contract of stores: SQLite and PostgreSQL behave the same, from the first migration on."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from app.foundation.blocking import Blocking
from app.foundation.errors import Busy, Problem, Refused, UserError
from app.foundation.events import Counters, Item, ItemStatus, Outcome, Phase, Rollback, StepOutcome
from app.foundation.redact import Redactor
from app.foundation.words import Size, text
from app.records.audit import first_broken
from app.records.owners import Owner, this_process
from app.records.run import RUNNING, Begun, Run, StepRecord, new_run_id
from app.records.site_records import SiteRecords
from app.store import migrations, versions
from app.store.engine import Database
from app.store.tables import audit, items, locks, metadata, runs, secret_names, sites, steps
from tests.contracts.conftest import RECORDS, StorePlace
from tests.real.servers.postgresql import PostgresServer
from tests.running import run

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


# --- versions -----------------------------------------------------------------------------------


def test_the_known_head_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(versions.SCRIPTS))
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


@pytest.mark.spec("X6")
def test_the_migrations_make_the_tables_that_the_code_knows(place: StorePlace) -> None:
    async def story() -> None:
        async with place.opened():
            pass

    run(story())
    with place.behind_its_back() as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


@pytest.mark.spec("X6")
def test_opening_again_changes_nothing(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            await north.begin(a_run())
        async with place.opened() as database:
            assert len(await SiteRecords(database, "north", Redactor()).runs()) == 1

    run(story())
    assert place.rows("SELECT version_num FROM alembic_version") == [(migrations.HEAD,)]


def test_a_database_that_is_up_to_date_opens_without_alembic(sqlite_place: StorePlace) -> None:
    run(open_and_close(sqlite_place))
    script = """
import asyncio, sys
from app.foundation.blocking import Blocking
from app.store.engine import open_database
blocking = Blocking()
asyncio.Runner().run(open_database(sys.argv[1], blocking))
print("alembic" in sys.modules, "psycopg" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", script, sqlite_place.where], capture_output=True, check=True)
    assert said.stdout.split() == [b"False", b"False"]


async def open_and_close(place: StorePlace) -> None:
    async with place.opened():
        pass


@pytest.mark.spec("X6")
def test_a_newer_database_is_refused_untouched(place: StorePlace) -> None:
    run(open_and_close(place))
    place.change("UPDATE alembic_version SET version_num = '9999'")
    before = Path(place.where).read_bytes() if place.kind == "sqlite" else b""
    with pytest.raises(Refused) as refused:
        run(open_and_close(place))
    assert refused.value.code == "store.newer"
    assert place.kind != "sqlite" or Path(place.where).read_bytes() == before
    assert place.rows("SELECT version_num FROM alembic_version") == [("9999",)]


def test_another_programs_database_is_refused_untouched(place: StorePlace) -> None:
    Path(place.where).parent.mkdir(exist_ok=True) if place.kind == "sqlite" else None
    place.change("CREATE TABLE customers (name TEXT)")
    with pytest.raises(Refused) as refused:
        run(open_and_close(place))
    assert refused.value.code == "store.not-ours"
    with pytest.raises(DBAPIError):
        place.rows("SELECT * FROM sites")


def a_second_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """From now on there is a second version of the tables, as a later Overwinter will bring; gives its script."""
    scripts = tmp_path / "migrations"
    shutil.copytree(versions.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    script = scripts / "versions" / "0003_second.py"
    script.write_text(
        "from alembic import op\nrevision = '0003'\ndown_revision = '0002'\n"
        "def upgrade():\n    op.execute('CREATE TABLE later (name TEXT)')\n"
    )
    monkeypatch.setattr(versions, "SCRIPTS", scripts)
    monkeypatch.setattr(migrations, "HEAD", "0003")
    return script


async def add_a_site(place: StorePlace) -> None:
    async with place.opened() as database:
        await add_site(database, "north")


@pytest.mark.spec("X6")
def test_an_older_database_is_brought_up_to_date(
    place: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(add_a_site(place))
    a_second_version(tmp_path, monkeypatch)
    run(open_and_close(place))
    assert place.rows("SELECT * FROM later") == []
    assert place.rows("SELECT name FROM sites") == [("north",)]


def test_of_an_older_file_a_copy_is_kept(
    sqlite_place: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(add_a_site(sqlite_place))
    a_second_version(tmp_path, monkeypatch)
    run(open_and_close(sqlite_place))
    copy = Path(f"{sqlite_place.where}.version-0002")
    assert copy.stat().st_mode & 0o777 == 0o600
    kept = StorePlace("sqlite", str(copy))
    assert kept.rows("SELECT version_num FROM alembic_version") == [("0002",)]
    assert kept.rows("SELECT name FROM sites") == [("north",)]


def test_a_migration_that_fails_leaves_the_older_database_as_it_was(
    place: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(add_a_site(place))
    with a_second_version(tmp_path, monkeypatch).open("a") as script:
        script.write("    op.execute('INSERT INTO nowhere VALUES (1)')\n")
    with pytest.raises(DBAPIError, match="nowhere"):
        run(open_and_close(place))
    assert place.rows("SELECT version_num FROM alembic_version") == [("0002",)]
    assert place.rows("SELECT name FROM sites") == [("north",)]
    with pytest.raises(DBAPIError, match="later"):
        place.rows("SELECT * FROM later")


OLD_RUN = (
    "INSERT INTO runs (site, id, kind, trigger, who, choice, key, owner_computer, owner_boot, owner_pid,"
    " owner_started, tags, started, closed, outcome, rollback, counters, log_excerpt) VALUES ('north', '{id}',"
    " 'backup', 'manual', 'ann', '', '{id}', 'x#1', '', 1, 1, '[]', '{started}', '{started}', 'success', 'none',"
    ' \'{{"total": 0, "processed": 0, "succeeded": 0, "failed": 0, "skipped": 0}}\', \'\')'
)


@pytest.mark.spec("X6", "J1")
def test_runs_of_the_first_version_keep_their_order_and_count_on(
    place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is made as the first version made it, by its own script."""
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "HEAD", "0001")
        earlier.setattr(command, "upgrade", partial(command_upgrade, to="0001"))
        run(open_and_close(place))
    late, early = (
        OLD_RUN.format(id=id_ * 32, started=f"2026-02-0{day} 02:00:00+00") for id_, day in (("a", 2), ("b", 1))
    )
    place.change(
        "INSERT INTO sites VALUES ('north', '', '2026-02-01 00:00:00+00', '2026-02-01 00:00:00+00')",
        *(statement.replace("+00", "") if place.kind == "sqlite" else statement for statement in (late, early)),
    )

    async def story() -> None:
        async with place.opened() as database:
            north = SiteRecords(database, "north", Redactor())
            newest = a_run(started=WEDNESDAY - timedelta(days=365))
            await north.begin(newest)
            assert [each.id for each in await north.runs()] == [newest.id, "a" * 32, "b" * 32]

    run(story())
    if place.kind == "sqlite":
        assert StorePlace("sqlite", f"{place.where}.version-0001").rows("SELECT count(*) FROM runs") == [(2,)]


def command_upgrade(config: Config, _revision: str, *, to: str) -> None:
    """Stops at an earlier version."""
    ScriptDirectory.from_config(config)
    UPGRADE(config, to)


UPGRADE = command.upgrade


# --- several processes --------------------------------------------------------------------------

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


# --- one site's rows ----------------------------------------------------------------------------


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


# --- the record of a run ------------------------------------------------------------------------


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


# --- locks and cancelling -----------------------------------------------------------------------


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


# --- the audit log ------------------------------------------------------------------------------


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


# --- a file that is not as it should be ---------------------------------------------------------


def problem_of(place: StorePlace, work: Coroutine[Any, Any, None]) -> Problem:
    """What a person is told; three sentences and a code."""
    with pytest.raises(UserError) as told:
        run(work)
    problem = told.value.problem
    assert all(str(sentence).endswith((".", "/database")) for sentence in (problem.what, problem.means, problem.next))
    assert place.password == "" or place.password not in repr(problem)
    return problem


@pytest.mark.spec("X3", "S4")
def test_a_new_file_is_closed_to_others(sqlite_place: StorePlace) -> None:
    path = Path(sqlite_place.where)

    async def story() -> None:
        async with sqlite_place.opened() as database:
            await add_site(database, "north")
            assert path.parent.stat().st_mode & 0o777 == 0o700
            assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
                path.name + end: 0o600 for end in ("", "-wal", "-shm")
            }

    run(story())
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.spec("X3")
def test_every_commit_is_synced_and_the_file_is_in_wal_mode(sqlite_place: StorePlace) -> None:
    async def pragma(database: Database, name: str) -> Any:
        return await database.read(lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())

    async def story() -> None:
        async with sqlite_place.opened() as database:
            assert await pragma(database, "journal_mode") == "wal"
            assert await pragma(database, "synchronous") == 2
            assert await pragma(database, "foreign_keys") == 1

    run(story())


@pytest.mark.spec("X3")
@pytest.mark.parametrize("garbage", [b"This is no database. " * 500, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_file_of_garbage_is_damaged(sqlite_place: StorePlace, garbage: bytes) -> None:
    Path(sqlite_place.where).parent.mkdir()
    Path(sqlite_place.where).write_bytes(garbage)
    assert problem_of(sqlite_place, open_and_close(sqlite_place)).code == "store.damaged"
    assert Path(sqlite_place.where).read_bytes() == garbage


@pytest.mark.spec("X3")
def test_a_file_with_torn_pages_is_damaged(sqlite_place: StorePlace) -> None:
    run(add_a_site(sqlite_place))
    path = Path(sqlite_place.where)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    assert problem_of(sqlite_place, add_a_site(sqlite_place)).code == "store.damaged"


@pytest.mark.spec("X3")
def test_a_folder_in_the_files_place_cannot_be_opened(sqlite_place: StorePlace) -> None:
    Path(sqlite_place.where).mkdir(parents=True)
    assert problem_of(sqlite_place, open_and_close(sqlite_place)).code == "store.unreachable"


@pytest.mark.spec("X3")
def test_a_file_in_the_folders_place_cannot_be_opened(sqlite_place: StorePlace) -> None:
    Path(sqlite_place.where).parent.write_text("")
    assert problem_of(sqlite_place, open_and_close(sqlite_place)).code == "store.unreachable"


@contextmanager
def as_an_ordinary_user(folder: Path) -> Iterator[None]:
    """Root may do everything: where root runs the tests, gives the folder to an ordinary user and acts as that one."""
    if sys.platform == "win32" or os.geteuid() != 0:
        yield
        return
    for each in (folder, *folder.rglob("*")):
        os.chown(each, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


NOBODY = 65534


@pytest.mark.spec("X3")
@pytest.mark.skipif(sys.platform == "win32", reason="rights of files are others there")
@pytest.mark.parametrize(
    ("file", "folder", "code"),
    [
        (0o400, 0o700, "store.read-only"),
        (0o600, 0o500, "store.read-only"),
        (0o000, 0o700, "store.unreachable"),
        (0o600, 0o000, "store.unreachable"),
    ],
    ids=["read-only file", "read-only folder", "closed file", "closed folder"],
)
def test_a_file_without_the_rights_to_it_is_told(file: int, folder: int, code: str) -> None:
    with tempfile.TemporaryDirectory() as home:  # a test's own folder is closed to other users
        path = Path(home) / "data" / "overwinter.db"
        place = StorePlace("sqlite", str(path))
        run(add_a_site(place))
        with as_an_ordinary_user(Path(home)):
            path.chmod(file)
            path.parent.chmod(folder)
            assert problem_of(place, add_a_site(place)).code == code
            path.parent.chmod(0o700)


@pytest.mark.spec("X3")
def test_a_full_disk_is_told_and_what_was_there_stays(sqlite_place: StorePlace) -> None:
    """SQLite's own limit on pages stands in for the disk: it fails in the same place with the same code."""

    async def story() -> None:
        async with sqlite_place.opened() as database:
            await add_site(database, "north")
            await database.read(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1"))
            row = {"name": "big", "document": "x" * 1_000_000, "added": WEDNESDAY, "changed": WEDNESDAY}
            await database.write(lambda connection: connection.execute(insert(sites).values(row)))

    assert problem_of(sqlite_place, story()).code == "store.disk-full"
    assert sqlite_place.rows("SELECT name FROM sites") == [("north",)]


@pytest.mark.spec("X3")
def test_a_file_that_others_keep_locked_is_busy(sqlite_place: StorePlace) -> None:
    async def story() -> None:
        async with sqlite_place.opened(patience=0.2) as database:
            await add_site(database, "south")

    run(add_a_site(sqlite_place))
    with sqlite3.connect(sqlite_place.where, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert problem_of(sqlite_place, story()).code == "store.busy"
    other.close()


# --- a server that is not as it should be -------------------------------------------------------


def test_a_wrong_password_is_told(postgres_place: StorePlace) -> None:
    wrong = replace(postgres_place, password="not this one")
    assert problem_of(wrong, open_and_close(wrong)).code == "store.wrong-password"


def test_a_server_that_is_not_there_is_told(postgres_place: StorePlace) -> None:
    gone = replace(postgres_place, where="postgresql://ann@127.0.0.1:1/records")
    assert problem_of(gone, open_and_close(gone)).code == "store.unreachable"


def test_a_server_that_ends_the_connection_is_told_and_the_next_attempt_works(
    postgres_place: StorePlace, postgres: PostgresServer
) -> None:
    async def story() -> None:
        async with postgres_place.opened() as database:

            def lose_it(connection: Connection) -> None:
                pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
                postgres.sql(f"SELECT pg_terminate_backend({pid})")
                connection.exec_driver_sql("SELECT 1")

            with pytest.raises(UserError) as told:
                await database.write(lose_it)
            assert told.value.code == "store.unreachable"
            await add_site(database, "north")

    run(story())


@pytest.mark.parametrize("right", ["CREATE", "ALL"])
def test_a_user_who_may_not_make_tables_is_told(
    postgres_place: StorePlace, postgres: PostgresServer, right: str
) -> None:
    guest = f"guest_{secrets.token_hex(4)}"
    postgres.create_role(guest, "guest's")
    postgres.sql(f"REVOKE {right} ON SCHEMA public FROM PUBLIC", database=RECORDS)
    address = postgres_place.where.replace(f"//{RECORDS}@", f"//{guest}@")
    guests = replace(postgres_place, where=address, password="guest's")
    assert problem_of(guests, open_and_close(guests)).code == "store.read-only"


@pytest.mark.spec("S4")
@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("postgresql://ann:hunter2@server/records", "store.password-in-address"),
        ("postgresql://ann@server:port/records", "store.bad-address"),
        ("mysql://ann@server/records", "store.bad-address"),
    ],
)
def test_an_address_that_will_not_do_is_refused_without_repeating_it(address: str, code: str) -> None:
    place = StorePlace("postgresql", address, "hunter2")
    assert problem_of(place, open_and_close(place)).code == code
