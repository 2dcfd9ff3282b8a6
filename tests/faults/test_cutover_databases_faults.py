"""The server dies, or the way to it, at every moment of a swap: afterwards it is the old or the new, and it is open."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import psutil
import psycopg
import pytest

from app.foundation.errors import UserError
from app.jobs.effects import postgresql
from app.jobs.effects.effect import Effect, Happened, World
from app.jobs.effects.postgresql import PASSING, SwapDatabases
from app.jobs.effects.postgresql_change import DatabaseChange
from tests.faults.wire import Wire, listening
from tests.real.cutting_over import (
    BEFORE,
    LIVE,
    SHADOW,
    Cutover,
    Reconnecting,
    beside,
    cutover_on,
    do_all,
    in_order,
    read_state,
    undo_all,
)
from tests.real.servers.postgresql import SUPERUSER, PostgresServer, postgres_server
from tests.running import run

if sys.platform == "win32":
    pytest.skip("processes that are killed as POSIX does it", allow_module_level=True)

OLD, NEW = ("live", {LIVE: True, SHADOW: False}), ("restored", {LIVE: True, BEFORE: False})

LONG = pytest.param(60, marks=[pytest.mark.long, pytest.mark.timeout(900)], id="long")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """As careless with its disk as servers may be set up to be: a commit is answered before it is written."""
    with postgres_server(tmp_path_factory.mktemp("postgresql")) as started:
        yield started


@pytest.fixture
def cutover(server: PostgresServer, tmp_path: Path) -> Iterator[Cutover]:
    with cutover_on(server, tmp_path) as made:
        yield made


async def stands(cutover: Cutover) -> tuple[str, dict[str, bool]]:
    """What the application reads, and which databases there are."""
    return await beside(cutover.state), await beside(cutover.names)


async def recover(change: DatabaseChange, cutover: Cutover) -> None:
    """As `overwinter recover` decides: after the rename forward, else back. By another program than the one before."""
    effects = in_order(change)
    async with cutover.world() as world:
        if await change.swap.happened(world) is Happened.YES:
            await do_all(effects, world)
        else:
            await undo_all(effects, world)


async def start(server: PostgresServer) -> None:
    """Again, on its port, while the loop goes on."""
    server.launch()
    await beside(server.wait_until_it_answers)


@pytest.mark.spec("R8")
def test_the_server_is_killed_between_two_effects_and_everything_is_whole_again(cutover: Cutover) -> None:
    async def story() -> None:
        async with cutover.world() as world:
            change = (await cutover.staged(world)).change
        for done in range(len(in_order(change)) + 1):
            async with cutover.world() as world:
                await do_all(in_order(change)[:done], world)
            await beside(cutover.server.kill)
            await start(cutover.server)
            await recover(change, cutover)
            assert await stands(cutover) == (NEW if done >= 2 else OLD), f"killed after {done} effects"
            async with cutover.world() as world:
                await undo_all(in_order(change), world)

    with Reconnecting(cutover) as client:
        run(story())
    assert client.wrong == []


@pytest.mark.spec("R8")
@pytest.mark.parametrize("kills", [pytest.param(4, id="few"), LONG])
def test_the_server_is_killed_while_effects_work_and_it_is_never_half(cutover: Cutover, kills: int) -> None:
    """A program that goes on when the server is back finishes; one that died with it is recovered."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201  what failed can be tried again
    chance = random.Random(seed)

    async def story() -> None:
        async with cutover.world() as world:
            change = (await cutover.staged(world)).change
        seen = set()
        for number in range(kills):
            async with cutover.world() as world:
                work = asyncio.create_task(do_all(in_order(change), world))
                await asyncio.sleep(chance.uniform(0.0, 0.06))
                await beside(cutover.server.kill)
                if number % 2:
                    work.cancel()
                    await asyncio.gather(work, return_exceptions=True)
                    await start(cutover.server)
                    await recover(change, cutover)
                else:
                    await start(cutover.server)
                    await work
                    assert await stands(cutover) == NEW
            state = await stands(cutover)
            assert state in (OLD, NEW)
            seen.add(state[0])
            async with cutover.world() as world:
                await undo_all(in_order(change), world)
                assert await stands(cutover) == OLD

    run(story())


