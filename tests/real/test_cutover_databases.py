"""A staged database takes the live one's place, and goes back: what the application sees, and what is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest

from app.foundation.errors import UserError
from app.jobs.effects import postgresql
from app.jobs.effects.effect import UNCLEAR, Effect, Happened, World
from app.jobs.effects.names import before_name
from app.jobs.effects.postgresql import CloseDatabase, SwapDatabases
from app.jobs.restore.checks import Verdict
from app.jobs.restore.put_aside import PutAside
from app.jobs.sources.postgresql_swapping import StagedPostgresql
from app.tools.postgres.facts import Extension
from tests.real.cutting_over import (
    BEFORE,
    LIVE,
    RUN,
    SHADOW,
    Cutover,
    Reconnecting,
    beside,
    cutover_on,
    do_all,
    in_order,
    undo_all,
    until,
)
from tests.real.servers.postgresql import PostgresServer, postgres_server
from tests.running import run

if sys.platform == "win32":
    pytest.skip("signals of POSIX", allow_module_level=True)

SETTINGS = {
    "wal_level": "logical",
    "max_prepared_transactions": "5",
    "synchronous_commit": "on",
    "autovacuum_naptime": "1s",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with postgres_server(tmp_path_factory.mktemp("postgresql"), SETTINGS) as started:
        yield started


@pytest.fixture
def cutover(server: PostgresServer, tmp_path: Path) -> Iterator[Cutover]:
    with cutover_on(server, tmp_path) as made:
        yield made


@pytest.mark.spec("R6", "R8", "R14")
def test_a_swap_brings_the_points_data_with_what_belongs_to_the_live_database(cutover: Cutover) -> None:
    before = cutover.properties()

    async def story() -> None:
        async with cutover.world() as world:
            staged = await cutover.staged(world)
            assert (staged.kept_from, staged.problems) == ("live", ())
            assert cutover.names() == {LIVE: True, SHADOW: False}
            assert cutover.state() == "live"
            effects = in_order(staged.change)
            await do_all(effects, world)
            assert cutover.names() == {LIVE: True, BEFORE: False}
            assert cutover.state() == "restored"
            assert cutover.properties() == before
            await undo_all(effects, world)
            assert cutover.names() == {LIVE: True, SHADOW: False}
            assert cutover.state() == "live"
            assert cutover.properties() == before

    run(story())
    assert cutover.server.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'overwinter'") == [(0,)]


@pytest.mark.spec("R6")
def test_a_client_that_reconnects_all_the_while_reads_the_old_and_then_the_new(cutover: Cutover) -> None:
    async def staging() -> StagedPostgresql:
        async with cutover.world() as world:
            return await cutover.staged(world)

    async def story(effects: Sequence[Effect], client: Reconnecting) -> None:
        async with cutover.world() as world:
            await until(lambda: client.reads("live"))
            await do_all(effects, world)
            await until(lambda: client.reads("restored"))
            await undo_all(effects, world)
            await until(lambda: client.reads("live"))

    effects = in_order(run(staging()).change)
    with Reconnecting(cutover) as client:
        run(story(effects, client))
    assert client.wrong == []
    assert client.states == ["live", "restored", "live"]
    assert 0 < client.refused_for < 2.0


SUBSCRIBE = """
CREATE SUBSCRIPTION fed CONNECTION 'host={socket} port={port} user=postgres dbname=feeder' PUBLICATION feed
    WITH (create_slot = false, slot_name = 'feed', copy_data = false)
