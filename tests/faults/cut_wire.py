"""A wire to a server that is cut at a named moment of what a laptop does there, and the laptop killed if that is asked.

Moments are counted by operations of the host (`cut_child` tells of each before it begins, and waits for leave), and
within one by the pieces that pass on the wire: what the laptop sends, and what the server answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import psutil

from tests.faults.wire import Wire, listening


class Moment(enum.Enum):
    """When it happens: before an operation begins, or at a piece of it."""

    BEFORE = "before it"
    HALF_SENT = "half of a piece is sent"
    SENT = "a piece is sent, and nothing comes back"
    ANSWERED = "a piece of the answer is lost"


class Way(enum.Enum):
    """What happens to the link: both ends are told, or neither is."""

    CUT = "cut"
    DEAD = "dead"


class Blow(msgspec.Struct, frozen=True):
    """What happens, at which operation and piece; one that does not come by any more happens before the next one."""

    operation: int
    moment: Moment = Moment.BEFORE
    piece: int = 0
    way: Way = Way.CUT
    kills: bool = False


class Passed(msgspec.Struct):
    """One operation and how many pieces it took each way."""

    name: str
    sent: int = 0
    answered: int = 0


class CuttingWire(Wire):
    """Passes everything on until the blow."""

    def __init__(self, server_port: int) -> None:
        super().__init__(server_port)
        self.passed_by: list[Passed] = []
        self.has_struck = False
        self._blow: Blow | None = None
        self._laptop = 0

    def begin(self, blow: Blow | None) -> None:
        """Another piece of work begins."""
        self.passed_by, self.has_struck, self._blow, self._laptop = [], False, blow, 0

    def reach(self, name: str, laptop: int) -> bool:
        """The laptop, a process, begins another operation; False when it has been killed."""
        self._laptop = laptop
        number = len(self.passed_by)
        self.passed_by.append(Passed(name))
        blow = self._blow
        if blow is None or self.has_struck:
            return True
        if blow.operation < number or (blow.operation == number and blow.moment is Moment.BEFORE):
            self._strike(blow)
            return not blow.kills
        return True

    def passing(self, piece: bytes, *, from_server: bool) -> bytes:
        """What arrives of a piece."""
        if not self.passed_by:
            return piece
        now = self.passed_by[-1]
        count = now.answered if from_server else now.sent
        now.answered, now.sent = now.answered + from_server, now.sent + (not from_server)
        blow = self._blow
        if blow is None or self.has_struck or not self._is_hit(blow, count, from_server=from_server):
            return piece
        self.has_struck = True
        asyncio.get_running_loop().call_soon(self._strike, blow)  # what is let through is on its way by then
        return piece if blow.moment is Moment.SENT else piece[: len(piece) // 2] if not from_server else b""

    def _is_hit(self, blow: Blow, count: int, *, from_server: bool) -> bool:
        is_there = len(self.passed_by) - 1 == blow.operation and count == blow.piece
        is_answer = blow.moment is Moment.ANSWERED
        return is_there and blow.moment is not Moment.BEFORE and is_answer == from_server

    def _strike(self, blow: Blow) -> None:
        """The link first: whoever is on the server must not see a laptop end that he would not see in earnest."""
        self.has_struck = True
        self.die() if blow.way is Way.DEAD else self.cut()
        if blow.kills:
            psutil.Process(self._laptop).kill()


class LiveWire:
    """A cutting wire that works in a thread of its own, with the port at which laptops tell what they do."""

    def __init__(self, wire: CuttingWire, loop: asyncio.AbstractEventLoop, told_at: int) -> None:
        self.port = wire.port
        self.told_at = told_at
        self._wire = wire
        self._loop = loop

    def begin(self, blow: Blow | None = None) -> None:
        """Another piece of work begins."""
        self._loop.call_soon_threadsafe(self._wire.begin, blow)

    def over(self, *, cuts: bool) -> tuple[list[Passed], bool]:
        """It has ended: what passed, and whether the blow struck. What is still connected is cut now, if asked for."""

        async def ended() -> tuple[list[Passed], bool]:
            if cuts:
                self._wire.cut()
            return self._wire.passed_by, self._wire.has_struck

        return asyncio.run_coroutine_threadsafe(ended(), self._loop).result(10)


@contextmanager
def live_wire(server_port: int) -> Iterator[LiveWire]:
    """The wire, working."""
    made: list[LiveWire] = []
    is_ready, is_over = threading.Event(), asyncio.Event()

    async def work() -> None:
        async with listening(CuttingWire(server_port)) as wire:
            listener = await asyncio.start_server(lambda *ends: _hear(wire, *ends), "127.0.0.1", 0)
            async with listener:
                made.append(LiveWire(wire, asyncio.get_running_loop(), listener.sockets[0].getsockname()[1]))
                is_ready.set()
                await is_over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        assert is_ready.wait(10)
        yield made[0]
    finally:
        made[0]._loop.call_soon_threadsafe(is_over.set)
        thread.join()


async def _hear(wire: CuttingWire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A laptop tells its number, then each operation by its name."""
    with contextlib.suppress(OSError, ValueError), contextlib.closing(writer):
        laptop = int(await reader.readline())
        while name := await reader.readline():
            if wire.reach(name.decode().strip(), laptop):
                writer.write(b"\n")
