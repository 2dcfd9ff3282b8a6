"""A live database, a dump of an earlier state of it, and all that is done to put that in its place."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString, TypeVar

import msgspec
import psycopg

from app.foundation.blocking import Blocking
from app.foundation.events import ItemStatus, Recorded
from app.hosts.local import LocalHost
from app.jobs.effects.effect import Effect, World
from app.jobs.effects.postgresql import CloseDatabase, OpenDatabase, SwapDatabases
from app.jobs.effects.postgresql_change import DatabaseChange
from app.jobs.manifest import DumpFacts, SourceEntry
from app.jobs.pace import Pace
from app.jobs.restore.checks import Judged, judged
from app.jobs.sources.driver import Equipment
from app.jobs.sources.loading import Order
from app.jobs.sources.postgresql_swapping import PostgresqlSwap, StagedPostgresql
from app.runs.context import RunContext
from app.settings.model import Source, SourceKind
from app.tools.postgres.server import Server
from app.tools.postgres.snapshot import ExportedSnapshot
from tests.real.capturing import NO_RECORDS, no_records
from tests.real.servers.postgresql import SUPERUSER, SUPERUSER_PASSWORD, PostgresServer

T = TypeVar("T")

RUN = "0123abcd" + "0" * 24
HERE = "this-computer"
PASSWORD = "canary of the application"
LIVE, SHADOW, BEFORE = "hydro", "hydro__restored_0123abcd", "hydro__before_0123abcd"

MAKE = """
CREATE ROLE app LOGIN PASSWORD 'canary of the application';
CREATE ROLE "grower's";
CREATE ROLE reader;
CREATE DATABASE hydro OWNER "grower's" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8' TEMPLATE template0;
ALTER DATABASE hydro SET search_path TO "$user", 'a, b', garden, public;
ALTER DATABASE hydro SET work_mem = '5MB';
ALTER ROLE app IN DATABASE hydro SET statement_timeout = '70s';
ALTER DATABASE hydro CONNECTION LIMIT 50;
COMMENT ON DATABASE hydro IS 'it''s the "garden" 100%
of two lines';
REVOKE ALL ON DATABASE hydro FROM PUBLIC;
GRANT CONNECT ON DATABASE hydro TO app WITH GRANT OPTION;
SET ROLE app;
GRANT CONNECT ON DATABASE hydro TO reader;
RESET ROLE;
GRANT TEMPORARY ON DATABASE hydro TO PUBLIC
"""

FILL = """
CREATE SCHEMA garden AUTHORIZATION "grower's";
CREATE TABLE garden.ident (state text);
INSERT INTO garden.ident VALUES ('restored');
CREATE TABLE garden.nodes (id serial PRIMARY KEY, t text);
INSERT INTO garden.nodes (t) SELECT 'сад ' || n FROM generate_series(1, 2000) n;
GRANT USAGE ON SCHEMA garden TO app;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA garden TO app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA garden TO app;
"""

PROPERTIES = """
    SELECT d.datname, pg_get_userbyid(d.datdba), d.datconnlimit, d.datallowconn, d.datcollate, d.datctype,
           (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(d.datacl) a),
           shobj_description(d.oid, 'pg_database'),
           (SELECT array_agg((pg_get_userbyid(s.setrole), s.setconfig)::text ORDER BY s.setrole)
              FROM pg_db_role_setting s WHERE s.setdatabase = d.oid)
      FROM pg_database d WHERE d.datname = 'hydro'
