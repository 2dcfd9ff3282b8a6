"""The disk of the backups is pulled out and plugged in while the window is open; it is really mounted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication

from app.jobs import disks
from tests.ui.greenhouse import SITE, TITLE, Greenhouse
from tests.ui.technician import Technician, run_in_window
from tests.ui.test_window import band, begin, has_points

if TYPE_CHECKING:
    from app.assembly import Overwinter

if sys.platform == "win32":
    pytest.skip("a disk is mounted as Linux does", allow_module_level=True)

pytestmark = [
    pytest.mark.spec("P1"),
    pytest.mark.usefixtures("vault"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]


class Stick:
    """A folder that is mounted in another one's place: all that a window can see of a disk."""

    def __init__(self, folder: Path) -> None:
        self.mount = folder / "NORTH-A"
        self._disk = folder / "disk"
        for each in (self.mount, self._disk):
            each.mkdir()
        self._is_mounted = False

    def plug_in(self) -> None:
        """It is mounted."""
        done = subprocess.run(["mount", "--bind", self._disk, self.mount], check=False, capture_output=True)
        if done.returncode != 0:
            pytest.skip("nothing may be mounted here")
        self._is_mounted = True

    def pull_out(self) -> None:
        """It is gone, and leaves an empty folder."""
        if self._is_mounted:
            subprocess.run(["umount", "--lazy", self.mount], check=True, capture_output=True)
            self._is_mounted = False


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stick]:
    """The disk, plugged in."""
    monkeypatch.setattr(disks, "LOOKS_EVERY", 0.05)
    made = Stick(tmp_path)
    made.plug_in()
    yield made
    made.pull_out()


@pytest.fixture
def house(tmp_path: Path, restic: str, stick: Stick) -> Greenhouse:
    """A greenhouse whose backups go to the disk."""
    made = OnStick(tmp_path).grow()
    made.make_repository(restic)
    return made


class OnStick(Greenhouse):
    """Its repository is on the disk."""

    @property
    def repository(self) -> Path:
        return self.folder / "NORTH-A" / "repository"


async def label(app: Overwinter) -> str:
    """What the disk is called here: of a mounted folder its device may have a name of its own."""
    (state,) = await app.disks.states()
    return state.label


def test_the_window_says_which_disk_to_plug_in_and_offers_the_backup_when_it_has_come(
    qapp: QApplication, house: Greenhouse, stick: Stick
) -> None:
    async def story(someone: Technician) -> None:
        banner = someone.window.disks.banner
        await begin(someone, house)
        name = await someone.bridge.ask(label)
        assert not banner.isVisible(), "it was here all the time"
        stick.pull_out()
        await someone.reads_soon(f"The disk {name} is not plugged in.")
        assert someone.reads(f"Plug in {name}.")
        assert someone.reads("not known now")
        assert someone.button("Make the repository") is None
        stick.plug_in()
        await someone.sees(banner.isVisible)
        assert someone.reads(f"The disk {name} is plugged in.")
        assert someone.reads(f"The backups of {TITLE} are on it.")
        await someone.sees(lambda: not someone.reads("is not plugged in"))
        (backup,) = [each for each in banner.findChildren(QAbstractButton) if each.text() == "Back up now"]
        QTest.mouseClick(backup, Qt.MouseButton.LeftButton)
        await someone.sees(partial(has_points, someone, 1))
        assert not banner.isVisible()

    run_in_window(qapp, house.data, story)


def test_what_is_started_while_the_disk_is_away_is_refused_before_anything_is_written(
    qapp: QApplication, house: Greenhouse, stick: Stick
) -> None:
    async def story(someone: Technician) -> None:
        await begin(someone, house)
        stick.pull_out()
        await someone.reads_soon("is not plugged in")
        someone.click("Back up now")
        await someone.sees(lambda: someone.window.runs.live)
        await someone.sees_it_rest()
        (run,) = await someone.bridge.ask(lambda app: app.records(SITE).runs())
        assert run.error is not None
        assert run.error.code == disks.AWAY
        assert list(stick.mount.iterdir()) == [], "no second repository beside the real one"
        assert not band(someone).points

    run_in_window(qapp, house.data, story)


def test_an_answered_prompt_goes_and_another_disk_is_none_of_ours(
    qapp: QApplication, house: Greenhouse, stick: Stick, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Stick(tmp_path / "other")

    async def story(someone: Technician) -> None:
        banner = someone.window.disks.banner
        await begin(someone, house)
        other.plug_in()
        stick.pull_out()
        await someone.reads_soon("is not plugged in")
        stick.plug_in()
        await someone.sees(banner.isVisible)
        someone.click("Not now")
        assert not banner.isVisible()
        await someone.sees(lambda: not someone.reads("is not plugged in"))
        other.pull_out()
        stick.pull_out()
        await someone.reads_soon("is not plugged in")
        stick.plug_in()
        await someone.sees(banner.isVisible)
        stick.pull_out()
        await someone.sees(lambda: not banner.isVisible())

    try:
        run_in_window(qapp, house.data, story)
    finally:
        other.pull_out()
