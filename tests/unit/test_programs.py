"""What a program is found under, and what it gets of our environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from app.hosts.environment import environment, search_path
from app.hosts.programs import find

pytestmark = pytest.mark.spec("H1", "S4")


def program(path: Path) -> Path:
    """Makes an empty program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o700)
    return path


def test_the_first_on_the_path_is_found(tmp_path: Path) -> None:
    second, third = program(tmp_path / "two" / "tool"), program(tmp_path / "three" / "tool")
    folders = [str(tmp_path / name) for name in ("one", "two", "three")]
    assert find("tool", folders) == str(second)
    second.unlink()
    assert find("tool", folders) == str(third)


@pytest.mark.skipif(sys.platform == "win32", reason="modes as POSIX has them")
def test_what_may_not_be_run_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "one" / "tool").chmod(0o600)
    (tmp_path / "two" / "tool").mkdir(parents=True)
    last = program(tmp_path / "three" / "tool")
    assert find("tool", [str(tmp_path / name) for name in ("one", "two", "three")]) == str(last)


def test_windows_names_need_no_ending_and_scripts_are_no_programs(tmp_path: Path) -> None:
    for name in ("restic.bat", "restic.cmd", "restic"):
        program(tmp_path / name)
    assert find("restic", [str(tmp_path)], (".com", ".exe")) is None
    found = program(tmp_path / "restic.exe")
    for name in ("restic", "restic.exe", str(tmp_path / "restic"), str(found)):
        assert find(name, [str(tmp_path)], (".com", ".exe")) == str(found)


def test_the_current_folder_is_never_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "tool")
    program(tmp_path / "below" / "tool")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "below", "./below"]))
    assert search_path() == []
    for name in ("tool", "./tool", "below/tool", "../tool", "", "."):
        assert find(name) is None


def test_a_program_gets_what_it_needs_and_no_secret() -> None:
    ours = {
        "HOME": "/home/ada",
        "Path": "/elsewhere",
        "PATH": os.pathsep.join(["", "relative", "/usr/bin"]),
        "LC_ALL": "cs_CZ.UTF-8",
        "XDG_CACHE_HOME": "/cache",
        "SystemRoot": "C:\\Windows",
        "LD_LIBRARY_PATH": "/packaged/libraries",
        "PYTHONPATH": "/packaged",
        "PGPASSWORD": "hush",
        "RESTIC_REPOSITORY": "/another",
        "AWS_SECRET_ACCESS_KEY": "hush",
    }
    expected = {"HOME": "/home/ada", "LC_ALL": "cs_CZ.UTF-8", "XDG_CACHE_HOME": "/cache", "SystemRoot": "C:\\Windows"}
    assert environment({"ADDED": "1"}, ours) == {**expected, "PATH": "/usr/bin", "ADDED": "1"}
    assert environment({"PATH": "/mine"}, ours)["PATH"] == "/mine"


@pytest.mark.parametrize(
    ("ours", "passed_on"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("http://me:hush@proxy:3128", "http://proxy:3128"),
        ("http://me:hu@sh@proxy:3128/", "http://proxy:3128/"),
        ("me:hush@proxy:3128", "proxy:3128"),
        ("socks5h://me@proxy:1080", "socks5h://proxy:1080"),
        ("", ""),
    ],
)
def test_a_proxy_is_passed_on_without_its_credentials(ours: str, passed_on: str) -> None:
    for name in ("https_proxy", "HTTP_PROXY", "all_proxy"):
        assert environment({}, {name: ours})[name] == passed_on
