"""The fourth step: what will be replaced, and the phrase that has to be typed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.words import Duration, Language, Size, Text, text
from app.ui.pages.snapshots.dialogs import TypedField
from app.ui.restoring.wish import WAY_WORDS, Way, Wish
from app.ui.theme import CONTENT_WIDTH, GRID, heading_font, mono_font
from app.ui.widgets.controls import IconLabel, label

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.restore.remaining import Left
    from app.jobs.restore.setting import RestoreState


class ConfirmStep(QWidget):
    """Says once more what was chosen.

    Signals:
        changed: whether one can go on may be another now.
        entered: Enter was pressed in the field.
    """

    changed = Signal()
    entered = Signal()

    def __init__(self, language: Language, wish: Wish, site: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._wish = wish
        self._site = site
        self._phrase = ""
        self._title = label("", font=heading_font())
        self._facts = label("")
        self._warning = label("")
        self._ask = label(self._say(text("If that is meant, type this:")))
        self._shown = label("", font=mono_font(points=13))
        self._shown.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        self.field = TypedField(self)
        self.field.textChanged.connect(lambda _: self.changed.emit())
        self.field.returnPressed.connect(self.entered)
        self._ask.setBuddy(self.field)
        self._arrange()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _arrange(self) -> None:
        self._card = QFrame(self)
        self._card.setObjectName("card")
        self._card.setProperty("state", "stale")
        row = QHBoxLayout(self._card)
        row.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        row.setSpacing(2 * GRID)
        row.addWidget(IconLabel("warning", "stale", 28), alignment=Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._warning, 1)
        self._typing = QWidget(self)
        typing = QVBoxLayout(self._typing)
        typing.setContentsMargins(0, GRID, 0, 0)
        typing.setSpacing(GRID)
        typing.addWidget(self._ask)
        typing.addWidget(self._shown)
        typing.addWidget(self.field)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * GRID)
        for part in (self._title, self._facts, self._card, self._typing):
            part.setMaximumWidth(CONTENT_WIDTH)
            column.addWidget(part)
        column.addStretch(1)

    @property
    def is_ready(self) -> bool:
        """Whether what has to be typed was."""
        return not self._wish.needs_phrase or (bool(self._phrase) and self.field.text() == self._phrase)

    @property
    def typed(self) -> str:
        """What was typed."""
        return self.field.text()

    def show_order(self, phrase: str, state: RestoreState, left: Left | None) -> None:
        """Shows what is about to be done."""
        self._phrase = phrase
        self.field.clear()
        self._shown.setText(phrase)
        self._shown.setAccessibleName(phrase)
        self.field.setAccessibleName(self._say(text("Type {phrase}", phrase=phrase)))
        self._typing.setVisible(self._wish.needs_phrase)
        self._title.setText(self._say(WAY_WORDS[self._wish.way][0]))
        self._facts.setText("\n".join(self._say(fact) for fact in self._said(state, left)))
        self._warning.setText(self._say(self._meaning()))
        self.changed.emit()

    def _said(self, state: RestoreState, left: Left | None) -> list[Text]:
        wish = self._wish
        at = f"{wish.contents.point.time.astimezone():%Y-%m-%d %H:%M}" if wish.contents is not None else ""
        said = [text("{site}, as it was {when}", site=self._site, when=at)]
        said += [
            text("{source}: {size} to {target} on {host}", source=one.source, size=Size(one.bytes), target=one.target,
                 host=one.host)
            for one in state.planned
        ]  # fmt: skip
        foreseen = getattr(state, "foreseen", [])
        if foreseen:
            deleted = sum(one.deleted.count for one in foreseen)
            overwritten = sum(one.overwritten.count for one in foreseen)
            said.append(text("{overwritten} names are overwritten and {deleted} go, as far as is seen now.",
                             overwritten=f"{overwritten:,}", deleted=f"{deleted:,}"))  # fmt: skip
        if left is not None:
            said.append(text("It takes about {least} to {most}.", least=Duration(left.least), most=Duration(left.most)))
        return said

    def _meaning(self) -> Text:
        match self._wish.way:
            case Way.SWAP if self._wish.safety:
                return text(
                    "The present state is backed up first. What is live is then put aside for 24 hours: one button "
                    "brings it back. What is written after that backup is in the old state only."
                )
            case Way.SWAP:
                return text(
                    "The present state is not backed up first. What is live is put aside for 24 hours, then it is gone."
                )
            case Way.SYNC if self._wish.safety:
                return text(
                    "The site goes down, its present state is backed up, then the files are changed where they stand. "
                    "What the point does not have is deleted. There is no old state to put back but that backup."
                )
            case Way.SYNC:
                return text(
                    "The site goes down and its files are changed where they stand. What the point does not have is "
                    "deleted for good: there is no backup of the present state, and no way back."
                )
            case Way.LATER:
                return text("Nothing that is live is changed yet. What is prepared waits for up to a week.")
            case _:
                return text("Nothing that is live is changed.")