"""


@contextmanager
def replication_into(server: PostgresServer) -> Iterator[None]:
    """A subscription of the live database, with its worker."""
    server.sql("CREATE DATABASE feeder")
    server.sql("CREATE PUBLICATION feed FOR ALL TABLES", "feeder")
    server.sql("SELECT pg_create_logical_replication_slot('feed', 'pgoutput')", "feeder")
    server.sql(SUBSCRIBE.format(socket=server.socket_folder, port=server.port), LIVE)
    yield
    for (name,) in server.sql("SELECT datname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid"):
        server.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        for statement in ("DISABLE", "SET (slot_name = NONE)"):
            server.sql(f"ALTER SUBSCRIPTION fed {statement}", name)
        server.sql("DROP SUBSCRIPTION fed", name)
    server.sql("DROP DATABASE feeder WITH (FORCE)")


@contextmanager
def walsender(server: PostgresServer) -> Iterator[None]:
    """A program that follows the live database's changes."""
    server.sql("SELECT pg_create_logical_replication_slot('followed', 'test_decoding')", LIVE)
    where = ["-h", str(server.socket_folder), "-p", str(server.port), "-U", "postgres", "-d", LIVE]
    follows = [str(server.bin / "pg_recvlogical"), *where, "--slot", "followed", "--start", "--no-loop", "-f", "-"]
    program = subprocess.Popen(follows, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield
    program.kill()
    program.wait()
    server.sql("SELECT pg_drop_replication_slot('followed')")


SLOW_VACUUM = """
CREATE TABLE garden.bloated WITH (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_cost_delay = 100) AS SELECT n FROM generate_series(1, 90000) n;
DELETE FROM garden.bloated
"""


@contextmanager
def sessions(cutover: Cutover) -> Iterator[None]:
    """Idle ones, busy ones, those in the middle of a transaction, of ordinary users and of a superuser."""
    with ExitStack() as stack:
        idle, busy, locking = (cutover.connect() for _ in range(3))
        administrator = cutover.server._connect(LIVE)
        for connection in (idle, busy, locking, administrator):
            stack.callback(connection.close)
        busy.pgconn.send_query(b"SELECT pg_sleep(60)")
        locking.execute("BEGIN")
        locking.execute("INSERT INTO garden.nodes (t) VALUES ('never committed')")
        administrator.execute("LISTEN garden")
        yield


KINDS = "SELECT DISTINCT backend_type FROM pg_stat_activity WHERE datname = 'hydro'"


@pytest.mark.spec("R6")
def test_sessions_of_all_kinds_are_ended_and_do_not_come_back(cutover: Cutover) -> None:
    server = cutover.server
    wanted = {"client backend", "walsender", "logical replication worker", "autovacuum worker"}

    async def story() -> None:
        async with cutover.world() as world:
            effects = in_order((await cutover.staged(world)).change)
            with walsender(server), sessions(cutover):
                await beside(lambda: server.sql(SLOW_VACUUM, LIVE))
                await until(lambda: wanted <= {kind for (kind,) in server.sql(KINDS)}, 30)
                await do_all(effects[:1], world)
                assert await effects[0].happened(world) is Happened.YES
                assert {kind for (kind,) in server.sql(KINDS)} <= {"autovacuum worker"}, "it may come any time"
                await do_all(effects[1:], world)
                assert cutover.state() == "restored"

    with replication_into(server):
        run(story())


def judge(cutover: Cutover, key: str) -> tuple[Verdict, str]:
    """What a check comes to, and the code of why."""

    async def story() -> tuple[Verdict, str]:
        async with cutover.world() as world:
            found = (await cutover.judged(world))[key]
            return found.verdict, "" if found.why is None else found.why.code

    return run(story())


@pytest.mark.spec("R4")
def test_a_server_that_can_take_it_passes_every_check(cutover: Cutover) -> None:
    async def story() -> None:
        async with cutover.world() as world:
            found = await cutover.judged(world)
            open_ = {key: one.why for key, one in found.items() if one.verdict is not Verdict.PASS}
            assert open_ == {}

    run(story())


@pytest.mark.spec("R4")
def test_what_stands_in_the_way_is_found_before(cutover: Cutover) -> None:
    server, dumped = cutover.server, cutover.dumped
    assert dumped is not None
    server.sql("SELECT pg_create_logical_replication_slot('mine', 'pgoutput')", LIVE)
    assert judge(cutover, "database-replication") == (Verdict.UNCHECKED, "restore.replicated")
    server.sql("SELECT pg_drop_replication_slot('mine')")
    server.sql("ALTER DATABASE hydro SET timescaledb.restoring = 'on'")
    assert judge(cutover, "database-restoring") == (Verdict.UNCHECKED, "restore.database-restoring")
    server.sql("ALTER DATABASE hydro RESET timescaledb.restoring")
    server.sql("ALTER DATABASE hydro ALLOW_CONNECTIONS false")
    assert judge(cutover, "database-closed") == (Verdict.UNCHECKED, "restore.database-closed")
    server.sql("ALTER DATABASE hydro ALLOW_CONNECTIONS true")
    server.sql(f"CREATE DATABASE {BEFORE}")
    assert judge(cutover, "database") == (Verdict.FAIL, "restore.database-exists")
    server.sql(f"DROP DATABASE {BEFORE}")
    changed: dict[str, dict[str, object]] = {
        "restore.roles-missing": {"roles": ("nobody at all",)},
        "restore.older-server": {"server_version_number": 990000},
        "restore.extension-missing": {"extensions": (Extension("none", "1", "public"),)},
    }
    for code, facts in changed.items():
        cutover.dumped = dumped
        with_facts(cutover, facts)
        assert judge(cutover, "database") == (Verdict.FAIL, code)
    cutover.dumped = dumped
    with_facts(cutover, {"system_identifier": "1"})
    assert judge(cutover, "database-identity") == (Verdict.FAIL, "restore.other-server")
    with_facts(cutover, {"system_identifier": ""})
    assert judge(cutover, "database-identity") == (Verdict.UNCHECKED, "restore.identity-unknown")


def with_facts(cutover: Cutover, changed: dict[str, object]) -> None:
    """The manifest says something else of the dump."""
    assert cutover.dumped is not None
    facts = msgspec.structs.replace(cutover.dumped.database, **changed)
    cutover.dumped = msgspec.structs.replace(cutover.dumped, database=facts)


@pytest.mark.spec("R4")
def test_a_prepared_transaction_is_found_before_and_never_closes_the_database(cutover: Cutover) -> None:
    async def story(staged: StagedPostgresql, world: World) -> None:
        with pytest.raises(UserError) as raised:
            await in_order(staged.change)[0].do(world)
        assert raised.value.code == "cutover.prepared-transactions"

    async def whole() -> None:
        async with cutover.world() as world:
            staged = await cutover.staged(world)
            with cutover.connect() as connection:
                connection.execute("BEGIN; INSERT INTO garden.nodes (t) VALUES ('x'); PREPARE TRANSACTION 'half'")
            try:
                assert (await cutover.judged(world))["database"].verdict is Verdict.FAIL
                await story(staged, world)
                assert cutover.names()[LIVE], "it was never closed"
            finally:
                cutover.server.sql("ROLLBACK PREPARED 'half'", LIVE)

    run(whole())


KEEPER = """
CREATE ROLE keeper LOGIN CREATEDB PASSWORD 'superuser of a test' IN ROLE "grower's"
"""


@contextmanager
def keeper(cutover: Cutover, more: str = "SELECT 1") -> Iterator[None]:
    """From now on an ordinary account does it."""
    cutover.server.sql(KEEPER)
    cutover.server.sql(more)
    cutover.user = "keeper"
    try:
        yield
    finally:
        cutover.user = "postgres"
        cutover.server.sql("DROP ROLE keeper")


@pytest.mark.spec("R8", "R4")
def test_a_session_that_cannot_be_ended_fails_the_step_and_the_database_opens_again(
    cutover: Cutover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "STAYS", 0.3)

    async def story() -> None:
        async with cutover.world() as world:
            staged = await cutover.staged(world)
            with keeper(cutover), cutover.server._connect(LIVE) as of_a_superuser, cutover.connect() as of_app:
                found = (await cutover.judged(world))["database-sessions"]
                assert (found.verdict, found.acceptable) == (Verdict.UNCHECKED, True)
                close = staged.change.close
                assert close is not None
                as_keeper = msgspec.structs.replace(close, at=msgspec.structs.replace(close.at, user="keeper"))
                await fails_and_opens_again(as_keeper, cutover, world)
                assert of_a_superuser.execute("SELECT 1").fetchone() == (1,)
                assert of_app.execute("SELECT 1").fetchone() == (1,)

    run(story())


async def fails_and_opens_again(close: CloseDatabase, cutover: Cutover, world: World) -> None:
    """A session stays; the way back is asked for."""
    with pytest.raises(UserError) as raised:
        await close.do(world)
    assert raised.value.code == "cutover.session-stays"
    assert cutover.names()[LIVE] is False
    assert await close.happened(world) is Happened.NO, "it is closed, but not empty"
    await close.undo(world)
    assert cutover.names()[LIVE] is True
    assert await close.happened(world) is Happened.NO


@pytest.mark.spec("R8")
def test_a_session_that_hangs_fails_the_step_within_its_limit(cutover: Cutover) -> None:
    async def story() -> None:
        async with cutover.world() as world:
            staged = await cutover.staged(world)
            assert staged.change.close is not None
            with cutover.connect() as connection, contextlib.suppress(psycopg.OperationalError):
                os.kill(connection.info.backend_pid, signal.SIGSTOP)
                try:
                    hurried = msgspec.structs.replace(staged.change.close, limit=0.3)
                    await fails_and_opens_again(hurried, cutover, world)
                finally:
                    os.kill(connection.info.backend_pid, signal.SIGCONT)

    run(story())


@pytest.mark.spec("R14", "R6")
def test_an_ordinary_account_swaps_too_and_what_it_may_not_set_is_told(cutover: Cutover) -> None:
    async def story() -> None:
        async with cutover.world() as world:
            await cutover.staged(world)
            with keeper(cutover, "GRANT pg_signal_backend TO keeper"), cutover.connect():
                staged = await cutover.swap(world).settle(world.ctx)
                (problem,) = staged.problems
                assert problem.code == "restore.not-kept"
                assert "ALTER ROLE" in problem.detail
                await do_all(in_order(staged.change), world)
                assert cutover.state() == "restored"
                cutover.server.sql(f"DROP DATABASE {BEFORE}")
                cutover.server.sql("ALTER DATABASE hydro OWNER TO postgres")

    run(story())


@pytest.mark.spec("R14", "R8")
def test_without_a_live_database_the_point_says_what_it_is_like(cutover: Cutover) -> None:
    before = cutover.properties()
    cutover.server.sql("DROP DATABASE hydro WITH (FORCE)")

    async def story() -> None:
        async with cutover.world() as world:
            found = await cutover.judged(world)
            assert {one.verdict for one in found.values()} == {Verdict.PASS}
            staged = await cutover.staged(world)
            assert (staged.kept_from, staged.change.close) == ("point", None)
            effects = in_order(staged.change)
            await do_all(effects, world)
            assert cutover.state() == "restored"
            assert cutover.properties() == before
            await undo_all(effects, world)
            assert cutover.names() == {SHADOW: False}

    run(story())


@pytest.mark.spec("R8")
def test_a_database_that_was_closed_before_is_closed_again_after_the_way_back(cutover: Cutover) -> None:
    cutover.server.sql("ALTER DATABASE hydro ALLOW_CONNECTIONS false")

    async def story() -> None:
        async with cutover.world() as world:
            effects = in_order((await cutover.staged(world)).change)
            await do_all(effects, world)
            assert cutover.state() == "restored"
            await undo_all(effects, world)
            assert cutover.names()[LIVE] is False

    run(story())


@pytest.mark.spec("R9", "R8")
def test_the_old_database_is_brought_back_by_a_later_run_and_the_new_one_put_aside(cutover: Cutover) -> None:
    later = "feedfeed" * 4
    before = cutover.properties()

    async def story() -> None:
        async with cutover.world() as world:
            effects = in_order((await cutover.staged(world)).change)
            await do_all(effects, world)
            cutover.server.sql("UPDATE garden.nodes SET t = 'written since'", LIVE)
            close, swap, open_ = effects
            assert isinstance(swap, SwapDatabases)
            kept = before_name(LIVE, later)
            back = swap.reversed(later)
            await open_.undo(world)
            await back.do(world)
            await close.undo(world)
            assert cutover.state() == "live"
            assert cutover.properties() == before
            assert cutover.names() == {LIVE: True, kept: False}
            await close.do(world)
            await back.undo(world)
            await open_.do(world)
            assert cutover.state() == "restored"
            assert cutover.names() == {LIVE: True, BEFORE: False}

    run(story())


def put_aside(staged: StagedPostgresql, since: datetime) -> PutAside:
    """The database that the swap has put aside, as its plan tells."""
    swap = staged.change.swap
    return PutAside(swap.at, swap.moves[0].after, swap.moves[0].oid, LIVE, RUN, since)


@pytest.mark.spec("R9")
def test_the_old_database_is_dropped_only_when_everything_fits(cutover: Cutover) -> None:
    server, keep = cutover.server, timedelta(hours=24)
    now = datetime.now(UTC)

    async def refused(world: World, staged: StagedPostgresql, at: datetime) -> str:
        aside = put_aside(staged, now)
        with pytest.raises(UserError) as raised:
            await aside.drop(world, keep, at)
        return raised.value.code

    async def story() -> None:
        async with cutover.world() as world:
            staged = await cutover.staged(world)
            aside = put_aside(staged, now)
            later = now + timedelta(hours=25)
            assert await refused(world, staged, later) == "aside.unclear", "it is the live one still"
            await do_all(in_order(staged.change), world)
            assert (await aside.size(world) or 0) > 1_000_000
            assert await refused(world, staged, now) == "aside.too-young"
            assert await refused(world, staged, now - timedelta(days=300)) == "aside.too-young", "clocks go wrong"
            server.sql("ALTER DATABASE hydro RENAME TO hydro_elsewhere")
            assert await refused(world, staged, later) == "aside.needed"
            server.sql("ALTER DATABASE hydro_elsewhere RENAME TO hydro")
            server.sql(f"ALTER DATABASE {BEFORE} ALLOW_CONNECTIONS true")
            assert await refused(world, staged, later) == "aside.in-use"
            server.sql(f"ALTER DATABASE {BEFORE} ALLOW_CONNECTIONS false")
            await staged.remove.do(world)
            assert cutover.names() == {LIVE: True, BEFORE: False}, "what was staged is the live one now"
            assert await aside.drop(world, keep, later) is True
            assert cutover.names() == {LIVE: True}
            assert await aside.drop(world, keep, later) is False
            assert await aside.size(world) is None

    run(story())


@pytest.mark.spec("J2", "R8")
def test_what_was_staged_and_is_not_wanted_is_removed(cutover: Cutover) -> None:
    async def story() -> None:
        async with cutover.world() as world:
            staged = await cutover.staged(world)
            assert await staged.remove.happened(world) is Happened.NO
            await staged.remove.do(world)
            await staged.remove.do(world)
            assert await staged.remove.happened(world) is Happened.YES
            await cutover.staged(world)
            await cutover.swap(world).remove(world.ctx)
            assert cutover.names() == {LIVE: True}

    run(story())


@pytest.mark.spec("R8")
def test_what_fits_neither_state_stops_and_says_what_was_found(cutover: Cutover) -> None:
    async def story() -> None:
        async with cutover.world() as world:
            change = (await cutover.staged(world)).change
            cutover.server.sql(f"ALTER DATABASE {SHADOW} RENAME TO hydro_somebody")
            assert await change.swap.happened(world) is Happened.UNCLEAR
            for work in (change.swap.do, change.swap.undo):
                with pytest.raises(UserError) as raised:
                    await work(world)
                assert raised.value.code == UNCLEAR
                assert "hydro_somebody" in raised.value.problem.detail
            cutover.server.sql("DROP DATABASE hydro_somebody")
            assert change.open is not None
            assert await change.open.happened(world) is Happened.UNCLEAR
            elsewhere = msgspec.structs.replace(change.swap, at=msgspec.structs.replace(change.swap.at, system="1"))
            with pytest.raises(UserError) as raised:
                await elsewhere.happened(world)
            assert raised.value.code == "cutover.other-server"
            assert cutover.state() == "live"

    run(story())


@pytest.mark.spec("R8")
def test_a_staged_database_that_somebody_dropped_does_not_keep_the_live_one_closed(cutover: Cutover) -> None:
    async def story() -> None:
        async with cutover.world() as world:
            effects = in_order((await cutover.staged(world)).change)
            close, swap, _ = effects
            await close.do(world)
            await beside(lambda: cutover.server.sql(f"DROP DATABASE {SHADOW}"))
            assert await swap.happened(world) is Happened.NO
            with pytest.raises(UserError) as raised:
                await swap.do(world)
            assert raised.value.code == "postgres.database-missing"
            assert SHADOW in str(raised.value.problem.what)
            await undo_all(effects, world)
            assert cutover.state() == "live"
            await close.do(world)
            await beside(lambda: cutover.server.sql(f"DROP DATABASE {LIVE}"))
            assert await swap.happened(world) is Happened.UNCLEAR

    run(story())


@pytest.mark.spec("R8")
def test_a_session_whose_client_died_in_the_middle_is_over_before_anything_is_believed(
    cutover: Cutover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "GIVES_WAY_WITHIN", 0.2)

    async def story() -> None:
        async with cutover.world() as world:
            staged = await cutover.staged(world)
            swap = staged.change.swap
            with cutover.server._connect("postgres") as dead, contextlib.suppress(psycopg.OperationalError):
                dead.execute("SELECT pg_advisory_lock(%s)", (swap.at.key,))
                dead.execute("BEGIN")
                dead.execute(f"ALTER DATABASE {SHADOW} RENAME TO hydro_on_its_way".encode())
                assert await swap.happened(world) is Happened.NO
                with pytest.raises(psycopg.Error):
                    dead.execute("COMMIT")
            assert cutover.names() == {LIVE: True, SHADOW: False}

    run(story())


WORKERS = """
CREATE SCHEMA _timescaledb_functions;
CREATE TABLE garden.started (at timestamptz DEFAULT now());
CREATE FUNCTION _timescaledb_functions.start_background_workers() RETURNS bool LANGUAGE sql
    AS 'INSERT INTO garden.started DEFAULT VALUES; SELECT true'
"""


@pytest.mark.spec("R6")
def test_timescales_workers_are_started_again_and_a_load_that_was_not_ended_is_never_swapped_in(
    cutover: Cutover,
) -> None:
    """TimescaleDB itself is not here; its one function and its one setting stand for it."""
    cutover.server.sql("ALTER DATABASE hydro SET timescaledb.restoring = 'on'")

    async def story() -> None:
        async with cutover.world() as world:
            staged = await cutover.staged(world)
            assert not any("restoring" in one for one in staged.change.swap.statements)
            cutover.server.sql(f"ALTER DATABASE {SHADOW} SET timescaledb.restoring = 'on'")
            with pytest.raises(UserError) as raised:
                await cutover.swap(world).settle(world.ctx)
            assert raised.value.code == "restore.load-not-ended"
            cutover.server.sql(f"ALTER DATABASE {SHADOW} RESET timescaledb.restoring")
            cutover.server.sql(WORKERS, LIVE)
            close = staged.change.close
            assert close is not None
            close = msgspec.structs.replace(close, workers=True)
            await close.do(world)
            await close.undo(world)
            assert cutover.server.sql("SELECT count(*) FROM garden.started", LIVE) == [(1,)]

    run(story())
