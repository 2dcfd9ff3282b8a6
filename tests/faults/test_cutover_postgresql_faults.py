"""The same for a site with a database: whatever dies, its server too, files and database are of one state afterwards.

A client that no maintenance mode keeps out asks all the while: whenever the database lets it in, all it sees agrees.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator
from functools import partial

import pytest

from app.jobs.effects.every import AnyEffect
from app.jobs.effects.syncing import BackUpPresent, SyncTree
from tests.faults.cutover_cases import (
    each_kill_recovers,
    each_recovery_recovers,
    each_rollback_recovers,
    every,
    kill,
    points_of,
    recovered,
    rollbacks,
    some,
    stopped,
)
from tests.faults.cutover_child import CANCEL, COMMIT, ERROR, KILL, LOST, STATEMENT, WITH_SERVER
from tests.faults.cutover_matrix import Matrix, matrix_of
from tests.faults.cutover_mysql import KINDS
from tests.faults.cutover_parts import NEW, OLD
from tests.faults.cutover_postgresql import SECRETS, DatabasePart
from tests.faults.cutover_site import CutoverSite
from tests.faults.cutover_sqlite import KINDS as OF_SQLITE
from tests.real.servers.postgresql import postgres_server

IN_PLACE = (BackUpPresent, SyncTree)
"""These are killed in `tests/real/test_sync.py`: they work for as long as a restore does, and are done again."""

if sys.platform == "win32":
    pytest.skip("forks, and kills as POSIX does", allow_module_level=True)

pytestmark = pytest.mark.spec("R6", "R8")

BLOWS = pytest.mark.parametrize("blow", [pytest.param(KILL, id="alone"), pytest.param(WITH_SERVER, id="with-server")])
DIRECTIONS = pytest.mark.parametrize(
    "backwards", [pytest.param(False, id="restore"), pytest.param(True, id="restore-undo")]
)
LONG = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """The site, its server, and the process that its cutovers happen in."""
    folder = tmp_path_factory.mktemp("cutover")
    with postgres_server(folder, {"autovacuum": "off"}) as server:
        site = CutoverSite(folder, DatabasePart(server))
        with matrix_of(site, folder) as made:
            made.server, made.secrets = server, SECRETS
            yield made


@pytest.fixture(autouse=True)
def _as_it_is(matrix: Matrix) -> None:
    matrix.exchanges, matrix.backwards = True, False


@DIRECTIONS
def test_nothing_happens_and_a_client_gets_the_one_then_the_other(matrix: Matrix, *, backwards: bool) -> None:
    matrix.backwards = backwards
    matrix.fresh()
    matrix.site.answered.clear()
    with matrix.site.read_all_the_while():
        answer = matrix.carry_out()
    assert answer is not None
    assert (answer.code, answer.did) == ("", "smoke 0"), answer.told
    assert matrix.site.faults() == []
    assert matrix.site.state() == matrix.target
    with matrix.site.read_all_the_while():
        pass
    assert matrix.site.answered == {OLD, NEW}


def test_every_effect_that_there_is_comes_by_a_point(matrix: Matrix) -> None:
    seen: set[str] = set()
    for matrix.backwards, last in ((False, "after do OpenDatabase"), (True, "after do ExchangePaths")):
        points = points_of(matrix)
        late = max(number for number, name in enumerate(points) if name == last)
        seen = seen.union(points, points_of(matrix, {late + 1: ERROR}))
    for kind in set(typing.get_args(AnyEffect)) - {*KINDS, *OF_SQLITE, *IN_PLACE}:
        assert f"before do {kind.__name__}" in seen
        assert f"before undo {kind.__name__}" in seen or kind.__name__ in ("RemoveTree", "DropDatabase")


# --- killed ----------------------------------------------------------------------------------------------------------


@BLOWS
@DIRECTIONS
def test_killed_anywhere_it_is_recovered(matrix: Matrix, blow: str, *, backwards: bool) -> None:
    matrix.backwards = backwards
    points = points_of(matrix)
    each_kill_recovers(matrix, some(points, 60, (COMMIT,)), points, blow)


@pytest.mark.long
@LONG
@DIRECTIONS
@pytest.mark.parametrize(("blow", "exchanges"), [(KILL, True), (WITH_SERVER, True), (KILL, False)])
def test_killed_at_every_point_it_is_recovered(matrix: Matrix, blow: str, *, backwards: bool, exchanges: bool) -> None:
    matrix.backwards, matrix.exchanges = backwards, exchanges
    points = points_of(matrix)
    each_kill_recovers(matrix, every(points), points, blow)


@BLOWS
def test_killed_in_its_rollback_it_is_recovered(matrix: Matrix, blow: str) -> None:
    each_rollback_recovers(matrix, rollbacks(matrix, 120, "SwapDatabases", "OpenDatabase", always=(COMMIT,)), blow)


@pytest.mark.long
@LONG
@BLOWS
@DIRECTIONS
def test_killed_at_every_point_of_its_rollback_it_is_recovered(matrix: Matrix, blow: str, *, backwards: bool) -> None:
    matrix.backwards = backwards
    after = ("SwapDatabases", "TakenBack") if backwards else ("CloseDatabase", "SwapDatabases", "OpenDatabase")
    each_rollback_recovers(matrix, rollbacks(matrix, 1, *after), blow)


@BLOWS
def test_killed_in_its_recovery_it_is_recovered(matrix: Matrix, blow: str) -> None:
    points = points_of(matrix)
    committed = [number for number, name in enumerate(points) if COMMIT in name]
    chosen = partial(some, one_of=120, always=(COMMIT,))
    each_recovery_recovers(matrix, committed, chosen, blow=blow)


@pytest.mark.long
@LONG
@pytest.mark.parametrize(
    ("died", "wanted", "blow"),
    [
        ("before", "", KILL),
        ("after", "", KILL),
        ("after", "", WITH_SERVER),
        ("before", "finish", KILL),
        ("after", "roll-back", KILL),
    ],
)
def test_killed_at_every_point_of_its_recovery_it_is_recovered(
    matrix: Matrix, died: str, wanted: str, blow: str
) -> None:
    each_recovery_recovers(matrix, [points_of(matrix).index(f"{died} {COMMIT}")], every, wanted, blow)


@pytest.mark.parametrize("wanted", ["finish", "roll-back"])
def test_a_person_may_say_where_it_goes(matrix: Matrix, wanted: str) -> None:
    points = points_of(matrix)
    closed, opened = points.index("after do CloseDatabase"), points.index("after do OpenDatabase")
    for number in (closed, *(number for number, name in enumerate(points) if COMMIT in name), opened):
        kill(matrix, number)
        with matrix.site.read_all_the_while():
            assert recovered(matrix, wanted) == (NEW if wanted == "finish" else OLD)


# --- errors, lost connections, cancels -------------------------------------------------------------------------------


@DIRECTIONS
def test_an_error_anywhere_is_rolled_back(matrix: Matrix, *, backwards: bool) -> None:
    matrix.backwards = backwards
    points = points_of(matrix)
    for number in some(points, 60, (COMMIT,)):
        stopped(matrix, points, number, ERROR)


@pytest.mark.long
@LONG
@DIRECTIONS
@pytest.mark.parametrize("blow", [ERROR, CANCEL])
def test_an_error_or_a_cancel_at_every_point_is_rolled_back(matrix: Matrix, blow: str, *, backwards: bool) -> None:
    matrix.backwards = backwards
    points = points_of(matrix)
    for number in range(len(points)):
        stopped(matrix, points, number, blow)


def each_lost_connection_is_made_anew(matrix: Matrix, one_of: int) -> None:
    points = points_of(matrix)
    for number in some(points, one_of, (COMMIT,)):
        if points[number].split()[1] in (STATEMENT, COMMIT):
            matrix.fresh()
            with matrix.site.read_all_the_while():
                answer = matrix.carry_out({number: LOST})
            assert answer is not None
            assert answer.code == "", f"{number}: {points[number]} {answer.told}"
            assert matrix.site.faults() == []
            assert matrix.site.state() == NEW


def test_a_connection_that_is_lost_anywhere_is_made_anew(matrix: Matrix) -> None:
    each_lost_connection_is_made_anew(matrix, 30)


@pytest.mark.long
@LONG
def test_a_connection_that_is_lost_at_every_point_is_made_anew(matrix: Matrix) -> None:
    each_lost_connection_is_made_anew(matrix, 1)
