"""The parts of a restore that need no program: what is meant, how a listing is compared, how names are read."""

from __future__ import annotations

import stat as modes
from datetime import UTC, datetime

import pytest

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Below, FileKind, FileStat
from app.hosts.ssh.walk import Walk
from app.jobs.compare import paired
from app.jobs.restore.checks import Judged, Verdict, demand
from app.jobs.restore.choice import Folder, NewDatabase, Swap, check_scopes, target_of
from app.jobs.restore.listing import Essence, Reading, Sums, nanoseconds, st_mode
from app.jobs.sources.postgresql_loading import staged_name
from app.settings.model import Repository, Site
from app.tools.postgres.making import listed_names
from app.tools.postgres.roles import made_by, statements_for
from app.tools.restic.names import stored_path
from app.tools.restic.output import Entry, Snapshot

pytestmark = pytest.mark.spec("R13")

WORD = text("x")


def test_a_mode_names_a_folder_or_a_database() -> None:
    assert target_of("folder:/tmp/x:y") == Folder("/tmp/x:y")
    assert target_of("folder:C:\\x", "server") == Folder("C:\\x", "server")
    assert target_of("database:a b") == NewDatabase("a b")
    assert target_of("swap") == Swap()
    assert target_of("sync") == Swap(in_place=True)
    for mode, code in (
        ("folder:", "usage.restore-mode"),
        ("x", "usage.restore-mode"),
    ):
        with pytest.raises(UserError) as raised:
            target_of(mode)
        assert raised.value.code == code


def test_only_known_scopes_are_taken() -> None:
    check_scopes(("files", "databases", "both", "layer:laravel", "source:x"))
    for wrong in ((), ("everything",), ("layer:",)):
        with pytest.raises(UserError) as raised:
            check_scopes(wrong)
        assert raised.value.code == "usage.scope"


def test_what_fails_cannot_be_accepted_and_what_is_open_can() -> None:
    def judged(key: str, verdict: Verdict) -> Judged:
        problem = UserError(WORD, WORD, WORD, f"code.{key}").problem
        return Judged(key, verdict, problem, acceptable=key == "ownership")

    open_, failed = judged("ownership", Verdict.UNCHECKED), judged("space", Verdict.FAIL)
    unknown = judged("folder", Verdict.UNCHECKED)
    demand([open_, Judged("folder", Verdict.PASS)], ("ownership",))
    with pytest.raises(UserError) as raised:
        demand([open_], ())
    assert "--accept ownership" in str(raised.value.problem.next)
    with pytest.raises(UserError) as raised:
        demand([open_, failed], ("ownership", "space"))
    assert raised.value.code == "code.space"
    with pytest.raises(UserError) as raised:
        demand([unknown], ("folder",))
    assert raised.value.code == "code.folder"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2020-09-13T12:26:40.987654321Z", 1_600_000_000_987_654_321),
        ("2020-09-13T14:26:40.5+02:00", 1_600_000_000_500_000_000),
        ("1969-12-31T23:59:59.25Z", -750_000_000),
        ("12345-01-01T00:00:00Z", None),
    ],
)
def test_times_are_exact_to_the_nanosecond(said: str, meant: int | None) -> None:
    assert nanoseconds(said) == meant


def test_modes_are_the_systems() -> None:
    directory_with_setgid = 2151678440  # as restic lists a folder of mode 2750
    assert st_mode(directory_with_setgid) == 0o2750
    assert st_mode(1 << 23 | 0o751) == 0o4751
    assert st_mode(1 << 20 | 0o777) == 0o1777


def entry(path: str, kind: str = "file", size: int = 3) -> Entry:
    return Entry(path, kind, size, 33, 34, 0o640, mtime="2020-09-13T12:26:40.5Z")


def standing(path: str, size: int = 3, **other: int) -> Below:
    said = {"modified": 1_600_000_000_500_000_000, "mode": 0o640, "uid": 33, "gid": 34, **other}
    return Below(path, FileStat(FileKind.FILE, size, inode=1, device=1, **said))


def summed(*essences: Essence | None) -> Sums:
    sums = Sums()
    for one in filter(None, essences):
        sums.add(one)
    return sums


def test_a_tree_is_summed_up_alike_in_any_order_and_otherwise_when_anything_differs() -> None:
    reading = Reading("/var/www/laravel")
    asked = [reading.of_entry(entry(f"/var/www/laravel/{name}")) for name in "abc"]
    expected = summed(*asked)
    assert (expected.files, expected.bytes) == (3, 9)
    found = summed(*(reading.of_file(standing(f"laravel/{name}")) for name in "cab"))
    assert (found.content, found.beside, found.owned) == (expected.content, expected.beside, expected.owned)
    for other, differs in ((standing("laravel/c", 4), "content"), (standing("laravel/d"), "content"),
                           (standing("laravel/c", mode=0o600), "beside"), (standing("laravel/c", modified=5), "beside"),
                           (standing("laravel/c", uid=0), "owned")):  # fmt: skip
        found = summed(*(reading.of_file(one) for one in (standing("laravel/a"), standing("laravel/b"), other)))
        assert getattr(found, differs) != getattr(expected, differs)


