"""A program on a server: started through one channel, its number known before its first word, ended through another."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Protocol

import asyncssh

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts import programs, running
from app.hosts.file_errors import shown
from app.hosts.host import KEPT, Command, Ending, Finished
from app.hosts.orphans import RUN_VARIABLE
from app.hosts.output import Output
from app.hosts.running import Patience, Running, settled, unstoppable
from app.hosts.ssh import errors, script
from app.hosts.ssh.script import Leftover, Place

STARTS_WITHIN = 30.0
"""Seconds in which a login shell comes to the point."""

LETS_GO_WITHIN = 5.0
"""Seconds that a server may take to close a channel, or to tell the end of a program that is gone."""

CHATTER = 1024 * 1024
"""Bytes that a login shell may say before our script begins."""

SIGNALS = {
    **{"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "ABRT": 6, "FPE": 8, "KILL": 9, "USR1": 10},
    **{"SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15},
}
"""The signals that SSH has names for (RFC 4254, 6.10)."""

OTHER_SIGNAL = 128
"""Stands for any other."""

Ears = Callable[[], "asyncssh.SSHClientSession[bytes]"]


class Server(Protocol):
    """A server on which channels can be opened."""

    @property
    def name(self) -> str: ...

    async def session(self, ears: Ears, command: str) -> asyncssh.SSHClientChannel[bytes]:
        """A channel on which `command` was given to the login shell."""

    async def end(self, place: Place, patience: Patience) -> str:
        """Ends a program and all it started, through another channel; gives the numbers of those that stay.

        Where the connection is cut, what is left is ended when there is one again; then this raises `host.cut`.
        """

    def leave(self, leftover: Leftover) -> None:
        """The connection was cut: what is left there is put away when there is one again."""


class RemoteProcess(Running):
    """One program on a server, from its start to its end. Whoever made it calls `close`, always."""

    def __init__(self, server: Server, patience: Patience, keep: int = KEPT, *, watched: bool = True) -> None:
        """`watched` programs are ended on the server when the connection is cut."""
        super().__init__(patience, keep)
        self._server = server
        self._watched = watched
        self._program = ""
        self._place: Place | None = None
        self._mark = secrets.token_hex(16)
        self._ears = _Ears(self, self._mark)
        self._opening: asyncio.Task[asyncssh.SSHClientChannel[bytes]] | None = None
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    @property
    def server_name(self) -> str:
        """The name of its host."""
        return self._server.name

    @property
    def pid(self) -> int:
        """The number that the server gave it."""
        return 0 if self._place is None else self._place.pid

    async def write(self, piece: bytes) -> None:
        """Writes to its input and waits while the program is slow; without effect when it has closed it."""
        if piece and self._channel is not None and not self._ears.closed.is_set():
            with contextlib.suppress(BrokenPipeError):  # our side was closed already
                self._channel.write(piece)
            await self.input_takes.wait()

    def close_input(self) -> None:
        """What was written still goes out; then the program sees the end."""
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write_eof()

    async def _start(self, command: Command, *, input_open: bool) -> None:
        self._program = command.program
        source = self._source(command)
        opening = self._server.session(self._new_ears, script.bootstrap(self._mark))
        self._opening = asyncio.ensure_future(opening)
        self._channel = await self._opening
        try:
            with contextlib.suppress(OSError):  # it is closed already: the report knows why, and says it
                self._channel.write(source)
                if not input_open:
                    self._channel.write_eof()
            self._place = self._judged(command, await self._report())
        except BaseException:
            self._channel.abort()
            raise

    def _new_ears(self) -> _Ears:
        """For each try to open a channel."""
        self._ears = _Ears(self, self._mark)
        return self._ears

    def _hurry(self) -> None:
        if self._opening is not None:
            self._opening.cancel()

    def _source(self, command: Command) -> bytes:
        words = (command.program, *command.arguments, command.folder, *command.environment.values())
        if any("\0" in word for word in words):
            raise errors.program_not_startable(self._server.name, command.program, "a NUL among its arguments")
        source = script.start(
            command.program,
            command.arguments,
            environment=command.environment,
            folder=command.folder,
            mark=self._mark,
            watched=self._patience if self._watched else None,
        )
        if len(source) > script.LONGEST:
            raise errors.program_not_startable(self._server.name, command.program, "the arguments are too long")
        return source

    async def _report(self) -> str:
        """What the script says of the start."""
        await asyncio.wait({self._ears.report}, timeout=STARTS_WITHIN)
        if not self._ears.report.done():
            raise errors.no_shell(self._server.name, f"no word within {STARTS_WITHIN:.0f} s {self._ears.chatter()}")
        try:
            return self._ears.report.result()
        except UserError as error:
            if error.code == "host.cut":  # what was asked for may begin yet
                self._server.leave(script.nameless(self._mark, self._patience))
            raise

    def _judged(self, command: Command, report: str) -> Place:
        match report.split():
            case ["started", pid, leads, connection, started]:
                return Place(int(pid), "" if started == "-" else started, leads == "1", int(connection))
            case ["missing"]:
                raise programs.missing(command.program, self._server.name)
            case ["no-folder"]:
                raise errors.folder_missing(self._server.name, command.program, command.folder)
            case _:
                raise errors.no_shell(self._server.name, report)

    def finished(self, ours: Ending) -> Finished:
        """What became of it.

        Raises `host.program-not-startable` when its system would not have it, and `host.cut` when it has ended and its
        last words were lost.
        """
        done = super().finished(ours)
        if self._ears.cut_short and not self._interrupted:
            raise self._cut()
        if self._ears.failed:
            said = done.stderr.replace(f"{self._mark}: ".encode(), b"").decode("utf-8", "replace").strip()
            raise errors.program_not_startable(self._server.name, self._program, said)
        return done

    def _code(self) -> int:
        return self._ears.code

    def _was_killed(self) -> bool:
        return self._ears.code < 0

    @property
    def _is_started(self) -> bool:
        return self._place is not None

    async def _end_gently(self) -> None:
        """Through another channel. Where there is no connection any more, the watch on the server does it."""
        assert self._place is not None, "it is started"
        self._interrupted = self._interrupted or not self.exited.done()
        try:
            left = await self._server.end(self._place, self._patience)
        except UserError as error:
            if error.code == "host.program-unstoppable":
                raise
            self.lost()
            return
        if left:
            raise unstoppable(self._place.pid)
        await settled({self.exited}, LETS_GO_WITHIN)
        if not self.exited.done():
            self.lost()

    def lost(self) -> None:
        """Nobody will tell how it ended."""
        if not self.exited.done():
            if self._place is not None:
                self._server.leave(script.leftover(self._place, self._patience))
            self.exited.set_exception(self._cut())
            self.exited.exception()  # asked for here, so that one nobody waits for is not reported as forgotten

    def _cut(self) -> UserError:
        return errors.cut(self._server.name, text("the program {program}", program=shown(self._program)))

    async def _let_go(self) -> None:
        if self._channel is not None:
            self._channel.close()
            try:
                async with asyncio.timeout(LETS_GO_WITHIN):
                    await self._ears.closed.wait()
            except TimeoutError:
                self._channel.abort()


async def ask(
    server: Server, source: str, *arguments: str, patience: Patience, watched: bool = True, run: str = ""
) -> Finished:
    """Runs a script of ours on the server to its end; `arguments` are its `$1` and so on. It carries the mark of `run`,
    so that it is found should this process be killed."""
    command = Command("/bin/sh", ("-c", source, "sh", *arguments), environment={RUN_VARIABLE: run} if run else {})
    return await running.run(RemoteProcess(server, patience, watched=watched), command)


async def end(server: Server, place: Place, patience: Patience) -> str:
    """Ends a program and all it started, interrupt first; gives the numbers of those that stay, "" for none."""
    done = await ask(server, script.end(place, patience), patience=patience, watched=False)
    return done.stdout.decode("ascii", "replace").strip()


class _Side:
    """One output of a program, as a pipe: the two share a channel, which rests when either asks for it."""

    def __init__(self, ears: _Ears, output: Output) -> None:
        self._ears = ears
        self._output = output
        self.paused = False
        self.closed = False

    def pause_reading(self) -> None:
        self.paused = True
        self._ears.pause_or_resume()

    def resume_reading(self) -> None:
        self.paused = False
        self._ears.pause_or_resume()

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True
        self.paused = False
        self._ears.pause_or_resume()
        self._output.ended()


class _Ears(asyncssh.SSHClientSession[bytes]):
    """What asyncssh tells of one program. Its words begin after our mark; before that the login shell is talking."""

    def __init__(self, program: RemoteProcess, mark: str) -> None:
        self._program = program
        self._mark = mark.encode()
        self._outputs: dict[int | None, Output] = {None: program.stdout, asyncssh.EXTENDED_DATA_STDERR: program.stderr}
        self._sides: dict[int | None, _Side] = {kind: _Side(self, output) for kind, output in self._outputs.items()}
        self._before: dict[int | None, bytes] = dict.fromkeys(self._outputs, b"")
        self._begun: set[int | None] = set()
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._rests = False
        self.report: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()
        self.failed = False
        """The system did not start the program after all."""
        self.cut_short = False
        """The connection was cut before all that was said had arrived."""
        self.code = 0
        self._heard_out = False

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan
        for kind, output in self._outputs.items():
            output.connect(self._sides[kind])

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype in self._begun:
            self._deliver(data, datatype)
            return
        self._before[datatype] += data
        line, found, rest = self._after_the_mark(self._before[datatype])
        if found:
            self._begun.add(datatype)
            self._before[datatype] = b""
            if datatype is None and not self.report.done():
                self.report.set_result(line)
            self._deliver(rest, datatype)
        elif len(self._before[datatype]) > CHATTER:
            self._before[datatype] = self._before[datatype][-len(self._mark) - 200 :]

    def _after_the_mark(self, heard: bytes) -> tuple[str, bool, bytes]:
        _, mark, after = heard.partition(b"\n" + self._mark + b" ")
        line, end, rest = after.partition(b"\n")
        return line.decode("ascii", "replace"), bool(mark and end), rest

    def _deliver(self, data: bytes, datatype: int | None) -> None:
        if datatype is not None and self._mark in data:
            self.failed = True
            data = data.partition(b"\n" + self._mark + b" failed")[0]
        if data and not self._sides[datatype].closed:
            self._outputs[datatype].arrived(data)

    def chatter(self) -> str:
        """What was said before the mark."""
        return b"\n".join(self._before.values()).decode("utf-8", "replace").strip()[-2000:]

    def pause_or_resume(self) -> None:
        """Reading rests while a side asks for it."""
        rests = any(side.paused for side in self._sides.values())
        if rests != self._rests and self._channel is not None:
            self._rests = rests
            (self._channel.pause_reading if rests else self._channel.resume_reading)()

    def eof_received(self) -> bool:
        self._heard_out = True
        if self._begun:
            self._end_outputs()
        return True  # our side stays open: a program may still read

    def _end_outputs(self) -> None:
        for output in self._outputs.values():
            output.ended()

    def exit_status_received(self, status: int) -> None:
        self._exited(status)

    def exit_signal_received(self, signal_name: str, core_dumped: bool, msg: str, lang: str) -> None:  # noqa: ARG002  asyncssh's signature
        self._exited(-SIGNALS.get(signal_name, OTHER_SIGNAL))

    def _exited(self, code: int) -> None:
        self.code = code
        self._program.has_exited()

    def pause_writing(self) -> None:
        self._program.input_takes.clear()

    def resume_writing(self) -> None:
        self._program.input_takes.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard_out = self._heard_out or all(side.closed for side in self._sides.values())
        self.cut_short = exc is not None and not self._heard_out
        self.closed.set()
        if not self.report.done():
            self.report.set_exception(self._no_start(exc))
            self.report.exception()  # as above: the start may have been given up, or tried again
            return
        self._end_outputs()
        self._program.input_takes.set()
        self._program.lost()

    def _no_start(self, exc: Exception | None) -> UserError:
        name = self._program.server_name
        if exc is not None:
            return errors.cut(name, text("starting a program"))
        return errors.no_shell(name, f"exit {self.code} {self.chatter()}".strip())
