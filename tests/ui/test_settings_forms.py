"""The forms by themselves: made from the fields, never changing what nobody touched, every control named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from app.foundation.words import ENGLISH
from app.settings.draft import Draft
from app.settings.fields import fields_of
from app.settings.model import Repository, Site
from app.settings.secret_store import Where
from app.settings.secrets import StoredSecret
from app.settings.site_file import examined
from app.ui.pages.settings.editors import CommandLineEditor, Editor, LinesEditor
from app.ui.pages.settings.list_section import ListSection
from app.ui.pages.settings.plain_section import PlainSection
from app.ui.pages.settings.section_view import SectionView
from app.ui.pages.settings.sections import SECTIONS, Section, section_of
from app.ui.pages.settings.security_section import SecuritySection
from app.ui.theme import TARGET
from tests.unit.test_site_file import sites

ONCE = [HealthCheck.function_scoped_fixture]
TEXTS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=4)


def view_of(section: Section, draft: Draft) -> SectionView:
    if section.reads_security:
        return SecuritySection(section, ENGLISH, draft, ())
    kind = PlainSection if section.table is None else ListSection
    return kind(section, ENGLISH, draft, ())


def test_every_part_of_a_site_has_its_section() -> None:
    for field in fields_of(Site):
        assert section_of((field.name,)).keys


@pytest.mark.spec("S2")
@given(site=sites())
@settings(max_examples=3, deadline=None, suppress_health_check=ONCE)
def test_looking_at_every_form_changes_nothing(qtbot: QtBot, site: Site) -> None:
    draft = Draft(site)
    for section in SECTIONS:
        view = view_of(section, draft)
        qtbot.addWidget(view)
        if isinstance(view, ListSection):
            for number in range(len(draft.rows(section.keys[0]))):
                view.list.pick(number)
        view.deleteLater()
    found = examined(draft.document()).read
    assert not draft.is_changed
    assert found is not None
    assert found.site == site


def unchanged_or_locked(editor: Editor, box: QPlainTextEdit, value: list[str]) -> bool:
    editor.show_value(value)
    return box.isReadOnly() or (editor.value() or []) == value


@pytest.mark.spec("S2")
@given(value=TEXTS)
@settings(max_examples=40, deadline=None, suppress_health_check=ONCE)
def test_a_list_comes_back_as_it_was_or_cannot_be_edited(qtbot: QtBot, value: list[str]) -> None:
    lines, command = LinesEditor(), CommandLineEditor(ENGLISH, needed=False)
    for editor in (lines, command):
        qtbot.addWidget(editor)
        assert unchanged_or_locked(editor, editor.box, value)


@pytest.mark.parametrize("value", [["a b", ""], ["--x=$y", "'q'", 'two "words"'], ["bash", "-c", "a\nb"], ["\u00a0"]])
def test_arguments_with_spaces_and_quotes_can_be_edited(qtbot: QtBot, value: list[str]) -> None:
    editor = CommandLineEditor(ENGLISH, needed=True)
    qtbot.addWidget(editor)
    editor.show_value(value)
    assert not editor.box.isReadOnly()
    assert editor.value() == value


def test_an_open_quote_is_no_command(qtbot: QtBot) -> None:
    draft = Draft(Site(name="a", repository=Repository(url="/mnt/repo")))
    draft.add("commands", {"name": "stop", "when": "stop", "run": ["true"]})
    view = view_of(next(each for each in SECTIONS if each.key == "commands"), draft)
    qtbot.addWidget(view)
    boxes = [box for box in view.findChildren(QPlainTextEdit) if box.accessibleName() == "Program and arguments"]
    boxes[0].setPlainText("echo 'open")
    (fault,) = examined(draft.document()).faults
    assert fault.where == ("commands", 0, "run")
    view.show_faults([fault])
    assert any("Write a list with the program first" in box.accessibleDescription() for box in boxes)


@pytest.mark.spec("X2")
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.key)
def test_every_control_has_a_name_takes_the_keyboard_and_is_large_enough(qtbot: QtBot, section: Section) -> None:
    draft = Draft(full_site())
    view = view_of(section, draft)
    qtbot.addWidget(view)
    view.resize(900, 640)
    view.show()
    kinds = (QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit)
    controls = [each for each in view.findChildren(QWidget) if isinstance(each, kinds) and each.isVisibleTo(view)]
    assert controls
    for each in controls:
        name = each.accessibleName() or (each.text() if isinstance(each, QAbstractButton) else "")
        assert name, each
        assert each.height() >= TARGET, (name, each.height())


class Windows(QObject):
    """Counts the windows that open while it watches, however shortly."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        if event.type() is QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.opened.append(type(watched).__name__)
        return False


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.key)
def test_no_part_of_a_form_is_ever_a_window_of_its_own(qapp: QApplication, qtbot: QtBot, section: Section) -> None:
    windows = Windows()
    qapp.installEventFilter(windows)
    try:
        view = view_of(section, Draft(full_site()))
        qtbot.addWidget(view)
        view.show_stored([StoredSecret("source:gone:password", datetime.now(UTC), Where.KEYRING)])
    finally:
        qapp.removeEventFilter(windows)
    assert windows.opened == []


def full_site() -> Site:
    document: dict[str, Any] = {
        "name": "north-house",
        "repository": {"url": "rest:https://backup.example.org/"},
        "hosts": [{"name": "server", "kind": "ssh", "address": "10.0.0.5"}],
        "sources": [{"name": "database", "kind": "postgresql", "host": "server", "database": "hydro"}],
        "commands": [{"name": "stop", "when": "stop", "run": ["true"]}],
        "contacts": [{"name": "Olga"}],
    }
    found = examined(document).read
    assert found is not None
    return found.site
