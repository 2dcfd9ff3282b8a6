"""A restore died in the middle; a technician finds out with the next command, and has it put right."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.jobs.cutover.names import plan_beside
from app.settings.site_file import write
from tests.faults.cutover_child import KILL
from tests.faults.cutover_matrix import Matrix, matrix_of
from tests.faults.cutover_parts import NEW, OLD
from tests.faults.cutover_site import CutoverSite
from tests.features.console import Console
from tests.real.servers.restic import VERSIONS, restic_program

if sys.platform == "win32":
    pytest.skip("forks, and kills as POSIX does", allow_module_level=True)

pytestmark = pytest.mark.spec("R8", "J8")

SITE = "north-house"
SECRETS = {"repository-password": "canary'repo"}


@contextlib.contextmanager
def killed(folder: Path, after: str, *, occurrence: int = 0) -> Iterator[tuple[Console, Matrix]]:
    """A technician's computer on which a restore was killed at the first, or another, point of that name."""
    with matrix_of(CutoverSite(folder), folder) as matrix:
        matrix.fresh()
        answer = matrix.carry_out()
        assert answer is not None
        at = [number for number, name in enumerate(answer.points) if name == after][occurrence]
        matrix.fresh()
        assert matrix.carry_out({at: KILL}) is None
        console = Console(folder, Path(restic_program(VERSIONS[-1])))
        console.add_site(write(matrix.site.site), SECRETS)
        yield console, matrix


def test_what_would_write_to_the_site_is_refused_until_it_is_recovered(tmp_path: Path) -> None:
    with killed(tmp_path, "after exchange") as (console, matrix):
        for command in (("backup", SITE), ("site", "remove", SITE, "--confirm", f"REMOVE {SITE}")):
            said = console.run(*command, expect=6)
            error = said.json["error"] if said.out else said.error
            assert error["code"] == "restore.unfinished"
            assert f"overwinter recover {SITE}" in error["next"]
        console.run("runs", SITE)
        recovered = console.run("recover", SITE).json
        assert (recovered["did"], recovered["state"]) == ("rolled-back", OLD)
        assert recovered["found"]["run"] == matrix.site.run
        facts = [fact["happened"] for fact in recovered["found"]["facts"]]
        assert (facts[0], set(facts[1:])) == ("yes", {"no"})
        assert matrix.site.faults() == []
        assert console.run("backup", SITE).json["status"] == "success"
        again = console.run("recover", SITE).json
        assert (again["found"], again["did"], again["state"]) == (None, "nothing", None)


@pytest.mark.spec("R8", "R9")
def test_what_was_all_but_done_is_finished_and_can_be_taken_back_and_forth(tmp_path: Path) -> None:
    with killed(tmp_path, "after do RenamePath", occurrence=-1) as (console, matrix):
        recovered = console.run("recover", SITE).json
        assert (recovered["did"], recovered["state"]) == ("finished", NEW)
        assert matrix.site.faults() == []
        first = matrix.site.run
        undone = console.run("restore-undo", SITE, first[:8]).json
        assert undone["status"] == "success"
        matrix.site.taken_back_by(undone["run"])
        assert (matrix.site.state(), matrix.site.faults()) == (OLD, [])
        assert console.run("restore-undo", SITE, first[:8], expect=4).error["code"] == "restore.no-way-back"
        console.run("restore-undo", SITE, undone["run"])
        assert matrix.site.state() == NEW


def test_another_computer_finds_it_beside_the_target(tmp_path: Path) -> None:
    with killed(tmp_path, "after exchange", occurrence=1) as (console, matrix):
        for plan in (console.data / "cutovers").iterdir():
            plan.unlink()
        recovered = console.run("recover", SITE, "--roll-back").json
        assert (recovered["did"], recovered["state"]) == ("rolled-back", OLD)
        assert matrix.site.faults() == []


def test_what_fits_neither_stops_it_with_what_was_found(tmp_path: Path) -> None:
    with killed(tmp_path, "after exchange") as (console, matrix):
        live, aside = matrix.site.folder / "laravel", tmp_path / "aside"
        live.rename(aside)
        live.mkdir()
        stopped = console.run("recover", SITE, expect=6).json
        assert (stopped["did"], stopped["state"]) == ("nothing", None)
        assert stopped["error"]["code"] == "effect.unclear"
        assert "unclear" in [fact["happened"] for fact in stopped["found"]["facts"]]
        live.rmdir()
        aside.rename(live)
        assert console.run("recover", SITE).json["state"] == OLD
        assert matrix.site.faults() == []


def test_what_was_settled_by_hand_is_let_go(tmp_path: Path) -> None:
    """A person has decided what the site is, and took the mark beside it away."""
    with killed(tmp_path, "after exchange") as (console, matrix):
        (matrix.site.folder / "laravel").rename(tmp_path / "aside")  # not removed: its number might be given again
        (matrix.site.folder / "laravel").mkdir()
        console.run("recover", SITE, expect=6)
        for tree in ("laravel", "service"):
            Path(plan_beside(str(matrix.site.folder / tree))).unlink()
        said = console.run("recover", SITE).json
        assert (said["did"], said["state"]) == ("nothing", None)
        assert console.run("recover", SITE).json["found"] is None


@pytest.mark.spec("B6")
def test_two_recoveries_at_once_do_it_once(tmp_path: Path) -> None:
    with killed(tmp_path, "after exchange") as (console, matrix):
        both = [console.start("recover", SITE) for _ in range(2)]
        ends = [each.communicate(timeout=60) for each in both]
        assert [each.returncode for each in both] == [0, 0], ends
        assert matrix.site.faults() == []
        assert len(console.run("runs", SITE, "--type", "recover", "--status", "success").rows) in (1, 2)
