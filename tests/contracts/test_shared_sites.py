"""Two computers, or two users of one, whose records are in one PostgreSQL database: the rows alone keep them apart."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import insert, update

from app.foundation.blocking import Blocking
from app.foundation.errors import Busy
from app.foundation.events import Outcome
from app.foundation.redact import Redactor
from app.records.owners import Owner, this_process
from app.records.run import Run, new_run_id
from app.records.site_records import SiteRecords
from app.runs.recovery import Recovery
from app.runs.site_lock import SILENT_TOO_LONG, SiteLock
from app.settings.places import places
from app.store.engine import Database
from app.store.tables import runs, sites
from tests.contracts.conftest import StorePlace
from tests.running import run

pytestmark = pytest.mark.spec("B6")

ELSEWHERE = Owner("laptop-of-bob#12345678", "its boot", 4711, 12.5)
NOW = datetime(2026, 2, 11, 2, tzinfo=UTC)


class Laptop:
    """A computer with a data folder of its own, and the shared records."""

    def __init__(self, folder: Path, database: Database, blocking: Blocking, owner: Owner) -> None:
        self.owner = owner
        self.records = SiteRecords(database, "north", Redactor())
        self._folder = folder
        self._places = places(folder)
        self._places.ready()
        self._database = database
        self._blocking = blocking

    def seen_as(self, owner: Owner) -> Laptop:
        """The same data folder, in a process that looks like another one."""
        return Laptop(self._folder, self._database, self._blocking, owner)

    async def begin(self, key: str) -> Run:
        """A run of this laptop."""
        wanted = Run(
            id=new_run_id(), site="north", kind="backup", trigger="manual", who="ann", choice="", key=key,
            owner=self.owner, started=NOW,
        )  # fmt: skip
        return (await self.records.begin(wanted)).run

    def lock(self, of: Run) -> SiteLock:
        """What a run of this laptop wants."""
        return SiteLock(self._places.locks, of, self.records, self._blocking)

    @property
    def recovery(self) -> Recovery:
        """Clears away at this laptop's start."""

        async def unlock(_site: str) -> None:
            raise AssertionError("another computer's locks are its own")

        return Recovery(self._places, self._blocking, lambda _site: self.records, unlock, ours=())


@asynccontextmanager
async def two_laptops(place: StorePlace, folder: Path) -> AsyncIterator[tuple[Laptop, Laptop, Database]]:
    """This computer, and another one."""
    blocking = Blocking()
    async with place.opened() as database:
        row = {"name": "north", "document": "", "added": NOW, "changed": NOW}
        await database.write(lambda connection: connection.execute(insert(sites).values(row)))
        mine, bobs = (
            Laptop(folder / name, database, blocking, owner)
            for name, owner in (("mine", this_process()), ("bobs", ELSEWHERE))
        )
        yield mine, bobs, database
    blocking.close()


async def fall_silent(database: Database, run_id: str) -> None:
    """As if its process had given no sign of life for too long."""
    silent = runs.c.renewed - SILENT_TOO_LONG - 60
    await database.write(
        lambda connection: connection.execute(update(runs).where(runs.c.id == run_id).values(renewed=silent))
    )


def test_a_run_of_another_computer_holds_the_site_as_long_as_it_gives_signs_of_life(
    place: StorePlace, tmp_path: Path
) -> None:
    async def story() -> None:
        async with two_laptops(place, tmp_path) as (mine, bobs, database):
            theirs = await bobs.begin("1")
            await bobs.lock(theirs).take()
            await mine.recovery.close_interrupted("north")
            ours = await mine.begin("2")
            with pytest.raises(Busy) as busy:
                await mine.lock(ours).take()
            assert busy.value.code == "run.busy"
            assert "laptop-of-bob" in str(busy.value.problem.what)
            assert theirs.id[:8] in str(busy.value.problem.what)
            await mine.lock(ours).release()
            await fall_silent(database, theirs.id)
            assert await bobs.records.renew(theirs.id)  # it slept, and woke up in time
            with pytest.raises(Busy):
                await mine.lock(ours).take()

    run(story())


def test_a_silent_computers_run_is_closed_and_its_site_taken_over_and_it_notices(
    place: StorePlace, tmp_path: Path
) -> None:
    async def story() -> None:
        async with two_laptops(place, tmp_path) as (mine, bobs, database):
            theirs = await bobs.begin("1")
            await bobs.lock(theirs).take()
            await fall_silent(database, theirs.id)
            ours = await mine.begin("2")
            (closed,) = await mine.recovery.close_interrupted("north", ours.id)
            assert (closed.id, closed.outcome) == (theirs.id, Outcome.INTERRUPTED)
            lock = mine.lock(ours)
            await lock.take()
            assert not await bobs.records.renew(theirs.id)
            (taken,) = [entry for entry in await mine.records.audit() if entry.what == "lock-taken-over"]
            assert taken.fields["from"] == theirs.id
            assert taken.fields["run"] == ours.id
            await mine.recovery.tidy("north")
            assert [one.id for one in await mine.records.untidy_runs()] == [theirs.id]  # for its own computer to do
            await mine.records.close(ours.id, Outcome.SUCCESS)
            await lock.release()

    run(story())


