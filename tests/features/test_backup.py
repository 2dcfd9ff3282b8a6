"""The thread, as a technician walks it: a site file, a backup, a recovery point, and plain tools that agree."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.features.console import Console
from tests.features.greenhouse import (
    DATABASE,
    PASSWORD,
    REPOSITORY_PASSWORD,
    SECRETS,
    USER,
    make_database,
    make_tree,
    site_file,
    writer,
)
from tests.real.servers.postgresql import PostgresServer
from tests.real.servers.restic import VERSIONS, restic_program
from tests.trees import described


@pytest.fixture
def console(request: pytest.FixtureRequest, tmp_path: Path) -> Console:
    """The program with restic 0.19, or with the version that a test names indirectly."""
    return Console(tmp_path / "console", Path(restic_program(getattr(request, "param", VERSIONS[-1]))))


every_version = pytest.mark.parametrize("console", VERSIONS, indirect=True)


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    make_database(postgres, rows=60_000)
    yield DATABASE
    postgres.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def plain_restic(console: Console, *arguments: str) -> bytes:
    """restic itself, as anybody starts it, without Overwinter."""
    done = subprocess.run(
        [console.restic, "-r", console.folder / "repository", "--no-cache", *arguments],
        input=REPOSITORY_PASSWORD.encode() + b"\n",
        capture_output=True,
        check=True,
    )
    return done.stdout


@every_version
@pytest.mark.spec("B1", "B3", "B4", "B5", "J8", "R2")
def test_plain_restic_and_pg_restore_agree_with_the_manifest(
    console: Console, database: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    root = tmp_path / "laravel"
    make_tree(root, files=400)
    console.add_site(site_file(console.folder, root, postgres.port), SECRETS)
    with writer(postgres):
        backup = console.run("backup", "north-house").json
    assert backup["status"] == "success"
    (point,) = console.run("points", "north-house").rows
    assert point["id"] == backup["run"]
    assert point["complete"] is True
    assert point["layers"] == ["postgresql", "laravel"]
    snapshots = {entry["source"]: entry["id"] for entry in point["snapshots"]}

    plain_restic(console, "restore", f"{snapshots['laravel']}:{root}", "--target", str(tmp_path / "back"))
    assert described(tmp_path / "back") == described(root, without=["storage/logs"])

    manifest = json.loads(plain_restic(console, "dump", point["manifest"], "/manifest.json"))
    (entry,) = [entry for entry in manifest["sources"] if entry["source"] == "database"]
    dump = tmp_path / "database.dump"
    dump.write_bytes(plain_restic(console, "dump", snapshots["database"], entry["path"]))
    postgres.create_database("restored", USER)
    try:
        restore_into(postgres, dump, "restored")
        counted = {(one["schema"], one["table"]): one["rows"] for one in entry["dump"]["counts"]["tables"]}
        assert counted == rows_of(postgres, "restored")
        assert counted["public", "telemetry"] >= 60_000
    finally:
        postgres.sql("DROP DATABASE restored WITH (FORCE)")
    (tree,) = [entry["tree"] for entry in manifest["sources"] if entry["source"] == "laravel"]
    assert tree["git_commit"] == "a" * 40


def restore_into(server: PostgresServer, dump: Path, database: str) -> None:
    target = f"host=127.0.0.1 port={server.port} user={USER} dbname={database}"
    subprocess.run(
        [server.bin / "pg_restore", "--exit-on-error", "--no-owner", "-d", target, dump],
        env={"PGPASSWORD": PASSWORD, "PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    )


def rows_of(server: PostgresServer, database: str) -> dict[tuple[str, str], int]:
    with psycopg.connect(
        host=server.host, port=server.port, user=USER, password=PASSWORD, dbname=database
    ) as connection:
        tables = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname = 'public'"
        ).fetchall()
        names = [(schema, table, psycopg.sql.Identifier(schema, table)) for schema, table in tables]
        count = psycopg.sql.SQL("SELECT count(*) FROM ONLY {}")
        return {
            (schema, table): connection.execute(count.format(name)).fetchall()[0][0] for schema, table, name in names
        }


@pytest.mark.spec("R2")
def test_a_file_and_a_dump_are_saved_out_whole_and_nothing_is_replaced(
    console: Console, database: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    root = tmp_path / "laravel"
    make_tree(root, files=60)
    console.add_site(site_file(console.folder, root, postgres.port), SECRETS)
    console.run("backup", "north-house")
    (point,) = console.run("points", "north-house").rows
    snapshots = {entry["source"]: entry["id"] for entry in point["snapshots"]}
    saved = tmp_path / "saved"
    saved.mkdir()
    console.run("save", "north-house", snapshots["laravel"], f"{root}/.env", str(saved / "env"))
    assert (saved / "env").read_bytes() == (root / ".env").read_bytes()
    assert stat.S_IMODE((saved / "env").stat().st_mode) == 0o640
    console.run("save", "north-house", snapshots["database"], "/database.dump", str(saved / "hydro.dump"))
    listed = subprocess.run([postgres.bin / "pg_restore", "-l", saved / "hydro.dump"], capture_output=True, check=True)
    assert b"telemetry" in listed.stdout
    console.run("save", "north-house", snapshots["laravel"], str(root / "app"), str(saved / "app"))
    assert described(saved / "app") == described(root / "app")
    refused = console.run("save", "north-house", snapshots["laravel"], f"{root}/.env", str(saved / "env"), expect=4)
    assert refused.error["code"] == "save.target-exists"
    assert sorted(path.name for path in saved.iterdir()) == ["app", "env", "hydro.dump"]


@pytest.mark.spec("R2", "S1")
def test_names_are_listed_and_found_and_other_sites_snapshots_are_refused(console: Console, tmp_path: Path) -> None:
    root = tmp_path / "laravel"
    make_tree(root, files=20)
    console.add_site(FILES_ONLY.format(repository=console.folder / "repository", root=root), FILES_SECRETS)
    console.run("backup", "north-house")
    (point,) = console.run("points", "north-house").rows
    snapshot = point["snapshots"][0]["id"]
    listed = [entry["path"] for entry in console.run("ls", "north-house", snapshot, str(root)).rows]
    assert f"{root}/.env" in listed
    found = console.run("find", "north-house", "Тепл*").rows
    assert [hit["path"] for hit in found] == [f"{root}/storage/app/Теплица"]
    plain_restic(console, "backup", "--tag", "site:south-house", str(root / "app"))
    (foreign,) = [
        one["id"]
        for one in json.loads(plain_restic(console, "snapshots", "--json"))
        if "site:south-house" in (one.get("tags") or [])
    ]
    assert console.run("ls", "north-house", foreign, "/", expect=4).error["code"] == "snapshot.unknown"
    assert foreign not in console.run("snapshots", "north-house").out


FILES_ONLY = """
format = 1
name = "north-house"
app = "hydro"
[repository]
url = "{repository}"
[[sources]]
name = "laravel"
kind = "files"
root = "{root}"
"""
FILES_SECRETS = {"repository-password": REPOSITORY_PASSWORD}


@pytest.mark.spec("B5")
def test_a_source_that_is_gone_leaves_the_others_backed_up(console: Console, tmp_path: Path) -> None:
    root = tmp_path / "laravel"
    make_tree(root, files=20)
    gone = f'[[sources]]\nname = "python"\nkind = "files"\nroot = "{tmp_path}/gone"\n'
    console.add_site(FILES_ONLY.format(repository=console.folder / "repository", root=root) + gone, FILES_SECRETS)
    partial = console.run("backup", "north-house", expect=3).json
    assert partial["status"] == "partial"
    items = {item["source"]: item for item in partial["items"]}
    assert items["laravel"]["status"] == "success"
    assert items["python"]["error"]["code"] == "source.root-missing"
    (point,) = console.run("points", "north-house").rows
    assert (point["status"], point["complete"]) == ("partial", False)


@every_version
@pytest.mark.spec("B5")
def test_included_parts_that_are_missing_are_named(console: Console, tmp_path: Path) -> None:
    root = tmp_path / "laravel"
    make_tree(root, files=20)
    include = 'include = [".env", "storage/app/ota", "composer.lock"]\n'
    console.add_site(FILES_ONLY.format(repository=console.folder / "repository", root=root) + include, FILES_SECRETS)
    partial = console.run("backup", "north-house", expect=3).json
    assert partial["items"][0]["missing"] == [f"{root}/storage/app/ota"]
    (point,) = console.run("points", "north-house").rows
    listed = console.run("ls", "north-house", point["snapshots"][0]["id"], str(root)).rows
    assert {entry["path"] for entry in listed} == {f"{root}/.env", f"{root}/composer.lock"}


@pytest.mark.spec("B3", "X3")
@pytest.mark.parametrize(
    ("was", "becomes", "code"),
    [
        ("port = ", "port = 1 #", "postgres.server-down"),
        ('database = "hydro"', 'database = "nowhere"', "postgres.database-missing"),
    ],
)
@pytest.mark.usefixtures("database")
def test_a_database_that_cannot_be_reached_fails_alone(
    console: Console, postgres: PostgresServer, was: str, becomes: str, code: str
) -> None:
    root = console.folder / "laravel"
    make_tree(root, files=20)
    console.add_site(site_file(console.folder, root, postgres.port).replace(was, becomes), SECRETS)
    partial = console.run("backup", "north-house", expect=3).json
    items = {item["source"]: item for item in partial["items"]}
    assert items["database"]["error"]["code"] == code
    assert items["laravel"]["status"] == "success"


@pytest.mark.spec("B3", "X3")
def test_a_wrong_database_password_fails_alone_and_is_mended(
    console: Console, database: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    root = tmp_path / "laravel"
    make_tree(root, files=20)
    secrets = SECRETS | {"source:database:password": "not it"}
    console.add_site(site_file(console.folder, root, postgres.port), secrets)
    partial = console.run("backup", "north-house", expect=3).json
    assert next(item for item in partial["items"] if item["source"] == "database")["error"]["code"] == (
        "postgres.password-wrong"
    )
    console.run("secret", "set", "north-house", "source:database:password", stdin=PASSWORD + "\n")
    assert console.run("backup", "north-house").json["status"] == "success"


@pytest.mark.spec("P1", "X3")
def test_repository_troubles_are_told_apart_and_nothing_is_touched(console: Console, tmp_path: Path) -> None:
    root = tmp_path / "laravel"
    make_tree(root, files=5)
    file = console.folder / "site.toml"
    file.write_text(FILES_ONLY.format(repository=console.folder / "repository", root=root))
    console.run("site", "add", str(file))
    assert console.run("backup", "north-house", expect=4).json["error"]["code"] == "secrets.missing"
    console.run("secret", "set", "north-house", "repository-password", stdin=REPOSITORY_PASSWORD)
    assert console.run("backup", "north-house", expect=1).json["error"]["code"] == "restic.no-repository"
    assert console.run("points", "north-house", expect=1).error["code"] == "restic.no-repository"
    console.run("repo", "init", "north-house")
    console.run("secret", "set", "north-house", "repository-password", stdin="not it")
    assert console.run("backup", "north-house", expect=1).json["error"]["code"] == "restic.wrong-password"
    console.run("secret", "set", "north-house", "repository-password", stdin=REPOSITORY_PASSWORD)
    (console.folder / "repository").rename(console.folder / "away")
    assert console.run("backup", "north-house", expect=1).json["error"]["code"] == "restic.no-repository"
    (console.folder / "away").rename(console.folder / "repository")
    assert console.run("backup", "north-house").json["status"] == "success"
    assert len(console.run("points", "north-house").rows) == 1


@pytest.mark.spec("S7", "S1")
def test_a_bad_site_file_names_line_and_remedy_and_ends_with_2(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(FILES_ONLY.format(repository="/mnt/disk/repo", root="relative/path").replace("root", "rooot", 1))
    said = console.run("site", "add", str(file), expect=2)
    assert said.error["code"].startswith("site-file.")
    assert said.error["what"].startswith("Line 7: laravel")
    assert "line 10" in said.error["detail"]
    assert "rooot" in said.error["detail"]
    assert console.run("site", "list").json == []


@pytest.mark.spec("B1")
def test_chosen_sources_make_a_part_and_never_a_complete_point(
    console: Console, database: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    root = tmp_path / "laravel"
    make_tree(root, files=20)
    console.add_site(site_file(console.folder, root, postgres.port), SECRETS)
    console.run("backup", "north-house", "--only", "databases")
    console.run("backup", "north-house", "--source", "laravel", "--tag", "before-update")
    newest, oldest = console.run("points", "north-house").rows
    assert newest["layers"] == ["laravel"]
    assert oldest["layers"] == ["postgresql"]
    assert [point["complete"] for point in (newest, oldest)] == [False, False]
    tagged = json.loads(plain_restic(console, "snapshots", "--json", "--tag", "before-update"))
    assert len(tagged) == 2
    assert console.run("backup", "north-house", "--source", "nothing", expect=2).error["code"] == (
        "usage.source-unknown"
    )


@pytest.mark.spec("B2", "R14")
@pytest.mark.usefixtures("database")
def test_roles_are_taken_too_and_missing_rights_are_said(console: Console, postgres: PostgresServer) -> None:
    roles = (
        f'[[sources]]\nname = "roles"\nkind = "postgresql-globals"\nport = {postgres.port}\nuser = "{USER}"\n'
        f'database = "{DATABASE}"\n'
    )
    root = console.folder / "laravel"
    make_tree(root, files=5)
    console.add_site(
        FILES_ONLY.format(repository=console.folder / "repository", root=root) + roles,
        FILES_SECRETS | {"source:roles:password": PASSWORD},
    )
    backup = console.run("backup", "north-house", "--source", "roles")
    assert "postgres.no-role-passwords" in backup.err
    dumped = plain_restic(console, "dump", backup.json["items"][0]["snapshot"], "/roles.sql").decode()
    assert "CREATE ROLE hydro" in dumped
    assert "SCRAM-SHA-256" not in dumped


@pytest.mark.spec("P2")
def test_a_dead_lock_is_shown_and_removed(console: Console) -> None:
    root = console.folder / "laravel"
    make_tree(root, files=5)
    console.add_site(FILES_ONLY.format(repository=console.folder / "repository", root=root), FILES_SECRETS)
    holder = subprocess.Popen(
        [
            console.restic,
            "-r",
            console.folder / "repository",
            "--no-cache",
            "backup",
            "--stdin-from-command",
            "sleep",
            "60",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert holder.stdin is not None
    holder.stdin.write(REPOSITORY_PASSWORD.encode() + b"\n")
    holder.stdin.close()
    locks = console.folder / "repository" / "locks"
    wait_until(lambda: any(locks.iterdir()))
    unlocked = console.run("repo", "unlock", "north-house").json
    assert (unlocked["removed"], unlocked["left"]) == (0, 1)
    assert unlocked["locks"][0]["pid"] == holder.pid
    family = psutil.Process(holder.pid).children(recursive=True)
    for process in (psutil.Process(holder.pid), *family):
        process.kill()
    holder.wait()
    psutil.wait_procs(family)
    (lock,) = console.run("repo", "test", "north-house").json["locks"]
    assert lock["pid"] == holder.pid
    assert console.run("repo", "unlock", "north-house").json == {"removed": 1, "left": 0, "locks": []}


def wait_until(fact: Callable[[], bool]) -> None:
    """Comes back when it is so; fails after a while."""
    deadline = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.spec("S1")
def test_a_removed_site_leaves_its_repository_and_nothing_else(console: Console) -> None:
    root = console.folder / "laravel"
    make_tree(root, files=5)
    console.add_site(FILES_ONLY.format(repository=console.folder / "repository", root=root), FILES_SECRETS)
    console.run("backup", "north-house")
    assert console.run("site", "remove", "north-house", expect=4).error["code"] == "site.not-confirmed"
    console.run("site", "remove", "north-house", "--confirm", "REMOVE north-house")
    assert console.run("site", "list").json == []
    assert list((console.data / "runs").iterdir()) == []
    assert len(json.loads(plain_restic(console, "snapshots", "--json"))) == 2
