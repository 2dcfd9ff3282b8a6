"""The window's tests run without a screen, with the look that a person gets."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before Qt is imported

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from app.ui.theme import Look, Theme


@pytest.fixture(scope="session")
def session_theme(qapp: QApplication) -> Theme:
    """The one theme of the test's application."""
    return Theme(qapp, Look.LIGHT)


@pytest.fixture(autouse=True)
def theme(session_theme: Theme) -> Iterator[Theme]:
    """Every test starts in the light look."""
    session_theme.choose(Look.LIGHT)
    yield session_theme
    session_theme.choose(Look.LIGHT)
