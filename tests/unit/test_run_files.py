"""A run on disk and its feed: nothing lost, nothing secret, the whole past for whoever comes late."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from app.foundation.blocking import Blocking
from app.foundation.events import (
    LogLines,
    Outcome,
    Phase,
    Progress,
    RunClosed,
    StepFinished,
    StepOutcome,
    StepStarted,
    Told,
)
from app.foundation.redact import Redactor
from app.foundation.words import text
from app.runs.feed import RunFeed, Wake
from app.runs.files import EVENTS, LOG, RunWriter, decode, encode, end_events, log_excerpt
from tests.running import run

STARTED = StepStarted(key="one", title=text("The first step"), phase=Phase.STAGE, number=1, of=1)
FINISHED = StepFinished(key="one", outcome=StepOutcome.DONE)
CLOSED = RunClosed(outcome=Outcome.SUCCESS)


class Unasked:
    """The record of a run whose files are there: nobody needs it."""

    async def story(self) -> list[Told]:
        raise AssertionError

    async def log(self) -> list[Told]:
        raise AssertionError


async def always() -> bool:
    return True


async def never() -> bool:
    return False


async def all_of(feed: RunFeed) -> list[Told]:
    return [event async for batch in feed.batches() for event in batch]


def lines_of(told: list[Told]) -> list[bytes]:
    return [line for event in told if isinstance(event, LogLines) for line in event.lines]


def written_run(folder: Path, pieces: list[bytes], secrets: tuple[str, ...] = ()) -> None:
    async def write() -> None:
        blocking = Blocking()
        writer = RunWriter(folder, blocking, Redactor(secrets), lambda: None)
        await writer.open()
        writer.tell(STARTED)
        for piece in pieces:
            await writer.log(piece)
        writer.tell(FINISHED)
        await writer.close(CLOSED)
        blocking.close()

    run(write())


def read_feed(folder: Path) -> list[Told]:
    async def read() -> list[Told]:
        blocking = Blocking()
        told = await all_of(RunFeed(folder, blocking, wake=None, alive=always, record=Unasked()))
        blocking.close()
        return told

    return run(read())


@pytest.mark.spec("J1")
def test_a_late_reader_sees_the_whole_past_in_order(tmp_path: Path) -> None:
    written_run(tmp_path, [b"first\nsec", b"ond\nthird without an end"])
    told = read_feed(tmp_path)
    assert [event for event in told if not isinstance(event, LogLines)] == [STARTED, FINISHED, CLOSED]
    assert lines_of(told) == [b"first", b"second", b"third without an end"]


@pytest.mark.spec("S4")
def test_a_secret_cut_by_pieces_reaches_neither_log_nor_feed(tmp_path: Path) -> None:
    written_run(tmp_path, [b"password is can", b"ary-7Q", b" thanks\n"], secrets=("canary-7Q",))
    assert b"canary" not in (tmp_path / LOG).read_bytes()
    assert lines_of(read_feed(tmp_path)) == [b"password is [secret] thanks"]


def test_a_reader_that_follows_sees_each_line_as_it_comes(tmp_path: Path) -> None:
    async def follow() -> list[bytes]:
        blocking, wake = Blocking(), Wake()
        writer = RunWriter(tmp_path, blocking, Redactor(), wake)
        await writer.open()
        seen: list[bytes] = []
        batches = RunFeed(tmp_path, blocking, wake=wake, alive=always, record=Unasked()).batches()
        for number in range(5):
            await writer.log(b"line %d\n" % number)
            seen += lines_of(list(await anext(batches)))
        await writer.close(CLOSED)
        rest = [event async for batch in batches for event in batch]
        assert rest == [CLOSED]
        blocking.close()
        return seen

    assert run(follow()) == [b"line %d" % number for number in range(5)]


@pytest.mark.spec("J2")
def test_a_feed_ends_when_the_process_that_ran_it_is_gone(tmp_path: Path) -> None:
    async def abandoned() -> list[Told]:
        blocking = Blocking()
        writer = RunWriter(tmp_path, blocking, Redactor(), lambda: None)
        await writer.open()
        writer.tell(STARTED)
        await writer.log(b"and then the power went\n")
        told = await all_of(RunFeed(tmp_path, blocking, wake=None, alive=never, record=Unasked()))
        await writer.close(CLOSED)
        blocking.close()
        return told

    told = run(abandoned())
    assert told[0] == STARTED
    assert lines_of(told) == [b"and then the power went"]


def test_half_an_event_after_a_power_cut_is_passed_over(tmp_path: Path) -> None:
    written_run(tmp_path, [])
    events = tmp_path / "events.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(lines[0] + b'{"event":"step-fin\n' + lines[-1])
    assert read_feed(tmp_path) == [STARTED, CLOSED]


def test_progress_is_written_calmly_and_its_last_word_always(tmp_path: Path) -> None:
    async def write() -> None:
        blocking = Blocking()
        writer = RunWriter(tmp_path, blocking, Redactor(), lambda: None)
        await writer.open()
        for done in range(1000):
            writer.tell(Progress(key="one", bytes=done))
        writer.tell(FINISHED)
        await writer.close(CLOSED)
        blocking.close()

    run(write())
    progress = [event for event in read_feed(tmp_path) if isinstance(event, Progress)]
    assert len(progress) < 20
    assert progress[-1].bytes == 999


def test_a_disk_that_refuses_the_log_does_not_stop_the_run(tmp_path: Path) -> None:
    async def write() -> str:
        blocking = Blocking()
        writer = RunWriter(tmp_path, blocking, Redactor(), lambda: None)
        await writer.open()
        descriptor = writer._log
        writer._log = 2**20  # no such descriptor: every write fails as on a full disk
        await writer.log(b"lost\n")
        writer._log = descriptor
        await writer.close(CLOSED)
        blocking.close()
        return writer.incomplete

    assert run(write())


def test_the_record_keeps_the_beginning_and_the_end_of_a_long_log(tmp_path: Path) -> None:
    (tmp_path / LOG).write_bytes(b"begin\n" + b"x" * 500_000 + b"\nend")
    excerpt = log_excerpt(tmp_path, limit=1000)
    assert excerpt.startswith("begin")
    assert excerpt.endswith("end")
    assert len(excerpt) < 1200
    assert "bytes more in the log file" in excerpt


def test_waiting_for_the_next_line_costs_no_thread(tmp_path: Path) -> None:
    async def idle() -> bool:
        blocking = Blocking()
        feed = RunFeed(tmp_path, blocking, wake=None, alive=always, record=Unasked()).batches()
        try:
            await asyncio.wait_for(anext(feed), 0.6)
        except TimeoutError:
            return True
        finally:
            blocking.close()
        return False

    assert run(idle())


@pytest.mark.spec("J1")
def test_a_clock_that_is_set_back_makes_no_event_earlier_than_the_one_before_it(tmp_path: Path) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)

    async def story() -> None:
        blocking = Blocking()
        writer = RunWriter(tmp_path, blocking, Redactor(), lambda: None)
        await writer.open()
        writer.tell(msgspec.structs.replace(STARTED, at=ahead))
        writer.tell(FINISHED)
        await writer.close(CLOSED)
        told = [decode(line) for line in (tmp_path / EVENTS).read_bytes().splitlines()]
        assert [event.at for event in told] == [ahead] * 3
        blocking.close()

    run(story())


@pytest.mark.spec("J2")
@pytest.mark.parametrize("torn", [b"", b'{"event":"progress","key":"ha'], ids=["whole", "torn"])
def test_the_events_of_a_dead_run_are_ended_by_who_finds_them(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / EVENTS).write_bytes(encode(STARTED) + torn)
    end_events(tmp_path, CLOSED)
    first, *_, last = (tmp_path / EVENTS).read_bytes().splitlines()
    assert (decode(first), decode(last)) == (STARTED, CLOSED)
    end_events(tmp_path / "gone", CLOSED)
    assert not (tmp_path / "gone").exists()


class Recorded:
    """The record of a run whose files are gone."""

    async def story(self) -> list[Told]:
        return [STARTED, FINISHED, CLOSED]

    async def log(self) -> list[Told]:
        return [LogLines(first=0, lines=[b"kept"])]


@pytest.mark.spec("J1")
@pytest.mark.parametrize("gone", [(EVENTS, LOG), (LOG,), (EVENTS,), ()], ids=["both", "log", "events", "none"])
def test_what_no_file_tells_any_more_the_record_tells(tmp_path: Path, gone: tuple[str, ...]) -> None:
    async def story() -> None:
        blocking = Blocking()
        writer = RunWriter(tmp_path, blocking, Redactor(), lambda: None)
        await writer.open()
        await writer.log(b"said\n")
        writer.tell(STARTED)
        writer.tell(FINISHED)
        await writer.close(CLOSED)
        for name in gone:
            (tmp_path / name).unlink()
        told = await all_of(RunFeed(tmp_path, blocking, wake=None, alive=never, record=Recorded()))
        assert [event for event in told if not isinstance(event, LogLines)] == [STARTED, FINISHED, CLOSED]
        lines = [line for event in told if isinstance(event, LogLines) for line in event.lines]
        assert lines == ([b"kept"] if LOG in gone else [b"said"])
        blocking.close()

    run(story())
