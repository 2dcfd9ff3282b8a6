"""The same for a site with a database: each statement that goes through the tunnel is a moment of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.faults.cut_cases import (
    changing,
    each_cut_ends_whole,
    each_cut_recovery_recovers,
    each_kill_recovers,
    every_blow,
    killing,
    recovery_blows,
    some,
    undisturbed,
    unfinished_at,
)
from tests.faults.cut_matrix import CutMatrix, cut_matrix
from tests.faults.cut_wire import Blow, Moment, Passed
from tests.faults.cutover_postgresql import SECRETS, DatabasePart
from tests.faults.cutover_site import CutoverSite
from tests.real.servers.postgresql import postgres_server
from tests.real.servers.sshd import ssh_server

if sys.platform == "win32":
    pytest.skip("forks, and kills as POSIX does", allow_module_level=True)

pytestmark = pytest.mark.spec("R6", "R8", "H2")

RENAME = "ALTER DATABASE"


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CutMatrix]:
    """The site and its database on a server, and the laptop."""
    folder = tmp_path_factory.mktemp("cuts")
    with (
        postgres_server(folder, {"autovacuum": "off"}) as database,
        ssh_server(folder / "sshd") as server,
    ):
        site = CutoverSite(folder, DatabasePart(database))
        with cut_matrix(site, server, folder) as made:
            made.secrets = SECRETS
            yield made


@pytest.fixture(scope="module")
def passed(matrix: CutMatrix) -> list[Passed]:
    return undisturbed(matrix)


def of_database(passed: list[Passed]) -> list[Blow]:
    """The moments at which the database is changed."""
    return [blow for blow in every_blow(passed) if passed[blow.operation].name[:1].isupper()]


def test_the_database_is_closed_renamed_and_opened_through_the_tunnel(passed: list[Passed]) -> None:
    names = [operation.name for operation in passed]
    assert "tunnel" in names
    assert "COMMIT" in names
    assert any(name.startswith(RENAME) for name in names)


@pytest.mark.spec("J2")
def test_cut_at_a_statement_the_site_is_whole_and_up(matrix: CutMatrix, passed: list[Passed]) -> None:
    each_cut_ends_whole(matrix, some(of_database(passed), 2), passed)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_cut_at_every_moment_the_site_is_whole_and_up(matrix: CutMatrix, passed: list[Passed]) -> None:
    each_cut_ends_whole(matrix, every_blow(passed), passed)


@pytest.mark.spec("J2")
def test_a_laptop_that_dies_at_a_statement_leaves_a_site_that_any_other_recovers(
    matrix: CutMatrix, passed: list[Passed]
) -> None:
    each_kill_recovers(matrix, killing(some(of_database(passed), 2)), passed)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_laptop_that_dies_at_every_operation_leaves_a_site_that_any_other_recovers(
    matrix: CutMatrix, passed: list[Passed]
) -> None:
    blows = [Blow(number, Moment.SENT, passed[number].sent // 2) for number in changing(passed)]
    each_kill_recovers(matrix, killing(blows), passed)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", ["COMMIT", "remove_matching"])
def test_cut_at_every_operation_of_a_recovery_it_ends_whole_or_the_next_one_does(
    matrix: CutMatrix, passed: list[Passed], name: str
) -> None:
    leave = unfinished_at(matrix, passed, name)
    each_cut_recovery_recovers(matrix, leave, recovery_blows(matrix, leave)[::2])
