"""Which language the program speaks: the one that whoever sits here has asked for, where there is a catalogue."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.foundation.words import reader_language

pytestmark = [pytest.mark.spec("X2")]

ROOT = Path(__file__).resolve().parents[2]
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


def test_a_program_that_is_started_in_russian_speaks_it(tmp_path: Path) -> None:
    environment = {**os.environ, "LANG": "ru_RU.UTF-8", "LC_ALL": "", "LANGUAGE": ""}
    argv = [sys.executable, str(ROOT / "main.py"), "--data", str(tmp_path), "site", "list"]
    done = subprocess.run(argv, env=environment, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.decode()) == (0, "Объектов ещё нет: overwinter site add FILE.toml\n")