def test_the_row_of_a_holder_that_died_between_two_looks_is_taken_over_with_the_lock(
    place: StorePlace, tmp_path: Path
) -> None:
    async def story() -> None:
        async with two_laptops(place, tmp_path) as (mine, bobs, database):
            theirs = await bobs.begin("1")
            await bobs.lock(theirs).take()
            ours = await mine.begin("2")
            await fall_silent(database, theirs.id)
            lock = mine.lock(ours)
            await lock.take()
            holder = await mine.records.site_holder()
            assert holder is not None
            assert holder.run == ours.id
            assert [entry.what for entry in await mine.records.audit()].count("lock-taken-over") == 1
            await mine.records.close(ours.id, Outcome.SUCCESS)
            await lock.release()

    run(story())


def test_a_lock_file_that_somebody_holds_keeps_the_site_although_its_row_looks_dead(
    place: StorePlace, tmp_path: Path
) -> None:
    """As in a container whose process numbers are not ours: the system itself knows that the holder lives."""

    async def story() -> None:
        async with two_laptops(place, tmp_path) as (mine, _bobs, _database):
            invisible = msgspec.structs.replace(mine.owner, started=mine.owner.started - 1)
            inside = mine.seen_as(invisible)
            theirs = await inside.begin("1")
            held = inside.lock(theirs)
            await held.take()
            assert await mine.recovery.close_interrupted("north") == []
            ours = await mine.begin("2")
            with pytest.raises(Busy) as busy:
                await mine.lock(ours).take()
            assert theirs.id[:8] in str(busy.value.problem.what)
            await held.release()
            (closed,) = await mine.recovery.close_interrupted("north")
            assert closed.id == theirs.id

    run(story())


# --- two users of one computer ---------------------------------------------------------------------------------------

USER = """
import asyncio, os, sys
sys.path.insert(0, {root!r})
import app.store.postgresql, app.runs.runner
from datetime import UTC, datetime
from pathlib import Path
from app.foundation.blocking import Blocking
from app.foundation.errors import Busy
from app.foundation.events import Outcome
from app.foundation.redact import Redactor
from app.records.owners import this_process
from app.records.run import Run, new_run_id
from app.records.site_records import SiteRecords
from app.runs.site_lock import SiteLock
from app.store.engine import open_database

async def main(where, password, folder):
    blocking = Blocking()
    database = await open_database(where, blocking, password=password)
    records = SiteRecords(database, "north", Redactor())
    os.setgroups([]); os.setgid({user}); os.setuid({user})
    who = str(os.getuid())
    run = Run(id=new_run_id(), site="north", kind="backup", trigger="manual", who=who, choice="", key=who,
              owner=this_process(), started=datetime.now(UTC))
    await records.begin(run)
    lock = SiteLock(Path(folder) / "locks", run, records, blocking)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        await lock.take()
        print("has it", flush=True)
        sys.stdin.readline()
        await records.close(run.id, Outcome.SUCCESS)
    except Busy as busy:
        print(busy.problem.what, flush=True)
        await records.close(run.id, Outcome.SKIPPED)
    await lock.release()
    await database.close()
    blocking.close()

asyncio.Runner().run(main(*sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can act as two users")
def test_of_two_users_at_once_one_works_and_the_other_learns_who(postgres_place: StorePlace, tmp_path: Path) -> None:
    async def prepare() -> None:
        async with two_laptops(postgres_place, tmp_path):
            pass

    run(prepare())
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/tmp/"):  # pytest's own folders are closed to others
            folder.chmod(folder.stat().st_mode | 0o055)
    users = [as_user(postgres_place, tmp_path, user) for user in (65534, 1)]
    said = [tell(user) for user in users]
    assert sorted(line == "has it" for line in said) == [False, True], said
    (loser,) = [line for line in said if line != "has it"]
    winner = (65534, 1)[said.index("has it")]
    assert f"started by {winner} on" in loser
    for user in users:
        user.communicate("\n", timeout=30)
        assert user.returncode == 0


def as_user(place: StorePlace, folder: Path, user: int) -> subprocess.Popen[str]:
    """A process of that user, with a data folder of its own, that takes the site when it reads a line."""
    if sys.platform == "win32":
        pytest.skip("POSIX has this")
    own = folder / str(user)
    own.mkdir(mode=0o700)
    shutil.chown(own, user, user)
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-c", USER.format(root=root, user=user), place.where, place.password, str(own)]
    begun = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert begun.stdout is not None
    assert begun.stdout.readline() == "ready\n"
    return begun


def tell(user: subprocess.Popen[str]) -> str:
    """What it says when it is told to begin."""
    assert user.stdin is not None
    assert user.stdout is not None
    user.stdin.write("\n")
    user.stdin.flush()
    return user.stdout.readline().strip()
