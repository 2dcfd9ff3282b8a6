"""A verification that is cancelled or killed in the middle leaves nothing: no database, no server, no folder."""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.faults.family import Family, waited_for
from tests.faults.prepared import SITE, Prepared
from tests.faults.test_killed_overwinter import kill
from tests.features.console import Console
from tests.features.forged import Forger, throwaway_folders
from tests.features.greenhouse import REPOSITORY_PASSWORD, USER

if sys.platform == "win32":
    pytest.skip("signals as POSIX has them", allow_module_level=True)

HUGE = 10**16


@pytest.fixture
def own_server(greenhouse: Prepared) -> Iterator[Callable[[Console], None]]:
    """Has a site's next verification take the site's own server: there is no room for one of ours."""
    greenhouse.server.sql(f"ALTER ROLE {USER} CREATEDB")

    def forge(console: Console) -> None:
        (point,) = console.run("points", SITE).rows
        forger = Forger(console, REPOSITORY_PASSWORD)
        forger.change(point, "database", lambda one: one["dump"]["database"].update(size=HUGE))

    yield forge
    greenhouse.server.sql(f"ALTER ROLE {USER} NOCREATEDB")


def databases(greenhouse: Prepared) -> list[str]:
    rows = greenhouse.server.sql("SELECT datname FROM pg_database WHERE datname LIKE 'overwinter%'")
    return [name for (name,) in rows]


def assert_nothing_left(greenhouse: Prepared, console: Console) -> None:
    assert greenhouse.leftovers() == []
    assert greenhouse.locks() == []
    assert (throwaway_folders(console), databases(greenhouse)) == ([], [])


@pytest.mark.spec("V1", "J2")
@pytest.mark.parametrize("own", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_cancel_leaves_nothing(greenhouse: Prepared, own_server: Callable[[Console], None], *, own: bool) -> None:
    console = greenhouse.fresh()
    if own:
        own_server(console)
    family = Family(console.start("verify", SITE))
    waited_for(lambda: databases(greenhouse) if own else family.member("pg_restore"), "something to throw away")
    family.process.send_signal(signal.SIGINT)
    assert family.ended().code == 130
    assert_nothing_left(greenhouse, console)
    assert [point["verified"] for point in console.run("points", SITE).rows] == [False]
    assert greenhouse.snapshots("type:verify") == []


@pytest.mark.spec("V1", "J2")
@pytest.mark.parametrize(
    ("own", "all_at_once"),
    [
        (True, False),
        (False, True),
        pytest.param(True, True, marks=pytest.mark.long),
        pytest.param(False, False, marks=pytest.mark.long),
    ],
)
def test_a_kill_leaves_nothing_after_the_next_start(
    greenhouse: Prepared, own_server: Callable[[Console], None], *, own: bool, all_at_once: bool
) -> None:
    console = greenhouse.fresh()
    if own:
        own_server(console)
    mine = "overwinter_verify_0badc0de"
    greenhouse.server.sql(f"CREATE DATABASE {mine}")
    try:
        family = Family(console.start("verify", SITE))
        waited_for(lambda: databases(greenhouse)[1:] if own else family.member("pg_restore"), "something to throw away")
        kill(family, all_at_once=all_at_once)
        family.ended()
        console.run("runs", SITE)
        assert databases(greenhouse) == [mine]
    finally:
        greenhouse.server.sql(f"DROP DATABASE {mine}")
    assert_nothing_left(greenhouse, console)
    assert console.run("verify", SITE).json["outcome"] == "pass"
    assert_nothing_left(greenhouse, console)


@pytest.mark.long
@pytest.mark.spec("V1", "J2")
@pytest.mark.parametrize("time", range(20))
def test_a_kill_at_any_moment_leaves_nothing(
    greenhouse: Prepared, own_server: Callable[[Console], None], time: int
) -> None:
    seed = random.randrange(10**6)
    console = greenhouse.fresh()
    if time % 2:
        own_server(console)
    family = Family(console.start("verify", SITE))
    family.wait_for_work(random.Random(seed).uniform(family.cpu(), 6.0))
    kill(family, all_at_once=bool(time // 2 % 2))
    print(f"seed {seed}: {family.ended()}")  # noqa: T201  shown when the test fails
    console.run("runs", SITE)
    assert_nothing_left(greenhouse, console)
    assert console.run("verify", SITE).json["outcome"] == "pass"
    assert_nothing_left(greenhouse, console)
