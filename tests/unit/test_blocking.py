"""The door to blocking code: results, errors, deadlines and cancels come through; a thread that hangs is replaced."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, TypeVar

import pytest

from app.foundation import blocking as blocking_module
from app.foundation.blocking import THREADS, Blocking, DeadlineOver, Pool
from tests.guards import ExpectedLog
from tests.running import run

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _short_grace(monkeypatch: pytest.MonkeyPatch, expected_log: ExpectedLog) -> Iterator[None]:
    """Hanging work is left behind soon; an error that nobody asked for would be logged when it is collected."""
    monkeypatch.setattr(blocking_module, "GRACE", 0.2)
    yield
    gc.collect()


class Gate:
    """Work that hangs until it is let through."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def work(self) -> str:
        """Says that it has begun, and waits."""
        self.entered.set()
        assert self.opened.wait(10)
        return "through"

    async def begun(self) -> None:
        """Until the work has begun."""
        async with asyncio.timeout(10):
            while not self.entered.is_set():  # noqa: ASYNC110  a thread's event is none of the loop's
                await asyncio.sleep(0.001)


def with_blocking(story: Callable[[Blocking], Coroutine[Any, Any, T]]) -> T:
    """Plays a story with pools of its own."""
    blocking = Blocking()
    try:
        return run(story(blocking))
    finally:
        blocking.close()


def test_results_and_errors_come_through() -> None:
    async def story(blocking: Blocking) -> None:
        assert await blocking.call("files", lambda: 7) == 7
        for error in (ValueError("x"), TimeoutError("the server's own"), KeyError("y"), asyncio.CancelledError()):

            def fail(error: BaseException = error) -> None:
                raise error

            with pytest.raises(type(error)) as raised:
                await blocking.call("files", fail, deadline=5)
            assert not isinstance(raised.value, DeadlineOver)

    with_blocking(story)


def test_work_that_raises_stop_iteration_is_an_error_and_not_a_wait_for_ever() -> None:
    async def story(blocking: Blocking) -> None:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await asyncio.wait_for(blocking.call("files", lambda: next(iter(()))), 5)

    with_blocking(story)


def test_the_loop_stays_free_and_pools_do_not_wait_for_each_other() -> None:
    async def story(blocking: Blocking) -> None:
        gates = [Gate() for _ in range(THREADS["secrets"])]
        hanging = [asyncio.create_task(blocking.call("secrets", gate.work)) for gate in gates]
        for gate in gates:
            await gate.begun()
        assert await blocking.call("store", lambda: "stored") == "stored"
        for gate in gates:
            gate.opened.set()
        assert await asyncio.gather(*hanging) == ["through"] * len(gates)

    with_blocking(story)


@pytest.mark.parametrize("pool", THREADS)
def test_a_pool_works_on_as_many_calls_at_once_as_it_may_and_no_more(pool: Pool) -> None:
    at_once, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(THREADS[pool])

    def work() -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        full.wait(10)
        with lock:
            at_once -= 1

    async def story(blocking: Blocking) -> None:
        await asyncio.gather(*(blocking.call(pool, work) for _ in range(THREADS[pool] * 3)))

    with_blocking(story)
    assert most == THREADS[pool]


def test_the_store_keeps_the_order_of_its_calls() -> None:
    done: list[int] = []

    async def story(blocking: Blocking) -> None:
        await asyncio.gather(*(blocking.call("store", partial(done.append, number)) for number in range(50)))

    with_blocking(story)
    assert done == list(range(50))


def test_work_that_overruns_its_deadline_is_aborted_and_waited_for() -> None:
    async def story(blocking: Blocking) -> None:
        gate = Gate()
        with pytest.raises(DeadlineOver):
            await blocking.call("store", gate.work, deadline=0.05, abort=gate.opened.set)
        assert await blocking.call("store", lambda: "next") == "next"

    with_blocking(story)


def test_a_call_that_is_cancelled_ends_after_the_work_that_could_be_aborted() -> None:
    """Else a file that the work still writes would appear after its caller has cleaned up."""
    ended = threading.Event()

    async def story(blocking: Blocking) -> None:
        gate = Gate()

        def work() -> None:
            gate.work()
            ended.set()

        call = asyncio.create_task(blocking.call("files", work, abort=gate.opened.set))
        await gate.begun()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert ended.is_set()

    with_blocking(story)


@pytest.mark.parametrize("cancels", [1, 2])
def test_a_thread_that_hangs_is_replaced(cancels: int) -> None:
    gate = Gate()

    async def story(blocking: Blocking) -> None:
        call = asyncio.create_task(blocking.call("store", gate.work))
        await gate.begun()
        for _ in range(cancels):
            call.cancel()
            await asyncio.wait({call}, timeout=0.05)
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.wait_for(blocking.call("store", lambda: "next"), 5) == "next"
        gate.opened.set()
        assert await blocking.call("store", lambda: "again") == "again"

    with_blocking(story)


def test_work_that_nobody_waits_for_any_more_is_never_begun() -> None:
    begun: list[str] = []

    async def story(blocking: Blocking) -> None:
        gate = Gate()
        first = asyncio.create_task(blocking.call("store", gate.work))
        await gate.begun()
        queued = asyncio.create_task(blocking.call("store", lambda: begun.append("queued")))
        await asyncio.sleep(0)
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued
        gate.opened.set()
        await first
        await blocking.call("store", lambda: begun.append("next"))

    with_blocking(story)
    assert begun == ["next"]


def test_a_cancel_is_never_lost_however_it_meets_the_result() -> None:
    async def story(blocking: Blocking) -> None:
        for turns in range(40):
            call = asyncio.create_task(blocking.call("files", lambda: None, deadline=5))
            for _ in range(turns % 8):
                await asyncio.sleep(0)
            unfinished = call.cancel()
            await asyncio.wait({call})
            assert call.cancelled() == unfinished

    with_blocking(story)


def test_an_error_that_comes_after_its_caller_has_gone_is_not_reported() -> None:
    gate = Gate()

    def fail() -> None:
        gate.work()
        raise ValueError("too late")

    async def story(blocking: Blocking) -> None:
        with pytest.raises(DeadlineOver):
            await blocking.call("files", fail, deadline=0.05, abort=gate.opened.set)
        assert await blocking.call("files", lambda: 1) == 1

    with_blocking(story)


def test_a_thread_that_hangs_does_not_hold_the_end_up() -> None:
    gate = Gate()

    async def story(blocking: Blocking) -> None:
        call = asyncio.create_task(blocking.call("files", gate.work))
        await gate.begun()
        call.cancel()

    with_blocking(story)  # its loop is closed while the thread hangs
    gate.opened.set()
