"""The support bundle in the window: seen before it is saved, any file of it left out."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog

from app.ui.support import SupportDialog
from tests.ui.greenhouse import PASSWORD, SITE, Greenhouse
from tests.ui.technician import Technician, run_in_window
from tests.ui.test_window import begin, has_points, named_and_large

pytestmark = [
    pytest.mark.spec("J10"),
    pytest.mark.usefixtures("vault"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]


@pytest.fixture
def house(tmp_path: Path, restic: str) -> Greenhouse:
    """A greenhouse with its repository."""
    made = Greenhouse(tmp_path).grow()
    made.make_repository(restic)
    return made


async def opened(someone: Technician) -> SupportDialog:
    """The bundle, asked for by way of the help."""
    someone.press(Qt.Key.Key_F1)
    await someone.is_asked()
    someone.click("Support bundle…")
    await someone.sees(lambda: isinstance(someone.dialog(), SupportDialog))
    dialog = someone.dialog()
    assert isinstance(dialog, SupportDialog)
    await someone.sees(lambda: dialog.chosen)
    await someone.sees(lambda: dialog.page.toPlainText().startswith("Overwinter"))
    return dialog


def test_what_is_shown_is_what_is_saved(qapp: QApplication, house: Greenhouse, tmp_path: Path) -> None:
    async def story(someone: Technician) -> None:
        await begin(someone, house)
        someone.click("Back up now")
        await someone.sees(partial(has_points, someone, 1))
        await someone.sees_it_rest()
        dialog = await opened(someone)
        named_and_large(dialog)
        shown = look_at_all(dialog)
        assert f'name = "{SITE}"' in shown["site.toml"]
        assert any("restic" in said for name, said in shown.items() if name.startswith("logs/"))
        assert not any(PASSWORD in said for said in shown.values())
        dialog.files.pick([file.name for file in dialog.chosen].index("audit.jsonl"))
        someone.press(Qt.Key.Key_Space)
        assert someone.reads(f"{len(shown) - 1} files")
        for name in ("bundle.zip", "bundle.zip"):
            await save_as(someone, name)
            await someone.sees(lambda: not dialog.tasks)
        assert someone.reads("Something stands at"), "what was saved before is not replaced"
        with zipfile.ZipFile(tmp_path / "bundle.zip") as saved:
            found = {name.partition("/")[2]: saved.read(name).decode() for name in saved.namelist()}
        assert found == {name: said for name, said in shown.items() if name != "audit.jsonl"}
        someone.click("Close")
        await someone.sees(lambda: someone.dialog() is None)

    async def save_as(someone: Technician, name: str) -> None:
        someone.click("Save as…")
        chooser = next(each for each in someone.window.findChildren(QFileDialog) if each.isVisible())
        chooser.setDirectory(str(tmp_path))
        chooser.selectFile(name)
        chooser.accept()
        await someone.sees(lambda: not any(each.isVisible() for each in someone.window.findChildren(QFileDialog)))

    run_in_window(qapp, house.data, story)


def look_at_all(dialog: SupportDialog) -> dict[str, str]:
    """The text of every file, as it is shown."""
    shown = {}
    for row, file in enumerate(dialog.chosen):
        dialog.files.pick(row)
        shown[file.name] = dialog.page.toPlainText()
    return shown


def test_without_a_site_it_is_about_this_computer(qapp: QApplication, tmp_path: Path) -> None:
    async def story(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")
        dialog = await opened(someone)
        assert [file.name for file in dialog.chosen] == ["overwinter.txt", "computer.txt"]
        for row in range(2):
            dialog.files.pick(row)
            someone.press(Qt.Key.Key_Space)
        save = someone.button("Save as…")
        assert save is not None
        assert not save.isEnabled(), "nothing is left in it"

    run_in_window(qapp, tmp_path / "data", story)
