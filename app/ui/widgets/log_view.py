"""A window on a log of any length: paints the visible rows of the last lines, follows, pauses, searches, copies.

What is read here is the tail that fits into a ring; the whole log is a file. `log_panel` has the view with its bar of
controls, `log_ring` what is kept, `log_text` how bytes become text, `log_scan` how it looks for lines without waiting.
"""
# ruff: noqa: N802  Qt names what it calls

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QBasicTimer, QPointF, Qt, QTimer, QTimerEvent, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleTextCursorEvent,
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from app.foundation.words import Language, Text, plural, text
from app.ui.theme import GRID, Tones, mono_font, tones_now
from app.ui.widgets.log_accessible import offer_text_of
from app.ui.widgets.log_caret import Move, moved, word_around
from app.ui.widgets.log_menu import log_menu
from app.ui.widgets.log_painter import MARGIN, LogPainter
from app.ui.widgets.log_ring import LogRing
from app.ui.widgets.log_rows import COPY_LINES, LogRows, Place, Selection, selected_text
from app.ui.widgets.log_scan import LogScan
from app.ui.widgets.log_screen import LineLayouts, Screen, ScreenRow
from app.ui.widgets.log_search import Direction, LogSearch
from app.ui.widgets.log_text import Level, Query, level_of, line_test

_REFRESH = 33  # milliseconds between two looks at what has arrived: no eye follows more
_SLICE = 0.004  # seconds of searching at a stretch, well below what a hand or an eye notices
_DRAG = 40  # milliseconds between two steps while the mouse is held beyond the edge

_Key = QKeySequence.StandardKey
_KEYS: tuple[tuple[_Key, _Key, Move], ...] = (
    (_Key.MoveToPreviousChar, _Key.SelectPreviousChar, Move.LEFT),
    (_Key.MoveToNextChar, _Key.SelectNextChar, Move.RIGHT),
    (_Key.MoveToPreviousWord, _Key.SelectPreviousWord, Move.WORD_LEFT),
    (_Key.MoveToNextWord, _Key.SelectNextWord, Move.WORD_RIGHT),
    (_Key.MoveToPreviousLine, _Key.SelectPreviousLine, Move.UP),
    (_Key.MoveToNextLine, _Key.SelectNextLine, Move.DOWN),
    (_Key.MoveToPreviousPage, _Key.SelectPreviousPage, Move.PAGE_UP),
    (_Key.MoveToNextPage, _Key.SelectNextPage, Move.PAGE_DOWN),
    (_Key.MoveToStartOfLine, _Key.SelectStartOfLine, Move.LINE_START),
    (_Key.MoveToEndOfLine, _Key.SelectEndOfLine, Move.LINE_END),
    (_Key.MoveToStartOfDocument, _Key.SelectStartOfDocument, Move.LOG_START),
    (_Key.MoveToEndOfDocument, _Key.SelectEndOfDocument, Move.LOG_END),
)


