"""A program from its start to its end, wherever it runs: listen, feed, wait, end; nothing is left over, whatever
happens to the caller.

What every kind of host does the same way is here; how a program is started, fed and hit is its own (`process`, `ssh`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import KEPT, Command, Ending, Finished, Sink
from app.hosts.output import Kept, Output


class Patience(msgspec.Struct, frozen=True):
    """How long a program may take over its end, in seconds, before the next, harder way.

    `output` is how long its pipes may stay open without a word after it is gone, held by something it started.
    """

    interrupt: float = 10.0
    terminate: float = 5.0
    kill: float = 30.0
    output: float = 0.5


PATIENT = Patience()


class Running(ABC):
    """One program from its start to its end. Whoever made it calls `close`, always."""

    def __init__(self, patience: Patience, keep: int = KEPT) -> None:
        """`keep` is how many bytes are kept of an output that nobody listens to."""
        self.stdout = Output()
        self.stderr = Output()
        self.exited: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.input_takes = asyncio.Event()
        self.input_takes.set()
        self._patience = patience
        self._said, self._complained = Kept(keep), Kept(keep)
        self._began = time.monotonic()
        self._listening: list[asyncio.Task[None]] = []
        self._feeding: list[asyncio.Task[None]] = []
        self._ending: asyncio.Task[None] | None = None
        self._interrupted = False

    # --- what each kind of host does its own way ----------------------------------------------

    @property
    @abstractmethod
    def pid(self) -> int:
        """The number its system gave it; 0 before it is started."""

    @abstractmethod
    async def _start(self, command: Command, *, input_open: bool) -> None:
        """Starts it; when this raises, nothing runs."""

    @abstractmethod
    def _hurry(self) -> None:
        """The caller does not want it any more: where nothing is started yet, nothing need be."""

    @abstractmethod
    async def write(self, piece: bytes) -> None:
        """Writes to its input and waits while the program is slow; without effect when it has closed it."""

    @abstractmethod
    def close_input(self) -> None:
        """What was written still goes out; then the program sees the end."""

    @abstractmethod
    def _code(self) -> int:
        """Its exit code, or minus the signal that killed it."""

    @abstractmethod
    def _was_killed(self) -> bool:
        """Whether it ended by no will of its own."""

    @abstractmethod
    async def _end_gently(self) -> None:
        """Interrupts it (noting so in `_interrupted`), then terminates, then kills it and all it started."""

    @property
    @abstractmethod
    def _is_started(self) -> bool:
        """Whether there is anything to end and to let go of."""

    @abstractmethod
    async def _let_go(self) -> None:
        """Lets go of its pipes."""

    # --- what is the same everywhere ----------------------------------------------------------

    async def start(self, command: Command, *, talk: bool = False) -> None:
        """Starts it; with `talk` its input stays open. A cancellation waits until there is something to end."""
        self._began = time.monotonic()
        starting = asyncio.create_task(self._start(command, input_open=talk or bool(command.stdin)))
        if (cancelled := await outlast(starting, self._hurry)) is not None:
            await asyncio.gather(starting, return_exceptions=True)  # where it failed nothing runs, and nobody asks
            raise cancelled
        starting.result()

    def listen(self, stdout: Sink | None, stderr: Sink | None) -> None:
        """Output goes to the sinks, and is kept where there is none; of the error output a part is always kept."""
        said = self._said if stdout is None else None
        self._listening.append(asyncio.create_task(_hear(self.stdout, said, stdout)))
        self.listen_to_errors(stderr)

    def listen_to_errors(self, sink: Sink | None) -> None:
        """The error output alone; whoever talks with the program reads the other."""
        self._listening.append(asyncio.create_task(_hear(self.stderr, self._complained, sink)))

    def feed(self, piece: bytes) -> None:
        """Writes to its input while its output is listened to, and closes it."""
        if piece:
            self._feeding.append(asyncio.create_task(self._feed(piece)))

    async def ended(self, deadline: float | None) -> Finished:
        """How it ended, after all it said was heard; when `deadline` seconds pass or a sink fails, it is stopped.

        When the caller is cancelled while it runs, it goes on running.
        """
        await settled({self.exited, *self._listening}, deadline)
        try:
            if self.exited.done() and not self._was_killed():
                await settled(self._listening)
            else:
                await self.stop()
        finally:
            await self.close()
        for failed in filter(None, (task.exception() for task in self._listening if not task.cancelled())):
            raise failed
        return self.finished(Ending.OVERDUE)

    def finished(self, ours: Ending) -> Finished:
        """What became of it; `ours` is how to call it when we ended it."""
        seconds = self.exited.result() - self._began
        ending = ours if self._interrupted else Ending.KILLED if self._was_killed() else Ending.EXITED
        kept = (self._said, self._complained)
        said, complained = (part.content() for part in kept)
        return Finished(self._code(), ending, said, complained, any(part.cut for part in kept), seconds)

    def has_exited(self) -> None:
        """The system says that it is gone; its pipes are heard to their end."""
        if not self.exited.done():
            self.exited.set_result(time.monotonic())
        for output in (self.stdout, self.stderr):
            output.expect_end(self._patience.output)

    async def stop(self) -> None:
        """Ends it and all it started, also what it left behind when it was killed; comes back when they are gone."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await finish(self._ending)

    async def close(self) -> None:
        """Ends it where it still runs, and lets go of everything."""
        await finish(asyncio.create_task(self._close()))

    async def _feed(self, piece: bytes) -> None:
        await self.write(piece)
        self.close_input()

    async def _end(self) -> None:
        ended = False
        while self._is_started and not ended:
            with contextlib.suppress(asyncio.CancelledError):  # only a loop that is being closed says so; it waits
                await self._end_gently()
                ended = True

    async def _close(self) -> None:
        if not self._is_started:
            return
        try:
            if not self.exited.done():
                await self.stop()
            await self._fall_silent()
        finally:
            await self._let_go()

    async def _fall_silent(self) -> None:
        """Ends the listening and the feeding; a sink may hang, an input may be read by nobody."""
        await settled(self._listening, self._patience.output)
        tasks = [*self._listening, *self._feeding]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Conversation:
    """A program that is talked with; see `Dialogue`."""

    def __init__(self, program: Running) -> None:
        self._program = program

    @property
    def pid(self) -> int:
        """The number the system gave it."""
        return self._program.pid

    async def write(self, piece: bytes) -> None:
        """Writes to its standard input; what a program that has closed it would have got is dropped."""
        await self._program.write(piece)

    async def close_input(self) -> None:
        """Says that nothing more will be written."""
        self._program.close_input()

    async def read(self) -> bytes:
        """The next piece of its standard output; b"" when it has closed it."""
        return await self._program.stdout.read()

    async def wait(self) -> Finished:
        """How it ended; its unread output is thrown away."""
        self._program.stdout.discard()
        return await self._program.ended(None)

    async def stop(self) -> Finished:
        """Ends it and all it started; comes back when they are gone."""
        await self._program.close()
        return self._program.finished(Ending.STOPPED)


