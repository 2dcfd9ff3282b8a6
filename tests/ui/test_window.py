"""The first window with the real program behind it: its states, its cards, and how it is closed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt, QTimer, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QApplication,
    QComboBox,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QWidget,
)

from app.foundation.events import Outcome
from app.foundation.words import text
from app.ui.defects import Defects
from app.ui.models.runs import WHO
from app.ui.pages.dashboard.band import Band
from app.ui.theme import TARGET
from app.ui.widgets.controls import Choice
from app.ui.widgets.runs_table import RunsTable
from tests.ui.greenhouse import PASSPHRASE, PASSWORD, PASSWORD_NAME, SITE, Greenhouse, restics_running
from tests.ui.technician import Technician, environment, run_in_window

if TYPE_CHECKING:
    from app.assembly import Overwinter

pytestmark = [
    pytest.mark.usefixtures("vault"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]


@pytest.fixture
def house(tmp_path: Path, restic: str) -> Greenhouse:
    """A greenhouse with its repository."""
    made = Greenhouse(tmp_path).grow()
    made.make_repository(restic)
    return made


async def begin(someone: Technician, house: Greenhouse) -> None:
    """The site is there, its points have been read."""
    await someone.bridge.ask(house.set_up)
    someone.window.load()
    await someone.reads_soon("Not protected")


async def begin_endless(someone: Technician, house: Greenhouse) -> str:
    """A backup that does not end by itself, in the middle; gives its run."""
    house.make_endless()
    someone.click("Back up now")
    second = someone.language.render(text("step {number} of {of}", number=2, of=""))
    await someone.sees(lambda: someone.reads(second) and someone.reads("%"))
    (run,) = someone.window.runs.own
    return run


async def outcome(app: Overwinter, run: str) -> Outcome | None:
    return (await app.records(SITE).run(run)).outcome


def band(someone: Technician) -> Band:
    return someone.window.dashboard.band


def has_points(someone: Technician, count: int) -> bool:
    return len(band(someone).points) == count


def table(someone: Technician) -> RunsTable:
    return someone.window.runs_page.table


# --- a backup ---------------------------------------------------------------------------------


@pytest.mark.spec("B1", "J1")
def test_the_window_answers_all_the_time_while_a_backup_runs(qapp: QApplication, house: Greenhouse) -> None:
    gaps: list[float] = []

    async def story(someone: Technician) -> None:
        from tests.ui.breath import Breath

        await begin(someone, house)
        for number in range(3):
            with Breath() as breath:
                someone.click("Back up now")
                await someone.sees(partial(has_points, someone, number + 1))
            gaps.append(breath.gap)

    run_in_window(qapp, house.data, story)
    assert min(gaps) <= 100, gaps


@pytest.mark.spec("J1")
def test_while_a_backup_runs_what_is_known_stays(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Technician) -> None:
        await begin(someone, house)
        someone.click("Back up now")
        await someone.reads_soon("Backed up today")
        run = await begin_endless(someone, house)
        someone.click("Refresh")
        await someone.sees(lambda: not someone.window.dashboard.tasks)
        assert band(someone).isVisible()
        assert someone.reads("Backed up today")
        assert someone.reads("step 2 of ")
        assert not someone.reads("Not known")
        button = someone.button("Back up now")
        assert button is not None
        assert not button.isEnabled()
        someone.click("Runs")
        someone.window.runs.cancel(run)
        await someone.reads_soon("Cancelled after")
        assert table(someone).isVisible()

    run_in_window(qapp, house.data, story)


@pytest.mark.spec("B5", "X3")
def test_what_a_backup_left_out_is_named_in_a_card(qapp: QApplication, tmp_path: Path, restic: str) -> None:
    house = Greenhouse(tmp_path, sources=("laravel", "broker", "photos")).grow()
    house.make_repository(restic)
    (house.root("broker")).rename(tmp_path / "gone")

    async def story(someone: Technician) -> None:
        await begin(someone, house)
        someone.click("Back up now")
        await someone.reads_soon("broker: The folder")
        await someone.sees(lambda: has_points(someone, 1))
        await someone.sees_it_rest()
        assert someone.reads("broker: The folder"), "reading the points took the card away"
        assert someone.reads("Not protected")
        someone.click("Close this message")
        assert not someone.reads("broker: The folder of")
        someone.click("Refresh")
        await someone.sees_it_rest()
        assert not someone.reads("broker: The folder of"), "what was read and closed came back"
        someone.click("Runs")
        await someone.reads_soon("2 of 3 sources saved")

    run_in_window(qapp, house.data, story)


@pytest.mark.spec("J1")
def test_a_past_run_is_shown_by_its_point_and_one_of_another_computer_says_so(
    qapp: QApplication, house: Greenhouse
) -> None:
    async def forget(app: Overwinter) -> None:
        with closing(sqlite3.connect(house.data / "overwinter.db")) as database, database:
            database.execute("pragma foreign_keys = on")
            database.execute("delete from runs")

    async def story(someone: Technician) -> None:
        await begin(someone, house)
        for count in (1, 2):
            someone.click("Back up now")
            await someone.sees(partial(has_points, someone, count))
        await someone.sees_it_rest()
        someone.click("Runs")
        await someone.sees(lambda: table(someone).runs.rowCount() == 2 and someone.window.runs_page.shown_run)
        older = table(someone).runs.run(1)
        assert not someone.reads(f"Backup {older.id[:8]}")
        cell = table(someone).visualRect(table(someone).runs.index(1, 0)).center()
        QTest.mouseClick(table(someone).viewport(), Qt.MouseButton.LeftButton, pos=cell)
        await someone.sees(lambda: someone.reads(f"Backup {older.id[:8]}") and someone.reads("1 source saved in"))
        assert someone.button("Cancel") is None
        await someone.bridge.ask(forget)
        someone.click("Refresh")
        await someone.sees(lambda: table(someone).runs.index(0, WHO).data() == "another computer")
        QTest.keyClick(table(someone), Qt.Key.Key_Up)
        await someone.reads_soon("not recorded on this computer")
        someone.click("Dashboard")
        band(someone).setFocus()
        for key in (Qt.Key.Key_Left, Qt.Key.Key_Return):
            QTest.keyClick(band(someone), key)
        await someone.sees(someone.window.late_page("snapshots").isVisible)
        await someone.reads_soon("1 source · ")

    run_in_window(qapp, house.data, story)


@pytest.mark.spec("J1")
def test_a_run_of_another_site_goes_on_in_the_strip_and_leads_back(
    qapp: QApplication, house: Greenhouse, tmp_path: Path
) -> None:
    other = Greenhouse(tmp_path / "other", name="east", title="East")

    async def story(someone: Technician) -> None:
        await begin(someone, house)
        await someone.bridge.ask(lambda app: app.add_site(other.toml.encode()))
        someone.window.load()
        await someone.sees(lambda: sites(someone).count() == 2)
        run = await begin_endless(someone, house)
        sites(someone).setCurrentIndex(sites(someone).findData("east"))
        await someone.reads_soon("is not stored")
        assert someone.button("Back up now").isEnabled()  # type: ignore[union-attr]  # it is there
        assert someone.reads("step 2 of ")
        strip = next(button for button in someone.window.strip.findChildren(QAbstractButton) if button.isVisible())
        QTest.mouseClick(strip, Qt.MouseButton.LeftButton)
        await someone.sees(lambda: someone.window.site == SITE and someone.reads("Back up laravel"))
        someone.click("Cancel")
        await someone.reads_soon("Cancelled after")
        assert await someone.bridge.ask(lambda app: outcome(app, run)) is Outcome.CANCELLED

    run_in_window(qapp, house.data, story)


def sites(someone: Technician) -> Choice:
    return someone.window.navigation.sites


class Desktop(QWidget):
    """Stands in for the desktop's own programs."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def take(self, url: QUrl) -> None:
        """Opens nothing, and remembers what it was asked for."""
        self.opened.append(url.toLocalFile())


