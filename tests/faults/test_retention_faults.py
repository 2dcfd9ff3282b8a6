"""Overwinter killed while old points go: the next retention finishes, and no point is ever half there."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import psutil
import pytest

from tests.faults.family import Family, waited_for
from tests.faults.shims import lying_restic
from tests.features.console import Console
from tests.features.greenhouse import make_tree
from tests.features.test_retention import PASSWORD, SITE, back_up, points
from tests.real.servers.restic import VERSIONS, restic_program

if sys.platform == "win32":
    pytest.skip("stand-ins are scripts of the shell", allow_module_level=True)


@pytest.mark.spec("B7", "J2")
@pytest.mark.parametrize("command", ["forget", "prune"])
def test_a_kill_before_a_command_is_healed_by_the_next_retention(tmp_path: Path, command: str) -> None:
    here, go = tmp_path / "here", tmp_path / "go"
    wait = [f"touch {here}", f"while [ ! -e {go} ]; do sleep 0.02; done", 'real "$@"']
    real = Path(restic_program(VERSIONS[-1]))
    console = Console(tmp_path / "console", lying_restic(tmp_path / "restic", real, [(command, wait)]))
    make_tree(tmp_path / "tree", files=3)
    content = SITE.format(repository=console.folder / "repository", root=tmp_path / "tree")
    console.add_site(content, {"repository-password": PASSWORD})
    newest, second, *old = back_up(console, 4)

    family = Family(console.start("retention", "north-house"))
    waited_for(here.exists, f"restic {command}")
    for process in family.members():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended by itself
            process.kill()
    family.ended()
    assert points(console) == ([newest, second, *old] if command == "forget" else [newest, second])
    assert all(point["complete"] for point in console.run("points", "north-house").rows)
    killed = console.run("runs", "north-house", "--type", "retention").rows[0]

    go.touch()
    healed = console.run("retention", "north-house").json
    assert healed["removed"] == (old if command == "forget" else [])
    assert points(console) == [newest, second]
    assert commands_of(console, healed["run"])[-1] == "prune"
    again = console.run("retention", "north-house").json
    assert commands_of(console, again["run"]) == ["snapshots"]
    interrupted = console.run("runs", "north-house", "--status", "interrupted").rows
    assert [run["id"] for run in interrupted] == [killed["id"]]


def commands_of(console: Console, run: str) -> list[str]:
    """What restic was told in a run, as its log says."""
    lines = [row["text"] for row in console.run("run", "log", "north-house", run).rows]
    told = [line for line in lines if line.startswith("$ ") and " --repo " in line]
    return [next(word for word in line.split() if word in ("snapshots", "forget", "prune")) for line in told]
