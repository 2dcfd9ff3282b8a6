"""What every restore to another place keeps to, on every host kind: what comes back is what was there.

One backup of a site with all that can be restored; what comes back is compared by plain tools.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from app.assembly import Overwinter
from app.foundation.events import Item, Outcome, Warned
from app.jobs.backup import BackupChoice
from app.jobs.restore.choice import Folder, NewDatabase, RestoreChoice, Target
from app.jobs.restore.setting import RestoreState
from app.records.run import Run
from tests.contracts.sources import everything_in, make_awkward
from tests.features.greenhouse import REPOSITORY_PASSWORD, make_tree
from tests.real.practice import opened
from tests.real.servers.mariadb import MariadbServer
from tests.real.servers.postgresql import SUPERUSER, SUPERUSER_PASSWORD, PostgresServer
from tests.real.servers.restic import VERSIONS, fresh_repository, restic_program
from tests.real.servers.sshd import SshServer, ssh_server
from tests.running import run
from tests.trees import attributes_of

if sys.platform != "linux":
    pytest.skip("extended attributes as Linux has them", allow_module_level=True)

SITE = "north-house"
HOSTS = ("this-computer", "server")

SITE_FILE = """
format = 1
name = "north-house"
[repository]
url = "{repository}"
[[sources]]
name = "laravel"
kind = "files"
host = "{host}"
root = "{root}"
[[sources]]
name = "telemetry"
kind = "postgresql"
host = "{host}"
database = "{hydro}"
port = {postgres}
server = "127.0.0.1"
user = "postgres"
[[sources]]
name = "shop"
kind = "mysql"
host = "{host}"
database = "{shop}"
server = "{mariadb}"
user = "root"
[[sources]]
name = "readings"
kind = "sqlite"
host = "{host}"
database = "{readings}"
"""

ROLES = """
[[sources]]
name = "roles"
kind = "postgresql-globals"
host = "{host}"
port = {postgres}
server = "127.0.0.1"
user = "postgres"
"""

SERVER = """
[[hosts]]
name = "server"
kind = "ssh"
address = "127.0.0.1"
port = {port}
key_file = "{key_file}"
"""

OWNED = ("st_mode", "st_uid", "st_gid")

HYDRO, SHOP = "hydro of restores", "shop-of-restores"
RESTORED = {"telemetry": "hydro again", "shop": "shop again"}

HYDRO_SQL = """
CREATE ROLE "grower's" LOGIN;
CREATE ROLE reader LOGIN;
CREATE DATABASE "hydro of restores" OWNER "grower's" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'
    TEMPLATE template0;
