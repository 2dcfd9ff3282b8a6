"""What a verification concludes, without a process: from heads of dumps, statements, samples, counts, and words."""

from __future__ import annotations

import asyncio
import struct
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Ending, Finished
from app.hosts.pipe import Pipe, from_end_to_end
from app.jobs.verify import files
from app.jobs.verify.attempts import first_able
from app.jobs.verify.files import AT_RANDOM, NEWEST, Sampling
from app.jobs.verify.postgresql import differences
from app.jobs.verify.proof import Proof, Shown, Verdict, differs, is_wrong
from app.jobs.verify.report import log_name, overall
from app.jobs.verify.statements import statements
from app.tools.mysql import restore as mysql
from app.tools.postgres import restore as postgres
from app.tools.postgres.archive import database_in
from app.tools.postgres.server import Server
from app.tools.postgres.snapshot import Counts, TableCount
from app.tools.restic.output import Entry
from tests.running import run

pytestmark = pytest.mark.spec("V1")


def number(value: int) -> bytes:
    return bytes([value < 0]) + struct.pack("<I", abs(value))


def head(version: tuple[int, int], database: bytes) -> bytes:
    """The beginning of a dump, as pg_dump of PostgreSQL 15 and older, or 16 and newer, writes it."""
    compression = b"\x00" if version >= (1, 15) else number(-1)
    begins = b"PGDMP" + bytes([*version, 0, 4, 8, 1]) + compression
    return begins + number(5) * 7 + number(len(database)) + database + b"the rest"


@pytest.mark.parametrize("version", [(1, 14), (1, 15), (1, 16)])
def test_a_dump_names_its_database(version: tuple[int, int]) -> None:
    assert database_in(head(version, 'сад "1"'.encode())) == 'сад "1"'
    for cut in range(len(head(version, b"hydro")) - len(b"the rest")):
        assert database_in(head(version, b"hydro")[:cut]) is None
    assert database_in(b"-- PostgreSQL database dump\n") is None


def test_a_dump_of_mariadb_names_its_database() -> None:
    begins = b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\n--\n"
    written = begins + b"-- Host: 127.0.0.1    Database: od-d \xd1\x81\n-- ---"
    assert mysql.database_in(written) == "od-d с"
    assert mysql.database_in(b"-- MariaDB dump\n") is None


def test_statements_are_told_apart_by_what_ends_them() -> None:
    script = (
        '\\restrict token\n-- a comment; with \'quotes\nCREATE ROLE "a;b";\n'
        "ALTER ROLE x WITH PASSWORD 'it''s; \\' here';\n/*!50003 SET x = 1 */;\nGRANT `a``;` TO y - 1; SELECT 'no end"
    )
    assert list(statements(script)) == [
        'CREATE ROLE "a;b"',
        "ALTER ROLE x WITH PASSWORD 'it''s; \\' here'",
        "SET x = 1",
        "GRANT `a``;` TO y - 1",
        "SELECT 'no end",
    ]


def file(name: str, *, second: int = 0, size: int = 1) -> Entry:
    return Entry(
        f"/site/{name}", "file", size, mtime=f"2026-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
    )


def sampled(seed: str, entries: list[Entry]) -> list[str]:
    sampling = Sampling(seed)
    for entry in entries:
        sampling.add(entry)
    return [entry.path for entry in sampling.chosen()]


def test_a_sample_holds_the_newest_files_and_others_that_change_with_the_run() -> None:
    entries = [file(f"f{n}", second=n * 7919 % 80000) for n in range(5000)]
    newest = [entry.path for entry in sorted(entries, key=lambda entry: entry.mtime, reverse=True)[:NEWEST]]
    one, again, other = (sampled(seed, entries) for seed in ("a", "a", "b"))
    assert one == again
    assert one[:NEWEST] == other[:NEWEST] == newest
    assert len(set(one)) == len(one) > AT_RANDOM
    assert len(set(one[NEWEST:]) & set(other[NEWEST:])) < AT_RANDOM / 4
    assert sampled("a", entries[:5]) == [
        entry.path for entry in sorted(entries[:5], key=lambda e: e.mtime, reverse=True)
    ]
    assert sampled("a", []) == []


