"""A server has no screen and no Qt: what the command line does, it does where the window's libraries are not there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.features.console import Console
from tests.features.greenhouse import DATABASE, SECRETS, make_database, make_tree, site_file
from tests.real.servers.postgresql import PostgresServer
from tests.real.servers.restic import VERSIONS, restic_program

# Python reads a file of this name at its start, before anything of ours.
NO_QT = """
import sys

class NoQt:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("PySide6", "shiboken6", "qasync"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoQt())
"""


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """The program in a Python that finds nothing of Qt."""
    folder = tmp_path / "start"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(NO_QT)
    return Console(tmp_path / "console", Path(restic_program(VERSIONS[-1])), {"PYTHONPATH": str(folder)})


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    make_database(postgres, rows=2_000)
    yield DATABASE
    postgres.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.mark.spec("J8", "B1")
def test_a_site_is_backed_up_and_saved_from_where_no_qt_is(
    console: Console, database: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    for name in ("PySide6", "shiboken6", "qasync"):
        tried = subprocess.run(
            [sys.executable, "-c", f"import {name}"],
            env=os.environ | console.environment,
            capture_output=True,
            check=False,
        )
        assert b"ModuleNotFoundError" in tried.stderr
    root = tmp_path / "laravel"
    make_tree(root, files=5)
    console.add_site(site_file(console.folder, root, postgres.port, database), SECRETS)
    assert console.run("backup", "north-house").json["status"] == "success"
    (point,) = console.run("points", "north-house").rows
    assert point["complete"] is True
    (laravel,) = [one["id"] for one in point["snapshots"] if one["source"] == "laravel"]
    console.run("save", "north-house", laravel, f"{root}/.env", str(tmp_path / "env"))
    assert (tmp_path / "env").read_bytes() == (root / ".env").read_bytes()
