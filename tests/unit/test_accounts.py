"""Whose a number is, here and there."""

from __future__ import annotations

import pytest

from app.jobs.accounts import Accounts, Moved, _names_in, moved

pytestmark = pytest.mark.spec("R11")

THEN = Accounts({0: "root", 33: "www-data", 1001: "hydro", 1002: "grower"}, {33: "www-data", 1001: "hydro"})


def test_lines_that_name_nobody_are_passed_over() -> None:
    content = (
        b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\n# a comment:x:7:\n+::::::\nbroken\nno:x:number:\n\n"
    )
    assert _names_in(content) == {0: "root"}


def test_who_has_another_number_and_who_is_gone() -> None:
    now = Accounts({0: "root", 33: "www-data", 1001: "grower", 1005: "hydro"}, {33: "www-data"})
    found = moved(THEN, now)
    assert found == Moved({1001: 1005, 1002: 1001}, {1001: None})
    assert found.owner((1001, 33)) == (1005, 33)
    assert found.owner((1002, 1001)) == (1001, 1001), "one that is not there stays"
    assert found.among({(1002, 33)}) == Moved({1002: 1001}, {})
    assert not found.among({(0, 33)})
    assert found.is_missing_any
    assert [str(line) for line in found.told(THEN)] == [
        "user hydro: 1001 then, 1005 now",
        "user grower: 1002 then, 1001 now",
        "group hydro: 1001 then, not there now",
    ]


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert not moved(THEN, Accounts())
    assert not moved(Accounts(), THEN)
