"""Which language the program speaks: the one that whoever sits here has asked for, where there is a catalogue."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest

from app.foundation.words import reader_language

pytestmark = [pytest.mark.spec("X2")]

WISHES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def spoken(monkeypatch: pytest.MonkeyPatch, wished: Mapping[str, str], system: tuple[str, ...] = ()) -> str:
    for name in WISHES:
        monkeypatch.delenv(name, raising=False)
    for name, value in wished.items():
        monkeypatch.setenv(name, value)
    return reader_language(system).code


@pytest.mark.parametrize(
    ("wished", "code"),
    [
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "cs_CZ"}, "cs"),
        ({"LANG": "cs_CZ.UTF-8", "LC_MESSAGES": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "ru_RU.UTF-8", "LANGUAGE": "fr:cs:en"}, "cs"),
        ({"LANG": "ru_RU.UTF-8", "LANGUAGE": "en_GB:ru"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="there the desktop is asked where the environment says nothing")
def test_the_environment_says_what_is_wished_for(
    monkeypatch: pytest.MonkeyPatch, wished: dict[str, str], code: str
) -> None:
    assert spoken(monkeypatch, wished) == code


def test_the_desktop_is_asked_where_the_environment_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spoken(monkeypatch, {}, ("uk-UA", "ru-UA")) == "ru"
    assert spoken(monkeypatch, {"LANG": "cs_CZ.UTF-8"}, ("ru-RU",)) == "cs"