class LogView(QAbstractScrollArea):
    """Shows the last lines of a log.

    Signals:
        follow_changed: whether the view stays at the end, as it now is.
        pause_changed: whether it stands still while lines arrive, as it now is.
        search_changed: how the search stands (`Found`), or None when there is none.
        refreshed: the rows were counted anew.
        selection_changed: whether anything is selected, as it now is.
        noted: a sentence (`Text`) about what was just done, such as how much was copied.
        search_wanted: the person pressed the keys for searching.
        file_wanted: the person wants to see the whole log's file.
    """

    follow_changed = Signal(bool)
    pause_changed = Signal(bool)
    search_changed = Signal(object)
    refreshed = Signal()
    selection_changed = Signal(bool)
    noted = Signal(object)
    search_wanted = Signal()
    file_wanted = Signal()

    def __init__(self, language: Language, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._language = language
        self._ring = LogRing()
        self._rows = LogRows(self._ring)
        self._search: LogSearch | None = None
        self._least = Level.INFO
        self._selection: Selection | None = None
        self._following = True
        self._paused = False
        self._placing = False
        self._numbered = True
        self._anchor: int | None = None
        self._widest = 0.0
        self._placeholder = ""
        self._layouts = LineLayouts(mono_font())
        self._dragging = QBasicTimer()
        self._refresh_timer = QTimer(self, singleShot=True, interval=_REFRESH)
        self._scan_timer = QTimer(self, interval=0)
        self._connect()
        self._prepare()

    def _connect(self) -> None:
        self._refresh_timer.timeout.connect(self._on_refresh_due)
        self._scan_timer.timeout.connect(self._on_scan_due)
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.horizontalScrollBar().valueChanged.connect(self.viewport().update)

    def _prepare(self) -> None:
        offer_text_of(LogView)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAccessibleName(self._language.render(text("Log")))
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        self.verticalScrollBar().setSingleStep(1)
        self.setMinimumHeight(6 * self._layouts.row)

    # --- what is shown ------------------------------------------------------------------------

    def append(self, lines: Sequence[bytes], first: int) -> None:
        """Takes the lines that begin with number `first` (from 0): cheap at any rate, drawn a little later."""
        self._ring.append(lines, first)
        if self._rows.only is not None or self._search is not None:
            self._scan_timer.start()
        self._refresh_soon()

    def clear(self) -> None:
        """Shows an empty log."""
        self._ring = LogRing()
        self._rows = LogRows(self._ring)
        self._anchor = None
        self._put_selection(None)
        self._widest = 0.0
        self._layouts.clear()
        self._filter_anew()
        self._search_anew()
        self.set_paused(False)
        self.set_following(True)
        self._refresh_soon()

    def set_placeholder(self, sentence: str) -> None:
        """What stands in an empty log."""
        self._placeholder = sentence
        self.viewport().update()

    def set_line_numbers(self, shown: bool) -> None:
        """Shows or hides the lines' numbers."""
        self._numbered = shown
        self._refresh_soon()

    @property
    def line_numbers(self) -> bool:
        """Whether the lines' numbers are shown."""
        return self._numbered

    @property
    def line_count(self) -> int:
        """How many lines the log has had."""
        return self._ring.end

    @property
    def waiting(self) -> int:
        """How many lines have arrived since the view was paused."""
        return self._ring.end - self._rows.ring.end

    # --- follow and pause ---------------------------------------------------------------------

    @property
    def following(self) -> bool:
        """Whether the view stays at the end."""
        return self._following

    def set_following(self, on: bool) -> None:
        """Stays at the end from now on, or where it is."""
        if on != self._following:
            self._following = on
            self.follow_changed.emit(on)
        if on:
            self._refresh_soon()

    @property
    def paused(self) -> bool:
        """Whether the view stands still while lines arrive."""
        return self._paused

    def set_paused(self, on: bool) -> None:
        """Stands still over the lines that are there now, or shows what has arrived meanwhile."""
        if on == self._paused:
            return
        self._paused = on
        self._turn_to(self._ring.copy() if on else self._ring)
        self.pause_changed.emit(on)
        self._refresh_soon()

    def _turn_to(self, ring: LogRing) -> None:
        self._rows.ring = ring
        for scan in (self._rows.only, self._search):
            if scan is not None:
                scan.turn_to(ring)
                self._scan_timer.start()

    # --- level and search ---------------------------------------------------------------------

    def set_level(self, least: Level) -> None:
        """Shows only lines of at least this level."""
        if least is self._least:
            return
        self._least = least
        self._widest = 0.0
        self._filter_anew()
        self._search_anew()
        self._refresh_soon()

    def search(self, wanted: str) -> None:
        """Looks for this text from the caret on; nothing ends the search."""
        ring = self._rows.ring
        self._search = LogSearch(ring, Query(wanted), self._least) if wanted else None
        if self._search is not None:
            self._search.ask(Direction.FORWARD, self._looked_at())
            self._scan_timer.start()
        else:
            self.search_changed.emit(None)
        self.viewport().update()

    def search_next(self) -> None:
        """Goes to the next find."""
        self._search_on(Direction.FORWARD)

    def search_previous(self) -> None:
        """Goes to the find before."""
        self._search_on(Direction.BACKWARD)

    def _search_on(self, direction: Direction) -> None:
        if self._search is not None:
            line = self._looked_at() if self._search.current is None else self._search.current
            self._search.ask(direction, line + 1 if direction is Direction.FORWARD else line)
            self._scan_timer.start()

    def _looked_at(self) -> int:
        """The line from which a search starts: the selection's, else the first visible one."""
        if self._selection is not None:
            return self._selection.start.line
        number = self._rows.number_at(self.verticalScrollBar().value())
        return self._rows.ring.first if number is None else number

    def _filter_anew(self) -> None:
        if self._least is Level.INFO:
            self._rows.only = None
        else:
            self._rows.only = LogScan(self._rows.ring, line_test(None, self._least))
            self._scan_timer.start()

    def _search_anew(self) -> None:
        if self._search is not None:
            self._search = LogSearch(self._rows.ring, self._search.query, self._least)
            self._scan_timer.start()

    def _on_scan_due(self) -> None:
        only, search = self._rows.only, self._search
        if only is not None and not only.complete:
            only.go_on(_SLICE)
            self._refresh_soon()
        if search is not None:
            search.go_on(_SLICE)
            self._show_find(search.answer())
            self.search_changed.emit(search.found)
        if (only is None or only.complete) and (search is None or search.complete):
            self._scan_timer.stop()

    def _show_find(self, number: int | None) -> None:
        if number is None or self._search is None:
            return
        self.set_following(False)
        self._refresh()
        places = self._search.query.places(self._row(number).text, most=1)
        start, length = places[0] if places else (0, 0)
        self._select(Place(number, start), Place(number, start + length))

    # --- keeping the rows in place ------------------------------------------------------------

    def _refresh_soon(self) -> None:
        if not self._refresh_timer.isActive():
            self._refresh_timer.start()

    def _on_refresh_due(self) -> None:
        self._refresh()
        self.refreshed.emit()

    def _refresh(self) -> None:
        """Counts the rows, stays at the end or at the line that was on top, and paints."""
        self._let_go()
        bar, page = self.verticalScrollBar(), self._page()
        self._placing = True
        bar.setPageStep(page)
        bar.setRange(0, max(0, self._rows.count - page))
        if self._following:
            bar.setValue(bar.maximum())
        elif self._anchor is not None:
            bar.setValue(self._rows.row_of(self._anchor))
        self._placing = False
        self._remember_top()
        self._refresh_width()
        self.viewport().update()

    def _refresh_width(self) -> None:
        bar, room = self.horizontalScrollBar(), self.viewport().width() - self._left() - GRID
        bar.setPageStep(max(1, room))
        bar.setSingleStep(round(4 * self._layouts.column))
        bar.setRange(0, max(0, round(self._widest) - room))

    def _let_go(self) -> None:
        for scan in (self._rows.only, self._search):
            if scan is not None:
                scan.let_go()
        if self._selection is not None:
            self._put_selection(self._still_held(self._selection))

    def _still_held(self, selection: Selection) -> Selection | None:
        ring = self._rows.ring
        if selection.stop.line < ring.first or selection.start.line >= ring.end:
            return None
        earliest = Place(ring.first, 0)
        return Selection(max(selection.anchor, earliest), max(selection.caret, earliest))

    def _page(self) -> int:
        return max(1, self.viewport().height() // self._layouts.row)

    def _remember_top(self) -> None:
        self._anchor = self._rows.number_at(self.verticalScrollBar().value())

    def _on_scrolled(self, value: int) -> None:
        if not self._placing:
            self._remember_top()
            self.set_following(value == self.verticalScrollBar().maximum())
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: the view has another size."""
        super().resizeEvent(event)
        self._refresh()

    # --- the caret and the selection ----------------------------------------------------------

    def _select(self, anchor: Place, caret: Place) -> None:
        self._put_selection(Selection(anchor, caret))
        self._bring_into_view(caret)
        if QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleTextCursorEvent(self, self.caret_offset()))

    def _put_selection(self, selection: Selection | None) -> None:
        had, self._selection = self.has_selection, selection
        self.viewport().update()
        if self.has_selection != had:
            self.selection_changed.emit(not had)

    def _bring_into_view(self, place: Place) -> None:
        at, bar, page = self._rows.row_of(place.line), self.verticalScrollBar(), self._page()
        if at < bar.value():
            bar.setValue(at)
        elif at >= bar.value() + page:
            bar.setValue(at - page + 1)
        row, across = self._row(place.line), self.horizontalScrollBar()
        x = round(row.x_of(place.column))
        if not across.value() <= x <= across.value() + across.pageStep():
            self._widest = max(self._widest, row.width)
            self._refresh_width()
            across.setValue(x - across.pageStep() // 2)

    def _caret(self) -> Place | None:
        """Where the caret is; before the first movement at the last row that is seen."""
        if not self._rows.lines:
            return None
        if self._selection is not None:
            return self._selection.caret
        row = min(self.verticalScrollBar().value() + self._page() - 1, self._rows.count - 1)
        number = self._rows.number_at(row)
        return None if number is None else Place(number, 0)

    def _move(self, move: Move, selecting: bool) -> None:
        caret = self._caret()
        if caret is None:
            return
        to = moved(self._rows, caret, move, max(1, self._page() - 1))
        anchor = self._selection.anchor if selecting and self._selection is not None else caret
        self._select(anchor if selecting else to, to)
        self.set_following(self._rows.row_of(to.line) == self._rows.count - 1)

    def select_all(self) -> None:
        """Selects every line, or as many of the last ones as a copy holds, and says so."""
        if not self._rows.lines:
            return
        first = self._rows.number_at(max(self._rows.noticed, self._rows.count - COPY_LINES))
        last = self._rows.number_at(self._rows.count - 1)
        if first is None or last is None:
            return
        self._put_selection(Selection(Place(first, 0), Place(last, len(self._row(last).text))))
        if self._rows.lines > COPY_LINES or self._rows.noticed:
            self.noted.emit(_selected_only(min(self._rows.lines, COPY_LINES)))

    def copy(self) -> None:
        """Puts the selected lines on the clipboard, in full."""
        if self._selection is None or self._selection.empty:
            return
        copied = selected_text(self._rows, self._selection)
        QGuiApplication.clipboard().setText(copied.text)
        self.noted.emit(_copied_only(copied.lines) if copied.limited else _copied(copied.lines))

    @property
    def has_selection(self) -> bool:
        """Whether there is anything to copy."""
        return self._selection is not None and not self._selection.empty

    # --- keys and mouse -----------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key. The caret moves as in every text; Shift selects."""
        for move_key, select_key, move in _KEYS:
            if event.matches(move_key) or event.matches(select_key):
                self._move(move, selecting=event.matches(select_key))
                return
        for key, act in self._commands():
            if event.matches(key):
                act()
                return
        if event.key() == Qt.Key.Key_Escape and self._selection is not None:
            self._put_selection(None)
            return
        QWidget.keyPressEvent(self, event)  # not the scroll area's: it would scroll without the caret

    def _commands(self) -> tuple[tuple[_Key, Callable[[], None]], ...]:
        return (
            (_Key.Copy, self.copy),
            (_Key.SelectAll, self.select_all),
            (_Key.Find, self.search_wanted.emit),
            (_Key.FindNext, self.search_next),
            (_Key.FindPrevious, self.search_previous),
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Qt: the caret goes where the mouse is; with Shift the selection reaches there."""
        place = self._place_at(event.position())
        if event.button() is not Qt.MouseButton.LeftButton or place is None:
            return
        self.set_following(False)  # text must not move under the hand
        extends = event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._selection is not None
        self._select(self._selection.anchor if extends and self._selection else place, place)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Qt: selects the word, path or number that was hit."""
        place = self._place_at(event.position())
        if place is not None:
            start, stop = word_around(self._row(place.line).text, place.column)
            self._select(Place(place.line, start), Place(place.line, stop))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Qt: the selection follows the held mouse; beyond the edge the view moves along."""
        if not event.buttons() & Qt.MouseButton.LeftButton or self._selection is None:
            return
        self._drag_to(event.position())
        inside = 0 <= event.position().y() < self.viewport().height()
        if inside:
            self._dragging.stop()
        elif not self._dragging.isActive():
            self._dragging.start(_DRAG, self)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        """Qt: the selection is made."""
        self._dragging.stop()

    def timerEvent(self, event: QTimerEvent) -> None:
        """Qt: the mouse is still held beyond the edge."""
        if event.timerId() == self._dragging.timerId():
            self._drag_to(QPointF(self.viewport().mapFromGlobal(self.cursor().pos())))
        else:
            super().timerEvent(event)

    def _drag_to(self, point: QPointF) -> None:
        place = self._place_at(point)
        if place is not None and self._selection is not None:
            self._select(self._selection.anchor, place)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Qt: the menu, by mouse or by its key."""
        log_menu(self, self._language).popup(event.globalPos())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Qt: the caret appears."""
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Qt: the caret goes."""
        super().focusOutEvent(event)
        self.viewport().update()

    # --- geometry -----------------------------------------------------------------------------

    def _left(self) -> int:
        """Where the text begins, in pixels from the view's left edge."""
        digits = len(str(max(1000, self._rows.ring.end))) if self._numbered else 0
        return round(digits * self._layouts.column) + MARGIN + (GRID if self._numbered else 0)

    def _row(self, number: int, y: int = 0) -> ScreenRow:
        return ScreenRow(y, number, self._layouts.of(number, self._rows.ring.line(number)))

    def _place_at(self, point: QPointF) -> Place | None:
        """The place under (or nearest to) a point of the view; None in an empty log."""
        if not self._rows.lines:
            return None
        row = self.verticalScrollBar().value() + int(point.y() // self._layouts.row)
        number = self._rows.number_at(max(self._rows.noticed, min(row, self._rows.count - 1)))
        if number is None:
            return None
        x = point.x() - self._left() + self.horizontalScrollBar().value()
        return Place(number, self._row(number).column_at(x))

    def seen(self) -> Screen:
        """What is seen now."""
        top = self.verticalScrollBar().value()
        seen = range(top, min(top + self._page() + 1, self._rows.count))
        rows = [self._screen_row(at, (at - top) * self._layouts.row) for at in seen]
        left = self._left() - self.horizontalScrollBar().value()
        return Screen(rows, left, self._layouts.row, self._layouts.column)

    def _screen_row(self, at: int, y: int) -> ScreenRow:
        number = self._rows.number_at(at)
        if number is not None:
            return self._row(number, y)
        return ScreenRow(y, None, self._layouts.laid_out(self._language.render(_earlier(self._rows.ring.first))))

    def caret_offset(self) -> int:
        """Where the caret is in the text of the screen; at its end when it is not seen."""
        screen = self.seen()
        return len(screen.text) if self._selection is None else screen.offset_of(self._selection.caret)

    def select_offsets(self, start: int, stop: int) -> None:
        """Selects a part of the text of the screen."""
        screen = self.seen()
        anchor, caret = screen.place_of(start), screen.place_of(stop)
        if anchor is not None and caret is not None:
            self._select(anchor, caret)

    # --- painting -----------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt: paints the visible rows, and no others."""
        painter, tones, screen = QPainter(self.viewport()), tones_now(), self.seen()
        painter.setFont(self.font() if not self._rows.lines else self._layouts.font)
        if not self._rows.lines:
            self._paint_placeholder(painter, tones)
        on = LogPainter(painter, tones, screen, self._left(), self.viewport().width())
        for row in screen.rows:
            if row.number is None:
                on.notice(row)
            else:
                self._paint_line(on, row, row.number)
        self._widen(screen)

    def _paint_placeholder(self, painter: QPainter, tones: Tones) -> None:
        only = self._rows.only
        sentence = self._placeholder
        if only is not None and len(self._rows.ring):
            sentence = self._language.render(_NOTHING_LEFT if only.complete else _LOOKING)
        painter.setPen(QColor(tones.muted))
        room = self.viewport().rect().adjusted(2 * GRID, 2 * GRID, -2 * GRID, -2 * GRID)
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, sentence)

    def _paint_line(self, on: LogPainter, row: ScreenRow, number: int) -> None:
        level, search, selection = level_of(self._rows.ring.line(number)), self._search, self._selection
        if search is not None and search.current == number:
            on.current_find(row)
        if self._numbered:
            on.number(row, number + 1)
        on.level(row, level)
        on.line(row, level, search.query if search is not None else None, selection)
        if selection is not None and selection.caret.line == number and self.hasFocus():
            on.caret(row, selection.caret.column)

    def _widen(self, screen: Screen) -> None:
        widest = max((row.width for row in screen.rows), default=0.0)
        if widest > self._widest:
            self._widest = widest
            self._refresh_soon()


_NOTHING_LEFT = text("No line of this level.")
_LOOKING = text("Looking through the log…")


def _earlier(count: int) -> Text:
    return plural("{count} earlier line is in the log file.", "{count} earlier lines are in the log file.", count)


def _copied(count: int) -> Text:
    return plural("Copied {count} line.", "Copied {count} lines.", count)


def _copied_only(count: int) -> Text:
    return plural(
        "Copied the last {count} line; the rest is in the log file.",
        "Copied the last {count} lines; the rest is in the log file.",
        count,
    )


def _selected_only(count: int) -> Text:
    return plural(
        "Selected the last {count} line; the whole log is in its file.",
        "Selected the last {count} lines; the whole log is in its file.",
        count,
    )