def test_the_log_file_is_opened_by_the_desktop(qapp: QApplication, house: Greenhouse) -> None:
    desktop = Desktop()
    QDesktopServices.setUrlHandler("file", desktop, "take")  # type: ignore[arg-type]  # its stub says bytes, it takes str

    async def story(someone: Technician) -> None:
        await begin(someone, house)
        someone.click("Back up now")
        await someone.reads_soon("Backed up today")
        someone.click("Runs")
        await someone.sees(lambda: someone.button("Open the log file") and someone.rests())
        someone.click("Open the log file")
        await someone.sees(lambda: desktop.opened)

    try:
        run_in_window(qapp, house.data, story)
    finally:
        QDesktopServices.unsetUrlHandler("file")
        desktop.deleteLater()
    assert "restic" in Path(desktop.opened[0]).read_text()


# --- what stands in the way -------------------------------------------------------------------


@pytest.mark.spec("X3")
def test_a_wrong_password_is_mended_on_its_card(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Technician) -> None:
        await someone.bridge.ask(house.set_up)
        await someone.bridge.ask(lambda app: app.set_secret(SITE, PASSWORD_NAME, "not-this-one"))
        someone.window.load()
        await someone.reads_soon("The password does not open the repository")
        assert someone.reads("not known now")
        someone.click("Store another password…")
        await someone.is_asked()
        someone.types(PASSWORD)
        someone.press(Qt.Key.Key_Return)
        await someone.reads_soon("There is no complete recovery point")
        assert not someone.reads("The password does not open the repository")

    run_in_window(qapp, house.data, story)


