"""The gate for a long log through the whole program to the screen; `tests.bench.window` measures it at full length."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from tests.bench.window import measured

LINES = 150_000
TRIES = 3


@pytest.mark.spec("J1", "J2", "S4")
def test_a_long_log_leaves_the_window_smooth_and_the_cancel_quick(qapp: QApplication, tmp_path: Path) -> None:
    """Best of three, because a shared machine stops all of them for a while; every log is checked to the last line."""
    found = measured(qapp, tmp_path, LINES, TRIES)
    assert min(run.gap for run in found.runs) <= 100, found
    assert min(run.growth for run in found.runs) <= 100, found
    assert min(cancel.said for cancel in found.cancels) <= 200, found
    assert min(cancel.gap for cancel in found.cancels) <= 100, found
