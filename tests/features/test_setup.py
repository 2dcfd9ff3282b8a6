"""A fresh machine meets the installer: nothing there, something too old, something tampered with, Ctrl+C, twice."""

from __future__ import annotations

import bz2
import functools
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from installer import debian, restic
from installer.console import SetupFailed
from installer.places import ROOT
from installer.releases import Release

if sys.platform == "win32":
    pytest.skip("told with sh programs and the Ctrl+C of a POSIX terminal", allow_module_level=True)
import fcntl

on_debian = pytest.mark.skipif(shutil.which("apt-get") is None, reason="Debian's package names, Debian's apt")

PYTHON = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"

PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "overwinter"
version = "0.0.1"
[project.scripts]
overwinter = "main:main"
[tool.setuptools]
py-modules = ["main"]
"""


def shell_program(path: Path, body: str) -> Path:
    """A program made of a few lines of sh."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def wait_until(fact: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for a fact, with a deadline."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline
        pause.wait(0.01)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the installer with a tiny project around it, as a fresh clone has it."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "installer", folder / "installer", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "main.py").write_text("def main() -> None:\n    print('started')\n")
    return folder


class Machine:
    """Starts the installer of a checkout with a PATH of its own and a data folder of its own."""

    def __init__(self, checkout: Path, tmp_path: Path) -> None:
        self.checkout = checkout
        self.bin = tmp_path / "bin"
        self.bin.mkdir()
        (self.bin / "python3").symlink_to(PYTHON)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OVERWINTER_")}
        self.environment = {**kept, "PATH": str(self.bin), "OVERWINTER_DATA": str(tmp_path / "data")}
        self.tools = tmp_path / "data" / "tools"

    def start(self, *arguments: str, own_session: bool = False) -> subprocess.Popen[str]:
        """The installer as a child of ours."""
        return subprocess.Popen(
            ["python3", "installer/bootstrap.py", *arguments],
            executable=self.bin / "python3",
            cwd=self.checkout,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=own_session,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        with self.start(*arguments) as child:
            out, err = child.communicate(timeout=120)
        return child.returncode, out, err


@pytest.fixture
def machine(checkout: Path, tmp_path: Path) -> Machine:
    return Machine(checkout, tmp_path)


@on_debian
@pytest.mark.spec("X3")
def test_with_python_alone_on_the_path_setup_prints_the_line_to_type_and_changes_nothing(machine: Machine) -> None:
    (machine.checkout / ".git").mkdir()  # a clone: the servers of the tests are wanted too
    started = time.monotonic()
    code, out, err = machine.run("setup")
    assert time.monotonic() - started < 10
    assert code == 1
    assert out == ""
    assert "restic 0.18 or newer" in err
    words = shlex.split(err.splitlines()[-1])
    assert words[-3:] == ["python3", "installer/bootstrap.py", "setup"]
    assert {"install", "dbus", "gnome-keyring", "xvfb", "xdotool"} <= set(words)
    assert words[0] == "export"  # the line is true in this very terminal, where apt-get is not found
    assert not (machine.checkout / ".venv").exists()


@pytest.mark.spec("P3")
def test_a_restic_that_is_too_old_counts_as_missing_and_a_named_one_is_taken(machine: Machine) -> None:
    (machine.checkout / ".git").mkdir()
    shell_program(machine.bin / "restic", "echo restic 0.14.0 compiled with go1.19.8 on linux/amd64")
    assert "restic 0.18 or newer" in machine.run("setup")[2]
    named = shell_program(machine.bin / "other", "echo restic 0.19.1 compiled with go1.25.0 on linux/amd64")
    machine.environment["OVERWINTER_RESTIC"] = str(named)
    assert "restic 0.18 or newer" not in machine.run("setup")[2]


def test_setup_refuses_a_tampered_package_then_finishes_and_is_quick_the_second_time(machine: Machine) -> None:
    """One story, because making a virtual environment takes seconds."""
    shell_program(machine.bin / "restic", "echo restic 0.19.1 compiled with go1.25.0 on linux/amd64")
    lock = machine.checkout / "installer" / "requirements.lock"
    whole = lock.read_text().replace("\\\n", " ").splitlines()
    (setuptools,) = (line for line in whole if line.startswith("setuptools=="))
    lock.write_text(f"{setuptools.split()[0]} --hash=sha256:{'0' * 64}\n")
    code, _, err = machine.run("setup")
    assert code == 1
    assert "DO NOT MATCH THE HASHES" in err
    assert "Installing Python packages failed (exit 1)." in err
    assert not (machine.checkout / ".venv/bin/overwinter").exists()

    lock.write_text(setuptools + "\n")
    assert machine.run("setup")[0] == 0
    assert subprocess.check_output([machine.checkout / ".venv/bin/overwinter"], text=True) == "started\n"

    started = time.monotonic()
    code, out, err = machine.run("run")
    assert time.monotonic() - started < 2
    assert (code, out, err) == (0, "", "")


def test_ctrl_c_ends_quietly_with_130(machine: Machine, tmp_path: Path) -> None:
    began = tmp_path / "began"
    slow = shell_program(tmp_path / "slow", f": > {began}; exec sleep 60")
    machine.environment |= {"OVERWINTER_RESTIC": str(slow), "PATH": f"{machine.bin}:/usr/bin:/bin"}
    with machine.start("setup", own_session=True) as child:
        wait_until(began.exists)
        os.killpg(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err) == (130, "", "")


def test_a_second_setup_waits_for_the_first(machine: Machine) -> None:
    machine.tools.mkdir(parents=True)
    with (machine.tools / ".setup.lock").open("a+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        child = machine.start("setup", "--dev")
        assert child.stderr is not None
        with child:
            assert child.stderr.readline().startswith("Another set-up is running")
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert "Type this line" in child.communicate(timeout=30)[1]


@on_debian
def test_apt_takes_nothing_from_an_archive_that_is_not_signed(tmp_path: Path) -> None:
    """The real apt, a real archive in a folder, only without a signature."""
    index = tmp_path / "debian/dists/forky/main/binary-amd64/Packages"
    index.parent.mkdir(parents=True)
    index.write_text("Package: restic\nVersion: 9.9.9-1\nArchitecture: amd64\nFilename: pool/restic.deb\nSize: 1\n")
    content = index.read_bytes()
    (tmp_path / "debian/dists/forky/Release").write_text(
        f"Suite: forky\nCodename: forky\nComponents: main\nArchitectures: amd64\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n"
        f"SHA256:\n {hashlib.sha256(content).hexdigest()} {len(content)} main/binary-amd64/Packages\n"
    )
    archive = debian.Archive("debian", f"file:{tmp_path}/debian", "")
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(SetupFailed, match="Reading the package index of forky failed") as failure:
        debian.offered_versions(archive, "forky", "restic", work)
    assert "is not signed" in failure.value.output


@pytest.fixture
def official_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Release, str]]:
    """A release file on loopback, the address it is at, and a tools folder of the test's own."""
    monkeypatch.setenv("OVERWINTER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("OVERWINTER_RESTIC", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    program = shell_program(
        tmp_path / "program", f"echo run >> {tmp_path}/runs; echo restic 0.77.5 compiled with go1.25.0 on linux/amd64"
    )
    file = tmp_path / "www/v0.77.5/restic_0.77.5_linux_amd64.bz2"
    file.parent.mkdir(parents=True)
    file.write_bytes(bz2.compress(program.read_bytes()))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    server = HTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=tmp_path / "www"))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield Release("0.77.5", "linux_amd64", file.name, digest), f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Silent(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
        """Nothing."""


def test_a_release_with_the_right_hash_is_put_in_place_whole(
    official_release: tuple[Release, str], tmp_path: Path
) -> None:
    release, address = official_release
    leftover = tmp_path / "data/tools/restic/.unfinished-killed"
    leftover.mkdir(parents=True)
    found = restic.fetch_release(release, address)
    assert found == restic.Restic(tmp_path / "data/tools/restic/0.77.5/restic", (0, 77, 5))
    assert restic.find((0, 77)) == found
    assert [path.name for path in (tmp_path / "data/tools/restic").iterdir()] == ["0.77.5"]


def test_a_release_with_another_hash_is_deleted_and_never_run(
    official_release: tuple[Release, str], tmp_path: Path
) -> None:
    release, address = official_release
    tampered = Release(release.version, release.target, release.file, "0" * 64)
    with pytest.raises(SetupFailed, match=r"is not the file that installer/tools\.lock vouches for"):
        restic.fetch_release(tampered, address)
    assert not (tmp_path / "runs").exists()
    assert list((tmp_path / "data/tools/restic").iterdir()) == []
