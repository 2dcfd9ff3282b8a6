"""Takes the three pictures of the README anew, with the real window over a greenhouse that looks like somebody's.

Run: LOGNAME=eva python -m tests.bench.pictures FOLDER [SITE]

SITE is a folder that is not there yet, such as /srv/north-house: its name stands in the pictures, and it is removed
afterwards.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.ui.pages.snapshots.page import SnapshotsPage
from app.ui.theme import Look, Theme
from tests.real.servers.restic import restic_program
from tests.ui.greenhouse import Greenhouse
from tests.ui.technician import Technician, environment, run_in_window, vault_with_passphrase_file
from tests.ui.test_tour import a_month
from tests.ui.test_window import begin, begin_endless, has_points

TITLE = "North house"
FILES = ("beds-1", "beds-2", "database", "pumps", "valves")


def greenhouse(folder: Path) -> Greenhouse:
    """Two sources, and something that is worth looking at."""
    house = Greenhouse(folder, title=TITLE, sources=("laravel", "broker")).grow(2)
    for name in ("app", "config", "routes", "storage"):
        (house.root() / name).mkdir()
    for number, name in enumerate(FILES, start=4):
        (house.root() / "config" / f"{name}.php").write_text("<?php return [];\n" * 30 * number)
    (house.root() / ".env").write_text("APP_NAME=hydro\n" * 50)
    return house


async def takes_them(someone: Technician, house: Greenhouse, theme: Theme, to: Path) -> None:
    """Three backups, then a picture of each page."""

    async def take(name: str) -> None:
        await asyncio.sleep(0.2)  # the window lays out what it has got
        assert someone.window.grab().save(str(to / f"{name}.png"))

    def rests() -> bool:
        return someone.rests() and not any(page.tasks for page in someone.window.pages.values())

    await begin(someone, house)
    for number in (1, 2, 3):
        await someone.sees(rests)
        (house.root() / "config" / "valves.php").write_text("<?php return [];\n" * 100 * number)
        someone.click("Back up now")
        await someone.sees(partial(has_points, someone, number))
    await someone.sees(rests)
    month = a_month(datetime.now(UTC))
    someone.window.dashboard._show(msgspec.structs.replace(month, title=TITLE, runs=month.runs[:1]))
    someone.window.navigation.focus_on("dashboard")
    await take("dashboard")
    someone.click("Snapshots")
    await someone.sees(rests)
    page = someone.window.late_page("snapshots")
    assert isinstance(page, SnapshotsPage)
    page.files.tree.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right):
        someone.press(key)
        await someone.sees(rests)
    for _ in FILES:
        someone.press(Qt.Key.Key_Down)
    theme.choose(Look.DARK)
    await someone.sees(rests)
    await take("snapshots")
    theme.choose(Look.LIGHT)
    someone.click("Dashboard")
    await someone.sees(rests)
    run = await begin_endless(someone, house)
    someone.click("Runs")
    await someone.sees(someone.window.runs_page.panel.steps.isVisible)
    await someone.sees(lambda: someone.reads("left"))
    await take("run")
    someone.window.runs.cancel(run)
    await someone.sees(lambda: not someone.window.runs.own)


def main(arguments: list[str]) -> None:
    """Takes them."""
    to, folder = Path(arguments[0]), Path(arguments[1] if len(arguments) > 1 else "/srv/north-house")
    to.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True)
    restic = folder / "restic"
    restic.symlink_to(restic_program("0.19"))
    try:
        house = greenhouse(folder)
        house.make_repository(str(restic))
        application = QApplication(sys.argv[:1])
        theme = Theme(application, Look.LIGHT)
        with vault_with_passphrase_file(folder), environment(OVERWINTER_RESTIC=str(restic)):
            run_in_window(application, house.data, lambda someone: takes_them(someone, house, theme, to))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
