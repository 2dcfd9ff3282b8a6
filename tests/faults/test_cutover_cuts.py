"""The link to the server is cut anywhere in a cutover over SSH: the site ends wholly as the old or as the new one, up.

The moments are those that a cutover comes by when nothing happens (see `cut_wire`): before each operation on the
server, while it is asked for, and when its answer is under way.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import msgspec
import pytest

from tests.faults.cut_cases import (
    changing,
    each_cut_ends_whole,
    each_cut_recovery_recovers,
    each_kill_recovers,
    every_blow,
    killing,
    recovered,
    recovery_blows,
    some,
    undisturbed,
    unfinished_at,
    whole,
)
from tests.faults.cut_matrix import CutMatrix, cut_matrix
from tests.faults.cut_wire import Blow, Moment, Passed, Way
from tests.faults.cutover_site import CutoverSite
from tests.faults.family import waited_for
from tests.faults.shims import write_program
from tests.real.servers.sshd import SshServer, ssh_server

if sys.platform == "win32":
    pytest.skip("forks, and kills as POSIX does", allow_module_level=True)

pytestmark = pytest.mark.spec("R6", "R8", "H2")

SLOW_PYTHON = """#!/bin/sh
[ -e {slow} ]||exec {python} "$@"
up=$(cat {slow});rm {slow}
exec {python} -c '
import sys, time
up, code, *sys.argv = sys.argv[1], *sys.argv[3:]
until = time.monotonic() + 10
while time.monotonic() < until and open(up).read() != "up\\n":
    time.sleep(0.001)
sys.argv.insert(0, "-c")
exec(code)
' "$up" "$@"
"""
"""When it is told to, it does nothing until the rollback has looked, and started the services again."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """The server; its Python takes its time when there is a file `slow` in its home, which says what it waits for."""
    folder = tmp_path_factory.mktemp("server")
    programs = folder / "programs"
    programs.mkdir()
    python = shutil.which("python3")
    slow = folder / "sshd" / "home" / "slow"
    write_program(programs / "python3", SLOW_PYTHON.format(slow=slow, python=python))
    environment = f"HOME={slow.parent} PATH={programs}:/usr/local/bin:/usr/bin:/bin"
    with ssh_server(folder / "sshd", SetEnv=environment) as server:
        yield server


@pytest.fixture(scope="module")
def matrix(server: SshServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CutMatrix]:
    """The site on its server, and the laptop."""
    folder = tmp_path_factory.mktemp("cuts")
    with cut_matrix(CutoverSite(folder), server, folder) as made:
        yield made


@pytest.fixture(scope="module")
def passed(matrix: CutMatrix) -> list[Passed]:
    return undisturbed(matrix)


def test_a_cutover_over_ssh_does_all_that_one_here_does(passed: list[Passed]) -> None:
    names = {operation.name for operation in passed}
    assert {"write_durably", "exchange", "rename", "copy", "run", "remove_matching", "remove_tree", "sync"} <= names


@pytest.mark.spec("J2")
def test_cut_anywhere_the_site_is_whole_and_up(matrix: CutMatrix, passed: list[Passed]) -> None:
    each_cut_ends_whole(matrix, some(every_blow(passed), 2), passed)


@pytest.mark.long
@pytest.mark.timeout(5400)
def test_cut_at_every_moment_the_site_is_whole_and_up(matrix: CutMatrix, passed: list[Passed]) -> None:
    each_cut_ends_whole(matrix, every_blow(passed), passed)


def test_a_link_that_dies_without_a_word_is_noticed_and_the_site_ends_whole(
    matrix: CutMatrix, passed: list[Passed]
) -> None:
    within = [blow for blow in every_blow(passed) if blow.moment is not Moment.BEFORE]
    dead = [msgspec.structs.replace(blow, way=Way.DEAD) for blow in some(within, 1)]
    each_cut_ends_whole(matrix, dead, passed)


# --- the laptop too --------------------------------------------------------------------------------------------------


@pytest.mark.spec("J2")
def test_a_laptop_that_dies_with_its_link_leaves_a_site_that_any_other_recovers(
    matrix: CutMatrix, passed: list[Passed]
) -> None:
    each_kill_recovers(matrix, killing(some(every_blow(passed), 2)), passed)


@pytest.mark.long
@pytest.mark.timeout(5400)
def test_a_laptop_that_dies_at_every_operation_leaves_a_site_that_any_other_recovers(
    matrix: CutMatrix, passed: list[Passed]
) -> None:
    blows = [Blow(number, Moment.SENT, passed[number].sent // 2) for number in changing(passed)]
    each_kill_recovers(matrix, killing(blows), passed)


# --- in the rollback, and in the recovery ----------------------------------------------------------------------------


def test_cut_in_a_recovery_it_ends_whole_or_the_next_one_does(matrix: CutMatrix, passed: list[Passed]) -> None:
    leave = unfinished_at(matrix, passed, "exchange")
    each_cut_recovery_recovers(matrix, leave, some([Blow(number, Moment.SENT, 2) for number in range(30)], 1))


@pytest.mark.long
@pytest.mark.timeout(5400)
@pytest.mark.parametrize("name", ["exchange", "remove_matching"])
def test_cut_at_every_operation_of_a_recovery_it_ends_whole_or_the_next_one_does(
    matrix: CutMatrix, passed: list[Passed], name: str
) -> None:
    """Back, from between two exchanges; forward, when all are done."""
    leave = unfinished_at(matrix, passed, name)
    each_cut_recovery_recovers(matrix, leave, recovery_blows(matrix, leave)[::2])


# --- an answer that is lost while its question is still being worked at ----------------------------------------------


def slow_exchange(matrix: CutMatrix, passed: list[Passed], server: SshServer, *, way: Way, kills: bool) -> Blow:
    """The first exchange is asked for, and the program for it takes its time to start there."""
    first = next(number for number, operation in enumerate(passed) if operation.name == "exchange")
    matrix.fresh()
    (server.home / "slow").write_text(str(matrix.site.services))
    return Blow(first, Moment.SENT, 2, way=way, kills=kills)


def test_what_was_asked_for_when_the_link_was_cut_does_not_happen_behind_the_back_of_the_rollback(
    matrix: CutMatrix, passed: list[Passed], server: SshServer
) -> None:
    blow = slow_exchange(matrix, passed, server, way=Way.CUT, kills=False)
    answer = matrix.carry_out(blow)
    assert answer is not None
    whole(matrix, answer, str(blow))
    waited_for(lambda: matrix.site.nobody_does(matrix.site.run[:8]), "a server on which nothing works any more")
    assert matrix.site.faults() == []


@pytest.mark.parametrize("way", [pytest.param(Way.CUT, marks=pytest.mark.long), Way.DEAD])
def test_what_was_asked_for_when_the_laptop_died_does_not_happen_behind_the_back_of_the_recovery(
    matrix: CutMatrix, passed: list[Passed], server: SshServer, way: Way
) -> None:
    blow = slow_exchange(matrix, passed, server, way=way, kills=True)
    assert matrix.carry_out(blow) is None
    waited_for(lambda: not (server.home / "slow").exists(), "an exchange that is under way")
    recovered(matrix)
    waited_for(lambda: matrix.site.nobody_does(matrix.site.run[:8]), "a server on which nothing works any more")
    assert matrix.site.faults() == []
