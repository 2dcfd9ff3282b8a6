"""A whole site brought back in place, by the real command line: down time, and what staging costs over the raw tools.

Run: python -m tests.bench.swap [--times N] [--restic PATH] [small] [large]

Each round changes the site and restores it; then the same is done by hand in the classic way (site down, old tree and
database removed, both brought back, site up), and both steps by the raw tools alone. A client that connects 100 times a
second tells how long the database refuses. Linux and macOS; `large` needs 12 GB in the temporary folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.cutover import REAL, SETTLES, TELEMETRY, reconnecting_client
from tests.bench.measure import MB, Ran, machine_line, put_away, run_recorded, spread, table, wait_for_the_disk
from tests.features.console import Console
from tests.real.cutting_over import LIVE, Cutover, refused_for
from tests.real.servers.postgresql import SUPERUSER, SUPERUSER_PASSWORD, PostgresServer, postgres_server
from tests.real.servers.restic import VERSIONS, restic_program

Watching = AbstractContextManager[list[tuple[float, str]]]

SITE = "north-house"
PASSWORD = "of the repository"
ROW = 400
"""Bytes that a row of telemetry takes, about."""

SITE_FILE = """
format = 1
name = "north-house"

[repository]
url = "{folder}/repository"

[[sources]]
name = "laravel"
kind = "files"
root = "{folder}/site/laravel"
keep_live = [".env"]

[[sources]]
name = "database"
kind = "postgresql"
database = "{database}"
server = "127.0.0.1"
port = {port}
user = "{user}"

[[commands]]
name = "down"
when = "maintenance_on"
folder = "{folder}"
run = ["sh", "-c", "date +%s.%N >> {folder}/marks"]

[[commands]]
name = "up"
when = "maintenance_off"
folder = "{folder}"
run = ["sh", "-c", "date +%s.%N >> {folder}/marks"]
"""


class Size(msgspec.Struct, frozen=True):
    """What a site is made of; `files` of equal size come to `tree` bytes, the telemetry to about `rows` bytes."""

    name: str
    files: int
    tree: int
    rows: int


SIZES = {
    "small": Size("50 MB in 1,000 files, 50 MB of rows", 1_000, 50 * MB, 50 * MB),
    "large": Size("1 GB in 50,000 files, 1 GB of rows", 50_000, 1000 * MB, 1000 * MB),
}


class Restored(msgspec.Struct, frozen=True):
    """One restore: seconds between maintenance on and off, of refusals, and of staging without and with comparing."""

    down: float
    refused: float
    files: float
    database: float
    comparing: float
    whole: float


@dataclass
class Untouched(Cutover):
    """A database that nobody has changed since its dump, until `change` is called for a round."""

    begun: bool = False

    def change(self) -> None:
        """As the site goes on."""
        if self.begun:
            super().change()


@dataclass
class Bench:
    """One site of one size, backed up once."""

    folder: Path
    server: PostgresServer
    console: Console
    size: Size
    point: str = ""

    @property
    def root(self) -> Path:
        """The tree."""
        return self.folder / "site" / "laravel"

    def make(self) -> Untouched:
        """The site, its repository, and a point of it."""
        make_tree(self.root, self.size)
        database = Untouched(self.server, self.folder, more=TELEMETRY.format(rows=self.size.rows // ROW))
        database.make()
        database.begun = True
        described = SITE_FILE.format(folder=self.folder, database=LIVE, port=self.server.port, user=SUPERUSER)
        self.console.add_site(
            described, {"repository-password": PASSWORD, "source:database:password": SUPERUSER_PASSWORD}
        )
        shutil.move(self.console.folder / "repository", self.folder / "repository")
        self.point = self.console.run("backup", SITE, timeout=1200).json["run"]
        return database

    def restored(self, database: Untouched, *, watched: bool) -> Restored:
        """A changed site, brought back in place; what was live before is taken away afterwards.

        While it is `watched` a client connects all the while, which takes its share of the processors.
        """
        database.change()
        (self.root / "part-000" / "0").write_text("changed")
        (self.folder / "marks").unlink(missing_ok=True)
        wait_for_the_disk()
        confirm = ("--confirm", f"RESTORE {SITE} {self.point[:8]} both", "--accept", "database-space")
        command = self.console.command("restore", SITE, self.point, "--scope", "both", "--no-safety-backup", *confirm)
        client: Watching = reconnecting_client(self.server.port) if watched else nullcontext([])
        with client as answers:
            time.sleep(SETTLES)
            ran = run_recorded(command, self.console.environment, self.folder)
            time.sleep(SETTLES)
        assert ran.result["status"] == "success", ran.result
        on, off = map(float, (self.folder / "marks").read_text().split())
        self.take_old_away(ran.result["run"][:8])
        return self._figures(ran, off - on, refused_for(answers) if watched else 0.0)

    def _figures(self, ran: Ran, down: float, refused: float) -> Restored:
        took = steps_of(self.console, ran.result["run"])
        files = next(child.took for child in ran.children if "restore" in child.arguments)  # the dump's comes later
        return Restored(
            down=down,
            refused=refused,
            files=files,
            database=took["fetch:database"] + took["load:database"],
            comparing=took["stage:laravel"] - files + took["compare:database"],
            whole=ran.wall,
        )

    def take_old_away(self, run: str) -> None:
        put_away(self.root.with_name(f"{self.root.name}.__before_restore_{run}"))
        self.server.sql(f'DROP DATABASE "{LIVE}__before_{run}" WITH (FORCE)')

    # --- by hand ---------------------------------------------------------------------------------

    def classic(self) -> float:
        """Seconds that the site is down when everything is removed and brought back meanwhile."""
        wait_for_the_disk()
        began = time.monotonic()
        put_away(self.root)
        self.restic("restore", self.snapshot("laravel", str(self.root)), "--target", str(self.root))
        self.server.sql(f'DROP DATABASE "{LIVE}" WITH (FORCE)')
        self.load(LIVE)
        return time.monotonic() - began

    def plain(self) -> tuple[float, float]:
        """Seconds of restic for the tree, and of restic and `pg_restore` for the database, beside the live ones."""
        beside = self.folder / "site" / "beside"
        wait_for_the_disk()
        began = time.monotonic()
        self.restic("restore", self.snapshot("laravel", str(self.root)), "--target", str(beside))
        files = time.monotonic() - began
        put_away(beside)
        wait_for_the_disk()
        began = time.monotonic()
        self.load("hydro_beside")
        database = time.monotonic() - began
        self.server.sql("DROP DATABASE hydro_beside")
        return files, database

    def load(self, name: str) -> None:
        """The dump into a new database of that name."""
        dump = self.folder / "by-hand.dump"
        with dump.open("wb") as out:
            self.restic("dump", self.snapshot("database"), "/database.dump", out=out)
        self.server.sql(
            f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8' TEMPLATE template0"
        )
        place = ["-h", str(self.server.socket_folder), "-p", str(self.server.port), "-U", SUPERUSER]
        at_once = f"--jobs={min(4, os.cpu_count() or 1)}"
        subprocess.run([self.server.bin / "pg_restore", *place, at_once, "-d", name, dump], check=True)
        dump.unlink()

    def snapshot(self, source: str, folder: str = "") -> str:
        """The snapshot of a source, or a folder in it."""
        point = self.console.run("points", SITE).rows[0]
        (found,) = [one["id"] for one in point["snapshots"] if one["source"] == source]
        return f"{found}:{folder}" if folder else found

    def restic(self, *arguments: str, out: Any = subprocess.DEVNULL) -> None:
        """restic as a person starts it."""
        environment = {**os.environ, "RESTIC_PASSWORD": PASSWORD}
        command = [str(self.console.restic), "--quiet", "--repo", str(self.folder / "repository"), *arguments]
        subprocess.run(command, check=True, env=environment, stdout=out)


def steps_of(console: Console, run: str) -> Mapping[str, float]:
    """How many seconds each step of a run took."""
    steps = console.run("run", "show", SITE, run).json["steps"]
    return {
        step["key"]: (datetime.fromisoformat(step["ended"]) - datetime.fromisoformat(step["started"])).total_seconds()
        for step in steps
    }


def make_tree(root: Path, size: Size) -> None:
    """Files of equal size that do not compress, a hundred a folder."""
    for number in range(size.files):
        folder = root / f"part-{number // 100:03d}"
        if number % 100 == 0:
            folder.mkdir(parents=True)
        (folder / str(number)).write_bytes(os.urandom(size.tree // size.files))
    (root / ".env").write_text("APP_KEY=of the site\n")


@contextmanager
def bench_of(server: PostgresServer, size: Size, restic: Path) -> Iterator[tuple[Bench, Untouched]]:
    """A site in a folder of its own, removed with its database."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(folder, server, Console(folder / "console", restic), size)
        database = bench.make()
        try:
            yield bench, database
        finally:
            database.unmake()


