"""A gate on the way to the database server: a dump is held at an exact byte, as long as a fault needs."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

WITHIN = 60.0
"""Seconds for a held dump to come; far more than it needs on a busy machine."""

CHUNK = 65536
DUMP_BEGINS = b"SET TRANSACTION SNAPSHOT"
"""What pg_dump says to the server and Overwinter's own session does not: it joins the snapshot of that session."""


class Gate:
    """Listens on a port of its own and passes everything on to the server's, both ways."""

    def __init__(self, server_port: int, dump_begins: bytes = DUMP_BEGINS) -> None:
        """`dump_begins` is what a dump alone says to this kind of server; b"" holds whatever gets so much."""
        self._server = ("127.0.0.1", server_port)
        self._dump_begins = dump_begins
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._limit: int | None = None
        self._held, self._may_pass = threading.Event(), threading.Event()
        self._may_pass.set()
        self.backend_port = 0
        """The port that the server sees the held dump come from."""
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._may_pass.set()
        for one in (self._listener, *self._sockets):
            _end(one)
        for thread in self._threads:
            thread.join()
        for one in (self._listener, *self._sockets):
            one.close()

    @contextmanager
    def holding(self, after: int) -> Iterator[None]:
        """From here on a dump gets so many bytes of the server's answers and then no more, until the body is done."""
        self._held.clear()
        self._may_pass.clear()
        self._limit = after
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        """Lets the held dump go on."""
        self._limit = None
        self._may_pass.set()

    def cut(self) -> None:
        """Ends every connection as a network does that is gone."""
        for one in self._sockets:
            _end(one)

    def wait_until_held(self) -> None:
        """Until a dump has had its bytes and stands still."""
        assert self._held.wait(WITHIN), f"waited {WITHIN} s for a dump to be held"

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                client, _ = self._listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._server)
        except OSError:  # it is down, and whoever came hears it
            client.close()
            return
        self._sockets += [client, server]
        dump = threading.Event()
        self._start(self._pass_requests, client, server, dump)
        self._start(self._pass_answers, client, server, dump)

    def _pass_requests(self, client: socket.socket, server: socket.socket, dump: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while request := client.recv(CHUNK):
                if self._dump_begins in request:
                    dump.set()
                server.sendall(request)
        _end(server)

    def _pass_answers(self, client: socket.socket, server: socket.socket, dump: threading.Event) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while answer := server.recv(CHUNK):
                if dump.is_set() and self._limit is not None:
                    room = max(0, self._limit - passed)
                    passed += len(answer)
                    if passed > self._limit:
                        client.sendall(answer[:room])
                        answer = answer[room:]
                        self._hold(server)
                client.sendall(answer)
        _end(client)
        _cut(server)

    def _hold(self, server: socket.socket) -> None:
        self.backend_port = int(server.getsockname()[1])
        self._held.set()
        self._may_pass.wait()


def _cut(one: socket.socket) -> None:
    """Ends it as the kernel does for a program that was killed: whoever still writes to it is told at once."""
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()


def _end(one: socket.socket) -> None:
    """Ends it for both sides, and wakes a thread that waits in it."""
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
