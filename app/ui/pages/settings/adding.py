"""Asks how a source is to be added: by a preset with its values, or by hand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, Text, text
from app.settings.kinds import TITLES
from app.settings.presets import Ask, Preset, Use
from app.settings.shapes import THIS_COMPUTER
from app.settings.source import SourceKind
from app.ui.pages.settings.section_view import scrolled
from app.ui.pages.settings.source_icons import icon_of, icon_of_preset
from app.ui.theme import GRID, heading_font
from app.ui.widgets.controls import Choice, TextButton, label
from app.ui.widgets.pick_list import Pick, PickList

_BY_HAND = (
    SourceKind.POSTGRESQL,
    SourceKind.POSTGRESQL_GLOBALS,
    SourceKind.MYSQL,
    SourceKind.MYSQL_USERS,
    SourceKind.SQLITE,
    SourceKind.FILES,
    SourceKind.RECORDS,
)
"""What can be added by hand: what this version backs up."""

_TITLE_WIDTH = 24 * GRID


class AddDialog(QDialog):
    """Presets and kinds on the left, the values of the chosen one on the right.

    Signals:
        use_chosen: a preset is to be added; carries its `Use`.
        kind_chosen: a source is to be added by hand; carries its kind.
    """

    use_chosen = Signal(object)
    kind_chosen = Signal(object)

    def __init__(
        self, language: Language, presets: Sequence[Preset], hosts: Sequence[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._language = language
        self._presets = presets
        self._hosts = (THIS_COMPUTER, *hosts)
        self._fields: dict[str, QLineEdit | Choice] = {}
        self.setWindowTitle(self._say(text("Add what to back up")))
        self.resize(120 * GRID, 76 * GRID)
        self._list = PickList(self._say(text("Presets and kinds")))
        self._list.setFixedWidth(46 * GRID)
        self._inside = QWidget()
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(2, 0, 2 * GRID, 0)
        self._column.setSpacing(2 * GRID)
        self._fault = label("", "fail")
        self._fault.hide()
        self._add = TextButton(self._say(text("Add")), "primary")
        self._add.setDefault(True)
        self._leave = TextButton(self._say(text("Cancel")))
        self._arrange()
        self._list.picked.connect(self._on_picked)
        self._add.clicked.connect(self._on_add)
        self._leave.clicked.connect(self.reject)
        self._list.pick(0)

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _arrange(self) -> None:
        hand = self._say(text("By hand"))
        self._list.show_picks(
            [
                *(
                    Pick(self._say(each.title), self._say(each.about), icon=icon_of_preset(each))
                    for each in self._presets
                ),
                *(Pick(self._say(TITLES[kind]), hand, icon=icon_of(kind)) for kind in _BY_HAND),
            ]
        )
        row = QHBoxLayout()
        row.setSpacing(3 * GRID)
        row.addWidget(self._list)
        row.addWidget(scrolled(self._inside, self._say(text("Values"))), 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        buttons.addWidget(self._fault, 1)
        buttons.addStretch(1)
        buttons.addWidget(self._leave)
        buttons.addWidget(self._add)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addLayout(row, 1)
        column.addLayout(buttons)

    # --- the chosen one ------------------------------------------------------------------------

    def _on_picked(self, row: int) -> None:
        self._fault.hide()
        while (item := self._column.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._fields.clear()
        if row < len(self._presets):
            self._show_preset(self._presets[row])
        else:
            self._show_kind(_BY_HAND[row - len(self._presets)])
        self._column.addStretch(1)
        for before, after in pairwise((self._list, *self._fields.values(), self._leave, self._add)):
            self.setTabOrder(before, after)

    def _show_preset(self, preset: Preset) -> None:
        self._column.addWidget(label(self._say(preset.title), font=heading_font()))
        self._column.addWidget(label(self._say(preset.about), "muted"))
        self._line("label", self._say(text("What it is called")), preset.name)
        hosts = Choice(self._say(text("Host")))
        for host in self._hosts:
            hosts.addItem(self._say(text("This computer")) if host == THIS_COMPUTER else host, host)
        self._put("host", self._say(text("Host")), hosts)
        for ask in preset.asks:
            self._ask(ask)
        for field in self._fields.values():
            if isinstance(field, QLineEdit):
                field.textEdited.connect(self._show_defaults)
            else:
                field.activated.connect(self._show_defaults)
        self._show_defaults()

    def _show_defaults(self, *_typed: object) -> None:
        """What each field gets when it stays empty, out of what stands in those above it."""
        values = {key: _typed_in(field) for key, field in self._fields.items()}
        for ask in self._presets[self._list.row].asks:
            default = str(ask.default)
            for key, value in values.items():
                default = default.replace(f"${{{key}}}", value)
            field = self._fields[ask.key]
            if isinstance(field, QLineEdit):
                field.setPlaceholderText(default)
                values[ask.key] = values[ask.key] or default

    def _ask(self, ask: Ask) -> None:
        said = self._say(ask.what)
        what = said[:1].upper() + said[1:]
        if not ask.choices:
            self._line(ask.key, what, "")
            return
        box = Choice(what)
        for choice in ask.choices:
            box.addItem(choice, choice)
        box.setCurrentIndex(max(0, box.findData(str(ask.default))))
        self._put(ask.key, what, box)

    def _line(self, key: str, title: str, default: str) -> None:
        field = QLineEdit()
        field.setText(default)
        field.setAccessibleName(title)
        self._put(key, title, field)

    def _put(self, key: str, title: str, field: QLineEdit | Choice) -> None:
        self._fields[key] = field
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GRID)
        said = QLabel(title)
        said.setWordWrap(True)
        said.setFixedWidth(_TITLE_WIDTH)
        row.addWidget(said)
        row.addWidget(field, 1)
        self._column.addWidget(line)

    def _show_kind(self, kind: SourceKind) -> None:
        self._column.addWidget(label(self._say(TITLES[kind]), font=heading_font()))
        self._column.addWidget(label(self._say(text("It is added empty; fill it in beside the list.")), "muted"))

    # --- its end -------------------------------------------------------------------------------

    def _on_add(self) -> None:
        row = self._list.row
        if row >= len(self._presets):
            self.kind_chosen.emit(_BY_HAND[row - len(self._presets)])
            self.accept()
            return
        values = {key: _typed_in(field) for key, field in self._fields.items()}
        given = {key: value for key, value in values.items() if key not in ("label", "host") and value}
        self.use_chosen.emit(Use(self._presets[row].name, values["label"], values["host"], given))

    def show_problem(self, problem: Problem) -> None:
        """It could not be added so."""
        self._fault.setText(f"{self._say(problem.what)} {self._say(problem.next)}")
        self._fault.show()


def _typed_in(field: QLineEdit | Choice) -> str:
    return field.text() if isinstance(field, QLineEdit) else str(field.currentData())