@pytest.mark.spec("R8")
@pytest.mark.parametrize("kills", [pytest.param(3, id="few"), LONG])
def test_a_server_killed_around_the_commit_has_the_old_names_or_the_new(cutover: Cutover, kills: int) -> None:
    """What was answered has happened, also on a server that does not wait for its disk."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201  likewise
    chance = random.Random(seed)

    async def story() -> None:
        async with cutover.world() as world:
            change = (await cutover.staged(world)).change
        close, swap = change.close, change.swap
        assert close is not None
        for _ in range(kills):
            async with cutover.world() as world:
                await close.do(world)
                work = asyncio.create_task(swap.do(world))
                await asyncio.sleep(chance.uniform(0.005, 0.025))
                answered = work.done()
                await beside(cutover.server.kill)
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                await start(cutover.server)
                happened = await swap.happened(world)
                assert happened is not Happened.UNCLEAR
                assert happened is Happened.YES or not answered
                assert (await beside(cutover.names))[LIVE] is False, "nobody got in meanwhile"
                await undo_all(in_order(change), world)
                assert await stands(cutover) == OLD

    run(story())


# --- the way to the server -------------------------------------------------------------------------------------------


class CutAtCommit(Wire):
    """Cut when the client says COMMIT: before the server hears it, or before its answer arrives."""

    def __init__(self, server_port: int, *, heard: bool) -> None:
        super().__init__(server_port)
        self.cuts = 0
        self._heard = heard
        self._deaf = False

    def passing(self, piece: bytes, *, from_server: bool) -> bytes:
        """Wire: the first COMMIT, and what is said to it."""
        if from_server and self._deaf:
            self._deaf = False
            self.cut()
            return b""
        if not from_server and b"COMMIT" in piece and not self.cuts:
            self.cuts += 1
            self._deaf = self._heard
            if not self._heard:
                self.cut()
                return b""
        return piece


def through(effect: SwapDatabases, port: int) -> SwapDatabases:
    """The same, by another way."""
    return msgspec.structs.replace(effect, at=msgspec.structs.replace(effect.at, port=port))


@pytest.mark.spec("R8")
@pytest.mark.parametrize("heard", [True, False])
def test_a_lost_answer_to_the_commit_means_looking(
    cutover: Cutover, heard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with cutover.world() as world:
            change = (await cutover.staged(world)).change
            assert change.close is not None
            await change.close.do(world)
            async with listening(CutAtCommit(cutover.server.port, heard=heard)) as wire:
                await through(change.swap, wire.port).do(world)
                assert wire.cuts == 1
            assert await change.swap.happened(world) is Happened.YES
            await undo_all(in_order(change), world)
            monkeypatch.setattr(postgresql, "RETURNS_WITHIN", 0.0)  # whoever does not try again
            await change.close.do(world)
            async with listening(CutAtCommit(cutover.server.port, heard=heard)) as wire:
                with pytest.raises(UserError) as raised:
                    await through(change.swap, wire.port).do(world)
                assert raised.value.code == "postgres.connection-lost"
            assert await change.swap.happened(world) is (Happened.YES if heard else Happened.NO)
            await undo_all(in_order(change), world)
            assert await stands(cutover) == OLD

    run(story())


@pytest.mark.spec("J2", "R8")
def test_a_cancel_at_any_moment_leaves_a_way_back(cutover: Cutover) -> None:
    async def story() -> None:
        async with cutover.world() as world:
            effects = in_order((await cutover.staged(world)).change)
            for delay in (0.0, 0.005, 0.01, 0.02, 0.03, 0.05):
                await cancelled_after(delay, effects, world)
                await undo_all(effects, world)
                assert await stands(cutover) == OLD

    run(story())
    assert cutover.server.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'overwinter'") == [(0,)]


async def cancelled_after(delay: float, effects: Sequence[Effect], world: World) -> None:
    """Some of it is done."""
    work = asyncio.create_task(do_all(effects, world))
    await asyncio.sleep(delay)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


@pytest.mark.spec("R8", "X3")
def test_a_server_that_does_not_come_back_is_said_and_nothing_is_assumed(
    cutover: Cutover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "RETURNS_WITHIN", 0.2)

    async def story() -> None:
        async with cutover.world() as world:
            change = (await cutover.staged(world)).change
            await beside(cutover.server.kill)
            try:
                for effect in in_order(change):
                    for work in (effect.do, effect.undo, effect.happened):
                        with pytest.raises(UserError) as raised:
                            await work(world)
                        assert raised.value.code in PASSING
                        assert "backup" not in str(raised.value.problem.means)
            finally:
                await start(cutover.server)

    run(story())


class Pooling(Wire):
    """What a pooler says of a session: the process number (in BackendKeyData) is its own."""

    def passing(self, piece: bytes, *, from_server: bool) -> bytes:
        """Wire: another number."""
        at = piece.find(b"K\x00\x00\x00\x0c") if from_server else -1
        return piece if at < 0 else piece[: at + 5] + b"\x00\x00\x00\x07" + piece[at + 9 :]


@pytest.mark.spec("R4")
def test_a_pooler_is_known_and_refused(cutover: Cutover) -> None:
    async def story() -> None:
        async with cutover.world() as world, listening(Pooling(cutover.server.port)) as wire:
            swap = (await cutover.staged(world)).change.swap
            with pytest.raises(UserError) as raised:
                await through(swap, wire.port).do(world)
            assert raised.value.code == "restore.pooled"

    run(story())


# --- a session that is being let in ----------------------------------------------------------------------------------


ENTERING = """
    SELECT EXISTS (SELECT FROM pg_locks WHERE pid = %(pid)s AND locktype = 'object'
                      AND classid = 'pg_database'::regclass)
       AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %(pid)s AND datid IS NOT NULL)
