"""What every source keeps to, on every host kind.

A source is one entry in `SOURCES`, a host kind one in `HOSTS`: the tests know only the driver's protocol, the host's,
and what plain restic and the source's own tools say.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from app.assembly import assemble
from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.events import ItemStatus
from app.foundation.redact import spellings
from app.hosts.host import Command, Host
from app.hosts.local import LocalHost
from app.jobs.sources.driver import Captured, Equipment, RecordsWriter
from app.jobs.sources.kinds import DRIVERS
from app.settings.places import places
from app.tools.restic.repository import Restic
from app.tools.restic.session import Repository
from tests.contracts.sources import (
    PASSWORD,
    Files,
    Globals,
    Mysql,
    MysqlUsers,
    Postgresql,
    Records,
    Sqlite,
    Subject,
)
from tests.guards import descendants
from tests.real.capturing import REPOSITORY_PASSWORD, SITE, Capturing, no_records
from tests.real.practice import SITE_FILE, passphrase
from tests.real.servers.restic import VERSIONS, restic_program
from tests.running import run

pytestmark = pytest.mark.spec("B1", "B2", "B3")

GONE_WITHIN = 20.0


# --- hosts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A host under test, the repository as it is reached from there, and where its temporary files go."""

    host: Host
    restic: Restic
    scratch: Path


@asynccontextmanager
async def local(folder: Path, blocking: Blocking) -> AsyncIterator[Place]:
    """This computer."""
    scratch = folder / "scratch"
    host = LocalHost(blocking, scratch)
    repository = Repository(str(folder / "repository"), str(folder / "cache"))
    restic = Restic(host, restic_program(VERSIONS[-1]), repository, REPOSITORY_PASSWORD)
    yield Place(host, restic, scratch)


HOSTS: dict[str, Callable[[Path, Blocking], AbstractAsyncContextManager[Place]]] = {"local": local}

SOURCES = ("files", "postgresql", "postgresql-globals", "mysql", "mysql-users", "sqlite", "records")


def test_every_driver_is_tried() -> None:
    assert {kind.value for kind in DRIVERS} == set(SOURCES)


@pytest.fixture(params=SOURCES)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """Each source in turn, made for this test."""
    match request.param:
        case "files":
            yield Files(tmp_path / "laravel")
        case "postgresql":
            yield Postgresql(request.getfixturevalue("postgres"))
        case "postgresql-globals":
            yield Globals(request.getfixturevalue("postgres"), tmp_path)
        case "mysql":
            yield Mysql(request.getfixturevalue("mariadb"))
        case "mysql-users":
            yield MysqlUsers(request.getfixturevalue("mariadb"), tmp_path)
        case "records":
            yield Records()
        case "sqlite":
            database = Sqlite(tmp_path / "live" / "od'd сад.db")
            yield database
            database.close()
        case _:
            raise AssertionError(f"how is {request.param} made?")


@dataclass
class Trial(Capturing):
    """One source on one host."""

    kind: str = ""
    subject: Subject = field(default_factory=Records)
    scratches: set[Path] = field(default_factory=set)

    async def take(self) -> Captured:
        """Captures it."""
        blocking = Blocking()
        try:
            async with HOSTS[self.kind](self.folder, blocking) as place, self._records() as records:
                self.scratches.add(place.scratch)
                equipment = Equipment(blocking, {}, sys.executable, records)
                return await self.capture(
                    place.host, place.restic, self.subject.source, self.subject.secrets, equipment
                )
        finally:
            blocking.close()

    @asynccontextmanager
    async def _records(self) -> AsyncIterator[RecordsWriter]:
        """The records of a real program with two sites, where they are what is captured."""
        if not isinstance(self.subject, Records):
            yield no_records
            return
        app = await assemble(places(self.folder / "data"), passphrase)
        try:
            for site in (SITE, "south-house"):
                url = self.folder / f"repository-{site}"
                await app.add_site(SITE_FILE.replace(SITE, site).format(repository=url).encode())
            self.subject.write = app._write_records
            yield self.subject.records
        finally:
            await app.close()

    def taken_out(self, snapshot: str, path: str) -> Path:
        """What plain restic gives back: a folder for a tree, else a file."""
        target = self.folder / f"out-{snapshot[:8]}"
        if isinstance(self.subject, Files):
            self.restic("restore", f"{snapshot}:{path}", "--target", str(target))
        else:
            target.write_bytes(self.restic("dump", snapshot, path))
        return target


