"""The third step: whether it can be done, and what it would change. Both come from a dry run, which writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QProgressBar, QSplitter, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, Text, plural, text
from app.ui.models.rows import Column, RowsModel
from app.ui.restoring.wish import Wish
from app.ui.theme import GRID, State, heading_font
from app.ui.widgets.controls import Choice, IconLabel, SearchField, TextButton, label, set_tone
from app.ui.widgets.page_scroll import PageScroll
from app.ui.widgets.rows_table import RowsTable
from app.ui.widgets.state_badge import StateBadge
from app.ui.widgets.tick import Tick

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.restore.checks import Judged
    from app.jobs.restore.setting import Planned, RestoreState
    from app.jobs.swap.foreseen import Amount, Change, Foreseen

_SORTS = {
    "": text("All changes"),
    "deleted": text("Deleted"),
    "overwritten": text("Overwritten"),
    "created": text("Created"),
}
COLUMNS = 3
"""Of the checks that passed."""

OWNERS, ROLES = "restore.owners-moved", "restore.roles-missing"


class CheckStep(QWidget):
    """Checks above, the table of changes below.

    Signals:
        changed: whether one can go on may be another now.
        again_wanted: it is to be looked at once more, with what was ticked.
    """

    changed = Signal()
    again_wanted = Signal()

    def __init__(self, language: Language, wish: Wish, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._wish = wish
        self._passed = False
        self._changes_found: Sequence[Change] = ()
        self._making()
        self._arrange()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _making(self) -> None:
        self._badge = StateBadge(self._language, State.UNKNOWN, parent=self)
        self._verdict = label("", font=heading_font())
        self.again = TextButton(self._say(text("Check again")), icon="refresh", parent=self)
        self.again.clicked.connect(self.again_wanted)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, 0)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self._say(text("Checking…")))
        self._sources = RowsTable(
            self._language, self._say(text("What would change, by source")), self._sources_model(), self
        )
        wide = "000,000 (1023 MiB)"
        self._sources.give_room(0, {1: wide, 2: wide, 3: wide, 4: wide, 5: wide})
        self._changes = RowsTable(
            self._language, self._say(text("What would change, by name")), self._changes_model(), self
        )
        self._changes.give_room(0, {1: "overwritten", 2: "source-name-as-it-is", 3: "1023 MiB"})
        self._search = SearchField(self._say(text("Part of a name")), self)
        self._sort = Choice(self._say(text("Which changes")), self)
        for key, word in _SORTS.items():
            self._sort.addItem(self._say(word), key)
        self._more = label("", "muted")
        self._search.textChanged.connect(self._narrow)
        self._sort.currentIndexChanged.connect(self._narrow)

    def _sources_model(self) -> RowsModel[Foreseen]:
        def amount(name: str, head: Text) -> Column[Foreseen]:
            return Column(
                head,
                lambda one: self._amount(getattr(one, name)),
                lambda one: getattr(one, name).count,
                figures=True,
            )

        self._foreseen: RowsModel[Foreseen] = RowsModel(
            self._language,
            (
                Column(text("Source"), lambda one: one.source, lambda one: one.source, tip=lambda one: one.target),
                amount("created", text("Created")),
                amount("overwritten", text("Overwritten")),
                amount("deleted", text("Deleted")),
                amount("unchanged", text("Unchanged")),
                amount("kept", text("Kept")),
            ),
            self,
        )
        return self._foreseen

    def _changes_model(self) -> RowsModel[Change]:
        size = self._language.size
        self._names: RowsModel[Change] = RowsModel(
            self._language,
            (
                Column(text("Name"), lambda one: one.path, lambda one: one.path),
                Column(text("Change"), lambda one: self._say(_SORTS[one.sort]), lambda one: one.sort),
                Column(text("Source"), lambda one: one.source, lambda one: one.source),
                Column(
                    text("Size"),
                    lambda one: "–" if one.bytes is None else size(one.bytes),
                    lambda one: one.bytes or 0,
                    figures=True,
                ),
            ),
            self,
        )
        return self._names

    def _amount(self, amount: Amount) -> str:
        if not amount.count:
            return "–"
        return self._say(text("{count} ({size})", count=f"{amount.count:,}", size=self._language.size(amount.bytes)))

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(self._badge)
        head.addWidget(self._verdict, 1)
        head.addWidget(self.again)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self._bar)
        parts = QSplitter(Qt.Orientation.Vertical, self)
        parts.setChildrenCollapsible(False)
        parts.setHandleWidth(GRID)
        self._inside = QWidget()
        self._rows = QVBoxLayout(self._inside)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(GRID // 2)
        parts.addWidget(PageScroll(self._inside, self._say(text("Checks")), parts))
        self._table_side = self._tables(parts)
        parts.addWidget(self._table_side)
        parts.setSizes([1500, 4000])
        column.addWidget(parts, 1)

    def _tables(self, parts: QWidget) -> QWidget:
        side = QWidget(parts)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        self._sources.setParent(side)
        column.addWidget(self._sources)
        narrow = QHBoxLayout()
        narrow.setSpacing(GRID)
        narrow.addWidget(self._search, 1)
        narrow.addWidget(self._sort)
        self._narrowing = QWidget(side)
        self._narrowing.setLayout(narrow)
        narrow.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._narrowing)
        column.addWidget(self._changes, 1)
        column.addWidget(self._more)
        return side

    # --- what was found ------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether everything passed, or is accepted."""
        return self._passed

    def begin(self) -> None:
        """It is being looked at."""
        self._passed = False
        self._badge.show_state(State.RUNNING, text("Checking"))
        self._verdict.setText(self._say(text("Looking whether it can be done, and at what it would change…")))
        self._bar.show()
        self.again.hide()
        self._table_side.hide()
        self._fill(())
        self.changed.emit()

    def show_found(self, state: RestoreState, problem: Problem | None) -> None:
        """What came of it; `problem` is why it was refused, or could not be looked at."""
        self._passed = problem is None
        self._bar.hide()
        self.again.show()
        self._tell_verdict(state, problem)
        self._fill(state.judged, problem)
        foreseen, changes = getattr(state, "foreseen", []), getattr(state, "changes", [])
        self._foreseen.show_rows(foreseen or [_as_created(one) for one in state.planned] if self._passed else ())
        self._changes_found = changes
        self._names.show_rows(changes)
        self._table_side.setVisible(self._passed)
        lines = min(4, max(1, self._foreseen.total))
        self._sources.setFixedHeight(44 + lines * self._sources.verticalHeader().defaultSectionSize() + 4)
        for part in (self._narrowing, self._changes):
            part.setVisible(bool(changes))
        self._narrow()
        self.changed.emit()

    def show_refused(self, problem: Problem) -> None:
        """It could not even be looked at."""
        self._passed = False
        self._bar.hide()
        self.again.show()
        self._badge.show_state(State.FAIL, text("Not yet"))
        self._verdict.setText(self._say(problem.what))
        set_tone(self._verdict, "fail")
        self._fill((), problem)
        self._table_side.hide()
        self.changed.emit()

    def _tell_verdict(self, state: RestoreState, problem: Problem | None) -> None:
        if problem is None:
            self._badge.show_state(State.OK, text("Can be done"))
            count = len(state.judged)
            self._verdict.setText(self._say(plural("{count} check passed.", "{count} checks passed.", count)))
        else:
            opened = any(one.acceptable for one in state.judged if one.why is not None)
            self._badge.show_state(State.STALE if opened else State.FAIL, text("Not yet"))
            self._verdict.setText(self._say(problem.what))
        set_tone(self._verdict, "text" if problem is None else "fail")

    def _fill(self, judged: Sequence[Judged], problem: Problem | None = None) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        open_ones = [one for one in judged if one.why is not None]
        for one in open_ones:
            self._rows.addWidget(self._card(one))
        if problem is not None and problem.code not in {one.why.code for one in open_ones if one.why is not None}:
            self._rows.addWidget(self._card_of(problem, State.FAIL))
        passed = [one for one in judged if one.why is None]
        if passed:
            self._rows.addWidget(self._list(passed))
        self._rows.addStretch(1)

    def _list(self, passed: Sequence[Judged]) -> QWidget:
        from app.jobs.restore.checks import TITLES  # noqa: PLC0415  loaded by the engine long before

        box = QWidget(self._inside)
        grid = QGridLayout(box)
        grid.setContentsMargins(GRID, 0, 0, 0)
        grid.setSpacing(GRID // 2)
        keys = list(dict.fromkeys(one.key for one in passed))
        rows = -(-len(keys) // COLUMNS)
        for place, key in enumerate(keys):
            times = sum(one.key == key for one in passed)
            title = self._say(TITLES[key]) if key in TITLES else key
            column, row = divmod(place, rows)
            grid.addWidget(IconLabel("check", "ok", 18, box), row, 2 * column)
            grid.addWidget(label(title if times == 1 else f"{title} ({times})"), row, 2 * column + 1)
            grid.setColumnStretch(2 * column + 1, 1)
        return box

    def _card(self, one: Judged) -> QFrame:
        assert one.why is not None
        card = self._card_of(one.why, State.STALE if one.acceptable else State.FAIL)
        column = card.layout()
        assert column is not None
        if one.acceptable:
            tick = Tick(self._say(text("I know, go on without this check")), card)
            tick.setChecked(one.key in self._wish.accepted)
            tick.toggled.connect(partial(self._on_accepted, one.key))
            column.addWidget(tick)
        if one.why.code == OWNERS:
            self._add_remedy(card, text("Give the files to the accounts of the same names"), "by_name")
        elif one.why.code == ROLES:
            self._add_remedy(card, text("Make the missing roles out of the point"), "make_roles")
        return card

    def _add_remedy(self, card: QFrame, words: Text, name: str) -> None:
        tick = Tick(self._say(words), card)
        tick.setChecked(getattr(self._wish, name))
        tick.toggled.connect(lambda is_on: self._on_remedy(name, is_on=is_on))
        column = card.layout()
        assert column is not None
        column.addWidget(tick)

    def _card_of(self, why: Problem, state: State) -> QFrame:
        card = QFrame(self._inside)
        card.setObjectName("card")
        card.setProperty("state", state.value)
        card.setAccessibleName(self._say(why.what))
        card.setAccessibleDescription(f"{self._say(why.means)} {self._say(why.next)}")
        column = QVBoxLayout(card)
        column.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        column.setSpacing(GRID // 2)
        column.addWidget(label(self._say(why.what), font=heading_font()))
        for sentence in (why.means, why.next):
            if sentence.id:
                column.addWidget(label(self._say(sentence)))
        return card

    def _on_accepted(self, key: str, is_on: bool) -> None:
        (self._wish.accepted.add if is_on else self._wish.accepted.discard)(key)

    def _on_remedy(self, name: str, *, is_on: bool) -> None:
        setattr(self._wish, name, is_on)

    def _narrow(self) -> None:
        words, sort = self._search.text().casefold(), self._sort.currentData()
        self._names.want(lambda one: words in one.path.casefold() and sort in ("", one.sort))
        named = Counter(one.source for one in self._changes_found)
        sources = [one for one in map(self._foreseen.row, range(self._foreseen.rowCount())) if one.source in named]
        changed = sum(one.created.count + one.overwritten.count + one.deleted.count for one in sources)
        counted = max(0, changed - named.total())
        many = text("{count} more names are counted above and not listed here.", count=f"{counted:,}")
        self._more.setText(self._say(many) if counted else "")
        self._more.setVisible(bool(counted))


def _as_created(planned: Planned) -> Foreseen:
    """Of a restore to another place: all of it is new there."""
    from app.jobs.swap.foreseen import Amount, Foreseen  # noqa: PLC0415  loaded by the engine long before

    return Foreseen(planned.source, planned.host, planned.target, created=Amount(planned.files, planned.bytes))
