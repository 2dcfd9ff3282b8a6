"""restic on a server and the repository here: backed up through the tunnel, read with plain restic, nothing to find.

The server is this computer under another name, so that all of it is real but SSH itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.assembly import Overwinter
from app.foundation.blocking import Blocking
from app.foundation.events import Item, ItemStatus, Outcome
from app.foundation.redact import Redactor
from app.hosts.host import Command, HostFacts
from app.hosts.local import LocalHost
from app.jobs.backup import BackupChoice
from app.jobs.plan import AnyPlan
from app.jobs.ways import Ways
from app.records.run import Run
from app.settings.model import THIS_COMPUTER, Site
from app.settings.model import Repository as SettingsRepository
from app.tools.restic.backup import Label
from app.tools.restic.errors import DumpFailed
from app.tools.restic.repository import Restic
from app.tools.restic.session import Repository
from tests.faults.shims import Exec, Recorders
from tests.faults.test_canaries import Search
from tests.faults.test_full_disks import disk_at
from tests.features.greenhouse import DATABASE, PASSWORD, REPOSITORY_PASSWORD, USER, make_database, make_tree
from tests.real.practice import opened
from tests.real.servers.postgresql import PostgresServer, find_programs
from tests.real.servers.rclone import SERVER, AnotherHost, rclone_program, rclones
from tests.real.servers.restic import VERSIONS, SealedRepository, fresh_repository, restic_program
from tests.running import run
from tests.trees import described

if sys.platform == "win32":
    pytest.skip("a tunnel ends in a unix socket", allow_module_level=True)

pytestmark = pytest.mark.spec("H2")

SITE = "north-house"
SITE_FILE = """
format = 1
name = "north-house"
app = "hydro"

[repository]
url = "{repository}"

[[hosts]]
name = "server"
kind = "ssh"
address = "127.0.0.1"

[[sources]]
name = "laravel"
kind = "files"
layer = "laravel"
host = "server"
root = "{root}"
exclude = ["storage/logs"]
"""
DATABASE_SOURCE = f"""
[[sources]]
name = "database"
kind = "postgresql"
host = "server"
database = "{DATABASE}"
server = "127.0.0.1"
port = {{port}}
user = "{USER}"
"""


class World:
    """A greenhouse whose tree (and database) are on a server, and what is started on both computers."""

    def __init__(self, folder: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.root = folder / "laravel"
        self.repository = folder / "repository"
        self.site_file = SITE_FILE.format(repository=self.repository, root=self.root)
        self.program = restic_program(version)
        real = {"restic": Path(self.program), "rclone": Path(rclone_program())}
        if (postgresql := find_programs()) is not None:
            real["pg_dump"] = postgresql / "pg_dump"
        self.recorders = Recorders(folder, real)
        self.server_kind: type[AnotherHost] = AnotherHost
        self.app: Overwinter | None = None
        make_tree(self.root, files=60)
        fresh_repository(self.program, self.repository, REPOSITORY_PASSWORD)
        monkeypatch.setenv("OVERWINTER_RESTIC", self.program)  # ours; the server's is the recorder on the path
        monkeypatch.setenv("PATH", f"{self.recorders.folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setattr(tempfile, "tempdir", str(self.temporary))
        self.temporary.mkdir()
        monkeypatch.setattr(Overwinter, "_hosts", lambda _app, plan, secrets: self.hosts_of(plan, secrets))

    @property
    def temporary(self) -> Path:
        """The system's folder for temporary files; short, since paths of sockets must be."""
        return Path("/tmp") / f"ow-{os.getpid()}"

    async def hosts_of(self, plan: AnyPlan, _secrets: Mapping[str, str]) -> dict[str, Any]:
        """Both computers, for a plan."""
        assert plan.site.name == SITE
        assert self.app is not None
        return self.hosts(self.app)

    def hosts(self, app: Overwinter) -> dict[str, Any]:
        """Both computers."""
        server = self.server_kind(app._blocking, self.folder / "server" / "scratch")
        return {THIS_COMPUTER: app._here, SERVER: server}

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Overwinter]:
        """The program with the site and its secrets."""
        async with opened(self.folder / "here") as app:
            self.app = app
            await app.add_site(self.site_file.encode(), replace=True)
            await app.set_secret(SITE, "repository-password", REPOSITORY_PASSWORD)
            if "database" in self.site_file:
                await app.set_secret(SITE, "source:database:password", PASSWORD)
            yield app

    async def backed_up(self, app: Overwinter) -> tuple[Run, dict[str, Item]]:
        """A backup of everything, to its end."""
        launched = await app.runner.launch(await app.plan_backup(SITE, BackupChoice()))
        done = await app.runner.wait(SITE, launched.run)
        return done, {item.source: item for item in await app.records(SITE).items(done.id)}

    def restic(self, *arguments: str) -> bytes:
        """Plain restic on the repository's folder."""
        done = subprocess.run(
            [self.program, "-r", self.repository, "--no-cache", *arguments],
            input=REPOSITORY_PASSWORD.encode() + b"\n",
            capture_output=True,
            check=True,
        )
        return done.stdout

    def snapshots(self) -> list[dict[str, Any]]:
        """What plain restic lists."""
        found: list[dict[str, Any]] = json.loads(self.restic("snapshots", "--json"))
        return found

    def started(self, program: str) -> list[Exec]:
        """The starts of a program that did something."""
        return [one for one in self.recorders.execs() if one.program == program and "version" not in one.arguments]

    def leftovers(self) -> list[str]:
        """What a run should have taken with it."""
        places = (self.temporary, self.folder / "server" / "scratch", self.folder / "here" / "data" / "scratch")
        files = [str(path) for place in places for path in place.glob("*")]
        return [*files, *(str(process) for process in rclones())]


