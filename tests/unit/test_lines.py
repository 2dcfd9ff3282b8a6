"""Lines out of pieces, however they are cut; and the part of an output that is kept."""

from __future__ import annotations

import asyncio
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.hosts.lines import CUT, LineSink
from app.hosts.output import Kept
from tests.running import run

pytestmark = pytest.mark.spec("H1")


def lines_of(pieces: list[bytes], limit: int) -> list[bytes]:
    """The lines that a sink delivers of these pieces."""
    lines: list[bytes] = []

    async def feed() -> None:
        sink = LineSink(lines.append, limit)
        for piece in pieces:
            await sink(piece)
        await sink.finish()

    run(feed())
    return lines


def cut_up(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(st.sampled_from([b"a", b"bb", b"\n", b"\r\n", b"\r", b"x" * 11])), st.lists(st.integers(0, 60)))
def test_lines_are_the_same_however_the_output_is_cut(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    whole = data.removesuffix(b"\n").split(b"\n") if data else []
    expected = [line.removesuffix(b"\r") for line in whole]
    expected = [line if len(line) <= 10 else line[:10] + CUT for line in expected]
    assert lines_of(cut_up(data, cuts), 10) == expected


def test_a_line_of_ten_megabytes_is_cut_and_memory_stays_flat() -> None:
    tracemalloc.start()
    try:
        lines = lines_of([b"x" * 65536] * 160 + [b"\nnext\n"], 1000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert lines == [b"x" * 1000 + CUT, b"next"]
    assert peak < 1_000_000


def test_a_slow_reader_of_lines_is_waited_for() -> None:
    lines: list[bytes] = []

    async def on_line(line: bytes) -> None:
        await asyncio.sleep(0)
        lines.append(line)

    async def feed() -> None:
        sink = LineSink(on_line)
        await sink(b"one\ntwo\nthr")
        assert lines == [b"one", b"two"]
        await sink.finish()

    run(feed())
    assert lines == [b"one", b"two", b"thr"]


def test_very_many_short_lines_leave_the_loop_free() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def feed() -> None:
        other = asyncio.create_task(others())
        await LineSink(len_of_nothing)(b"\n" * 65536)
        other.cancel()

    run(feed())
    assert turns > 50


def len_of_nothing(line: bytes) -> None:
    """Takes an empty line."""
    assert line == b""


@given(st.lists(st.binary(max_size=30)), st.integers(0, 50))
def test_the_first_and_the_last_half_are_kept_and_a_cut_is_said(pieces: list[bytes], limit: int) -> None:
    kept, whole = Kept(limit), b"".join(pieces)
    for piece in pieces:
        kept.add(piece)
    assert kept.cut == (len(whole) > limit)
    if kept.cut:
        assert kept.content() == whole[: limit // 2] + whole[len(whole) - (limit - limit // 2) :]
    else:
        assert kept.content() == whole
