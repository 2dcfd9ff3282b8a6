"""What the log view is made of, without a window: text, ring, scan, search, rows, caret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.widgets.log_caret import Move, moved, word_around
from app.ui.widgets.log_ring import LogRing
from app.ui.widgets.log_rows import COPY_LINES, LogRows, Place, Selection, selected_text
from app.ui.widgets.log_scan import LogScan
from app.ui.widgets.log_search import Direction, LogSearch
from app.ui.widgets.log_text import CUT, Level, Query, level_of, line_test, painted, readable

LONG = 1.0  # seconds: more than any scan here needs


def ring_of(*lines: bytes, first: int = 0, most_lines: int = 1000) -> LogRing:
    ring = LogRing(most_lines)
    ring.append(lines, first)
    return ring


def numbered(count: int) -> list[bytes]:
    return [b"line %d" % number for number in range(count)]


# --- text -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"plain", "plain"),
        ("клапан".encode(), "клапан"),
        (b"tab\tstays", "tab\tstays"),
        (b"windows\r", "windows"),
        (b"bad \xff\xfe utf-8", "bad \ufffd\ufffd utf-8"),
        (b"bell \x07 zero \x00", "bell ‹07› zero ‹00›"),
        (b"10 %\r20 %", "10 %‹0D›20 %"),
        (b"\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b]8;;https://example.org\x07link\x1b]8;;\x07", "link"),
        ("turned \u202e round".encode(), "turned ‹202E› round"),
        ("hidden\u200bspace".encode(), "hidden‹200B›space"),
        ("next\u2028line".encode(), "next‹2028›line"),
    ],
)
def test_a_line_is_shown_so_that_nothing_in_it_hides_or_does_harm(line: bytes, shown: str) -> None:
    assert readable(line) == shown


@given(st.binary(max_size=300))
def test_whatever_a_program_prints_is_one_harmless_line(line: bytes) -> None:
    shown = painted(line.replace(b"\n", b""))
    assert len(shown) <= CUT + 1
    assert not any(ord(char) < 0x20 and char != "\t" for char in shown)


def test_a_very_long_line_is_painted_cut_and_read_whole() -> None:
    line = b"x" * 1_000_000
    assert painted(line) == "x" * CUT + "…"
    assert len(readable(line)) == 1_000_000


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (b"Fatal: wrong password", Level.ERROR),
        (b"pg_dump: error: connection to server failed", Level.ERROR),
        (b"open /srv/x: permission denied", Level.ERROR),
        (b"WARNING: no usable index", Level.WARNING),
        (b"skipping unreadable file", Level.WARNING),
        (b"no errors were found", Level.INFO),
        (b"0 errors, 3 warnings", Level.WARNING),
        (b'{"message_type":"summary","errors": 0}', Level.INFO),
        (b"added to the repository: 3 MiB", Level.INFO),
        (b"$ /usr/bin/python -c try: read() except sqlite3.Error: fail()", Level.INFO),
    ],
)
def test_the_level_of_a_line_is_told_by_the_words_programs_use(line: bytes, level: Level) -> None:
    assert level_of(line) is level


@pytest.mark.parametrize("line", [b"An ERROR here", "Ошибка, error".encode(), b"an \x1b[31merr\x1b[0mor"])
def test_a_search_disregards_case_and_looks_at_what_is_shown(line: bytes) -> None:
    assert Query("Error").found_in(line)
    assert not Query("errand").found_in(line)


def test_a_search_finds_words_of_other_alphabets() -> None:
    assert Query("КЛАПАН").found_in("открыт клапан 3".encode())
    assert not Query("клапан").found_in(b"valve 3")
    assert Query("a").places("banana") == [(1, 1), (3, 1), (5, 1)]


# --- ring -------------------------------------------------------------------------------------


def test_the_ring_holds_the_last_lines_under_their_numbers() -> None:
    ring = LogRing(most_lines=10)
    for start in range(0, 35, 5):
        ring.append(numbered(40)[start : start + 5], start)
    assert (ring.first, ring.end) == (25, 35)
    assert ring.lines(0, 100) == numbered(35)[25:]
    assert ring.line(30) == b"line 30"


@given(st.lists(st.integers(1, 7), max_size=12), st.integers(1, 9), st.integers(1, 60))
def test_the_ring_is_always_the_tail_of_what_came(batches: list[int], most_lines: int, most_bytes: int) -> None:
    ring, told = LogRing(most_lines, most_bytes), numbered(100)
    at = 0
    for size in batches:
        ring.append(told[at : at + size], at)
        at += size
    held = ring.lines(0, 1000)
    assert held == told[at - len(held) : at]
    assert ring.end == at
    assert len(held) <= most_lines
    assert sum(map(len, held)) <= most_bytes or len(held) == 1
    more = len(held) + 1
    if held and more <= min(most_lines, at):
        assert sum(map(len, told[at - more : at])) > most_bytes, "a line was let go without need"


def test_lines_told_twice_are_taken_once_and_a_gap_starts_anew() -> None:
    ring = ring_of(*numbered(10))
    ring.append(numbered(12)[5:], 5)
    assert ring.lines(0, 99) == numbered(12)
    ring.append([b"later"], 500)
    assert (ring.first, ring.end, ring.lines(0, 999)) == (500, 501, [b"later"])


def test_a_ring_of_long_lines_is_bounded_in_bytes() -> None:
    ring = LogRing(most_bytes=1_000_000)
    ring.append([b"s" * 10] * 50_000, 0)
    ring.append([b"x" * 600_000] * 3, 50_000)
    assert len(ring) == 1
    assert ring.end == 50_003


# --- scan and search --------------------------------------------------------------------------


def test_a_scan_stops_in_time_and_goes_on_where_it_was() -> None:
    ring = ring_of(*numbered(1000))
    scan = LogScan(ring, lambda line: line.endswith(b"7"))
    scan.go_on(0)
    assert not scan.complete
    scan.go_on(LONG)
    assert scan.complete
    assert scan.found == [number for number in range(1000) if number % 10 == 7]
    ring.append([b"one with 7"], 1000)
    assert not scan.complete
    scan.go_on(LONG)
    scan.let_go()
    assert (scan.found[0], scan.found[-1]) == (7, 1000)


def test_a_search_steps_from_find_to_find_and_round_the_end() -> None:
    ring = ring_of(b"a", b"hit", b"b", b"hit", b"c")
    search = LogSearch(ring, Query("hit"), Level.INFO)
    search.ask(Direction.FORWARD, 2)
    assert search.answer() is None, "nothing has been looked at yet"
    search.go_on(LONG)
    assert search.answer() == 3
    assert search.answer() is None, "an answer is given once"
    assert search.found == (2, 2, True)
    search.ask(Direction.FORWARD, 4)
    assert search.answer() == 1
    search.ask(Direction.BACKWARD, 1)
    assert search.answer() == 3


def test_a_search_among_errors_passes_over_the_rest() -> None:
    search = LogSearch(ring_of(b"disk ok", b"error: disk", b"error: net"), Query("disk"), Level.ERROR)
    search.go_on(LONG)
    assert search.found.total == 1


# --- rows, selection, caret -------------------------------------------------------------------


def test_the_first_row_tells_of_lines_that_were_let_go() -> None:
    rows = LogRows(ring_of(*numbered(5), first=100))
    assert rows.count == 6
    assert [rows.number_at(row) for row in range(7)] == [None, 100, 101, 102, 103, 104, None]
    assert rows.row_of(102) == 3
    assert rows.row_of(0) == 1


def test_a_filter_leaves_its_lines_under_their_own_numbers() -> None:
    ring = ring_of(b"ok", b"error 1", b"ok", b"error 2")
    only = LogScan(ring, line_test(None, Level.ERROR))
    only.go_on(LONG)
    rows = LogRows(ring, only)
    assert [rows.number_at(row) for row in range(rows.count)] == [1, 3]
    assert rows.row_of(2) == 1
    copied = selected_text(rows, Selection(Place(0, 0), Place(3, 7)))
    assert copied.text == "error 1\nerror 2"


def test_a_copy_holds_long_lines_whole_and_no_more_lines_than_a_clipboard_can_take() -> None:
    rows = LogRows(ring_of(b"first", b"x" * 5000, b"last"))
    copied = selected_text(rows, Selection(Place(0, 2), Place(2, 2)))
    assert copied.text == "rst\n" + "x" * 5000 + "\nla"
    assert selected_text(rows, Selection(Place(1, 0), Place(1, CUT + 1))).text == "x" * 5000
    assert selected_text(rows, Selection(Place(1, CUT + 1), Place(2, 1))).text == "\nl"
    many = LogRows(ring_of(*numbered(COPY_LINES + 5), most_lines=COPY_LINES + 5))
    limited = selected_text(many, Selection(Place(0, 0), Place(COPY_LINES + 4, 99)))
    assert limited.limited
    assert limited.lines == COPY_LINES
    assert limited.text.startswith("line 5\n")


@pytest.mark.parametrize(
    ("move", "place"),
    [
        (Move.LEFT, Place(1, 4)),
        (Move.RIGHT, Place(2, 0)),
        (Move.WORD_LEFT, Place(1, 0)),
        (Move.UP, Place(0, 5)),
        (Move.DOWN, Place(2, 5)),
        (Move.PAGE_UP, Place(0, 5)),
        (Move.PAGE_DOWN, Place(3, 5)),
        (Move.LINE_START, Place(1, 0)),
        (Move.LINE_END, Place(3, 4)),
        (Move.LOG_START, Place(0, 0)),
        (Move.LOG_END, Place(3, 4)),
    ],
)
def test_the_caret_moves_as_in_every_text(move: Move, place: Place) -> None:
    rows = LogRows(ring_of(b"above", b"valve", b"below", b"last"))
    assert moved(rows, Place(1, 5), move, page=10) == place


def test_the_caret_stops_at_the_ends() -> None:
    rows = LogRows(ring_of(b"one", first=9))
    for move in Move:
        assert moved(rows, Place(9, 0), move, page=3).line == 9


def test_a_double_click_takes_a_whole_path() -> None:
    line = "reading /srv/site/app.log failed"
    start, stop = word_around(line, 12)
    assert line[start:stop] == "/srv/site/app.log"