@pytest.fixture
def make_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], World]]:
    made: list[World] = []

    def make(version: str) -> World:
        made.append(World(tmp_path, version, monkeypatch))
        return made[-1]

    yield make
    for world in made:
        shutil.rmtree(world.temporary)


@pytest.fixture
def world(make_world: Callable[[str], World]) -> World:
    return make_world(VERSIONS[-1])


@pytest.mark.spec("H1", "B1")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_is_backed_up_into_a_repository_here_and_plain_restic_agrees(
    make_world: Callable[[str], World], postgres: PostgresServer, version: str
) -> None:
    world = make_world(version)
    make_database(postgres, 3000, DATABASE)
    world.site_file += DATABASE_SOURCE.format(port=postgres.port)

    async def story() -> None:
        async with world.opened() as app:
            done, items = await world.backed_up(app)
            assert done.outcome is Outcome.SUCCESS, (done.error, items)
            (point,) = await app.points(SITE)
            assert (point.id, point.status) == (done.id, "complete")
            assert {member.source for member in point.snapshots} == {"laravel", "database"}

    try:
        run(story())
    finally:
        postgres.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    assert world.leftovers() == []
    assert sum("--format=custom" in one.arguments for one in world.started("pg_dump")) == 1
    taken = [one for one in world.started("restic") if "backup" in one.arguments]
    assert len(taken) == 2, "the sources' restics run on the server, the manifest's here"
    assert len(world.started("rclone")) == 1
    assert list((world.repository / "locks").iterdir()) == []
    restore(world)


def restore(world: World) -> None:
    """The tree comes back from the folder as it was, and the dump is one."""
    ids = {tag: one["id"] for one in world.snapshots() for tag in one["tags"]}
    target = world.folder / "restored"
    world.restic("restore", f"{ids['source:laravel']}:{world.root}", "--target", str(target))
    assert described(target) == described(world.root, without=["storage/logs"])
    if "source:database" in ids:
        assert world.restic("dump", ids["source:database"], "/database.dump").startswith(b"PGDMP")
    world.restic("check", "--read-data")


@pytest.mark.spec("S4")
def test_nothing_of_any_credentials_is_to_be_found_on_the_server(world: World) -> None:
    async def story() -> None:
        async with world.opened() as app:
            done, _ = await world.backed_up(app)
            assert done.outcome is Outcome.SUCCESS

    run(story())
    (served,) = world.started("rclone")
    login = [one.partition("=")[2] for one in served.environment if one.startswith(("RCLONE_USER=", "RCLONE_PASS="))]
    assert [len(part) for part in login] == [32, 32]
    assert not any(part in " ".join(served.arguments) for part in login)
    search = Search((*login, REPOSITORY_PASSWORD))
    on_the_server = [one for one in world.started("restic") if "--repository-file" in one.arguments]
    assert on_the_server
    for one in on_the_server:
        search.look(f"start of {one.program}", one.bytes)
    search.look_below(world.folder / "server")
    search.look_below(world.folder / "here")  # its log, its records, its cache
    assert search.seen == []


