"""Looks at a host and shows what could be backed up there; what is ticked is taken over, its passwords included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, Text, plural, text
from app.settings.kinds import TITLES
from app.settings.shapes import THIS_COMPUTER
from app.ui.pages.settings.section_view import scrolled
from app.ui.theme import GRID, heading_font
from app.ui.widgets.controls import Choice, TextButton, label
from app.ui.widgets.error_card import ErrorCard
from app.ui.widgets.tick import Tick

if TYPE_CHECKING:
    from app.jobs.look.job import Look
    from app.jobs.look.proposals import Proposal

_NOTHING_CHANGES = text(
    "Looks for databases, applications and brokers that the site does not back up yet. Nothing is changed there: "
    "folders are listed, and a few settings files are read."
)


class LookDialog(QDialog):
    """Which host, and what was found there.

    Signals:
        look_wanted: a host is to be looked at; carries its name and the folder to look below, "" for the usual ones.
        chosen: these proposals are to be taken over; carries a list of them.
    """

    look_wanted = Signal(str, str)
    chosen = Signal(object)

    def __init__(self, language: Language, hosts: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._language = language
        self._ticks: list[tuple[Tick, Proposal]] = []
        self.setWindowTitle(self._say(text("Look at a host")))
        self.resize(110 * GRID, 76 * GRID)
        self._host = Choice(self._say(text("Host")))
        for host in (THIS_COMPUTER, *hosts):
            self._host.addItem(self._say(text("This computer")) if host == THIS_COMPUTER else host, host)
        self._under = QLineEdit()
        self._under.setAccessibleName(self._say(text("Look below this folder only")))
        self._under.setPlaceholderText(self._say(text("where sites usually are, or below a folder such as /srv")))
        self._go = TextButton(self._say(text("Look now")), icon="search")
        self._inside = QWidget()
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(2, 0, 2 * GRID, 0)
        self._column.setSpacing(GRID)
        self._take = TextButton("", "primary")
        self._leave = TextButton(self._say(text("Close")))
        self._arrange()
        self._go.clicked.connect(self._on_go)
        self._under.returnPressed.connect(self._on_go)
        self._take.clicked.connect(self._on_take)
        self._leave.clicked.connect(self.reject)
        self._say_line(
            text("Nothing is changed there: folders are listed, and a few settings files are read."), "muted"
        )
        self._tell()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(GRID)
        top.addWidget(self._host)
        top.addWidget(self._under, 1)
        top.addWidget(self._go)
        foot = QHBoxLayout()
        foot.setSpacing(GRID)
        foot.addStretch(1)
        foot.addWidget(self._leave)
        foot.addWidget(self._take)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addLayout(top)
        column.addWidget(scrolled(self._inside, self._say(text("What was found"))), 1)
        column.addLayout(foot)

    def _clear(self) -> None:
        while (item := self._column.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._ticks = []
        self._tell()

    def _say_line(self, sentence: Text, tone: str = "text") -> None:
        self._column.addWidget(label(self._say(sentence), "muted" if tone == "muted" else "text"))
        self._column.addStretch(0)

    def _on_go(self) -> None:
        self._clear()
        self._say_line(text("Looking… This may take half a minute."), "muted")
        self._column.addStretch(1)
        self._go.setEnabled(False)
        self.look_wanted.emit(str(self._host.currentData()), self._under.text().strip())

    def show_failed(self, problem: Problem) -> None:
        """It could not be looked at."""
        self._clear()
        self._go.setEnabled(True)
        self._column.addWidget(ErrorCard(self._language, problem))
        self._column.addStretch(1)

    def show_found(self, found: Look) -> None:
        """Shows what was found, all of it ticked."""
        self._clear()
        self._go.setEnabled(True)
        if not found.proposals:
            self._say_line(text("Nothing was found that the site does not have."))
        for proposal in found.proposals:
            self._add_proposal(proposal)
        if found.notes:
            self._column.addSpacing(GRID)
            self._column.addWidget(label(self._say(text("Worth knowing")), font=heading_font()))
            for note in found.notes:
                self._say_line(note, "muted")
        self._column.addStretch(1)
        self._tell()

    def _add_proposal(self, proposal: Proposal) -> None:
        tick = Tick(proposal.label)
        tick.setChecked(True)
        tick.toggled.connect(self._tell)
        self._ticks.append((tick, proposal))
        self._column.addWidget(tick)
        lines = [self._say(proposal.seen)]
        for source in proposal.parts.sources:
            what = source.root or source.database or source.volume
            lines.append(f"{source.name}: {self._say(TITLES[source.kind])} {what}")
        if proposal.passwords:
            lines.append(self._say(text("Its password was found there; it goes into the secret store.")))
        about = label("\n".join(lines), "muted")
        about.setContentsMargins(4 * GRID, 0, 0, GRID)
        self._column.addWidget(about)

    def _chosen(self) -> list[Proposal]:
        return [proposal for tick, proposal in self._ticks if tick.isChecked()]

    def _tell(self) -> None:
        count = len(self._chosen())
        said = plural("Take over {count}", "Take over {count}", count) if count else text("Take over")
        self._take.setText(self._say(said))
        self._take.setEnabled(count > 0)

    def _on_take(self) -> None:
        self._take.setEnabled(False)
        self.chosen.emit(self._chosen())
