"""The only door from the engine's loop to code that blocks.

Each kind of blocking work has a pool of its own, so that a keyring that waits for a person never holds up the
database. Threads are daemons: a call that hangs for ever cannot keep the program from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Literal, TypeVar, cast

T = TypeVar("T")

Pool = Literal["store", "secrets", "database", "files", "network"]

# One thread makes the store's single writer; a database is asked by as many at once as a site has sources in work.
THREADS: dict[Pool, int] = {"store": 1, "secrets": 1, "database": 8, "files": 2, "network": 4}

GRACE = 2.0
"""Seconds that work may take to come back after its caller was cancelled or its deadline passed."""


class DeadlineOver(TimeoutError):
    """A blocking call did not come back in time; it may still be running."""


class Blocking:
    """Named pools of threads for code that blocks; `close` ends them when the program is done."""

    def __init__(self) -> None:
        self._pools: dict[Pool, _Threads] = {}

    async def call(
        self,
        pool: Pool,
        work: Callable[[], T],
        *,
        deadline: float | None = None,
        abort: Callable[[], None] | None = None,
    ) -> T:
        """Runs `work` in `pool` and gives its result.

        After `deadline` seconds, and when the caller is cancelled, `abort` is called (it must make `work` come back
        soon, such as by closing its connection). Work that is under way is waited for a moment (`GRACE`); a thread
        that does not come back is left behind and replaced.
        Raises `DeadlineOver`, or whatever `work` raises.
        """
        threads = self._pools.setdefault(pool, _Threads(pool, THREADS[pool]))
        job = _Job(work, asyncio.get_running_loop())
        threads.add(job)
        # Not asyncio.wait_for: on Python 3.11 it swallows a cancel that comes together with the result.
        try:
            await asyncio.wait({job.future}, timeout=deadline)
        except asyncio.CancelledError:
            await _let_go(threads, job, abort)
            raise
        if not job.future.done():
            await _let_go(threads, job, abort)
            raise DeadlineOver
        return cast("T", job.future.result())

    def close(self) -> None:
        """Ends the threads that are idle; one that hangs is a daemon and dies with the program."""
        for threads in self._pools.values():
            threads.close()
        self._pools.clear()


async def _let_go(threads: _Threads, job: _Job, abort: Callable[[], None] | None) -> None:
    """Tells work that nobody waits for to come back, waits a moment for it, and leaves it behind when it does not.

    The moment matters: a file operation that ends after its caller would undo the caller's cleaning up.
    """
    job.abandoned = True
    job.future.add_done_callback(_nobody_waits)
    if abort is not None:
        abort()
    if job.started:
        try:
            await asyncio.wait({job.future}, timeout=GRACE)
        finally:  # also when the caller is cancelled once more
            threads.replace_if_stuck(job)


def _nobody_waits(future: asyncio.Future[Any]) -> None:
    """What came of it is looked at, so that asyncio does not report it as forgotten."""
    if not future.cancelled():
        future.exception()


class _Job:
    def __init__(self, work: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self._work = work
        self._loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.started = False
        self.abandoned = False

    def run(self) -> None:
        self.started = True
        if self.abandoned:
            self._answer(self.future.set_result, None)
            return
        try:
            result = self._work()
        except StopIteration as error:  # a future refuses it, and the caller would wait for ever
            self._answer(self.future.set_exception, RuntimeError(f"blocking work raised {error!r}"))
        except BaseException as error:  # noqa: BLE001  handed to the caller as it is
            self._answer(self.future.set_exception, error)
        else:
            self._answer(self.future.set_result, result)

    def _answer(self, settle: Callable[[Any], None], value: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._settle, settle, value)

    def _settle(self, settle: Callable[[Any], None], value: Any) -> None:
        if not self.future.done():
            settle(value)


class _Threads:
    """A few daemon threads that take jobs from one queue; they are started when first needed."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._working: dict[threading.Thread, _Job] = {}
        self._waiting = 0
        self._lock = threading.Lock()

    def add(self, job: _Job) -> None:
        with self._lock:
            self._waiting += 1
            if self._waiting + len(self._working) > len(self._threads) < self._limit:
                self._start()
        self._queue.put(job)

    def replace_if_stuck(self, job: _Job) -> None:
        """A thread whose caller has gone does not count any more: another may start in its place."""
        with self._lock:
            for thread, current in list(self._working.items()):
                if current is job:
                    del self._working[thread]
                    self._threads.remove(thread)
                    self._start()

    def close(self) -> None:
        with self._lock:
            threads = [thread for thread in self._threads if thread not in self._working]
            for _ in self._threads:
                self._queue.put(None)
        for thread in threads:
            thread.join(timeout=1)

    def _start(self) -> None:
        thread = threading.Thread(target=self._loop, name=f"blocking-{self._name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _loop(self) -> None:
        me = threading.current_thread()
        while (job := self._queue.get()) is not None:
            with self._lock:
                self._waiting -= 1
                self._working[me] = job
            job.run()
            with self._lock:
                if self._working.pop(me, None) is None:
                    return  # replaced meanwhile: this thread's place is taken
