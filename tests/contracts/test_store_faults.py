"""The contract of stores: a file or a server that is not as it should be is told."""

from __future__ import annotations

import os
import secrets
import sqlite3
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from app.foundation.errors import Problem, UserError
from app.store.engine import Database
from app.store.tables import sites
from tests.contracts.conftest import RECORDS, StorePlace
from tests.contracts.store_rows import WEDNESDAY, add_a_site, add_site, open_and_close
from tests.real.servers.postgresql import PostgresServer
from tests.running import run

# --- a file that is not as it should be --------------------------------------------------------


def problem_of(place: StorePlace, work: Coroutine[Any, Any, None]) -> Problem:
    """What a person is told; three sentences and a code."""
    with pytest.raises(UserError) as told:
        run(work)
    problem = told.value.problem
    assert all(str(sentence).endswith((".", "/database")) for sentence in (problem.what, problem.means, problem.next))
    assert place.password == "" or place.password not in repr(problem)
    return problem


@pytest.mark.spec("X3", "S4")
def test_a_new_file_is_closed_to_others(sqlite_place: StorePlace) -> None:
    path = Path(sqlite_place.where)

    async def story() -> None:
        async with sqlite_place.opened() as database:
            await add_site(database, "north")
            assert path.parent.stat().st_mode & 0o777 == 0o700
            assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
                path.name + end: 0o600 for end in ("", "-wal", "-shm")
            }

    run(story())
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.spec("X3")
def test_every_commit_is_synced_and_the_file_is_in_wal_mode(sqlite_place: StorePlace) -> None:
    async def pragma(database: Database, name: str) -> Any:
        return await database.read(lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())

    async def story() -> None:
        async with sqlite_place.opened() as database:
            assert await pragma(database, "journal_mode") == "wal"
            assert await pragma(database, "synchronous") == 2
            assert await pragma(database, "foreign_keys") == 1

    run(story())