@pytest.fixture(params=sorted(HOSTS))
def trial(request: pytest.FixtureRequest, tmp_path: Path, subject: Subject) -> Iterator[Trial]:
    """The source on each kind of host; whatever happened, nothing is left over afterwards."""
    before = descendants()
    made = Trial(tmp_path, kind=request.param, subject=subject)
    yield made
    assert descendants() <= before
    assert [path for scratch in made.scratches for path in scratch.glob("*")] == []
    assert list((tmp_path / "repository" / "locks").iterdir()) == []
    deadline = time.monotonic() + GONE_WITHIN  # a server notices a connection's end a moment later
    while (left := subject.left()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == []


def test_a_point_holds_it_whole(trial: Trial) -> None:
    """And plain tools bring it back as it was."""
    state = trial.subject.state()
    captured = run(trial.take())
    assert captured.status is ItemStatus.SUCCESS, captured.error
    assert trial.snapshots() == [captured.snapshot]
    assert captured.bytes > 0
    for facts in filter(None, (captured.tree, captured.dump, captured.sql_dump, captured.copy)):
        assert msgspec.json.decode(msgspec.json.encode(facts), type=type(facts)) == facts
    assert trial.subject.put_back(trial.taken_out(captured.snapshot, captured.path)) == state


def test_a_failure_makes_no_snapshot(trial: Trial) -> None:
    code = trial.subject.spoil()
    with pytest.raises(UserError) as raised:
        run(trial.take())
    problem = raised.value.problem
    assert problem.code == code, problem
    assert all(str(sentence).strip() for sentence in (problem.what, problem.means, problem.next))
    assert trial.snapshots() == []


def first(_command: Command) -> bool:
    """The very first program."""
    return True


def taking(command: Command) -> bool:
    """restic as it takes the source."""
    return "backup" in command.arguments


@pytest.mark.parametrize(("moment", "later"), [(first, 0.0), (taking, 0.0), (taking, 0.15)])
def test_a_cancel_leaves_nothing_and_no_half_snapshot(
    trial: Trial, moment: Callable[[Command], bool], later: float
) -> None:
    state = trial.subject.state()

    async def cancelled() -> Captured | None:
        work = asyncio.create_task(trial.take())

        def cancel_at(command: Command) -> None:
            if moment(command):
                trial.on_command = lambda _command: None
                asyncio.get_running_loop().call_later(later, work.cancel)

        trial.on_command = cancel_at
        await asyncio.wait({work})
        return None if work.cancelled() else work.result()  # a cancel may come too late

    captured = run(cancelled())
    found = trial.snapshots()
    assert captured is None or found == [captured.snapshot]
    for snapshot in found:
        listed = trial.restic("ls", snapshot).decode().splitlines()
        place = trial.subject.source.root or next(line for line in listed if line.startswith("/"))
        assert trial.subject.put_back(trial.taken_out(snapshot, place)) == state


@pytest.mark.spec("S4")
def test_its_secrets_are_nowhere(trial: Trial) -> None:
    forms = {form for secret in (PASSWORD, REPOSITORY_PASSWORD) for form in spellings(secret)}
    seen: list[str] = []

    def look(where: str, content: bytes) -> None:
        if any(form in content for form in forms):
            seen.append(where)

    def look_around(command: Command) -> None:
        told = [
            command.program,
            *command.arguments,
            *(f"{name}={value}" for name, value in command.environment.items()),
        ]
        look(f"start of {command.program}", "\0".join(told).encode("utf-8", "surrogateescape"))
        for path in (path for scratch in trial.scratches for path in scratch.rglob("*")):
            if path.is_file() and not _closed_to_others(path):
                look(str(path), path.read_bytes())

    trial.on_command = look_around
    captured = run(trial.take())
    look("events", repr(trial.events).encode())
    look("captured", repr(captured).encode())
    for folder, _, files in os.walk(trial.folder):
        for name in files:
            look(f"{folder}/{name}", Path(folder, name).read_bytes())
    assert seen == []


def _closed_to_others(path: Path) -> bool:
    """A password file: it and its folder are for their owner alone."""
    return all(stat.S_IMODE(place.stat().st_mode) & 0o077 == 0 for place in (path, path.parent))
