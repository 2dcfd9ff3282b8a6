"""The one home of starting programs: start, listen, end; nothing is left over, whatever happens to the caller.

Ending means: interrupt the program, then terminate, then kill it and all that it started. Works on the engine's loop
in any thread; a child's end is noticed in Python's own way (a waiting thread for each child on 3.11 and on macOS, a
process descriptor on Linux from 3.12).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.environment import environment
from app.hosts.files import shown
from app.hosts.host import KEPT, Command, Ending, Finished, Sink
from app.hosts.output import Kept, Output
from app.hosts.tree import Tree

LOOK_AGAIN = 0.05

# Apart from us, so that the terminal's Ctrl+C reaches us alone and we end the program in the right order. Not tied to
# our death by PR_SET_PDEATHSIG: that is the death of the starting *thread*.
if sys.platform == "win32":
    import ctypes

    NEUTRAL_FOLDER = os.environ.get("SYSTEMROOT", "C:\\")
    # With a console of ours the program shares it; without one it would open a window.
    _CONSOLE = 0 if ctypes.windll.kernel32.GetConsoleCP() else subprocess.CREATE_NO_WINDOW
    _APART: dict[str, Any] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | _CONSOLE}
else:
    NEUTRAL_FOLDER = "/"
    _APART: dict[str, Any] = {"start_new_session": True}


class Patience(msgspec.Struct, frozen=True):
    """How long a program may take over its end, in seconds, before the next, harder way.

    `output` is how long its pipes may stay open without a word after it is gone, held by something it started.
    """

    interrupt: float = 10.0
    terminate: float = 5.0
    kill: float = 30.0
    output: float = 0.5


PATIENT = Patience()


class Process:
    """One program from its start to its end. Whoever made it calls `close`, always."""

    def __init__(self, patience: Patience, keep: int = KEPT) -> None:
        """`keep` is how many bytes are kept of an output that nobody listens to."""
        self.stdout = Output()
        self.stderr = Output()
        self._patience = patience
        self._ears = _Ears(self.stdout, self.stderr, patience.output)
        self._said, self._complained = Kept(keep), Kept(keep)
        self._transport: asyncio.SubprocessTransport | None = None
        self._tree: Tree | None = None
        self._began = time.monotonic()
        self._listening: list[asyncio.Task[None]] = []
        self._feeding: list[asyncio.Task[None]] = []
        self._ending: asyncio.Task[None] | None = None
        self._interrupted = False

    @property
    def pid(self) -> int:
        """The number the system gave it."""
        return 0 if self._transport is None else self._transport.get_pid() or 0

    async def start(self, path: str, command: Command, *, talk: bool = False) -> None:
        """Starts it; with `talk` its input stays open. A cancellation waits until there is something to end."""
        starting = asyncio.create_task(self._start(path, command, talk or bool(command.stdin)))
        if (cancelled := await _outlast(starting)) is not None:
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

    async def write(self, piece: bytes) -> None:
        """Writes to its input and waits while the program is slow; without effect when it has closed it."""
        pipe = self._input()
        if piece and pipe is not None and not pipe.is_closing():
            pipe.write(piece)
            await self._ears.input_takes.wait()

    def close_input(self) -> None:
        """What was written still goes out; then the program sees the end."""
        if (pipe := self._input()) is not None:
            pipe.close()

    async def ended(self, deadline: float | None) -> Finished:
        """How it ended, after all it said was heard; when `deadline` seconds pass or a sink fails, it is stopped.

        When the caller is cancelled while it runs, it goes on running.
        """
        exited = self._ears.exited
        await _settled({exited, *self._listening}, deadline)
        try:
            if exited.done() and not _was_killed(self._code()):
                await _settled(self._listening)
            else:
                await self.stop()
        finally:
            await self.close()
        for failed in filter(None, (task.exception() for task in self._listening if not task.cancelled())):
            raise failed
        return self.finished(Ending.OVERDUE)

    def finished(self, ours: Ending) -> Finished:
        """What became of it; `ours` is how to call it when we ended it."""
        code = self._code()
        ending = ours if self._interrupted else Ending.KILLED if _was_killed(code) else Ending.EXITED
        kept = (self._said, self._complained)
        said, complained = (part.content() for part in kept)
        seconds = self._ears.exited.result() - self._began
        return Finished(code, ending, said, complained, any(part.cut for part in kept), seconds)

    async def stop(self) -> None:
        """Ends it and all it started, also what it left behind when it was killed; comes back when they are gone."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await _finish(self._ending)

    async def close(self) -> None:
        """Ends it where it still runs, and lets go of everything."""
        await _finish(asyncio.create_task(self._close()))

    async def _start(self, path: str, command: Command, input_open: bool) -> None:
        self._began = time.monotonic()
        try:
            self._transport, _ = await asyncio.get_running_loop().subprocess_exec(
                lambda: self._ears,
                path,
                *command.arguments,
                stdin=subprocess.PIPE if input_open else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=command.folder or NEUTRAL_FOLDER,
                env=environment(command.environment),
                **_APART,
            )
        except (OSError, ValueError) as error:
            raise _not_startable(path, command.folder, error) from error
        self._tree = Tree(self.pid)

    def _input(self) -> asyncio.WriteTransport | None:
        pipe = None if self._transport is None else self._transport.get_pipe_transport(0)
        return cast("asyncio.WriteTransport | None", pipe)

    async def _feed(self, piece: bytes) -> None:
        await self.write(piece)
        self.close_input()

    def _code(self) -> int:
        code = None if self._transport is None else self._transport.get_returncode()
        return 0 if code is None else code

    async def _end(self) -> None:
        tree, ended = self._tree, False
        while tree is not None and not ended:
            with contextlib.suppress(asyncio.CancelledError):  # only a loop that is being closed says so; it waits
                await self._end_gently(tree)
                ended = True

    async def _end_gently(self, tree: Tree) -> None:
        if not self._ears.exited.done():
            if not self._interrupted:
                self._interrupted = True
                tree.interrupt()
            await _settled({self._ears.exited}, self._patience.interrupt)
        for tell, seconds in ((tree.terminate, self._patience.terminate), (tree.kill, self._patience.kill)):
            over = time.monotonic() + seconds
            while tell() and time.monotonic() < over:  # noqa: ASYNC110  a grandchild's end is announced to nobody
                await asyncio.sleep(LOOK_AGAIN)
        if tree.living():
            raise _unstoppable(self.pid)
        await _settled({self._ears.exited})

    async def _close(self) -> None:
        if self._transport is None:
            return
        try:
            if not self._ears.exited.done():
                await self.stop()
            await self._fall_silent()
        finally:
            await self._let_go(self._transport)

    async def _fall_silent(self) -> None:
        """Ends the listening and the feeding; a sink may hang, an input may be read by nobody."""
        await _settled(self._listening, self._patience.output)
        tasks = [*self._listening, *self._feeding]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _let_go(self, transport: asyncio.SubprocessTransport) -> None:
        if (pipe := self._input()) is not None and pipe.get_write_buffer_size():
            pipe.abort()  # closing alone would wait for somebody to read what was written
        transport.close()
        if self._ears.exited.done():
            await self._ears.closed