@pytest.mark.spec("X3")
@pytest.mark.parametrize("garbage", [b"This is no database. " * 500, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_file_of_garbage_is_damaged(sqlite_place: StorePlace, garbage: bytes) -> None:
    Path(sqlite_place.where).parent.mkdir()
    Path(sqlite_place.where).write_bytes(garbage)
    assert problem_of(sqlite_place, open_and_close(sqlite_place)).code == "store.damaged"
    assert Path(sqlite_place.where).read_bytes() == garbage


@pytest.mark.spec("X3")
def test_a_file_with_torn_pages_is_damaged(sqlite_place: StorePlace) -> None:
    run(add_a_site(sqlite_place))
    path = Path(sqlite_place.where)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    assert problem_of(sqlite_place, add_a_site(sqlite_place)).code == "store.damaged"


@pytest.mark.spec("X3")
def test_a_folder_in_the_files_place_cannot_be_opened(sqlite_place: StorePlace) -> None:
    Path(sqlite_place.where).mkdir(parents=True)
    assert problem_of(sqlite_place, open_and_close(sqlite_place)).code == "store.unreachable"


@pytest.mark.spec("X3")
def test_a_file_in_the_folders_place_cannot_be_opened(sqlite_place: StorePlace) -> None:
    Path(sqlite_place.where).parent.write_text("")
    assert problem_of(sqlite_place, open_and_close(sqlite_place)).code == "store.unreachable"


@contextmanager
def as_an_ordinary_user(folder: Path) -> Iterator[None]:
    """Root may do everything: where root runs the tests, gives the folder to an ordinary user and acts as that one."""
    if sys.platform == "win32" or os.geteuid() != 0:
        yield
        return
    for each in (folder, *folder.rglob("*")):
        os.chown(each, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


NOBODY = 65534


@pytest.mark.spec("X3")
@pytest.mark.skipif(sys.platform == "win32", reason="rights of files are others there")
@pytest.mark.parametrize(
    ("file", "folder", "code"),
    [
        (0o400, 0o700, "store.read-only"),
        (0o600, 0o500, "store.read-only"),
        (0o000, 0o700, "store.unreachable"),
        (0o600, 0o000, "store.unreachable"),
    ],
    ids=["read-only file", "read-only folder", "closed file", "closed folder"],
)
def test_a_file_without_the_rights_to_it_is_told(file: int, folder: int, code: str) -> None:
    with tempfile.TemporaryDirectory() as home:  # a test's own folder is closed to other users
        path = Path(home) / "data" / "overwinter.db"
        place = StorePlace("sqlite", str(path))
        run(add_a_site(place))
        with as_an_ordinary_user(Path(home)):
            path.chmod(file)
            path.parent.chmod(folder)
            assert problem_of(place, add_a_site(place)).code == code
            path.parent.chmod(0o700)


@pytest.mark.spec("X3")
def test_a_full_disk_is_told_and_what_was_there_stays(sqlite_place: StorePlace) -> None:
    """SQLite's own limit on pages stands in for the disk: it fails in the same place with the same code."""

    async def story() -> None:
        async with sqlite_place.opened() as database:
            await add_site(database, "north")
            await database.read(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1"))
            row = {"name": "big", "document": "x" * 1_000_000, "added": WEDNESDAY, "changed": WEDNESDAY}
            await database.write(lambda connection: connection.execute(insert(sites).values(row)))

    assert problem_of(sqlite_place, story()).code == "store.disk-full"
    assert sqlite_place.rows("SELECT name FROM sites") == [("north",)]


@pytest.mark.spec("X3")
def test_a_file_that_others_keep_locked_is_busy(sqlite_place: StorePlace) -> None:
    async def story() -> None:
        async with sqlite_place.opened(patience=0.2) as database:
            await add_site(database, "south")

    run(add_a_site(sqlite_place))
    with sqlite3.connect(sqlite_place.where, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert problem_of(sqlite_place, story()).code == "store.busy"
    other.close()


# --- a server that is not as it should be ------------------------------------------------------


def test_a_wrong_password_is_told(postgres_place: StorePlace) -> None:
    wrong = replace(postgres_place, password="not this one")
    assert problem_of(wrong, open_and_close(wrong)).code == "store.wrong-password"


def test_a_server_that_is_not_there_is_told(postgres_place: StorePlace) -> None:
    gone = replace(postgres_place, where="postgresql://ann@127.0.0.1:1/records")
    assert problem_of(gone, open_and_close(gone)).code == "store.unreachable"


def test_a_server_that_ends_the_connection_is_told_and_the_next_attempt_works(
    postgres_place: StorePlace, postgres: PostgresServer
) -> None:
    async def story() -> None:
        async with postgres_place.opened() as database:

            def lose_it(connection: Connection) -> None:
                pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
                postgres.sql(f"SELECT pg_terminate_backend({pid})")
                connection.exec_driver_sql("SELECT 1")

            with pytest.raises(UserError) as told:
                await database.write(lose_it)
            assert told.value.code == "store.unreachable"
            await add_site(database, "north")

    run(story())


@pytest.mark.parametrize("right", ["CREATE", "ALL"])
def test_a_user_who_may_not_make_tables_is_told(
    postgres_place: StorePlace, postgres: PostgresServer, right: str
) -> None:
    guest = f"guest_{secrets.token_hex(4)}"
    postgres.create_role(guest, "guest's")
    postgres.sql(f"REVOKE {right} ON SCHEMA public FROM PUBLIC", database=RECORDS)
    address = postgres_place.where.replace(f"//{RECORDS}@", f"//{guest}@")
    guests = replace(postgres_place, where=address, password="guest's")
    assert problem_of(guests, open_and_close(guests)).code == "store.read-only"


@pytest.mark.spec("S4")
@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("postgresql://ann:hunter2@server/records", "store.password-in-address"),
        ("postgresql://ann@server:port/records", "store.bad-address"),
        ("mysql://ann@server/records", "store.bad-address"),
    ],
)
def test_an_address_that_will_not_do_is_refused_without_repeating_it(address: str, code: str) -> None:
    place = StorePlace("postgresql", address, "hunter2")
    assert problem_of(place, open_and_close(place)).code == code
