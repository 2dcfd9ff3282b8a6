"""A cutover that dies, fails or is cancelled anywhere: the site ends wholly as the old or as the new one, and up.

The points at which it is hit are those that it comes by when nothing happens (see `cutover_child`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

import pytest

from tests.faults.cutover_cases import (
    each_kill_recovers,
    each_power_cut_recovers,
    each_recovery_recovers,
    each_rollback_recovers,
    every,
    kill,
    points_of,
    recovered,
    rollbacks,
    some,
    stopped,
    swapped,
)
from tests.faults.cutover_child import CANCEL, ERROR, LATER
from tests.faults.cutover_matrix import Matrix, matrix_of
from tests.faults.cutover_parts import NEW, OLD
from tests.faults.cutover_site import CutoverSite

if sys.platform == "win32":
    pytest.skip("forks, and kills as POSIX does", allow_module_level=True)

pytestmark = pytest.mark.spec("R6", "R8")


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """The site, and the process that its cutovers happen in."""
    folder = tmp_path_factory.mktemp("cutover")
    with matrix_of(CutoverSite(folder), folder) as made:
        yield made


@pytest.fixture(autouse=True)
def _as_it_is(matrix: Matrix) -> None:
    matrix.exchanges, matrix.backwards = True, False


def test_a_cutover_that_nothing_happens_to_makes_the_site_the_new_one(matrix: Matrix) -> None:
    for matrix.exchanges in (True, False):
        matrix.fresh()
        with matrix.site.read_all_the_while():
            answer = matrix.carry_out()
        assert answer is not None
        assert (answer.code, answer.did) == ("", "smoke 0"), answer.told
        assert matrix.site.faults() == []
        assert matrix.site.state() == NEW


@pytest.mark.spec("J2")
@pytest.mark.parametrize("exchanges", [True, False])
def test_killed_anywhere_it_is_recovered(matrix: Matrix, *, exchanges: bool) -> None:
    matrix.exchanges = exchanges
    points = points_of(matrix)
    each_kill_recovers(matrix, some(points, 20), points)


def test_killed_while_its_plan_is_written_down_nothing_of_that_is_left(matrix: Matrix) -> None:
    """To take a restore back there is no stage that it is written in, and that goes with all that is in it."""
    matrix.backwards = True
    points = points_of(matrix)
    before = points[: points.index("before do RunCommand")]
    each_kill_recovers(matrix, [number for number, name in enumerate(before) if name == "before replace"], points)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("exchanges", "backwards"), [(True, False), (False, False), (True, True)])
def test_killed_at_every_point_it_is_recovered(matrix: Matrix, *, exchanges: bool, backwards: bool) -> None:
    matrix.exchanges, matrix.backwards = exchanges, backwards
    points = points_of(matrix)
    each_kill_recovers(matrix, list(range(len(points))), points)


# --- errors and cancels ----------------------------------------------------------------------------------------------


@pytest.mark.spec("J2")
def test_an_error_anywhere_is_rolled_back(matrix: Matrix) -> None:
    points = points_of(matrix)
    for number in some(points, 20):
        stopped(matrix, points, number, ERROR)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("exchanges", [True, False])
def test_an_error_at_every_point_is_rolled_back(matrix: Matrix, *, exchanges: bool) -> None:
    matrix.exchanges = exchanges
    points = points_of(matrix)
    for number in range(len(points)):
        stopped(matrix, points, number, ERROR)


@pytest.mark.spec("J2")
def test_a_cancel_at_any_effect_is_rolled_back_or_comes_too_late(matrix: Matrix) -> None:
    points = points_of(matrix)
    for number, name in enumerate(points):
        if name.split()[1] in ("do", "run") and number % 4 == 0:
            stopped(matrix, points, number, CANCEL)


# --- dying in the rollback, and in the recovery ----------------------------------------------------------------------


@pytest.mark.spec("J2")
def test_killed_in_its_rollback_it_is_recovered(matrix: Matrix) -> None:
    each_rollback_recovers(matrix, rollbacks(matrix, 40, "ExchangePaths", "ClearPaths"))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("exchanges", [True, False])
def test_killed_at_every_point_of_its_rollback_it_is_recovered(matrix: Matrix, *, exchanges: bool) -> None:
    matrix.exchanges = exchanges
    each_rollback_recovers(matrix, rollbacks(matrix, 1, "KeepLive", "ExchangePaths", "RenamePath", "ClearPaths"))


@pytest.mark.spec("J2")
def test_killed_in_its_recovery_it_is_recovered(matrix: Matrix) -> None:
    points = points_of(matrix)
    exchanged = [number for number, name in enumerate(points) if name == "after exchange"]
    each_recovery_recovers(matrix, exchanged[1:3], partial(some, one_of=40))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("wanted", ["", "finish", "roll-back"])
@pytest.mark.parametrize("exchanges", [True, False])
def test_killed_at_every_point_of_its_recovery_it_is_recovered(matrix: Matrix, wanted: str, *, exchanges: bool) -> None:
    matrix.exchanges = exchanges
    points = points_of(matrix)
    hit = [number for number, name in enumerate(points) if "rename" in name or "xchange" in name or "Command" in name]
    each_recovery_recovers(matrix, hit[6::12], every, wanted)


@pytest.mark.parametrize("wanted", ["finish", "roll-back"])
def test_a_person_may_say_where_it_goes(matrix: Matrix, wanted: str) -> None:
    points = points_of(matrix)
    exchanges = [number for number, name in enumerate(points) if name == "after exchange"]
    begun = points.index("before do RunCommand")
    late = max(number for number, name in enumerate(points) if name == "after do ClearPaths")
    for number in (begun, *exchanges, late):
        kill(matrix, number)
        with matrix.site.read_all_the_while():
            assert recovered(matrix, wanted) == (NEW if wanted == "finish" else OLD)


# --- orphans, lost laptops, lost power -------------------------------------------------------------------------------


def test_a_command_that_outlives_its_overwinter_is_ended_before_the_recovery(matrix: Matrix) -> None:
    """One that stops the services, slowly: it must not do so behind the back of the recovery that starts them."""
    points = points_of(matrix)
    stopping = points.index("before run", points.index("before do ExchangePaths") - 3)
    matrix.fresh()
    slowly = f"sleep 2;echo down >{matrix.site.services}"
    matrix.change_command("stop", slowly)
    assert matrix.carry_out({stopping: LATER}) is None
    assert recovered(matrix) == OLD
    assert matrix.site.nobody_does(slowly)
    assert matrix.site.faults() == []


@pytest.mark.spec("R8", "B6")
def test_what_stands_beside_the_target_is_enough(matrix: Matrix) -> None:
    points = points_of(matrix)
    hit = [number for number, name in enumerate(points) if name in ("after exchange", "before do RunCommand")]
    for number in hit[:-1]:
        kill(matrix, number)
        matrix.lose_the_laptop()
        assert recovered(matrix) == swapped(matrix, points, number)


@pytest.mark.spec("B6")
def test_while_one_is_unfinished_no_other_begins(matrix: Matrix) -> None:
    """Neither here nor from another laptop."""
    points = points_of(matrix)
    number = points.index("after exchange")
    for lost in (False, True):
        kill(matrix, number)
        if lost:
            matrix.lose_the_laptop()
        before = sorted(path.name for path in matrix.site.folder.iterdir())
        matrix.stage_again()
        answer = matrix.carry_out()
        assert answer is not None
        assert answer.code == "restore.unfinished"
        matrix.unstage()
        assert sorted(path.name for path in matrix.site.folder.iterdir()) == before
        assert recovered(matrix) == OLD


def test_a_power_cut_at_any_moment_is_recovered(matrix: Matrix) -> None:
    points = points_of(matrix)
    each_power_cut_recovers(matrix, some(points, 60), points)


def test_a_power_cut_while_a_restore_is_taken_back_is_recovered(matrix: Matrix) -> None:
    matrix.backwards = True
    points = points_of(matrix)
    each_power_cut_recovers(matrix, some(points, 100, ("after undo GiveOwning", "after undo MakeFolder")), points)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("exchanges", "backwards"), [(True, False), (False, False), (True, True)])
def test_a_power_cut_at_every_moment_is_recovered(matrix: Matrix, *, exchanges: bool, backwards: bool) -> None:
    matrix.exchanges, matrix.backwards = exchanges, backwards
    points = points_of(matrix)
    each_power_cut_recovers(matrix, list(range(len(points))), points)
