"""Asks what a site cannot be without: its name, and where its recovery points go. What to back up comes afterwards."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, Text, text
from app.settings.fields import Field, fields_of
from app.settings.model import Repository, Site
from app.settings.rules import Fault
from app.ui.pages.settings.editors import LineEditor
from app.ui.pages.settings.field_form import FieldRow
from app.ui.theme import GRID, heading_font
from app.ui.widgets.controls import TextButton, label

_LONGEST_NAME = 40
_WIDTH = 92 * GRID


class AddressEditor(LineEditor):
    """The address of a repository: typed, or chosen as a folder.

    Signals:
        folder_wanted: a folder is to be chosen.
    """

    folder_wanted = Signal()

    def __init__(self, word: str) -> None:
        super().__init__(needed=True)
        button = TextButton(word, icon="folder")
        button.clicked.connect(self.folder_wanted)
        self._row.insertWidget(1, button)

    def set_name(self, name: str, description: str) -> None:
        """The button has a name of its own."""
        self.line.setAccessibleName(name)
        self.line.setAccessibleDescription(description)


class NewSiteDialog(QDialog):
    """The three fields, each judged by the rules of the settings.

    Signals:
        wanted: the person wants this site; carries its document, as a site file would have it.
    """

    wanted = Signal(object)

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._language = language
        self.setWindowTitle(self._say(text("A new site")))
        self._title, self._name = LineEditor(), LineEditor()
        self._address = AddressEditor(self._say(text("Choose a folder…")))
        for editor in (self._title, self._name):
            editor.line.setMaximumWidth(_WIDTH)  # as wide as the address with its button
        self._rows = {
            "title": FieldRow(_field(Site, "title"), self._title, language),
            "name": FieldRow(_field(Site, "name"), self._name, language),
            "repository": FieldRow(_field(Repository, "url"), self._address, language),
        }
        self._fault = label("", "fail")
        self._fault.hide()
        self._make = TextButton(self._say(text("Make the site")), "primary")
        self._make.setDefault(True)
        self._leave = TextButton(self._say(text("Cancel")))
        self._arrange()
        self._address.folder_wanted.connect(self._on_folder)
        self._title.edited.connect(self._show_examples)
        self._name.edited.connect(self._show_examples)
        self._make.clicked.connect(self._on_make)
        self._leave.clicked.connect(self.reject)
        self._show_examples()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _arrange(self) -> None:
        after = text("What it backs up comes next: by a preset, by a look at a host, or by hand.")
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addWidget(label(self._say(text("A new site")), font=heading_font()))
        column.addWidget(label(self._say(after), "muted"))
        for row in self._rows.values():
            column.addWidget(row)
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        buttons.addWidget(self._fault, 1)
        buttons.addStretch(1)
        buttons.addWidget(self._leave)
        buttons.addWidget(self._make)
        column.addLayout(buttons)
        self.resize(_WIDTH, column.totalHeightForWidth(_WIDTH))

    # --- what is typed -------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The short name that is typed, or else the one that the title suggests."""
        return str(self._name.value() or short_name(str(self._title.value() or "")))

    def _show_examples(self) -> None:
        """What stands in a field that is left empty, or might stand there."""
        examples = {
            self._title: self._say(text("such as {example}", example=_field(Site, "title").about.example)),
            self._name: short_name(str(self._title.value() or "")),
            self._address: self._say(text("such as {example}", example=f"/mnt/disk/{self.name}")),
        }
        for editor, example in examples.items():
            editor.show_value(editor.value(), example)

    def _on_folder(self) -> None:
        dialog = QFileDialog(self, self._say(text("The disk or folder in which the repository is to be")))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self._on_folder_chosen)
        dialog.open()

    def _on_folder_chosen(self, folder: str) -> None:
        """A folder of its own in there: a disk may have other things on it."""
        self._address.show_value(f"{folder.rstrip('/')}/{self.name}")

    # --- its end -------------------------------------------------------------------------------

    def _on_make(self) -> None:
        document: dict[str, Any] = {"name": self.name, "repository": {"url": self._address.value()}}
        if self._title.value():
            document["title"] = self._title.value()
        self.wanted.emit(document)

    def show_faults(self, faults: Sequence[Fault]) -> None:
        """Shows what cannot be used so, each beside its field; the keyboard goes to the first."""
        self._fault.hide()
        first: dict[str, Fault] = {}
        for fault in faults:
            first.setdefault(str(fault.where[0]), fault)
        for key, row in self._rows.items():
            row.show_fault(self._remedy(row, first[key]) if key in first else "")
        self._grow()
        wrong = next((row for key, row in self._rows.items() if key in first), self._rows["repository"])
        wrong.editor.findChildren(QLineEdit)[0].setFocus()

    def _grow(self) -> None:
        """What is wrong takes room that the window has not got yet."""
        self._column.activate()
        self.resize(self.width(), max(self.height(), self._column.totalHeightForWidth(self.width())))

    def _remedy(self, row: FieldRow, fault: Fault) -> str:
        """What to write instead; a file's words about keys are left out where the field stands there."""
        return self._say(row.field.about.remedy if fault.code == "no-repository" else fault.remedy)

    def show_problem(self, problem: Problem) -> None:
        """It could not be made so."""
        self._fault.setText(f"{self._say(problem.what)} {self._say(problem.next)}")
        self._fault.show()
        self._grow()


def short_name(title: str) -> str:
    """A short name out of a title: its letters a to z and its digits, "site" where it has none of them."""
    plain = unicodedata.normalize("NFKD", title.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_NAME].strip("-") or "site"


def _field(struct: type[msgspec.Struct], name: str) -> Field:
    return next(field for field in fields_of(struct) if field.name == name)
