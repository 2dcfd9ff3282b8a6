"""Files of other programs that a look reads: .env as Laravel reads it, units, mosquitto.conf, compose files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.tools import mosquitto
from app.tools.compose import read_project
from app.tools.dotenv import variables
from app.tools.systemd import read_service

ENTRIES = [
    ("A=plain", {"A": "plain"}),
    ("A=", {"A": ""}),
    ("A = spaced ", {"A": "spaced"}),
    ("export A=exported", {"A": "exported"}),
    ("A='single # not a comment'", {"A": "single # not a comment"}),
    ('A="double # not a comment" # a comment', {"A": "double # not a comment"}),
    ("A=cut#here", {"A": "cut"}),
    ("A=#nothing", {"A": ""}),
    ("A=word # a comment", {"A": "word"}),
    ('A="quo\\"te \\\\ \\$x \\n"', {"A": 'quo"te \\ $x \n'}),
    ("A='back\\slash'", {"A": "back\\slash"}),
    ("A=back\\slash", {"A": "back\\slash"}),
    ("A=in\"side'quotes", {"A": "in\"side'quotes"}),
    ('B=x\nA="${B}y"', {"B": "x", "A": "xy"}),
    ("B=x\nA=${B}y", {"B": "x", "A": "xy"}),
    ("B=x\nA='${B}y'", {"B": "x", "A": "${B}y"}),
    ('B=x\nA="\\${B}y"', {"B": "x", "A": "${B}y"}),
    ('A="${NOBODY}"', {"A": "${NOBODY}"}),
    ("A=1\nA=2", {"A": "2"}),
    ('A="two\nlines"\nB=1', {"A": "two\nlines", "B": "1"}),
    ("#A=1\n  # B=2\nC=3", {"C": "3"}),
    ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
    ("A=1\rB=2", {"A": "1", "B": "2"}),
    ("\ufeffA=1", {"A": "1"}),
    ("ПАРОЛЬ=1\nA=пароль", {"A": "пароль"}),
    ("no equals\nA=1", {"A": "1"}),
    ("A=two words\nB=1", {"B": "1"}),
    ('A="open\nB=1', {"B": "1"}),
    ('A="bad \\q escape"\nB=1', {"B": "1"}),
    ('A="after" the quote\nB=1', {"B": "1"}),
    ("", {}),
]


@pytest.mark.spec("S5")
@pytest.mark.parametrize(("content", "expected"), ENTRIES)
def test_an_env_file_says_what_laravel_would_read_in_it(content: str, expected: dict[str, str]) -> None:
    assert variables(content.encode()) == expected


def test_an_env_file_of_any_bytes_is_read_without_a_fault() -> None:
    assert variables(b"A=\xff\xfe\nB=1")["B"] == "1"
    assert variables(b"\0" * 1000) == {}


@given(value=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_value_comes_back_out_of_double_quotes(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    assert variables(f'A="{quoted}"  # x'.encode()) == {"A": value}


def test_many_open_quotes_take_no_time() -> None:
    assert variables(b'A="x\n' * 20_000) == {}


@pytest.mark.parametrize(
    ("unit", "words", "folder"),
    [
        ("[Service]\nExecStart=/opt/hl/venv/bin/python -m hl\nWorkingDirectory=/opt/hl\n",
         ("/opt/hl/venv/bin/python", "-m", "hl"), "/opt/hl"),
        ("[Unit]\nExecStart=/no\n[Service]\nExecStart=-/usr/bin/python3 \\\n  '/srv/a b/x.py'\nExecStart=/second\n",
         ("/usr/bin/python3", "/srv/a b/x.py"), ""),
        ("[Service]\nExecStart=/bin/x 'open\n", (), ""),
        ("[Service]\nWorkingDirectory=-/opt/x\n", (), "/opt/x"),
        ("\0\0 nonsense", (), ""),
    ],
)  # fmt: skip
def test_a_unit_says_what_it_starts_and_where(unit: str, words: tuple[str, ...], folder: str) -> None:
    service = read_service(unit.encode())
    assert (service.words, service.folder) == (words, folder)


def test_a_brokers_configuration_says_where_its_files_are() -> None:
    told = mosquitto.settings(b"\xef\xbb\xbf# x\npersistence_location /var/lib/mosquitto/\r\nlistener 1883\n")
    assert told["persistence_location"] == "/var/lib/mosquitto/"
    assert told["listener"] == "1883"


COMPOSE = """
services:
  db:
    image: timescale/timescaledb:2.15-pg16
    environment: {POSTGRES_DB: hydro, POSTGRES_USER: hydro, POSTGRES_PASSWORD: "${DB_PASSWORD}"}
  web:
    build: .
    environment:
      - A=1
      - B
volumes:
  postgres_data:
  named: {name: other}
  foreign: {external: true}
"""


def test_a_compose_file_says_its_services_and_what_docker_calls_its_volumes() -> None:
    project = read_project(COMPOSE.encode(), "Hydro Prod")
    assert project is not None
    assert project.name == "hydroprod"
    assert [service.name for service in project.services] == ["db", "web"]
    assert project.services[0].environment == {"POSTGRES_DB": "hydro", "POSTGRES_USER": "hydro"}
    assert project.volumes == ("hydroprod_postgres_data", "other", "foreign")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"services: 5",
        b"- a",
        b"a: [",
        b"!!python/object/apply:os.system ['x']\n",
        b"\xff\xfe",
        b"services: {a: !x b}",
    ],
)
def test_what_is_no_compose_file_is_none(content: bytes) -> None:
    assert read_project(content, "x") is None


def test_aliases_that_would_grow_without_end_are_read_as_what_they_are() -> None:
    rows = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
    project = read_project("\n".join([*rows, "services: {web: {image: x, environment: *a39}}"]).encode(), "x")
    assert project is not None


PHP = shutil.which("php")


@pytest.mark.skipif(PHP is None, reason="PHP is not installed here")
def test_the_practice_application_reads_its_key_as_laravel_would(tmp_path: Path) -> None:
    """Its own reading of .env is the simple one; the value it has to get is written so that both agree."""
    from app.demo.greenhouse import grow

    grow(tmp_path / "laravel", tmp_path / "broker")
    key = variables((tmp_path / "laravel" / ".env").read_bytes())["APP_KEY"]
    assert key.startswith("base64:")
    assert PHP is not None
    said = subprocess.run([PHP, "artisan", "about"], cwd=tmp_path / "laravel", capture_output=True, check=True)
    assert b'"app_key_fits":true' in said.stdout
