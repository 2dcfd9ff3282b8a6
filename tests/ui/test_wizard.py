"""The restore wizard over a real site: by mouse, by keyboard alone, and what it says where it cannot go on."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.foundation.events import Outcome
from app.ui.pages.snapshots.dialogs import PhraseDialog
from app.ui.restoring.wizard import CHECK, CONFIRM, POINT, PROGRESS, REPORT, WHAT, RestoreWizard
from app.ui.theme import Look
from app.ui.widgets.option import Option
from app.ui.widgets.tick import Tick
from tests.ui.album import Album
from tests.ui.greenhouse import SITE, Greenhouse
from tests.ui.technician import Technician, run_in_window

if TYPE_CHECKING:
    from app.assembly import Overwinter
    from app.records.run import Run

pytestmark = [
    pytest.mark.usefixtures("vault", "restic"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]

if sys.platform == "win32":
    pytest.skip("its commands are those of POSIX", allow_module_level=True)


class Restorer:
    """A technician at the wizard of one greenhouse."""

    def __init__(self, someone: Technician, greenhouse: Greenhouse) -> None:
        self.someone = someone
        self.greenhouse = greenhouse
        self.decisions = 0

    @property
    def wizard(self) -> RestoreWizard:
        """The wizard that stands before the window."""
        (found,) = [one for one in self.someone.window.findChildren(RestoreWizard) if one.isVisible()]
        return found

    async def opens(self) -> None:
        """Opens it from the navigation, and waits until a point is chosen and read."""
        self.decides("Restore…")
        await self.someone.sees(lambda: self.wizard.point.is_ready)

    def decides(self, button: str) -> None:
        """Presses a button, which is a decision."""
        self.decisions += 1
        self.someone.click(button)

    async def goes_on(self, button: str, step: int) -> None:
        """Goes on to the next step."""
        await self.someone.presses_soon(button)
        self.decisions += 1
        await self.someone.sees(lambda: self.wizard.step == step)

    def is_at(self, step: int) -> bool:
        """Whether it shows this step."""
        return self.wizard.step == step

    @property
    def phrase(self) -> str:
        """What is to be typed, as a screen reader says it."""
        return self.wizard.confirm.field.accessibleName().removeprefix("Type ")

    async def checks(self) -> None:
        """From the first step to what was found."""
        await self.goes_on("Next", WHAT)
        await self.goes_on("Check", CHECK)
        await self.someone.sees(lambda: self.wizard.check.is_ready)

    async def confirms(self) -> None:
        """Types the phrase and has it begin."""
        await self.goes_on("Next", CONFIRM)
        QTest.keyClicks(self.wizard.confirm.field, self.phrase)
        self.decisions += 1
        await self.goes_on("Restore now", PROGRESS)

    async def sees_the_end(self) -> Run:
        """Waits for the report; gives the run."""
        await self.someone.sees(lambda: self.wizard.step == REPORT and self.wizard.report.save.isVisible())
        run: Run = (await self.someone.bridge.ask(lambda app: app.records(SITE).runs(kind="restore", limit=1)))[0]
        return run

    async def saves_into(self, file: Path) -> None:
        """Saves the report, as the dialog would have it done."""
        self.wizard.save_report(str(file))
        await self.someone.sees(file.exists)


async def backed_up(someone: Technician, greenhouse: Greenhouse) -> None:
    """The site is here and has a point."""

    async def add(app: Overwinter) -> None:
        await greenhouse.set_up(app)
        launched = await app.back_up(greenhouse.name)
        run = await app.runner.wait(greenhouse.name, launched.run)
        assert run.outcome is Outcome.SUCCESS, run.error

    await someone.bridge.ask(add)
    someone.window.load()
    await someone.sees(lambda: someone.window.site == greenhouse.name)
    await someone.sees_it_rest()


@pytest.fixture
def greenhouse(tmp_path: Path, restic: str) -> Greenhouse:
    made = Greenhouse(tmp_path).grow(6)
    made.make_repository(restic)
    return made


def change(root: Path) -> dict[str, str]:
    """Something is deleted, something changed, something new; gives what was there before."""
    before = {path.name: path.read_text() for path in root.iterdir()}
    (root / "file-0").unlink()
    (root / "file-1").write_text("changed since")
    (root / "new").write_text("new since")
    return before


def found_in(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in root.iterdir()}


@pytest.mark.spec("R3", "R5", "R6", "R9")
def test_from_the_dashboard_to_a_restore_and_back_by_mouse(
    qapp: QApplication, greenhouse: Greenhouse, tmp_path: Path, album: Album
) -> None:
    root = greenhouse.root()

    async def story(someone: Technician) -> None:
        await backed_up(someone, greenhouse)
        before = change(root)
        now = found_in(root)
        at = Restorer(someone, greenhouse)
        await at.opens()
        await album.take(someone, "point", of=at.wizard)
        await at.goes_on("Next", WHAT)
        await album.take(someone, "what", of=at.wizard)
        await at.goes_on("Check", CHECK)
        await someone.sees(lambda: at.wizard.check.is_ready)
        await album.take(someone, "check", of=at.wizard)
        listed = {(one.path, one.sort) for one in map(at.wizard.check._names.row, range(at.wizard.check._names.total))}
        assert listed == {("file-0", "created"), ("file-1", "overwritten"), ("new", "deleted")}
        assert found_in(root) == now, "a look changes nothing"
        await at.goes_on("Next", CONFIRM)
        await album.take(someone, "confirm", of=at.wizard)
        QTest.keyClicks(at.wizard.confirm.field, at.phrase)
        at.decisions += 1
        await at.goes_on("Restore now", PROGRESS)
        await someone.sees(lambda: at.wizard.progress.staging.steps.model().rowCount())
        await album.take(someone, "progress", of=at.wizard, looks=(Look.LIGHT, Look.DARK))
        run = await at.sees_the_end()
        await album.take(someone, "report", of=at.wizard)
        assert run.outcome is Outcome.SUCCESS, run.error
        assert at.decisions <= 9
        assert found_in(root) == before
        assert someone.reads("It is done.")
        for name in ("report.md", "report.pdf"):
            await at.saves_into(tmp_path / name)
        assert f"Restore of {SITE}" in (tmp_path / "report.md").read_text()
        assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
        at.decides("Put the old state back…")
        await someone.sees(lambda: isinstance(someone.dialog(), PhraseDialog))
        dialog = someone.dialog()
        assert isinstance(dialog, PhraseDialog)
        QTest.keyClicks(dialog.field, f"PUT BACK {SITE} {run.short_id}")
        someone.click("Put it back")
        await someone.sees(lambda: found_in(root) == now, 60)
        await someone.sees_it_rest()

    run_in_window(qapp, greenhouse.data, story)


@pytest.mark.spec("R3", "X3")
def test_a_restore_by_the_keyboard_alone(qapp: QApplication, greenhouse: Greenhouse) -> None:
    root = greenhouse.root()

    async def story(someone: Technician) -> None:
        await backed_up(someone, greenhouse)
        before = change(root)
        at = Restorer(someone, greenhouse)
        await someone.is_back()
        QTest.keyClick(someone.window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
        await someone.sees(lambda: at.wizard.point.is_ready)
        for step in (WHAT, CHECK, CONFIRM):
            await tabs_to(someone, at, at.wizard.on.text())
            await someone.sees(at.wizard.on.isEnabled)
            someone.press(Qt.Key.Key_Return)
            await someone.sees(partial(at.is_at, step))
            if step == CHECK:
                await someone.sees(lambda: at.wizard.check.is_ready)
        assert someone.focused() is at.wizard.confirm.field
        someone.types(at.phrase)
        someone.press(Qt.Key.Key_Return)
        run = await at.sees_the_end()
        assert run.outcome is Outcome.SUCCESS, run.error
        assert found_in(root) == before

    run_in_window(qapp, greenhouse.data, story)


async def tabs_to(someone: Technician, at: Restorer, name: str) -> None:
    """Goes on with Tab until the button with this word has the keyboard."""
    at.wizard.activateWindow()
    await someone.sees(at.wizard.isActiveWindow)
    for _ in range(80):
        focused = QApplication.focusWidget()
        if focused is at.wizard.on:
            return
        QTest.keyClick(focused or at.wizard, Qt.Key.Key_Tab)
    raise AssertionError(f"{name!r} cannot be reached with Tab")


@pytest.mark.spec("R3", "R13")
def test_into_a_folder_and_prepared_for_later(
    qapp: QApplication, greenhouse: Greenhouse, tmp_path: Path, album: Album
) -> None:
    root, target = greenhouse.root(), tmp_path / "look"

    async def story(someone: Technician) -> None:
        await backed_up(someone, greenhouse)
        before = change(root)
        now = found_in(root)
        at = Restorer(someone, greenhouse)
        await at.opens()
        await at.goes_on("Next", WHAT)
        option(at, "Into a folder").click()
        assert not at.wizard.on.isEnabled()
        at.wizard.what._folder.setText(str(target))
        await at.goes_on("Check", CHECK)
        await someone.sees(lambda: at.wizard.check.is_ready)
        await at.goes_on("Next", CONFIRM)
        await at.goes_on("Restore now", PROGRESS)
        run = await at.sees_the_end()
        assert run.outcome is Outcome.SUCCESS, run.error
        assert found_in(target / "laravel" / "laravel") == before
        someone.click("Close")
        await someone.sees_it_rest()

        await at.opens()
        await at.goes_on("Next", WHAT)
        option(at, "Prepare now, switch later").click()
        await at.goes_on("Check", CHECK)
        await someone.sees(lambda: at.wizard.check.is_ready)
        await at.confirms()
        prepared = await at.sees_the_end()
        assert found_in(root) == now, "nothing that is live is touched"
        someone.click("Close")
        await someone.sees_it_rest()
        someone.window.navigate("runs", prepared.id)
        await someone.reads_soon("What was prepared waits to be exchanged.")
        kinds = [run.shown_kind for run in await someone.bridge.ask(lambda app: app.records(SITE).runs())]
        assert kinds == ["restore", "restore-look", "restore", "restore-look", "backup"]
        await album.take(someone, "prepared")
        someone.click("Switch now…")
        await someone.sees(lambda: at.wizard.step == CHECK and at.wizard.check.is_ready)
        await at.confirms()
        run = await at.sees_the_end()
        assert run.outcome is Outcome.SUCCESS, run.error
        assert found_in(root) == before
        someone.click("Close")
        await someone.sees_it_rest()
        someone.window.navigate("runs", run.id)
        await someone.reads_soon("The old state stays until")
        someone.window.runs_page.old_state.save_report(str(tmp_path / "later.md"))
        await someone.sees((tmp_path / "later.md").exists)

    run_in_window(qapp, greenhouse.data, story)


@pytest.mark.spec("R10")
def test_in_place_file_by_file(qapp: QApplication, greenhouse: Greenhouse, album: Album) -> None:
    root = greenhouse.root()

    async def story(someone: Technician) -> None:
        await backed_up(someone, greenhouse)
        before, inode = change(root), root.stat().st_ino
        at = Restorer(someone, greenhouse)
        await at.opens()
        await at.goes_on("Next", WHAT)
        option(at, "In place, file by file").click()
        await album.take(someone, "in-place", of=at.wizard, looks=(Look.LIGHT, Look.DARK))
        await at.goes_on("Check", CHECK)
        await someone.sees(lambda: at.wizard.check.is_ready)
        await album.take(someone, "check", of=at.wizard, looks=(Look.LIGHT, Look.DARK))
        await at.confirms()
        run = await at.sees_the_end()
        assert run.outcome is Outcome.SUCCESS, run.error
        assert found_in(root) == before
        assert root.stat().st_ino == inode
        assert not someone.reads("Put the old state back…")

    run_in_window(qapp, greenhouse.data, story)


def option(at: Restorer, word: str) -> Option:
    """The option with this word."""
    (found,) = [one for one in at.wizard.findChildren(Option) if one.text() == word]
    return found


@pytest.mark.spec("R4")
def test_what_fails_keeps_from_going_on_and_says_what_to_do(
    qapp: QApplication, greenhouse: Greenhouse, tmp_path: Path
) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    (target / "something").touch()

    async def story(someone: Technician) -> None:
        await backed_up(someone, greenhouse)
        at = Restorer(someone, greenhouse)
        await at.opens()
        await at.goes_on("Next", WHAT)
        option(at, "Only these").click()
        assert someone.reads("Tick what is to come back.")
        (tick,) = [one for one in at.wizard.what._sources.values() if isinstance(one, Tick)]
        tick.click()
        option(at, "Into a folder").click()
        at.wizard.what._folder.setText(str(target))
        await at.goes_on("Check", CHECK)
        await someone.sees(at.wizard.check.again.isVisible)
        assert not at.wizard.on.isEnabled()
        shutil.rmtree(target)
        someone.click("Check again")
        await someone.sees(lambda: at.wizard.check.is_ready)
        someone.click("Back")
        await someone.sees(lambda: at.wizard.step == WHAT)
        someone.click("Back")
        await someone.sees(lambda: at.wizard.step == POINT)

    run_in_window(qapp, greenhouse.data, story)
