"""A cutover with a SQLite database that dies or fails anywhere: all of the site is the old one or the new one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

import pytest

from tests.faults.cutover_cases import (
    each_kill_recovers,
    each_recovery_recovers,
    each_rollback_recovers,
    every,
    points_of,
    rollbacks,
    some,
    stopped,
)
from tests.faults.cutover_child import ERROR
from tests.faults.cutover_matrix import Matrix, matrix_of
from tests.faults.cutover_parts import NEW
from tests.faults.cutover_site import CutoverSite
from tests.faults.cutover_sqlite import KINDS

if sys.platform == "win32":
    pytest.skip("forks, and kills as POSIX does", allow_module_level=True)

pytestmark = pytest.mark.spec("R6", "R8")


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    folder = tmp_path_factory.mktemp("cutover-sqlite")
    with matrix_of(CutoverSite(folder, sqlite=True), folder) as made:
        yield made


@pytest.fixture(autouse=True)
def _as_it_is(matrix: Matrix) -> None:
    matrix.backwards = False


def of_sqlite(points: list[str]) -> list[int]:
    """Those that it comes by while the database gets its content."""
    begin, end = points.index("before do PutDatabase"), points.index("after do PutDatabase")
    return list(range(begin, end + 1))


def test_the_content_is_put_in_and_taken_back_later(matrix: Matrix) -> None:
    for matrix.backwards in (False, True):
        matrix.fresh()
        with matrix.site.read_all_the_while():
            answer = matrix.carry_out()
        assert answer is not None
        assert answer.code == "", answer.told
        assert matrix.site.faults() == []
        assert matrix.site.state() == matrix.target


def test_both_of_its_effects_come_by_a_point(matrix: Matrix) -> None:
    points = points_of(matrix)
    seen = {*points, *points_of(matrix, {points.index("after do PutDatabase") + 1: ERROR})}
    wanted = {f"before do {kind.__name__}" for kind in KINDS} | {"before undo PutDatabase"}
    assert not wanted - seen


@pytest.mark.spec("J2")
def test_killed_while_the_content_is_put_in_it_is_recovered(matrix: Matrix) -> None:
    points = points_of(matrix)
    each_kill_recovers(matrix, of_sqlite(points)[::6], points)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("backwards", [False, True])
def test_killed_at_every_point_of_it_it_is_recovered(matrix: Matrix, *, backwards: bool) -> None:
    matrix.backwards = backwards
    points = points_of(matrix)
    each_kill_recovers(matrix, of_sqlite(points), points)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_an_error_at_every_point_of_it_is_rolled_back(matrix: Matrix) -> None:
    points = points_of(matrix)
    for number in of_sqlite(points):
        stopped(matrix, points, number, ERROR)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_killed_at_every_point_of_its_rollback_it_is_recovered(matrix: Matrix) -> None:
    each_rollback_recovers(matrix, rollbacks(matrix, 1, "PutDatabase", always=()))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("wanted", ["", "finish", "roll-back"])
def test_killed_in_its_recovery_it_is_recovered(matrix: Matrix, wanted: str) -> None:
    points = points_of(matrix)
    each_recovery_recovers(matrix, of_sqlite(points)[3::9], partial(some, one_of=3) if wanted else every, wanted)


def test_an_error_behind_it_is_rolled_back(matrix: Matrix) -> None:
    points = points_of(matrix)
    stopped(matrix, points, points.index("after do PutDatabase") + 3, ERROR)
    assert matrix.site.state() != NEW