"""


def connected(server: PostgresServer, database: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection of its own."""
    return psycopg.connect(
        host=str(server.socket_folder), port=server.port, user=SUPERUSER, dbname=database, autocommit=True
    )


class Visitor(threading.Thread):
    """A client that connects; `stopped` is its session on the server, stopped in the middle of being let in."""

    def __init__(self, cutover: Cutover) -> None:
        super().__init__()
        self._server = cutover.server
        self.stopped: psutil.Process | None = None
        self.read = ""

    def run(self) -> None:
        """Reads as soon as it is in."""
        with contextlib.suppress(psycopg.Error), connected(self._server, LIVE) as connection:
            self.read = read_state(connection)

    def stop_at_the_door(self, seconds: float) -> bool:
        """Stops its session so long after that has begun; False when that is not in the middle of being let in."""
        before = set(psutil.Process(self._server.pid).children())
        with connected(self._server, "postgres") as asking:
            before |= set(psutil.Process(self._server.pid).children())
            self.start()
            while not (new := set(psutil.Process(self._server.pid).children()) - before) and self.is_alive():
                pass
            time.sleep(seconds)  # any moment of its beginning
            for session in new:
                session.suspend()
                # It may hold what the question needs: then it goes on, and this was not the moment.
                going_on = threading.Timer(1, session.resume)
                going_on.start()
                ((is_entering,),) = asking.execute(ENTERING, {"pid": session.pid}).fetchall()
                is_still = going_on.is_alive()
                going_on.cancel()
                going_on.join()
                if is_entering and is_still:
                    self.stopped = session
                    return True
                session.resume()
        self.join()
        return False


def visitor_at_the_door(cutover: Cutover) -> Visitor:
    """One that is just being let in."""
    moments = random.Random()
    for _ in range(400):
        visitor = Visitor(cutover)
        with contextlib.suppress(psutil.NoSuchProcess):
            if visitor.stop_at_the_door(moments.uniform(0, 0.004)):
                return visitor
        visitor.join()
    raise AssertionError("no session could be stopped in the middle of being let in")


@pytest.mark.spec("R6")
def test_a_session_that_is_just_being_let_in_is_out_before_the_database_counts_as_closed(cutover: Cutover) -> None:
    """Else it would read the old rows while the files are exchanged."""

    async def story() -> str:
        async with cutover.world() as world:
            close = in_order((await cutover.staged(world)).change)[0]
            visitor = await beside(lambda: visitor_at_the_door(cutover))
            assert visitor.stopped is not None
            closing = asyncio.create_task(close.do(world))
            try:
                await asyncio.wait({closing}, timeout=1)
                assert not closing.done(), "it is still at the door"
            finally:
                visitor.stopped.resume()
                await closing
            visitor.join()
            return visitor.read

    assert run(story()) in ("", "live")
    assert cutover.server.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{LIVE}'") == [(0,)]
