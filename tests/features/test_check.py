"""Damage as a technician meets it: found by a check, looked at, repaired, and the check is well again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.features.console import Console
from tests.features.greenhouse import make_tree
from tests.real.damaging import flip
from tests.real.servers.restic import VERSIONS, restic_program

PASSWORD = "correct horse"
SITE = """
format = 1
name = "north-house"
[repository]
url = "{repository}"
[[sources]]
name = "laravel"
kind = "files"
root = "{root}"
[check]
shares = 3
"""


@pytest.fixture
def console(tmp_path: Path) -> Console:
    console = Console(tmp_path / "console", Path(restic_program(VERSIONS[-1])))
    make_tree(tmp_path / "tree", files=3)
    (tmp_path / "tree" / "firmware.bin").write_bytes(os.urandom(500_000))
    content = SITE.format(repository=console.folder / "repository", root=tmp_path / "tree")
    console.add_site(content, {"repository-password": PASSWORD})
    return console


def pack_of(console: Console, pattern: str) -> Path:
    """The pack that holds a file, as plain restic says."""

    def restic(*arguments: str) -> bytes:
        command = [str(console.restic), "-r", str(console.folder / "repository"), "--no-cache", *arguments]
        return subprocess.run(command, input=PASSWORD.encode() + b"\n", capture_output=True, check=True).stdout

    (found, *_) = json.loads(restic("find", "--json", pattern))
    path = Path(found["matches"][0]["path"])
    tree = json.loads(restic("cat", "tree", f"{found['snapshot']}:{path.parent}"))
    (piece,) = [node["content"][0] for node in tree["nodes"] if node["name"] == path.name]
    said = restic("find", "--blob", "--show-pack-id", piece).decode()
    name = said.partition("belongs to pack ")[2].split()[0]
    return console.folder / "repository" / "data" / name[:2] / name


@pytest.mark.spec("V2", "J8")
def test_damage_is_found_looked_at_and_repaired(console: Console) -> None:
    point = console.run("backup", "north-house").json["run"]
    well = console.run("check", "north-house").json
    assert (well["status"], well["verdict"], well["share"]) == ("success", "pass", "1/3")
    assert well["cycle"] == {"of": 3, "well": [1], "whole": False, "since": None}
    everything = console.run("check", "north-house", "--read-share", "1/1").json
    assert (everything["cycle"]["whole"], everything["cycle"]["since"] is not None) == (True, True)

    pack = pack_of(console, "firmware.bin")
    flip(pack, pack.stat().st_size // 2)
    found = console.run("check", "north-house", "--read-share", "1/1", expect=1).json
    assert (found["verdict"], found["error"]["code"]) == ("fail", "check.damaged")
    (hit,) = found["damage"]["points"]
    assert (hit["point"], hit["sources"][0]["source"]) == (point, "laravel")
    assert hit["sources"][0]["files"][0].endswith("/firmware.bin")
    assert [row["complete"] for row in console.run("points", "north-house").rows] == [False]

    looked = console.run("repo", "repair", "north-house", "--preview", expect=1).json
    assert len(looked["steps"]) == 4
    assert pack.exists()
    assert console.run("repo", "repair", "north-house", "--confirm", "REPAIR", expect=4).error["code"] == (
        "repair.not-confirmed"
    )
    done = console.run("repo", "repair", "north-house", "--confirm", "REPAIR north-house").json
    assert (done["verdict"], done["repaired"]["packs"], done["repaired"]["lost"]) == ("pass", [pack.name], [])
    assert (Path(done["repaired"]["kept"]) / f"pack-{pack.name}").exists()
    assert len(done["runs"]) == 3
    assert all(row["complete"] for row in console.run("points", "north-house").rows)
    assert console.run("check", "north-house", "--read-share", "1/1").json["verdict"] == "pass"


@pytest.mark.spec("V2", "J8")
def test_what_could_not_be_checked_ends_with_3_and_wrong_usage_with_2(console: Console) -> None:
    console.run("backup", "north-house")
    assert console.run("check", "north-house", "--read-share", "4/3", expect=2).error["code"] == "usage.read-share"
    assert console.run("repo", "repair", "north-house", expect=4).error["code"] == "repair.not-confirmed"
    both = ("repo", "repair", "north-house", "--preview", "--confirm", "REPAIR north-house")
    assert console.run(*both, expect=2).error["code"] == "usage.repair"
    shutil.rmtree(console.folder / "repository")
    gone = console.run("check", "north-house", expect=3).json
    assert (gone["verdict"], gone["error"]["code"]) == ("unchecked", "restic.no-repository")


@pytest.mark.long
@pytest.mark.spec("V2", "X3")
def test_the_text_says_what_is_well_and_what_is_hit(console: Console) -> None:
    def said(*arguments: str) -> str:
        command = [part for part in console.command(*arguments) if part != "--json"]
        done = subprocess.run(command, capture_output=True, env=console.environment, check=False)
        return done.stdout.decode()

    point = console.run("backup", "north-house").json["run"]
    assert "of 3 shares are known to be well" in said("check", "north-house")
    assert "All of its data is well; it was read since" in said("check", "north-house", "--read-share", "1/1")
    pack = pack_of(console, "firmware.bin")
    flip(pack, pack.stat().st_size // 2)
    told = said("repo", "repair", "north-house", "--preview")
    assert f"Point {point[:8]} is hit:" in told
    assert "laravel: 1 file, such as" in told
    assert "Step 1: Copy 1 damaged file" in told
