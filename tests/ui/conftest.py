"""The window's tests run without a screen, with the look that a person gets."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before Qt is imported

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from app.ui.theme import Look, Theme
from tests.real.servers.restic import restic_program
from tests.ui.album import Album
from tests.ui.technician import environment, vault_with_passphrase_file


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


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[None]:
    """Secrets go into a vault below the test's folder; nobody's keyring is touched."""
    with vault_with_passphrase_file(tmp_path):
        yield


@pytest.fixture
def restic() -> Iterator[str]:
    """The newest restic, which the program then uses."""
    program = restic_program("0.19")
    with environment(OVERWINTER_RESTIC=program):
        yield program


@pytest.fixture
def album(tmp_path: Path, theme: Theme, request: pytest.FixtureRequest) -> Album:
    """Where the pictures go: below the folder that OVERWINTER_TOUR names, or one of the test's own."""
    folder = Path(os.environ.get("OVERWINTER_TOUR") or tmp_path / "tour") / request.node.name.removeprefix("test_")
    folder.mkdir(parents=True, exist_ok=True)
    return Album(folder, theme)
