"""Two programs want to work on one site at the same moment: one does, the other joins it or says who is there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.family import Family
from tests.faults.prepared import SITE, Prepared, assert_explained
from tests.faults.test_backup_faults import waited_for_run
from tests.features.console import Console, Said
from tests.real.servers.restic import VERSIONS, restic_program

SMALL_SITE = """
format = 1
name = "north-house"
[repository]
url = "{repository}"
[[sources]]
name = "laravel"
kind = "files"
root = "{root}"
"""


@pytest.fixture
def small(tmp_path: Path) -> Console:
    """A site of three files, so that a backup takes no longer than its programs need to start."""
    console = Console(tmp_path / "console", Path(restic_program(VERSIONS[-1])))
    root = console.folder / "laravel"
    root.mkdir()
    for name in ("one", "two", "three"):
        (root / name).write_text(name)
    document = SMALL_SITE.format(repository=console.folder / "repository", root=root)
    console.add_site(document, {"repository-password": "correct horse"})
    return console


def at_once(*commands: subprocess.Popen[bytes]) -> list[Said]:
    """What each said, all told to begin at the same moment."""
    for command in commands:
        assert command.stdin is not None
        os.write(command.stdin.fileno(), b"\n")
    with ThreadPoolExecutor(len(commands)) as readers:
        return list(readers.map(lambda command: Family(command).ended(), commands))


@pytest.mark.spec("B6", "J8")
def test_of_two_starts_of_one_backup_one_runs_and_both_see_it_to_its_end(small: Console) -> None:
    twice_at_once(small, times=10)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.spec("B6", "J8")
def test_of_two_starts_of_one_backup_one_runs_a_hundred_times(small: Console) -> None:
    twice_at_once(small, times=100)


def twice_at_once(console: Console, times: int) -> None:
    """Starts the same backup in two processes at once, again and again."""
    for time in range(times):
        said = at_once(console.start_ready("backup", SITE), console.start_ready("backup", SITE))
        assert [one.code for one in said] == [0, 0], f"time {time}: {said}"
        assert {one.json["status"] for one in said} == {"success"}
        assert sorted(one.json["joined"] for one in said) == [False, True], f"time {time}: {said}"
        assert len({one.json["run"] for one in said}) == 1
        assert [one.err.count('"run-closed"') for one in said] == [1, 1], f"time {time}: {said}"
    runs = console.run("runs", SITE).rows
    assert [run["status"] for run in runs] == ["success"] * times
    assert len({run["id"] for run in runs}) == times
    assert console.run("points", SITE).rows[0]["id"] == runs[0]["id"]  # of the others of this day retention leaves none


@pytest.mark.spec("B6", "J8")
def test_both_see_a_failed_run_to_its_end_with_its_exit_code(small: Console) -> None:
    (small.folder / "laravel").rename(small.folder / "gone")
    said = at_once(small.start_ready("backup", SITE), small.start_ready("backup", SITE))
    assert [one.code for one in said] == [1, 1]
    assert sorted(one.json["joined"] for one in said) == [False, True]


@pytest.mark.spec("B6", "J8")
def test_of_different_choices_at_once_one_works_and_the_others_are_skipped_naming_it(small: Console) -> None:
    """A full one, and the same with a tag of one's own: two different choices."""
    for time in range(5):
        others = [small.start_ready("backup", SITE, "--tag", tag) for tag in ("a", "b", "c")]
        said = at_once(*others)
        assert sorted(one.code for one in said) == [0, 5, 5], f"time {time}: {said}"
        (worked,) = [one.json["run"] for one in said if one.code == 0]
        for skipped in (one for one in said if one.code == 5):
            assert (skipped.json["status"], skipped.json["joined"]) == ("skipped", False)
            assert_explained(skipped.json["error"])
            assert skipped.json["error"]["code"] == "run.busy"
            assert worked[:8] in skipped.json["error"]["what"], f"time {time}: {skipped}"
    assert sorted({run["status"] for run in small.run("runs", SITE).rows}) == ["skipped", "success"]
    assert len(small.run("runs", SITE, "--status", "skipped").rows) == 10


@pytest.mark.spec("B6", "J1")
def test_another_job_meanwhile_is_recorded_as_skipped_and_harms_nothing(greenhouse: Prepared) -> None:
    console = greenhouse.fresh()
    with greenhouse.dump_held(seed=7):
        first = Family(console.start("backup", SITE))
        begun = waited_for_run(console)
        greenhouse.held_dump(first)
        said = console.run("backup", SITE, "--only", "files", expect=5)
        assert begun[:8] in said.json["error"]["what"]
        removing = console.run("site", "remove", SITE, "--confirm", f"REMOVE {SITE}", expect=5)
        assert removing.error["code"] == "run.busy"
        assert [run["id"] for run in console.run("runs", SITE, "--status", "running").rows] == [begun]
    assert first.ended().json["status"] == "success"
    (skipped,) = console.run("runs", SITE, "--status", "skipped").rows
    assert skipped["id"] == said.json["run"]
    assert greenhouse.leftovers() == []


@pytest.mark.spec("B6", "J5")
def test_the_site_of_a_killed_holder_is_taken_over_at_once_and_that_is_audited(greenhouse: Prepared) -> None:
    console = greenhouse.fresh()
    with greenhouse.dump_held(seed=8):
        first = Family(console.start("backup", SITE))
        begun = waited_for_run(console)
        greenhouse.held_dump(first)
        second = console.start_ready("backup", SITE, "--only", "files")
        for process in first.members():
            process.kill()
        (said,) = at_once(second)
    first.ended()
    assert said.json["status"] == "success"
    what = {entry["what"]: entry["fields"] for entry in console.run("audit", "list", SITE).rows}
    assert what["run-interrupted"]["run"] == begun
    assert what["lock-taken-over"]["from"] == begun
    assert what["run-began"]["run"] == said.json["run"]


@pytest.fixture
def _unlocked(small: Console) -> Iterator[None]:
    yield
    small.data.chmod(0o700)


@pytest.mark.spec("B6", "X3")
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can act as two users")
@pytest.mark.usefixtures("_unlocked")
def test_another_user_of_the_computer_is_told_that_the_data_folder_is_closed(small: Console) -> None:
    said = small.run_as(65534, "runs", SITE)
    assert (said.code, said.error["code"]) == (1, "places.unusable"), said
    assert str(small.data) in said.error["what"]
    assert_explained(said.error)
    assert small.run("runs", SITE).rows == []


@pytest.mark.spec("J1", "B6")
def test_a_run_of_another_process_is_followed_and_cancelled(greenhouse: Prepared) -> None:
    console = greenhouse.fresh()
    with greenhouse.dump_held(seed=9):
        first = Family(console.start("backup", SITE))
        begun = waited_for_run(console)
        greenhouse.held_dump(first)
        follower = console.start("run", "log", SITE, begun)
        assert b'"line":0' in said_by(follower, b"$ ")
        console.run("run", "cancel", SITE, begun)
        said_by(follower, b"signal interrupt received")
    assert first.ended().code == 130
    assert Family(follower).ended().code == 0


def said_by(command: subprocess.Popen[bytes], words: bytes) -> bytes:
    """The next line with these words on its standard output."""
    assert command.stdout is not None
    return next(line for line in command.stdout if words in line)
