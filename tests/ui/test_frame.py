"""The frame around the pages: the way there, the banner, finding, helping, closing, one window at a time."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QByteArray, Qt, QUrl
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog, QLineEdit, QMessageBox, QSystemTrayIcon, QWidget
from pytestqt.qtbot import QtBot

from app.foundation.events import Outcome
from app.foundation.words import ENGLISH, text
from app.jobs.cutover.plan import StagingPlan, encode
from app.records.run import new_run_id
from app.settings.places import places
from app.ui.finder import SHOWN, Findable, FoundModel
from app.ui.help import FOLDER, TOPICS
from app.ui.main_window import MainWindow
from app.ui.new_site import NewSiteDialog
from app.ui.only_window import OnlyWindow
from app.ui.remembered import Remembered, recall, remember
from app.ui.theme import Look
from app.ui.widgets.close_question import CloseQuestion
from app.ui.widgets.look_button import LookButton
from app.ui.widgets.work_strip import Work, WorkStrip
from tests.ui.greenhouse import SITE, Greenhouse
from tests.ui.technician import Technician, on_window_loop, run_in_window, true_soon
from tests.ui.test_window import begin, begin_endless, has_points, outcome

if TYPE_CHECKING:
    from app.assembly import Overwinter
    from app.ui.main_window import MainWindow

pytestmark = [
    pytest.mark.usefixtures("vault"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]

CONTROL = Qt.KeyboardModifier.ControlModifier


HELPED = (("dashboard", "The Dashboard"), ("snapshots", "Snapshots"), ("runs", "Runs"), ("repository", "Repository"),
          ("settings", "Settings"))  # fmt: skip
"""The pages in their order, and how what helps with them begins."""


@pytest.fixture
def house(tmp_path: Path, restic: str) -> Greenhouse:
    """A greenhouse with its repository."""
    made = Greenhouse(tmp_path).grow()
    made.make_repository(restic)
    return made


# --- pages and sites --------------------------------------------------------------------------


@pytest.mark.spec("X2", "S1")
def test_pages_and_sites_are_gone_to_by_keys_and_only_real_pages_are_shown(
    qapp: QApplication, house: Greenhouse
) -> None:
    east = Greenhouse(house.folder / "east", name="east", title="East")

    async def story(someone: Technician) -> None:
        window = someone.window
        await begin(someone, house)
        await someone.bridge.ask(lambda app: app.add_site(east.toml.encode()))
        for key, name in ((Qt.Key.Key_2, "snapshots"), (Qt.Key.Key_4, "repository"), (Qt.Key.Key_5, "settings")):
            someone.press(key, CONTROL)
            await someone.sees(window.late_page(name).isVisible)
        for key, page in ((Qt.Key.Key_3, window.runs_page), (Qt.Key.Key_0, window.sites)):
            someone.press(key, CONTROL)
            await someone.sees(page.isVisible)
        await someone.reads_soon("2 sites")
        assert someone.reads("There is no complete recovery point")
        assert someone.reads("Never read on this computer")
        someone.click("East")
        await someone.sees(lambda: window.dashboard.isVisible() and window.site == "east")
        await someone.reads_soon("is not stored")
        assert window.windowTitle() == "East – Overwinter"
        someone.press(Qt.Key.Key_0, CONTROL)
        someone.click("Read all")
        await someone.sees_it_rest()
        assert someone.reads("is not stored"), "one site that cannot be read says why, the other was read"
        assert someone.reads("Read just now")

    run_in_window(qapp, house.data, story)


def is_shown(window: MainWindow, name: str) -> bool:
    page: object = window.pages.get(name)
    return page is window.stack.currentWidget()


@pytest.mark.spec("X4")
def test_every_door_of_the_first_start_opens_something(qapp: QApplication, house: Greenhouse) -> None:
    kinds = {"protect": NewSiteDialog, "file": QFileDialog, "recover": QFileDialog, "look": QInputDialog}

    async def story(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")
        assert set(someone.window.doors.buttons) == {"protect", "file", "recover", "look", "try"}
        for key, kind in kinds.items():
            someone.window.doors.buttons[key].click()
            assert isinstance(await someone.is_asked(), kind)
            someone.press(Qt.Key.Key_Escape)
            await someone.sees(lambda: someone.dialog() is None)

    run_in_window(qapp, house.data, story)


@pytest.mark.spec("X4")
def test_a_repository_alone_becomes_a_site_that_backs_nothing_up(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")
        someone.click("Open a repository…")
        dialog = await someone.is_asked()
        field = dialog.findChild(QLineEdit)
        assert isinstance(field, QLineEdit)
        field.setText(str(house.repository))
        someone.press(Qt.Key.Key_Return)
        await someone.reads_soon("is not stored")
        assert someone.window.site == "repository"
        assert (await someone.bridge.ask(lambda app: app.sites.get("repository"))).sources == ()

    run_in_window(qapp, house.data, story)


@pytest.mark.spec("S6", "V3")
def test_a_site_is_not_called_protected_before_its_kit_is_put_away(
    qapp: QApplication, house: Greenhouse, tmp_path: Path
) -> None:
    async def story(someone: Technician) -> None:
        await begin(someone, house)
        someone.click("Back up now")
        await someone.reads_soon("There is no recovery kit")
        assert someone.reads("Not yet protected")
        await make_kit(someone)
        await someone.reads_soon("not put away off this computer")
        someone.click("It is put away…")
        dialog = await someone.is_asked()
        field = dialog.findChild(QLineEdit)
        assert isinstance(field, QLineEdit)
        field.setText("in the safe")
        someone.press(Qt.Key.Key_Return)
        await someone.reads_soon("in the safe")
        assert not someone.reads("Not yet protected")
        assert someone.reads("never proven to restore")

    async def make_kit(someone: Technician) -> None:
        await someone.sees_it_rest()
        someone.click("Make the kit…")
        dialog = await someone.is_asked()
        assert isinstance(dialog, QFileDialog)
        dialog.setDirectory(str(tmp_path))
        dialog.accept()
        await someone.sees(lambda: someone.dialog() is not None and someone.reads("A new passphrase for the kit"))
        await someone.is_asked()
        for _ in range(2):
            someone.types("seven wet boots under the old bench")
            someone.press(Qt.Key.Key_Return)
        await someone.sees((tmp_path / f"{SITE}.kit").exists)

    run_in_window(qapp, house.data, story)


# --- an unfinished restore --------------------------------------------------------------------


@pytest.mark.spec("R2", "X3")
def test_an_unfinished_restore_outranks_everything_and_is_rolled_back_from_the_banner(
    qapp: QApplication, house: Greenhouse
) -> None:
    async def leave(app: Overwinter) -> None:
        plan = StagingPlan(
            run=new_run_id(), kind="restore", site=await app.sites.get(SITE), point="1a2b3c4d" * 4, effects=(), spots=()
        )
        (house.data / "cutovers" / f"{SITE}.json").write_bytes(encode(plan))

    async def story(someone: Technician) -> None:
        banner = someone.window.recoveries.banner
        await begin(someone, house)
        assert not banner.isVisible()
        await someone.bridge.ask(leave)
        someone.window.load()
        await someone.sees(banner.isVisible)
        assert someone.reads("stopped in the middle")
        await someone.reads_soon("The old state stands, nothing of it was exchanged")
        someone.press(Qt.Key.Key_0, CONTROL)
        assert banner.isVisible()
        someone.click("Roll back")
        await someone.sees(lambda: not banner.isVisible())
        assert not (house.data / "cutovers" / f"{SITE}.json").exists()
        kinds = [run.kind for run in await someone.bridge.ask(lambda app: app.records(SITE).runs())]
        assert kinds == ["recover"]

    run_in_window(qapp, house.data, story)


# --- finding and helping ----------------------------------------------------------------------


@pytest.mark.spec("X2")
def test_anything_is_found_by_a_few_letters(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Technician) -> None:
        window = someone.window
        await begin(someone, house)
        someone.click("Back up now")
        await someone.sees(partial(has_points, someone, 1))
        await someone.sees_it_rest()
        (run,) = await someone.bridge.ask(lambda app: app.records(SITE).runs())
        await finds(someone, run.id[:8], 2)
        someone.press(Qt.Key.Key_Return)
        await someone.sees(lambda: window.runs_page.isVisible() and window.runs_page.shown_run == run.id)
        await finds(someone, run.id[:8], 2)
        someone.press(Qt.Key.Key_Down)
        someone.press(Qt.Key.Key_Return)
        await someone.sees(window.late_page("snapshots").isVisible)
        await someone.reads_soon(f"{run.id[:8]} · ")
        await finds(someone, "all sit", 1)
        someone.press(Qt.Key.Key_Return)
        await someone.sees(window.sites.isVisible)
        await finds(someone, "north-house", 1)
        someone.press(Qt.Key.Key_Return)
        await someone.sees(window.dashboard.isVisible)
        await finds(someone, "no such thing", 0)
        someone.press(Qt.Key.Key_Return)
        someone.press(Qt.Key.Key_Escape)
        await someone.sees(lambda: someone.dialog() is None)

    async def finds(someone: Technician, words: str, count: int) -> None:
        await someone.is_back()
        someone.press(Qt.Key.Key_K, CONTROL)
        await someone.is_asked()
        someone.types(words)
        await someone.sees(lambda: someone.window.finder.model.rowCount() == count and someone.rests())

    run_in_window(qapp, house.data, story)


def test_the_list_of_what_was_found_is_a_sound_model(qtbot: QtBot) -> None:
    model = FoundModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal, model)
    model.offer([Findable("runs", f"Backup {number}", "run", lambda: None) for number in range(500)])
    model.look_for("backup 7")
    assert model.found(0).words == "Backup 7"
    assert model.rowCount() == SHOWN
    model.look_for("nothing")
    assert model.rowCount() == 0


@pytest.mark.spec("X4")
def test_every_page_of_help_is_there_and_leads_only_to_others() -> None:
    pages = {file.stem: file.read_text("utf-8") for file in (FOLDER / "en").iterdir()}
    assert set(pages) == set(TOPICS)
    for topic, content in pages.items():
        assert content.startswith("# "), topic
        links = {Path(link).stem for link in re.findall(r"\]\(([^)]+)\)", content)}
        assert links <= set(TOPICS), topic


@pytest.mark.spec("X4")
def test_help_is_for_what_has_the_keyboard_and_its_links_lead_on(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Technician) -> None:
        window = someone.window
        await someone.reads_soon("What brings you here")
        await helps(someone, "Adding a site")
        await begin(someone, house)
        await someone.is_back()
        for number, (name, title) in enumerate(HELPED, start=1):
            await someone.is_back()
            someone.press(Qt.Key(Qt.Key.Key_0 + number), CONTROL)
            await someone.sees(partial(is_shown, window, name))
            await helps(someone, title)
        window.help.show_topic("start")
        await someone.sees(lambda: "puts it back" in window.help.page.toPlainText())
        window.help.page.anchorClicked.emit(QUrl("kit.md"))
        await someone.sees(lambda: window.help.page.toPlainText().startswith("The recovery kit"))

    async def helps(someone: Technician, title: str) -> None:
        await someone.is_back()
        someone.press(Qt.Key.Key_F1)
        await someone.sees(lambda: someone.window.help.page.toPlainText().startswith(title))
        someone.window.help.close()
        await someone.is_back()

    run_in_window(qapp, house.data, story)


# --- the strip --------------------------------------------------------------------------------


@pytest.mark.spec("X1")
def test_several_runs_fold_into_one_line(qtbot: QtBot) -> None:
    strip = WorkStrip(ENGLISH)
    qtbot.addWidget(strip)
    for number in range(5):
        strip.show_work(Work(f"run-{number}", text("Backup {number}", number=number)))
    assert strip._fold.text() == "5 running"
    assert not any(row.isVisibleTo(strip) for row in strip._rows.values())
    QTest.mouseClick(strip._fold, Qt.MouseButton.LeftButton)
    assert all(row.isVisibleTo(strip) for row in strip._rows.values())


# --- closing ----------------------------------------------------------------------------------


@pytest.mark.spec("X1", "J2")
def test_work_goes_on_without_the_window_and_the_program_ends_with_it(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Technician) -> None:
        await begin(someone, house)
        run = await begin_endless(someone, house)
        someone.window.close()
        await someone.sees(lambda: isinstance(someone.dialog(), QMessageBox))
        someone.click("Keep working")
        await someone.sees(lambda: not someone.window.isVisible())
        assert not someone.window.closed.is_set()
        someone.window.come_forward()
        assert someone.window.isVisible()
        someone.window.close()
        await someone.sees(lambda: isinstance(someone.dialog(), QMessageBox))
        someone.click("Keep working")
        await someone.bridge.ask(lambda app: app.runner.cancel(SITE, run))
        await someone.sees(someone.window.closed.is_set)
        assert await someone.bridge.ask(lambda app: outcome(app, run)) is Outcome.CANCELLED

    run_in_window(qapp, house.data, story)


def test_the_question_at_the_end_promises_no_tray_where_there_is_none(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    question = CloseQuestion(ENGLISH, 2, parent)
    assert not QSystemTrayIcon.isSystemTrayAvailable()
    assert "tray" not in question.informativeText()
    assert question.text() == "2 runs are under way here."


# --- one window, and what it remembers --------------------------------------------------------


async def _brought_forward(first: OnlyWindow, data: Path) -> None:
    wanted: list[bool] = []
    first.wanted.connect(lambda: wanted.append(True))
    second = OnlyWindow(places(data))
    assert not second.take()
    await true_soon(lambda: wanted)
    second.deleteLater()


@pytest.mark.spec("X1")
def test_a_second_start_brings_the_first_window_forward(qapp: QApplication, tmp_path: Path) -> None:
    async def story() -> None:
        first = OnlyWindow(places(tmp_path / "data"))
        assert first.take()
        await _brought_forward(first, tmp_path / "data")
        other = OnlyWindow(places(tmp_path / "other"))
        assert other.take(), "another data folder has a window of its own"
        for each in (first, other):
            each.release()
        again = OnlyWindow(places(tmp_path / "data"))
        assert again.take()
        again.release()
        for each in (first, other, again):
            each.deleteLater()

    on_window_loop(qapp, story())


def test_a_folder_that_cannot_be_used_does_not_keep_the_window_away(qapp: QApplication, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("a file stands where the folder should be")
    only = OnlyWindow(places(data))
    assert only.take()
    only.release()
    only.deleteLater()
    remember(places(data), Remembered(QByteArray(), QByteArray()))
    assert data.is_file()


def test_the_window_stands_again_where_it_stood(qapp: QApplication, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    here = places(tmp_path / "data")
    assert recall(here) == Remembered(QByteArray(), QByteArray())
    left = Remembered(QByteArray(b"\x01geometry"), QByteArray(b"parts"), Look.SUNLIGHT, "north-house")
    remember(here, left)
    assert recall(here) == left
    (tmp_path / "data" / "window.ini").write_text("[General]\nlook=of a later version\n")
    assert recall(here).look is Look.SYSTEM


def test_the_size_of_the_window_and_its_parts_are_kept(qapp: QApplication, house: Greenhouse) -> None:
    kept: list[Remembered] = []

    async def first(someone: Technician) -> None:
        await begin(someone, house)
        someone.window.resize(800, 600)  # the screen of the tests is no larger
        kept.append(someone.window.remembered(Look.LIGHT))

    async def second(someone: Technician) -> None:
        someone.window.restore(kept[0])
        assert (someone.window.width(), someone.window.height()) == (800, 600)
        assert kept[0].site == SITE
        await someone.reads_soon("There is no complete recovery point")

    run_in_window(qapp, house.data, first)
    run_in_window(qapp, house.data, second)


def test_a_look_is_chosen_in_its_menu(qtbot: QtBot) -> None:
    button = LookButton(ENGLISH)
    qtbot.addWidget(button)
    with qtbot.waitSignal(button.chosen) as chosen:
        button._actions[Look.SUNLIGHT].trigger()
    assert chosen.args == [Look.SUNLIGHT]
    assert [action.text() for action in button._menu.actions()] == ["As the desktop", "Light", "Dark", "Sunlight"]
