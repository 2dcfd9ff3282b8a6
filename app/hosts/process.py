"""The one home of starting programs on this computer.

Ending means: interrupt the program, then terminate, then kill it and all that it started. Works on the engine's loop
in any thread; a child's end is noticed in Python's own way (a waiting thread for each child on 3.11 and on macOS, a
process descriptor on Linux from 3.12).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts import running
from app.hosts.environment import environment
from app.hosts.file_errors import shown
from app.hosts.host import KEPT, Command, Finished, Sink
from app.hosts.running import Conversation, Patience, Running, settled, unstoppable
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


class Process(Running):
    """One program on this computer, from its start to its end. Whoever made it calls `close`, always."""

    def __init__(self, path: str, patience: Patience, keep: int = KEPT) -> None:
        """`path` is where the program is."""
        super().__init__(patience, keep)
        self._path = path
        self._transport: asyncio.SubprocessTransport | None = None
        self._tree: Tree | None = None
        self._ears = _Ears(self)

    @property
    def pid(self) -> int:
        """The number the system gave it."""
        return 0 if self._transport is None else self._transport.get_pid() or 0

    async def write(self, piece: bytes) -> None:
        """Writes to its input and waits while the program is slow; without effect when it has closed it."""
        pipe = self._input()
        if piece and pipe is not None and not pipe.is_closing():
            pipe.write(piece)
            await self.input_takes.wait()

    def close_input(self) -> None:
        """What was written still goes out; then the program sees the end."""
        if (pipe := self._input()) is not None:
            pipe.close()

    async def _start(self, command: Command, *, input_open: bool) -> None:
        try:
            self._transport, _ = await asyncio.get_running_loop().subprocess_exec(
                lambda: self._ears,
                self._path,
                *command.arguments,
                stdin=subprocess.PIPE if input_open else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=command.folder or NEUTRAL_FOLDER,
                env=environment(command.environment),
                **_APART,
            )
        except (OSError, ValueError) as error:
            raise _not_startable(self._path, command.folder, error) from error
        self._tree = Tree(self.pid)

    def _hurry(self) -> None:
        """A start on this computer takes no time worth saving."""

    def _input(self) -> asyncio.WriteTransport | None:
        pipe = None if self._transport is None else self._transport.get_pipe_transport(0)
        return cast("asyncio.WriteTransport | None", pipe)

    def _code(self) -> int:
        code = None if self._transport is None else self._transport.get_returncode()
        return 0 if code is None else code

    def _was_killed(self) -> bool:
        """POSIX: by a signal. Windows: by the system, which says so in the highest codes."""
        return self._code() < 0 or (sys.platform == "win32" and self._code() >= 0xC0000000)

    @property
    def _is_started(self) -> bool:
        return self._tree is not None

    async def _end_gently(self) -> None:
        tree = cast("Tree", self._tree)
        if not self.exited.done():
            if not self._interrupted:
                self._interrupted = True
                tree.interrupt()
            await settled({self.exited}, self._patience.interrupt)
        for tell, seconds in ((tree.terminate, self._patience.terminate), (tree.kill, self._patience.kill)):
            over = time.monotonic() + seconds
            while tell() and time.monotonic() < over:  # noqa: ASYNC110  a grandchild's end is announced to nobody
                await asyncio.sleep(LOOK_AGAIN)
        if tree.living():
            raise unstoppable(self.pid)
        await settled({self.exited})

    async def _let_go(self) -> None:
        if (pipe := self._input()) is not None and pipe.get_write_buffer_size():
            pipe.abort()  # closing alone would wait for somebody to read what was written
        if self._transport is not None:
            self._transport.close()
        if self.exited.done():
            await self._ears.closed


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
    return await running.run(Process(path, patience, keep), command, stdout=stdout, stderr=stderr, deadline=deadline)


async def start(path: str, command: Command, patience: Patience, *, stderr: Sink | None = None) -> Conversation:
    """Starts the program at `path` for a dialogue; see `Host.start`."""
    return await running.talk(Process(path, patience), command, stderr=stderr)


class _Ears(asyncio.SubprocessProtocol):
    """What asyncio tells of one program: its output, whether its input takes more, its end."""

    def __init__(self, program: Running) -> None:
        self._program = program
        self._outputs = {1: program.stdout, 2: program.stderr}
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

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
            self._program.input_takes.set()

    def pause_writing(self) -> None:
        self._program.input_takes.clear()

    def resume_writing(self) -> None:
        self._program.input_takes.set()

    def process_exited(self) -> None:
        self._program.has_exited()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        self.closed.set_result(None)


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
