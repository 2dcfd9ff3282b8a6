"""SQLite itself: the copy of a live database is of one moment, and each way in which it cannot be is told apart."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app.foundation.errors import UserError
from app.jobs.manifest import CopyFacts
from app.jobs.sources.driver import Captured
from app.settings.model import Source, SourceKind
from app.tools.sqlite import programs
from tests.faults.test_full_disks import disk_at
from tests.real.capturing import Capturing
from tests.running import run

PROGRAMS = ("python3", "sqlite3")


@pytest.fixture(params=PROGRAMS)
def capturing(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Capturing:
    """A fresh repository, and a host on which one program alone can open databases."""
    if request.param == "python3":
        return Capturing(tmp_path, python=sys.executable)
    monkeypatch.setattr(programs, "PYTHON", "no-python-here")
    return Capturing(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is to be: a name that has to be quoted everywhere, in a folder of its own."""
    folder = tmp_path / "live?mode=memory #1%41"
    folder.mkdir()
    return folder / 'od\'d "сад".db'


def source(path: Path) -> Source:
    """The database as a source."""
    return Source(name="readings", kind=SourceKind.SQLITE, database=str(path))


def take(capturing: Capturing, path: Path) -> Captured:
    """Captures it."""
    return run(capturing.here(source(path), {}))


def refused(capturing: Capturing, path: Path) -> UserError:
    """What its capture is refused with; then nothing of it is in the repository or on the disk."""
    with pytest.raises(UserError) as raised:
        take(capturing, path)
    assert capturing.snapshots() == []
    assert list(capturing.scratch.glob("*")) == []
    return raised.value


def facts(captured: Captured) -> CopyFacts:
    """What is known of the copy."""
    assert captured.copy is not None
    return captured.copy


def made(path: Path, mode: str = "wal", rows: int = 2000) -> sqlite3.Connection:
    """A database with some rows, open as its own program has it."""
    live = sqlite3.connect(path, isolation_level=None)
    live.execute(f"PRAGMA journal_mode = {mode}")
    live.execute("CREATE TABLE here (id INTEGER PRIMARY KEY, t TEXT)")
    live.execute("CREATE TABLE there (id INTEGER PRIMARY KEY, t TEXT)")
    live.execute("BEGIN")
    live.executemany("INSERT INTO here (t) VALUES (?)", [(f"сад {n}",) for n in range(rows)])
    live.executemany("INSERT INTO there (t) VALUES (?)", [(f"сад {n}",) for n in range(rows)])
    live.execute("COMMIT")
    return live


@contextmanager
def writer(path: Path) -> Iterator[list[int]]:
    """Writes a row to each of both tables in one transaction, over and over; the list's item is how often."""
    stop, written = threading.Event(), [0]

    def write() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as live:
            while not stop.is_set():
                live.execute("BEGIN IMMEDIATE")
                live.execute("INSERT INTO here (t) VALUES ('more')")
                live.execute("INSERT INTO there (t) VALUES ('more')")
                live.execute("COMMIT")
                written[0] += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join()


@pytest.mark.spec("B2")
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_copy_under_a_writer_is_of_one_moment(capturing: Capturing, path: Path, tmp_path: Path, mode: str) -> None:
    with closing(made(path, mode)), writer(path) as written:
        captured = take(capturing, path)
        assert written[0] > 0
    (tmp_path / "out.db").write_bytes(capturing.content(captured))
    with closing(sqlite3.connect(tmp_path / "out.db")) as restored:
        assert restored.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        counted = {
            table: restored.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("here", "there")
        }
    assert counted["here"] == counted["there"] >= 2000
    assert {each.table: each.rows for each in facts(captured).tables} == counted


@pytest.mark.spec("B1", "B2")
def test_a_copy_says_what_it_holds_and_who_made_it(capturing: Capturing, path: Path) -> None:
    with closing(made(path)) as live:
        live.execute("PRAGMA user_version = 7")
        live.execute("PRAGMA application_id = 99")
        live.execute('CREATE TABLE "od""d\n; (x" (y)')
        live.execute("CREATE VIRTUAL TABLE words USING fts5 (t)")
        live.execute("CREATE VIEW seen AS SELECT 1")
        captured = take(capturing, path)
    found = facts(captured)
    rows = {each.table: each.rows for each in found.tables}
    assert rows["here"] == 2000
    assert rows['od"d\n; (x'] == 0
    assert "words" not in rows
    assert "words_content" in rows
    assert found.database is not None
    assert (found.database.user_version, found.database.application_id) == (7, 99)
    assert (found.database.encoding, found.database.page_size) == ("UTF-8", 4096)
    assert found.copied_by.startswith(f"{'python3' if capturing.python else 'sqlite3'} (SQLite 3.")
    assert (captured.path, captured.bytes > 0) == ("/readings.sqlite", True)


