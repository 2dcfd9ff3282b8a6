"""rclone's server: for one run, for who has its credentials, and gone with us."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import Refused, UserError
from app.hosts.local import LocalHost
from app.tools import rclone
from app.tools.rclone import (
    Login,
    Place,
    Server,
    find_rclone,
    new_login,
    place_of,
    serving,
    the_fit_rclone,
)
from tests.faults.shims import write_program
from tests.features.console import ROOT
from tests.real.servers.rclone import rclone_program, rclones
from tests.running import run

if sys.platform == "win32":
    pytest.skip("processes are looked at and killed as POSIX does it", allow_module_level=True)

pytestmark = pytest.mark.spec("H2")

ODD_FOLDERS = ("plain", "two words", "col:on", "-dash", "теплица 🌱", "per%20cent", "qu'o\"te", "a,b=c", "#?*[x]")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[LocalHost]:
    blocking = Blocking()
    yield LocalHost(blocking, tmp_path / "scratch")
    blocking.close()


async def status(port: int, method: str, path: str, login: Login | None = None) -> int:
    """The status of an answer, as anybody on this computer gets it."""
    auth = (login.user, login.password) if login else None
    async with httpx.AsyncClient(auth=auth, trust_env=False) as client:
        return (await client.request(method, f"http://127.0.0.1:{port}{path}", content=b"content")).status_code


@asynccontextmanager
async def served(here: LocalHost, folder: Path, login: Login | None = None) -> AsyncIterator[Server]:
    place = Place(str(folder), configured=False)
    async with serving(here, rclone_program(), place, login or new_login()) as server:
        yield server


async def error_of(work: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        await work
    return caught.value


async def entered(opening: Any) -> None:
    async with opening:
        pytest.fail("it opened")


def test_a_folder_is_served_to_who_has_the_credentials_and_to_nobody_else(here: LocalHost, tmp_path: Path) -> None:
    async def story() -> None:
        login = new_login()
        async with served(here, tmp_path / "repository", login) as server:
            assert await status(server.port, "POST", "/config") == 401
            assert await status(server.port, "POST", "/config", Login(login.user, "wrong")) == 401
            assert await status(server.port, "POST", "/config", login) == 200
        assert (tmp_path / "repository" / "config").read_bytes() == b"content"
        assert (tmp_path / "repository" / "config").stat().st_mode & 0o077 == 0
        assert rclones() == []

    run(story())


def test_it_listens_on_the_loopback_alone(here: LocalHost, tmp_path: Path) -> None:
    async def story() -> None:
        async with served(here, tmp_path / "repository") as server:
            (program,) = rclones()
            listening = [one.laddr for one in program.net_connections() if one.status == psutil.CONN_LISTEN]
            assert [tuple(address) for address in listening] == [("127.0.0.1", server.port)]

    run(story())


def test_its_credentials_are_128_random_bits_each_and_in_no_argument(here: LocalHost, tmp_path: Path) -> None:
    async def story() -> None:
        login = new_login()
        assert re.fullmatch(r"[0-9a-f]{32}", login.user)
        assert re.fullmatch(r"[0-9a-f]{32}", login.password)
        assert login != new_login()
        async with served(here, tmp_path / "repository", login):
            for process in psutil.Process().children(recursive=True):
                said = " ".join(process.cmdline())
                assert login.user not in said
                assert login.password not in said

    run(story())


@pytest.mark.parametrize("name", ODD_FOLDERS)
def test_folders_of_every_name_are_served(here: LocalHost, tmp_path: Path, name: str) -> None:
    async def story() -> None:
        login = new_login()
        async with served(here, tmp_path / name, login) as server:
            assert await status(server.port, "POST", "/config", login) == 200
        assert (tmp_path / name / "config").read_bytes() == b"content"

    run(story())


def test_a_link_inside_the_repository_is_followed_as_restic_does(here: LocalHost, tmp_path: Path) -> None:
    async def story() -> None:
        (tmp_path / "bigger-disk").mkdir()
        (tmp_path / "repository").mkdir()
        (tmp_path / "repository" / "data").symlink_to(tmp_path / "bigger-disk")
        login, name = new_login(), "ab" * 32
        async with served(here, tmp_path / "repository", login) as server:
            assert await status(server.port, "POST", f"/data/{name}", login) == 200
            assert await status(server.port, "GET", f"/data/{name}", login) == 200
        assert (tmp_path / "bigger-disk" / "ab" / name).read_bytes() == b"content"

    run(story())


def test_the_persons_configuration_is_not_read_for_a_folder(
    here: LocalHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = tmp_path / "rclone" / "rclone.conf"
    configuration.parent.mkdir()
    configuration.write_text("# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nAAAA\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("RCLONE_CONFIG", str(configuration))

    async def story() -> None:
        async with served(here, tmp_path / "repository"):
            pass
        remote = Place("usb:backup", configured=True)
        failed = await error_of(entered(serving(here, rclone_program(), remote, new_login())))
        assert failed.code == "rclone.not-serving"
        assert "configuration" in failed.problem.detail

    run(story())


def test_a_remote_of_the_persons_configuration_is_served(
    here: LocalHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = tmp_path / "rclone" / "rclone.conf"
    configuration.parent.mkdir()
    configuration.write_text(f"[usb]\ntype = alias\nremote = {tmp_path / 'disk'}\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    async def story() -> None:
        login = new_login()
        async with serving(here, rclone_program(), place_of("rclone:usb:backup"), login) as server:
            assert await status(server.port, "POST", "/config", login) == 200
        assert (tmp_path / "disk" / "backup" / "config").read_bytes() == b"content"

    run(story())


@pytest.mark.parametrize(
    "address", ["sftp:ops@host:/repo", "s3:s3.amazonaws.com/bucket", "rest:https://host/", "b2:b:p"]
)
def test_repositories_that_cannot_be_served_yet_are_refused(address: str) -> None:
    with pytest.raises(Refused) as refused:
        place_of(address)
    assert refused.value.code == "repository.not-servable"


# --- its end -------------------------------------------------------------------------------------------------------


@pytest.mark.spec("J2")
def test_one_that_is_killed_is_back_on_its_port(here: LocalHost, tmp_path: Path) -> None:
    async def story() -> None:
        login = new_login()
        async with served(here, tmp_path / "repository", login) as server:
            for _ in range(rclone.RESTARTS):
                (program,) = rclones()
                program.kill()
                await back(server, login, program)
            assert not server.broken.done()
            (program,) = rclones()
            program.kill()
            assert (await broken(server)).code in ("rclone.ended", "rclone.not-serving")
        assert rclones() == []

    run(story())


async def broken(server: Server) -> UserError:
    """Why it cannot serve any more."""
    async with asyncio.timeout(20):
        return await server.broken


async def back(server: Server, login: Login, killed: psutil.Process) -> None:
    """Until it answers again."""
    async with asyncio.timeout(20):
        while True:
            if [program for program in rclones() if program != killed]:
                try:
                    assert await status(server.port, "GET", "/config", login) in (200, 404)
                except httpx.TransportError:
                    pass
                else:
                    return
            await asyncio.sleep(0.01)


@pytest.mark.spec("J2")
def test_one_whose_port_was_taken_while_it_was_dead_says_so(here: LocalHost, tmp_path: Path) -> None:
    async def story() -> None:
        place = Place(str(tmp_path / "repository"), configured=False)
        server = Server(here, rclone_program(), place, new_login(), 0o077)
        with socket.create_server(("127.0.0.1", 0)) as thief:
            server.port = thief.getsockname()[1]
            assert (await error_of(server.start())).code == "rclone.port-taken"

    run(story())


SERVES_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from app.foundation.blocking import Blocking
from app.hosts.local import LocalHost
from app.tools.rclone import Place, new_login, serving

async def main():
    here = LocalHost(Blocking(), Path(sys.argv[1]))
    async with serving(here, sys.argv[2], Place(sys.argv[3], configured=False), new_login()) as server:
        print(server.port, flush=True)
        await asyncio.Event().wait()

asyncio.new_event_loop().run_until_complete(main())
"""


