"""What is tried with a cutover: it dies, fails or is cancelled at a point; what is left has to become whole."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tests.faults.cutover_child import COMMIT, ERROR, KILL, NO_PLAN, RENAME, WITH_SERVER
from tests.faults.cutover_matrix import Matrix

DECISIVE = tuple(
    f"after do {effect}" for effect in ("ExchangePaths", "RenamePath", "SwapDatabases", "SwapTables", "PutDatabase")
)
MOMENTS = ("after rename", f"after {COMMIT}", f"after {RENAME}")


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
    found = matrix.site.faults(is_staged=answer.did == NO_PLAN)
    assert not found, f"{answer.did}: {found}"
    return matrix.site.state()


def swapped(matrix: Matrix, points: list[str], killed: int) -> str:
    """What the default has to make of a cutover that was killed there."""
    return matrix.target if killed >= _decided(points) else matrix.origin


def _decided(points: list[str]) -> int:
    """The moment since which the site is the other one: the last thing that decides has happened."""
    over = max(number for number, name in enumerate(points) if name in DECISIVE)
    began = max(number for number in range(over) if points[number] == points[over].replace("after", "before"))
    if points[over] == "after do PutDatabase":
        return _put(points, began, over)
    exchanged = [number for number in range(began, over) if points[number] == "after exchange"]
    return (exchanged or [number for number in range(began, over) if points[number] in MOMENTS])[-1]


def _put(points: list[str], began: int, over: int) -> int:
    """What follows the program that puts the content in, which is the last one before the saved one gets its name."""
    named = max(number for number in range(began, over) if points[number] == "before rename")
    return max(number for number in range(began, named) if points[number] == "before run") + 1


def kill(matrix: Matrix, number: int, blow: str = KILL) -> None:
    """A cutover that dies at that point; nobody sees a mixture meanwhile."""
    matrix.fresh()
    with matrix.site.read_all_the_while():
        assert matrix.carry_out({number: blow}) is None
        _start_again(matrix, blow)


def _start_again(matrix: Matrix, blow: str) -> None:
    if blow == WITH_SERVER:
        matrix.start_server_again()


def each_kill_recovers(matrix: Matrix, numbers: Sequence[int], points: list[str], blow: str = KILL) -> None:
    """By itself to the side that is nearer."""
    for number in numbers:
        kill(matrix, number, blow)
        with matrix.site.read_all_the_while():
            state = recovered(matrix)
        assert state == swapped(matrix, points, number), f"{number}: {points[number]}"


def some(points: list[str], one_of: int, always: Sequence[str] = (" exchange",)) -> list[int]:
    """Those whose names hold one of these words, and of the rest one in so many, others each time."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201  shown when the test fails
    chosen = random.Random(seed)
    return [
        number
        for number, name in enumerate(points)
        if chosen.randrange(one_of) == 0 or any(word in name for word in always)
    ]


def every(points: list[str]) -> Sequence[int]:
    """All of them."""
    return range(len(points))


def stopped(matrix: Matrix, points: list[str], number: int, blow: str) -> None:
    """A cutover that something comes between there: it ends whole by itself, or says that it is unfinished.

    What comes in the smoke checks changes nothing any more.
    """
    is_smoke = number > _decided(points) and "remove_tree" not in "".join(points[number:])
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
            assert (matrix.site.state() == matrix.target) == (answer.code == "" or is_smoke), said


def rollbacks(
    matrix: Matrix, one_of: int, *after: str, always: Sequence[str] = (" exchange",)
) -> list[tuple[int, int]]:
    """Pairs of points: where an error makes a cutover roll back, and where that is killed.

    The error comes after the last of each of these effects.
    """
    points, pairs = points_of(matrix), []
    for name in after:
        error = max(number for number, point in enumerate(points) if point == f"after do {name}") + 1
        rolled = points_of(matrix, {error: ERROR})
        pairs += [(error, number) for number in some(rolled, one_of, always) if number > error]
    return pairs


def each_rollback_recovers(matrix: Matrix, pairs: Sequence[tuple[int, int]], blow: str = KILL) -> None:
    """A cutover fails, and dies while it is taken back."""
    for error, killed in pairs:
        matrix.fresh()
        with matrix.site.read_all_the_while():
            assert matrix.carry_out({error: ERROR, killed: blow}) is None
            _start_again(matrix, blow)
            recovered(matrix)


def each_recovery_recovers(
    matrix: Matrix,
    numbers: Sequence[int],
    chosen: Callable[[list[str]], Sequence[int]],
    wanted: str = "",
    blow: str = KILL,
) -> None:
    """A cutover dies, its recovery dies at the points that are chosen, and the next one makes it whole."""
    for number in numbers:
        kill(matrix, number, blow)
        answer = matrix.recover(wanted)
        assert answer is not None
        for killed in chosen(answer.points):
            kill(matrix, number)
            with matrix.site.read_all_the_while():
                assert matrix.recover(wanted, {killed: blow}) is None
                _start_again(matrix, blow)
                recovered(matrix)


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
