"""A tour of the window: every page in its states and in every look, as pictures for people to look at.

They go into the folder that `OVERWINTER_TOUR` names, so that they can be kept; `OVERWINTER_TOUR_LANGUAGE=ru` (or `cs`)
has the window speak that language. What can be told of a picture without
looking is asserted: that nothing is cut off, that the looks differ, that there is something to see.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.foundation.events import Outcome
from app.foundation.words import language, text
from app.jobs.check.marks import CheckMark
from app.jobs.health.inventory import Growth, Inventory, Proof
from app.jobs.health.judgement import Condition, health_of
from app.jobs.health.memory import SizeSample
from app.jobs.health.notices import Notice
from app.jobs.health.overview import Overview
from app.jobs.health.verdict import verdict_of
from app.jobs.kit.state import KitState
from app.jobs.points import Point, PointSnapshot
from app.records.owners import this_process
from app.records.run import Run
from app.settings.model import Repository, Site, Source, SourceKind
from app.tools.restic.check import Share
from app.ui.widgets.work_strip import Work
from tests.ui.album import Album
from tests.ui.greenhouse import PASSWORD, SITE, TITLE, Greenhouse
from tests.ui.technician import Technician, run_in_window
from tests.ui.test_window import begin, begin_endless, has_points

pytestmark = [
    pytest.mark.usefixtures("vault"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]

LANGUAGE = language(os.environ.get("OVERWINTER_TOUR_LANGUAGE", "en"))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LAYERS = ("PostgreSQL", "Laravel", "Broker", "Telemetry")


@pytest.fixture
def house(tmp_path: Path) -> Greenhouse:
    """A greenhouse without a repository yet."""
    return Greenhouse(tmp_path, sources=("laravel", "broker")).grow()


# --- what a month leaves ----------------------------------------------------------------------


def _point(now: datetime, hours: float, *, verified: bool = False, status: str = "complete") -> Point:
    run = f"{round(hours * 100):08x}" * 4
    layers = LAYERS if status == "complete" else LAYERS[:2]
    return Point(
        id=run, short_id=run[:8], time=now - hours * HOUR, status=status, complete=status == "complete",
        verified=verified, kept=False, layers=layers,
        snapshots=tuple(PointSnapshot(f"{run}{layer}", layer, layer, "full") for layer in layers), manifest="m",
    )  # fmt: skip


def _run(now: datetime, hours: float, kind: str = "backup", outcome: Outcome = Outcome.SUCCESS) -> Run:
    began = now - hours * HOUR
    return Run(
        id=f"{round(hours * 100):08x}" * 4, site=SITE, kind=kind, trigger="schedule", who="eva", choice="", key="",
        owner=this_process(), started=began, closed=began + timedelta(minutes=4), outcome=outcome,
    )  # fmt: skip


def a_month(now: datetime, *, newest: float = 7.2) -> Overview:
    """Daily backups for three weeks with a gap and a partial one, proven on Sundays."""
    ages = [newest + 24 * day for day in range(21) if day not in (9, 10)]
    points = tuple(
        _point(now, age, verified=number % 7 == 2, status="partial" if number == 4 else "complete")
        for number, age in enumerate(ages)
    )
    growth = tuple(Growth(point.time, (20 + 13 * (number % 5)) * 2**20) for number, point in enumerate(points))
    inventory = Inventory(
        read=now - timedelta(minutes=3), points=points, proofs=(Proof(points[2].id, now - 50 * HOUR, True),),
        checks=(CheckMark("c", now - 3 * DAY, Share(1, 8), True, frozenset()),), growth=growth,
    )  # fmt: skip
    sources = tuple(Source(name=layer, kind=SourceKind.FILES, layer=layer, root=f"/{layer}") for layer in LAYERS)
    site = Site(name=SITE, title=TITLE, repository=Repository(url="/r"), sources=sources)
    kit = KitState(site=SITE, kit="k", made=now - 40 * DAY, stored=now - 40 * DAY, stored_where="the office safe")
    health = health_of(site, inventory, now)
    runs = (_run(now, newest), _run(now, 50, "verify"), _run(now, 52 + newest % 24), _run(now, 72, "check"))
    notice = Notice(now - 5 * DAY, Condition.STALE, "backup", text("Only 2 of 4 are whole."), points[4].id)
    return Overview(
        site=SITE, title=TITLE, health=health, kit=kit, verdict=verdict_of(health, kit, now, LANGUAGE),
        inventory=inventory, notices=(notice,), unread=1, seen=now, runs=runs,
        samples=(SizeSample(now - DAY, 4 * 2**30), SizeSample(now - 3 * HOUR, round(4.2 * 2**30))),
    )  # fmt: skip


# --- the tour ---------------------------------------------------------------------------------


@pytest.mark.spec("X2", "V3", "J1")
def test_every_page_is_seen_in_its_states_and_looks(
    qapp: QApplication, house: Greenhouse, restic: str, album: Album
) -> None:
    async def story(someone: Technician) -> None:
        await album.take(someone, "opening")
        await someone.reads_soon("What brings you here")
        await album.take(someone, "first-start")
        await before_the_first_backup(someone)
        await whole_and_running(someone)
        await looked_up(someone)
        await gone_wrong(someone)

    async def before_the_first_backup(someone: Technician) -> None:
        await someone.bridge.ask(lambda app: app.add_site(house.toml.encode()))
        someone.window.load()
        await someone.reads_soon("is not stored")
        await someone.sees_it_rest()
        await album.take(someone, "dashboard-no-password")
        await someone.bridge.ask(lambda app: app.set_secret(SITE, "repository-password", PASSWORD))
        house.make_repository(restic)
        someone.window.load()
        await someone.reads_soon("There is no complete recovery point")
        await someone.sees_it_rest()
        await album.take(someone, "dashboard-never")
        someone.click("Runs")
        await someone.sees_it_rest()
        await album.take(someone, "runs-empty")

    async def whole_and_running(someone: Technician) -> None:
        someone.click("Dashboard")
        someone.click("Back up now")
        await someone.sees(partial(has_points, someone, 1))
        await someone.sees_it_rest()
        await album.take(someone, "dashboard-first-point")
        run = await begin_endless(someone, house)
        await album.take(someone, "dashboard-running")
        for number in range(4):
            someone.window.strip.show_work(Work(f"other-{number}", text("Verification of {site}", site="East")))
        someone.window.strip._fold.click()
        await album.take(someone, "strip-of-several")
        for number in range(4):
            someone.window.strip.show_work(Work(f"other-{number}", text("done"), closed=True))
        someone.click("Runs")
        await someone.sees(someone.window.runs_page.panel.steps.isVisible)
        await album.take(someone, "runs-running")
        someone.window.close()
        question = await someone.is_asked()
        await album.take(someone, "close-question", of=question)
        question.reject()
        someone.window.runs.cancel(run)
        await someone.reads_soon("Cancelled after")
        await someone.sees_it_rest()
        await album.take(someone, "runs-cancelled")

    async def looked_up(someone: Technician) -> None:
        await someone.is_back()
        someone.click("All sites")
        await someone.sees_it_rest()
        await album.take(someone, "all-sites")
        await someone.is_back()
        someone.press(Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
        await album.take(someone, "find-anything", of=await someone.is_asked())
        someone.press(Qt.Key.Key_Escape)
        someone.window.show_help()
        await someone.sees(someone.window.help.page.toPlainText)
        await album.take(someone, "help", of=someone.window.help)
        someone.window.help.close()

    async def gone_wrong(someone: Technician) -> None:
        someone.click("Dashboard")
        house.root("broker").rename(house.folder / "unplugged-broker")
        (house.root("laravel") / "endless").unlink()
        someone.click("Back up now")
        await someone.reads_soon("The folder ")
        await someone.sees_it_rest()
        await album.take(someone, "dashboard-partial")
        someone.click("Close this message")
        house.repository.rename(house.folder / "away")
        someone.click("Refresh")
        await someone.reads_soon("There is no repository")
        await someone.sees_it_rest()
        await album.take(someone, "dashboard-away")
        someone.window.recoveries.banner.show_unfinished(
            text("A restore of {site} stopped in the middle (today 11:02, 5 min ago).", site=TITLE),
            text("It may be half the old state and half the point 1a2b3c4d, and down. Nothing else is started on it."),
        )
        await album.take(someone, "recovery-banner")
        (house.folder / "away").rename(house.repository)

    run_in_window(qapp, house.data, story, language=LANGUAGE)
    assert len(album.taken) == 17


@pytest.mark.spec("V3", "V4")
def test_the_dashboard_of_a_month_is_seen_in_every_look(
    qapp: QApplication, house: Greenhouse, restic: str, album: Album
) -> None:
    now = datetime.now(UTC)
    states: dict[str, Callable[[], Overview]] = {
        "month-protected": lambda: a_month(now),
        "month-stale": lambda: a_month(now, newest=30),
        "month-too-old": lambda: a_month(now, newest=80),
    }

    async def story(someone: Technician) -> None:
        house.make_repository(restic)
        await begin(someone, house)
        await someone.sees_it_rest()
        for name, overview in states.items():
            someone.window.dashboard._show(overview())
            await album.take(someone, name)
        assert someone.reads("Not protected")
        someone.window.resize(1024, 700)
        someone.window.dashboard._show(msgspec.structs.replace(a_month(now), title="Ж" * 200))
        await album.take(someone, "month-small-window")

    run_in_window(qapp, house.data, story, language=LANGUAGE)
