"""As a technician does it: what changed between two points, and a point brought back beside what is there."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.family import Family, waited_for
from tests.faults.test_killed_overwinter import kill, told_at_start
from tests.features.console import Console
from tests.features.greenhouse import DATABASE, SECRETS, USER, make_database, make_tree, site_file
from tests.features.test_backup import plain_restic, rows_of
from tests.real.servers.postgresql import PostgresServer
from tests.real.servers.restic import VERSIONS, restic_program
from tests.trees import described

if sys.platform == "win32":
    pytest.skip("signals and owners as POSIX has them", allow_module_level=True)

SITE = "north-house"

# Plain restores and listings are tried with both in `tests/real`; here the older one is for the long tier.
every_version = pytest.mark.parametrize(
    "console", [pytest.param(VERSIONS[0], marks=pytest.mark.long), VERSIONS[-1]], indirect=True
)


@pytest.fixture
def console(request: pytest.FixtureRequest, tmp_path: Path) -> Console:
    return Console(tmp_path / "console", Path(restic_program(getattr(request, "param", VERSIONS[-1]))))


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    make_database(postgres, rows=20_000)
    postgres.sql(f"ALTER ROLE {USER} CREATEDB")
    yield DATABASE
    postgres.sql(f"ALTER ROLE {USER} NOCREATEDB")
    for name in (DATABASE, "hydro_again"):
        postgres.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def added(console: Console, tmp_path: Path, postgres: PostgresServer) -> Path:
    """A site with a tree and a database; the tree."""
    make_tree(tmp_path / "laravel", files=60)
    console.add_site(site_file(console.folder, tmp_path / "laravel", postgres.port), SECRETS)
    return tmp_path / "laravel"


def back_up(console: Console) -> str:
    run: str = console.run("backup", SITE, "--no-retention").json["run"]
    return run


@every_version
@pytest.mark.spec("R2", "J8")
def test_two_points_are_compared(console: Console, database: str, postgres: PostgresServer, tmp_path: Path) -> None:
    root = added(console, tmp_path, postgres)
    (root / "gone").mkdir()
    (root / "gone" / "file").write_text("gone!")
    first = back_up(console)
    shutil.rmtree(root / "gone")
    (root / "new\nfile").write_text("0123456789")
    (root / ".env").chmod(0o600)
    (root / "composer.lock").write_text('{"a": 1}')
    (root / "app" / "part-01" / "file-1.php").unlink()
    (root / "app" / "part-01" / "file-1.php").symlink_to("../x")
    postgres.sql("INSERT INTO telemetry (node) VALUES ('new')", DATABASE)
    second = back_up(console)

    *rows, totals = console.run("diff", SITE, first, second[:8]).rows
    found = {(row["source"], row["path"].removeprefix(str(root))): row for row in rows}
    expected = {
        "/gone": ("removed", "dir", 0, 0),
        "/gone/file": ("removed", "file", 5, 0),
        "/new\nfile": ("added", "file", 0, 10),
        "/.env": ("metadata", "file", 34, 34),
        "/composer.lock": ("modified", "file", 2, 8),
        "/storage/app/hard": ("modified", "file", 2, 8),
        "/app/part-01/file-1.php": ("type", "symlink", 64, 0),
    }
    for path, (change, kind, before, after) in expected.items():
        row = found["laravel", path]
        assert (row["change"], row["type"], row["before"], row["after"]) == (change, kind, before, after), row
    dump = found["database", "/database.dump"]
    assert dump["change"] == "modified"
    assert dump["before"] < dump["after"]
    assert (totals["row"], totals["added"], totals["removed"], totals["modified"], totals["type"]) == (
        "totals",
        1,
        2,
        3,
        1,
    )
    assert (totals["bytes_added"], totals["bytes_removed"]) == (10, 5)

    snapshots = {one["source"]: one["id"] for point in console.run("points", SITE).rows for one in point["snapshots"]}
    *rows, totals = console.run("diff", SITE, snapshots["laravel"], snapshots["laravel"]).rows
    assert (rows, totals["added"] + totals["modified"] + totals["metadata"]) == ([], 0)
    assert console.run("diff", SITE, first, snapshots["laravel"], expect=4).error["code"] == "diff.unlike"
    assert console.run("diff", SITE, first, "0" * 32, expect=4).error["code"] == "diff.unknown"


@every_version
@pytest.mark.spec("R13", "R5", "J8")
def test_a_point_comes_back_in_a_folder_and_as_a_new_database(
    console: Console, database: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    root = added(console, tmp_path, postgres)
    point, back = back_up(console), tmp_path / "back"
    before = {name: what for name, what in described(root).items() if not name.startswith("storage/logs")}
    into = ("restore", SITE, point[:8], "--mode", f"folder:{back}")

    dry = console.run(*into, "--scope", "both", "--dry-run").json
    assert (dry["status"], back.exists()) == ("success", False)
    assert {one["source"]: one["target"] for one in dry["planned"]} == {
        "database": f"{back}/database", "laravel": f"{back}/laravel",
    }  # fmt: skip
    assert all(check["verdict"] == "pass" for check in dry["checks"])

    done = console.run(*into, "--scope", "files", "--scope", "source:database").json
    assert (done["status"], {item["status"] for item in done["items"]}) == ("success", {"success"})
    assert described(back / "laravel" / "laravel") == before
    manifest = {one["source"]: one["id"] for one in console.run("points", SITE).rows[0]["snapshots"]}
    dump = plain_restic(console, "dump", manifest["database"], "/database.dump")
    assert (back / "database" / "database.dump").read_bytes() == dump
    assert stat.S_IMODE(back.stat().st_mode) == 0o700

    assert console.run(*into, "--scope", "files", expect=4).json["error"]["code"] == "restore.folder-not-empty"
    assert console.run("restore", SITE, point, "--scope", "files", expect=4).error["code"] == "restore.not-confirmed"
    assert console.run(*into, "--scope", "source:nothing", expect=4).error["code"] == "restore.nothing-chosen"
    assert console.run(*into, "--scope", "nothing", expect=2).error["code"] == "usage.scope"
    assert console.run("restore", SITE, "0" * 32, "--scope", "files", "--mode", "folder:/x", expect=4).error[
        "code"
    ] == ("point.unknown")

    new = ("restore", SITE, point, "--scope", "databases", "--mode", "database:hydro_again")
    refused = console.run(*new, expect=4).json["error"]
    assert refused["code"] == "restore.room-unknown", "an account that may not know where the server keeps its data"
    assert "--accept database-space" in refused["next"]
    done = console.run(*new, "--accept", "database-space").json
    assert done["status"] == "success", done
    assert rows_of(postgres, "hydro_again") == rows_of(postgres, DATABASE)
    assert console.run(*new, "--accept", "database-space", expect=4).json["error"]["code"] == "restore.database-exists"
    postgres.sql(f"ALTER ROLE {USER} NOCREATEDB")
    other = (*new[:-1], "database:another", "--accept", "database-space")
    assert console.run(*other, expect=4).json["error"]["code"] == "restore.may-not-make"
    assert {run["type"] for run in console.run("runs", SITE).rows} == {"backup", "restore"}


@pytest.mark.spec("R13", "R4", "R11")
def test_a_plain_user_is_told_that_owners_are_lost(console: Console, tmp_path: Path, postgres: PostgresServer) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs files of others")
    root = tmp_path / "laravel"
    make_tree(root, files=3)
    os.chown(root / ".env", 33, 33)
    described_ = site_file(console.folder, root, postgres.port).partition('[[sources]]\nname = "database"')[0]
    console.add_site(described_, SECRETS)
    point = back_up(console)
    restic = shutil.copy(console.restic, console.folder / "restic")  # where another user may read it
    console.environment["OVERWINTER_RESTIC"] = str(restic)
    user = 65534
    for path in (console.folder, *console.folder.rglob("*")):
        os.lchown(path, user, user)
    back = console.folder / "back"
    into = ("restore", SITE, point, "--scope", "files", "--mode", f"folder:{back}")
    refused = console.run_as(user, *into)
    assert refused.code == 4, refused.err
    assert refused.out, refused.err
    assert refused.json["error"]["code"] == "restore.ownership"
    assert not back.exists()
    done = console.run_as(user, *into, "--accept", "ownership")
    assert (done.code, done.json["status"]) == (0, "success"), done.out
    assert {path.lstat().st_uid for path in back.rglob("*")} == {user}
    assert stat.S_IMODE((back / "laravel" / "laravel" / ".env").stat().st_mode) == 0o640


@pytest.mark.spec("R13", "J2")
@pytest.mark.parametrize("program", ["restic", "pg_restore"])
def test_a_kill_in_the_middle_leaves_nothing_after_the_next_start(
    console: Console, database: str, postgres: PostgresServer, tmp_path: Path, program: str
) -> None:
    root = added(console, tmp_path, postgres)
    (root / "large").write_bytes(os.urandom(60_000_000))
    postgres.sql("INSERT INTO telemetry (node, value) SELECT 'x', n FROM generate_series(1, 400000) n", DATABASE)
    point = back_up(console)
    names = {path.name for path in tmp_path.iterdir()}
    postgres.create_database("mine__restoring_00000000", USER)
    mode = f"folder:{tmp_path / 'back'}" if program == "restic" else "database:hydro_again"
    scope = "files" if program == "restic" else "databases"
    argument = "restore" if program == "restic" else "--exit-on-error"
    family = Family(
        console.start("restore", SITE, point, "--scope", scope, "--mode", mode, "--accept", "database-space")
    )
    waited_for(lambda: family.member(program, argument) or family.command.poll() is not None, program)
    assert family.command.poll() is None
    kill(family, all_at_once=False)
    family.ended()
    assert told_at_start(console.run("runs", SITE)) != []
    try:
        assert {path.name for path in tmp_path.iterdir()} == names
        left = {str(name) for (name,) in postgres.sql("SELECT datname FROM pg_database") if "restoring" in str(name)}
        assert left == {"mine__restoring_00000000"}
        assert told_at_start(console.run("runs", SITE)) == []
        done = console.run("restore", SITE, point, "--scope", scope, "--mode", mode, "--accept", "database-space").json
        assert done["status"] == "success"
    finally:
        postgres.sql("DROP DATABASE mine__restoring_00000000")


@pytest.mark.long
@pytest.mark.spec("R13", "J2")
def test_ctrl_c_ends_a_restore_with_nothing_left(
    console: Console, database: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    root = added(console, tmp_path, postgres)
    (root / "large").write_bytes(os.urandom(60_000_000))
    point = back_up(console)
    family = Family(console.start("restore", SITE, point, "--scope", "both", "--mode", f"folder:{tmp_path / 'back'}"))
    waited_for(lambda: family.member("restic", "restore"), "the restore")
    family.command.send_signal(signal.SIGINT)
    said: Any = family.ended()
    assert said.code == 130
    assert not [path for path in tmp_path.iterdir() if "back" in path.name]