def test_every_file_is_as_likely_as_any_other_to_be_in_the_sample() -> None:
    entries = [file(f"f{n}") for n in range(600)]
    found = [0] * 3
    for seed in range(60):
        sampling = Sampling(str(seed))
        for entry in entries:
            sampling.add(entry)
        for entry in sampling._random:
            found[int(entry.name[1:]) // 200] += 1
    assert min(found) > 0.8 * sum(found) / 3


def test_a_sample_fits_into_the_room_and_the_command_line() -> None:
    large = [file("large", second=9, size=files.LARGEST_SAMPLE + 1), file("small", second=1)]
    assert sampled("a", large) == ["/site/small"]
    long = [file(f"{n:04}" + "x" * 1000) for n in range(40)]
    assert sum(map(len, sampled("a", long))) <= files.LONGEST_NAMES


def counts(**tables: int) -> Counts:
    return Counts(tuple(TableCount("public", table, rows) for table, rows in tables.items()), 0)


def test_counts_are_compared_table_by_table() -> None:
    assert differences(counts(a=1, b=2), counts(b=2, a=1), standby=False) == []
    assert differences(counts(a=1, b=2), counts(a=2, c=0), standby=False) == [
        '"public"."a": 1 rows backed up, 2 rows restored',
        '"public"."b": 2 rows backed up, no such table restored',
        '"public"."c": no such table backed up, 0 rows restored',
    ]
    assert differences(counts(a=1), counts(a=1, unlogged=0), standby=True) == []
    assert len(differences(counts(a=1), counts(a=1, unlogged=3), standby=True)) == 1
    assert differences(Counts((), 3), Counts((), 2), standby=False) == ["large objects: 3 backed up, 2 restored"]


def proof(verdict: Verdict) -> Proof:
    return Proof("x", "files", "", verdict, 0.0)


def test_a_point_is_proven_when_all_of_it_is() -> None:
    good, bad, unknown = (proof(verdict) for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.UNCHECKED))
    assert overall([good, good]) is Verdict.PASS
    assert overall([good, unknown]) is overall([]) is overall([unknown]) is Verdict.UNCHECKED
    assert overall([good, unknown, bad]) is overall([bad]) is Verdict.FAIL


def test_logs_are_named_by_the_sites_own_clock() -> None:
    at, zone = datetime(2026, 11, 21, 23, 30, tzinfo=UTC), ZoneInfo("Europe/Prague")
    assert log_name(at, Verdict.PASS, zone, 0) == "verify-20261122-0030.log"
    assert log_name(at, Verdict.FAIL, zone, 0) == "verify-20261122-0030-fail.log"
    assert log_name(at, Verdict.UNCHECKED, zone, 2) == "verify-20261122-0030-2-unchecked.log"


def ended(said: str, code: int = 1) -> Finished:
    return Finished(code, Ending.EXITED, b"", said.encode(), cut=False, seconds=1.0)


