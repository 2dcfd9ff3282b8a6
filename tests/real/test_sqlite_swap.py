"""SQLite databases whose content is put back into the live file, whoever has it open; and what stands in the way."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from app.assembly import Overwinter
from app.foundation.events import Outcome
from app.jobs.cutover.plan import StagingPlan, encode
from app.jobs.restore.choice import RestoreChoice, Swap
from app.jobs.swap.setting import SwapState
from app.tools.sqlite import programs
from tests.faults.cutover_sqlite import make_database
from tests.real.servers.sshd import ssh_server
from tests.real.test_swap import SITE, Greenhouse, Swapped, greenhouse_in
from tests.running import run

if sys.platform == "win32":
    pytest.skip("owners and modes as POSIX has them", allow_module_level=True)

SOURCE = """
[[sources]]
name = "db"
kind = "sqlite"
host = "{host}"
database = "{database}"
"""

WITHOUT_BACKUP = Swap(safety=False)


@pytest.fixture
def greenhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Greenhouse:
    return greenhouse_in(tmp_path, monkeypatch)


def with_database(greenhouse: Greenhouse, database: Path, *, wal: bool = True, page_size: int = 4096) -> None:
    """The site has it, and it has what the point is to have."""
    host = "server" if greenhouse.server else "this-computer"
    greenhouse.more += SOURCE.format(host=host, database=database)
    database.parent.mkdir(exist_ok=True, parents=True)
    make_database(database, "old", wal=wal, page_size=page_size)
    with closing(sqlite3.connect(database)) as live:
        live.execute("CREATE TABLE no_key (t TEXT, u BLOB)")
        live.execute("INSERT INTO no_key VALUES ('it''s \u0441ад', x'00ff'), (NULL, NULL)")
        live.commit()
    database.chmod(0o640)


def dumped(database: Path) -> list[str]:
    """All that it holds, as SQL."""
    with closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True)) as live:
        (sound,) = live.execute("PRAGMA integrity_check").fetchone()
        assert sound == "ok"
        return list(live.iterdump())


def change(database: Path) -> None:
    with closing(sqlite3.connect(database)) as live:
        live.execute("DELETE FROM nodes WHERE id > 100")
        live.execute("UPDATE ident SET state = 'live'")
        live.execute("CREATE TABLE came (t TEXT)")
        live.commit()


async def restored(app: Overwinter, point: str, scope: str = "databases", target: Swap = WITHOUT_BACKUP) -> Swapped:
    choice = RestoreChoice(point, (scope,), target)
    plan = await app.plan_restore(SITE, choice, f"RESTORE {SITE} {point[:8]} {scope}")
    launched = await app.runner.launch(plan)
    assert isinstance(plan.state, SwapState)
    return Swapped(await app.runner.wait(SITE, launched.run), plan.state, [])


async def taken_back(app: Overwinter, done: Swapped) -> None:
    undo = await app.runner.launch(await app.plan_undo(SITE, done.run.id))
    undone = await app.runner.wait(SITE, undo.run)
    assert undone.outcome is Outcome.SUCCESS, undone.error


async def age(app: Overwinter) -> None:
    """The time of what the finished restore has put aside is over."""
    (run_,) = await app.shelf.finished_runs(SITE)
    plan = await app.shelf.finished(SITE, run_)
    assert plan is not None
    write_plan(app, msgspec.structs.replace(plan, made=datetime.now(UTC) - timedelta(hours=25)))


def write_plan(app: Overwinter, plan: StagingPlan) -> None:
    Path(app.shelf.folder, f"{SITE}.{plan.run}.json").write_bytes(encode(plan))


@contextmanager
def program_with(database: Path) -> Iterator[sqlite3.Connection]:
    """A program that has it open all the while."""
    with closing(sqlite3.connect(database, isolation_level=None)) as live:
        live.execute("SELECT count(*) FROM nodes").fetchall()
        yield live


@pytest.mark.spec("R6", "R9")
@pytest.mark.parametrize("far", [False, True], ids=["here", "server"])
@pytest.mark.parametrize("wal", [True, False], ids=["wal", "journal"])
def test_the_content_of_the_point_is_put_into_the_live_file_and_goes_back_again(
    greenhouse: Greenhouse, *, far: bool, wal: bool
) -> None:
    database = greenhouse.folder / "databases" / "site's db.sqlite"

    async def story() -> None:
        with_database(greenhouse, database, wal=wal)
        then = dumped(database)
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            change(database)
            live, inode = dumped(database), database.stat().st_ino
            with program_with(database) as program:
                done = await restored(app, point)
                assert done.run.outcome is Outcome.SUCCESS, done.run.error
                assert program.execute("SELECT state FROM ident").fetchone() == ("old",)
                program.execute("INSERT INTO nodes (t) VALUES ('written since')")
                program.execute("DELETE FROM nodes WHERE t = 'written since'")
                assert program.execute("PRAGMA journal_mode").fetchone() == ("wal" if wal else "delete",)
            assert dumped(database) == then
            assert database.stat().st_ino == inode
            (old,) = done.state.old
            assert old.name == f"{database}.__before_restore_{done.run.id[:8]}"
            kept = database.with_name(old.name.rpartition("/")[2])
            assert dumped(kept) == live
            assert kept.stat().st_mode & 0o777 == 0o640
            await taken_back(app, done)
            assert dumped(database) == live
            beside = {path.name for path in database.parent.iterdir() if not path.name.endswith(("-wal", "-shm"))}
            assert len(beside) == 2, f"what was restored stays for a while: {beside}"
            await age(app)
            cleanup = await app.runner.launch(await app.plan_cleanup(SITE))
            assert (await app.runner.wait(SITE, cleanup.run)).outcome is Outcome.SUCCESS
            assert {path.name for path in database.parent.iterdir()} <= {database.name, f"{database.name}-wal",
                                                                         f"{database.name}-shm"}  # fmt: skip

    with ssh_server(greenhouse.folder / "sshd") if far else nullcontext() as greenhouse.server:
        run(story())


@pytest.mark.spec("R6")
@pytest.mark.parametrize(("wal", "page_size"), [(True, 1024), (False, 8192)])
def test_a_database_of_another_page_size_gets_the_content_too(
    greenhouse: Greenhouse, *, wal: bool, page_size: int
) -> None:
    database = greenhouse.folder / "databases" / "db.sqlite"

    async def story() -> None:
        with_database(greenhouse, database)
        then = dumped(database)
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            for path in database.parent.iterdir():
                path.unlink()
            make_database(database, "new", wal=wal, page_size=page_size)
            live = dumped(database)
            with program_with(database) as program:
                done = await restored(app, point)
                assert done.run.outcome is Outcome.SUCCESS, done.run.error
                assert program.execute("SELECT state FROM ident").fetchone() == ("old",)
            assert dumped(database) == then
            await taken_back(app, done)
            assert dumped(database) == live

    run(story())


@pytest.mark.spec("R6", "R4")
def test_a_lost_database_comes_back_and_what_stands_in_the_way_is_refused(greenhouse: Greenhouse) -> None:
    database = greenhouse.folder / "databases" / "db.sqlite"

    async def story() -> None:
        with_database(greenhouse, database, wal=False)
        then = dumped(database)
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            database.unlink()
            database.with_name("db.sqlite-wal").write_text("of another one")
            done = await restored(app, point)
            assert (done.run.outcome, done.code) == (Outcome.REFUSED, "sqlite.log-left")
            database.with_name("db.sqlite-wal").unlink()
            done = await restored(app, point, target=Swap())
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            assert dumped(database) == then
            assert database.stat().st_mode & 0o777 == 0o640
            assert done.state.old == []
            database.write_bytes(b"no database" * 500)
            done = await restored(app, point)
            assert (done.run.outcome, done.code) == (Outcome.REFUSED, "sqlite.not-a-database")
            assert {path.name for path in database.parent.iterdir()} == {database.name}

    run(story())


@pytest.mark.spec("R6", "R8")
def test_a_database_that_stays_locked_is_left_as_it_was(
    greenhouse: Greenhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = greenhouse.folder / "databases" / "db.sqlite"
    monkeypatch.setattr(programs, "PUTS_FOR", 1)
    monkeypatch.setattr(programs, "LOOKS_FOR", 1)

    async def story() -> None:
        with_database(greenhouse, database)
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            change(database)
            live = dumped(database)
            with program_with(database) as program:
                program.execute("BEGIN IMMEDIATE")
                done = await restored(app, point)
                assert (done.run.outcome, done.code) == (Outcome.FAILED, "sqlite.busy"), done.run.error
                assert done.run.rollback.value == "done"
                program.execute("ROLLBACK")
            assert dumped(database) == live
            assert {path.name for path in database.parent.iterdir()} <= {"db.sqlite", "db.sqlite-wal", "db.sqlite-shm"}

    run(story())


@pytest.mark.spec("R6", "R10")
@pytest.mark.parametrize("in_place", [False, True], ids=["swap", "sync"])
def test_a_database_in_a_tree_that_is_restored_too_has_its_own_point(greenhouse: Greenhouse, *, in_place: bool) -> None:
    """The copy that the tree's backup has of the file is of no use: what is put into it is the database's own."""
    database = greenhouse.root / "database" / "db.sqlite"

    greenhouse.more = "" if in_place else 'exclude = ["database"]'

    async def story() -> None:
        with_database(greenhouse, database)
        then = dumped(database)
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            change(database)
            (greenhouse.root / "file").write_text("live")
            live, inode = dumped(database), database.stat().st_ino
            with program_with(database) as program:
                done = await restored(app, point, "files", Swap(safety=False, in_place=in_place))
                assert done.run.outcome is Outcome.SUCCESS, done.run.error
                assert (greenhouse.root / "file").read_text() == "of the point"
                assert program.execute("SELECT state FROM ident").fetchone() == ("live",)
                assert (dumped(database), database.stat().st_ino) == (live, inode), "files alone leave it as it is"
                done = await restored(app, point, "both", Swap(safety=False, in_place=in_place))
                assert done.run.outcome is Outcome.SUCCESS, done.run.error
                assert program.execute("SELECT state FROM ident").fetchone() == ("old",)
            assert (dumped(database), database.stat().st_ino) == (then, inode)
            if not in_place:
                await taken_back(app, done)
                assert dumped(database) == live

    run(story())


@pytest.mark.spec("R6", "R4")
def test_a_tree_is_not_exchanged_with_a_database_in_it(greenhouse: Greenhouse) -> None:
    database = greenhouse.root / "database" / "db.sqlite"

    async def story() -> None:
        with_database(greenhouse, database)
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            done = await restored(app, point, "files")
            assert (done.run.outcome, done.code) == (Outcome.REFUSED, "restore.database-inside")

    run(story())
