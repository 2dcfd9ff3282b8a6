"""What MySQL's and MariaDB's programs write and say, read without any of them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.foundation.errors import Refused
from app.tools.mysql.errors import from_words, number_in
from app.tools.mysql.grants import rights_in
from app.tools.mysql.programs import Flavour, flavour_of, series, version_in
from app.tools.mysql.server import Server, check_name, option_file
from app.tools.mysql.written import WrittenDump

SERVER = Server("127.0.0.1", 3306, "hydro", "hydro")


# --- a dump that was written -----------------------------------------------------------------------------------------

TEXTS = st.text(max_size=30) | st.sampled_from(
    ["),(", "it's", "back\\", "\\'", "INSERT INTO `x` VALUES (1);\n", "(", ";\n"]
)
VALUES = TEXTS | st.integers() | st.none() | st.binary(max_size=20)
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
ROWS = st.lists(st.lists(VALUES, min_size=1, max_size=4), max_size=6)
TABLES = st.dictionaries(NAMES, ROWS, max_size=4)


def literal(value: object) -> str:
    """A value as the dump programs write it."""
    if isinstance(value, str):
        named = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\0": "\\0", "\x1a": "\\Z"}
        return "'" + "".join(named.get(character, character) for character in value) + "'"
    if isinstance(value, bytes):
        return "0x" + value.hex().upper() if value else "''"
    return "NULL" if value is None else str(value)


def table(name: str, rows: list[list[object]], *, mariadb: bool, columns: bool) -> str:
    """A table with its rows, in MariaDB's form (a row a line) or in MySQL's."""
    quoted = name.replace("`", "``")
    head = f"DROP TABLE IF EXISTS `{quoted}`;\nCREATE TABLE `{quoted}` (\n  `a(b``` int\n) COMMENT='it''s\\n(';\n"
    if not rows:
        return head
    between, first = (",\n", "\n") if mariadb else (",", " ")
    listed = " (`a(b```, row_start)" if columns else ""
    values = between.join(f"({','.join(map(literal, row))})" for row in rows)
    return f"{head}INSERT INTO `{quoted}`{listed} VALUES{first}{values};\n"


ROUTINE = """DELIMITER ;;
CREATE DEFINER=`root`@`localhost` PROCEDURE `p`()
BEGIN
INSERT INTO `log` VALUES (1);
-- Dump completed
END ;;
DELIMITER ;
"""


def dump(tables: dict[str, list[list[object]]], *, mariadb: bool, columns: bool) -> bytes:
    """A whole dump."""
    body = "".join(table(name, rows, mariadb=mariadb, columns=columns) for name, rows in tables.items())
    return f"-- a dump\n\n{body}{ROUTINE}/*!40111 SET SQL_NOTES=1 */;\n\n-- Dump completed\n".encode()


def read(content: bytes, cuts: list[int]) -> WrittenDump:
    """The dump, taken in pieces that end at these places."""
    written = WrittenDump()
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    for begin, end in itertools.pairwise(places):
        written.take(content[begin:end])
    return written


@pytest.mark.spec("B1")
@settings(suppress_health_check=[HealthCheck.too_slow])  # the first draw of any text reads the table of characters
@given(TABLES, st.booleans(), st.booleans(), st.lists(st.integers(0, 5000), max_size=40))
def test_rows_are_counted_whatever_they_hold_and_however_they_come(
    tables: dict[str, list[list[object]]], mariadb: bool, columns: bool, cuts: list[int]
) -> None:
    content = dump(tables, mariadb=mariadb, columns=columns)
    written = read(content, cuts)
    assert written.rows == {name: len(rows) for name, rows in tables.items()}
    assert (written.whole, written.size) == (True, len(content))


@pytest.mark.spec("B3")
@settings(suppress_health_check=[HealthCheck.too_slow])  # likewise
@given(TABLES, st.booleans(), st.integers(1, 10_000))
def test_a_dump_that_lacks_its_end_is_never_whole(
    tables: dict[str, list[list[object]]], mariadb: bool, missing: int
) -> None:
    content = dump(tables, mariadb=mariadb, columns=False)
    kept = len(content) - len(b"-- Dump completed\n") - missing % (len(content) - 18) + 1
    assert not read(content[: kept - 1], []).whole


@pytest.mark.spec("B3")
def test_a_dump_with_a_date_in_its_last_line_is_whole() -> None:
    assert read(b"-- Dump completed on 2026-11-21 12:53:31", []).whole


def test_little_of_a_long_row_is_held() -> None:
    written = WrittenDump()
    written.take(b"CREATE TABLE `t` (\n);\nINSERT INTO `t` VALUES\n(0x")
    for _ in range(100):
        written.take(b"41" * 50_000)
        assert len(written._held) < 100
    written.take(b"),\n(2);\n-- Dump completed\n")
    assert (written.rows, written.whole) == ({"t": 2}, True)


# --- versions and names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "version", "flavour"),
    [
        ("mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu", "10.11.19-MariaDB", "MariaDB"),
        ("mysqldump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu", "10.11.19-MariaDB", "MariaDB"),
        ("mariadb from 11.4.2-MariaDB, client 15.2 for debian-linux-gnu using", "11.4.2-MariaDB", "MariaDB"),
        ("mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)", "8.0.36", "MySQL"),
        ("mysqldump  Ver 9.7.4-2 for Linux on x86_64 ((Debian))", "9.7.4", "MySQL"),
        ("mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)", "5.7.44", "MySQL"),
    ],
)
def test_a_program_is_told_by_what_it_says(said: str, version: str, flavour: str) -> None:
    assert version_in(said) == version
    assert flavour_of(version) is Flavour(flavour)


def test_what_says_no_version_is_no_such_program() -> None:
    assert version_in("usage: mysqldump [options]") == ""


def test_servers_and_programs_are_compared_by_series() -> None:
    assert series("10.11.19-MariaDB-0+deb12u1") == (10, 11)
    assert series("8.0.36-28") == (8, 0) < series("8.4.2")


@pytest.mark.spec("S4")
def test_a_password_goes_into_the_option_file_quoted() -> None:
    assert option_file('a "b" \\n #') == b'[client]\npassword="a \\"b\\" \\\\n #"\n'
    assert option_file("") == b"[client]\n"
    with pytest.raises(Refused, match=r"mysql\.password-unusable"):
        option_file("two\nlines")


def test_a_database_whose_name_the_dump_programs_break_is_refused() -> None:
    check_name("od-d сад (x)")
    with pytest.raises(Refused, match=r"mysql\.name-unusable"):
        check_name("it's")


def test_an_absolute_path_is_the_socket_or_its_folder() -> None:
    assert Server("/run/mysqld", 3306, "u").arguments() == (
        "--protocol=socket",
        "--socket=/run/mysqld/mysqld.sock",
        "--user=u",
    )
    assert Server("/run/other.sock", 3306, "").arguments() == ("--protocol=socket", "--socket=/run/other.sock")
    assert Server("localhost", 3307, "").arguments() == ("--protocol=tcp", "--host=localhost", "--port=3307")


# --- rights ----------------------------------------------------------------------------------------------------------

WHOLE = "GRANT ALL PRIVILEGES ON `hydro`.* TO `hydro`@`%`"


@pytest.mark.parametrize(
    ("grants", "missing"),
    [
        ([WHOLE], ()),
        (["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED BY PASSWORD '*0' WITH GRANT OPTION"], ()),
        (["GRANT SELECT, LOCK TABLES, SHOW VIEW, EVENT, TRIGGER ON *.* TO `b`@`%`"], ()),
        (["GRANT SELECT, SHOW VIEW, EVENT, TRIGGER ON `hydro`.* TO `b`@`%`"], ("EXECUTE",)),
        (["GRANT SELECT, EXECUTE ON `hydro`.* TO `b`@`%`"], ("TRIGGER", "EVENT", "SHOW VIEW")),
        (["GRANT USAGE ON *.* TO `b`@`%`", "GRANT SELECT ON `hydro`.`nodes` TO `b`@`%`"], None),
        (["GRANT ALL PRIVILEGES ON `hy\\_ro`.* TO `b`@`%`"], None),
        (["GRANT ALL PRIVILEGES ON `hy%`.* TO `b`@`%`"], ()),
        (["GRANT ALL PRIVILEGES ON `hydr_`.* TO `b`@`%`"], ()),
        (["GRANT `reader` TO `b`@`%`", "GRANT ALL PRIVILEGES ON *.* TO `reader`"], ()),
        (["GRANT PROXY ON ``@`%` TO `root`@`localhost` WITH GRANT OPTION"], None),
        (["GRANT SELECT (`id`), SHOW VIEW ON `hydro`.`t` TO `b`@`%`"], None),
        ([WHOLE.replace("hydro`.", "other`.")], None),
    ],
)
@pytest.mark.spec("B3")
def test_what_a_dump_would_leave_out_without_a_word_is_found_in_the_grants(
    grants: list[str], missing: tuple[str, ...] | None
) -> None:
    everything = ("SELECT", "TRIGGER", "EVENT", "SHOW VIEW", "EXECUTE")
    assert rights_in(grants, "hydro").missing(views=True) == (everything if missing is None else missing)


def test_a_right_on_views_is_asked_for_only_where_there_are_some() -> None:
    grants = ["GRANT SELECT, TRIGGER, EVENT, EXECUTE ON `hydro`.* TO `b`@`%`"]
    assert rights_in(grants, "hydro").missing(views=False) == ()


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "number", "code"),
    [
        (
            'mariadb-dump: Got error: 1045: "Access denied (using password: YES)" when trying to connect',
            1045,
            "mysql.password-wrong",
        ),
        (
            "ERROR 1045 (28000): Access denied for user 'app'@'localhost' (using password: NO)",
            1045,
            "mysql.password-missing",
        ),
        (
            "mariadb-dump: Error 1412: Table definition has changed, please retry when dumping table `b` at row: 0",
            1412,
            "mysql.changing",
        ),
        (
            "Error: Couldn't read status information for table b ()\n"
            "mariadb-dump: Couldn't execute 'show create table `b`': Table 'r.b' doesn't exist (1146)",
            1146,
            "mysql.changing",
        ),
        (
            "mariadb-dump: Couldn't execute 'show create table `v`': SHOW VIEW command denied to user 'a'@'b' (1142)",
            1142,
            "mysql.no-rights",
        ),
        ("mariadb-dump: app has insufficient privileges to SHOW CREATE FUNCTION `f`!", 0, "mysql.no-rights"),
        (
            "mysqldump: Got error: 2003: Can't connect to MySQL server on '127.0.0.1:1' (111) when trying to connect",
            2003,
            "mysql.server-down",
        ),
        ("ERROR 2059 (HY000): Authentication plugin 'x' cannot be loaded", 2059, "mysql.login-unknown"),
        (
            "ERROR 2013 (HY000): Lost connection to server at 'handshake: reading initial communication packet'",
            2013,
            "mysql.not-mysql",
        ),
        (
            "mariadb-dump: Error 2013: Lost connection to server during query when dumping table `t` at row: 5",
            2013,
            "mysql.connection-lost",
        ),
        ("mysqldump: Error in field count for table: `kinds` !  Aborting.", 0, "mysql.changing"),
        (
            "mysqldump: Got error: 1449: The user specified as a definer ('x'@'%') does not exist when using LOCK",
            1449,
            "mysql.definer-missing",
        ),
        ("mariadb-dump: unknown variable 'init-command=select 1'", 0, "mysql.client-unfit"),
    ],
)
@pytest.mark.spec("B3", "X3")
def test_the_number_of_an_error_says_what_it_means(said: str, number: int, code: str) -> None:
    assert number_in(said) == number
    found = from_words(SERVER, said)
    assert found is not None
    assert found.code == code


def test_what_is_not_known_is_left_to_whoever_asked() -> None:
    assert from_words(SERVER, "mariadb-dump: Got errno 32 on write") is None
