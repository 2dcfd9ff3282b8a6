"""How the window goes: what is asked before, what goes on without it, and how it comes back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QMainWindow

from app.foundation.words import Language
from app.ui.pages.run_watch import RunWatch
from app.ui.tray import Tray
from app.ui.widgets.close_question import CloseQuestion
from app.ui.widgets.unsaved_question import UnsavedQuestion


class Leaving(QObject):
    """Keeps the window open until its person knows what that does to the runs that it started, and to what they typed.

    Signals:
        over: nobody is to wait for the window any more, also when it is hidden and hears of no closing.
    """

    over = Signal()

    def __init__(
        self, window: QMainWindow, language: Language, runs: RunWatch, has_unsaved: Callable[[], bool]
    ) -> None:
        super().__init__(window)
        self._window = window
        self._language = language
        self._runs = runs
        self._has_unsaved = has_unsaved
        self._is_leaving = self._without_window = self._gives_up = False
        self._question: CloseQuestion | UnsavedQuestion | None = None
        self.tray = Tray(language, self)
        self.tray.wanted.connect(self.come_forward)

    def may_close(self) -> bool:
        """Whether the window may go now; if not, it is asked."""
        if self._is_leaving or not (self._runs.own or self._loses_something()):
            return True
        self._ask()
        return False

    def _loses_something(self) -> bool:
        """Until a person has given it up."""
        return not self._gives_up and self._has_unsaved()

    def _ask(self) -> None:
        if self._question is not None:
            self._question.raise_()
            return
        self._question = self._unsaved_question() if self._loses_something() else self._close_question()
        self._question.finished.connect(self._on_question_closed)
        self._question.open()

    def _unsaved_question(self) -> UnsavedQuestion:
        asked = UnsavedQuestion(self._language, self._window)
        asked.give_up.connect(self._on_give_up)
        return asked

    def _close_question(self) -> CloseQuestion:
        asked = CloseQuestion(self._language, len(self._runs.own), self._window)
        asked.keep_working.connect(self._on_keep_working)
        asked.cancel_work.connect(self._on_cancel_work)
        return asked

    def _on_give_up(self) -> None:
        """Work that goes on is still asked for."""
        self._gives_up, self._question = True, None
        self._window.close()

    def _on_question_closed(self, _result: int) -> None:
        self._question = None

    def _on_cancel_work(self) -> None:
        """Stays until the runs are put away, so that the person sees it; closing once more does not wait."""
        self._is_leaving = True
        if self._runs.own:
            self._runs.cancel_own()
        else:
            self._window.close()

    def _on_keep_working(self) -> None:
        """The window goes; the program ends with its last run, unless somebody wants the window again."""
        if not self._runs.own:
            self.end()
            return
        self._without_window = True
        self.tray.show()
        self._window.hide()

    def run_ended(self) -> None:
        """The last run of a window that is gone, or is to go, ends the program."""
        if (self._is_leaving or self._without_window) and not self._runs.own:
            self.end()

    def come_forward(self) -> None:
        """Somebody wants to see the window: it was started once more, or its icon in the tray was pressed."""
        self._without_window = False
        self.tray.hide()
        self._window.setWindowState(self._window.windowState() & ~Qt.WindowState.WindowMinimized)
        self._window.show()
        self._window.raise_()
        self._window.activateWindow()

    def end(self) -> None:
        """Closes without asking: the system wants the program to end."""
        self._is_leaving = True
        self._window.close()
        self.over.emit()