@pytest.mark.spec("X3", "P3")
def test_where_something_was_saved_before_no_new_repository_is_offered(qapp: QApplication, house: Greenhouse) -> None:
    away = house.folder / "unplugged"

    async def story(someone: Technician) -> None:
        await begin(someone, house)
        someone.click("Back up now")
        await someone.reads_soon("Backed up today")
        house.repository.rename(away)
        someone.click("Refresh")
        await someone.reads_soon("There is no repository")
        assert someone.button("Make the repository") is None
        assert someone.reads("The last complete point was today")
        assert band(someone).isVisible()
        someone.click("Back up now")
        await someone.sees(lambda: someone.window.runs.live)
        await someone.sees_it_rest()
        await someone.reads_soon("Failed: Backup")
        away.rename(house.repository)
        someone.click("Try again")
        await someone.reads_soon("Backed up today")
        await someone.sees(lambda: someone.button("Close this message") is None)

    run_in_window(qapp, house.data, story)


@pytest.mark.spec("S4", "X3")
def test_a_vault_asks_for_its_passphrase_and_says_when_it_was_wrong(
    qapp: QApplication, house: Greenhouse, tmp_path: Path
) -> None:
    async def before(someone: Technician) -> None:
        await begin(someone, house)

    async def story(someone: Technician) -> None:
        await someone.is_asked()
        assert someone.reads("no keyring on this computer")
        someone.press(Qt.Key.Key_Escape)
        await someone.reads_soon("not known now")
        for typed in ("wrong one", PASSPHRASE):
            await someone.presses_soon("Type the passphrase…")
            await someone.is_asked()
            someone.types(typed)
            someone.press(Qt.Key.Key_Return)
            await someone.sees(lambda: someone.dialog() is None)
        await someone.reads_soon("There is no complete recovery point")

    run_in_window(qapp, house.data, before)
    with environment(OVERWINTER_VAULT_PASSPHRASE_FILE=None):
        run_in_window(qapp, house.data, story)


