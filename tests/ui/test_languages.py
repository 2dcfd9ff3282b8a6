"""Every page in Russian and in Czech on a small laptop: nothing is cut, and nothing has stayed English.

The pictures go into the folder that `OVERWINTER_TOUR` names, for people to look at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from itertools import count, takewhile
from pathlib import Path

import pytest
from PySide6.QtCore import QAbstractItemModel, QCoreApplication, Qt, QTranslator
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)

from app.foundation.words import Language, language
from app.ui.application import speak
from app.ui.pages.settings.sections import SECTIONS
from app.ui.widgets.controls import ElidedButton, ElidedLabel
from app.ui.widgets.pick_list import PickList
from installer import catalogues
from tests.ui.greenhouse import Greenhouse
from tests.ui.technician import Technician, run_in_window
from tests.ui.test_window import begin, has_points

pytestmark = [
    pytest.mark.usefixtures("vault"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]


class Pictures:
    """Takes the window in one language, and says what does not fit."""

    def __init__(self, folder: Path, speaking: Language) -> None:
        self._folder = folder / speaking.code
        self._folder.mkdir(parents=True, exist_ok=True)
        self.cut: list[str] = []
        self.english: list[str] = []
        self.taken = 0
        self._translated = frozenset(translated(speaking.code))

    def take(self, shown: QWidget, name: str) -> None:
        assert shown.grab().save(str(self._folder / f"{self.taken:02d}-{name}.png"))
        self.taken += 1
        self.cut += [f"{name}: {said}" for said in what_is_cut(shown)]
        self.english += [f"{name}: {said}" for said in all_words(shown) if said in self._translated]


def translated(code: str) -> Iterator[str]:
    """English sentences that read otherwise in the language."""
    for each in catalogues.read(catalogues.catalogue_of(code)):
        if each.id and isinstance(each.id, str) and each.id != each.string:
            yield each.id


def all_words(shown: QWidget) -> Iterator[str]:
    """Everything that is written or spoken of what can be seen."""
    for each in shown.findChildren(QWidget):
        if each.isVisible():
            yield from (each.accessibleName(), each.accessibleDescription(), each.toolTip())
            if isinstance(each, QLabel | QAbstractButton):
                yield each.text()
            if isinstance(each, QLineEdit | QPlainTextEdit):
                yield each.placeholderText()
            if isinstance(each, QComboBox):
                yield from (each.itemText(row) for row in range(each.count()))
            if isinstance(each, QHeaderView):
                yield from (str(each.model().headerData(at, each.orientation())) for at in range(each.count()))
            if isinstance(each, QAbstractItemView) and each.model() is not None:
                yield from cells(each.model())


def cells(model: QAbstractItemModel) -> Iterator[str]:
    for row in range(model.rowCount()):
        for column in takewhile(partial(model.hasIndex, row), count()):  # a list's own count of columns is private
            yield str(model.index(row, column).data())


def what_is_cut(shown: QWidget) -> list[str]:
    """Words that stand in less room than they need, and what ends outside."""
    seen = [each for each in shown.findChildren(QWidget) if each.isVisible()]
    labels = [each for each in seen if isinstance(each, QLabel) and not isinstance(each, ElidedLabel)]
    said = [each.text() for each in labels if not each.wordWrap() and narrower(each, each.text())]
    buttons = [each for each in seen if isinstance(each, QPushButton) and not isinstance(each, ElidedButton)]
    said += [each.text() for each in buttons if narrower(each, each.text().replace("&", ""))]
    return said + [word for each in seen if isinstance(each, QHeaderView) for word in cut_heads(each)]


def narrower(widget: QWidget, words: str) -> bool:
    plain = words and not words.startswith("<")
    return bool(plain) and widget.width() < max(map(widget.fontMetrics().horizontalAdvance, words.splitlines()))


def cut_heads(heads: QHeaderView) -> list[str]:
    if heads.orientation() is not Qt.Orientation.Horizontal:
        return []
    words = {each: str(heads.model().headerData(each, heads.orientation()) or "") for each in range(heads.count())}
    shown = [each for each in words if not heads.isSectionHidden(each)]
    return [
        words[each] for each in shown if heads.sectionSize(each) < heads.fontMetrics().horizontalAdvance(words[each])
    ]


@pytest.mark.spec("X2")
@pytest.mark.parametrize("code", ["ru", pytest.param("cs", marks=pytest.mark.long)])
def test_every_page_fits_in_every_language(qapp: QApplication, tmp_path: Path, restic: str, code: str) -> None:
    speaking = language(code)
    house = Greenhouse(tmp_path, sources=("laravel", "broker")).grow()
    pictures = Pictures(Path(os.environ.get("OVERWINTER_TOUR") or tmp_path / "pictures"), speaking)

    async def story(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")
        pictures.take(someone.window, "first-start")
        house.make_repository(restic)
        await begin(someone, house)
        someone.click("Back up now")
        await someone.sees(partial(has_points, someone, 1))
        await someone.sees_it_rest()
        pictures.take(someone.window, "dashboard")
        for page in ("Snapshots", "Runs", "Repository"):
            someone.click(page)
            await rests(someone)
            pictures.take(someone.window, page.lower())
        await settings(someone)
        someone.click("All sites")
        await rests(someone)
        pictures.take(someone.window, "sites")

    async def settings(someone: Technician) -> None:
        someone.click("Settings")
        await someone.reads_soon("All is saved")
        await rests(someone)
        sections = someone.window.findChildren(PickList)
        listed = next(each for each in sections if each.isVisible() and each.model().rowCount() == len(SECTIONS))
        for row, section in enumerate(SECTIONS):
            listed.pick(row)
            pictures.take(someone.window, f"settings-{section.key}")

    run_in_window(qapp, house.data, story, language=speaking)
    assert pictures.cut == []
    assert pictures.english == []


@pytest.mark.spec("X2")
def test_the_words_of_qt_itself_are_said_in_the_same_language(qapp: QApplication) -> None:
    speak(language("ru"))
    (translator,) = qapp.findChildren(QTranslator)
    try:
        assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "Отмена"
    finally:
        QCoreApplication.removeTranslator(translator)
        translator.deleteLater()


async def rests(someone: Technician) -> None:
    """Waits until no page has anything to do."""
    await someone.sees_it_rest()
    await someone.sees(
        lambda: (
            not any(
                getattr(each, "tasks", {})
                for each in someone.window.findChildren(QWidget)
                if each.isVisible() and each is not someone.window
            )
        )
    )