"""


@dataclass
class Cutover:
    """The live database of a server, which has gone on since the dump of it was made."""

    server: PostgresServer
    folder: Path
    user: str = SUPERUSER
    password: str = SUPERUSER_PASSWORD
    events: list[Recorded] = field(default_factory=list)
    dumped: DumpFacts | None = None
    more: str = ""
    """What the database holds besides, as SQL."""

    @property
    def dump(self) -> Path:
        """The dump's file."""
        return self.folder / "hydro.dump"

    @property
    def source(self) -> Source:
        """As the site file has it."""
        return Source(
            name="database",
            kind=SourceKind.POSTGRESQL,
            database=LIVE,
            server=self.server.host,
            port=self.server.port,
            user=self.user,
        )

    def make(self) -> None:
        """The database, a dump of it, and changes since."""
        for statement in MAKE.split(";\n"):
            if statement.startswith("SET ROLE"):
                continue
            self.server.sql(_as_grantor(statement))
        self.server.sql(FILL + self.more, LIVE)
        asyncio.run(self._take_dump())
        self.change()

    def change(self) -> None:
        """What the live database holds differs from the dump from now on."""
        self.server.sql("UPDATE garden.ident SET state = 'live'; DELETE FROM garden.nodes WHERE id < 500", LIVE)

    def unmake(self) -> None:
        """Nothing of it is left on the server."""
        for (name,) in self.server.sql("SELECT datname FROM pg_database WHERE datname LIKE 'hydro%'"):
            self.server.sql(f'DROP DATABASE "{name}" WITH (FORCE)')
        for role in ("app", '"grower\'s"', "reader"):
            self.server.sql(f"DROP ROLE IF EXISTS {role}")

    async def _take_dump(self) -> None:
        """As a backup does it: counted in the moment that is dumped."""
        blocking = Blocking()
        try:
            where = Server(self.server.host, self.server.port, SUPERUSER, LIVE)
            async with ExportedSnapshot(blocking, where, SUPERUSER_PASSWORD) as moment:
                facts, counts = await moment.facts(), await moment.counts()
        finally:
            blocking.close()
        place = ["-h", str(self.server.socket_folder), "-p", str(self.server.port), "-U", SUPERUSER]
        subprocess.run([self.server.bin / "pg_dump", *place, "-Fc", "-f", self.dump, LIVE], check=True)  # noqa: ASYNC221
        version = facts.server_version.partition(" ")[0]
        self.dumped = DumpFacts(dumped_by=f"pg_dump {version}", database=facts, counts=counts)

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        """What effects act through."""
        blocking = Blocking()
        hosts = {HERE: LocalHost(blocking, self.folder / "scratch")}
        secrets = {"source:database:password": self.password}
        context = RunContext(RUN, hosts, secrets, self.events.append, NO_RECORDS)
        try:
            yield World(context, Equipment(blocking, {}, "", no_records))
        finally:
            await context.remove_scratch()
            blocking.close()

    def swap(self, world: World) -> PostgresqlSwap:
        """The restore of the dump."""
        entry = SourceEntry("database", "postgresql", "postgresql", HERE, ItemStatus.SUCCESS, dump=self.dumped)
        return PostgresqlSwap(Order(self.source, entry, world.equipment, LIVE, RUN))

    async def staged(self, world: World) -> StagedPostgresql:
        """The shadow, ready to take the live one's place."""
        swap = self.swap(world)
        await swap.load(world.ctx, str(self.dump), Pace("load", world.ctx.emit))
        await swap.compare(world.ctx)
        return through_json(await swap.settle(world.ctx))

    async def judged(self, world: World) -> dict[str, Judged]:
        """What the checks come to, by their keys."""
        return {one.key: one for one in await judged(world.ctx, self.swap(world).checks())}

    def properties(self) -> tuple[object, ...]:
        """All that belongs to the database that has the live name."""
        (row,) = self.server.sql(PROPERTIES)
        return row

    def names(self) -> dict[str, bool]:
        """The databases of the cutover, and whether they are open."""
        rows = self.server.sql("SELECT datname, datallowconn FROM pg_database WHERE datname LIKE 'hydro%'")
        return dict(rows)

    def state(self) -> str:
        """What the application reads."""
        with self.connect() as connection:
            return read_state(connection)

    def connect(self, database: str = LIVE) -> psycopg.Connection[tuple[object, ...]]:
        """As the application does."""
        return psycopg.connect(
            host=self.server.host, port=self.server.port, user="app", password=PASSWORD, dbname=database,
            autocommit=True, connect_timeout=30,
        )  # fmt: skip


