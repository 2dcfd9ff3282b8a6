"""The same for a site with a database of MariaDB: whatever dies, its server too, all is of one state afterwards.

A client that no maintenance mode keeps out asks all the while: whenever the database lets it in, all it sees agrees.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

import pytest

from tests.faults.cutover_cases import (
    each_kill_recovers,
    each_recovery_recovers,
    each_rollback_recovers,
    kill,
    points_of,
    recovered,
    rollbacks,
    some,
    stopped,
)
from tests.faults.cutover_child import CANCEL, ERROR, KILL, LATER, LOST, RENAME, STATEMENT, WITH_SERVER
from tests.faults.cutover_matrix import Matrix, matrix_of
from tests.faults.cutover_mysql import KINDS, SECRETS, TablesPart
from tests.faults.cutover_parts import NEW, OLD
from tests.faults.cutover_site import CutoverSite
from tests.real.servers.mariadb import MariadbServer, mariadb_server

if sys.platform == "win32":
    pytest.skip("forks, and kills as POSIX does", allow_module_level=True)

pytestmark = pytest.mark.spec("R6", "R8")

BLOWS = pytest.mark.parametrize("blow", [pytest.param(KILL, id="alone"), pytest.param(WITH_SERVER, id="with-server")])
DIRECTIONS = pytest.mark.parametrize(
    "backwards", [pytest.param(False, id="restore"), pytest.param(True, id="restore-undo")]
)
RECOVERED_WITHIN = 40.0
"""Seconds: each question is a program of its own."""

LONG = pytest.mark.timeout(7200)
NAMES = {*(kind.__name__ for kind in KINDS), "TakenBack"}


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """The site, its server, and the process that its cutovers happen in."""
    folder = tmp_path_factory.mktemp("cutover")
    with mariadb_server(folder) as server:
        site = CutoverSite(folder, TablesPart(server, folder))
        with matrix_of(site, folder) as made:
            made.server, made.secrets, made.recovered_within = server, SECRETS, RECOVERED_WITHIN
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


def test_every_effect_of_it_comes_by_a_point(matrix: Matrix) -> None:
    points = points_of(matrix)
    late = max(number for number, name in enumerate(points) if name == "after do UnlockAccounts")
    seen = {*points, *points_of(matrix, {late + 1: ERROR})}
    for kind in KINDS:
        assert f"before do {kind.__name__}" in seen
        assert f"before undo {kind.__name__}" in seen or kind.__name__ == "DropTables"


def of_database(points: list[str]) -> list[int]:
    """All that the effects of the database come by; what others come by is told for files and PostgreSQL."""
    inside: str | None = None
    found: list[int] = []
    for number, name in enumerate(points):
        words = name.split()
        if inside is None and words[-1] in NAMES and words[0] == "before":
            inside = name.replace("before", "after")
        if inside is not None:
            found.append(number)
        inside = None if name == inside else inside
    return found


# --- killed ----------------------------------------------------------------------------------------------------------


@BLOWS
@DIRECTIONS
def test_killed_anywhere_it_is_recovered(matrix: Matrix, blow: str, *, backwards: bool) -> None:
    matrix.backwards = backwards
    points = points_of(matrix)
    each_kill_recovers(matrix, some(points, 400, (RENAME,)), points, blow)


@pytest.mark.long
@LONG
@DIRECTIONS
@pytest.mark.parametrize("blow", [KILL, WITH_SERVER])
def test_killed_at_every_point_it_is_recovered(matrix: Matrix, blow: str, *, backwards: bool) -> None:
    matrix.backwards = backwards
    points = points_of(matrix)
    each_kill_recovers(matrix, of_database(points), points, blow)


def each_kill_during_recovers(matrix: Matrix, words: str) -> None:
    """While the server is at it; whether it was done then is chance, but whole it is in any case."""
    points = points_of(matrix)
    for number in [number for number, name in enumerate(points) if name.startswith(f"before {words}")]:
        kill(matrix, number, LATER)
        with matrix.site.read_all_the_while():
            recovered(matrix)


@DIRECTIONS
def test_killed_while_the_tables_are_renamed_it_is_recovered(matrix: Matrix, *, backwards: bool) -> None:
    matrix.backwards = backwards
    each_kill_during_recovers(matrix, RENAME)


@pytest.mark.long
@LONG
@DIRECTIONS
def test_killed_while_the_server_is_at_anything_it_is_recovered(matrix: Matrix, *, backwards: bool) -> None:
    matrix.backwards = backwards
    each_kill_during_recovers(matrix, STATEMENT)


@pytest.mark.parametrize("blow", [KILL, pytest.param(WITH_SERVER, marks=pytest.mark.long)])
def test_killed_in_its_rollback_it_is_recovered(matrix: Matrix, blow: str) -> None:
    each_rollback_recovers(matrix, rollbacks(matrix, 300, "UnlockAccounts", always=(RENAME,)), blow)


@pytest.mark.long
@LONG
@BLOWS
@DIRECTIONS
def test_killed_at_every_point_of_its_rollback_it_is_recovered(matrix: Matrix, blow: str, *, backwards: bool) -> None:
    matrix.backwards = backwards
    after = ("SwapTables", "TakenBack") if backwards else ("ChangePrograms", "SwapTables", "UnlockAccounts")
    each_rollback_recovers(matrix, rollbacks(matrix, 1, *after), blow)


@pytest.mark.long
@LONG
@BLOWS
def test_killed_in_its_recovery_it_is_recovered(matrix: Matrix, blow: str) -> None:
    after = points_of(matrix).index(f"after {RENAME}")
    each_recovery_recovers(matrix, [after], partial(some, one_of=200, always=(RENAME,)), blow=blow)


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
    each_recovery_recovers(matrix, [points_of(matrix).index(f"{died} {RENAME}")], of_database, wanted, blow)


@pytest.mark.long
@pytest.mark.parametrize("wanted", ["finish", "roll-back"])
def test_a_person_may_say_where_it_goes(matrix: Matrix, wanted: str) -> None:
    points = points_of(matrix)
    locked, opened = points.index("after do LockAccounts"), points.index("after do UnlockAccounts")
    for number in (locked, *(number for number, name in enumerate(points) if RENAME in name), opened):
        kill(matrix, number)
        with matrix.site.read_all_the_while():
            assert recovered(matrix, wanted) == (NEW if wanted == "finish" else OLD)


@pytest.mark.long
def test_a_server_that_does_not_start_again_is_rebuilt_from_the_dump_that_is_named(matrix: Matrix) -> None:
    """Last of all the kills, since it loses what the server held."""
    number = points_of(matrix).index(f"before {RENAME}")
    matrix.fresh()
    assert matrix.carry_out({number: WITH_SERVER}) is None
    answer = matrix.recover()
    assert answer is not None
    assert answer.code == "mysql.server-down"
    part, server = matrix.site.door, matrix.server
    assert isinstance(part, TablesPart)
    assert isinstance(server, MariadbServer)
    dump = part.dump_of(matrix.site.run)
    assert all(str(dump) in told for told in answer.told[-2:]), "what it means, and what to do"
    server.rebuild()
    part.make_accounts()
    server.sql(dump.read_text())
    assert recovered(matrix, "roll-back") == OLD


# --- errors, lost connections, cancels -------------------------------------------------------------------------------


@DIRECTIONS
def test_an_error_anywhere_is_rolled_back(matrix: Matrix, *, backwards: bool) -> None:
    matrix.backwards = backwards
    points = points_of(matrix)
    for number in some(points, 200, (RENAME,)):
        stopped(matrix, points, number, ERROR)


@pytest.mark.long
@LONG
@DIRECTIONS
@pytest.mark.parametrize("blow", [ERROR, CANCEL])
def test_an_error_or_a_cancel_at_every_point_is_rolled_back(matrix: Matrix, blow: str, *, backwards: bool) -> None:
    matrix.backwards = backwards
    points = points_of(matrix)
    for number in of_database(points):
        stopped(matrix, points, number, blow)


def each_lost_connection_is_made_anew(matrix: Matrix, one_of: int) -> None:
    points = points_of(matrix)
    for number in some(points, one_of, (RENAME,)):
        if f" {STATEMENT} " in points[number]:
            matrix.fresh()
            with matrix.site.read_all_the_while():
                answer = matrix.carry_out({number: LOST})
            assert answer is not None
            assert answer.code == "", f"{number}: {points[number]} {answer.told}"
            assert matrix.site.faults() == []
            assert matrix.site.state() == NEW


def test_a_connection_that_is_lost_anywhere_is_made_anew(matrix: Matrix) -> None:
    each_lost_connection_is_made_anew(matrix, 60)


@pytest.mark.long
@LONG
def test_a_connection_that_is_lost_at_every_point_is_made_anew(matrix: Matrix) -> None:
    each_lost_connection_is_made_anew(matrix, 1)