@pytest.mark.spec("B2")
def test_nothing_is_left_beside_a_database_that_nobody_has_open(capturing: Capturing, path: Path) -> None:
    made(path).close()
    before = path.read_bytes()
    take(capturing, path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


@pytest.mark.spec("B2")
def test_what_stands_in_the_log_alone_is_taken_too(capturing: Capturing, path: Path, tmp_path: Path) -> None:
    """As after a crash: the rows are in the log, and no program has the database open."""
    live = made(path, rows=10)
    live.execute("PRAGMA wal_autocheckpoint = 0")
    live.execute("INSERT INTO here (t) VALUES ('in the log')")
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for end in ("", "-wal"):
        (crashed / f"a.db{end}").write_bytes(Path(f"{path}{end}").read_bytes())
    live.close()
    captured = take(capturing, crashed / "a.db")
    assert {each.table: each.rows for each in facts(captured).tables} == {"here": 11, "there": 10}


@pytest.mark.spec("B3", "X3")
def test_what_is_no_database_has_its_own_error(capturing: Capturing, path: Path) -> None:
    assert refused(capturing, path).code == "sqlite.missing"
    path.touch()
    assert refused(capturing, path).code == "sqlite.empty"
    path.write_bytes(b"not a database at all" * 1000)
    assert refused(capturing, path).code == "sqlite.not-a-database"


@pytest.mark.spec("B3", "X3")
@pytest.mark.parametrize("kind", ["folder", *(["pipe"] if sys.platform != "win32" else [])])
def test_what_is_no_file_is_not_waited_for(capturing: Capturing, path: Path, kind: str) -> None:
    if sys.platform != "win32" and kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    assert refused(capturing, path).code == "sqlite.not-a-file"


def overwrite(path: Path, at: int, content: bytes) -> None:
    """Changes bytes of a file in their place."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


DAMAGE = {
    "its name": ((0, b"SQLite format 4\0"), "sqlite.not-a-database"),
    "the size of pages": ((16, b"\0\3"), "sqlite.not-a-database"),
    "the version to read it with": ((19, b"\x09"), "sqlite.not-a-database"),
    "the form of its tables": ((44, b"\0\0\0\x09"), "sqlite.schema-unreadable"),
    "the page with its tables": ((100, b"\xff" * 400), "sqlite.damaged"),
    "a list of free pages": ((32, b"\0\0\0\x03\0\0\0\x05"), "sqlite.damaged"),
}


@pytest.mark.spec("B3")
@pytest.mark.parametrize("where", DAMAGE)
def test_a_damaged_head_is_not_taken(capturing: Capturing, path: Path, where: str) -> None:
    made(path, "delete").close()
    damage, code = DAMAGE[where]
    overwrite(path, *damage)
    assert refused(capturing, path).code == code


@pytest.mark.spec("B3")
@pytest.mark.parametrize("damage", ["cut", "cut by a byte", "page", "index"])
def test_a_damaged_database_is_not_taken(capturing: Capturing, path: Path, damage: str) -> None:
    with closing(made(path, "delete")) as live:
        live.execute("CREATE INDEX by_text ON here (t)")
        (root,) = live.execute("SELECT rootpage FROM sqlite_master WHERE name = 'by_text'").fetchone()
    size = path.stat().st_size
    if damage.startswith("cut"):
        os.truncate(path, size // 2 if damage == "cut" else size - 1)
    else:
        overwrite(path, ((root - 1) if damage == "index" else size // 2 // 4096) * 4096, os.urandom(4096))
    assert refused(capturing, path).code == "sqlite.damaged"


@pytest.mark.spec("B3")
def test_an_index_that_misses_a_row_is_damage(capturing: Capturing, path: Path) -> None:
    """Every page is in order by itself; only what they say of each other is not."""
    with closing(made(path, "delete", rows=10)) as live:
        live.execute("CREATE INDEX by_text ON here (t)")
        live.execute("PRAGMA writable_schema = ON")
        live.execute("CREATE TABLE plain (t TEXT)")
        sql = "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'there')"
        live.execute(f"{sql} WHERE name = 'here'")
        live.execute("DELETE FROM sqlite_master WHERE name = 'there'")
    assert refused(capturing, path).code == "sqlite.damaged"


@pytest.mark.spec("B3")
def test_a_database_that_stays_locked_is_waited_for_and_then_named(
    capturing: Capturing, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "BUSY_FOR", 1)
    with closing(made(path, "delete")) as live:
        live.execute("BEGIN EXCLUSIVE")
        assert refused(capturing, path).code == "sqlite.busy"
        live.execute("ROLLBACK")
    take(capturing, path)


@pytest.mark.spec("B3")
def test_a_read_only_disk_gives_what_can_be_read_and_says_what_cannot(capturing: Capturing, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    for name, mode in (("plain.db", "delete"), ("log.db", "wal")):
        made(folder / name, mode, rows=10).close()
    with disk_at(folder, "20M") as disk:
        disk.forbid_writing()
        try:
            assert refused(capturing, folder / "log.db").code in ("sqlite.read-only", "sqlite.unopenable")
            assert {each.rows for each in facts(take(capturing, folder / "plain.db")).tables} == {10}
        finally:
            disk.allow_writing()


def crashed(folder: Path, live: Path, *ends: str) -> Path:
    """What a program that was killed leaves of a database: its file, and of those beside it the ones named."""
    folder.mkdir()
    for end in ("", *ends):
        (folder / f"a.db{end}").write_bytes(Path(f"{live}{end}").read_bytes())
    return folder / "a.db"


@pytest.mark.spec("B3")
@pytest.mark.parametrize("left", ["-wal", "-journal"])
def test_what_a_crash_left_beside_a_database_is_not_passed_over_where_nothing_may_be_written(
    capturing: Capturing, path: Path, tmp_path: Path, left: str
) -> None:
    """Without its log it would look whole and be old, without its journal it would be torn; its -shm is not there."""
    with closing(made(path, "wal" if left == "-wal" else "delete", rows=10)) as live:
        live.execute("PRAGMA wal_autocheckpoint = 0")
        live.execute("PRAGMA cache_size = 1")
        live.execute("PRAGMA cache_spill = 1")
        live.execute("BEGIN")
        live.executemany("INSERT INTO here (t) VALUES (?)", [("x" * 3000,) for _ in range(100)])
        if left == "-wal":
            live.execute("COMMIT")
        database = crashed(tmp_path / "disk", path, left)
        live.execute("ROLLBACK" if left == "-journal" else "SELECT 1")
    rows = 110 if left == "-wal" else 10
    with disk_at(database.parent, "20M") as disk:
        disk.forbid_writing()
        try:
            assert refused(capturing, database).code in ("sqlite.read-only", "sqlite.unopenable")
        finally:
            disk.allow_writing()
        assert {each.table: each.rows for each in facts(take(capturing, database)).tables}["here"] == rows


@pytest.mark.spec("B3")
def test_a_copy_that_does_not_fit_is_refused_before_it_is_made(capturing: Capturing, path: Path) -> None:
    made(path).close()
    capturing.scratch.mkdir()
    with disk_at(capturing.scratch, "20M"):
        error = refused(capturing, path)
    assert error.code == "sqlite.no-room"
    assert capturing.commands[-1].arguments[-1] != "backup"


@pytest.mark.spec("B3")
def test_a_host_that_can_open_no_database_is_told_what_to_install(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(path).close()
    for name in ("PYTHON", "SHELL"):
        monkeypatch.setattr(programs, name, "not-here")
    error = refused(Capturing(tmp_path), path)
    assert error.code == "sqlite.program-missing"
    assert "sqlite3" in str(error.problem.next)


@pytest.mark.spec("B3")
def test_a_start_up_file_of_the_persons_does_not_matter(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "PYTHON", "no-python-here")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".sqliterc").write_text(".headers on\n.mode box\n")
    made(path).close()
    assert {each.rows for each in facts(take(Capturing(tmp_path), path)).tables} == {2000}


def test_the_database_is_never_open_longer_than_the_copy(capturing: Capturing, path: Path) -> None:
    """Afterwards its program can do what needs it alone."""
    with closing(made(path)) as live:
        take(capturing, path)
        with contextlib.suppress(sqlite3.OperationalError):
            live.execute("PRAGMA journal_mode = delete")
        assert live.execute("PRAGMA journal_mode").fetchone() == ("delete",)