class Conversation:
    """A program that is talked with; see `Dialogue`."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """The number the system gave it."""
        return self._process.pid

    async def write(self, piece: bytes) -> None:
        """Writes to its standard input; what a program that has closed it would have got is dropped."""
        await self._process.write(piece)

    async def close_input(self) -> None:
        """Says that nothing more will be written."""
        self._process.close_input()

    async def read(self) -> bytes:
        """The next piece of its standard output; b"" when it has closed it."""
        return await self._process.stdout.read()

    async def wait(self) -> Finished:
        """How it ended; its unread output is thrown away."""
        self._process.stdout.discard()
        return await self._process.ended(None)

    async def stop(self) -> Finished:
        """Ends it and all it started; comes back when they are gone."""
        await self._process.close()
        return self._process.finished(Ending.STOPPED)


async def run(
    path: str,
    command: Command,
    patience: Patience,
    *,
    stdout: Sink | None = None,
    stderr: Sink | None = None,
    keep: int = KEPT,
    deadline: float | None = None,
) -> Finished:
    """Runs the program at `path` with the arguments of `command` to its end; see `Host.run`."""
    process = Process(patience, keep)
    try:
        await process.start(path, command)
        process.listen(stdout, stderr)
        process.feed(command.stdin)
        return await process.ended(deadline)
    finally:
        await process.close()


async def start(path: str, command: Command, patience: Patience, *, stderr: Sink | None = None) -> Conversation:
    """Starts the program at `path` for a dialogue; see `Host.start`."""
    process = Process(patience)
    try:
        await process.start(path, command, talk=True)
        process.listen_to_errors(stderr)
        await process.write(command.stdin)
    except BaseException:
        await process.close()
        raise
    return Conversation(process)


class _Ears(asyncio.SubprocessProtocol):
    """What asyncio tells of one program: its output, whether its input takes more, its end."""

    def __init__(self, stdout: Output, stderr: Output, silence: float) -> None:
        loop = asyncio.get_running_loop()
        self._outputs = {1: stdout, 2: stderr}
        self._silence = silence
        self.input_takes = asyncio.Event()
        self.input_takes.set()
        self.exited: asyncio.Future[float] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        program = cast("asyncio.SubprocessTransport", transport)
        for number, output in self._outputs.items():
            output.connect(cast("asyncio.ReadTransport", program.get_pipe_transport(number)))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._outputs[fd].arrived(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        if fd in self._outputs:
            self._outputs[fd].ended()
        else:  # a program that ends without having read its input is nothing to complain about
            self.input_takes.set()

    def pause_writing(self) -> None:
        self.input_takes.clear()

    def resume_writing(self) -> None:
        self.input_takes.set()

    def process_exited(self) -> None:
        self.exited.set_result(time.monotonic())
        for output in self._outputs.values():
            output.expect_end(self._silence)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        self.closed.set_result(None)


async def _hear(output: Output, kept: Kept | None, sink: Sink | None) -> None:
    try:
        while piece := await output.read():
            if kept is not None:
                kept.add(piece)
            if sink is not None:
                await sink(piece)
    finally:
        output.discard()


async def _settled(awaited: Iterable[asyncio.Future[Any]], seconds: float | None = None) -> None:
    """Until all are done, or one has failed, or the time is over."""
    every = set(awaited)
    if not any(one.done() and not one.cancelled() and one.exception() for one in every) and every:
        await asyncio.wait(every, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)


async def _outlast(task: asyncio.Task[None]) -> asyncio.CancelledError | None:
    """Waits until the task is done, also when the caller is cancelled; gives that cancellation, to be raised after."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as stopped:
            cancelled = stopped
    return cancelled