@pytest.mark.spec("J2")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_us_even_when_we_are_killed(tmp_path: Path, number: signal.Signals) -> None:
    places = (str(tmp_path / "scratch"), rclone_program(), str(tmp_path / "repository"))
    ours = subprocess.Popen(
        [sys.executable, "-c", SERVES_UNTIL_KILLED, *places], stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ}
    )
    assert ours.stdout is not None
    with ours.stdout as said:
        assert said.readline()
    started = psutil.Process(ours.pid).children(recursive=True)
    assert "rclone" in [process.name() for process in started]
    ours.send_signal(number)
    ours.wait()
    _, left = psutil.wait_procs(started, timeout=20)
    assert left == []


# --- the program ---------------------------------------------------------------------------------------------------


def test_the_rclone_here_is_found_and_fit(here: LocalHost) -> None:
    async def story() -> None:
        (found,) = await find_rclone(here, {})
        assert (found.name, found.path, found.fit) == ("rclone", rclone_program(), True)
        assert the_fit_rclone([found]) == found

    run(story())


@pytest.mark.parametrize(
    ("says", "code"),
    [("rclone v1.53.3-DEV", "rclone.unfit"), ("something else", "rclone.unfit"), ("", "rclone.missing")],
)
def test_an_rclone_that_is_old_or_missing_is_named_with_what_to_install(
    here: LocalHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, code: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if says:
        write_program(tmp_path / "rclone", f"#!/bin/sh\necho '{says}'\n")
    found = run(find_rclone(here, {}))
    with pytest.raises(UserError) as missing:
        the_fit_rclone(found)
    assert missing.value.code == code
    assert "rclone" in str(missing.value.problem.next)


STRANGERS = {
    "rclone.not-guarded": 'exec {python} -c "{open_to_all}"',
    "rclone.not-serving": "echo 'Failed to create file system: didn'; exit 1",
}
OPEN_TO_ALL = """
import http.server, sys
class All(http.server.BaseHTTPRequestHandler):
    def do_PUT(self): self.send_response(405); self.end_headers()
    def log_message(self, *_): pass
server = http.server.HTTPServer(('127.0.0.1', 0), All)
print('NOTICE: Serving restic REST API on http://127.0.0.1:%d/' % server.server_port, file=sys.stderr, flush=True)
server.serve_forever()
"""


@pytest.mark.parametrize("code", STRANGERS)
def test_one_that_lets_everybody_in_or_does_not_serve_is_not_used(here: LocalHost, tmp_path: Path, code: str) -> None:
    line = STRANGERS[code].format(python=sys.executable, open_to_all=OPEN_TO_ALL)
    stranger = write_program(tmp_path / "rclone", f"#!/bin/sh\n{line}\n")
    place = Place(str(tmp_path / "repository"), configured=False)
    failed = run(error_of(entered(serving(here, str(stranger), place, new_login()))))
    assert failed.code == code
