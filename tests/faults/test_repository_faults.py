"""Repositories that are held, newer, gone in the middle, and a restic that cannot be believed: never called success."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.family import Family, held, waited_for_end
from tests.faults.prepared import SITE, Prepared, assert_explained, items_of, newest_run, tag_of
from tests.faults.shims import lying_restic
from tests.features.greenhouse import REPOSITORY_PASSWORD
from tests.real.servers.restic import VERSIONS, SealedRepository, restic_program

if sys.platform == "win32":
    pytest.skip("stand-ins are scripts of the shell", allow_module_level=True)


@pytest.mark.spec("P1", "P2", "X3")
def test_a_repository_that_somebody_holds_names_the_holder(greenhouse: Prepared) -> None:
    console = greenhouse.fresh()
    before = len(greenhouse.snapshots())
    lock = SealedRepository(greenhouse.repository, REPOSITORY_PASSWORD).lock(user="eva", computer="laptop-2", pid=4711)
    said = console.run("backup", SITE, expect=1)
    assert said.json["error"]["code"] == "restic.locked"
    assert all(who in said.json["error"]["what"] for who in ("eva", "laptop-2", "4711"))
    assert newest_run(console)["error"]["code"] == "restic.locked"
    tested = console.run("repo", "test", SITE, expect=None)
    assert "eva" in tested.out + tested.err
    assert greenhouse.locks() == [lock]
    assert len(greenhouse.snapshots()) == before
    assert greenhouse.leftovers() == []
    (greenhouse.repository / "locks" / lock).unlink()
    assert console.run("backup", SITE).json["status"] == "success"


@pytest.mark.spec("P3", "X3")
def test_a_repository_of_a_newer_format_is_left_alone(greenhouse: Prepared) -> None:
    console = greenhouse.fresh()
    SealedRepository(greenhouse.repository, REPOSITORY_PASSWORD).change_config(lambda config: config.update(version=99))
    said = console.run("backup", SITE, expect=1)
    assert said.json["error"]["code"] == "restic.newer-format"
    assert_explained(said.json["error"])
    assert len(list((greenhouse.repository / "snapshots").iterdir())) == 3
    assert greenhouse.leftovers() == []


@pytest.mark.spec("B3", "B5", "P1", "X3")
@pytest.mark.parametrize("comes_back", [pytest.param(False, marks=pytest.mark.long), True])
def test_a_repository_that_is_unplugged_half_way_holds_nothing_that_it_does_not_hold(
    greenhouse: Prepared, *, comes_back: bool
) -> None:
    """restic makes its folders anew where the disk was mounted, and calls that success."""
    seed = random.randrange(10**6)
    console = greenhouse.fresh()
    repository, away, empty = (greenhouse.repository.with_name(name) for name in ("repository", "away", "empty"))
    with ExitStack() as until_restic_is_done:
        with greenhouse.dump_held(seed):
            family = Family(console.start("backup", SITE))
            greenhouse.held_dump(family)
            until_restic_is_done.enter_context(held(family.process))
            restic = family.restic()
            repository.rename(away)
            repository.mkdir()
        waited_for_end(restic)
        assert list(repository.glob("snapshots/*")), "restic itself saw through it"
        if comes_back:
            repository.rename(empty)
            away.rename(repository)
    said = family.ended()
    if not comes_back:
        repository.rename(empty)
        away.rename(repository)
    assert said.code == (3 if comes_back else 1), f"seed {seed}: {said}"
    failed = items_of(said)["database"]
    assert (failed["status"], failed["snapshot"]) == ("failed", "")
    assert_explained(failed["error"])
    there = {tag_of(one, "source") for one in greenhouse.snapshots(f"run:{said.json['run']}")}
    assert there == ({"laravel", "manifest"} if comes_back else set())
    assert greenhouse.leftovers() == []
    assert console.run("backup", SITE).json["status"] == "success"


HUGE_LINE = "head -c 10485760 /dev/zero | tr '\\0' x"

LIES: dict[str, tuple[str, Sequence[str], str]] = {
    "garbage": ("backup", ["head -c 300000 /dev/urandom"], "restic.no-summary"),
    "no summary": ("backup", ['real "$@" | sed /summary/d'], "restic.no-summary"),
    "garbage about itself": ("snapshots", ["head -c 300000 /dev/urandom"], "restic.unclear-answer"),
}


@pytest.mark.spec("B3", "B5", "X3")
@pytest.mark.parametrize("lie", LIES)
def test_a_restic_that_cannot_be_believed_is_never_success(greenhouse: Prepared, tmp_path: Path, lie: str) -> None:
    command, lines, code = LIES[lie]
    real = Path(restic_program(VERSIONS[-1]))
    console = greenhouse.fresh(restic=lying_restic(tmp_path / "restic", real, [(command, lines)]))
    said = console.run("backup", SITE, expect=1)
    assert said.json["status"] == "failed"
    assert said.json["error"]["code"] == code
    assert_explained(said.json["error"])
    assert all(item["status"] == "failed" for item in said.json["items"])
    assert greenhouse.snapshots(f"run:{said.json['run']}", "type:manifest") == []
    assert greenhouse.leftovers() == []
    assert (console.data / "overwinter.db").stat().st_size < 2_000_000


@pytest.mark.spec("B3")
def test_noise_around_what_restic_says_does_no_harm(greenhouse: Prepared, tmp_path: Path) -> None:
    real = Path(restic_program(VERSIONS[-1]))
    noise = [HUGE_LINE, "echo", "head -c 100000 /dev/urandom | tr -d '{' >&2", "echo >&2", 'real "$@"']
    console = greenhouse.fresh(restic=lying_restic(tmp_path / "restic", real, [("backup", noise)]))
    said = console.run("backup", SITE)
    assert said.json["status"] == "success"
    assert len(greenhouse.snapshots(f"run:{said.json['run']}")) == 3
