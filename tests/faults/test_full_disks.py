"""A disk that is full, or that nobody may write to, wherever it is: a clear error, and nothing half."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.family import Family
from tests.faults.prepared import SITE, Prepared, assert_explained, items_of, newest_run


class Disk:
    """A small file system in a folder's place, with what was in it."""

    def __init__(self, folder: Path, size: str) -> None:
        self._folder = folder
        self._filler = folder / "filler"
        aside = folder.with_name(f"{folder.name}.aside")
        folder.rename(aside)
        folder.mkdir(mode=0o700)
        self.mounted = _mount("-t", "tmpfs", "-o", f"size={size},mode=0700", "none", str(folder))
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        shutil.rmtree(aside)

    def fill(self, but: int = 0) -> None:
        """Leaves so many bytes free."""
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as filler:
            while (room := shutil.disk_usage(self._folder).free - but) > 0:  # others may write meanwhile
                filler.write(b"x" * room)

    def empty(self) -> None:
        """There is room again."""
        self._filler.unlink()

    def forbid_writing(self) -> None:
        """As a disk that was found damaged is kept by the system."""
        assert _mount("-o", "remount,ro", str(self._folder))

    def allow_writing(self) -> None:
        """The disk is mended."""
        assert _mount("-o", "remount,rw", str(self._folder))

    def close(self) -> None:
        """The folder is a plain one again, and empty."""
        subprocess.run(["umount", self._folder], check=True, capture_output=True)


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode == 0


@contextmanager
def disk_at(folder: Path, size: str) -> Iterator[Disk]:
    """A disk of this size in a folder's place."""
    disk = Disk(folder, size)
    if not disk.mounted:
        pytest.skip("nothing may be mounted here")
    try:
        yield disk
    finally:
        disk.close()


@pytest.mark.spec("X3")
def test_a_full_disk_below_the_data_folder_is_told_before_anything_is_done(greenhouse: Prepared) -> None:
    console = greenhouse.fresh()
    before = len(greenhouse.snapshots())
    with disk_at(console.data, "64m") as disk:
        disk.fill()
        said = console.run("backup", SITE, expect=1)
        assert_explained(said.error)
        assert said.error["code"].startswith("store.")
        disk.forbid_writing()
        said = console.run("backup", SITE, expect=1)
        assert_explained(said.error)
        assert said.error["code"].startswith("store.")
        disk.allow_writing()
        disk.empty()
        assert len(greenhouse.snapshots()) == before


@pytest.mark.spec("B3", "X3")
def test_a_data_disk_that_fills_up_while_the_dump_runs_makes_no_half_dump(greenhouse: Prepared) -> None:
    seed = random.randrange(10**6)
    console = greenhouse.fresh()
    with disk_at(console.data, "64m") as disk:
        with greenhouse.dump_held(seed):
            family = Family(console.start("backup", SITE))
            greenhouse.held_dump(family)
            disk.fill()
        said = family.ended()
        assert said.code in (1, 3), f"seed {seed}: {said}"
        assert greenhouse.leftovers() == []
        disk.empty()
        run = console.run("runs", SITE).rows[0]  # a record that could not be closed is closed now
        assert run["status"] in ("partial", "failed", "interrupted")
        assert_explained(run["error"])
        assert greenhouse.snapshots(f"run:{run['id']}", "source:database") == []
        assert greenhouse.locks() == []
        assert console.run("backup", SITE).json["status"] == "success"


@pytest.mark.spec("X3")
@pytest.mark.parametrize(
    ("place", "codes"),
    [("cache", {"restic.cache-full"}), ("scratch", {"host.disk-full", "restic.temporary-full"})],
)
def test_a_full_disk_below_cache_or_temporary_files_is_named(greenhouse: Prepared, place: str, codes: set[str]) -> None:
    console = greenhouse.fresh()
    with disk_at(console.data / place, "64m") as disk:
        disk.fill()
        said = console.run("backup", SITE, expect=1)
        disk.empty()
        assert {item["error"]["code"] for item in said.json["items"]} == codes
        assert greenhouse.snapshots(f"run:{said.json['run']}") == []
        assert greenhouse.leftovers() == []
        assert greenhouse.locks() == []


@pytest.mark.spec("J1")
def test_a_full_disk_below_the_log_does_not_keep_a_backup_from_its_end(greenhouse: Prepared) -> None:
    console = greenhouse.fresh()
    with disk_at(console.data / "runs", "64m") as disk:
        disk.fill()
        said = console.run("backup", SITE)
        disk.empty()
    assert said.json["status"] == "success"
    assert newest_run(console)["status"] == "success"
    with contextlib.closing(sqlite3.connect(console.data / "overwinter.db")) as records:
        ((excerpt,),) = records.execute("SELECT log_excerpt FROM runs WHERE id = ?", [said.json["run"]])
    assert "the log is incomplete: [Errno 28]" in excerpt
    assert len(greenhouse.snapshots(f"run:{said.json['run']}")) == 3


@pytest.mark.spec("B5", "X3")
def test_a_repository_whose_disk_fills_up_is_named_and_stays_whole(greenhouse: Prepared) -> None:
    console = greenhouse.fresh()
    (greenhouse.root / "big").write_bytes(os.urandom(8_000_000))
    with disk_at(greenhouse.repository, "64m") as disk:
        disk.fill(but=2_000_000)
        said = console.run("backup", SITE, expect=3)
        assert items_of(said)["laravel"]["error"]["code"] == "restic.repository-full"
        assert greenhouse.snapshots(f"run:{said.json['run']}", "source:laravel") == []
        disk.fill()
        said = console.run("backup", SITE, expect=1)
        assert said.json["error"]["code"] == "restic.repository-full"
        assert greenhouse.snapshots(f"run:{said.json['run']}") == []
        disk.empty()
        assert greenhouse.leftovers() == []
        assert greenhouse.locks() == []
        greenhouse.restic("check")