SERVER = Server("/tmp", 5432, "hydro", "x")


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("pg_restore: error: could not read from input file: end of file", True),
        ("pg_restore: error: input file does not appear to be a valid archive", True),
        ('pg_restore: error: COPY failed for table "t": ERROR:  missing data for column "x"', True),
        ('pg_restore: error: could not execute query: ERROR:  could not create unique index "t_pkey"', True),
        ('pg_restore: error: could not execute query: ERROR:  extension "postgis" is not available', False),
        ('pg_restore: error: could not execute query: ERROR:  role "anon" does not exist', False),
        ("pg_restore: error: could not execute query: ERROR:  permission denied to create extension", False),
        ("pg_restore: error: unsupported version (1.16) in file header", False),
        ("pg_restore: error: COPY failed for table t: ERROR:  could not extend file: No space left on device", False),
        ("pg_restore: error: connection to server was lost", False),
        ('pg_restore: error: could not execute query: ERROR:  function "f" does not exist', False),
        ("", False),
    ],
)
def test_what_pg_restore_complains_of_is_the_dumps_fault_or_not(said: str, *, wrong: bool) -> None:
    assert is_wrong(postgres.restore_failed(SERVER, ended(said))) is wrong


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("ERROR 1064 (42000) at line 5: You have an error in your SQL syntax", True),
        ("ERROR 1062 (23000) at line 5: Duplicate entry '1' for key 'PRIMARY'", True),
        ("ERROR 1227 (42000) at line 5: Access denied; you need SUPER", False),
        ("ERROR 1273 (HY000) at line 5: Unknown collation: 'uca1400_ai_ci'", False),
        ("ERROR 1146 (42S02) at line 5: Table 'other.t' doesn't exist", False),
        ("ERROR 2013 (HY000) at line 5: Lost connection to server during query", False),
        ("", False),
    ],
)
def test_what_the_client_complains_of_is_the_dumps_fault_or_not(said: str, *, wrong: bool) -> None:
    from app.tools.mysql.server import Server as MysqlServer

    error = mysql.restore_failed(MysqlServer("/tmp/x.sock", 0, "root", "x"), ended(said))
    assert is_wrong(error) is wrong


def error(code: str) -> UserError:
    return UserError(text("{code} happened.", code=code), text("x"), text("x"), code)


def test_places_are_tried_until_one_can_tell() -> None:
    shown = Shown(text("there"), {})
    tried: list[str] = []

    def attempt(name: str, result: Shown | UserError):  # type: ignore[no-untyped-def]
        async def made() -> Shown:
            tried.append(name)
            if isinstance(result, UserError):
                raise result
            return result

        return made

    async def story() -> None:
        no_server, no_right = error("postgres.server-missing"), error("postgres.no-create")
        assert await first_able([attempt("a", no_server), attempt("b", shown), attempt("c", shown)]) is shown
        assert tried == ["a", "b"]
        with pytest.raises(UserError) as raised:
            await first_able([attempt("a", no_server), attempt("b", no_right)])
        assert raised.value.code == "postgres.no-create"
        assert "postgres.server-missing" in raised.value.problem.detail
        with pytest.raises(UserError, match=r"verify\.differs"):
            await first_able([attempt("a", differs("x", ["y"])), attempt("b", shown)])
        with pytest.raises(UserError, match=r"verify\.nowhere"):
            await first_able([])

    run(story())


def test_a_pipe_is_opened_by_a_shell_that_becomes_the_program() -> None:
    command = Command("/usr/bin/restic", ("dump", "a b"), stdin=b"password", environment={"X": "1"}, folder="/f")
    written = Pipe("/scratch/p").written_by(command)
    assert (written.program, written.arguments[2:]) == ("sh", ("/scratch/p", "/usr/bin/restic", "dump", "a b"))
    assert (written.stdin, written.environment, written.folder) == (b"password", {"X": "1"}, "/f")


class Gone(Exception):
    """The reader is gone, says the writer."""


async def after(seconds: float, result: BaseException | str = "") -> str:
    await asyncio.sleep(seconds)
    if isinstance(result, BaseException):
        raise result
    return result


@pytest.mark.parametrize(
    ("writer", "reader", "raised"),
    [
        ("", "read", None),
        (ValueError(), EOFError(), ValueError),
        (Gone(), EOFError(), EOFError),
        (Gone(), "read", Gone),
        (ValueError(), "read", ValueError),
        ("", EOFError(), EOFError),
    ],
)
@pytest.mark.parametrize("first", ["writer", "reader"])
def test_of_two_failures_the_one_that_caused_the_other_is_raised(
    writer: BaseException | str, reader: BaseException | str, raised: type[BaseException] | None, first: str
) -> None:
    async def story() -> str:
        early, late = (0.0, 0.01) if first == "writer" else (0.01, 0.0)
        writing: asyncio.Task[str] = after(early, writer)  # type: ignore[assignment]
        return await from_end_to_end(writing, after(late, reader), lambda one: isinstance(one, Gone))  # type: ignore[arg-type]

    if raised is None:
        assert run(story()) == "read"
    else:
        with pytest.raises(raised):
            run(story())