@pytest.mark.spec("X3")
def test_a_data_folder_that_cannot_be_used_is_a_card_and_is_tried_again(qapp: QApplication, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("a file stands where the folder should be")

    async def story(someone: Technician) -> None:
        await someone.sees(lambda: someone.button("Try again"))
        assert someone.button("Back up now") is None
        data.unlink()
        someone.click("Try again")
        await someone.reads_soon("What brings you here")
        assert someone.button("Try again") is None

    run_in_window(qapp, data, story)


@pytest.mark.spec("X3")
def test_the_database_of_a_newer_version_is_left_alone(qapp: QApplication, tmp_path: Path) -> None:
    async def opened(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")

    async def story(someone: Technician) -> None:
        await someone.sees(lambda: someone.button("Try again"))
        assert someone.reads("newer")

    data = tmp_path / "data"
    run_in_window(qapp, data, opened)
    make_newer(data / "overwinter.db")
    run_in_window(qapp, data, story)


def make_newer(database: Path) -> None:
    """No program of today opens it any more."""
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("update alembic_version set version_num = '9999'")


@pytest.mark.spec("V3", "X3")
def test_how_the_site_stood_last_is_read_also_when_the_program_cannot_be_opened(
    qapp: QApplication, house: Greenhouse
) -> None:
    async def first(someone: Technician) -> None:
        await begin(someone, house)
        someone.click("Back up now")
        await someone.sees(partial(has_points, someone, 1))
        await someone.reads_soon("Not yet protected")

    async def second(someone: Technician) -> None:
        await someone.sees(lambda: someone.button("Try again"))
        assert someone.reads("newer")
        await someone.sees(partial(has_points, someone, 1))
        assert someone.reads("Not yet protected")
        assert someone.window.site == house.name

    run_in_window(qapp, house.data, first)
    make_newer(house.data / "overwinter.db")
    run_in_window(qapp, house.data, second, last=house.name)


@pytest.mark.spec("X3")
@pytest.mark.parametrize("damage", [b"", b'{"known": 7}'])
def test_a_damaged_memory_of_the_last_time_is_as_none(qapp: QApplication, house: Greenhouse, damage: bytes) -> None:
    async def first(someone: Technician) -> None:
        await begin(someone, house)

    async def second(someone: Technician) -> None:
        await someone.reads_soon("There is no complete recovery point.")

    run_in_window(qapp, house.data, first)
    (memory,) = (house.data / "cache" / "overviews").iterdir()
    memory.write_bytes(damage)
    run_in_window(qapp, house.data, second, last=house.name)


@pytest.mark.spec("X3")
def test_a_memory_that_cannot_be_judged_does_not_keep_the_program_from_opening(
    qapp: QApplication, house: Greenhouse
) -> None:
    """It may be of another version of the program, or somebody has written into it."""

    async def first(someone: Technician) -> None:
        await begin(someone, house)
        someone.click("Back up now")
        await someone.sees(partial(has_points, someone, 1))

    async def second(someone: Technician) -> None:
        await someone.reads_soon("Not yet protected")
        await someone.sees(partial(has_points, someone, 1))

    run_in_window(qapp, house.data, first)
    (memory,) = (house.data / "cache" / "overviews").iterdir()
    known = json.loads(memory.read_bytes())
    known["known"]["site"]["time_zone"] = "Nowhere/Else"
    memory.write_text(json.dumps(known))
    run_in_window(qapp, house.data, second, last=house.name)


@pytest.mark.spec("S1")
def test_a_site_that_was_shown_last_and_is_gone_gives_way_to_one_that_is_there(
    qapp: QApplication, house: Greenhouse
) -> None:
    async def first(someone: Technician) -> None:
        await begin(someone, house)

    async def second(someone: Technician) -> None:
        await someone.reads_soon(house.title)
        await someone.sees(lambda: someone.window.site == house.name)

    run_in_window(qapp, house.data, first)
    cache = house.data / "cache" / "overviews"
    known = (cache / f"{house.name}.json").read_text()
    (cache / "south-house.json").write_text(known.replace(house.name, "south-house"))
    run_in_window(qapp, house.data, second, last="south-house")


@pytest.mark.spec("X3")
def test_a_bad_site_file_is_a_card(qapp: QApplication, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("format = 1\nnme = 'x'\n")

    async def story(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")
        someone.window.adding.add_site(str(bad))
        await someone.sees(lambda: someone.button("Close this message"))
        assert someone.reads('The key "name" is missing')
        assert someone.reads("What brings you here")

    run_in_window(qapp, tmp_path / "data", story)


# --- many sites, long names, small screens ----------------------------------------------------


@pytest.mark.spec("S1", "X2")
@pytest.mark.parametrize("size", [(1366, 768), (1024, 700)])
def test_forty_sites_and_the_longest_title_fit_the_window(
    qapp: QApplication, tmp_path: Path, size: tuple[int, int]
) -> None:
    async def add(app: Overwinter) -> None:
        for number in range(40):
            title = "Ж" * 200 if number == 0 else f"Greenhouse {number}"
            site = Greenhouse(tmp_path / f"{number}", name=f"site-{number:02d}", title=title)
            await app.add_site(site.toml.encode())

    def folders() -> None:
        for number in range(40):
            (tmp_path / f"{number}").mkdir()

    async def story(someone: Technician) -> None:
        folders()
        await someone.bridge.ask(add)
        someone.window.load()
        await someone.sees(lambda: sites(someone).count() == 40 and someone.reads("is not stored"))
        assert (someone.window.width(), someone.window.height()) == size
        for place in ("Dashboard", "Runs", "All sites"):
            someone.click(place)
            await someone.sees_it_rest()
            nothing_is_cut(someone)

    run_in_window(qapp, tmp_path / "data", story, size)


def nothing_is_cut(someone: Technician) -> None:
    window = someone.window
    for widget in window.findChildren(QWidget):
        if widget.isVisible() and isinstance(widget, QAbstractButton | QComboBox):
            right = widget.mapTo(window, widget.rect().topRight()).x()
            assert right <= window.width(), widget.accessibleName()


# --- keyboard and names -----------------------------------------------------------------------


def named_and_large(root: QWidget) -> None:
    kinds = (QAbstractButton, QComboBox, QLineEdit, QAbstractItemView, QPlainTextEdit, QAbstractScrollArea)
    for widget in root.findChildren(QWidget):
        takes_keys = widget.isVisible() and bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        if not takes_keys or not isinstance(widget, kinds) or isinstance(widget.parent(), QLineEdit):
            continue
        name = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
        assert name, f"{widget} has no name"
        assert widget.height() >= TARGET, f"{name} is too small for a gloved hand: {widget.height()}"


def round_trip(someone: Technician) -> list[str]:
    """The names of all that Tab reaches, in order, from one thing back to it."""
    order: list[QWidget] = []
    while (focused := someone.focused()) not in order:
        order.append(focused)
        someone.press(Qt.Key.Key_Tab)
    return [each.accessibleName() or (each.text() if isinstance(each, QAbstractButton) else "") for each in order]


@pytest.mark.spec("X2")
def test_everything_has_a_name_and_is_reached_by_tab_in_reading_order(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")
        named_and_large(someone.window)
        await begin(someone, house)
        someone.click("Back up now")
        await someone.reads_soon("Backed up today")
        house.repository.rename(house.folder / "away")
        someone.click("Refresh")
        await someone.reads_soon("There is no repository")
        (house.folder / "away").rename(house.repository)
        run = await begin_endless(someone, house)
        someone.window.dashboard.load()
        named_and_large(someone.window)
        await someone.tabs_to("Refresh")
        order = round_trip(someone)
        wanted = ["Site", "Dashboard", "Runs", "Refresh", "Try again", "What can be brought back, to when", "All runs"]
        assert [name for name in order if name in wanted] in rotations(wanted), order
        assert any(name.startswith("Cancel Backup") for name in order), order
        someone.click("Runs")
        await someone.sees(someone.window.runs_page.panel.steps.isVisible)
        named_and_large(someone.window)
        await someone.tabs_to("Find a run")
        order = round_trip(someone)
        wanted = ["Find a run", "Status", "Type", "Refresh", "Runs", "Steps", "Find in the log", "Log", "Site"]
        assert [name for name in order if name in wanted and name != "Runs"] in rotations(
            [name for name in wanted if name != "Runs"]
        ), order
        assert order.count("Runs") == 2, "the way there, and the table"
        someone.window.runs.cancel(run)
        await someone.reads_soon("Cancelled after")

    run_in_window(qapp, house.data, story)


def rotations(names: list[str]) -> list[list[str]]:
    return [names[at:] + names[:at] for at in range(len(names))]


# --- defects ----------------------------------------------------------------------------------


@pytest.mark.spec("X3", "S4")
def test_what_nobody_caught_is_shown_and_written_without_secrets(
    qapp: QApplication, house: Greenhouse, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ValueError(f"it was {PASSWORD}")

    async def story(someone: Technician) -> None:
        await begin(someone, house)
        defects = Defects(someone.bridge, someone.window.show_error)
        try:
            QTimer.singleShot(0, fail)
            await someone.reads_soon("Something went wrong inside Overwinter")
        finally:
            defects.stop()
        said = capsys.readouterr().err
        assert "ValueError" in said
        assert "[secret]" in said
        assert PASSWORD not in said

    run_in_window(qapp, house.data, story)


# --- closing ----------------------------------------------------------------------------------


def question(someone: Technician) -> QMessageBox | None:
    dialog = someone.dialog()
    return dialog if isinstance(dialog, QMessageBox) else None


@pytest.mark.spec("J2")
def test_closing_while_a_backup_runs_asks_and_puts_it_away(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Technician) -> None:
        await begin(someone, house)
        run = await begin_endless(someone, house)
        someone.window.close()
        someone.window.close()
        await someone.sees(partial(question, someone))
        someone.click("Stay")
        assert someone.window.isVisible()
        assert not someone.window.closed.is_set()
        someone.window.close()
        await someone.sees(partial(question, someone))
        someone.click("Cancel it and close")
        await someone.sees(someone.window.closed.is_set)
        assert await someone.bridge.ask(lambda app: outcome(app, run)) is Outcome.CANCELLED

    run_in_window(qapp, house.data, story)
    assert house.locks() == []
    assert restics_running() == []


@pytest.mark.spec("J2")
def test_a_window_that_ends_at_once_still_puts_its_backup_away(qapp: QApplication, house: Greenhouse) -> None:
    runs: list[str] = []

    async def story(someone: Technician) -> None:
        await begin(someone, house)
        runs.append(await begin_endless(someone, house))
        someone.window.end()
        assert someone.window.closed.is_set()

    async def afterwards(someone: Technician) -> None:
        assert await someone.bridge.ask(lambda app: outcome(app, runs[0])) is Outcome.CANCELLED

    run_in_window(qapp, house.data, story)
    assert house.locks() == []
    assert restics_running() == []
    run_in_window(qapp, house.data, afterwards)


def test_closing_while_the_passphrase_is_asked_ends_everything(qapp: QApplication, house: Greenhouse) -> None:
    async def before(someone: Technician) -> None:
        await begin(someone, house)

    async def story(someone: Technician) -> None:
        await someone.is_asked()
        someone.window.close()
        assert someone.window.closed.is_set()

    run_in_window(qapp, house.data, before)
    with environment(OVERWINTER_VAULT_PASSPHRASE_FILE=None):
        run_in_window(qapp, house.data, story)


def test_a_window_may_be_closed_before_anything_was_opened(qapp: QApplication, tmp_path: Path) -> None:
    async def story(someone: Technician) -> None:
        someone.window.close()
        someone.window.close()
        assert someone.window.closed.is_set()

    run_in_window(qapp, tmp_path / "data", story)


def test_the_title_names_the_site(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Technician) -> None:
        await begin(someone, house)
        assert someone.window.windowTitle() == f"{house.title} – Overwinter"

    run_in_window(qapp, house.data, story)
