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
from typing import Any

import msgspec
import psutil
import pytest

from app.assembly import assemble
from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.events import ItemStatus
from app.foundation.redact import Redactor, spellings
from app.hosts.host import Command
from app.hosts.local import LocalHost
from app.hosts.ssh.host import SshHost
from app.hosts.ssh.links import Links
from app.hosts.ssh.login import Route
from app.jobs.sources.driver import Captured, Equipment, RecordsWriter
from app.jobs.sources.kinds import DRIVERS
from app.jobs.ways import Ways
from app.settings.model import Host, HostKind, Site, Source, SourceKind
from app.settings.model import Repository as SiteRepository
from app.settings.places import places
from app.settings.rules import faults_of
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
from tests.guards import ENDS_WITHIN, descendants
from tests.real.capturing import REPOSITORY_PASSWORD, SITE, Capturing, Reached, no_records
from tests.real.practice import SITE_FILE, passphrase
from tests.real.servers.rclone import SERVER, rclone_program
from tests.real.servers.sshd import SshServer, ssh_server
from tests.running import run

pytestmark = pytest.mark.spec("B1", "B2", "B3")

GONE_WITHIN = 20.0


# --- hosts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A host under test with the repository as it is reached from there, and where its temporary files go.

    `running` is what still runs there a moment after the source is done with it.
    """

    reached: Reached
    scratch: Path
    running: list[str] = field(default_factory=list)


@asynccontextmanager
async def local(folder: Path, blocking: Blocking, _server: SshServer | None) -> AsyncIterator[Place]:
    """This computer."""
    scratch = folder / "scratch"
    repository = Repository(str(folder / "repository"), str(folder / "cache"))
    yield Place(Reached(LocalHost(blocking, scratch), repository), scratch)


@asynccontextmanager
async def ssh(folder: Path, blocking: Blocking, server: SshServer | None) -> AsyncIterator[Place]:
    """A server over SSH: this computer again, reached through a real sshd; the repository stays on this side."""
    assert server is not None
    links, ways = Links(blocking, folder / "known-hosts"), Ways(Redactor(), {})
    route = Route(SITE, SERVER, server.address, server.port, server.user, str(server.key_file))
    host = SshHost(links.to(route), {})
    site = Site(name=SITE, repository=SiteRepository(url=str(folder / "repository")))
    try:
        way = await ways.to(host, LocalHost(blocking, folder / "here"), site)
        repository = Repository(site.repository.address, await host.kept_folder("restic-cache"))
        place = Place(Reached(host, repository, way), server.home / ".cache" / "overwinter" / "scratch")
        try:
            yield place
        finally:
            place.running.extend(await left_running(server))
    finally:
        await ways.close()
        await links.close()


HOSTS: dict[str, Callable[[Path, Blocking, SshServer | None], AbstractAsyncContextManager[Place]]] = {
    "local": local,
    "ssh": ssh,
}


async def left_running(server: SshServer) -> list[str]:
    """What runs in the sessions of a server and does not end by itself in a moment."""
    deadline = time.monotonic() + ENDS_WITHIN
    while True:
        below, sessions = psutil.Process(server.pid).children(recursive=True), server.sessions()
        left = [str(process) for process in below if process not in sessions]
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.02)


SOURCES = ("files", "postgresql", "postgresql-globals", "mysql", "mysql-users", "sqlite", "records")
HERE_ALONE = ("records",)
"""What is on this computer whatever the site; a site file that puts it elsewhere is refused."""

PAIRS = [(source, host) for source in SOURCES for host in HOSTS if host == "local" or source not in HERE_ALONE]


def test_every_driver_is_tried() -> None:
    assert {kind.value for kind in DRIVERS} == set(SOURCES)


@pytest.mark.parametrize("kind", HERE_ALONE)
def test_what_is_not_tried_on_servers_cannot_be_put_there(kind: str) -> None:
    source = Source(name="x", kind=SourceKind(kind), host=SERVER)
    server = Host(name=SERVER, kind=HostKind.SSH, address="127.0.0.1")
    site = Site(name=SITE, repository=SiteRepository(url="/r"), hosts=(server,), sources=(source,))
    assert [fault.code for fault in faults_of(site)] == [f"{kind}-elsewhere"]


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Each kind of source on each kind of host."""
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
def subject(pair: tuple[str, str], request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """The source, made for this test."""
    match pair[0]:
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
            raise AssertionError(f"how is {pair[0]} made?")


@dataclass
class Trial(Capturing):
    """One source on one host."""

    kind: str = ""
    subject: Subject = field(default_factory=Records)
    server: SshServer | None = None
    places: list[Place] = field(default_factory=list)

    async def take(self) -> Captured:
        """Captures it."""
        blocking = Blocking()
        try:
            at = HOSTS[self.kind](self.folder, blocking, self.server)
            async with at as place, self._records() as records:
                self.places.append(place)
                source = msgspec.structs.replace(self.subject.source, host=place.reached.host.name)
                equipment = Equipment(blocking, {}, sys.executable, records)
                return await self.capture(place.reached, source, self.subject.secrets, equipment)
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


@pytest.fixture
def server(pair: tuple[str, str], tmp_path: Path) -> Iterator[SshServer | None]:
    """The server over SSH, where the source is on one."""
    if pair[1] == "local":
        yield None
        return
    rclone_program()
    with ssh_server(tmp_path / "sshd") as made:
        yield made


@pytest.fixture
def trial(pair: tuple[str, str], tmp_path: Path, subject: Subject, server: SshServer | None) -> Iterator[Trial]:
    """The source on its host; whatever happened, nothing is left over afterwards."""
    before = descendants()
    made = Trial(tmp_path, kind=pair[1], subject=subject, server=server)
    yield made
    assert descendants() <= before
    assert [found for place in made.places for found in (*place.scratch.glob("*"), *place.running)] == []
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


def cancels() -> Iterator[Any]:
    """Each moment on each host; of those on a server most are for the long tier, since they take their time."""
    for pair in PAIRS:
        for moment, later in ((first, 0.0), (taking, 0.0), (taking, 0.15)):
            marks = [pytest.mark.long] if pair[1] != "local" and (moment, later) != (taking, 0.0) else []
            name = f"{'-'.join(pair)}-{moment.__name__}-{later}"
            yield pytest.param(pair, moment, later, marks=marks, id=name)


@pytest.mark.parametrize(("pair", "moment", "later"), list(cancels()), indirect=["pair"])
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
        for path in (path for place in trial.places for path in place.scratch.rglob("*")):
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
