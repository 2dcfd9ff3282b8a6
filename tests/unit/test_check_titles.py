"""Every check of a restore is told by words of its own, not by its key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.jobs.restore.checks import TITLES

APP = Path(__file__).resolve().parents[2] / "app"


@pytest.mark.spec("R4")
def test_every_check_has_a_title() -> None:
    keys = {
        key for file in APP.rglob("*.py") for key in re.findall(r'\bCheck\(\s*"([a-z-]+)"', file.read_text("utf-8"))
    }
    assert len(keys) > 15
    assert keys == set(TITLES)
