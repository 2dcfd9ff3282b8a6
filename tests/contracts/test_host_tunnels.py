"""What every host keeps to with tunnels, and with what it knows of itself."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.contracts.hosts import Place, error_of, line_of, on_every_host, posix_only

pytestmark = [pytest.mark.spec("H1"), pytest.mark.usefixtures("nothing_left_over")]


ASKS = """
import socket, sys
with socket.socket(socket.AF_UNIX) as asking:
    asking.connect(sys.argv[1])
    asking.sendall(sys.argv[2].encode() * int(sys.argv[3]))
    asking.shutdown(socket.SHUT_WR)
    got = 0
    while piece := asking.recv(65536):
        got += len(piece)
print(got)
"""


@asynccontextmanager
async def doubling() -> AsyncIterator[int]:
    """The port of a server here that answers all it got, twice."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(2 * await reader.read(-1))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@posix_only
@on_every_host
async def test_connections_to_a_tunnels_socket_arrive_here_whole_and_side_by_side(place: Place) -> None:
    async with doubling() as port, place.host.reverse_tunnel(port) as path:
        asked = [place.says(ASKS, path, "x", str(size)) for size in (1, 1000, 3_000_000, 3_000_001)]
        assert [int(said) for said in await asyncio.gather(*asked)] == [2, 2000, 6_000_000, 6_000_002]


@posix_only
@on_every_host
async def test_a_tunnels_socket_is_private_and_fits_into_an_address(place: Place) -> None:
    async with doubling() as port, place.host.reverse_tunnel(port) as path, place.host.reverse_tunnel(port) as other:
        assert re.fullmatch(r"[A-Za-z0-9/._-]{1,100}", path)
        assert other != path
        for private, mode in ((path, 0o600), (path.rpartition("/")[0], 0o700)):
            found = await place.host.stat(private)
            assert found is not None
            assert found.mode == mode


@posix_only
@on_every_host
async def test_a_tunnel_is_gone_afterwards_with_its_connections(place: Place) -> None:
    async with doubling() as port:
        async with place.host.reverse_tunnel(port) as path:
            waiting = await place.host.start(place.program(HOLDS, path))
            assert await waiting.read() == b"connected\n"
        assert (await waiting.wait()).code == 0, "it saw the end of its connection"
        assert await place.host.stat(path) is None
        assert await place.host.stat(path.rpartition("/")[0]) is None


HOLDS = """
import socket, sys
with socket.socket(socket.AF_UNIX) as held:
    held.connect(sys.argv[1])
    print("connected", flush=True)
    assert held.recv(1) == b""
"""


@posix_only
@on_every_host
async def test_where_nobody_listens_a_connection_is_closed_and_the_next_one_works(place: Place) -> None:
    async with doubling() as port:
        pass
    async with place.host.reverse_tunnel(port) as path:
        await place.says(HOLDS, path)


@on_every_host
async def test_scratch_folders_that_a_dead_run_left_are_removed_by_name(place: Place) -> None:
    left = [await place.host.make_scratch("run-1") for _ in range(2)]
    another = await place.host.make_scratch("run-10")
    await place.host.write_durably(f"{left[0]}/pgpass", b"secret")
    await place.host.remove_scratch("run-1")
    assert [await place.host.stat(folder) for folder in left] == [None, None]
    assert await place.host.stat(another) is not None
    await place.host.remove_scratch("run-10")


@on_every_host
async def test_what_listens_on_the_host_is_reached_from_here(place: Place) -> None:
    listens = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    talk, _ = listener.accept()
    while piece := talk.recv(65536): talk.sendall(piece.upper())
    talk.close()
"""
    listening = await place.host.start(place.program(listens))
    try:
        async with place.host.tunnel("127.0.0.1", int(await line_of(listening))) as way:
            reader, writer = await asyncio.open_connection(way.server, way.port)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"HELLO"
            writer.close()
            await writer.wait_closed()
    finally:
        await listening.stop()


@on_every_host
async def test_free_space_is_known_where_something_stands(place: Place) -> None:
    assert await place.host.free_space(place.folder) > 1_000_000
    assert (await error_of(place.host.free_space(f"{place.folder}/nothing"))).code == "host.file-missing"


@on_every_host
async def test_a_host_knows_its_own_facts(place: Place) -> None:
    facts = await place.host.facts()
    assert facts.system in ("linux", "darwin", "windows")
    assert facts.computer
    assert facts.machine
    assert (await place.says("import getpass; print(getpass.getuser())")).strip() in facts.user


@on_every_host
async def test_many_programs_run_side_by_side(place: Place) -> None:
    source = "import sys,time; time.sleep(0.05); print(sys.argv[1])"
    finished = await asyncio.gather(*(place.host.run(place.program(source, str(number))) for number in range(12)))
    assert [int(one.stdout) for one in finished] == list(range(12))
