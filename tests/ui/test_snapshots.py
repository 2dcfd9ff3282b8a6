"""The Snapshots page over the real program and real restic: what a technician sees there, finds, saves and deletes."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QWidget,
)

from app.foundation.events import Outcome
from app.ui.models.recovery_points import Item
from tests.ui.greenhouse import SITE, Greenhouse
from tests.ui.snapshots_window import Looker, look_at

TELEMETRY = """[[sources]]
name = "telemetry"
kind = "sqlite"
database = "{file}"
[retention]"""


@pytest.fixture
def house(tmp_path: Path, restic: str, vault: None) -> Greenhouse:
    """A greenhouse with files and a database, and an empty repository."""
    house = Greenhouse(tmp_path).grow(5)
    house.make_repository(restic)
    (house.root() / "config").mkdir()
    (house.root() / "config" / "valves.php").write_text("<?php // клапан\n", "utf-8")
    return house


def telemetry(house: Greenhouse) -> str:
    file = house.folder / "telemetry.sqlite"
    database = sqlite3.connect(file)
    database.execute("CREATE TABLE readings (at, value)")
    database.executemany("INSERT INTO readings VALUES (?, ?)", [(n, n) for n in range(123)])
    database.commit()
    database.close()
    return house.toml.replace("[retention]", TELEMETRY.format(file=file))


async def set_up(me: Looker, house: Greenhouse, points: int = 1, toml: str = "") -> None:
    """A site with some points, each with one more file, and the page shows it."""
    await me.ask(house.set_up)
    if toml:
        await me.ask(lambda app: app.add_site(toml.encode(), replace=True))
    me.page.show_site(SITE)
    await me.reads_soon("No recovery point yet.")
    await me.sees_it_rest()
    for number in range(points):
        (house.root() / "config" / f"point-{number}.php").write_text("<?php")
        assert (await me.backs_up()).outcome is Outcome.SUCCESS
    me.page.site_changed()
    await me.sees_it_rest()


def shown(view: QAbstractItemView) -> list[str]:
    """The first column of a list or tree, as far as it is opened."""
    model, found = view.model(), list[str]()
    waiting = [model.index(row, 0) for row in range(model.rowCount())]
    while waiting:
        index = waiting.pop(0)
        found.append(str(index.data()))
        waiting += [model.index(row, 0, index) for row in range(model.rowCount(index))]
    return found


@pytest.mark.spec("R1", "R2")
def test_a_file_is_found_read_and_saved(qapp: QApplication, house: Greenhouse, tmp_path: Path) -> None:
    async def story(me: Looker) -> None:
        await set_up(me, house, points=2)
        files = me.page.files
        assert shown(files.tree)[:3] == ["laravel", "config", "file-0"]
        files.search.setFocus()
        QTest.keyClicks(files.search, "VALVES")
        await me.sees(lambda: files.found.rowCount() == 1)
        await me.reads_soon("1 file found.")
        assert not files._save.isEnabled()
        files.hits.selectRow(0)
        me.click("Preview")
        await me.sees(lambda: "клапан" in files.preview.view.toPlainText())
        me.press(Qt.Key.Key_Escape)
        me.click("Save as…")
        await me.sees(lambda: isinstance(me.dialog(), QFileDialog))
        dialog = me.dialog()
        assert isinstance(dialog, QFileDialog)
        dialog.selectFile(str(tmp_path / "saved.php"))
        dialog.findChildren(QLineEdit)[0].setText(str(tmp_path / "saved.php"))
        dialog.accept()
        await me.sees(lambda: me.frame.ended)
        assert me.frame.ended[0].outcome is Outcome.SUCCESS
        assert (tmp_path / "saved.php").read_text("utf-8") == "<?php // клапан\n"
        await me.sees_it_rest()
        me.click("Show in its folder")
        await me.sees(lambda: [node.path for node in files.tree.chosen] == [f"{house.root()}/config/valves.php"])

    look_at(qapp, house.data, story)


@pytest.mark.spec("R2")
def test_all_points_are_searched_and_those_that_are_not_indexed_are_named(
    qapp: QApplication, house: Greenhouse
) -> None:
    async def story(me: Looker) -> None:
        await set_up(me, house, points=3)
        files = me.page.files
        files._where.setCurrentIndex(1)
        files.search.setText("point-")
        await me.sees(lambda: files.found.rowCount() == 3)
        await me.sees_it_rest()
        if me.button("Read the names"):  # those that the index after each backup has not come to yet
            me.click("Read the names")
            await me.sees_it_rest()
        await me.reads_soon("3 files found.")
        counts = [len(files.found.row(at).points) for at in range(3)]
        assert sorted(counts) == [1, 2, 3]

    look_at(qapp, house.data, story)


@pytest.mark.spec("R1")
def test_while_the_repository_is_away_the_last_list_is_shown_with_its_age(
    qapp: QApplication, house: Greenhouse
) -> None:
    async def before(me: Looker) -> None:
        await set_up(me, house)

    async def after(me: Looker) -> None:
        me.page.show_site(SITE)
        await me.reads_soon("last known today")
        await me.sees_it_rest()
        assert me.page.points.points.total == 1
        assert me.reads("There is no repository at")
        assert "config" in shown(me.page.files.tree)
        (house.folder / "unplugged").rename(house.repository)
        me.click("Try again")
        await me.reads_soon("read just now")
        await me.sees_it_rest()
        assert not me.reads("There is no repository at")

    look_at(qapp, house.data, before)
    house.repository.rename(house.folder / "unplugged")
    look_at(qapp, house.data, after)


@pytest.mark.spec("R2")
def test_two_points_and_what_is_live_are_compared(qapp: QApplication, house: Greenhouse) -> None:
    async def story(me: Looker) -> None:
        await set_up(me, house, points=2, toml=telemetry(house))
        await me.opens_tab("Compare")
        compare = me.page.compare
        compare.other.setCurrentIndex(2)
        me.click("Compare")
        await me.reads_soon("1 added, 5 B")
        assert compare.rows.row(0).path == f"{house.root()}/config/point-1.php"
        compare.other.setCurrentIndex(0)
        (house.root() / "file-0").write_text("written since")
        me.click("Compare")
        await me.reads_soon("1 changed · not compared: telemetry")
        assert compare.rows.row(0).path == f"{house.root()}/file-0"
        assert (compare.rows.row(0).after, compare.rows.rowCount()) == (13, 1)

    look_at(qapp, house.data, story)


@pytest.mark.spec("R1")
def test_databases_and_details_of_a_point_can_be_read(qapp: QApplication, house: Greenhouse, tmp_path: Path) -> None:
    async def story(me: Looker) -> None:
        await set_up(me, house, toml=telemetry(house))
        await me.opens_tab("Databases")
        databases = me.page.databases
        assert [str(databases._dumps.index(0, at).data()) for at in range(4)] == ["telemetry", "SQLite", "1", "123"]
        assert shown(databases._inside) == ["readings"]
        assert me.button("Save the dump as…") is not None
        databases.save(databases._databases.chosen, str(tmp_path / "saved.sqlite"))
        await me.sees(lambda: me.frame.ended)
        assert me.frame.ended[0].outcome is Outcome.SUCCESS, me.frame.ended[0].error
        saved = sqlite3.connect(tmp_path / "saved.sqlite")
        assert saved.execute("SELECT count(*) FROM readings").fetchone() == (123,)
        saved.close()
        await me.sees_it_rest()
        await me.opens_tab("Details")
        me.click("Copy the id")
        point = QGuiApplication.clipboard().text()
        said = json.loads(me.page.details.view.toPlainText())
        assert said["point"]["id"] == point
        assert {tag for one in said["snapshots"] for tag in one["tags"]} >= {f"run:{point}", f"site:{SITE}"}

    look_at(qapp, house.data, story)


@pytest.mark.spec("R1")
def test_a_point_is_kept_verified_and_another_deleted(qapp: QApplication, house: Greenhouse) -> None:
    async def story(me: Looker) -> None:
        await set_up(me, house, points=2)
        me.click("Keep…")
        await me.sees(me.dialog)
        QTest.keyClicks(me.dialog().findChildren(QLineEdit)[1], "before the pump")  # type: ignore[union-attr]
        me.click("Keep this point")
        await me.sees(lambda: len(me.frame.ended) == 1)
        await me.reads_soon("kept until")
        me.click("Verify")
        await me.sees(lambda: len(me.frame.ended) == 2)
        await me.reads_soon("Proven to restore")
        await me.sees_it_rest()
        newer = me.page.chosen
        QTest.keyClick(me.page.points, Qt.Key.Key_Down)
        older = me.page.chosen
        assert older is not None
        assert older != newer
        await me.sees_it_rest()
        me.click("Delete…")
        await me.sees(me.dialog)
        assert not me.button("Delete").isEnabled()  # type: ignore[union-attr]
        QTest.keyClicks(me.dialog().findChildren(QLineEdit)[0], f"DELETE {SITE} {older.point.short_id}")  # type: ignore[union-attr]
        me.click("Delete")
        await me.sees(lambda: len(me.frame.ended) == 3)
        assert me.frame.ended[2].outcome is Outcome.SUCCESS, me.frame.ended[2].error
        await me.sees(lambda: me.page.points.points.total == 1)
        await me.sees_it_rest()

    look_at(qapp, house.data, story)


@pytest.mark.spec("X2")
def test_everything_on_the_page_has_a_name_and_is_reached_with_tab(qapp: QApplication, house: Greenhouse) -> None:
    async def story(me: Looker) -> None:
        await set_up(me, house, toml=telemetry(house))
        for tab in ("Files", "Databases", "Compare", "Details"):
            await me.opens_tab(tab)
            wanted = _used(me)
            assert not [each for each in wanted if not _name(each)], tab
            me.page.points.setFocus()
            reached = set()
            for _ in range(60):
                focused = QApplication.focusWidget()
                assert focused is not None
                reached.add(_name(focused))
                me.press(Qt.Key.Key_Tab)
                await asyncio.sleep(0)
            missed = {_name(each) for each in wanted if each.isEnabled()} - reached
            assert not missed, tab

    look_at(qapp, house.data, story)


def _used(me: Looker) -> list[QAbstractButton | QLineEdit | QComboBox | QAbstractItemView]:
    kinds = (QAbstractButton, QLineEdit, QComboBox, QAbstractItemView)
    inside = (QLineEdit, QComboBox)  # what they are made of is reached through them
    found = [each for each in me.page.findChildren(QWidget) if isinstance(each, kinds) and each.isVisible()]
    return [each for each in found if not isinstance(each.parent(), inside) and not _is_part(each)]


def _is_part(each: object) -> bool:
    return type(each).__name__ in ("QHeaderView", "QTableCornerButton", "QComboBoxListView")


def _name(each: object) -> str:
    word = each.text() if isinstance(each, QAbstractButton) else ""
    return word or str(getattr(each, "accessibleName", str)())


@pytest.mark.spec("S1")
def test_another_site_shows_nothing_of_this_one(qapp: QApplication, house: Greenhouse, restic: str) -> None:
    other = Greenhouse(house.folder / "other", "south-house").grow(1)
    other.make_repository(restic)

    async def story(me: Looker) -> None:
        await set_up(me, house)
        await me.ask(other.set_up)
        me.page.show_site(other.name)
        assert me.page.chosen is None
        await me.reads_soon("No recovery point yet.")
        await me.sees_it_rest()
        me.page.show_site(SITE)
        await me.sees_it_rest()
        lines = [me.page.points.points.line(at) for at in range(me.page.points.points.rowCount())]
        assert sum(isinstance(line, Item) for line in lines) == 1

    look_at(qapp, house.data, story)