DUMP_THAT_LOOKS_AROUND = """
import os, sys
for descriptor in range(3, 64):
    try:
        print(descriptor, os.readlink(f"/proc/self/fd/{descriptor}"), os.read(descriptor, 4096))
    except OSError:
        pass
print(dict(os.environ))
for name in ("environ", "cmdline"):
    print(open(f"/proc/{os.getppid()}/{name}", "rb").read())
for descriptor in os.listdir(f"/proc/{os.getppid()}/fd"):
    link = os.readlink(f"/proc/{os.getppid()}/fd/{descriptor}")
    print(descriptor, link)
"""


@asynccontextmanager
async def on_the_server(world: World, app: Overwinter) -> AsyncIterator[Restic]:
    """restic there, led to the repository."""
    site, ways = await app.sites.get(SITE), app._repositories.ways()
    server, scratch = world.hosts(app)[SERVER], str(world.temporary)
    try:
        opened = await app._repositories.open_on(
            server, app._here, site, REPOSITORY_PASSWORD, scratch=scratch, ways=ways
        )
        yield opened.restic
    finally:
        await ways.close()


@pytest.mark.spec("S4")
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_dump_finds_no_credentials_whatever_it_looks_at(
    world: World, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"there is no {shell} here")
    (world.recorders.folder / "sh").symlink_to(found)

    async def story() -> tuple[str, list[str]]:
        async with world.opened() as app, on_the_server(world, app) as restic:
            command = Command(sys.executable, ("-c", DUMP_THAT_LOOKS_AROUND))
            made = await restic.backup_output(command, "/seen", Label(SERVER))
            address = restic.session._way.address if restic.session._way else ""
            login = address.removeprefix("rest:http+unix://").partition("@")[0].split(":")
            assert not any(part in app._redactor.text(address) for part in login), "known as long as they are good"
            return made.snapshot, login

    snapshot, login = run(story())
    assert [len(part) for part in login] == [32, 32]
    seen = world.restic("dump", snapshot, "/seen")
    assert Redactor(login).clean(seen) == seen
    assert b"RESTIC_PROGRESS_FPS" in seen
    assert REPOSITORY_PASSWORD.encode() not in seen


async def until(fact: Callable[[], bool]) -> None:
    """Comes back when it is so."""
    async with asyncio.timeout(60):
        while True:
            if fact():
                return
            await asyncio.sleep(0.002)


async def kill_rclone_when(fact: Callable[[], bool]) -> None:
    """Kills the rclone that serves, as soon as it is so."""
    await until(lambda: bool(rclones()) and fact())
    kill_rclones()


def kill_rclones() -> None:
    for process in rclones():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.mark.spec("B3")
def test_a_dump_that_fails_on_a_server_says_what_it_said_and_makes_no_snapshot(world: World) -> None:
    # It takes a moment to end, as pg_dump does: restic may lose what a command says with its very last breath.
    failing = Command("sh", ("-c", "echo half; echo 'the reason' >&2; sleep 0.3; exit 7"))

    async def story() -> None:
        async with world.opened() as app, on_the_server(world, app) as restic:
            with pytest.raises(DumpFailed) as failed:
                await restic.backup_output(failing, "/half", Label(SERVER))
            assert (failed.value.said, failed.value.ended) == ("the reason", "exit status 7")
            with pytest.raises(DumpFailed):
                await restic.backup_output(Command("/nowhere/pg_dump"), "/none", Label(SERVER))

    run(story())
    assert world.snapshots() == []


def packs(world: World) -> int:
    return sum(1 for _ in (world.repository / "data").glob("*/*"))


def big(world: World, megabytes: int = 150) -> None:
    """Something that takes a while."""
    with (world.root / "big").open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1_000_000))


@pytest.mark.spec("J2")
def test_an_rclone_that_is_killed_costs_nothing(world: World) -> None:
    big(world)

    async def story() -> None:
        async with world.opened() as app:
            killing = asyncio.create_task(kill_rclone_when(lambda: packs(world) > 3))
            done, items = await world.backed_up(app)
            await killing
            assert done.outcome is Outcome.SUCCESS, (done.error, items)

    run(story())
    assert len(world.started("rclone")) == 2
    assert world.leftovers() == []
    assert list((world.repository / "locks").iterdir()) == []
    world.restic("check", "--read-data")


