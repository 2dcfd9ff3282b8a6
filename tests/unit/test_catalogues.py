"""The catalogues: what the program says today is in them, whole, in every language, and compiled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo

from app.foundation.words import CATALOGUES, DOMAIN, ENGLISH, LANGUAGES, Text, language, plural, text
from installer import catalogues

pytestmark = [pytest.mark.spec("X2")]

COMPLETE = ("app/", "resources/presets/")
"""Where every sentence is translated into every language; the windows show sentences of nearly every room."""

RENEW = "renew the catalogues: .venv/bin/python -m installer.catalogues"


@cache
def kept(code: str) -> Catalog:
    return catalogues.read(catalogues.catalogue_of(code))


@cache
def said_today() -> Catalog:
    return catalogues.extract()


def where_said(catalogue: Catalog) -> dict[object, set[str]]:
    return {each.id: {file for file, _line in each.locations} for each in catalogue if each.id}


def wordings(message: Message) -> tuple[str, ...]:
    """All forms that are translated."""
    return (message.string or "",) if isinstance(message.string, str | None) else tuple(message.string)


def as_read(found: Catalog) -> dict[object, object]:
    """Each sentence with its translation; the compiled form has lists where the source has tuples."""
    return {_forms(each.id): _forms(each.string) for each in found if each.id and each.string}


def _forms(said: str | Sequence[str]) -> str | tuple[str, ...]:
    return said if isinstance(said, str) else tuple(said)


def fields(wording: str) -> set[str]:
    return {name for _literal, name, _format, _conversion in Formatter().parse(wording) if name is not None}


def untranslated(catalogue: Catalog, places: tuple[str, ...]) -> Iterator[object]:
    for each in catalogues.missing(catalogue):
        if any(file.startswith(places) for file, _line in each.locations):
            yield each.id


def test_the_template_has_exactly_what_the_program_says_today() -> None:
    assert where_said(said_today()) == where_said(catalogues.read(catalogues.TEMPLATE)), RENEW


@pytest.mark.parametrize("code", catalogues.LANGUAGES)
def test_every_sentence_of_the_finished_parts_is_translated(code: str) -> None:
    assert where_said(kept(code)).keys() == where_said(said_today()).keys(), RENEW
    assert not list(untranslated(kept(code), COMPLETE)), "translate them in the .po, then " + RENEW
    assert not any(each.fuzzy for each in kept(code) if each.id)


@pytest.mark.parametrize("code", catalogues.LANGUAGES)
def test_a_translation_keeps_the_fields_of_its_sentence(code: str) -> None:
    wrong = [
        (each.id, wording)
        for each in kept(code)
        for wording in wordings(each)
        if each.id and wording and fields(wording) != fields(each.id[-1] if each.pluralizable else str(each.id))
    ]
    assert wrong == []


@pytest.mark.parametrize("code", catalogues.LANGUAGES)
def test_a_translation_begins_and_ends_with_the_space_of_its_sentence(code: str) -> None:
    def margins(wording: str) -> tuple[str, str]:
        return wording[: len(wording) - len(wording.lstrip())], wording[len(wording.rstrip()) :]

    wrong = [
        each.id
        for each in kept(code)
        for wording in wordings(each)
        if each.id and wording and margins(wording) != margins(each.id[0] if each.pluralizable else str(each.id))
    ]
    assert wrong == []


@pytest.mark.parametrize("code", catalogues.LANGUAGES)
def test_a_translation_leaves_commands_and_options_as_they_are(code: str) -> None:
    def typed(wording: str) -> list[str]:
        return sorted(re.findall(r"`[^`]+`|--[a-z-]+|\[\[?[a-z]+]]?|OVERWINTER_[A-Z_]+|\boverwinter [a-z]+", wording))

    wrong = [
        each.id
        for each in kept(code)
        for wording in wordings(each)
        if each.id and wording and typed(wording) != typed(each.id[0] if each.pluralizable else str(each.id))
    ]
    assert wrong == []


@pytest.mark.parametrize(("code", "forms"), [("ru", 3), ("cs", 3)])
def test_every_plural_has_all_forms_of_its_language(code: str, forms: int) -> None:
    assert kept(code).num_plurals == forms
    assert all(len(wordings(each)) == forms for each in kept(code) if each.id and each.pluralizable)


@pytest.mark.parametrize("code", catalogues.LANGUAGES)
def test_the_compiled_catalogue_is_the_one_of_its_source(code: str) -> None:
    with catalogues.catalogue_of(code).with_suffix(".mo").open("rb") as compiled:
        assert as_read(read_mo(compiled)) == as_read(kept(code)), RENEW


def test_a_sentence_that_is_put_together_is_refused() -> None:
    head = "from app.foundation.words import text, plural as many\n"
    for said in ('"Missing: " + what', "wording", 'f"{name} is gone"', ""):
        with pytest.raises(catalogues.NotLiteral):
            list(catalogues.sentences(f"{head}text({said})", "app/some.py"))
    with pytest.raises(catalogues.NotLiteral):
        list(catalogues.sentences(f'{head}many("one", other, 3)', "app/some.py"))


def test_what_only_looks_like_a_sentence_is_left_alone() -> None:
    source = 'from sqlalchemy import text\ntext("SELECT 1")\nfield.text("no")\n'
    assert list(catalogues.sentences(source, "app/some.py")) == []


def test_the_languages_of_the_program_have_a_catalogue_each() -> None:
    assert {"en", *catalogues.LANGUAGES} == LANGUAGES.keys()
    assert (CATALOGUES, DOMAIN) == (catalogues.FOLDER, catalogues.DOMAIN)


def test_plurals_and_fields_are_said_in_czech_and_russian() -> None:
    czech, russian = language("cs"), language("ru")
    points = [plural("{count} point", "{count} points", count) for count in (1, 3, 5, 21)]
    assert [czech.render(each) for each in points] == ["1 bod", "3 body", "5 bodů", "21 bodů"]
    assert [russian.render(each) for each in points] == ["1 точка", "3 точки", "5 точек", "21 точка"]
    assert russian.duration(7620) == "2 ч 7 мин"
    assert czech.render(text("{size}, {growth}", size="1", growth=text("now"))) == "1, nyní"


def test_a_sentence_of_another_version_is_said_as_it_was_written() -> None:
    unknown = Text("Something {what} that no catalogue has.", {"what": "new"})
    for code in LANGUAGES:
        assert language(code).render(unknown) == ENGLISH.render(unknown)
        assert language(code).render(Text("")) == ""


def test_every_sentence_can_be_said() -> None:
    for code in LANGUAGES:
        speaking = language(code)
        for each in kept("ru"):
            if each.id and not each.pluralizable:
                assert speaking.render(Text(str(each.id), dict.fromkeys(fields(str(each.id)), "x")))
