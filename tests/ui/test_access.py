"""Every page and every question, as somebody meets them who has no mouse, or no eyes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from app.foundation.words import ENGLISH, text
from app.settings.presets import presets
from app.ui.finder import Findable, Finder
from app.ui.new_site import NewSiteDialog
from app.ui.pages.settings.adding import AddDialog
from app.ui.pages.settings.looking import LookDialog
from app.ui.pages.settings.sections import SECTIONS
from app.ui.pages.settings.trusting import TrustDialog
from app.ui.pages.snapshots.dialogs import DeleteDialog, KeepDialog
from app.ui.stylesheet import STYLESHEET
from app.ui.theme import PAIRS, ROLES
from app.ui.widgets.close_question import CloseQuestion
from app.ui.widgets.log_view import LogView
from app.ui.widgets.pick_list import PickList
from app.ui.widgets.secret_dialog import SecretDialog
from app.ui.widgets.tabs import Tabs
from app.ui.widgets.unsaved_question import UnsavedQuestion
from tests.ui.greenhouse import Greenhouse
from tests.ui.tab_walk import faults_of
from tests.ui.technician import Technician, run_in_window
from tests.ui.test_window import begin, has_points

pytestmark = [
    pytest.mark.usefixtures("vault"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]


def _finder(over: QWidget) -> Finder:
    finder = Finder(ENGLISH, over)
    finder.offer([Findable("runs", "Runs", "page", lambda: None)])
    return finder


def rests(someone: Technician, page: str) -> bool:
    return not someone.window.late_page(page).tasks


QUESTIONS: dict[str, Callable[[QWidget], QDialog]] = {
    "a new site": lambda over: NewSiteDialog(ENGLISH, over),
    "what to back up": lambda over: AddDialog(ENGLISH, presets(), ["server"], over),
    "where to look": lambda over: LookDialog(ENGLISH, ["server"], over),
    "a new key": lambda over: TrustDialog(ENGLISH, "server", over),
    "a secret": lambda over: SecretDialog(ENGLISH, text("The password"), text("About it."), twice=True, parent=over),
    "keep": lambda over: KeepDialog(ENGLISH, "2026-11-21 02:00", date(2026, 11, 22), over),
    "delete": lambda over: DeleteDialog(ENGLISH, "2026-11-21 02:00", "DELETE it", text("About it."), over),
    "anything": _finder,
    "work goes on": lambda over: CloseQuestion(ENGLISH, 2, over),
    "not saved": lambda over: UnsavedQuestion(ENGLISH, over),
}


@pytest.mark.spec("X2")
@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_is_answered_without_a_mouse(qtbot: QtBot, question: str) -> None:
    over = QWidget()
    qtbot.addWidget(over)
    over.show()
    asked = QUESTIONS[question](over)
    asked.show()
    asked.activateWindow()
    qtbot.waitUntil(lambda: asked.isActiveWindow() and asked.focusWidget() is not None)
    assert asked.windowTitle(), "a screen reader says it first"
    assert faults_of(asked) == []
    asked.close()


@pytest.mark.spec("X2")
def test_every_page_is_used_without_a_mouse(qapp: QApplication, tmp_path: Path, restic: str) -> None:
    house = Greenhouse(tmp_path).grow()
    house.make_repository(restic)
    found: dict[str, list[str]] = {}

    def look(someone: Technician, page: str) -> None:
        found[page] = faults_of(someone.window)

    async def story(someone: Technician) -> None:
        await someone.reads_soon("What brings you here")
        look(someone, "the first start")
        await begin(someone, house)
        await someone.sees_it_rest()
        someone.click("Back up now")
        await someone.sees(lambda: has_points(someone, 1))
        await someone.sees_it_rest()
        await someone.is_back()
        look(someone, "Dashboard")
        for key, page in ((Qt.Key.Key_2, "snapshots"), (Qt.Key.Key_4, "repository"), (Qt.Key.Key_5, "settings")):
            someone.press(key, Qt.KeyboardModifier.ControlModifier)
            await someone.sees(partial(rests, someone, page))
            look(someone, page)
        await each_section(someone)
        await each_tab(someone)
        for word in ("Runs", "All sites"):
            someone.click(word)
            await someone.sees_it_rest()
            look(someone, word)

    async def each_section(someone: Technician) -> None:
        page = someone.window.late_page("settings")
        sections = page.findChildren(PickList)[0]
        for row, section in enumerate(SECTIONS):
            sections.pick(row)
            await someone.sees(lambda: not page.tasks)
            look(someone, f"settings, {section.key}")

    async def each_tab(someone: Technician) -> None:
        someone.click("Snapshots")
        page = someone.window.late_page("snapshots")
        await someone.sees(lambda: not page.tasks)
        tabs = page.findChildren(Tabs)[0]
        for index in range(tabs.count()):
            tabs.setCurrentIndex(index)
            await someone.sees(lambda: not page.tasks)
            look(someone, f"snapshots, {tabs.tabText(index)}")

    run_in_window(qapp, house.data, story)
    assert {page: faults for page, faults in found.items() if faults} == {}
    assert len(found) == 7 + len(SECTIONS) + 4


# --- colours ----------------------------------------------------------------------------------

_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_COLOUR = re.compile(r"(?<![a-z-])(color|background|border(?:-color)?|placeholder-text-color|selection-color"
                     r"|selection-background-color)\s*:[^;]*?\$(\w+)")  # fmt: skip


def _drawn_by_the_stylesheet() -> set[tuple[str, str]]:
    """Every ink and the ground in the same rule, as the stylesheet has them."""
    found = set()
    for _, body in _RULE.findall(STYLESHEET.template):
        used = dict(_COLOUR.findall(body))
        for ink, ground in (("color", "background"), ("selection-color", "selection-background-color")):
            if used.get(ink) in ROLES and used.get(ground) in ROLES:
                found.add((used[ink], used[ground]))
    return found


@pytest.mark.spec("X2")
def test_whatever_the_stylesheet_draws_on_a_ground_has_its_contrast_computed() -> None:
    """`disabled` is exempt: what cannot be used may fade (WCAG 1.4.3)."""
    drawn = {(ink, ground) for ink, ground in _drawn_by_the_stylesheet() if ink != "disabled"}
    assert ("on_accent", "accent") in drawn, "the rules are read"
    assert drawn <= {(ink, ground) for ink, ground, _ in PAIRS}


@pytest.mark.spec("X2")
def test_every_colour_of_a_text_has_its_contrast_on_every_ground() -> None:
    """A rule may name an ink alone: then it may stand on any ground that the stylesheet paints."""
    inks: set[str] = set()
    grounds: set[str] = set()
    for _, body in _RULE.findall(STYLESHEET.template):
        for key, role in _COLOUR.findall(body):
            if role in ROLES and role not in ("disabled", "line"):
                (inks if key in ("color", "placeholder-text-color", "selection-color") else grounds).add(role)
    computed = {ink for ink, _, _ in PAIRS}
    assert inks <= computed
    assert grounds & {"window", "surface", "raised", "selection"} <= {ground for _, ground, _ in PAIRS}


# --- the log ----------------------------------------------------------------------------------


@pytest.mark.spec("X2")
def test_a_screen_reader_reads_the_log_line_by_line(qtbot: QtBot) -> None:
    view = LogView(ENGLISH)
    qtbot.addWidget(view)
    view.resize(600, 300)
    view.show()
    lines = [b"first line", b"second: \xd0\xba\xd0\xbb\xd0\xb0\xd0\xbf\xd0\xb0\xd0\xbd", b"third line"]
    with qtbot.waitSignal(view.refreshed):
        view.append(lines, 0)
    spoken = QAccessible.queryAccessibleInterface(view)
    assert spoken.text(QAccessible.Text.Name) == "Log"
    read = spoken.textInterface()
    whole = read.text(0, read.characterCount())
    assert whole.splitlines() == [line.decode() for line in lines]
    tops = [read.characterRect(at).top() for at in _starts(whole)]
    assert tops == sorted(set(tops)), "each line is below the one before it"


def _starts(whole: str) -> list[int]:
    """Where each line begins."""
    return [0, *(at + 1 for at, letter in enumerate(whole[:-1]) if letter == "\n")]
