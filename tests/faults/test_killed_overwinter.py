"""Overwinter is killed at any moment, alone or with all it started: the next start puts everything in order."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.family import Family, waited_for, waited_for_end
from tests.faults.prepared import SITE, Prepared, assert_explained, newest_run, tag_of
from tests.faults.test_backup_faults import waited_for_run
from tests.features.console import Said
from tests.features.greenhouse import SECRETS

if sys.platform == "win32":
    pytest.skip("signals as POSIX has them", allow_module_level=True)

FAMILY_TOO = (False, True)
"""Overwinter alone, as by a person's kill; or all of it at once, as by the system that runs out of memory."""


@pytest.mark.spec("J2", "B6", "S4")
@pytest.mark.parametrize("time", range(8))
def test_a_kill_at_any_moment_leaves_nothing_that_the_next_start_does_not_put_in_order(
    greenhouse: Prepared, time: int
) -> None:
    killed(greenhouse, random.randrange(10**6), family_too=FAMILY_TOO[time % 2])


@pytest.mark.long
@pytest.mark.spec("J2", "B6", "S4")
@pytest.mark.parametrize("time", range(30))
def test_a_kill_again_and_again_leaves_nothing(greenhouse: Prepared, time: int) -> None:
    killed(greenhouse, random.randrange(10**6), family_too=FAMILY_TOO[time % 2])


def killed(greenhouse: Prepared, seed: int, *, family_too: bool) -> None:
    """Kills a backup after a random part of its work, and looks at what the next start makes of it."""
    console = greenhouse.fresh()
    family = Family(console.start("backup", SITE))
    begun = waited_for_run(console)
    family.wait_for_work(random.Random(seed).uniform(family.cpu(), greenhouse.work))
    kill(family, all_at_once=family_too)
    print(f"seed {seed}: {family.ended()}")  # noqa: T201  shown when the test fails
    said = console.run("runs", SITE)
    found = next(run for run in said.rows if run["id"] == begun)
    if found["status"] != "interrupted":  # it was over already
        assert found["status"] == "success"
    else:
        assert_explained(found["error"])
        assert told_at_start(said) == [begun]
        steps = console.run("run", "show", SITE, begun).json["steps"]  # none, when it had hardly begun
        assert "running" not in [step["outcome"] for step in steps]
    assert greenhouse.leftovers() == []
    assert greenhouse.locks() == []
    greenhouse.restic("check")
    assert told_at_start(console.run("runs", SITE)) == []
    assert console.run("backup", SITE).json["status"] == "success"
    assert [run["status"] for run in console.run("runs", SITE, "--status", "running").rows] == []
    assert console.run("audit", "verify", SITE).json["whole"] is True


def kill(family: Family, *, all_at_once: bool) -> None:
    """The command, or the command with everything below it; comes back when what was hit has ended."""
    members = family.members()[: None if all_at_once else 1]
    for hit in (psutil.Process.suspend, psutil.Process.kill, waited_for_end):
        for process in members:
            with contextlib.suppress(psutil.NoSuchProcess):  # one that ended by itself meanwhile
                hit(process)


def told_at_start(said: Said) -> list[str]:
    """The runs that a command told at its start as interrupted."""
    events: list[dict[str, Any]] = [json.loads(line) for line in said.err.splitlines() if line.startswith("{")]
    return [event["run"] for event in events if event.get("event") == "run-interrupted"]


# --- what a dead run leaves running ----------------------------------------------------------------------------------


@pytest.mark.spec("J2", "B6")
def test_programs_that_outlive_a_killed_overwinter_are_ended_before_anything_new_begins(greenhouse: Prepared) -> None:
    """restic and its dump stand still, as when a disk hangs: they do not notice that nobody hears them."""
    console = greenhouse.fresh()
    with greenhouse.dump_held(seed=1):
        family = Family(console.start("backup", SITE))
        begun = waited_for_run(console)
        dump, restic = greenhouse.held_dump(family), family.restic()
        restic.suspend()
        family.command.kill()
        family.ended()
        assert [process.status() for process in (restic, dump)] != [psutil.STATUS_ZOMBIE] * 2
        said = console.run("runs", SITE)
        for process in (restic, dump):
            waited_for_end(process)
    assert told_at_start(said) == [begun]
    assert greenhouse.leftovers() == []
    assert greenhouse.locks() == []
    assert console.run("backup", SITE).json["status"] == "success"


