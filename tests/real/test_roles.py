"""A server's roles: a file that ends early is no backup of them, whatever its program calls it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from app.foundation.errors import UserError
from app.settings.model import Source, SourceKind
from app.tools.postgres import programs
from tests.real.capturing import Capturing
from tests.real.servers.postgresql import SUPERUSER, SUPERUSER_PASSWORD, PostgresServer
from tests.running import run

if sys.platform == "win32":
    pytest.skip("stand-ins are scripts of the shell", allow_module_level=True)


@pytest.mark.spec("B3")
@pytest.mark.parametrize("lost", [4, 40, 400])
def test_roles_that_end_early_make_no_snapshot(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """Four bytes off the end take the last line's own; a line break less is no loss."""
    real, folder = postgres.bin / "pg_dumpall", tmp_path / "programs"
    folder.mkdir()
    stand_in = folder / "pg_dumpall"
    stand_in.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exec {real} --version\n{real} "$@" | head -c -{lost}\n')
    stand_in.chmod(0o755)
    monkeypatch.setattr(programs, "FOLDERS", {})
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    roles = Source(
        name="roles", kind=SourceKind.POSTGRESQL_GLOBALS, server=postgres.host, port=postgres.port, user=SUPERUSER
    )
    capturing = Capturing(tmp_path)
    with pytest.raises(UserError, match=r"source\.truncated"):
        run(capturing.here(roles, {"source:roles:password": SUPERUSER_PASSWORD}))
    assert capturing.snapshots() == []
