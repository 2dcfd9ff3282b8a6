"""What a lease on a server promises laptops that share nothing but that server. Works on any host there is."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import Busy
from app.hosts.local import LocalHost
from app.records.owners import Owner, this_process
from app.records.run import Run, new_run_id
from app.runs.lease import TIMES, Lease, LeaseTimes
from tests.running import run

pytestmark = pytest.mark.spec("B6")

QUICK = LeaseTimes(silent_too_long=0.4, watched=0.2)
LONG_AGO = 10_000.0  # seconds


@dataclass(frozen=True)
class Server:
    """A host that two laptops reach, and the folder where they leave leases."""

    host: LocalHost
    folder: Path

    def lease(self, owner: Owner, run_id: str = "", *, over: tuple[str, ...] = (), times: LeaseTimes = QUICK) -> Lease:
        """What a run of that process wants; `over` are the runs that its records know as closed."""
        wanted = Run(
            id=run_id or new_run_id(), site="north", kind="backup", trigger="manual", who="ann", choice="", key="",
            owner=owner, started=datetime.now(UTC),
        )  # fmt: skip

        async def is_over(run_id: str) -> bool:
            return run_id in over

        return Lease(self.host, wanted, is_over=is_over, folder=str(self.folder), times=times)

    @property
    def file(self) -> Path:
        """Where the lease stands."""
        return self.folder / "overwinter-north.lease"

    def names(self) -> list[str]:
        """All that stands in the folder."""
        return sorted(path.name for path in self.folder.iterdir())

    def silence(self) -> None:
        """As if nobody had given a sign of life for long, by the server's clock."""
        for path in self.folder.iterdir():
            found = path.stat()
            os.utime(path, (found.st_atime, found.st_mtime - LONG_AGO))


@asynccontextmanager
async def a_server(folder: Path) -> AsyncIterator[Server]:
    blocking = Blocking()
    try:
        (folder / "shared").mkdir()
        yield Server(LocalHost(blocking, folder / "scratch"), folder / "shared")
    finally:
        blocking.close()


ME = this_process()
LAPTOP = Owner("laptop-of-bob#12345678", "its boot", 4711, 12.5)
OTHER = Owner("laptop-of-eve#87654321", "its boot", 815, 7.5)


async def refusal(lease: Lease) -> Busy:
    with pytest.raises(Busy) as busy:
        await lease.take()
    return busy.value


