"""A repair that is killed, or whose disk is full: nothing that is whole is lost, and the next one finishes."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import psutil
import pytest

from tests.faults.family import Family, waited_for
from tests.faults.shims import lying_restic
from tests.faults.test_full_disks import disk_at
from tests.features.console import Console
from tests.features.test_check import PASSWORD, SITE, pack_of
from tests.real.damaging import flip
from tests.real.servers.restic import VERSIONS, restic_program

if sys.platform == "win32":
    pytest.skip("stand-ins are scripts of the shell", allow_module_level=True)

PHRASE = ("--confirm", "REPAIR north-house")


def damaged(tmp_path: Path, restic: Path) -> tuple[Console, str, Path]:
    """A site with one point, which needs a pack that is damaged; the point's id and the pack."""
    console = Console(tmp_path / "console", restic)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "firmware.bin").write_bytes(os.urandom(500_000))
    content = SITE.format(repository=console.folder / "repository", root=tmp_path / "tree")
    console.add_site(content, {"repository-password": PASSWORD})
    point = console.run("backup", "north-house").json["run"]
    pack = pack_of(Console(tmp_path / "console", Path(restic_program(VERSIONS[-1]))), "firmware.bin")
    flip(pack, pack.stat().st_size // 2)
    return console, point, pack


@pytest.mark.long
@pytest.mark.spec("V2", "J2")
@pytest.mark.parametrize("command", ["check", "packs", "forget"])
def test_a_kill_before_a_command_is_healed_by_the_next_repair(tmp_path: Path, command: str) -> None:
    here, go = tmp_path / "here", tmp_path / "go"
    go.touch()
    wait = [f"[ -e {go} ] || touch {here}", f"while [ ! -e {go} ]; do sleep 0.02; done", 'real "$@"']
    real = Path(restic_program(VERSIONS[-1]))
    console, point, _ = damaged(tmp_path, lying_restic(tmp_path / "restic", real, [(command, wait)]))
    go.unlink()
    family = Family(console.start("repo", "repair", "north-house", "--no-backup", *PHRASE))
    waited_for(here.exists, f"restic {command}")
    for process in family.members():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended by itself
            process.kill()
    family.ended()
    go.touch()
    if command != "check":  # before that nobody knew of the damage
        assert not any(row["complete"] for row in console.run("points", "north-house").rows)
    done = console.run("repo", "repair", "north-house", *PHRASE).json
    assert (done["status"], done["verdict"]) == ("success", "pass")
    rows = {row["id"]: row for row in console.run("points", "north-house").rows}
    assert rows[point]["complete"] is (command != "forget")
    assert [lock for lock in (console.folder / "repository" / "locks").iterdir() if "-tmp-" not in lock.name] == []
    assert list((console.data / "scratch").iterdir()) == []


@pytest.mark.long
@pytest.mark.spec("V2", "X3")
def test_a_full_disk_below_the_repository_leaves_it_as_it_was(tmp_path: Path) -> None:
    console, _, pack = damaged(tmp_path, Path(restic_program(VERSIONS[-1])))
    with disk_at(console.folder / "repository", "64m") as disk:
        disk.fill()
        full = console.run("repo", "repair", "north-house", *PHRASE, expect=None)
        assert full.code in (1, 3), full
        assert pack.exists()
        disk.empty()
        done = console.run("repo", "repair", "north-house", *PHRASE).json
        assert (done["verdict"], done["repaired"]["lost"]) == ("pass", [])
        assert all(row["complete"] for row in console.run("points", "north-house").rows)


@pytest.mark.long
@pytest.mark.spec("V2", "X3")
def test_a_full_disk_below_the_copies_removes_nothing(tmp_path: Path) -> None:
    console, _, pack = damaged(tmp_path, Path(restic_program(VERSIONS[-1])))
    (console.data / "kept").mkdir(exist_ok=True)
    with disk_at(console.data / "kept", "64m") as disk:
        disk.fill()
        full = console.run("repo", "repair", "north-house", *PHRASE, expect=None)
        assert full.code in (1, 3, 4), full
        assert pack.exists()
        disk.empty()