async def _finish(task: asyncio.Task[None]) -> None:
    """Waits until the task is done, then goes on with its error, or with the caller's cancellation."""
    cancelled = await _outlast(task)
    task.result()
    if cancelled is not None:
        raise cancelled


def _was_killed(code: int) -> bool:
    """POSIX: by a signal. Windows: by the system, which says so in the highest codes."""
    return code < 0 or (sys.platform == "win32" and code >= 0xC0000000)


def _not_startable(path: str, folder: str, error: Exception) -> UserError:
    if folder and not Path(folder).is_dir():
        what = text(
            "{program} could not be started: its working folder {folder} is not there.",
            program=shown(path),
            folder=shown(folder),
        )
        remedy = text("Check the folder {folder}, then try again.", folder=shown(folder))
    else:
        what = text("{program} was found but could not be started.", program=shown(path))
        remedy = text("Install {program} again for this system, then try again.", program=shown(path))
    nothing = text("Nothing was started and nothing was changed.")
    return UserError(what, nothing, remedy, "host.program-not-startable", str(error))


def _unstoppable(pid: int) -> UserError:
    return UserError(
        text("The program with process number {pid} does not end, even when it is killed.", pid=pid),
        text("It may still hold files or a disk; what it was doing is unfinished."),
        text("Plug the disk in again or restore the network it waits for; else restart this computer."),
        "host.program-unstoppable",
    )
