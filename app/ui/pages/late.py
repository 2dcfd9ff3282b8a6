"""The pages that are made when somebody first goes to them: the window does not wait for them when it opens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from app.foundation.words import Language
from app.ui.bridge import Bridge

if TYPE_CHECKING:  # that is what this is for
    from app.ui.pages.repository.repository_page import RepositoryPage
    from app.ui.pages.run_watch import RunWatch
    from app.ui.pages.runs.page import RunsPage
    from app.ui.pages.settings.settings_page import SettingsPage
    from app.ui.pages.snapshots.page import SnapshotsPage

    LatePage = SnapshotsPage | RunsPage | RepositoryPage | SettingsPage

SNAPSHOTS, RUNS, REPOSITORY, SETTINGS = "snapshots", "runs", "repository", "settings"


def _snapshots(bridge: Bridge, language: Language, _watch: RunWatch, parent: QWidget) -> SnapshotsPage:
    from app.ui.pages.snapshots.page import SnapshotsPage  # noqa: PLC0415  as above

    return SnapshotsPage(bridge, language, parent)


def _runs(bridge: Bridge, language: Language, watch: RunWatch, parent: QWidget) -> RunsPage:
    from app.ui.pages.runs.page import RunsPage  # noqa: PLC0415  as above

    return RunsPage(bridge, language, watch, parent)


def _repository(bridge: Bridge, language: Language, _watch: RunWatch, parent: QWidget) -> RepositoryPage:
    from app.ui.pages.repository.repository_page import RepositoryPage  # noqa: PLC0415  as above

    return RepositoryPage(bridge, language, parent)


def _settings(bridge: Bridge, language: Language, _watch: RunWatch, parent: QWidget) -> SettingsPage:
    from app.ui.pages.settings.settings_page import SettingsPage  # noqa: PLC0415  as above

    return SettingsPage(bridge, language, parent)


MAKERS: Mapping[str, Callable[[Bridge, Language, RunWatch, QWidget], LatePage]] = {
    SNAPSHOTS: _snapshots,
    RUNS: _runs,
    REPOSITORY: _repository,
    SETTINGS: _settings,
}
