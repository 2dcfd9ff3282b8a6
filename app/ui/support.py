"""The support bundle as a person sees it before it is saved: every file with its text, any of them left out."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.foundation.errors import Problem
from app.foundation.words import Language, Size, Text, plural, text
from app.ui.bridge import Bridge
from app.ui.page_task import page_task
from app.ui.theme import GRID, heading_font, mono_font
from app.ui.widgets.card_stack import CardStack
from app.ui.widgets.controls import TextButton, label
from app.ui.widgets.pick_list import Pick, PickList
from app.ui.widgets.questions import ask_for_file
from app.ui.widgets.tick import Tick

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter
    from app.jobs.support.bundle import Bundle, SupportFile

_ABOUT = text(
    "Nothing is sent anywhere. Secrets were taken out; names of people, computers and folders are in it. "
    "Look through it before you hand it on."
)
_UNREAD = text(
    "The secrets of this site cannot be read now, so the files were not searched for them anew. "
    "They were cleaned when they were written."
)
_TITLES = {
    "overwinter.txt": text("Versions"),
    "computer.txt": text("This computer"),
    "site.toml": text("Settings of the site"),
    "secrets.txt": text("Names of its secrets"),
    "runs.jsonl": text("Last runs"),
    "audit.jsonl": text("Audit log"),
}


class SupportDialog(QDialog):
    """Shows what would be saved, and saves what is left in."""

    def __init__(self, bridge: Bridge, language: Language, site: str, parent: QWidget) -> None:
        """`site` is "" where there is none: then it is about this computer alone."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._bridge = bridge
        self._language = language
        self._site = site
        self._bundle: Bundle | None = None
        self._left_out: set[str] = set()
        self.setWindowTitle(self._say(text("Support bundle")))
        self.files = PickList(self._say(text("Files of the bundle")))
        self.files.setFixedWidth(34 * GRID)
        self.page = QPlainTextEdit()
        self.page.setReadOnly(True)
        self.page.setTabChangesFocus(True)
        self.page.setFont(mono_font())
        self.page.setAccessibleName(self._say(text("Text of the file")))
        self.page.setPlaceholderText(self._say(text("Gathering…")))
        self.inside = Tick(self._say(text("This file goes into the bundle")))
        self._unread = label(self._say(_UNREAD), "stale")
        self._count = label("", "muted")
        self._cards = CardStack(language)
        self._save = TextButton(self._say(text("Save as…")), "primary", "save")
        self._close = TextButton(self._say(text("Close")))
        self._arrange()
        self._connect()
        self._tell()
        self.gather()

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _arrange(self) -> None:
        beside = QVBoxLayout()
        beside.setSpacing(GRID)
        beside.addWidget(self.page, 1)
        beside.addWidget(self.inside)
        middle = QHBoxLayout()
        middle.setSpacing(2 * GRID)
        middle.addWidget(self.files)
        middle.addLayout(beside, 1)
        foot = QHBoxLayout()
        foot.setSpacing(GRID)
        foot.addWidget(self._count, 1)
        for button in (self._close, self._save):
            foot.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addWidget(label(self._say(text("What a colleague needs to help")), font=heading_font()))
        column.addWidget(label(self._say(_ABOUT), "muted"))
        for part in (self._unread, self._cards):
            column.addWidget(part)
        column.addLayout(middle, 1)
        column.addLayout(foot)
        self.resize(124 * GRID, 80 * GRID)

    def _connect(self) -> None:
        self.files.picked.connect(self._on_picked)
        self.inside.toggled.connect(self._on_inside)
        self._save.clicked.connect(self._on_save)
        self._close.clicked.connect(self.reject)
        QShortcut(QKeySequence("Space"), self.files, self.inside.toggle, context=Qt.ShortcutContext.WidgetShortcut)

    def show_error(self, error: Problem) -> None:
        """Something went wrong; what is shown stays."""
        self._cards.show_problem("support", error)

    def done(self, result: int) -> None:
        """Qt: the dialog closes; what it still does ends with it."""
        for task in self.tasks.values():
            task.cancel()
        super().done(result)

    # --- what is in it -------------------------------------------------------------------------

    @page_task
    async def gather(self) -> None:
        """Asks what a bundle would hold now."""
        site = self._site
        self._bundle = await self._bridge.ask(lambda app: app.support.bundle(site))
        self._tell()
        self.files.pick(0)
        self.files.setFocus()

    @property
    def chosen(self) -> list[SupportFile]:
        """The files that would be saved."""
        found = self._bundle.files if self._bundle is not None else ()
        return [file for file in found if file.name not in self._left_out]

    def _tell(self) -> None:
        bundle, chosen = self._bundle, self.chosen
        self._unread.setVisible(bundle is not None and bundle.unread is not None)
        self.files.show_picks([self._pick(file) for file in bundle.files] if bundle is not None else [])
        size = Size(sum(len(file.text.encode()) for file in chosen))
        said = plural("{count} file, {size} before it is packed", "{count} files, {size} before they are packed",
                      len(chosen), size=size)  # fmt: skip
        self._count.setText(self._say(said) if bundle is not None else "")
        self._save.setEnabled(bool(chosen))
        self.inside.setEnabled(bundle is not None)

    def _pick(self, file: SupportFile) -> Pick:
        out = file.name in self._left_out
        title = self._say(_TITLES.get(file.name) or text("Log of the run {run}", run=Path(file.name).stem[:8]))
        size = self._language.size(len(file.text.encode()))
        detail = f"{file.name} · {size}" if file.name in _TITLES else size
        return Pick(title, self._say(text("left out")) if out else detail, "cancel" if out else "file", muted=out)

    def _on_picked(self, row: int) -> None:
        if self._bundle is None or row < 0:
            return
        file = self._bundle.files[row]
        self.page.setPlainText(file.text)
        self.inside.blockSignals(True)
        self.inside.setChecked(file.name not in self._left_out)
        self.inside.blockSignals(False)

    def _on_inside(self, inside: bool) -> None:
        if self._bundle is None or self.files.row < 0:
            return
        name = self._bundle.files[self.files.row].name
        (self._left_out.discard if inside else self._left_out.add)(name)
        self._tell()

    # --- saving --------------------------------------------------------------------------------

    def _on_save(self) -> None:
        if self._bundle is not None:
            ask_for_file(self, self._say(text("Save the bundle")), f"{self._bundle.name}.zip", self.save)

    @page_task
    async def save(self, target: str) -> None:
        """Saves what is left in; what is shown is what is saved."""
        bundle, names = self._bundle, [file.name for file in self.chosen]
        if bundle is None:
            return
        await self._bridge.ask(partial(_saved, bundle, names, target))
        self._cards.clear("support")
        self._count.setText(self._say(text("Saved: {file}", file=target)))


async def _saved(bundle: Bundle, names: list[str], target: str, app: Overwinter) -> None:
    await app.support.save(bundle, names, Path(target))
