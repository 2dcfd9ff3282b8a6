"""A laptop dies in the middle of a restore; another one, empty but for what is in the kit, puts the site right."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import psutil
import pytest

from app.settings.vault import VaultSecrets
from tests.faults.family import Family, waited_for
from tests.faults.test_killed_overwinter import kill
from tests.features.console import CHEAP, PASSPHRASE, Console
from tests.features.greenhouse import DATABASE, SECRETS, USER, make_database, make_tree, site_file
from tests.features.test_backup import rows_of
from tests.features.test_server import on_server
from tests.features.test_swap import ACCEPT, databases_of, state_of
from tests.real.servers.postgresql import PostgresServer
from tests.real.servers.restic import VERSIONS, restic_program
from tests.real.servers.sshd import SshServer, ssh_server

if sys.platform == "win32":
    pytest.skip("kills as POSIX does", allow_module_level=True)

pytestmark = pytest.mark.spec("R8", "D1", "H2", "S4")

SITE = "far-house"
KIT_PASSPHRASE = "canary: four words in winter"
KEY_PASSPHRASE = "canary: of the key"

COMMANDS = """
[[commands]]
name = "down"
host = "server"
when = "maintenance_on"
run = ["touch", "{down}"]
undo = ["rm", "-f", "{down}"]

[[commands]]
name = "waits"
host = "server"
when = "{when}"
run = ["sh", "-c", "[ ! -e $0 ]||exec sleep 300", "{waits}"]
undo = ["true"]

