"""A greenhouse that is set up once and put back as it was for each test; and what must be so after every fault."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from app.assembly import assemble
from app.foundation.errors import Problem
from app.records.run import Run
from app.settings.places import places
from tests.faults.family import LOOK_EVERY, Family
from tests.faults.gate import Gate
from tests.features.console import Console, Said
from tests.features.greenhouse import DATABASE, SECRETS, make_database, make_tree, site_file
from tests.real.servers.postgresql import PostgresServer
from tests.running import run

SITE = "north-house"
ROWS = 150_000
DUMP_BYTES = 7_000_000
"""So much the server answers a dump of `ROWS` rows, at least."""

GONE_WITHIN = 20.0


class Prepared:
    """A site with a database behind a gate, a tree, its secrets in a vault, and a repository with one backup in it."""

    def __init__(self, folder: Path, restic: Path, server: PostgresServer, gate: Gate) -> None:
        self.server = server
        self.gate = gate
        self.restic_program = restic
        self._folder = folder / "console"
        self._pristine = folder / "pristine"
        self.root = self._folder / "laravel"
        make_tree(self.root, files=30)
        make_database(server, ROWS)
        # A query that follows the big table: whoever loses the server within that table cannot end well.
        server.sql(
            "CREATE TABLE zz_last (x int); INSERT INTO zz_last VALUES (1); GRANT SELECT ON zz_last TO hydro", DATABASE
        )
        console = self._console({})
        console.add_site(site_file(self._folder, self.root, gate.port), SECRETS)
        self.work = _seconds_of_work(console)
        """How many seconds of processor time a backup takes, with all that it starts."""
        self._folder.rename(self._pristine)

    def fresh(self, environment: Mapping[str, str] | None = None, restic: Path | None = None) -> Console:
        """The console as it was after the first backup, with these variables, and another restic where one is given."""
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._pristine, self._folder, symlinks=True)
        return self._console(dict(environment or {}), restic)

    def _console(self, environment: dict[str, str], restic: Path | None = None) -> Console:
        (self._folder / "tmp").mkdir(parents=True, exist_ok=True)
        return Console(
            self._folder, restic or self.restic_program, {"TMPDIR": str(self._folder / "tmp"), **environment}
        )

    def snapshots(self, *tags: str) -> list[dict[str, Any]]:
        """What restic itself, without Overwinter, lists of the snapshots that carry all these tags."""
        only = [f"--tag={','.join(tags)}"] if tags else []
        listed = self.restic("snapshots", "--json", "--no-lock", *only)
        found: list[dict[str, Any]] = json.loads(listed)
        return found

    def restic(self, *arguments: str) -> bytes:
        """What restic itself says, as anybody starts it."""
        done = subprocess.run(
            [self.restic_program, "-r", self.repository, "--no-cache", *arguments],
            input=SECRETS["repository-password"].encode() + b"\n",
            capture_output=True,
            check=True,
        )
        return done.stdout

    @property
    def repository(self) -> Path:
        """The repository's folder."""
        return self._folder / "repository"

    def locks(self) -> list[str]:
        """The locks that stand in the repository; one that restic was killed over as it wrote it is none."""
        return [lock.name for lock in (self.repository / "locks").iterdir() if "-tmp-" not in lock.name]

    def leftovers(self) -> list[str]:
        """Temporary files, processes and connections that a command which has ended should have taken with it."""
        data = self._folder / "data"
        files = [str(path) for place in (data / "scratch", self._folder / "tmp") for path in place.rglob("*")]
        deadline = time.monotonic() + GONE_WITHIN  # the server notices a connection's end a moment later
        while (left := [*self._processes(), *self._connections()]) and time.monotonic() < deadline:
            time.sleep(0.01)
        return [*files, *left]

    @contextmanager
    def dump_held(self, seed: int) -> Iterator[None]:
        """The dump of a backup that is started inside stands still at a random byte, until the body is done."""
        with self.gate.holding(random.Random(seed).randrange(DUMP_BYTES)):
            yield

    def held_dump(self, backup: Family) -> psutil.Process:
        """The pg_dump that stands still."""
        self.gate.wait_until_held()
        dump = backup.member("pg_dump", "--format=custom")
        assert dump is not None
        return dump

    def _processes(self) -> list[str]:
        ours = (str(self._folder), f"port={self.gate.port}")
        return [
            f"process {process.pid} {process.info['cmdline']}"
            for process in psutil.process_iter(["cmdline"])
            if any(mark in argument for argument in process.info["cmdline"] or () for mark in ours)
        ]

    def _connections(self) -> list[str]:
        found = self.server.sql("SELECT pid, query FROM pg_stat_activity WHERE application_name = 'overwinter'")
        return [f"connection {pid}: {query}" for pid, query in found]


def _seconds_of_work(console: Console) -> float:
    """Makes a backup and measures it."""
    family, work = Family(console.start("backup", SITE)), 0.0
    while family.command.poll() is None:
        work = max(work, family.cpu())
        time.sleep(LOOK_EVERY)
    assert family.ended().code == 0
    return work


def newest_run(console: Console) -> dict[str, Any]:
    """What the newest run's record says, read without a process of its own."""

    async def read() -> Run:
        app = await assemble(places(console.data))
        try:
            return (await app.records(SITE).runs(limit=1))[0]
        finally:
            await app.close()

    newest = run(read())
    status = newest.outcome.value if newest.outcome is not None else "running"
    return {"id": newest.id, "status": status, "error": newest.error and said_of(newest.error)}


def said_of(problem: Problem) -> dict[str, str]:
    """A problem as commands print it."""
    sentences = {name: str(getattr(problem, name)) for name in ("what", "means", "next")}
    return {"code": problem.code, **sentences, "detail": problem.detail}


def items_of(said: Said) -> dict[str, dict[str, Any]]:
    """What became of each source, out of what `backup` said."""
    return {item["source"]: item for item in said.json["items"]}


def assert_explained(error: Mapping[str, str] | None) -> None:
    """An error has its code and three sentences; and it is not the program's own defect."""
    assert error is not None
    assert error["code"] not in ("", "internal.defect"), error
    assert all(error[part] for part in ("what", "means", "next")), error


def tag_of(snapshot: Mapping[str, Any], name: str) -> str:
    """The value of a snapshot's tag."""
    return next((tag.removeprefix(f"{name}:") for tag in snapshot["tags"] if tag.startswith(f"{name}:")), "")
