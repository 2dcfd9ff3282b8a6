"""A cutover that dies, fails or is cancelled anywhere: the site ends wholly as the old or as the new one, and up.

The points at which it is hit are those that it comes by when nothing happens (see `cutover_child`).
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

import pytest

from tests.faults.cutover_child import CANCEL, ERROR, KILL, LATER, NO_PLAN
from tests.faults.cutover_matrix import Matrix, matrix_of
from tests.faults.cutover_site import NEW, OLD, CutoverSite

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
    matrix.exchanges = True


def points_of(matrix: Matrix, at: dict[int, str] | None = None) -> list[str]:
    """The points that a cutover comes by, with what happens at these."""
    matrix.fresh()
    answer = matrix.carry_out(at)
    assert answer is not None
    return answer.points


def recovered(matrix: Matrix, wanted: str = "", at: dict[int, str] | None = None) -> str:
    """A recovery that ends with a whole site; gives which of the two it is."""
    answer = matrix.recover(wanted, at)
    assert answer is not None
    assert answer.code == "", answer.told
    assert matrix.site.faults(is_staged=answer.did == NO_PLAN) == []
    return matrix.site.state()


def swapped(matrix: Matrix, points: list[str], killed: int) -> str:
    """What the default has to make of a cutover that was killed there."""
    over = max(number for number, name in enumerate(points) if name == "after do RenamePath")
    last = max(number for number, name in enumerate(points[:over]) if name == "after rename")
    return NEW if killed >= last else OLD


def kill(matrix: Matrix, number: int) -> None:
    """A cutover that dies at that point; nobody sees a mixture meanwhile."""
    matrix.fresh()
    with matrix.site.read_all_the_while():
        assert matrix.carry_out({number: KILL}) is None


def test_a_cutover_that_nothing_happens_to_makes_the_site_the_new_one(matrix: Matrix) -> None:
    for matrix.exchanges in (True, False):
        matrix.fresh()
        with matrix.site.read_all_the_while():
            answer = matrix.carry_out()
        assert answer is not None
        assert (answer.code, answer.did) == ("", "smoke 0"), answer.told
        assert matrix.site.faults() == []
        assert matrix.site.state() == NEW


def each_kill_recovers(matrix: Matrix, numbers: list[int], points: list[str]) -> None:
    for number in numbers:
        kill(matrix, number)
        with matrix.site.read_all_the_while():
            state = recovered(matrix)
        assert state == swapped(matrix, points, number), f"{number}: {points[number]}"


@pytest.mark.spec("J2")
@pytest.mark.parametrize("exchanges", [True, False])
def test_killed_anywhere_it_is_recovered(matrix: Matrix, *, exchanges: bool) -> None:
    matrix.exchanges = exchanges
    points = points_of(matrix)
    each_kill_recovers(matrix, some(points, 12), points)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("exchanges", [True, False])
def test_killed_at_every_point_it_is_recovered(matrix: Matrix, *, exchanges: bool) -> None:
    matrix.exchanges = exchanges
    points = points_of(matrix)
    each_kill_recovers(matrix, list(range(len(points))), points)


def some(points: list[str], one_of: int, seed: int | None = None) -> list[int]:
    """The beginning and the end of every exchange, and of the rest one in so many, others each time."""
    seed = random.randrange(10**6) if seed is None else seed
    print(f"seed {seed}")  # noqa: T201  shown when the test fails
    chosen = random.Random(seed)
    return [number for number, name in enumerate(points) if "xchange" in name or chosen.randrange(one_of) == 0]


# --- errors and cancels ----------------------------------------------------------------------------------------------


def stopped(matrix: Matrix, points: list[str], number: int, blow: str) -> None:
    """A cutover that something comes between there: it ends whole by itself, or says that it is unfinished.

    What comes in the smoke checks changes nothing any more.
    """
    is_smoke = "after do RemoveTree" in points[:number] and "remove_tree" not in "".join(points[number:])
    matrix.fresh()
    with matrix.site.read_all_the_while():
        answer = matrix.carry_out({number: blow})
        assert answer is not None, number
        said = f"{number}: {answer.points[number]} {answer.told}"
        if answer.code == "restore.unfinished":
            recovered(matrix)
        else:
            is_placed = any("RunCommand" in name for name in answer.points)
            left = any("restore.left-behind" in told for told in answer.told)
            faults = [fault for fault in matrix.site.faults(is_staged=not is_placed) if not (left and "names" in fault)]
            assert faults == [], said
            assert (matrix.site.state() == NEW) == (answer.code == "" or is_smoke), said


@pytest.mark.spec("J2")
def test_an_error_anywhere_is_rolled_back(matrix: Matrix) -> None:
    points = points_of(matrix)
    for number in some(points, 9):
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


def rollbacks(matrix: Matrix, one_of: int, *after: str) -> list[tuple[int, int]]:
    """Pairs of points: where an error makes a cutover roll back, and where that is killed.

    The error comes after the last of each of these effects.
    """
    points, pairs = points_of(matrix), []
    for name in after:
        error = max(number for number, point in enumerate(points) if point == f"after do {name}") + 1
        rolled = points_of(matrix, {error: ERROR})
        pairs += [(error, number) for number in some(rolled, one_of) if number > error]
    return pairs


def each_rollback_recovers(matrix: Matrix, pairs: list[tuple[int, int]]) -> None:
    for error, killed in pairs:
        matrix.fresh()
        with matrix.site.read_all_the_while():
            assert matrix.carry_out({error: ERROR, killed: KILL}) is None
            recovered(matrix)


@pytest.mark.spec("J2")
def test_killed_in_its_rollback_it_is_recovered(matrix: Matrix) -> None:
    each_rollback_recovers(matrix, rollbacks(matrix, 20, "ExchangePaths", "ClearPaths"))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("exchanges", [True, False])
def test_killed_at_every_point_of_its_rollback_it_is_recovered(matrix: Matrix, *, exchanges: bool) -> None:
    matrix.exchanges = exchanges
    each_rollback_recovers(matrix, rollbacks(matrix, 1, "KeepLive", "ExchangePaths", "RenamePath", "ClearPaths"))


def each_recovery_recovers(matrix: Matrix, numbers: list[int], one_of: int, wanted: str = "") -> None:
    """A cutover dies, its recovery dies, and the next one makes it whole."""
    for number in numbers:
        kill(matrix, number)
        answer = matrix.recover(wanted)
        assert answer is not None
        for killed in some(answer.points, one_of):
            kill(matrix, number)
            with matrix.site.read_all_the_while():
                assert matrix.recover(wanted, {killed: KILL}) is None
                recovered(matrix)


@pytest.mark.spec("J2")
def test_killed_in_its_recovery_it_is_recovered(matrix: Matrix) -> None:
    points = points_of(matrix)
    exchanged = [number for number, name in enumerate(points) if name == "after exchange"]
    each_recovery_recovers(matrix, exchanged, 20)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("wanted", ["", "finish", "roll-back"])
@pytest.mark.parametrize("exchanges", [True, False])
def test_killed_at_every_point_of_its_recovery_it_is_recovered(matrix: Matrix, wanted: str, *, exchanges: bool) -> None:
    matrix.exchanges = exchanges
    points = points_of(matrix)
    hit = [number for number, name in enumerate(points) if "rename" in name or "xchange" in name or "Command" in name]
    each_recovery_recovers(matrix, hit[6::12], 1, wanted)


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


def each_power_cut_recovers(matrix: Matrix, numbers: list[int], points: list[str]) -> None:
    """What was not synced when it died has never been; and what was not synced when its recovery was over neither.

    Where all was over but the removal of the plan, that may come back: it is over then, too.
    """
    for number in numbers:
        kill(matrix, number)
        matrix.cut_power()
        recovered(matrix)
        assert matrix.cut_power() == 0, f"{number}: {points[number]}: the recovery is not on the disk"
        kill(matrix, number)
        state = recovered(matrix)
        matrix.cut_power()
        if matrix.site.unfinished:
            assert recovered(matrix) == state, f"{number}: {points[number]}"
        assert matrix.site.faults(is_staged=True) == [], f"{number}: {points[number]}"
        assert matrix.site.state() == state, f"{number}: {points[number]}"


def test_a_power_cut_at_any_moment_is_recovered(matrix: Matrix) -> None:
    points = points_of(matrix)
    each_power_cut_recovers(matrix, some(points, 30), points)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("exchanges", [True, False])
def test_a_power_cut_at_every_moment_is_recovered(matrix: Matrix, *, exchanges: bool) -> None:
    matrix.exchanges = exchanges
    points = points_of(matrix)
    each_power_cut_recovers(matrix, list(range(len(points))), points)
