"""The Settings page: reads the site's settings, has each edit examined, tries connections, saves, and goes back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QMessageBox, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import Problem, UserError
from app.foundation.words import Language, plural, text
from app.settings.draft import Draft
from app.settings.rules import Fault
from app.settings.secrets import StoredSecret
from app.ui.bridge import Bridge
from app.ui.page_task import page_task, page_task_for_each
from app.ui.pages.page import SitePage
from app.ui.pages.settings.growing import Growth
from app.ui.pages.settings.list_section import ListSection
from app.ui.pages.settings.plain_section import PlainSection
from app.ui.pages.settings.secret_row import secret_words
from app.ui.pages.settings.section_view import SectionView
from app.ui.pages.settings.sections import SECTIONS, Section, section_of
from app.ui.pages.settings.security_section import SecuritySection
from app.ui.pages.settings.trials import Trials
from app.ui.theme import GRID, TARGET, title_font
from app.ui.widgets.card_stack import CardStack
from app.ui.widgets.controls import TextButton, label, set_tone
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.pick_list import Pick, PickList

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter

SECTIONS_WIDTH = (20 * GRID, 24 * GRID)
EXAMINED_AFTER = 250  # milliseconds without a key, so that a word half typed is not called wrong
READING, SAVING = "reading", "saving"
"""The matters that have a card on this page."""

CHANGED_MEANWHILE = "site.changed-meanwhile"
_READ_ANEW = text("Read the settings anew")


class SettingsPage(SitePage):
    """The settings of one site. What is edited stays, per site, until it is saved or taken back.

    Signals:
        saved: the settings of a site were stored; carries its name.
    """

    saved = Signal(str)

    def __init__(self, bridge: Bridge, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(bridge, language, parent)
        self._drafts: dict[str, Draft] = {}
        self._stored: tuple[StoredSecret, ...] = ()
        self._faults: tuple[Fault, ...] = ()
        self.views: dict[str, SectionView] = {}
        self._saving = False
        self._wanted = ""
        self._trials = Trials(self, bridge, language)
        self._growth = Growth(self, bridge, language)
        self._make_parts()
        self._arrange()
        self._connect()

    # --- arrangement ---------------------------------------------------------------------------

    def _make_parts(self) -> None:
        self._title = label(self._say(text("Settings")), font=title_font())
        self._title.setMinimumHeight(TARGET)
        self._state = label("", "muted")
        self._state.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._revert = TextButton(self._say(text("Revert")))
        self._revert.setToolTip(self._say(text("Takes back everything that is not saved yet")))
        self._save = TextButton(self._say(text("Save")), "primary", "save")
        self._save.setToolTip("Ctrl+S")
        self._cards = CardStack(self._language)
        self._sections = PickList(self._say(text("Sections")))
        self._sections.setMinimumWidth(SECTIONS_WIDTH[0])
        self._sections.setMaximumWidth(SECTIONS_WIDTH[1])
        self._pages = QStackedWidget()
        self._nothing = EmptyState(self._language, "greenhouse", text("No site is chosen."))
        self._reading = EmptyState(self._language, "greenhouse", text("Reading the settings…"))
        self._whole = QStackedWidget()
        self._typing = QTimer(self, singleShot=True, interval=EXAMINED_AFTER)

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(GRID)
        top.addWidget(self._title)
        top.addWidget(self._state, 1)
        top.addSpacing(GRID)
        top.addWidget(self._revert)
        top.addWidget(self._save)
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GRID)
        row.addWidget(self._sections, 2)
        row.addWidget(self._pages, 9)
        for each in (self._nothing, self._reading, body):
            self._whole.addWidget(each)
        self._body = body
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addLayout(top)
        column.addWidget(self._cards)
        column.addWidget(self._whole, 1)

    def _connect(self) -> None:
        self._revert.clicked.connect(self.revert)
        self._save.clicked.connect(self._on_save)
        self._sections.picked.connect(self._on_section_picked)
        self._cards.acted.connect(self._on_card_acted)
        self._typing.timeout.connect(self._on_typed)
        QShortcut(QKeySequence("Ctrl+S"), self, self._save.click)
        self._show_marks()

    # --- the frame's ---------------------------------------------------------------------------

    def show_site(self, site: str) -> None:
        """Shows another site; what was edited of the one before stays."""
        if site != self.site:
            self.site = site
            self._cards.clear(READING)
            self._cards.clear(SAVING)
            self._drop_views()
            self._whole.setCurrentWidget(self._reading if site else self._nothing)
        self._show_marks()
        self.site_changed()

    @property
    def has_unsaved(self) -> bool:
        """Whether something of any site is edited and not saved."""
        return any(draft.is_changed for draft in self._drafts.values()) or bool(self.typed())

    def show_error(self, error: Problem) -> None:
        """Shows what went wrong."""
        again = _READ_ANEW if error.code == CHANGED_MEANWHILE else None
        self._cards.show_problem(SAVING, error, again)

    def _on_card_acted(self, matter: str) -> None:
        if matter == SAVING:
            self._drafts.pop(self.site, None)
            self._drop_views()
        self._cards.clear(matter)
        self.load()

    # --- reading -------------------------------------------------------------------------------

    @property
    def draft(self) -> Draft:
        """The site that is shown, as it is edited."""
        return self._drafts[self.site]

    @page_task
    async def load(self) -> None:
        """Reads the stored settings; edits that are not saved stay as they are."""
        site = self.site
        try:
            opened = await self._bridge.ask(lambda app: app.editing.opened(site))
        except UserError as error:
            self._cards.show_problem(READING, error.problem, text("Try again"))
            return
        self._cards.clear(READING)
        if site != self.site:
            return
        self._stored = opened.stored
        known = self._drafts.get(site)
        if known is None or (not known.is_changed and known.site != opened.site):
            self._drafts[site] = Draft(opened.site)
            self._drop_views()
        for view in self.views.values():
            view.show_stored(self._stored)
        self._whole.setCurrentWidget(self._body)
        self._show_marks()
        if self._sections.row < 0:
            self._sections.pick(0)
        self._show_section()
        self._open_wanted()

    def open_section(self, key: str) -> None:
        """Shows a section, as soon as the settings are read, with the keyboard on what to do there first."""
        self._wanted = key
        if self._whole.currentWidget() is self._body and not self._is_stale:
            self._open_wanted()

    def _open_wanted(self) -> None:
        if self._wanted:
            section = next(each for each in SECTIONS if each.key == self._wanted)
            self._wanted = ""
            self._sections.pick(SECTIONS.index(section))
            self.view(section).begin()

    def _drop_views(self) -> None:
        for view in self.views.values():
            self._pages.removeWidget(view)
            view.deleteLater()
        self.views = {}
        self._faults = ()

    def _on_section_picked(self, _row: int) -> None:
        self._show_section()

    def _show_section(self) -> None:
        if self.site in self._drafts and self._sections.row >= 0:
            self._pages.setCurrentWidget(self.view(SECTIONS[self._sections.row]))

    def view(self, section: Section) -> SectionView:
        """The view of a section, made when it is first looked at."""
        if section.key not in self.views:
            kind = (
                SecuritySection if section.reads_security else (PlainSection if section.table is None else ListSection)
            )
            view = kind(section, self._language, self.draft, self._stored)
            view.edited.connect(self._on_edited)
            view.replace_asked.connect(self._on_replace_asked)
            view.remove_asked.connect(self._on_remove_asked)
            view.trial_wanted.connect(partial(self._trials.begin, section))
            view.mending_asked.connect(partial(self._trials.mend, section))
            if isinstance(view, ListSection):
                view.add_asked.connect(self._growth.ask_what_to_add)
                view.look_asked.connect(self._growth.ask_where_to_look)
            view.show_faults(self._faults)
            self.views[section.key] = view
            self._pages.addWidget(view)
        return self.views[section.key]

    # --- editing -------------------------------------------------------------------------------

    def _on_edited(self) -> None:
        self._show_marks()
        self._typing.start()

    def _on_typed(self) -> None:
        if self.site in self._drafts:
            self.examine()

    @page_task
    async def examine(self) -> None:
        """Has the site file's rules look at what is edited."""
        await self._examined()

    async def _examined(self) -> tuple[Fault, ...]:
        site, document = self.site, self.draft.document()
        found = await self._bridge.ask(lambda app: app.editing.examined(document))
        if site == self.site:
            self._faults = found.faults
            for view in self.views.values():
                view.show_faults(found.faults)
            self._show_marks()
        return found.faults

    def typed(self) -> dict[str, str]:
        """Secrets that are typed and not stored, of what the site has."""
        return {name: value for view in self.views.values() for name, value in view.typed.items()}

    def _show_marks(self) -> None:
        """Says what is not saved and what is wrong, in the list of sections and beside Save."""
        draft = self._drafts.get(self.site)
        wrong = {section_of(fault.where).key for fault in self._faults}
        picks = []
        for section in SECTIONS:
            view = self.views.get(section.key)
            typed = view is not None and bool(view.typed)
            changed = draft is not None and (draft.is_changed_in(section.keys) or typed)
            spoken = [self._say(text("not saved yet"))] if changed else []
            spoken += [self._say(text("something is wrong"))] if section.key in wrong else []
            picks.append(
                Pick(
                    self._say(section.title),
                    changed=changed,
                    wrong=section.key in wrong,
                    spoken=", ".join(spoken),
                )
            )
        self._sections.show_picks(picks)
        changed = draft is not None and (draft.is_changed or bool(self.typed()))
        self._revert.setEnabled(changed and not self._saving)
        self._save.setEnabled(changed and not self._saving)
        self._tell_state(changed=changed)

    def _tell_state(self, *, changed: bool) -> None:
        if self._faults:
            count = len(self._faults)
            said = plural("{count} thing has to be put right", "{count} things have to be put right", count)
            set_tone(self._state, "fail")
        else:
            said = text("Not saved yet") if changed else text("All is saved")
            set_tone(self._state, "stale" if changed else "muted")
        self._state.setText(self._say(said) if self.site in self._drafts else "")

    def revert(self) -> None:
        """Takes back everything of this site that is not saved."""
        self._drafts.pop(self.site, None)
        self._cards.clear(SAVING)
        self._drop_views()
        self.load()

    # --- saving --------------------------------------------------------------------------------

    def _on_save(self) -> None:
        if self._save.isEnabled():
            self.save()

    @page_task
    async def save(self) -> None:
        """Stores the settings, then the secrets that are typed; refused where something is wrong."""
        self._saving = True
        self._show_marks()
        try:
            await self._store()
        finally:
            self._saving = False
            self._show_marks()

    async def _store(self) -> None:
        site, draft = self.site, self.draft
        faults = await self._examined()
        if faults:
            self._go_to(faults[0])
            return
        self._cards.clear(SAVING)
        if draft.is_changed:
            before, document = draft.site, draft.document()
            stored = await self._bridge.ask(lambda app: app.editing.save(before, document))
            draft.begin_anew(stored)  # in its place: what is typed stays where the secrets cannot be stored
        await self.store_typed(site)
        self._drop_views()
        self.load()
        self.saved.emit(site)

    async def store_typed(self, site: str) -> None:
        """Stores each, and empties its field as soon as it is stored."""
        wanted = self._drafts[site].site.secret_names()
        for view in self.views.values():
            for name, value in view.typed.items():
                if name in wanted:
                    await self._bridge.ask(partial(_set_secret, site, name, value))
                    view.secrets[name].clear()

    def _go_to(self, fault: Fault) -> None:
        section = section_of(fault.where)
        self._sections.pick(SECTIONS.index(section))
        self.view(section).go_to(fault.where)

    # --- secrets -------------------------------------------------------------------------------

    def _on_replace_asked(self, name: str) -> None:
        self.store_secret(name)

    @page_task_for_each
    async def store_secret(self, name: str) -> None:
        """Stores what is typed as this secret, at once."""
        site = self.site
        for view in self.views.values():
            if value := view.typed.get(name):
                await self._bridge.ask(partial(_set_secret, site, name, value))
                view.secrets[name].clear()
        self._cards.clear(SAVING)
        await self.read_stored(site)
        self.saved.emit(site)

    async def read_stored(self, site: str) -> None:
        """Shows which secrets are stored now."""
        opened = await self._bridge.ask(lambda app: app.editing.opened(site))
        if site == self.site:
            self._stored = opened.stored
            for view in self.views.values():
                view.show_stored(self._stored)
            self._show_marks()

    def _on_remove_asked(self, name: str) -> None:
        """Asked once more: nobody can give it back."""
        title, _ = secret_words(name, alone=True)
        asked = QMessageBox(self)
        asked.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        asked.setWindowTitle(self._say(text("Remove a secret")))
        asked.setText(self._say(text("Remove this secret from the keyring or vault? {name}", name=title)))
        asked.setInformativeText(self._say(text("What needs it stops working until it is typed again.")))
        remove = asked.addButton(self._say(text("Remove it")), QMessageBox.ButtonRole.DestructiveRole)
        keep = asked.addButton(self._say(text("Keep it")), QMessageBox.ButtonRole.RejectRole)
        asked.setDefaultButton(keep)
        asked.setEscapeButton(keep)
        remove.clicked.connect(partial(self.remove_secret, name))
        asked.open()

    @page_task_for_each
    async def remove_secret(self, name: str, *_clicked: object) -> None:
        """Removes a stored secret."""
        site = self.site
        await self._bridge.ask(lambda app: app.remove_secret(site, name))
        await self.read_stored(site)
        self.saved.emit(site)


async def _set_secret(site: str, name: str, value: str, app: Overwinter) -> str:
    return await app.set_secret(site, name, value)