@pytest.mark.spec("B5", "J2")
def test_an_rclone_that_dies_again_and_again_ends_the_source_with_a_reason(world: World) -> None:
    big(world)

    async def story() -> None:
        async with world.opened() as app:
            stop = asyncio.Event()

            async def keep_killing() -> None:
                while not stop.is_set():
                    if packs(world) > 3:
                        kill_rclones()
                    await asyncio.sleep(0.002)

            killing = asyncio.create_task(keep_killing())
            done, items = await world.backed_up(app)
            stop.set()
            await killing
            assert done.outcome is Outcome.FAILED
            assert items["laravel"].error is not None
            assert items["laravel"].error.code in ("rclone.ended", "rclone.not-serving")

    run(story())
    assert world.leftovers() == []
    assert world.snapshots() == []
    assert run(one_backup(world))[0].outcome is Outcome.SUCCESS


@pytest.mark.spec("B5", "X3")
def test_a_full_disk_of_the_repository_is_told_at_once_and_leaves_it_whole(world: World) -> None:
    (world.root / "big").write_bytes(os.urandom(30_000_000))

    with disk_at(world.repository, "64m") as disk:
        disk.fill(but=5_000_000)
        done, items = run(one_backup(world))
        assert done.outcome is Outcome.FAILED
        assert items["laravel"].error is not None
        assert items["laravel"].error.code == "restic.repository-full"
        disk.empty()
        assert world.snapshots() == []
        assert list((world.repository / "locks").iterdir()) == []
        assert run(one_backup(world))[0].outcome is Outcome.SUCCESS
        world.restic("check", "--read-data")
    assert world.leftovers() == []


async def one_backup(world: World) -> tuple[Run, dict[str, Item]]:
    """The program is opened for it alone."""
    async with world.opened() as app, asyncio.timeout(60):
        return await world.backed_up(app)


@pytest.mark.spec("J2")
def test_a_tunnel_that_is_gone_is_built_anew_for_the_next_source(world: World) -> None:
    async def story() -> None:
        async with world.opened() as app:
            site, ways = await app.sites.get(SITE), app._repositories.ways()
            hosts = world.hosts(app)
            try:
                first = await ways.to(hosts[SERVER], app._here, site)
                assert await ways.to(hosts[SERVER], app._here, site) is first
                for socket in world.temporary.glob("*/s"):
                    socket.unlink()
                assert await ways.to(hosts[SERVER], app._here, site) is not first
                assert len(rclones()) == 1
            finally:
                await ways.close()

    run(story())
    assert world.leftovers() == []


@pytest.mark.spec("J2")
def test_a_cancel_leaves_nothing(world: World) -> None:
    big(world)

    async def story() -> None:
        async with world.opened() as app:
            launched = await app.runner.launch(await app.plan_backup(SITE, BackupChoice()))
            await until(lambda: packs(world) > 3)
            await app.runner.cancel(SITE, launched.run)
            done = await app.runner.wait(SITE, launched.run)
            assert done.outcome is Outcome.CANCELLED
            assert world.leftovers() == []
            assert list((world.repository / "locks").iterdir()) == []
            done, _ = await world.backed_up(app)
            assert done.outcome is Outcome.SUCCESS

    run(story())


