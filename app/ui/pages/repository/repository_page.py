"""The Repository page: asks the repository, counts it, removes dead locks, has it checked; says what keeps it away."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import Problem, UserError
from app.foundation.words import Language, text
from app.ui.bridge import Bridge
from app.ui.page_task import page_task
from app.ui.pages.page import SitePage
from app.ui.pages.remedies import TRY_AGAIN, Act, Remedy, remedy_of, secret_meaning, secret_title
from app.ui.pages.repository.panels import DamagePanel, Figures, Keys, Knowledge, Locks
from app.ui.theme import CONTENT_WIDTH, GRID, TARGET, title_font
from app.ui.widgets.card_stack import CardStack
from app.ui.widgets.controls import TextButton, label
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.page_scroll import PageScroll
from app.ui.widgets.secret_dialog import SecretDialog

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter
    from app.jobs.repository_state import Counted, RepositoryState
    from app.runs.runner import Launched

READING, OTHER = "reading", "other"
"""The matters that have a card on this page."""

MINUTE = 60_000


_NEW_PASSWORD = text("The repository's new password")
_NEW_PASSWORD_MEANS = text(
    "It takes the place of the one in use here, which then opens nothing any more. Afterwards the recovery kit has to "
    "be made anew, and every other computer of this site has to be given the new password."
)


class Known(NamedTuple):
    """What a repository said, and when it was asked."""

    state: RepositoryState
    at: datetime


class RepositoryPage(SitePage):
    """The repository of one site; what is known of it stays while it does not answer, marked with its age.

    Signals:
        start: a run is to be launched; carries a coroutine function that launches it.
    """

    start = Signal(object)

    def __init__(self, bridge: Bridge, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(bridge, language, parent)
        self._is_away = False
        self._known: dict[str, Known] = {}
        self._counted: Counted | None = None
        self._remedies: dict[str, Remedy] = {}
        self._make_parts()
        self._arrange()
        self._connect()

    # --- arrangement ---------------------------------------------------------------------------

    def _make_parts(self) -> None:
        self._title = label(self._say(text("Repository")), font=title_font())
        self._title.setMinimumHeight(TARGET)
        self._age = label("", "muted")
        self._age.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._refresh = TextButton(self._say(text("Refresh")), "quiet", "refresh")
        self._refresh.setToolTip("F5")
        self._cards = CardStack(self._language)
        self._damage = DamagePanel(self._language)
        self._figures = Figures(self._language)
        self._knowledge = Knowledge(self._language)
        self._locks = Locks(self._language)
        self._keys = Keys(self._language)
        self._nothing = EmptyState(self._language, "disk", text("No site is chosen."))
        self._reading = EmptyState(self._language, "disk", text("Asking the repository…"))
        self._whole = QStackedWidget()
        self._minute = QTimer(self, interval=MINUTE)

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(GRID)
        top.addWidget(self._title)
        top.addWidget(self._age, 1)
        top.addWidget(self._refresh)
        right = QVBoxLayout()
        right.setSpacing(2 * GRID)
        right.addWidget(self._locks)
        right.addWidget(self._keys)
        right.addStretch(1)
        left = QVBoxLayout()
        left.addWidget(self._knowledge)
        left.addStretch(1)
        halves = QHBoxLayout()
        halves.setSpacing(2 * GRID)
        halves.addLayout(left, 1)
        halves.addLayout(right, 1)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, GRID)
        column.setSpacing(2 * GRID)
        column.addWidget(self._damage)
        column.addWidget(self._figures)
        column.addLayout(halves)
        column.addStretch(1)
        self._body = PageScroll(inside, self._say(text("Repository")))
        for each in (self._nothing, self._reading, self._body):
            self._whole.addWidget(each)
        content = QWidget()
        content.setMaximumWidth(CONTENT_WIDTH + 6 * GRID)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(content, 1000)
        row.addStretch(1)
        whole = QVBoxLayout(content)
        whole.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        whole.setSpacing(2 * GRID)
        whole.addLayout(top)
        whole.addWidget(self._cards)
        whole.addWidget(self._whole, 1)

    def _connect(self) -> None:
        self._refresh.clicked.connect(self._on_refresh)
        self._figures.count_asked.connect(self._on_count_asked)
        self._knowledge.check_asked.connect(self._on_check_asked)
        self._locks.unlock_asked.connect(self._on_unlock_asked)
        self._keys.change_asked.connect(self._on_change_asked)
        self._cards.acted.connect(self._on_card_acted)
        self._minute.timeout.connect(self._tell_age)
        self._minute.start()
        QShortcut(QKeySequence("F5"), self, self._refresh.click)

    # --- the frame's ---------------------------------------------------------------------------

    def show_site(self, site: str) -> None:
        """Shows the repository of another site."""
        if site != self.site:
            self.site = site
            self._counted = None
            self._is_away = False
            for matter in (READING, OTHER):
                self._cards.clear(matter)
            self._whole.setCurrentWidget(self._reading if site else self._nothing)
            if site in self._known:
                self._show(self._known[site].state)
        self._refresh.setEnabled(bool(site))
        self._tell_age()
        self.site_changed()

    def show_error(self, error: Problem) -> None:
        """Shows what went wrong, with the next step where this page can take it."""
        self._show_card(OTHER, error, remedy_of(error))

    # --- asking --------------------------------------------------------------------------------

    def _on_refresh(self) -> None:
        self._cards.clear(OTHER)
        self.load()

    @page_task
    async def load(self) -> None:
        """Asks the repository; what was known stays meanwhile. A size that was never counted is counted then."""
        site = self.site
        self._age.setText(self._say(text("Asking…")))
        try:
            state = await self._bridge.ask(lambda app: app.repository_states.state(site))
        except UserError as error:
            await self._show_away(site, error.problem)
            return
        self._known[site] = Known(state, datetime.now(UTC))
        self._is_away = False
        self._cards.clear(READING)
        self._counted = state.counted
        self._show(state)
        self._tell_age()
        if state.counted is None:
            self.count()

    def _show(self, state: RepositoryState) -> None:
        self._whole.setCurrentWidget(self._body)
        self._damage.show_damage(state.damaged, self.site)
        self._figures.show_address(state.address)
        self._figures.show_state(state)
        self._figures.show_counted(self._counted or state.counted, counting="count" in self.tasks)
        self._knowledge.show_checks(state.cycle, state.checks)
        self._knowledge.allow_checks(True)
        self._locks.show_locks(state.locks)
        self._keys.show_keys(state.keys)

    async def _show_away(self, site: str, problem: Problem) -> None:
        """It does not answer: why, and what was known before."""
        before = await self._bridge.ask(lambda app: app.repository_states.known_before(site))
        if site != self.site:
            return
        self._is_away = True
        remedy = remedy_of(problem) or TRY_AGAIN
        if remedy.act is Act.MAKE_REPOSITORY and before.had_points:
            remedy = TRY_AGAIN  # its disk is not plugged in; a new one in the empty folder would hide that
        self._show_card(READING, problem, remedy)
        if site not in self._known:
            self._figures.show_address(before.address)
            self._figures.show_state(None)
            self._figures.show_counted(before.counted, counting=False)
            self._knowledge.show_checks(None, ())
            self._locks.show_locks(None)
            self._keys.show_keys(None)
            self._damage.hide()
        self._knowledge.allow_checks(False)
        self._whole.setCurrentWidget(self._body)
        self._tell_age()

    def _tell_age(self) -> None:
        known = self._known.get(self.site)
        if known is None:
            self._age.setText(self._say(text("It does not answer")) if self._is_away else "")
            return
        when = self._language.moment(known.at, datetime.now(UTC))
        said = text("It does not answer; as of {when}", when=when) if self._is_away else text("As of {when}", when=when)
        self._age.setText(self._say(said))

    # --- counting ------------------------------------------------------------------------------

    def _on_count_asked(self) -> None:
        self.count()

    @page_task
    async def count(self) -> None:
        """Counts the repository's data and remembers it."""
        site = self.site
        self._figures.show_counted(self._counted, counting=True)
        try:
            counted = await self._bridge.ask(lambda app: app.repository_states.count(site))
            if site == self.site:
                self._counted = counted
        finally:
            if site == self.site:
                self._figures.show_counted(self._counted, counting=False)

    # --- locks and checks ----------------------------------------------------------------------

    def _on_unlock_asked(self) -> None:
        self.unlock()

    @page_task
    async def unlock(self) -> None:
        """Removes the locks of dead work and says what came of it."""
        site = self.site
        done = await self._bridge.ask(lambda app: app.unlock_repository(site))
        if site == self.site:
            self._locks.show_locks(done.left)
            self._locks.show_done(len(done.removed), len(done.left))

    def _on_check_asked(self) -> None:
        self.start.emit(partial(launch_check, self.site))

    def _on_change_asked(self) -> None:
        dialog = SecretDialog(self._language, _NEW_PASSWORD, _NEW_PASSWORD_MEANS, twice=True, parent=self)
        dialog.typed.connect(self._on_new_password)
        dialog.open()

    def _on_new_password(self, new: str) -> None:
        self.start.emit(partial(launch_new_password, self.site, new))

    # --- cards ---------------------------------------------------------------------------------

    def _show_card(self, matter: str, problem: Problem, remedy: Remedy | None) -> None:
        if remedy is None:
            self._cards.show_problem(matter, problem)
            return
        self._remedies[matter] = remedy
        if remedy.next is not None:
            problem = msgspec.structs.replace(problem, next=remedy.next)
        self._cards.show_problem(matter, problem, remedy.word)

    def _on_card_acted(self, matter: str) -> None:
        remedy = self._remedies[matter]
        if remedy.act is Act.STORE_SECRET:
            title, about = secret_title(remedy.secret), secret_meaning(remedy.secret)
            dialog = SecretDialog(self._language, title, about, twice=remedy.is_new, parent=self)
            dialog.typed.connect(partial(self.store_secret, remedy.secret))
            dialog.open()
        elif remedy.act is Act.MAKE_REPOSITORY:
            self.make_repository()
        else:
            self._cards.clear(matter)
            self.load()

    @page_task
    async def store_secret(self, name: str, value: str) -> None:
        """Stores a secret of the site and asks again."""
        site = self.site
        await self._bridge.ask(lambda app: app.set_secret(site, name, value))
        self.load()

    @page_task
    async def make_repository(self) -> None:
        """Makes the site's repository and asks it."""
        site = self.site
        await self._bridge.ask(lambda app: app.init_repository(site))
        self.load()


async def launch_check(site: str, app: Overwinter) -> Launched:
    """Starts reading the next share of the repository's data."""
    from app.jobs.check.job import CheckChoice  # noqa: PLC0415  the engine's thread has loaded it

    return await app.runner.launch(await app.plan_check(site, CheckChoice()))


async def launch_new_password(site: str, new: str, app: Overwinter) -> Launched:
    """Starts giving the repository another password."""
    return await app.runner.launch(await app.plan_new_password(site, new))
