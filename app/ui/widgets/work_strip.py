"""The strip at the window's foot, on every page: what is being done, how far it is, and the way to stop it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from app.foundation.events import Progress, RunClosed, StepStarted, Told
from app.foundation.words import Language, Text, plural, text
from app.ui.theme import GRID
from app.ui.widgets.controls import ElidedButton, TextButton
from app.ui.widgets.progress import fraction, percent, remaining, speed

_FULL = 1000


@dataclass(frozen=True)
class Work:
    """A run as the strip shows it."""

    run: str
    title: Text
    step: Text | None = None
    number: int = 0
    of: int = 0
    progress: Progress | None = None
    cancelling: bool = False
    closed: bool = False

    def after(self, event: Told) -> Work:
        """The same run after it told something."""
        match event:
            case StepStarted():
                return replace(self, step=event.title, number=event.number, of=event.of, progress=None)
            case Progress():
                return replace(self, progress=event)
            case RunClosed():
                return replace(self, closed=True)
            case _:
                return self

    @property
    def line(self) -> list[Text]:
        """`Backup · step 3 of 6 · database hydro`, in its parts."""
        place = text("step {number} of {of}", number=self.number, of=self.of) if self.number else None
        return [part for part in (self.title, place, self.step) if part is not None]


class WorkRow(QFrame):
    """One run in the strip.

    Signals:
        opened: the person wants to see the run.
        cancel_asked: the person wants it to stop.
    """

    opened = Signal(str)
    cancel_asked = Signal(str)

    def __init__(self, language: Language, work: Work) -> None:
        super().__init__()
        self._language = language
        self._work = work
        self._open = ElidedButton("chevron-right")
        self._bar = QProgressBar()
        self._share = self._figure(text("{percent} %", percent=100))
        self._speed = self._figure(text("{size}/s", size="888.8 MiB"))
        self._left = self._figure(text("{time} left", time="88 min 88 s"))
        self._cancel = TextButton(self._say(text("Cancel")))
        self._arrange()
        self._open.clicked.connect(self._on_opened)
        self._cancel.clicked.connect(self._on_cancel)
        self.show_work(work)

    def _say(self, sentence: Text) -> str:
        return self._language.render(sentence)

    def _width_of(self, sample: Text) -> int:
        return self.fontMetrics().horizontalAdvance(self._say(sample))

    def _figure(self, sample: Text) -> QLabel:
        """A figure with room for its longest form, so that its neighbours stand still while it counts."""
        made = QLabel()
        made.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        made.setMinimumWidth(self._width_of(sample))
        return made

    def _arrange(self) -> None:
        self._bar.setRange(0, _FULL)
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(20 * GRID)
        self._share.setProperty("tone", "running")
        for muted in (self._speed, self._left):
            muted.setProperty("tone", "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, GRID // 2, 2 * GRID, GRID // 2)
        row.setSpacing(2 * GRID)
        row.addWidget(self._open, 1)
        figures: tuple[QWidget, ...] = (self._bar, self._share, self._speed, self._left, self._cancel)
        for widget in figures:
            row.addWidget(widget)

    def show_work(self, work: Work) -> None:
        """Shows how the run stands."""
        self._work = work
        line = " · ".join(self._say(part) for part in work.line)
        self._open.set_whole(line)
        self._open.setAccessibleDescription(self._say(text("Opens the run")))
        self._show_bar(fraction(work.progress))
        for label, part in ((self._share, percent), (self._speed, speed), (self._left, remaining)):
            said = part(work.progress)
            label.setText("" if said is None else self._say(said))
            label.setVisible(work.progress is not None and not work.cancelling)
        if work.cancelling:
            self._left.setText(self._say(text("Cancelling…")))
            self._left.show()
        self._cancel.setEnabled(not work.cancelling)
        self._cancel.setAccessibleName(self._say(text("Cancel {title}", title=work.title)))

    def _show_bar(self, done: float | None) -> None:
        self._bar.setVisible(done is not None and not self._work.cancelling)
        self._bar.setValue(round((done or 0.0) * _FULL))
        self._bar.setAccessibleName(self._say(text("Progress of {title}", title=self._work.title)))

    def _on_opened(self) -> None:
        self.opened.emit(self._work.run)

    def _on_cancel(self) -> None:
        self.cancel_asked.emit(self._work.run)


class WorkStrip(QFrame):
    """All runs that work now; one is shown as it is, several fold into `5 running`.

    Signals:
        opened: the person wants to see a run; carries its id.
        cancel_asked: the person wants a run to stop; carries its id.
    """

    opened = Signal(str)
    cancel_asked = Signal(str)

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._rows: dict[str, WorkRow] = {}
        self._unfolded = False
        self.setObjectName("strip")
        self.setAccessibleName(language.render(text("Running work")))
        self._fold = TextButton("", "quiet", "chevron-up")
        self._fold.clicked.connect(self._on_fold)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, GRID // 2, 0, GRID // 2)
        self._column.setSpacing(0)
        self._column.addWidget(self._fold, alignment=Qt.AlignmentFlag.AlignLeft)
        self._show_rows()

    def show_work(self, work: Work) -> None:
        """Shows a run, or how it stands now; a closed one goes."""
        if work.closed:
            self._remove(work.run)
        elif work.run in self._rows:
            self._rows[work.run].show_work(work)
        else:
            self._add(work)

    def _add(self, work: Work) -> None:
        row = WorkRow(self._language, work)
        row.opened.connect(self.opened)
        row.cancel_asked.connect(self.cancel_asked)
        self._rows[work.run] = row
        self._column.addWidget(row)
        self._show_rows()

    def _remove(self, run: str) -> None:
        row = self._rows.pop(run, None)
        if row is not None:
            self._column.removeWidget(row)
            row.deleteLater()
            self._show_rows()

    def _show_rows(self) -> None:
        several = len(self._rows) > 1
        self._fold.setText(self._language.render(plural("{count} running", "{count} running", len(self._rows))))
        self._fold.set_icon("chevron-down" if self._unfolded else "chevron-up")
        self._fold.setVisible(several)
        for row in self._rows.values():
            row.setVisible(self._unfolded or not several)
        self.setVisible(bool(self._rows))

    def _on_fold(self) -> None:
        self._unfolded = not self._unfolded
        self._show_rows()
