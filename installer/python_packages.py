"""The virtual environment `.venv` and the locked packages in it; what is already done is not done again.

The locks name exact versions and the SHA-256 of every wheel, for Linux, Windows and macOS, and no index. To renew
them, in the root of the checkout (uv is the only tool of ours that set-up does not bring):

    echo 'setuptools>=77' | uv pip compile --universal --python-version 3.11 --generate-hashes --only-binary :all: \
        --no-emit-index-url --no-header --no-annotate --upgrade pyproject.toml - -o installer/requirements.lock
    uv pip compile --universal --python-version 3.11 --generate-hashes --only-binary :all: \
        --no-emit-index-url --no-header --no-annotate --upgrade --group dev -c installer/requirements.lock \
        -o installer/requirements-dev.lock
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from installer.console import run_quietly, say
from installer.places import ROOT, VENV, venv_program

STAMP = VENV / "overwinter-setup.json"
RUNTIME_LOCK = ROOT / "installer" / "requirements.lock"
DEVELOPMENT_LOCK = ROOT / "installer" / "requirements-dev.lock"
PROJECT = ROOT / "pyproject.toml"


def bring_up_to_date(development: bool) -> None:
    """Make the environment what the locks say; each finished part is stamped, so a kill costs only the part it hit."""
    stamp = _read_stamp()
    if stamp.get("root") != str(ROOT) or stamp.get("python") != _python_of_venv():
        stamp = _make_venv()
    for lock in (RUNTIME_LOCK, *([DEVELOPMENT_LOCK] if development else [])):
        if stamp.get(lock.name) != _hash(lock):
            say(f"Installing the packages of {lock.name} into {VENV.name} …")
            _pip_install("--require-hashes", "--only-binary=:all:", "--no-deps", "-r", lock)
            stamp[lock.name] = _hash(lock)
            _write_stamp(stamp)
    if stamp.get(PROJECT.name) != _hash(PROJECT) or not venv_program("overwinter").exists():
        _pip_install("--no-deps", "--no-build-isolation", "-e", ROOT)
        stamp[PROJECT.name] = _hash(PROJECT)
        _write_stamp(stamp)


def _make_venv() -> dict[str, str]:
    say(f"Making the virtual environment {VENV} …")
    run_quietly([sys.executable, "-m", "venv", "--clear", VENV], "Making the virtual environment")
    stamp = {"root": str(ROOT), "python": _python_of_venv()}
    _write_stamp(stamp)
    return stamp


def _pip_install(*arguments: str | Path) -> None:
    # The person's own pip settings (index, proxy, certificates) stay in force; only --user would break a venv.
    run_quietly(
        [venv_program("python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", *arguments],
        "Installing Python packages",
        env={**os.environ, "PIP_USER": "0"},
        cwd=ROOT,
    )


def _python_of_venv() -> str:
    """Version of the environment's Python as it starts now: an upgrade of the system's breaks the environment."""
    try:
        done = subprocess.run(
            [venv_program("python"), "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, check=False
        )
    except OSError:
        return "none"
    return done.stdout.decode().strip()


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _read_stamp() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def _write_stamp(stamp: dict[str, str]) -> None:
    unfinished = STAMP.with_suffix(".new")
    unfinished.write_text(json.dumps(stamp, indent=1))
    unfinished.replace(STAMP)
