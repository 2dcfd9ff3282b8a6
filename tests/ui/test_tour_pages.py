"""The tour goes on: the pages of a site that is set up, their parts and their questions, in every look.

`QT_SCALE_FACTOR=2` in the environment takes the same pictures for a screen of 200 %.
"""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from app.ui.pages.settings.sections import SECTIONS
from app.ui.pages.snapshots.page import SnapshotsPage
from app.ui.theme import Look
from app.ui.widgets.pick_list import PickList
from app.ui.widgets.tabs import Tabs
from tests.ui.album import Album
from tests.ui.greenhouse import PASSWORD, SITE, Greenhouse
from tests.ui.technician import Technician, run_in_window
from tests.ui.test_window import begin_endless, has_points

pytestmark = [
    pytest.mark.usefixtures("vault"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]

CONTROL = Qt.KeyboardModifier.ControlModifier
PAGES = ("dashboard", "snapshots", "runs", "repository", "settings")


@pytest.fixture
def house(tmp_path: Path, restic: str) -> Greenhouse:
    """A greenhouse of two folders and a database."""
    house = Greenhouse(tmp_path, sources=("laravel", "broker")).grow(7)
    house.make_repository(restic)
    (house.root() / "config").mkdir()
    (house.root() / "config" / "valves.php").write_text("<?php\nreturn [\n    'valves' => 12,\n];\n")
    database = sqlite3.connect(tmp_path / "telemetry.sqlite")
    database.execute("CREATE TABLE readings (at, value)")
    database.executemany("INSERT INTO readings VALUES (?, ?)", [(n, n) for n in range(123)])
    database.commit()
    database.close()
    return house


def with_telemetry(house: Greenhouse) -> str:
    telemetry = f'[[sources]]\nname = "telemetry"\nkind = "sqlite"\ndatabase = "{house.folder}/telemetry.sqlite"\n'
    return house.toml.replace("[retention]", f"{telemetry}[retention]")


def rests(someone: Technician) -> bool:
    return someone.rests() and not any(page.tasks for page in someone.window.pages.values())


async def goes_to(someone: Technician, page: str) -> None:
    await someone.is_back()
    someone.press(Qt.Key(Qt.Key.Key_1 + PAGES.index(page)), CONTROL)
    await someone.sees(partial(rests, someone))


async def begin(someone: Technician, house: Greenhouse) -> None:
    """Two points, the second with one file more."""
    await someone.sees(someone.window.doors.isVisible)
    await someone.bridge.ask(lambda app: app.add_site(with_telemetry(house).encode()))
    await someone.bridge.ask(lambda app: app.set_secret(SITE, "repository-password", PASSWORD))
    someone.window.load()
    for number in (1, 2):
        await someone.reads_soon("There is no" if number == 1 else "Backed up today")
        await someone.sees(partial(rests, someone))
        (house.root() / "config" / f"pumps-{number}.php").write_text("<?php")
        someone.click("Back up now")
        await someone.sees(partial(has_points, someone, number))
    await someone.sees(partial(rests, someone))


@pytest.mark.spec("S2", "S3", "X2", "X4")
def test_the_settings_are_seen(qapp: QApplication, house: Greenhouse, album: Album) -> None:
    async def story(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")
        someone.click("Make a new site…")
        dialog = await someone.is_asked()
        await album.take(someone, "new-site", of=dialog)
        field = dialog.findChildren(QLineEdit)[0]
        QTest.keyClicks(field, "North house")
        someone.click("Make the site")
        await someone.reads_soon("Write an absolute path")
        await album.take(someone, "new-site-wrong", of=dialog)
        dialog.reject()
        await begin(someone, house)
        await goes_to(someone, "settings")
        page = someone.window.late_page("settings")
        sections = page.findChildren(PickList)[0]
        for row, section in enumerate(SECTIONS):
            sections.pick(row)
            await someone.sees(partial(rests, someone))
            await album.take(someone, f"settings-{section.key}")
            if section.key in ("hosts", "commands", "contacts"):
                someone.click({"hosts": "Add a host", "commands": "Add a command"}.get(section.key, "Add a contact"))
                await someone.sees(lambda: someone.reads("to be put right") and rests(someone))
                await album.take(someone, f"settings-{section.key}-new")
                someone.click("Revert")
                await someone.sees(partial(rests, someone))
            elif section.key == "sources":
                someone.click("Test laravel")
                await someone.reads_soon("The folder may be read")
                await album.take(someone, "settings-tried")
                someone.click("Add a source…")
                await album.take(someone, "settings-add", of=await someone.is_asked())
                someone.press(Qt.Key.Key_Escape)
                await someone.is_back()
                someone.click("Look at a host…")
                await album.take(someone, "settings-look", of=await someone.is_asked())
                someone.press(Qt.Key.Key_Escape)
                await someone.is_back()
            elif section.key == "repository":
                someone.click("Test The repository")
                await someone.reads_soon("The repository answers")
                await album.take(someone, "settings-repository-tried")

    run_in_window(qapp, house.data, story)


@pytest.mark.spec("R1", "R2", "X2")
def test_snapshots_and_the_repository_are_seen(qapp: QApplication, house: Greenhouse, album: Album) -> None:
    async def story(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")
        await begin(someone, house)
        await goes_to(someone, "snapshots")
        page = someone.window.late_page("snapshots")
        assert isinstance(page, SnapshotsPage)
        await album.take(someone, "snapshots-files")
        search = page.files.search
        search.setFocus()
        QTest.keyClicks(search, "php")
        await someone.sees(lambda: page.files.found.rowCount() >= 2)
        page.files.hits.selectRow(0)
        await someone.sees(partial(rests, someone))
        await album.take(someone, "snapshots-found")
        someone.click("Preview")
        await someone.sees(lambda: "php" in page.files.preview.view.toPlainText())
        await album.take(someone, "snapshots-preview")
        someone.click("Back to the files")
        search.clear()
        tabs = page.findChildren(Tabs)[0]
        for index in range(1, tabs.count()):
            tabs.setCurrentIndex(index)
            await someone.sees(partial(rests, someone))
            await album.take(someone, f"snapshots-{tabs.tabText(index).lower()}")
        for word in ("Keep…", "Delete…"):
            someone.click(word)
            await album.take(someone, f"snapshots-{word[:-1].lower()}", of=await someone.is_asked())
            someone.press(Qt.Key.Key_Escape)
            await someone.is_back()
        await goes_to(someone, "repository")
        await album.take(someone, "repository")
        someone.click("Change the password…")
        await album.take(someone, "repository-password", of=await someone.is_asked())
        someone.press(Qt.Key.Key_Escape)

    run_in_window(qapp, house.data, story)


@pytest.mark.long
@pytest.mark.spec("X2")
@pytest.mark.parametrize("size", [(1024, 600), (1920, 1080)], ids=["small", "large"])
def test_every_page_is_seen_in_other_sizes(
    qapp: QApplication, house: Greenhouse, album: Album, size: tuple[int, int]
) -> None:
    async def story(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")
        await album.take(someone, "first-start", looks=(Look.LIGHT,))
        await begin(someone, house)
        for page in PAGES:
            await goes_to(someone, page)
            await album.take(someone, page, looks=(Look.LIGHT,))
        await goes_to(someone, "dashboard")
        run = await begin_endless(someone, house)
        for number, page in enumerate(PAGES, start=1):
            someone.press(Qt.Key(Qt.Key.Key_0 + number), CONTROL)
            await someone.sees(lambda: someone.reads("%"))
            await album.take(someone, f"{page}-running", looks=(Look.DARK,))
        someone.window.runs.cancel(run)
        await someone.sees(lambda: not someone.window.runs.own)
        await someone.sees(partial(rests, someone))

    run_in_window(qapp, house.data, story, size=size)