@contextmanager
def cutover_on(server: PostgresServer, folder: Path) -> Iterator[Cutover]:
    """A live database that goes when the test is over."""
    made = Cutover(server, folder)
    made.make()
    yield made
    made.unmake()


def _as_grantor(statement: str) -> str:
    """A grant by somebody else is one session's affair."""
    if statement.startswith("GRANT CONNECT ON DATABASE hydro TO reader"):
        return f"SET ROLE app; {statement}; RESET ROLE"
    return statement


def through_json(staged: StagedPostgresql) -> StagedPostgresql:
    """As whoever finds it written down reads it."""
    return msgspec.json.decode(msgspec.json.encode(staged), type=StagedPostgresql)


def in_order(change: DatabaseChange) -> list[CloseDatabase | SwapDatabases | OpenDatabase]:
    """The effects of a change, as a cutover does them."""
    return [one for one in (change.close, change.swap, change.open) if one is not None]


async def do_all(effects: Sequence[Effect], world: World) -> None:
    """Forward."""
    for effect in effects:
        await effect.do(world)


async def undo_all(effects: Sequence[Effect], world: World) -> None:
    """Back, whatever has happened of it."""
    for effect in reversed(effects):
        await effect.undo(world)


def read_state(connection: psycopg.Connection[tuple[object, ...]]) -> str:
    """Which of the two databases this is, by two tables that have to agree."""
    query: LiteralString = "SELECT (SELECT state FROM garden.ident), (SELECT count(*) FROM garden.nodes)"
    (row,) = connection.execute(query).fetchall()
    assert row in (("live", 1501), ("restored", 2000)), row
    return str(row[0])


class Reconnecting:
    """An application that connects again and again, 100 times a second; what it reads is kept with its time."""

    def __init__(self, cutover: Cutover, clients: int = 2, per_second: int = 100) -> None:
        self.answers: list[tuple[float, str]] = []
        """When an answer came, and what was read; "" for a refusal."""
        self.wrong: list[str] = []
        self._cutover = cutover
        self._pause = clients / per_second
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(clients)]

    def __enter__(self) -> Reconnecting:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while not self._over.wait(self._pause):
            try:
                with self._cutover.connect() as connection:
                    state = read_state(connection)
            except psycopg.Error:
                state = ""
            except AssertionError as mixture:
                self.wrong.append(str(mixture))
                return
            self.answers.append((time.monotonic(), state))

    def reads(self, state: str) -> bool:
        """Whether the last answer was that."""
        return bool(self.answers) and self.answers[-1][1] == state

    @property
    def states(self) -> list[str]:
        """What was read, one after the other, refusals left aside."""
        seen: list[str] = []
        for _, state in sorted(self.answers):
            if state and seen[-1:] != [state]:
                seen.append(state)
        return seen

    @property
    def refused_for(self) -> float:
        """Seconds from the first refusal to the first answer of the other database."""
        return refused_for(self.answers)


def refused_for(answers: Sequence[tuple[float, str]]) -> float:
    """Seconds from the first refusal to the first answer of the other database."""
    before, refused = "", 0.0
    for at, state in sorted(answers):
        if not state:
            refused = refused or at
        elif before and state != before:
            return at - refused if refused else 0.0
        else:
            before = state
    raise AssertionError("the other database never answered")


async def beside(work: Callable[[], T]) -> T:
    """Does what blocks for a while (a server's start, a database's making) without holding the loop up."""
    return await asyncio.get_running_loop().run_in_executor(None, work)


async def until(fact: Callable[[], object], within: float = 10.0) -> None:
    """Waits for a fact."""
    deadline = time.monotonic() + within
    while not await beside(fact):
        assert time.monotonic() < deadline, "it does not come true"
        await asyncio.sleep(0.01)