def test_what_is_beside_the_root_and_sockets_are_no_part_of_it() -> None:
    reading = Reading("/var/www/laravel")
    assert reading.of_entry(entry("/var/www/laravel2/x")) is None
    assert reading.of_entry(entry("/var/www/laravel/s", "socket")) is None
    root_itself = reading.of_entry(entry("/var/www/laravel", "dir"))
    assert root_itself is not None
    assert (root_itself.path, root_itself.size) == ("laravel", 0)
    whole = Reading("/").of_entry(entry("/etc/x"))
    assert whole is not None
    assert whole.path == "etc/x"


def test_a_walk_comes_in_pieces_from_any_find() -> None:
    gnu = b"f 3 1600000000.5000000000 33 34 7 8 640 two words\nline\0d 0 -1.5000000000 0 0 7 8 755 b\0"
    walk, found = Walk(), []
    for at in range(len(gnu)):
        found += walk.entries(gnu[at : at + 1])
    assert walk.whole
    assert [one.path for one in found] == ["two words\nline", "b"]
    assert found[0].stat.modified == 1_600_000_000_500_000_000
    assert found[1].stat.modified == -1_500_000_000
    (busybox,) = Walk().entries(f"- 3 1600000000 33 34 7 8 {modes.S_IFLNK | 0o777:x} l\0".encode())
    assert (busybox.stat.kind, busybox.stat.mode) == (FileKind.LINK, 0o777)


def test_lists_in_settings_are_names_and_not_one_text() -> None:
    assert listed_names('"$user", garden, public') == ["$user", "garden", "public"]
    assert listed_names('"a ""b"", c",d') == ['a "b", c', "d"]
    assert listed_names('""') == [""]


GLOBALS = r"""--
-- Roles
--
\restrict abc
CREATE ROLE "grower's";
ALTER ROLE "grower's" WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$4096:a;b$c=:d=';
COMMENT ON ROLE "grower's" IS 'it''s; one
of two';
CREATE ROLE reader;
ALTER ROLE reader WITH LOGIN;
ALTER ROLE "grower's" SET search_path TO 'a', 'b';
ALTER ROLE "grower's" IN DATABASE hydro SET work_mem TO '1MB';
GRANT reader TO "grower's" WITH ADMIN OPTION GRANTED BY postgres;
GRANT "grower's" TO reader;
"""


def test_single_roles_are_taken_out_of_a_servers_globals() -> None:
    statements = statements_for(GLOBALS, {"grower's"})
    assert statements == [
        """CREATE ROLE "grower's";""",
        """ALTER ROLE "grower's" WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$4096:a;b$c=:d=';""",
        """COMMENT ON ROLE "grower's" IS 'it''s; one\nof two';""",
        """ALTER ROLE "grower's" SET search_path TO 'a', 'b';""",
        """GRANT reader TO "grower's" WITH ADMIN OPTION;""",
    ]
    assert made_by(statements) == {"grower's"}


def test_a_staged_name_fits_and_says_whose_it_is() -> None:
    assert staged_name("hydro", "0123456789") == "hydro__restoring_01234567"
    long = staged_name("сад" * 20, "0123456789")
    assert len(long.encode()) <= 63
    assert long.endswith("__restoring_01234567")


def test_windows_paths_stand_in_a_snapshot_as_folders() -> None:
    assert stored_path("/var/www") == "/var/www"
    assert stored_path("C:\\site\\x") == "/C/site/x"
    assert stored_path("D:\\") == "/D"


def snapshot(number: int, *tags: str) -> Snapshot:
    at = datetime(2026, 1, number + 1, tzinfo=UTC)
    return Snapshot(f"{number:064x}"[::-1], at, tree=f"t{number}", tags=["site:north-house", *tags])


@pytest.mark.spec("R2")
def test_points_are_compared_source_by_source_and_snapshots_alone() -> None:
    site = Site(name="north-house", repository=Repository(url="/r"))
    first, second = "a" * 32, "b" * 32
    listed = [
        snapshot(1, f"run:{first}", "source:laravel", "type:full"),
        snapshot(2, f"run:{first}", "source:old", "type:full"),
        snapshot(3, f"run:{second}", "source:laravel", "type:full"),
        snapshot(4, f"run:{second}", "source:new", "type:full"),
    ]
    compared = paired(listed, site, first[:8], second)
    assert [(pair.source, pair.before.tree, pair.after.tree) for pair in compared.pairs] == [("laravel", "t1", "t3")]
    assert [(one.source, one.only_in) for one in compared.alone] == [("old", first), ("new", second)]
    alone = paired(listed, site, listed[0].id, listed[3].id)
    assert [(pair.before.id, pair.after.id) for pair in alone.pairs] == [(listed[0].id, listed[3].id)]
    for wanted, code in (
        ((first, listed[0].id), "diff.unlike"),
        ((first, "c" * 32), "diff.unknown"),
        ((first, "b"), "diff.unknown"),
    ):
        with pytest.raises(UserError) as raised:
            paired(listed, site, *wanted)
        assert raised.value.code == code
