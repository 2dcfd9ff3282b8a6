"""What is sought among names is found whatever its case, by a part of it or by a pattern, and nothing else is."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.catalogue.needle import Needle, folded

NAMES = ("index.php", "Index.PHP", "клапан 3.log", "Клапан", "two\nlines", "a*b", "[x]", "ß", "index.php~", "")


def found(wanted: str, names: tuple[str, ...] = NAMES) -> list[str]:
    return [names[row] for row in Needle(wanted).rows(folded(names))]


@pytest.mark.spec("R2")
@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("index", ["index.php", "Index.PHP", "index.php~"]),
        ("*.php", ["index.php", "Index.PHP"]),
        ("клапан", ["клапан 3.log", "Клапан"]),
        ("КЛАПАН*", ["клапан 3.log", "Клапан"]),
        ("two lines", ["two\nlines"]),
        ("[x]", ["[x]"]),
        ("[?]", ["[x]"]),
        ("SS", ["ß"]),
        ("nothing", []),
        ("", list(NAMES)),
        ("*", list(NAMES)),
    ],
)
def test_a_part_of_a_name_or_a_pattern_finds_it(wanted: str, names: list[str]) -> None:
    assert found(wanted) == names


@given(st.lists(st.text("abN\n[?*")), st.text("abN*?[", min_size=1))
def test_what_is_found_is_what_a_slow_search_finds(names: list[str], wanted: str) -> None:
    lines = [name.casefold().replace("\n", " ") for name in names]
    line = wanted.casefold().strip()
    if set(line) & set("*?"):
        expected = [fnmatch.fnmatchcase(each, line.replace("[", "[[]")) for each in lines]
    else:
        expected = [line in each for each in lines]
    assert list(Needle(wanted).rows(folded(names))) == [row for row, meant in enumerate(expected) if meant]
