"""As a technician does it: something broke, and the site is brought back in place of what is there now."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.family import Family, waited_for
from tests.faults.test_killed_overwinter import kill, told_at_start
from tests.features.console import Console, Said
from tests.features.greenhouse import DATABASE, SECRETS, USER, make_database, make_tree, site_file
from tests.features.test_backup import rows_of
from tests.features.test_elsewhere import SITE, back_up
from tests.real.servers.postgresql import PostgresServer
from tests.real.servers.restic import VERSIONS, restic_program
from tests.trees import add_rarities, described

if sys.platform == "win32":
    pytest.skip("owners and modes as POSIX has them", allow_module_level=True)

KEEP = """
keep_live = [".env"]
clear_after = ["storage/framework/sessions/*"]
"""

COMMAND = """
[[commands]]
name = "{name}"
when = "{when}"
folder = "{folder}"
run = {run}
undo = {undo}
"""

ACCEPT = ("--accept", "database-space", "--accept", "database-sessions")


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path / "console", Path(restic_program(VERSIONS[-1])))


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    make_database(postgres, rows=5_000)
    postgres.sql(f"ALTER ROLE {USER} CREATEDB")
    yield DATABASE
    postgres.sql(f"ALTER ROLE {USER} NOCREATEDB")
    for name in databases_of(postgres):
        postgres.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def databases_of(postgres: PostgresServer) -> set[str]:
    """It and what a restore puts beside it; other tests have databases on this server too."""
    found = {str(name) for (name,) in postgres.sql("SELECT datname FROM pg_database")}
    return {name for name in found if name == DATABASE or name.startswith(f"{DATABASE}__")}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "site" / "laravel"
    make_tree(made, files=60)
    add_rarities(made)
    sessions = made / "storage" / "framework" / "sessions"
    sessions.mkdir(parents=True)
    (sessions / ".gitignore").write_text("*")
    (sessions / "one").write_text("session")
    os.chown(made, 33, 34) if os.geteuid() == 0 else None
    made.chmod(0o2750)
    return made


def commands_of(tmp_path: Path, folder: Path) -> str:
    """A site that is down while there is a file in it that says so, and that notes the order of everything."""
    said = tmp_path / "said"
    note = f'"sh", "-c", "echo $0 $(pwd -P) >> {said}"'
    listed = [("down", "maintenance_on", '["touch", "down-{bypass}"]', '["true"]')]
    listed += [
        (when, when, f'[{note}, "{when}"]', f'[{note}, "undo-{when}"]')
        for when in ("maintenance_on", "stop", "after_restore", "start", "maintenance_off", "smoke")
    ]
    return "".join(
        COMMAND.format(name=name, when=when, folder=folder, run=run, undo=undo) for name, when, run, undo in listed
    )


def add(console: Console, root: Path, postgres: PostgresServer, commands: str = "", keep: str = KEEP) -> None:
    described_ = site_file(console.folder, root, postgres.port)
    described_ = described_.replace('exclude = ["storage/logs"]\n', f'exclude = ["storage/logs"]\n{keep}')
    console.add_site(described_ + commands, SECRETS)


def swap(console: Console, point: str, scope: str, *more: str, expect: int | None = 0) -> Said:
    confirm = ("--confirm", f"RESTORE {SITE} {point[:8]} {scope}")
    return console.run("restore", SITE, point, "--scope", scope, *confirm, *ACCEPT, *more, expect=expect)


def state_of(root: Path, *without: str) -> dict[str, Any]:
    """All of the tree, its root too, but for the time of those folders that the restore itself writes in."""
    seen = root.stat()
    whole: dict[str, Any] = {"": (seen.st_mode, seen.st_uid, seen.st_gid)}
    return whole | described(root, without)


@pytest.mark.spec("R6", "R7", "R9", "R11", "R4")
def test_files_and_database_come_back_in_place_and_go_back_again(
    console: Console, database: str, postgres: PostgresServer, root: Path, tmp_path: Path
) -> None:
    add(console, root, postgres, commands_of(tmp_path, root))
    before, rows = state_of(root, "storage/logs", "storage/framework/sessions"), rows_of(postgres, database)
    point = back_up(console)

    (root / ".env").write_text("APP_KEY=base64:of-today\n")
    shutil.rmtree(root / "app" / "part-01")
    (root / "composer.lock").write_text('{"changed": true}')
    (root / "added").write_text("added")
    (root / "storage" / "logs" / "today.log").write_text("of today")
    postgres.sql("DELETE FROM telemetry WHERE id > 10; INSERT INTO telemetry (node) VALUES ('new')", database)
    live, live_rows = state_of(root), rows_of(postgres, database)

    done = swap(console, point, "both").json
    assert done["status"] == "success", done
    now = state_of(root, "storage/logs", "storage/framework/sessions")
    changed = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
    assert {name for name in changed if not name.startswith("down-")} <= {".env", "storage"}, "the folder of the logs"
    assert (root / ".env").read_text() == "APP_KEY=base64:of-today\n"
    assert {path.name for path in (root / "storage" / "framework" / "sessions").iterdir()} == {".gitignore"}
    assert (root / "storage" / "logs" / "today.log").read_text() == "of today", "what no backup has is carried over"
    assert rows_of(postgres, database) == rows

    run = done["run"][:8]
    old = root.with_name(f"laravel.__before_restore_{run}")
    assert {path.name for path in root.parent.iterdir()} == {"laravel", old.name}
    assert databases_of(postgres) == {database, f"{database}__before_{run}"}
    assert {one["name"] for one in done["old"]} == {str(old), f"{database}__before_{run}"}
    assert all(one["bytes"] > 0 and one["until"] for one in done["old"])
    assert len(done["bypass"]) == 32
    assert (root / f"down-{done['bypass']}").exists(), "the new tree is in maintenance before it is live"
    words = [line.split()[0] for line in (tmp_path / "said").read_text().splitlines()]
    assert words == ["maintenance_on", "maintenance_on", "stop", "after_restore", "start", "maintenance_off", "smoke"]
    assert ".overwinter-stage-" in (tmp_path / "said").read_text().splitlines()[1], "maintenance in the staged tree"

    shown = console.run("run", "show", SITE, run).json
    assert ({one["name"] for one in shown["old"]}, shown["bypass"]) == ({one["name"] for one in done["old"]},
                                                                        done["bypass"])  # fmt: skip
    assert shown["safety"] == [done["safety"]]
    types = {one["type"] for entry in console.run("points", SITE).rows for one in entry["snapshots"]}
    assert types == {"full", "safety"}

    report = console.run("restore-report", SITE, run).json["report"]
    for said in (
        f"Restore of {SITE}",
        point[:8],
        str(old),
        f"overwinter restore-undo {SITE} {run}",
        "Point, repository",
    ):
        assert said in report.replace("\\_", "_"), said
    paper = tmp_path / "report.pdf"
    console.run("restore-report", SITE, run, "--to", str(paper))
    assert paper.read_bytes().startswith(b"%PDF")
    refused = console.run("restore-report", SITE, run, "--to", str(paper), expect=4)
    assert refused.error["code"] == "file.exists"
    refused = console.run("restore-report", SITE, point[:8], expect=4)
    assert refused.error["code"] == "report.no-restore"

    kept = console.run("restore-cleanup", SITE, "--run", run, expect=4)
    assert kept.error["code"] == "restore.removal-not-confirmed"
    assert old.exists(), "its time is not over, and nothing was typed"

    undone = console.run("restore-undo", SITE, run).json
    assert undone["status"] == "success", undone
    again = state_of(root)
    changed = {name for name in live.keys() | again.keys() if live.get(name) != again.get(name)}
    assert {name for name in changed if not name.startswith("down-")} <= {"storage"}
    assert rows_of(postgres, database) == live_rows

    of_undo = undone["run"][:8]
    assert databases_of(postgres) == {database, f"{database}__before_{of_undo}"}
    removed = console.run("restore-cleanup", SITE, "--run", of_undo, "--confirm", f"REMOVE OLD {SITE} {of_undo}").json
    assert len(removed["removed"]) == 2
    assert {path.name for path in root.parent.iterdir()} == {"laravel"}
    assert databases_of(postgres) == {database}
    assert state_of(root) == again
    assert rows_of(postgres, database) == live_rows


@pytest.mark.spec("R6", "J2")
def test_a_kill_while_staging_leaves_nothing_after_the_next_start(
    console: Console, database: str, postgres: PostgresServer, root: Path
) -> None:
    add(console, root, postgres)
    postgres.sql("INSERT INTO telemetry (node, value) SELECT 'x', n FROM generate_series(1, 400000) n", database)
    point = back_up(console)
    live = state_of(root)
    confirm = ("--confirm", f"RESTORE {SITE} {point[:8]} both", "--no-safety-backup")
    family = Family(console.start("restore", SITE, point, "--scope", "both", *confirm, *ACCEPT))
    waited_for(lambda: family.member("pg_restore", "--exit-on-error") or family.command.poll() is not None, "the load")
    assert family.command.poll() is None
    assert len(list(root.parent.iterdir())) == 2, "the tree is staged by then"
    assert len(databases_of(postgres)) == 2
    kill(family, all_at_once=False)
    family.ended()
    assert told_at_start(console.run("runs", SITE)) != []
    assert [path.name for path in root.parent.iterdir()] == ["laravel"]
    assert databases_of(postgres) == {database}
    assert state_of(root) == live


@pytest.mark.spec("R8")
def test_a_kill_in_the_cutover_is_found_and_taken_back_and_so_is_a_cancel(
    console: Console, postgres: PostgresServer, root: Path, tmp_path: Path
) -> None:
    waits = COMMAND.format(name="waits", when="stop", folder=root, run='["sleep", "300"]', undo='["true"]')
    described_ = site_file(console.folder, root, postgres.port).partition('[[sources]]\nname = "database"')[0]
    console.add_site(described_ + commands_of(tmp_path, root) + waits, SECRETS)
    point = back_up(console)
    (root / "composer.lock").write_text("live")
    confirm = ("--confirm", f"RESTORE {SITE} {point[:8]} files", "--no-safety-backup")
    family = Family(console.start("restore", SITE, point, "--scope", "files", *confirm))
    waited_for(lambda: family.member("sleep", "300") or family.command.poll() is not None, "the command")
    assert family.command.poll() is None
    kill(family, all_at_once=False)
    family.ended()
    assert console.run("backup", SITE, expect=6).json["error"]["code"] == "restore.unfinished"
    recovered = console.run("recover", SITE).json
    assert (recovered["did"], recovered["state"]) == ("rolled-back", "old")
    assert (root / "composer.lock").read_text() == "live"
    assert [path.name for path in root.parent.iterdir()] == ["laravel"]
    assert (tmp_path / "said").read_text().splitlines()[-1].startswith("undo-maintenance_on")

    family = Family(console.start("restore", SITE, point, "--scope", "files", *confirm))
    waited_for(lambda: family.member("sleep", "300") or family.command.poll() is not None, "the command")
    family.command.send_signal(signal.SIGINT)
    said = family.ended()
    assert (said.code, said.json["status"], said.json["rollback"]) == (130, "cancelled", "done"), said.out
    assert (root / "composer.lock").read_text() == "live"
    assert [path.name for path in root.parent.iterdir()] == ["laravel"]
    assert console.run("recover", SITE).json["did"] == "nothing"


@pytest.mark.spec("R4", "R8", "J8")
def test_what_is_not_meant_is_refused(console: Console, postgres: PostgresServer, root: Path) -> None:
    described_ = site_file(console.folder, root, postgres.port).partition('[[sources]]\nname = "database"')[0]
    console.add_site(described_, SECRETS)
    point = back_up(console)
    into = ("restore", SITE, point, "--scope", "files")
    for typed in ("", f"RESTORE {SITE} {point[:8]} both", f"restore {SITE} {point[:8]} files"):
        refused = console.run(*into, "--confirm", typed, expect=4).error
        assert refused["code"] == "restore.not-confirmed"
        assert f"RESTORE {SITE} {point[:8]} files" in refused["what"]
    assert console.run(*into, "--mode", "sync", expect=4).error["code"] == "restore.not-confirmed"
    if os.geteuid() != 0:
        return
    user = 65534
    own = shutil.copy(console.restic, console.folder / "restic")  # that user may not look into everybody's folders
    console.environment["OVERWINTER_RESTIC"] = str(own)
    for path in (console.folder, *console.folder.rglob("*")):
        os.lchown(path, user, user)
    root.parent.chmod(0o777)
    confirm = ("--confirm", f"RESTORE {SITE} {point[:8]} files", "--no-safety-backup")
    refused_ = console.run_as(user, *into, *confirm)
    assert (refused_.code, refused_.json["error"]["code"]) == (4, "restore.root-unreadable"), refused_.err
    root.chmod(0o755)
    refused_ = console.run_as(user, *into, *confirm)
    assert (refused_.code, refused_.json["error"]["code"]) == (4, "restore.not-writable")
    for path in (root, *root.rglob("*")):
        os.lchown(path, user, user)
    (root / ".env").chmod(0o640)
    refused_ = console.run_as(user, *into, *confirm)
    assert (refused_.code, refused_.json["error"]["code"]) == (4, "restore.ownership")
    done = console.run_as(user, *into, *confirm, "--accept", "ownership")
    assert (done.code, done.json["status"]) == (0, "success"), done.out
    assert {path.lstat().st_uid for path in root.rglob("*")} == {user}
