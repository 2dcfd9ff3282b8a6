"""Help in every language: the same pages, saying as much, and naming what the window shows by its own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.foundation.words import Text, language
from installer import catalogues

pytestmark = [pytest.mark.spec("X2", "X4")]

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "help"
PAGES = sorted(file.name for file in (FOLDER / "en").iterdir())


def page(code: str, name: str) -> str:
    return (FOLDER / code / name).read_text("utf-8")


def shape(content: str) -> list[str]:
    """What each line is: a heading, an entry of a list, a row, a paragraph; and where it leads."""
    return [
        " ".join([*re.findall(r"^(?:#+|-|\d\.|\|)", line), *re.findall(r"\(\w+\.md\)", line)])
        for line in content.splitlines()
    ]


def named(content: str) -> Iterator[str]:
    """What is set off, and the heads of rows: words that stand in the window."""
    yield from re.findall(r"\*{1,2}([^*]+)\*{1,2}", content)
    yield from re.findall(r"^\| ([^|]+) \|", content, re.MULTILINE)


@pytest.mark.parametrize("code", catalogues.LANGUAGES)
def test_every_page_of_help_says_as_much_as_the_english_one(code: str) -> None:
    assert sorted(file.name for file in (FOLDER / code).iterdir()) == PAGES
    for name in PAGES:
        assert shape(page(code, name)) == shape(page("en", name)), name


@pytest.mark.parametrize("code", catalogues.LANGUAGES)
def test_help_names_things_as_the_window_does(code: str) -> None:
    speaking = language(code)
    sentences = {each.id for each in catalogues.read(catalogues.TEMPLATE) if each.id}
    for name in PAGES:
        said = set(named(page(code, name)))
        words = {word for word in named(page("en", name)) if word in sentences}
        assert not {speaking.render(Text(word)) for word in words} - said, name
