"""The parts of the practice greenhouse by themselves: its artisan in PHP, its MariaDB, its telemetry under a writer."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.demo.greenhouse import grow
from app.demo.mariadb import ROWS, PracticeMariadb, find_server
from app.demo.practice import SITE, Equipped, Practice, new_practice
from app.demo.telemetry import readings, record, written
from app.foundation.blocking import Blocking
from app.foundation.words import Text
from app.hosts.local import LocalHost
from app.settings.rules import faults_of
from tests.running import run

if sys.platform == "win32":
    pytest.skip("told with links and modes of POSIX", allow_module_level=True)

PHP = shutil.which("php") or ""
with_php = pytest.mark.skipif(not PHP, reason="PHP is not installed here")


@pytest.fixture
def application(tmp_path: Path) -> Path:
    grow(tmp_path / "laravel", tmp_path / "broker")
    return tmp_path / "laravel"


def artisan(application: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([PHP, "artisan", *arguments], cwd=application, capture_output=True, check=False)


@with_php
def test_artisan_clears_caches_links_the_storage_and_tells_the_workers(application: Path) -> None:
    for command in ("optimize:clear", "queue:restart", "storage:link", "migrate"):
        assert artisan(application, command).returncode == 0
    assert not list((application / "bootstrap" / "cache").glob("*.php"))
    assert not list((application / "storage" / "framework" / "views").glob("*.php"))
    assert (application / "public" / "storage" / "beds" / "bed-1.bmp").exists()
    assert artisan(application, "no:such").returncode == 1


@with_php
def test_what_was_sealed_is_read_with_the_key_of_its_time_only(application: Path) -> None:
    def fits() -> object:
        return json.loads(artisan(application, "about").stdout)["app_key_fits"]

    assert fits() is True
    env = (application / ".env").read_text()
    line = next(line for line in env.splitlines() if line.startswith("APP_KEY="))
    (application / ".env").write_text(env.replace(line, f"APP_KEY=base64:{'A' * 43}="))
    assert fits() is False


@with_php
def test_maintenance_mode_closes_the_site_but_for_whoever_knows_the_secret(application: Path) -> None:
    with served(application) as port:
        assert status(port, "/") == 200
        assert artisan(application, "down", "--secret=bypass-1").returncode == 0
        assert status(port, "/") == 503
        assert status(port, "/wrong") == 503
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/bypass-1")
        answer = connection.getresponse()
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        connection.close()
        assert answer.status == 302
        assert status(port, "/", cookie) == 200
        assert artisan(application, "up").returncode == 0
        assert status(port, "/") == 200
        assert artisan(application, "down").returncode == 0
        assert status(port, "/", cookie) == 503


def status(port: int, path: str, cookie: str = "") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@contextmanager
def served(application: Path) -> Iterator[int]:
    """The application behind PHP's own web server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    public = application / "public"
    with subprocess.Popen(
        [PHP, "-S", f"127.0.0.1:{port}", "-t", str(public), str(public / "index.php")],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        try:
            wait_until_listening(port)
            yield port
        finally:
            server.terminate()


def wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_the_practice_mariadb_starts_answers_and_leaves_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        blocking = Blocking()
        host = LocalHost(blocking, tmp_path / "scratch")
        try:
            programs = await find_server(host)
            if isinstance(programs, Text):
                pytest.skip(str(programs))
            server = PracticeMariadb(programs, f"overwinter-practice-{tmp_path.name}")
            try:
                await server.start(host, blocking)
                assert server.version.startswith("1")
                counted = await server.ask(host, "SELECT COUNT(*), MAX(note) FROM recipes.recipes")
                assert counted == f"{ROWS}\t🌱 as always"
            finally:
                await server.remove(blocking)
            assert not server.folder.exists()
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((server.address.server, server.address.port), timeout=5)
        finally:
            blocking.close()

    run(story())


def test_telemetry_grows_while_it_is_written_and_is_still_when_nobody_writes(tmp_path: Path) -> None:
    file = tmp_path / "telemetry.sqlite"

    async def story() -> tuple[int, int]:
        blocking = Blocking()
        try:
            before = record(file)
            async with written(file, blocking), asyncio.timeout(20):
                while len(readings(file, live=True)) < before + 3:  # noqa: ASYNC110  SQLite tells nobody of a writer
                    await asyncio.sleep(0.01)
            return before, len(readings(file, live=True))
        finally:
            blocking.close()

    before, after = run(story())
    assert after >= before + 3
    assert [row[0] for row in readings(file, live=True)] == list(range(1, after + 1))


@pytest.mark.spec("S5")
def test_the_practice_site_is_made_of_presets_and_can_be_used(tmp_path: Path) -> None:
    practice: Practice = new_practice(tmp_path / "practice")
    bare = practice.site("Practice", Equipped())
    assert faults_of(bare) == ()
    assert (bare.name, bare.commands) == (SITE, ())
    assert {source.name for source in bare.sources} == {"telemetry", "broker", "laravel"}
    equipped = practice.site("Practice", Equipped(php="/usr/bin/php"))
    assert {command.run[:2] for command in equipped.commands} == {("php", "artisan")}
    files = next(source for source in equipped.sources if source.name == "laravel")
    assert "storage/telemetry.sqlite*" in files.exclude
