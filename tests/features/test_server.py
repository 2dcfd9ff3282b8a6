"""The same thread where the greenhouse is on a server: everything there goes over SSH, by the same sources."""

from __future__ import annotations

import ast
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psutil
import pytest

from app.jobs import sources
from tests.faults.family import Family, held, waited_for
from tests.faults.shims import Recorders
from tests.faults.test_canaries import Search
from tests.features.console import PASSPHRASE, Console
from tests.features.greenhouse import (
    DATABASE,
    REPOSITORY_PASSWORD,
    SECRETS,
    USER,
    make_database,
    make_tree,
    site_file,
    writer,
)
from tests.features.test_backup import plain_restic, restore_into, rows_of
from tests.real.servers.postgresql import PostgresServer
from tests.real.servers.restic import VERSIONS, restic_program
from tests.real.servers.sshd import SshServer, ssh_server
from tests.trees import add_rarities, described

HOST = """
[[hosts]]
name = "server"
kind = "ssh"
address = "127.0.0.1"
port = {port}
key_file = "{key_file}"
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    with ssh_server(tmp_path / "sshd") as server:
        yield server


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path / "console", Path(restic_program(VERSIONS[-1])))


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    make_database(postgres, rows=20_000)
    yield DATABASE
    postgres.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def on_server(file: str, server: SshServer) -> str:
    """The site file with all its sources on the server."""
    moved = file.replace("[[sources]]\n", '[[sources]]\nhost = "server"\n')
    return moved + HOST.format(port=server.port, key_file=server.key_file)


@pytest.mark.spec("H1", "H2", "B1", "B3", "R11")
def test_a_greenhouse_on_a_server_is_backed_up_as_one_on_this_computer(
    console: Console, database: str, postgres: PostgresServer, server: SshServer, tmp_path: Path
) -> None:
    root = tmp_path / "laravel"
    make_tree(root, files=200)
    rarities = add_rarities(root)
    console.add_site(on_server(site_file(console.folder, root, postgres.port), server), SECRETS)
    with writer(postgres):
        backup = console.run("backup", "north-house").json
    assert backup["status"] == "success"
    (point,) = console.run("points", "north-house").rows
    snapshots = {entry["source"]: entry["id"] for entry in point["snapshots"]}
    plain_restic(console, "restore", f"{snapshots['laravel']}:{root}", "--target", str(tmp_path / "back"))
    expected = described(root, without=["storage/logs"])
    assert described(tmp_path / "back") == expected
    assert rarities <= {name for said in expected.values() for name in cast("dict[str, bytes]", said[4])}
    assert expected["rarities/the same"][-1] == expected["rarities/suid"][-1]

    manifest = json.loads(plain_restic(console, "dump", point["manifest"], "/manifest.json"))
    entries = {entry["source"]: entry for entry in manifest["sources"]}
    assert {entry["host"] for entry in entries.values()} == {"server"}
    assert entries["laravel"]["tree"]["git_commit"] == "a" * 40
    dump = tmp_path / "database.dump"
    dump.write_bytes(plain_restic(console, "dump", snapshots["database"], entries["database"]["path"]))
    postgres.create_database("restored", USER)
    try:
        restore_into(postgres, dump, "restored")
        counts = entries["database"]["dump"]["counts"]["tables"]
        assert {(one["schema"], one["table"]): one["rows"] for one in counts} == rows_of(postgres, "restored")
    finally:
        postgres.sql("DROP DATABASE restored WITH (FORCE)")
    assert left_on(server) == []


@pytest.mark.spec("H2", "S4")
@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_of_the_repositorys_credentials_is_on_the_server(
    database: str, postgres: PostgresServer, tmp_path: Path, version: str
) -> None:
    """Looked for in every program that is started there, as it runs and as it was started, and in all files."""
    restic = Path(restic_program(version))
    console = Console(tmp_path / "console", restic)
    recorders = Recorders(tmp_path, {"restic": restic, "pg_dump": postgres.bin / "pg_dump"})
    root = tmp_path / "laravel"
    make_tree(root, files=200)
    search = Search((REPOSITORY_PASSWORD, PASSPHRASE, str(console.folder / "repository")))
    search.look("planted", REPOSITORY_PASSWORD.encode())
    assert len(search.seen) == 1
    search.seen.clear()
    home = tmp_path / "sshd" / "home"
    path = f"{recorders.folder}{os.pathsep}{os.environ['PATH']}"
    with ssh_server(tmp_path / "sshd", SetEnv=f"HOME={home} PATH={path}") as server:
        console.add_site(on_server(site_file(console.folder, root, postgres.port), server), SECRETS)
        family = Family(console.start("backup", "north-house"))
        while family.command.poll() is None:
            for process in psutil.Process(server.pid).children(recursive=True):
                search.look_at(process)
            search.look_below(server.home)
        assert family.ended().json["status"] == "success"
        assert left_on(server) == []
    started = recorders.execs()
    assert {"backup", "--format=custom"} <= {argument for one in started for argument in one.arguments}
    for one in started:
        search.look(f"start of {one.program}", one.bytes)
    search.look_below(home)
    assert search.seen == []


def left_on(server: SshServer) -> list[str]:
    """Temporary files of runs on the server, and programs that run in its sessions."""
    folder = server.home / ".cache" / "overwinter" / "scratch"
    below, sessions = psutil.Process(server.pid).children(recursive=True), server.sessions()
    return [*map(str, folder.glob("*")), *(str(process) for process in below if process not in sessions)]


@pytest.mark.spec("H2", "X3")
def test_a_server_that_is_away_is_found_so_within_seconds_and_named(
    console: Console, server: SshServer, tmp_path: Path
) -> None:
    root = tmp_path / "laravel"
    root.mkdir()
    file = on_server(site_file(console.folder, root, 1), server)
    console.add_site(file.partition("[[sources]]")[0] + file.partition('user = "hydro"\n')[2] + FILES_ONLY, SECRETS)
    server.stop()
    said = console.run("backup", "north-house", expect=1, timeout=60)
    assert said.json["items"][0]["error"]["code"] == "host.unreachable"


def files_alone(console: Console, root: Path) -> str:
    """A site file with one source, the files below `root`."""
    head = site_file(console.folder, root, 1).partition("[[sources]]")[0]
    return f'{head}[[sources]]\nname = "laravel"\nkind = "files"\nroot = "{root}"\n'


ENDLESS = 16 * 2**30  # bytes of nothing: far more than the test waits for

FILES_ONLY = """
[[sources]]
host = "server"
name = "laravel"
kind = "files"
root = "/"
include = ["etc/hostname"]
"""


@pytest.mark.spec("H2", "J2")
def test_a_laptop_that_sleeps_longer_than_the_server_waits_leaves_nothing_and_goes_on_afterwards(
    console: Console, tmp_path: Path
) -> None:
    """Asleep, neither this program nor rclone beside it answers; the server gives up the connection meanwhile."""
    root = tmp_path / "laravel"
    root.mkdir()
    with (root / "endless").open("wb") as endless:
        endless.truncate(ENDLESS)
    with ssh_server(tmp_path / "sshd", ClientAliveInterval="1", ClientAliveCountMax="2") as server:
        console.add_site(on_server(files_alone(console, root), server), SECRETS)
        family = Family(console.start("backup", "north-house"))
        waited_for(lambda: _takes_files(server), "a restic at work on the server")
        with contextlib.ExitStack() as asleep:
            for process in family.members():
                asleep.enter_context(held(process))
            waited_for(lambda: not server.sessions(), "a server that has given the connection up")
        said = family.ended()
        assert said.code == 1
        assert said.json["items"][0]["error"]["code"] == "host.cut"
        waited_for(lambda: not left_on(server), "a server with nothing left of the run")
        (root / "endless").unlink()
        (root / "kept").write_bytes(b"kept")
        assert console.run("backup", "north-house").json["status"] == "success"
        assert json.loads(plain_restic(console, "list", "locks", "--no-lock", "--json") or "[]") == []


def _takes_files(server: SshServer) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        below = psutil.Process(server.pid).children(recursive=True)
        return any("backup" in process.cmdline() for process in below)
    return False


@pytest.mark.spec("H2", "S1")
def test_a_server_can_be_tested_and_another_host_key_trusted_by_its_fingerprint(
    console: Console, server: SshServer, tmp_path: Path
) -> None:
    console.add_site(on_server(site_file(console.folder, tmp_path, 1), server), SECRETS)
    assert console.run("host", "test", "north-house", "server").json["user"] == server.user
    server.stop()
    fingerprint = server.new_host_key()
    server.start()
    said = console.run("host", "test", "north-house", "server", expect=4)
    assert said.error["code"] == "host.key-changed"
    assert fingerprint in said.err
    wrong = console.run("host", "trust", "north-house", "server", "SHA256:" + "A" * 43, expect=4)
    assert wrong.error["code"] == "host.key-not-as-named"
    console.run("host", "test", "north-house", "server", expect=4)
    console.run("host", "trust", "north-house", "server", fingerprint)
    console.run("host", "test", "north-house", "server")
    console.run("site", "remove", "north-house", "--confirm", "REMOVE north-house")
    assert not (console.data / "known-hosts" / "north-house").exists()


@pytest.mark.spec("H1")
def test_no_source_asks_what_kind_of_host_it_has() -> None:
    folder = Path(os.fspath(sources.__path__[0]))
    for file in folder.glob("*.py"):
        words = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
        words |= {node.id for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Name)}
        assert not {word for word in words if "ssh" in word.lower() or word in ("HostKind", "THIS_COMPUTER")}
        assert "app.hosts.ssh" not in file.read_text()