def test_one_has_it_the_other_learns_who_and_gets_it_afterwards(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_server(tmp_path) as server:
            mine, bobs = server.lease(ME), server.lease(LAPTOP, "b" * 32)
            assert await bobs.take() is None
            busy = await refusal(mine)
            assert busy.code == "run.leased"
            said = str(busy.problem.what)
            assert all(word in said for word in ("ann", "laptop-of-bob", "backup", "bbbbbbbb", "this-computer"))
            assert await bobs.renew()
            await bobs.release()
            assert await mine.take() is None
            await mine.release()
            assert server.names() == []

    run(story())


def test_of_many_laptops_at_once_one_gets_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_server(tmp_path) as server:
            for _ in range(10):
                leases = [server.lease(msgspec.structs.replace(LAPTOP, pid=number), times=TIMES) for number in range(6)]
                ends = await asyncio.gather(*(lease.take() for lease in leases), return_exceptions=True)
                assert sum(end is None for end in ends) == 1, ends
                assert sum(isinstance(end, Busy) for end in ends) == 5, ends
                (winner,) = [lease for lease, end in zip(leases, ends, strict=True) if end is None]
                assert await winner.renew()
                await winner.release()
                assert server.names() == []

    run(story())


def test_a_silent_holder_is_watched_and_then_taken_over(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_server(tmp_path) as server:
            bobs, eves = server.lease(LAPTOP, "b" * 32), server.lease(OTHER)
            await bobs.take()
            server.silence()
            over = await eves.take()
            assert over is not None
            assert (over.run, over.owner) == ("b" * 32, LAPTOP)
            assert not await bobs.renew()  # he wakes up, and learns it
            assert await eves.renew()
            await bobs.release()
            assert await eves.renew()
            await eves.release()
            assert server.names() == []

    run(story())


def test_of_many_who_take_over_at_once_one_gets_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_server(tmp_path) as server:
            for _ in range(5):
                await server.lease(LAPTOP).take()
                server.silence()
                leases = [server.lease(msgspec.structs.replace(OTHER, pid=number)) for number in range(6)]
                ends = await asyncio.gather(*(lease.take() for lease in leases), return_exceptions=True)
                held = [lease for lease, end in zip(leases, ends, strict=True) if not isinstance(end, BaseException)]
                assert [await lease.renew() for lease in held].count(True) == 1, ends
                assert sum(isinstance(end, Busy) for end in ends) == len(leases) - len(held), ends
                for lease in held:
                    await lease.release()
                assert server.names() == []

    run(story())


def test_a_holder_that_only_seemed_silent_keeps_it(tmp_path: Path) -> None:
    """The server's clock jumped: all signs of life look old, and the next one comes while the holder is watched."""

    async def story() -> None:
        async with a_server(tmp_path) as server:
            bobs = server.lease(LAPTOP)
            await bobs.take()
            server.silence()
            taking = asyncio.create_task(server.lease(OTHER, times=LeaseTimes(0.4, watched=1.0)).take())
            await asyncio.sleep(0.3)
            assert await bobs.renew()
            with pytest.raises(Busy):
                await taking
            assert await bobs.renew()

    run(story())


@pytest.mark.parametrize("shift", [LONG_AGO, -LONG_AGO], ids=["set back", "set forward"])
def test_a_servers_clock_that_is_set_meanwhile_takes_nothing_from_a_living_holder(tmp_path: Path, shift: float) -> None:
    async def story() -> None:
        async with a_server(tmp_path) as server:
            bobs = server.lease(LAPTOP)
            await bobs.take()
            for path in server.folder.iterdir():
                os.utime(path, (path.stat().st_atime, path.stat().st_mtime + shift))
            taking = asyncio.create_task(server.lease(OTHER, times=LeaseTimes(60, watched=1.0)).take())
            await asyncio.sleep(0.3)
            await bobs.renew()
            with pytest.raises(Busy):
                await taking

    run(story())


def test_the_lease_of_a_process_that_died_on_this_computer_is_taken_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_server(tmp_path) as server:
            await server.lease(msgspec.structs.replace(ME, started=ME.started - 1), "d" * 32).take()
            over = await server.lease(ME, times=LeaseTimes(3600, 3600)).take()
            assert over is not None
            assert over.run == "d" * 32

    run(story())


def test_the_lease_of_a_run_that_our_records_know_as_closed_is_taken_at_once(tmp_path: Path) -> None:
    """It could not be given back: the server was away when the run ended."""

    async def story() -> None:
        async with a_server(tmp_path) as server:
            await server.lease(ME, "c" * 32).take()
            patient = LeaseTimes(3600, 3600)
            assert (await refusal(server.lease(ME, times=patient))).code == "run.leased"
            assert await server.lease(ME, over=("c" * 32,), times=patient).take() is not None

    run(story())


def test_a_lease_that_vanished_is_taken_again(tmp_path: Path) -> None:
    """The server was restarted, or somebody cleaned up."""

    async def story() -> None:
        async with a_server(tmp_path) as server:
            bobs = server.lease(LAPTOP)
            await bobs.take()
            for path in server.folder.iterdir():
                path.unlink()
            assert await bobs.renew()
            assert (await refusal(server.lease(OTHER))).code == "run.leased"
            await bobs.release()
            assert server.names() == []

    run(story())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage \xff",
        b'{"run": "../../../etc/passwd", "kind": "x", "who": "x"}',
        b'{"run": "%s", "kind": "\\u001b[2J", "who": "x"}' % (b"a" * 32),
        b"[" * 70_000,
    ],
    ids=["empty", "garbage", "a path", "an escape", "too big"],
)
def test_what_nobody_of_ours_wrote_is_neither_believed_nor_shown(tmp_path: Path, content: bytes) -> None:
    async def story() -> None:
        async with a_server(tmp_path) as server:
            server.file.write_bytes(content)
            busy = await refusal(server.lease(ME))
            assert busy.code == "run.leased"
            assert not any(word in str(busy.problem) for word in ("passwd", "\x1b", "garbage"))
            server.silence()
            assert await server.lease(ME).take() is not None

    run(story())


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can act as two users")
def test_another_users_dead_lease_that_cannot_be_removed_is_named_with_its_file(tmp_path: Path) -> None:
    if sys.platform == "win32":
        return

    async def story() -> None:
        async with a_server(tmp_path) as server:
            await server.lease(LAPTOP).take()
            server.silence()
            server.folder.chmod(0o1777)
            for folder in (tmp_path, *tmp_path.parents):
                if folder.is_relative_to("/tmp/"):  # pytest's own folders are closed to others
                    folder.chmod(folder.stat().st_mode | 0o055)
            if sys.platform == "win32":
                pytest.skip("POSIX has this")
            os.seteuid(65534)
            try:
                busy = await refusal(server.lease(OTHER))
            finally:
                os.seteuid(0)
            assert busy.code == "run.lease-not-removable"
            assert str(server.file) in str(busy.problem.next)
            assert sum(name.endswith(".beat") for name in server.names()) == 1

    run(story())
