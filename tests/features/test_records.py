"""What is remembered: the audit log as a person uses it, and records that are not as they should be."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from tests.faults.prepared import assert_explained
from tests.features.console import Console
from tests.real.servers.restic import VERSIONS, restic_program

SITE = "north-house"
NOBODY = 65534
SITE_FILE = """
format = 1
name = "north-house"
[repository]
url = "{repository}"
[[sources]]
name = "laravel"
kind = "files"
root = "{root}"
"""


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """A site of one file."""
    console = Console(tmp_path / "console", Path(restic_program(VERSIONS[-1])))
    root = console.folder / "laravel"
    root.mkdir()
    (root / "one").write_text("one")
    document = SITE_FILE.format(repository=console.folder / "repository", root=root)
    console.add_site(document, {"repository-password": "correct horse"})
    return console


def database(console: Console) -> Path:
    return console.data / "overwinter.db"


@contextmanager
def behind_its_back(console: Console) -> Iterator[sqlite3.Connection]:
    """The database as no program of ours opens it."""
    with closing(sqlite3.connect(database(console), isolation_level=None)) as connection:
        yield connection


# --- the audit log ---------------------------------------------------------------------------------------------------


@pytest.mark.spec("J5")
def test_who_did_what_is_listed_and_stays_when_the_site_is_removed(console: Console) -> None:
    console.run("backup", SITE)
    console.run("repo", "unlock", SITE)
    console.run("secret", "remove", SITE, "repository-password")
    console.run("site", "remove", SITE, "--confirm", f"REMOVE {SITE}")
    rows = console.run("audit", "list", SITE).rows
    assert [row["what"] for row in rows] == [
        "site-added",
        "secret-stored",
        "run-began",
        "secret-removed",
        "site-removed",
    ]
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[1]["fields"] == {"name": "repository-password"}
    assert all(row["who"] for row in rows)
    assert console.run("audit", "verify", SITE).json["entries"] == 5
    assert console.run("audit", "list", "nowhere", expect=1).error["code"] == "site.unknown"


@pytest.mark.spec("J5")
def test_an_exported_log_is_checked_by_anybody_with_the_rule_that_the_help_tells(console: Console) -> None:
    console.run("backup", SITE)
    before = "0" * 64
    rows = console.run("audit", "export", SITE).rows
    for row in rows:
        assert row["previous"] == before
        content = {name: row[name] for name in ("at", "fields", "number", "site", "what", "who")}
        canonical = json.dumps(content, separators=(",", ":"), sort_keys=True)
        before = sha256((row["previous"] + canonical).encode()).hexdigest()
        assert row["digest"] == before
    assert console.run("audit", "verify", SITE).json == {"entries": len(rows), "whole": True, "digest": before}


UNGUARDED = "DROP TRIGGER audit_refuses_update; DROP TRIGGER audit_refuses_delete;"


@pytest.mark.spec("J5", "X3")
@pytest.mark.parametrize(
    ("edit", "number", "how"),
    [
        ("UPDATE audit SET who = 'nobody' WHERE number = 2", 2, "not as it was written"),
        ("DELETE FROM audit WHERE number = 1", 1, "missing"),
        ("DELETE FROM audit", 1, "missing"),
    ],
)
def test_a_log_that_was_changed_from_outside_names_the_first_broken_entry(
    console: Console, edit: str, number: int, how: str
) -> None:
    with behind_its_back(console) as connection:
        connection.executescript(f"{UNGUARDED} {edit};")
    said = console.run("audit", "verify", SITE, expect=1)
    assert said.error["code"] == "audit.broken"
    assert f"entry {number} is {how}" in said.error["what"]
    assert_explained(said.error)


@pytest.mark.spec("J5")
def test_a_log_that_was_cut_off_and_continued_is_shown_by_a_digest_that_was_noted(console: Console) -> None:
    console.run("backup", SITE)
    noted = console.run("audit", "verify", SITE).json["digest"]
    assert console.run("audit", "verify", SITE, "--digest", noted).json["whole"] is True
    with behind_its_back(console) as connection:
        connection.executescript(f"{UNGUARDED} DELETE FROM audit WHERE number > 2;")
    console.run("backup", SITE)
    assert console.run("audit", "verify", SITE).json["whole"] is True
    assert console.run("audit", "verify", SITE, "--digest", noted, expect=1).error["code"] == "audit.cut-off"


# --- records that are not as they should be --------------------------------------------------------------------------


@pytest.mark.spec("X3")
def test_records_that_another_program_keeps_locked_make_a_new_run_busy(console: Console) -> None:
    with behind_its_back(console) as other:
        other.execute("BEGIN IMMEDIATE")
        said = console.run("backup", SITE, expect=5)
        assert console.run("runs", SITE).rows == []
    assert said.error["code"] == "store.busy"
    assert_explained(said.error)
    assert console.run("backup", SITE).json["status"] == "success"


@pytest.mark.spec("X3", "J1", "J2")
@pytest.mark.skipif(sys.platform == "win32", reason="a pipe with a name holds restic")
def test_a_run_under_way_waits_for_records_that_are_kept_locked_and_ends_well(console: Console) -> None:
    fifo = console.folder / "laravel" / "held"
    release = hold_restic(console, fifo)
    command = console.start("backup", SITE)
    assert command.stderr is not None
    assert any(b'"source:laravel"' in line for line in command.stderr)
    with behind_its_back(console) as other:
        other.execute("BEGIN IMMEDIATE")
        release()
        with pytest.raises(subprocess.TimeoutExpired):
            command.wait(15)  # longer than one writer waits for another
    out, _ = command.communicate(timeout=60)
    assert (command.returncode, json.loads(out)["status"]) == (0, "success")
    (only,) = console.run("runs", SITE).rows
    assert only["status"] == "success"


def hold_restic(console: Console, fifo: Path) -> Callable[[], None]:
    """restic waits before it takes the source, until what this gives is called."""
    if sys.platform != "win32":
        os.mkfifo(fifo)
    shim = console.folder / "restic-that-waits"
    waits = f'[ -p "{fifo}" ] && {{ cat "{fifo}" >/dev/null; rm -f "{fifo}"; }}'
    shim.write_text(f'#!/bin/sh\ncase "$*" in *"{fifo.parent}"*) {waits};; esac\nexec "{console.restic}" "$@"\n')
    shim.chmod(0o755)
    console.environment["OVERWINTER_RESTIC"] = str(shim)

    def release() -> None:
        fifo.write_text("go on")

    return release


@pytest.mark.spec("X3", "X6")
def test_records_of_a_newer_version_are_refused_untouched(console: Console) -> None:
    with behind_its_back(console) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = database(console).read_bytes()
    for command in (("runs", SITE), ("backup", SITE), ("site", "list")):
        said = console.run(*command, expect=4)
        assert said.error["code"] == "store.newer"
        assert_explained(said.error)
    assert database(console).read_bytes() == before


@pytest.mark.spec("X3")
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="root has to act as a user without rights")
@pytest.mark.parametrize(("file", "folder"), [(0o400, 0o700), (0o600, 0o500)], ids=["file", "folder"])
def test_records_that_may_not_be_written_are_told(console: Console, file: int, folder: int) -> None:
    for path in (console.data, *console.data.rglob("*"), console.folder / "passphrase"):
        shutil.chown(path, NOBODY, NOBODY)
    database(console).chmod(file)
    console.data.chmod(folder)
    said = console.run_as(NOBODY, "backup", SITE)
    assert (said.code, said.error["code"]) == (1, "store.read-only"), said
    assert_explained(said.error)
    database(console).chmod(0o600)
    console.data.chmod(0o700)
    assert console.run_as(NOBODY, "runs", SITE).rows == []


@pytest.mark.spec("J1")
def test_a_run_whose_files_are_gone_is_told_from_its_record(console: Console) -> None:
    done = console.run("backup", SITE).json
    log = [row["text"] for row in console.run("run", "log", SITE, done["run"]).rows]
    shutil.rmtree(console.data / "runs" / done["run"])
    kept = [row["text"] for row in console.run("run", "log", SITE, done["run"]).rows]
    assert "not there any more" in kept[0]
    assert kept[1:] == log
    shown = console.run("run", "show", SITE, done["run"]).json
    assert (shown["status"], len(shown["items"])) == ("success", 1)
    assert {"manifest", "read-back", "retention", "prune"} < {step["key"] for step in shown["steps"]}


@pytest.mark.spec("J1")
def test_another_time_zone_changes_what_is_shown_and_nothing_else(console: Console) -> None:
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        console.environment["TZ"] = zone
        console.run("backup", SITE)
    rows = console.run("runs", SITE).rows
    assert [row["started"] for row in rows] == sorted((row["started"] for row in rows), reverse=True)
    assert all(row["started"].endswith("Z") and row["closed"] >= row["started"] for row in rows)
    shown = set()
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        command = [part for part in console.command("runs", SITE) if part != "--json"]
        said = subprocess.run(command, env=console.environment | {"TZ": zone}, capture_output=True, check=True)
        shown.add(said.stdout)
        assert b"ahead" not in said.stdout
    assert len(shown) == 3