@pytest.mark.spec("X3")
def test_without_an_rclone_it_says_what_to_install(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = world.folder / "bare"
    bare.mkdir()
    for program in ("sh", "restic"):
        (bare / program).symlink_to(shutil.which(program) or "")
    monkeypatch.setenv("PATH", str(bare))

    async def story() -> None:
        async with world.opened() as app:
            done, items = await world.backed_up(app)
            assert done.outcome is Outcome.FAILED
            error = items["laravel"].error
            assert error is not None
            assert (error.code, items["laravel"].status) == ("rclone.missing", ItemStatus.FAILED)

    run(story())


@pytest.mark.spec("B5")
def test_what_rclone_adds_may_be_read_by_whoever_may_read_the_repository(world: World) -> None:
    (world.repository / "config").chmod(0o440)

    async def story() -> None:
        async with world.opened() as app:
            done, _ = await world.backed_up(app)
            assert done.outcome is Outcome.SUCCESS

    run(story())
    modes = {path.stat().st_mode & 0o077 for path in (world.repository / "index").iterdir()}
    assert modes <= {0o040}, "readable for the group, closed to others"


# --- a restic brought along ----------------------------------------------------------------------------------------


class WithoutRestic(AnotherHost):
    """A server that has no restic of its own."""

    machine = ""

    async def which(self, program: str) -> str | None:
        return None if program == "restic" else await super().which(program)

    async def facts(self) -> HostFacts:
        known = await super().facts()
        return HostFacts(known.computer, known.system, self.machine or known.machine, known.user)


@pytest.fixture
def brought(world: World) -> World:
    """A world whose server has no restic."""
    world.server_kind = WithoutRestic
    return world


def kept_programs(world: World) -> list[Path]:
    return list((world.folder / "server" / "kept" / "tools").glob("*"))


def test_a_server_without_restic_gets_ours_once_and_whole(brought: World) -> None:
    ours = Path(brought.program).read_bytes()

    async def story() -> None:
        async with brought.opened() as app:
            assert (await brought.backed_up(app))[0].outcome is Outcome.SUCCESS
            (program,) = kept_programs(brought)
            assert program.read_bytes() == ours
            assert program.stat().st_mode & 0o777 == 0o700
            first = program.stat()
            assert (await brought.backed_up(app))[0].outcome is Outcome.SUCCESS
            assert program.stat().st_ino == first.st_ino, "it is kept for the next run"
            program.write_bytes(b"damaged")
            assert (await brought.backed_up(app))[0].outcome is Outcome.SUCCESS
            assert program.read_bytes() == ours

    run(story())


def test_a_server_of_another_machine_is_told_what_to_install(brought: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WithoutRestic, "machine", "riscv64")
    assert run(code_of_the_failure(brought)) == "restic.other-machine"
    assert kept_programs(brought) == []


def test_a_server_that_runs_no_programs_of_ours_is_told_so(brought: World) -> None:
    tools = brought.folder / "server" / "kept" / "tools"
    tools.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec", "none", tools], check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("nothing may be mounted here")
    try:
        assert run(code_of_the_failure(brought)) == "restic.noexec"
    finally:
        subprocess.run(["umount", tools], check=True)


async def code_of_the_failure(world: World) -> str:
    async with world.opened() as app:
        _, items = await world.backed_up(app)
        error = items["laravel"].error
        assert error is not None
        return error.code


# A restic that is interrupted while its lock is under way to the server: it ends, and the lock arrives.
LEAVES_ITS_LOCK = """#!{python}
import os, signal, sys
if "backup" not in sys.argv:
    os.execv({real!r}, [{real!r}, *sys.argv[1:]])
signal.signal(signal.SIGINT, lambda *_: os._exit(130))
open({begun!r}, "w").close()
signal.pause()
"""


@pytest.mark.spec("J2", "P2")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_cancel_leaves_no_lock_that_was_under_way(tmp_path: Path, version: str) -> None:
    real, begun, script = restic_program(version), tmp_path / "begun", tmp_path / "restic"
    script.write_text(LEAVES_ITS_LOCK.format(python=sys.executable, real=real, begun=str(begun)))
    script.chmod(0o755)
    folder = tmp_path / "repository"
    fresh_repository(real, folder, REPOSITORY_PASSWORD)

    async def story() -> None:
        blocking, ways = Blocking(), Ways(Redactor(), {})
        try:
            host, site = (
                AnotherHost(blocking, tmp_path / "there"),
                Site(name=SITE, repository=SettingsRepository(url=str(folder))),
            )
            way = await ways.to(host, LocalHost(blocking, tmp_path / "here"), site)
            restic = Restic(
                host, str(script), Repository(str(folder), str(tmp_path / "cache")), REPOSITORY_PASSWORD, way
            )
            taking = asyncio.create_task(restic.backup_one_file(str(tmp_path), "restic", Label(SERVER, ())))
            async with asyncio.timeout(60):
                while not begun.exists():  # noqa: ASYNC110  a file tells nobody
                    await asyncio.sleep(0.01)
            SealedRepository(folder, REPOSITORY_PASSWORD).lock(user="x", computer=socket.gethostname(), pid=_gone())
            taking.cancel()
            await asyncio.wait({taking})
            assert taking.cancelled()
        finally:
            await ways.close()
            blocking.close()

    run(story())
    assert list((folder / "locks").iterdir()) == []


def _gone() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid
