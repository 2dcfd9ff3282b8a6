"""A section of several things of one kind: which ones on the left, the form of the chosen one on the right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.words import Language, Text, text
from app.settings.draft import Draft, Raw, document_of, kind_in
from app.settings.host import HostKind
from app.settings.kinds import TITLES
from app.settings.rules import Fault, Where
from app.settings.secrets import StoredSecret
from app.ui.pages.settings.field_form import FieldForm
from app.ui.pages.settings.secret_group import SecretGroup, secret_names_in
from app.ui.pages.settings.secret_row import SecretRow
from app.ui.pages.settings.section_view import SectionView, scrolled
from app.ui.pages.settings.sections import Section, Tried
from app.ui.pages.settings.source_icons import icon_of
from app.ui.pages.settings.trial_panel import TrialPanel
from app.ui.theme import GRID
from app.ui.widgets.controls import IconButton, TextButton
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.pick_list import Pick, PickList

LIST_WIDTH = (26 * GRID, 32 * GRID)
_NEW: dict[str, Raw] = {
    "hosts": {"kind": HostKind.SSH.value},
    "commands": {"when": "maintenance_on", "run": []},
    "contacts": {},
}
_NAMES = {"hosts": "host", "commands": "command", "contacts": ""}
_NAME_STAYS = text("Recovery points and secrets go by this name: it stays. To rename, add a new one.")


class ListSection(SectionView):
    """The things of a section.

    Signals:
        add_asked: a person wants to add one, and how is to be asked (sources only).
        look_asked: a person wants to look at a host (sources only).
    """

    add_asked = Signal()
    look_asked = Signal()

    def __init__(self, section: Section, language: Language, draft: Draft, stored: Sequence[StoredSecret]) -> None:
        super().__init__(section, language, draft, stored)
        assert section.table is not None, "a section of tables"
        self._table = section.table
        (self._key,) = section.keys
        self._faults: list[Fault] = []
        self._kept: dict[str, SecretGroup] = {}
        self._form: FieldForm | None = None
        self._trial: TrialPanel | None = None
        self._shown = ""
        self._make_parts()
        self._arrange()
        self._connect()
        self._show_all()
        self.list.pick(0)

    def _make_parts(self) -> None:
        section = self.section
        self.list = PickList(self._say(section.title))
        self._up = IconButton("chevron-up", self._say(text("Move it up")))
        self._down = IconButton("chevron-down", self._say(text("Move it down")))
        self._remove = IconButton("cancel", self._say(text("Remove it from the site")))
        self._remove.setToolTip(f"{self._remove.accessibleName()}. {self._say(self._table.gone)}")
        self._remove.setAccessibleDescription(self._say(self._table.gone))
        asks = section.tried is Tried.SOURCE
        self._add = TextButton(self._say(text("Add…") if asks else text("Add")))
        self._add.setAccessibleName(self._say(self._table.add))
        self._look = TextButton(self._say(text("Look at a host…")), icon="search")
        self._empty = EmptyState(self._language, "greenhouse", self._table.empty, self._table.add)
        self._inside = QWidget()
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(2, GRID, 2 * GRID, 2 * GRID)
        self._column.setSpacing(2 * GRID)
        self._right = QStackedWidget()
        self._right.addWidget(self._empty)
        self._right.addWidget(scrolled(self._inside, self._say(section.title)))

    def _arrange(self) -> None:
        side = QWidget()
        side.setMinimumWidth(LIST_WIDTH[0])
        side.setMaximumWidth(LIST_WIDTH[1])
        left = QVBoxLayout(side)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(GRID)
        left.addWidget(self.list, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID // 2)
        buttons.addWidget(self._add, 1)
        for button in (self._up, self._down, self._remove):
            buttons.addWidget(button)
        left.addLayout(buttons)
        left.addWidget(self._look)
        self._look.setVisible(self.section.tried is Tried.SOURCE)
        row = QHBoxLayout()
        row.setSpacing(2 * GRID)
        row.addWidget(side, 3)
        row.addWidget(self._right, 6)
        self._body.addLayout(row, 1)

    def _connect(self) -> None:
        self.list.picked.connect(self._on_picked)
        self._add.clicked.connect(self._on_add)
        self._empty.acted.connect(self._on_add)
        self._look.clicked.connect(self.look_asked)
        self._up.clicked.connect(lambda: self._move(-1))
        self._down.clicked.connect(lambda: self._move(1))
        self._remove.clicked.connect(self._on_remove)

    # --- the list ------------------------------------------------------------------------------

    def _show_all(self) -> None:
        rows = self._draft.rows(self._key)
        wrong = {fault.where[1] for fault in self._faults if fault.where[:1] == (self._key,)}
        saved = self._draft.saved_rows(self._key)
        picks = [
            self._pick(row, changed=document_of(self._table.row, row) not in saved, wrong=number in wrong)
            for number, row in enumerate(rows)
        ]
        self.list.show_picks(picks)
        self._right.setCurrentIndex(1 if rows else 0)
        self._tell_buttons()

    def _pick(self, row: Raw, *, changed: bool, wrong: bool) -> Pick:
        kind = kind_in(self._table.row, row)
        off = row.get("enabled") is False
        detail = [self._say(text("Switched off"))] if off else []
        detail += [self._say(said) for said in self._details(row, kind)]
        spoken = [self._say(text("not saved yet"))] if changed else []
        spoken += [self._say(text("something is wrong"))] if wrong else []
        return Pick(
            title=str(row.get("name") or self._say(text("(no name yet)"))),
            detail=" · ".join(detail),
            icon=icon_of(kind),
            changed=changed,
            wrong=wrong,
            muted=off,
            spoken=", ".join(spoken),
        )

    def _details(self, row: Raw, kind: Enum | None) -> list[Text]:
        said = [TITLES[kind]] if kind is not None and self.section.key == "sources" else []
        match self.section.key:
            case "hosts":
                where = row.get("address") or row.get("container") or ""
            case "sources":
                where = row.get("host", "") if row.get("host") != "this-computer" else ""
            case "commands":
                return [text("{when}", when=self._when(row))]
            case _:
                where = row.get("role") or row.get("phone") or ""
        return [*said, *([text("{where}", where=str(where))] if where else [])]

    def _when(self, row: Raw) -> str:
        words = {each.value: said for each, said in TITLES.items()}
        return self._say(words.get(str(row.get("when")), text("{when}", when=str(row.get("when")))))

    def _tell_buttons(self) -> None:
        row, count = self.list.row, len(self._draft.rows(self._key))
        self._up.setEnabled(row > 0)
        self._down.setEnabled(0 <= row < count - 1)
        self._remove.setEnabled(row >= 0)

    # --- what a person does --------------------------------------------------------------------

    def _on_picked(self, _row: int) -> None:
        self._tell_buttons()
        self._show_chosen()

    def _on_add(self) -> None:
        if self.section.tried is Tried.SOURCE:
            self.add_asked.emit()
        else:
            self.add({**_NEW[self._key], "name": self._free_name(_NAMES[self._key])})

    def add(self, row: Raw) -> None:
        """Adds one and shows it, its name ready to be typed."""
        number = self._draft.add(self._key, row)
        self.added(number)
        if self._form is not None:
            self._form.focus_field("name")

    def added(self, number: int) -> None:
        """There is one more in the draft: it is shown."""
        self._show_all()
        self.list.pick(number)
        self.edited.emit()

    def _free_name(self, base: str) -> str:
        taken = {str(row.get("name")) for row in self._draft.rows(self._key)}
        number = 1
        while base and f"{base}-{number}" in taken:
            number += 1
        return f"{base}-{number}" if base else ""

    def _move(self, by: int) -> None:
        to = self._draft.move(self._key, self.list.row, by)
        self._show_all()
        self.list.pick(to)
        self._tell_buttons()
        self.edited.emit()

    def _on_remove(self) -> None:
        row = self.list.row
        self._draft.remove(self._key, row)
        self._show_all()
        self.list.pick(min(row, len(self._draft.rows(self._key)) - 1))
        self._show_chosen()  # another one stands in its row now, or none
        self._tell_buttons()
        self.edited.emit()

    def _on_edited(self) -> None:
        self._follow_name()
        self._show_all()
        self._show_secrets()
        self.edited.emit()

    def _follow_name(self) -> None:
        """A new one may still be called otherwise: its secrets and its Test go with it. No other's are taken over."""
        if self._trial is not None and self.chosen not in self._kept:
            self._kept[self.chosen] = self._kept.pop(self._shown)
            self._shown = self.chosen
            self._trial.show_title(self.chosen)

    # --- the chosen one ------------------------------------------------------------------------

    @property
    def chosen(self) -> str:
        """The name of the chosen one, "" for none."""
        rows = self._draft.rows(self._key)
        return str(rows[self.list.row].get("name", "")) if 0 <= self.list.row < len(rows) else ""

    def _show_chosen(self) -> None:
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None and widget not in self._kept.values():
                widget.hide()
                widget.deleteLater()
            elif widget is not None:
                widget.hide()
                widget.setParent(self)
        self._form = self._trial = None
        row = self.list.row
        if not 0 <= row < len(self._draft.rows(self._key)):
            return
        where: Where = (self._key, row)
        if self.section.tried is not None:
            self._trial = self._panel(self.chosen, lambda: self.chosen)
            self._column.addWidget(self._trial)  # first: Tab goes where things came
        self._form = FieldForm(self._table.row, self._draft, where, self._language)
        self._form.edited.connect(self._on_edited)
        self._keep_name()
        self._column.addWidget(self._form)
        self._form.show_faults(self._faults)
        if self.section.tried is not None:
            self._add_secrets()
        self._column.addStretch(1)

    def _keep_name(self) -> None:
        """The name of something that is stored stays: its snapshots and its secrets go by it."""
        assert self._form is not None, "a form is shown"
        stays = self.section.tried is not None and self.chosen in self._draft.names_saved(self._key)
        if stays:
            self._form.lock("name")
            self._form.row("name").show_note(self._say(_NAME_STAYS))

    def _add_secrets(self) -> None:
        group = self._kept.get(self.chosen)
        if group is None:
            group = self._kept[self.chosen] = SecretGroup(self._language)
            group.edited.connect(self.edited)
            group.replace_asked.connect(self.replace_asked)
            group.remove_asked.connect(self.remove_asked)
        self._column.addWidget(group)
        self._shown = self.chosen
        self._show_secrets()

    def _show_secrets(self) -> None:
        group = self._kept.get(self._shown)
        if group is not None and self._form is not None:
            document = document_of(self._table.row, self._draft.rows(self._key)[self.list.row])
            group.show_names(secret_names_in(self._table.row, document), self.stored)

    def show_stored(self, stored: Sequence[StoredSecret]) -> None:
        super().show_stored(stored)
        self._show_secrets()

    def show_faults(self, faults: Iterable[Fault]) -> None:
        self._faults = list(faults)
        self._show_all()
        if self._form is not None:
            self._form.show_faults(self._faults)

    def begin(self) -> None:
        self._add.setFocus()

    def go_to(self, where: Where) -> None:
        if len(where) > 1 and isinstance(where[1], int):
            self.list.pick(where[1])
        if self._form is not None:
            self._form.focus_first_fault()

    @property
    def secrets(self) -> dict[str, SecretRow]:
        return {name: row for group in self._kept.values() for name, row in group.rows.items()}