ALTER DATABASE "hydro of restores" SET search_path TO "$user", garden, public;
ALTER DATABASE "hydro of restores" SET work_mem = '5MB';
ALTER ROLE reader IN DATABASE "hydro of restores" SET statement_timeout = '7s';
ALTER DATABASE "hydro of restores" CONNECTION LIMIT 17;
COMMENT ON DATABASE "hydro of restores" IS 'it''s the "garden"
of two lines';
REVOKE ALL ON DATABASE "hydro of restores" FROM PUBLIC;
GRANT CONNECT ON DATABASE "hydro of restores" TO reader WITH GRANT OPTION;
GRANT TEMPORARY ON DATABASE "hydro of restores" TO PUBLIC
"""

GARDEN_SQL = """
CREATE SCHEMA garden AUTHORIZATION "grower's";
SET ROLE "grower's";
CREATE TABLE garden.nodes (id serial PRIMARY KEY, t text, at timestamptz DEFAULT now());
INSERT INTO garden.nodes (t) SELECT '🌱 сад ' || n FROM generate_series(1, 5000) n;
CREATE TABLE garden."Odd ""name"" " (x int REFERENCES garden.nodes (id));
INSERT INTO garden."Odd ""name"" " VALUES (1), (2);
CREATE MATERIALIZED VIEW garden.few AS SELECT * FROM garden.nodes WHERE id < 10;
CREATE TABLE garden.events (at date, what text) PARTITION BY RANGE (at);
CREATE TABLE garden.events_26 PARTITION OF garden.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO garden.events VALUES ('2026-05-05', 'x');
GRANT SELECT ON garden.nodes TO reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA garden GRANT SELECT ON TABLES TO reader;
SELECT lo_from_bytea(0, 'a large object');
RESET ROLE
"""


@dataclass
class Greenhouse:
    """A site whose sources are all on one host, and the program that looks after it."""

    folder: Path
    host: str
    postgres: PostgresServer
    mariadb: MariadbServer
    server: SshServer | None = None
    with_globals: bool = False
    warned: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "www" / "laravel"

    @property
    def readings(self) -> Path:
        return self.folder / "readings.db"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Overwinter]:
        """The program with the site and its secrets."""
        async with opened(self.folder) as app:
            await app.add_site(self._site_file().encode(), replace=True)
            await app.set_secret(SITE, "repository-password", REPOSITORY_PASSWORD)
            for source in ("telemetry", *(["roles"] if self.with_globals else [])):
                await app.set_secret(SITE, f"source:{source}:password", SUPERUSER_PASSWORD)
            yield app

    def _site_file(self) -> str:
        described = SITE_FILE.format(
            repository=self.folder / "repository", host=self.host, root=self.root, readings=self.readings,
            hydro=HYDRO, postgres=self.postgres.port, shop=SHOP, mariadb=self.mariadb.socket,
        )  # fmt: skip
        if self.with_globals:
            described += ROLES.format(host=self.host, postgres=self.postgres.port)
        if self.server is None:
            return described
        return described + SERVER.format(port=self.server.port, key_file=self.server.key_file)

    async def backed_up(self, app: Overwinter) -> str:
        """A point of everything."""
        done = await self._done(app, (await app.runner.launch(await app.plan_backup(SITE, BackupChoice()))).run)
        assert done.outcome is Outcome.SUCCESS, done.error
        return done.id

    async def restored(
        self, app: Overwinter, point: str, scope: str, target: Target, **options: bool
    ) -> tuple[Run, dict[str, Item], RestoreState]:
        """A restore to its end, what became of each source, and what was found before."""
        choice = RestoreChoice(
            point,
            (scope,),
            target,
            make_roles=options.get("make_roles", False),
            dry_run=options.get("dry_run", False),
        )
        plan = await app.plan_restore(SITE, choice)
        done = await self._done(app, (await app.runner.launch(plan)).run)
        return done, {item.source: item for item in await app.records(SITE).items(done.id)}, plan.state

    async def _done(self, app: Overwinter, run_id: str) -> Run:
        done = await app.runner.wait(SITE, run_id)
        async for batch in app.runner.feed(SITE, run_id).batches():
            self.warned += [event.warning.code for event in batch if isinstance(event, Warned)]
        return done

    def leftovers(self) -> list[str]:
        """What a run should have taken with it."""
        scratch = [
            self.folder / "data" / "scratch",
            self.folder / "sshd" / "home" / ".cache" / "overwinter" / "scratch",
        ]
        return [str(path) for place in scratch for path in place.glob("*")]

    def databases(self) -> set[str]:
        """All that stand on the servers."""
        rows = self.postgres.sql("SELECT datname FROM pg_database")
        return {str(name) for (name,) in rows} | set(self.mariadb.sql("SHOW DATABASES").splitlines())


@pytest.fixture(params=HOSTS)
def greenhouse(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    postgres: PostgresServer,
    mariadb: MariadbServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Greenhouse]:
    """The site on each kind of host."""
    program = restic_program(VERSIONS[-1])
    monkeypatch.setenv("OVERWINTER_RESTIC", program)
    fresh_repository(program, tmp_path / "repository", REPOSITORY_PASSWORD)
    made = Greenhouse(tmp_path, request.param, postgres, mariadb)
    make_site(made)
    with contextlib.ExitStack() as stack:
        if request.param == "server":
            made.server = stack.enter_context(ssh_server(tmp_path / "sshd"))
        stack.callback(unmake_site, made)
        yield made
    assert made.leftovers() == []


def make_site(made: Greenhouse) -> None:
    """A tree, and a database of each kind, with everything in them that may be lost on the way."""
    make_tree(made.root, files=40)
    make_special(made.root)
    for statement in HYDRO_SQL.split(";\n"):
        made.postgres.sql(statement)
    made.postgres.sql(GARDEN_SQL, HYDRO)
    make_awkward(made.mariadb, SHOP)
    with contextlib.closing(sqlite3.connect(made.readings, isolation_level=None)) as live:
        live.execute("PRAGMA journal_mode = WAL")
        live.execute("CREATE TABLE readings (at TEXT, value REAL)")
        live.executemany("INSERT INTO readings VALUES (?, ?)", [(f"2026-01-01 {n}", n / 7) for n in range(3000)])
    made.readings.chmod(0o664)
    if os.geteuid() == 0:
        os.chown(made.readings, 33, 34)


def unmake_site(made: Greenhouse) -> None:
    """The servers are those of the whole session."""
    for name in (HYDRO, RESTORED["telemetry"]):
        made.postgres.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    for role in ("grower's", "reader"):
        made.postgres.sql(f'DROP ROLE IF EXISTS "{role}"')
    for name in (SHOP, RESTORED["shop"]):
        made.mariadb.sql(f"DROP DATABASE IF EXISTS `{name}`")
    made.mariadb.sql(f"DROP USER IF EXISTS `{SHOP}`@`127.0.0.1`; CREATE USER IF NOT EXISTS keeper@`127.0.0.1`")


def make_special(root: Path) -> None:
    """What only a careful restore brings back; owners where root runs the tests."""
    special = root / "special"
    special.mkdir()
    with (special / "holes").open("wb") as file:
        file.seek(30_000_000)
        file.write(b"end")
    os.mkfifo(special / "pipe")
    (special / "tagged").write_text("x")
    if sys.platform == "linux":
        os.setxattr(special / "tagged", "user.note", "значение".encode())
        os.setxattr(root, "user.root", b"of the root")
    (special / "set").write_text("x")
    (special / "set").chmod(0o4751)
    (special / "shared").mkdir()
    (special / "shared").chmod(0o3770)
    (special / "link-to-nowhere").symlink_to("nowhere")
    if os.geteuid() == 0:
        os.chown(root, 33, 34)
        os.chown(special / "set", 1234, 4321)
        (special / "set").chmod(0o4751)
        os.lchown(special / "link-to-nowhere", 77, 78)
    os.utime(special / "link-to-nowhere", ns=(10**18, 10**18 + 7), follow_symlinks=False)
    for folder in (special / "shared", special, root):
        os.utime(folder, ns=(10**18, 10**18 + 123_456_789))
    root.chmod(0o2750)


def everything_below(root: Path) -> dict[str, tuple[object, ...]]:
    """The root and all below it: kind and mode, owner, exact time, attributes, links, blocks, content."""
    return {str(path.relative_to(root)): _one(path) for path in [root, *sorted(root.rglob("*"))]}


def _one(path: Path) -> tuple[object, ...]:
    seen = path.lstat()
    attributes = {} if path.is_fifo() else attributes_of(path)
    content: object = None
    if stat.S_ISREG(seen.st_mode):
        content = (path.read_bytes(), seen.st_nlink, seen.st_blocks * 512 < 1_000_000)
    if stat.S_ISLNK(seen.st_mode):
        content = path.readlink()
    return seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns, attributes, content


def plain_dump(server: PostgresServer, database: str, name: str) -> bytes:
    """Everything that pg_dump knows of a database, under another name."""
    place = make_conninfo(host=str(server.socket_folder), port=server.port, user=SUPERUSER, dbname=database)
    said = subprocess.run(
        [server.bin / "pg_dump", "--create", f"--dbname={place}"], capture_output=True, check=True
    ).stdout
    said = re.sub(rb"(?m)^\\(un)?restrict .*$", b"", said)
    return said.replace(database.encode(), name.encode())


@pytest.mark.spec("R11", "R13", "R14", "H1")
def test_everything_comes_back_elsewhere_as_it_was(greenhouse: Greenhouse) -> None:
    made, folder = greenhouse, greenhouse.folder / "back"
    tree, dump = everything_below(made.root), made.mariadb.dump(SHOP)
    garden, readings = plain_dump(made.postgres, HYDRO, "x"), everything_in(made.readings)

    async def story() -> None:
        async with made.opened() as app:
            point = await made.backed_up(app)
            done, items, _ = await made.restored(app, point, "both", Folder(str(folder)))
            assert done.outcome is Outcome.SUCCESS, done.error
            assert {name: item.status.value for name, item in items.items()} == dict.fromkeys(
                ("telemetry", "shop", "readings", "laravel"), "success"
            )
            for source, name in RESTORED.items():
                done, _, _ = await made.restored(app, point, f"source:{source}", NewDatabase(name))
                assert done.outcome in (Outcome.SUCCESS, Outcome.PARTIAL), done.error
            copy = NewDatabase(str(made.folder / "readings again.db"))
            done, _, _ = await made.restored(app, point, "source:readings", copy)
            assert done.outcome is Outcome.SUCCESS, done.error

    run(story())
    assert everything_below(folder / "laravel" / "laravel") == tree
    assert {path.name for path in folder.iterdir()} == {"laravel", "telemetry", "shop", "readings"}
    assert (folder / "shop" / "shop.sql").read_bytes().endswith(b"-- Dump completed\n")
    assert everything_in(folder / "readings" / "readings.sqlite") == readings
    assert plain_dump(made.postgres, RESTORED["telemetry"], "x") == garden
    assert made.mariadb.dump(RESTORED["shop"]).replace(RESTORED["shop"].encode(), SHOP.encode()) == dump
    again = made.folder / "readings again.db"
    assert everything_in(again) == readings
    assert [getattr(again.stat(), of) for of in OWNED] == [getattr(made.readings.stat(), of) for of in OWNED]
    assert set(made.warned) == {"restore.events-run"}
    assert {name for name in made.databases() if "restoring" in name} == set()