@pytest.mark.spec("J2", "P2")
def test_a_repository_that_is_away_is_unlocked_by_the_next_run(greenhouse: Prepared) -> None:
    console = greenhouse.fresh()
    with greenhouse.dump_held(seed=2):
        family = Family(console.start("backup", SITE))
        begun = waited_for_run(console)
        greenhouse.held_dump(family)
        kill(family, all_at_once=True)
    family.ended()
    away = greenhouse.repository.with_name("unplugged")
    greenhouse.repository.rename(away)
    assert told_at_start(console.run("runs", SITE)) == [begun]
    away.rename(greenhouse.repository)
    assert len(greenhouse.locks()) == 1
    assert console.run("backup", SITE, "--only", "files").json["status"] == "success"
    assert greenhouse.locks() == []
    unlocked = [entry for entry in console.run("audit", "list", SITE).rows if entry["what"] == "repository-unlocked"]
    assert [entry["fields"] for entry in unlocked] == [{"removed": "1"}]


@pytest.mark.spec("J2", "P2")
def test_a_lock_of_living_work_is_left_alone(greenhouse: Prepared) -> None:
    """Somebody's own restic works on the repository while Overwinter clears away after a run of its own."""
    console = greenhouse.fresh()
    with greenhouse.dump_held(seed=3):
        family = Family(console.start("backup", SITE))
        waited_for_run(console)
        greenhouse.held_dump(family)
        kill(family, all_at_once=True)
    family.ended()
    dead = set(greenhouse.locks())
    with subprocess.Popen(
        [
            *(str(greenhouse.restic_program), "-r", str(greenhouse.repository), "--no-cache"),
            *("-p", str(password_file(console.folder, SECRETS["repository-password"])), "backup", "--stdin"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as other:
        waited_for(lambda: set(greenhouse.locks()) - dead, "the other restic's lock")
        console.run("runs", SITE)
        (left,) = greenhouse.locks()
        assert left not in dead
        assert other.stdin is not None
        other.stdin.write(b"something")
        other.stdin.close()
    assert other.returncode == 0
    assert greenhouse.locks() == []


def password_file(folder: Path, password: str) -> Path:
    """A file with the password, as somebody who uses restic by hand has it."""
    file = folder / "by-hand"
    file.write_text(password)
    return file


@pytest.mark.spec("J1", "J2")
def test_a_run_that_was_killed_keeps_the_log_that_it_had(greenhouse: Prepared) -> None:
    console = greenhouse.fresh()
    with greenhouse.dump_held(seed=4):
        family = Family(console.start("backup", SITE))
        begun = waited_for_run(console)
        greenhouse.held_dump(family)
        kill(family, all_at_once=True)
    family.ended()
    with (console.data / "runs" / begun / "events.jsonl").open("ab") as events:
        events.write(b'{"event":"progress","key":"half a li')  # as a power cut leaves it
    log = [row["text"] for row in console.run("run", "log", SITE, begun).rows]
    assert any("--stdin-from-command" in line for line in log)
    last = (console.data / "runs" / begun / "events.jsonl").read_bytes().splitlines()[-1]
    assert json.loads(last)["outcome"] == "interrupted"
    assert newest_run(console)["status"] == "interrupted"
    (console.data / "runs" / begun / "log.txt").unlink()
    kept = [row["text"] for row in console.run("run", "log", SITE, begun).rows]
    assert "not there any more" in kept[0]
    assert kept[1:] == log
    assert {tag_of(one, "source") for one in greenhouse.snapshots(f"run:{begun}")} <= {"laravel", "database"}


@pytest.mark.spec("B6", "J8")
def test_a_command_that_follows_a_run_says_when_that_was_killed(greenhouse: Prepared) -> None:
    console = greenhouse.fresh()
    with greenhouse.dump_held(seed=5):
        first = Family(console.start("backup", SITE))
        begun = waited_for_run(console)
        greenhouse.held_dump(first)
        second = console.start("backup", SITE)
        assert second.stderr is not None
        assert b"step-started" in second.stderr.readline()  # it follows the run
        kill(first, all_at_once=True)
        first.ended()
        said = Family(second).ended()
    assert said.code == 1
    assert (said.json["run"], said.json["joined"], said.json["status"]) == (begun, True, "interrupted")
    assert_explained(said.json["error"])
    assert greenhouse.leftovers() == []
