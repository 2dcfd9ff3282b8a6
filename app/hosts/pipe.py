"""Two programs of one host, of which one reads what the other writes, with nothing of it passing through here.

A named pipe leads from one to the other, so each keeps its own input or output for us, its own exit code and its own
end. Windows has no such pipes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Host
from app.hosts.running import outlast

T = TypeVar("T")

SETTLES_WITHIN = 10.0
"""Seconds that one program may take to notice that the other has ended; then it is ended too."""

# The shell opens the pipe, which waits for the other side, and then becomes the program.
_WRITES = 'exec "$@" >"$0"'
_READS = 'exec "$@" <"$0"'


class Pipe(msgspec.Struct, frozen=True):
    """A named pipe on a host."""

    path: str

    def written_by(self, command: Command) -> Command:
        """The command with its output going into the pipe."""
        return self._redirected(_WRITES, command)

    def read_by(self, command: Command) -> Command:
        """The command with its input coming from the pipe."""
        return self._redirected(_READS, command)

    def _redirected(self, how: str, command: Command) -> Command:
        arguments = ("-c", how, self.path, command.program, *command.arguments)
        return msgspec.structs.replace(command, program="sh", arguments=arguments)


@asynccontextmanager
async def named_pipe(host: Host, path: str) -> AsyncIterator[Pipe]:
    """A new pipe at `path` while the body runs, for this user alone. Raises `host.no-pipe` where there can be none."""
    try:
        made = await host.run(Command("mkfifo", ("-m", "600", path)))
        if made.code != 0:
            raise _no_pipe(host.name, made.stderr.decode("utf-8", "replace"))
        yield Pipe(path)
    finally:
        await host.remove_tree(path)


async def from_end_to_end(
    writing: Coroutine[Any, Any, None],
    reading: Coroutine[Any, Any, T],
    reader_is_gone: Callable[[BaseException], bool],
) -> T:
    """What the reading side comes to, when both sides have ended.

    When both fail it is the writer's failure that is raised, unless it is one that `reader_is_gone` recognises: what
    the reader complains of then follows from what the writer did not give it.
    """
    writer, reader = asyncio.create_task(writing), asyncio.create_task(reading)
    try:
        await _both(writer, reader)
    finally:
        for task in (writer, reader):
            task.cancel()
        cancelled = [await outlast(writer), await outlast(reader)]
    for stopped in filter(None, cancelled):
        raise stopped
    wrote, read = _failure(writer), _failure(reader)
    if wrote is not None and (read is None or not reader_is_gone(wrote)):
        raise wrote
    return reader.result()


async def _both(writer: asyncio.Task[None], reader: asyncio.Task[Any]) -> None:
    """Until both have ended, or one has failed and the other does not notice."""
    await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
    if writer.done() and _failure(writer) is None:
        await asyncio.wait({reader})
    else:
        await asyncio.wait({writer, reader}, timeout=SETTLES_WITHIN)


def _failure(task: asyncio.Task[Any]) -> BaseException | None:
    """Why it failed; that it was ended because the other one had is no failure of its own."""
    return None if task.cancelled() else task.exception()


def _no_pipe(host: str, said: str) -> UserError:
    return UserError(
        text("No pipe between two programs could be made on {host}.", host=host),
        text("Nothing was started and nothing was changed."),
        text("See that there is room for temporary files on {host}, then try again.", host=host),
        "host.no-pipe",
        said,
    )