def measured(server: PostgresServer, size: Size, restic: Path, times: int) -> tuple[list[str], list[str]]:
    """A row of each table."""
    with bench_of(server, size, restic) as (bench, database):
        both = [(bench.plain(), bench.restored(database, watched=False)) for _ in range(times)]
        seen = [bench.restored(database, watched=True) for _ in range(times)]
        classic = [bench.classic() for _ in range(min(times, 3))]
    restored = [one for _, one in both]
    down = [
        size.name,
        spread([one.down for one in seen]),
        spread([1000 * one.refused for one in seen], "{:.0f}".format),
        spread(classic),
        spread([one.whole for one in restored]),
    ]
    raw = [files + load for (files, load), _ in both]
    ours = [one.files + one.database for one in restored]
    staging = [
        size.name,
        spread(ours),
        spread(raw),
        spread([mine / theirs for mine, theirs in zip(ours, raw, strict=True)]),
        spread([one.comparing for one in restored]),
    ]
    return down, staging


def main(sizes: Sequence[str], restic: Path, times: int) -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as folder, postgres_server(Path(folder), REAL) as server:
        rows = [measured(server, SIZES[size], restic, times) for size in sizes]
        print(machine_line((restic,), server.bin))
    head = ("site", "down, s", "database refuses, ms", "classic way down, s", "whole command, s")
    table("A restore in place of files and a database", head, [down for down, _ in rows])
    head = ("site", "staged, s", "raw tools, s", "ratio", "comparing beside, s")
    table("Staging, files and then the database", head, [staging for _, staging in rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", choices=[[], *SIZES])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--restic", type=Path, default=None)
    asked = parser.parse_args(sys.argv[1:])
    main(asked.sizes or list(SIZES), asked.restic or Path(restic_program(VERSIONS[-1])), asked.times)
