"""The program as it is started by somebody whose system speaks another language."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.spec("X2")
def test_a_program_that_is_started_in_russian_speaks_it(tmp_path: Path) -> None:
    environment = {**os.environ, "LANG": "ru_RU.UTF-8", "LC_ALL": "", "LANGUAGE": ""}
    argv = [sys.executable, str(ROOT / "main.py"), "--data", str(tmp_path), "site", "list"]
    done = subprocess.run(argv, env=environment, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.decode()) == (0, "Объектов ещё нет: overwinter site add FILE.toml\n")
