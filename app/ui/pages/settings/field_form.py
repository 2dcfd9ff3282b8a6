"""The form of one struct, made from what its fields tell: a row for each, with its help and what is wrong beside it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, text
from app.settings.draft import Draft, Raw, kind_in
from app.settings.fields import Field, fields_of
from app.settings.kinds import TITLES
from app.settings.rules import Fault, Where
from app.settings.shapes import THIS_COMPUTER
from app.ui.pages.settings.editors import (
    ChoiceEditor,
    CommandLineEditor,
    Editor,
    LineEditor,
    LinesEditor,
    NumberEditor,
    TickEditor,
)
from app.ui.theme import GRID, TARGET, body_font
from app.ui.widgets.controls import IconLabel, label

TITLE_WIDTH = 17 * GRID
_NO_WAY = text("None: it is reached directly")


class FieldRow(QWidget):
    """One field: its title, its editor, its help, and what is wrong with it.

    Signals:
        edited: a person changed the value.
    """

    edited = Signal()

    def __init__(self, field: Field, editor: Editor, language: Language, *, titled: bool = True) -> None:
        super().__init__()
        self.field = field
        self.editor = editor
        self._language = language
        title, self._help = language.render(field.about.title), language.render(field.about.help)
        self._title = QLabel(title if titled else "")
        self._title.setWordWrap(True)
        self._title.setFixedWidth(TITLE_WIDTH)
        self._title.setMinimumHeight(TARGET)
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._fault = label("", "fail")
        self._about = label(self._help, "muted", body_font(points=9.5))
        self._sign = IconLabel("error", "fail", 18)
        editor.edited.connect(self.edited)
        self._arrange()
        self.show_fault("")

    def _arrange(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GRID)
        row.addWidget(self._title, alignment=Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(GRID // 2)
        column.addWidget(self.editor)
        fault = QHBoxLayout()
        fault.setSpacing(GRID)
        fault.addWidget(self._sign, alignment=Qt.AlignmentFlag.AlignTop)
        fault.addWidget(self._fault, 1)
        column.addLayout(fault)
        column.addWidget(self._about)
        row.addLayout(column, 1)

    def show_fault(self, said: str) -> None:
        """Shows what is wrong and what to write instead; "" for nothing."""
        self._fault.setText(said)
        self._fault.setVisible(bool(said))
        self._sign.setVisible(bool(said))
        self.editor.set_name(self._language.render(self.field.about.title), f"{said} {self._help}".strip())

    def show_note(self, said: str) -> None:
        """Says something else in place of the help."""
        self._about.setText(said)

    @property
    def fault(self) -> str:
        """What is said to be wrong."""
        return self._fault.text()


class FieldForm(QWidget):
    """All plain fields of the struct at one place of the draft; those that a thing of its kind has are shown.

    Signals:
        edited: a person changed something.
    """

    edited = Signal()

    def __init__(self, struct: type[msgspec.Struct], draft: Draft, where: Where, language: Language) -> None:
        super().__init__()
        self._struct = struct
        self._draft = draft
        self._language = language
        self.where = where
        self._rows: dict[str, FieldRow] = {}
        self._general = label("", "fail")
        self._fields = [field for field in fields_of(struct) if field.table is None]
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2 * GRID)
        self._column.addWidget(self._general)
        self._general.hide()
        self.refresh()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _row(self, field: Field) -> FieldRow:
        editor = self._editor(field)
        row = FieldRow(field, editor, self._language, titled=not isinstance(editor, TickEditor))
        editor.edited.connect(lambda: self._on_edited(field))
        self._rows[field.name] = row
        return row

    def _editor(self, field: Field) -> Editor:
        about, title = field.about, self._say(field.about.title)
        example = self._say(text("such as {example}", example=about.example)) if about.example else ""
        if field.choices():
            return ChoiceEditor(title, self._choices(field), needed=field.required)
        if about.refers_to:
            return ChoiceEditor(title, self._named(field), needed=False)
        if field.is_command_line:
            return CommandLineEditor(self._language, needed=field.required)
        if field.many or field.default == ():
            return LinesEditor(example)
        if isinstance(field.default, bool):
            return TickEditor(title)
        if isinstance(field.default, int):
            return NumberEditor(self._say(about.unit) if about.unit is not None else "")
        return LineEditor(example, needed=field.required)

    def _choices(self, field: Field) -> list[tuple[str, str]]:
        words = {each.value: self._say(said) for each, said in TITLES.items()}
        return [(value, words.get(value, value)) for value in field.choices()]

    def _named(self, field: Field) -> list[tuple[str, str]]:
        """The names that can be written there; what stands at this place cannot name itself."""
        own = self._draft.value((*self.where, "name")) if self.where[:1] == (field.about.refers_to,) else None
        rows = self._draft.rows(field.about.refers_to)
        names = [str(row["name"]) for row in rows if row.get("name") and row["name"] != own]
        none = (
            (("", self._say(_NO_WAY)),)
            if field.name == "jump"
            else ((THIS_COMPUTER, self._say(text("This computer"))),)
        )
        return [*none, *((name, name) for name in names)]

    def _on_edited(self, field: Field) -> None:
        self._draft.put((*self.where, field.name), self._rows[field.name].editor.value())
        if field.name == "kind":
            self.refresh()
        self.edited.emit()

    def _make_rows(self, kind: Enum | None) -> None:
        """Makes the rows that this kind has and no kind before it had, each in its place; a form opens faster so."""
        place = 1
        for field in self._fields:
            if field.name not in self._rows and field.has_kind(kind):
                self._column.insertWidget(place, self._row(field))
            place += field.name in self._rows

    def refresh(self) -> None:
        """Shows what the draft has now."""
        row = self._values()
        kind = kind_in(self._struct, row)
        self._make_rows(kind)
        for name, shown in self._rows.items():
            field = shown.field
            if field.about.refers_to and isinstance(shown.editor, ChoiceEditor):
                shown.editor.offer(self._named(field))
            value = row.get(name)
            if value is None and isinstance(field.default, bool | int) and field.default:
                value = field.default
            shown.editor.show_value(value, self._filled_in(field, row))
            shown.setVisible(field.has_kind(kind))

    def _values(self) -> Raw:
        at: Any = self._draft.document()
        for key in self.where:
            at = at.get(key, {}) if isinstance(at, dict) else at[key]
        return Raw(at)

    def _filled_in(self, field: Field, row: Raw) -> str:
        """What takes the place of the value when it is left out."""
        if field.about.refers_to:
            return str(field.default or (THIS_COMPUTER if field.name == "on" else ""))
        if field.default not in ("", 0) or isinstance(field.default, bool):
            return ""
        try:
            made = msgspec.convert({key: value for key, value in row.items() if key != field.name}, self._struct)
        except msgspec.ValidationError:
            return ""
        shown = getattr(made, field.name)
        return str(shown) if shown != field.default else ""

    def lock(self, name: str) -> None:
        """Lets a field be read only."""
        self._rows[name].editor.set_locked(True)

    def show_faults(self, faults: Iterable[Fault]) -> bool:
        """Shows those of the faults that are in this form, each beside its field; whether there are any."""
        said: dict[str, str] = {}
        for fault in faults:
            if fault.where[: len(self.where)] == self.where:
                said.setdefault(self._field_of(fault), self._sentence(fault))
        here = {name: words for name, words in said.items() if name in self._rows or name == ""}
        for name, row in self._rows.items():
            row.show_fault(here.get(name, ""))
        self._general.setText(here.get("", ""))
        self._general.setVisible("" in here)
        return bool(here)

    def _field_of(self, fault: Fault) -> str:
        """The field that a fault belongs to; "" for the form as a whole."""
        inside = fault.where[len(self.where) :]
        if inside:
            return str(inside[0])
        return str(fault.what.fields.get("key", "")) if fault.code == "missing-key" else ""

    def _sentence(self, fault: Fault) -> str:
        """What to write instead; a file's words about keys and tables are left out where the field says it itself."""
        row = self._rows.get(self._field_of(fault))
        if fault.code == "missing-key" and row is not None:
            return self._say(text("This is needed. {remedy}", remedy=row.field.about.remedy))
        if fault.code == "wrong-value":
            is_empty = row is not None and not self._draft.value((*self.where, row.field.name))
            return self._say(text("This is needed.") if is_empty else fault.remedy)
        return f"{self._say(fault.what)} {self._say(fault.remedy)}"

    def focus_first_fault(self) -> bool:
        """Goes to the first field that is wrong; whether there is one."""
        for row in self._rows.values():
            if row.fault and row.isVisibleTo(self):
                row.editor.findChildren(QWidget)[0].setFocus()
                return True
        return False

    def focus_field(self, name: str) -> None:
        """Goes to a field."""
        self._rows[name].editor.findChildren(QWidget)[0].setFocus()

    def row(self, name: str) -> FieldRow:
        """The row of a field."""
        return self._rows[name]
