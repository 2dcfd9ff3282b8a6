"""What can be found by Ctrl+K: put together from what the window shows and from what the engine knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from app.foundation.words import Language, Text, text
from app.ui import icons
from app.ui.finder import Findable
from app.ui.models.runs import LOOKS, kind_word, status_of

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.runs.history import PastRun
    from app.ui.main_window import MainWindow


def places_and_actions(window: MainWindow, language: Language) -> Iterator[Findable]:
    """What is there whatever is recorded: pages, and what the window does."""
    say = language.render
    page, action = say(text("page")), say(text("action"))
    pages: tuple[tuple[str, icons.Name, Text], ...] = (
        ("dashboard", "dashboard", text("Dashboard")),
        ("snapshots", "snapshots", text("Snapshots")),
        ("runs", "runs", text("Runs")),
        ("repository", "disk", text("Repository")),
        ("settings", "settings", text("Settings")),
        ("sites", "sites", text("All sites")),
        ("doors", "plus", text("Add a site…")),
    )
    for key, icon, word in pages:
        if window.site or key in ("sites", "doors"):
            yield Findable(icon, say(word), page, partial(window.show_page, key))
    if window.site:
        dashboard = window.dashboard
        yield Findable("backup", say(text("Back up now")), action, dashboard.back_up)
        yield Findable("restore", say(text("Restore…")), action, window.restore_site)
        yield Findable("check", say(text("Verify now")), action, dashboard.verify)
        yield Findable("disk", say(text("Check now")), action, dashboard.check)
    yield Findable("help", say(text("Help")), action, window.show_help)
    yield Findable("help", say(text("Support bundle…")), action, window.show_support)


def sites_of(window: MainWindow, titles: Mapping[str, str], language: Language) -> Iterator[Findable]:
    """The sites of this computer."""
    kind = language.render(text("site"))
    for name, title in titles.items():
        words = f"{title} ({name})" if title else name
        yield Findable("greenhouse", words, kind, partial(window.show_site, name))


def runs_of(window: MainWindow, history: list[PastRun], language: Language) -> Iterator[Findable]:
    """The runs of the shown site, and the points that they made; newest first."""
    say, now = language.render, datetime.now(UTC)
    run_word, point_word = say(text("run")), say(text("recovery point"))
    for run in history:
        when, status = language.moment(run.started, now), say(LOOKS[status_of(run)].word)
        words = f"{say(kind_word(run.kind))}, {when}, {status}, {run.id[:8]}"
        yield Findable("runs", words, run_word, partial(window.navigate, "runs", run.id))
        if run.point:
            yield Findable("disk", f"{when}, {run.id[:8]}", point_word, partial(window.navigate, "snapshots", run.id))
