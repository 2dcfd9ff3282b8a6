"""What a window in another language shows where an English one would show given words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from string import Formatter

from app.foundation.words import ENGLISH, Language
from installer import catalogues


def spoken(words: str, language: Language) -> Iterator[str]:
    """The translations of every sentence with these words in it, each without its fields: its longest piece."""
    if language.code != ENGLISH.code:
        yield from (pieces for sentence, pieces in _pieces(language.code) if words in sentence)


@cache
def _pieces(code: str) -> list[tuple[str, str]]:
    catalogue = catalogues.read(catalogues.catalogue_of(code))
    return [(str(each.id), _longest(str(each.string))) for each in catalogue if each.id and isinstance(each.id, str)]


def _longest(pattern: str) -> str:
    return max((literal.strip() for literal, *_ in Formatter().parse(pattern)), key=len, default="")
