"""A site with two kinds of files and a repository, and the ways in which disks and links damage one."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from app.assembly import Overwinter
from app.foundation.blocking import Blocking
from app.jobs.backup import BackupChoice
from app.jobs.check.job import CheckChoice
from app.jobs.check.result import Checked, results
from app.jobs.plan import AnyPlan
from app.jobs.points import Point
from app.records.run import Run
from tests.real.practice import opened
from tests.real.servers.restic import SealedRepository, fresh_repository

T = TypeVar("T")

SITE = "north-house"
PASSWORD = "correct horse"
SITE_FILE = """
format = 1
name = "north-house"
[repository]
url = "{address}"
[[sources]]
name = "www"
kind = "files"
root = "{www}"
[[sources]]
name = "firmware"
kind = "files"
root = "{firmware}"
[check]
shares = 2
read_back = {read_back}
"""
BIG = 300_000


class Damaged:
    """The site; each opening of it is the program started anew. `laptop` names its data folder."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder
        self.program = program
        self.repository = folder / "repository"
        self.address = str(self.repository)
        self.read_back = False
        self.www, self.firmware = folder / "www", folder / "firmware"
        for root in (self.www, self.firmware):
            (root / "inner").mkdir(parents=True)
            (root / "inner" / "file").write_bytes(os.urandom(BIG))
        (self.www / "small").write_text("small")
        fresh_repository(program, self.repository, PASSWORD)

    @asynccontextmanager
    async def opened(self, laptop: str = "laptop") -> AsyncIterator[Overwinter]:
        async with opened(self.folder / laptop) as app:
            content = SITE_FILE.format(
                address=self.address, www=self.www, firmware=self.firmware, read_back=str(self.read_back).lower()
            )
            await app.add_site(content.encode(), replace=True)
            await app.set_secret(SITE, "repository-password", PASSWORD)
            yield app

    @property
    def sealed(self) -> SealedRepository:
        return SealedRepository(self.repository, PASSWORD)

    def restic(self, *arguments: str) -> bytes:
        """restic itself, without Overwinter."""
        command = [self.program, "-r", str(self.repository), "--no-cache", *arguments]
        return subprocess.run(command, input=PASSWORD.encode() + b"\n", capture_output=True, check=True).stdout

    def pack_of(self, snapshot: str, path: str) -> str:
        """The pack that holds the first piece of a file of a snapshot, or the list of a folder."""
        folder, _, name = path.rpartition("/")
        tree = json.loads(self.restic("cat", "tree", f"{snapshot}:{folder}"))
        (node,) = [node for node in tree["nodes"] if node["name"] == name]
        kind, piece = ("tree", node["subtree"]) if node["type"] == "dir" else ("blob", node["content"][0])
        said = self.restic("find", f"--{kind}", "--show-pack-id", piece).decode()
        return said.partition("belongs to pack ")[2].split()[0]

    def packs(self) -> int:
        """How many packs there are."""
        return sum(file.is_file() for file in (self.repository / "data").rglob("*"))

    def file(self, pack: str) -> Path:
        """Where a pack is."""
        return self.repository / "data" / pack[:2] / pack

    def locks(self) -> list[str]:
        """The locks that stand in the repository."""
        return [lock.name for lock in (self.repository / "locks").iterdir() if "-tmp-" not in lock.name]


def flip(file: Path, at: int = 100) -> None:
    """Changes one bit, as a disk does that grows old."""
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    overwrite(file, bytes(content))


def cut(file: Path) -> None:
    """Leaves the first half."""
    overwrite(file, file.read_bytes()[: file.stat().st_size // 2])


def overwrite(file: Path, content: bytes) -> None:
    """restic makes its files read-only."""
    file.chmod(0o600)
    file.write_bytes(content)


async def aside(work: Callable[[], T]) -> T:
    """Work that blocks, such as restic itself."""
    blocking = Blocking()
    try:
        return await blocking.call("files", work)
    finally:
        blocking.close()


async def done(app: Overwinter, plan: AnyPlan) -> Run:
    launched = await app.runner.launch(plan)
    async with asyncio.timeout(60):
        return await app.runner.wait(SITE, launched.run)


async def backup(app: Overwinter) -> Run:
    return await done(app, await app.plan_backup(SITE, BackupChoice(retention=False)))


async def check(app: Overwinter, share: str = "1/1") -> tuple[Run, Checked | None]:
    run = await done(app, await app.plan_check(SITE, CheckChoice(share)))
    found = await results(app.records(SITE), run.id)
    return run, found[-1] if found else None


async def point_of(app: Overwinter, run: Run) -> Point:
    return next(point for point in await app.points(SITE) if point.id == run.id)


def snapshot_of(point: Point, source: str) -> str:
    return next(one.id for one in point.snapshots if one.source == source)


def as_text(value: object) -> str:
    """All that a result says, to look for words in."""
    return msgspec.json.encode(value).decode()