[[commands]]
name = "up"
host = "server"
when = "maintenance_off"
run = ["rm", "-f", "{down}"]
undo = ["touch", "{down}"]
"""


@dataclass
class Greenhouse:
    """A site on a server, and the laptop that was to restore it."""

    folder: Path
    server: SshServer
    postgres: PostgresServer
    laptop: Console

    @property
    def root(self) -> Path:
        return self.folder / "site" / "laravel"

    @property
    def down(self) -> Path:
        """While it is there, the site is down."""
        return self.folder / "down"

    @property
    def waits(self) -> Path:
        """While it is there, the cutover comes no further."""
        return self.folder / "waits"

    def state(self) -> dict[str, Any]:
        """All of the site: its tree, and how many rows its tables have."""
        rows = {".".join(table): count for table, count in rows_of(self.postgres, DATABASE).items()}
        return state_of(self.root, "storage/logs") | rows

    def snapshots(self) -> int:
        """How many there are in the repository."""
        return len(list((self.laptop.folder / "repository" / "snapshots").iterdir()))

    def at_work(self) -> bool:
        """Whether the command that waits runs on the server."""
        with contextlib.suppress(psutil.NoSuchProcess):
            below = psutil.Process(self.server.pid).children(recursive=True)
            return any(process.cmdline() == ["sleep", "300"] for process in below)
        return False


@pytest.fixture
def greenhouse(tmp_path: Path, postgres: PostgresServer) -> Iterator[Greenhouse]:
    make_database(postgres, rows=2_000)
    postgres.sql(f"ALTER ROLE {USER} CREATEDB")
    with ssh_server(tmp_path / "sshd") as server:
        key = asyncssh.read_private_key(server.key_file)
        key.write_private_key(server.key_file, passphrase=KEY_PASSPHRASE)
        yield Greenhouse(tmp_path, server, postgres, laptop(tmp_path, "first"))
    postgres.sql(f"ALTER ROLE {USER} NOCREATEDB")
    for name in databases_of(postgres):
        postgres.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def laptop(folder: Path, name: str) -> Console:
    """An empty computer."""
    return Console(folder / name, Path(restic_program(VERSIONS[-1])))


def interrupted(greenhouse: Greenhouse, when: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Backed up, kept in a kit, changed, and killed while it is restored; the point, the restored and the old state."""
    console, root, server = greenhouse.laptop, greenhouse.root, greenhouse.server
    make_tree(root, files=40)
    commands = COMMANDS.format(down=greenhouse.down, waits=greenhouse.waits, when=when)
    described = on_server(site_file(console.folder, root, greenhouse.postgres.port), server) + commands
    console.add_site(described.replace("north-house", SITE), {**SECRETS, "host:server:key-passphrase": KEY_PASSPHRASE})
    point = console.run("backup", SITE, "--no-retention").json["run"]
    console.run("kit", "make", SITE, str(greenhouse.folder / "kit"), stdin=KIT_PASSPHRASE)
    restored = greenhouse.state()
    (root / "composer.lock").write_text("changed")
    shutil.rmtree(root / "app" / "part-01")
    greenhouse.postgres.sql("DELETE FROM telemetry WHERE id > 10", DATABASE)
    old = greenhouse.state()

    greenhouse.waits.touch()
    confirm = ("--confirm", f"RESTORE {SITE} {point[:8]} both", "--no-safety-backup")
    family = Family(console.start("restore", SITE, point, "--scope", "both", *confirm, *ACCEPT))
    waited_for(lambda: greenhouse.at_work() or family.command.poll() is not None, "a cutover that waits")
    assert family.command.poll() is None, family.ended()
    assert greenhouse.down.exists()
    kill(family, all_at_once=True)
    family.ended()
    greenhouse.waits.unlink()
    return point, restored, old


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """In what two states are not the same."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def names_beside(greenhouse: Greenhouse) -> list[str]:
    """What stands beside the tree, itself too."""
    return sorted(path.name for path in greenhouse.root.parent.iterdir())


def with_the_kit(greenhouse: Greenhouse) -> Console:
    """The second laptop, which has nothing but the kit."""
    console = laptop(greenhouse.folder, "second")
    VaultSecrets(console.data / "vault", console.data / "locks" / "vault.lock", CHEAP).make(PASSPHRASE)
    console.run("kit", "open", str(greenhouse.folder / "kit"), stdin=KIT_PASSPHRASE)
    return console


@pytest.mark.timeout(600)  # a dozen commands in a row, on a busy machine
# Killed while services are stopped nothing is exchanged yet; behind the restore all of it is.
@pytest.mark.parametrize(
    ("when", "wanted", "did"),
    [
        ("after_restore", "--roll-back", "rolled-back"),
        pytest.param("after_restore", "", "finished", marks=pytest.mark.long),
        pytest.param("stop", "--finish", "finished", marks=pytest.mark.long),
        pytest.param("stop", "", "rolled-back", marks=pytest.mark.long),
        pytest.param("stop", "--roll-back", "rolled-back", marks=pytest.mark.long),
        pytest.param("after_restore", "--finish", "finished", marks=pytest.mark.long),
    ],
)
def test_a_laptop_with_nothing_but_the_kit_puts_right_what_another_one_left(
    greenhouse: Greenhouse, when: str, wanted: str, did: str
) -> None:
    point, restored, old = interrupted(greenhouse, when)
    second = with_the_kit(greenhouse)
    backed_up = greenhouse.snapshots()
    there, left = names_beside(greenhouse), databases_of(greenhouse.postgres)
    confirm = ("--confirm", f"RESTORE {SITE} {point[:8]} both")
    refused = second.run("restore", SITE, point, "--scope", "both", *confirm, *ACCEPT, expect=6).json["error"]
    assert refused["code"] == "restore.unfinished"
    assert f"overwinter recover {SITE}" in refused["next"]
    assert (names_beside(greenhouse), databases_of(greenhouse.postgres)) == (there, left)
    assert second.run("backup", SITE, expect=6).json["error"]["code"] == "restore.unfinished"
    assert greenhouse.snapshots() == backed_up, "half a site is not backed up either"

    recovered = second.run("recover", SITE, *([wanted] if wanted else [])).json
    assert (recovered["did"], recovered["state"]) == (did, "new" if did == "finished" else "old")
    assert not greenhouse.down.exists()
    assert not greenhouse.at_work()
    assert changed(restored if did == "finished" else old, greenhouse.state()) <= {"storage"}, "the logs went over it"
    assert [name for name in names_beside(greenhouse) if name.startswith(".")] == []
    again = greenhouse.laptop.run("recover", SITE).json
    assert (again["did"], again["state"]) == ("nothing", recovered["state"]), "the first one hears of it"
