"""The recovery kit in the window: made, tested, printed, and opened on a computer that has nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pypdf import PdfReader
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox

from app.foundation.events import Outcome
from app.settings.kit import Cost
from app.ui.pages.snapshots.dialogs import PhraseDialog
from tests.faults.shims import write_program
from tests.ui.greenhouse import PASSWORD, SITE, TITLE, Greenhouse
from tests.ui.technician import Technician, environment, run_in_window
from tests.ui.test_window import begin, has_points

if TYPE_CHECKING:
    from app.assembly import Overwinter

pytestmark = [
    pytest.mark.spec("S6"),
    pytest.mark.usefixtures("vault"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]

KIT_PASSPHRASE = "seven wet boots under the old bench"
LP = """#!/bin/sh
cat > {printed}
"""


@pytest.fixture
def house(tmp_path: Path, restic: str) -> Greenhouse:
    """A greenhouse with its repository."""
    made = Greenhouse(tmp_path).grow(3)
    made.make_repository(restic)
    return made


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[Path]:
    """What a printer was given."""
    if sys.platform == "win32":
        pytest.skip("a printer is reached by CUPS")
    paper, programs = tmp_path / "paper.pdf", tmp_path / "bin"
    programs.mkdir()
    write_program(programs / "lp", LP.format(printed=paper))
    with environment(PATH=f"{programs}{os.pathsep}{os.environ['PATH']}"):
        yield paper


async def make_kit(app: Overwinter, file: Path) -> None:
    """A kit of the site, whose passphrase is quickly tried."""
    app.kits.cost = Cost(cost=2**10)
    launched = await app.runner.launch(await app.kits.plan_kit(SITE, file, KIT_PASSPHRASE))
    assert (await app.runner.wait(SITE, launched.run)).outcome is Outcome.SUCCESS


async def chooses(someone: Technician, file: Path) -> None:
    """Chooses a file in the question for one."""
    await someone.sees(lambda: isinstance(someone.dialog(), QFileDialog))
    dialog = someone.dialog()
    assert isinstance(dialog, QFileDialog)
    dialog.setDirectory(str(file.parent))
    dialog.selectFile(file.name)
    dialog.accept()
    await someone.sees(lambda: someone.dialog() is not dialog)


async def types_passphrase(someone: Technician, passphrase: str) -> None:
    """Types it when it is asked for."""
    await someone.reads_soon("The kit's passphrase")
    await someone.is_asked()
    someone.types(passphrase)
    someone.press(Qt.Key.Key_Return)
    await someone.sees(lambda: someone.dialog() is None)


def test_a_new_computer_gets_its_site_from_a_kit_and_can_look_into_its_points(
    qapp: QApplication, house: Greenhouse, tmp_path: Path
) -> None:
    kit = tmp_path / "away" / "north.kit"

    async def old_computer(someone: Technician) -> None:
        kit.parent.mkdir()
        await begin(someone, house)
        someone.click("Back up now")
        await someone.sees(partial(has_points, someone, 1))
        await someone.bridge.ask(lambda app: make_kit(app, kit))

    async def new_computer(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")
        someone.click("Open a recovery kit…")
        await chooses(someone, kit)
        await types_passphrase(someone, "not the words on the paper")
        await someone.reads_soon("passphrase")
        assert someone.window.site == "", "a wrong passphrase brings nothing"
        assert someone.reads("What brings you here")
        someone.click("Open a recovery kit…")
        await chooses(someone, kit)
        await types_passphrase(someone, KIT_PASSPHRASE)
        await someone.sees(partial(has_points, someone, 1))
        assert someone.window.windowTitle().startswith(TITLE)
        assert someone.button("Close this message") is None, "what went wrong before is settled"
        stored = await someone.bridge.ask(lambda app: app.secrets.names(SITE))
        assert "repository-password" in [one.name for one in stored]

    run_in_window(qapp, house.data, old_computer)
    run_in_window(qapp, tmp_path / "new", new_computer)


def test_a_kit_is_tested_and_what_is_stale_is_named(qapp: QApplication, house: Greenhouse, tmp_path: Path) -> None:
    kit = tmp_path / "north.kit"

    async def story(someone: Technician) -> None:
        await begin(someone, house)
        await someone.bridge.ask(lambda app: make_kit(app, kit))
        await someone.bridge.ask(lambda app: app.kits.stored(SITE, "the safe"))
        someone.window.load()
        await someone.reads_soon("the safe")
        await tests(someone)
        await someone.reads_soon("Tested just now")
        await someone.bridge.ask(lambda app: app.set_secret(SITE, "source:laravel:password", "new"))
        await tests(someone)
        await someone.reads_soon("This is not in the kit as it is here")

    async def tests(someone: Technician) -> None:
        await someone.sees_it_rest()
        await someone.presses_soon("Test this kit…")
        await chooses(someone, kit)
        await types_passphrase(someone, KIT_PASSPHRASE)
        await someone.sees_it_rest()

    run_in_window(qapp, house.data, story)


def test_the_page_goes_to_the_printer_or_into_a_file_only_after_its_phrase(
    qapp: QApplication, house: Greenhouse, tmp_path: Path, printed: Path
) -> None:
    async def story(someone: Technician) -> None:
        await begin(someone, house)
        await someone.bridge.ask(lambda app: make_kit(app, tmp_path / "north.kit"))
        await someone.bridge.ask(lambda app: app.kits.stored(SITE, "the safe"))
        someone.window.load()
        await someone.reads_soon("the safe")
        await someone.presses_soon("Print the page…")
        assert isinstance(await someone.is_asked(), QMessageBox)
        someone.press(Qt.Key.Key_Return)  # the safe way out has the keyboard
        await someone.sees(lambda: someone.dialog() is None)
        assert not someone.reads("Its page was made")
        someone.click("Print the page…")
        someone.click("Print")
        await someone.reads_soon("Its page was made just now")
        assert PASSWORD in words_of(printed)
        someone.click("Print the page…")
        someone.click("Save as a PDF…")
        await someone.sees(lambda: isinstance(someone.dialog(), PhraseDialog))
        await someone.is_asked()
        someone.types(f"CLEAR PAGE {SITE}")
        someone.press(Qt.Key.Key_Return)
        await chooses(someone, tmp_path / "page.pdf")
        await someone.sees((tmp_path / "page.pdf").exists)
        await someone.sees_it_rest()
        assert PASSWORD in words_of(tmp_path / "page.pdf")
        done = [entry.what for entry in await someone.bridge.ask(lambda app: app.audit_log(SITE))]
        assert [what for what in done if what.startswith("kit-page")] == [
            "kit-page-printing", "kit-page-printed", "kit-page-saving", "kit-page-saved",
        ]  # fmt: skip

    run_in_window(qapp, house.data, story)


def test_without_a_printer_the_card_says_what_to_do(qapp: QApplication, house: Greenhouse, tmp_path: Path) -> None:
    programs = tmp_path / "none"

    async def story(someone: Technician) -> None:
        await begin(someone, house)
        await someone.bridge.ask(lambda app: make_kit(app, tmp_path / "north.kit"))
        someone.window.load()
        await someone.presses_soon("Print the page…")
        with environment(PATH=str(programs)):
            someone.click("Print")
            await someone.reads_soon("no program that prints")

    programs.mkdir()
    run_in_window(qapp, house.data, story)


def words_of(page: Path) -> str:
    """What is written on a page, without spaces where a line was broken."""
    return "".join(part.extract_text() for part in PdfReader(page).pages).replace("\n", "")