async def run(
    program: Running,
    command: Command,
    *,
    stdout: Sink | None = None,
    stderr: Sink | None = None,
    deadline: float | None = None,
) -> Finished:
    """Runs a program that was not started yet to its end; see `Host.run`."""
    try:
        await program.start(command)
        program.listen(stdout, stderr)
        program.feed(command.stdin)
        return await program.ended(deadline)
    finally:
        await program.close()


async def talk(program: Running, command: Command, *, stderr: Sink | None = None) -> Conversation:
    """Starts a program for a dialogue; see `Host.start`."""
    try:
        await program.start(command, talk=True)
        program.listen_to_errors(stderr)
        await program.write(command.stdin)
    except BaseException:
        await program.close()
        raise
    return Conversation(program)


async def settled(awaited: Iterable[asyncio.Future[Any]], seconds: float | None = None) -> None:
    """Until all are done, or one has failed, or the time is over."""
    every = set(awaited)
    if not any(one.done() and not one.cancelled() and one.exception() for one in every) and every:
        await asyncio.wait(every, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)


async def outlast(
    task: asyncio.Task[Any], when_cancelled: Callable[[], None] | None = None
) -> asyncio.CancelledError | None:
    """Waits until the task is done, also when the caller is cancelled; gives that cancellation, to be raised after."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as stopped:
            cancelled = stopped
            if when_cancelled is not None:
                when_cancelled()
    return cancelled


async def finish(task: asyncio.Task[None]) -> None:
    """Waits until the task is done, then goes on with its error, or with the caller's cancellation."""
    cancelled = await outlast(task)
    task.result()
    if cancelled is not None:
        raise cancelled


def unstoppable(pid: int) -> UserError:
    """Some of a program's family did not end when it was killed."""
    return UserError(
        text("The program with process number {pid} does not end, even when it is killed.", pid=pid),
        text("It may still hold files or a disk; what it was doing is unfinished."),
        text("Plug the disk in again or restore the network it waits for; else restart this computer."),
        "host.program-unstoppable",
    )


async def _hear(output: Output, kept: Kept | None, sink: Sink | None) -> None:
    try:
        while piece := await output.read():
            if kept is not None:
                kept.add(piece)
            if sink is not None:
                await sink(piece)
    finally:
        output.discard()
