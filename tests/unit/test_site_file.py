"""The site file: the example of the manual, the same site back, and every problem with its line and its remedy."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.settings.contacts import Contact, RunbookNotes
from app.settings.model import (
    DATABASE_KINDS,
    SERVER_KINDS,
    THIS_COMPUTER,
    TREE_KINDS,
    Command,
    CommandWhen,
    Host,
    HostKind,
    Repository,
    Retention,
    Site,
    Source,
    SourceKind,
)
from app.settings.rules import RESERVED_SOURCES, Fault, faults_of
from app.settings.site_file import SiteFileError, read, write
from app.settings.toml_lines import Path, lines_of

EXAMPLE = """\
format = 1
name = "north-house"            # short id, [a-z0-9-], at most 40: tags, phrase, commands
title = "Северная теплица"      # any script, at most 200
app = "hydro"
env = "production"
time_zone = "Europe/Prague"

[repository]
url = "/mnt/disk/repo"

[[hosts]]
name = "server"
kind = "ssh"                    # ssh | container
address = "10.0.0.5"
user = "ops"

[[hosts]]
name = "db-container"
kind = "container"
on = "server"
container = "hydro-prod-db-1"

[[sources]]
name = "database"
kind = "postgresql"
layer = "postgresql"
enabled = true
host = "this-computer"
database = "hydro"
server = "127.0.0.1"
port = 5432
user = "hydro"

[[sources]]
name = "laravel"
kind = "files"
layer = "laravel"
host = "this-computer"
root = "/var/www/laravel"
include = [".env", "storage/app/ota", "storage/app/public", "composer.lock"]
exclude = ["storage/logs"]
keep_live = [".env"]
clear_after = ["storage/framework/views/*", "bootstrap/cache/*.php"]

[[commands]]
name = "maintenance"
host = "this-computer"
folder = "/var/www/laravel"
when = "maintenance_on"
run = ["php", "artisan", "down", "--secret={bypass}"]
undo = ["php", "artisan", "up"]
optional = false
timeout = "60s"

[retention]
keep_daily = 7
keep_weekly = 4
keep_monthly = 12
"""

SMALLEST = 'format = 1\nname = "south"\nrepository = {url = "/mnt/disk/south"}\n'


def with_line(line: str, number: int) -> str:
    """The example with another line in the place of one."""
    lines = EXAMPLE.splitlines()
    return "\n".join([*lines[: number - 1], line, *lines[number:]]) + "\n"


def line_of(start: str) -> int:
    """The number of the line of the example that begins so."""
    return next(number for number, line in enumerate(EXAMPLE.splitlines(), 1) if line.startswith(start))


def refusal(content: str | bytes) -> SiteFileError:
    """The error that a file gets."""
    with pytest.raises(SiteFileError) as caught:
        read(content)
    return caught.value


@pytest.mark.spec("S7")
def test_the_example_of_the_manual_is_read_with_everything_in_it() -> None:
    site = read(EXAMPLE).site
    assert (site.name, site.title, site.time_zone) == ("north-house", "Северная теплица", "Europe/Prague")
    assert site.repository.address == "/mnt/disk/repo"
    server, container = site.hosts
    assert (server.kind, server.address, server.port, server.user) == (HostKind.SSH, "10.0.0.5", 22, "ops")
    assert (container.on, container.container) == ("server", "hydro-prod-db-1")
    database, laravel = site.sources
    assert (database.kind, database.database, database.server, database.port, database.user) == (
        SourceKind.POSTGRESQL,
        "hydro",
        "127.0.0.1",
        5432,
        "hydro",
    )
    assert (laravel.root, laravel.exclude, laravel.keep_live) == ("/var/www/laravel", ("storage/logs",), (".env",))
    (command,) = site.commands
    assert (command.when, command.run[0], command.deadline) == (CommandWhen.MAINTENANCE_ON, "php", 60.0)
    assert site.retention == Retention(keep_daily=7, keep_weekly=4, keep_monthly=12)


@pytest.mark.spec("S2")
def test_the_smallest_file_gets_every_default() -> None:
    site = read(SMALLEST).site
    assert (site.title, site.app, site.env, site.time_zone) == ("south", "south", "production", "UTC")
    assert site.retention == Retention(keep_daily=7, keep_weekly=4, keep_monthly=12)
    source = read(SMALLEST + '[[sources]]\nname = "b"\nkind = "boards"\n').site.sources[0]
    assert (source.layer, source.host, source.enabled) == ("esp32", THIS_COMPUTER, True)
    source = read(SMALLEST + '[[sources]]\nname = "m"\nkind = "mysql"\ndatabase = "shop"\n').site.sources[0]
    assert (source.layer, source.server, source.port) == ("mysql", "127.0.0.1", 3306)
    source = read(SMALLEST + '[[sources]]\nname = "u"\nkind = "mysql-users"\n').site.sources[0]
    assert (source.layer, source.port, source.secret_names()) == ("mysql-users", 3306, ("source:u:password",))
    source = read(SMALLEST + '[[sources]]\nname = "r"\nkind = "records"\n').site.sources[0]
    assert (source.layer, source.secret_names()) == ("overwinter", ())


@pytest.mark.spec("S2")
def test_a_source_of_a_database_is_refused_what_it_cannot_be() -> None:
    for lines, code in (
        ('kind = "sqlite"\ndatabase = "data.db"', "site-file.relative-database"),
        ('kind = "sqlite"', "site-file.missing-key"),
        ('kind = "mysql"', "site-file.missing-key"),
        ('kind = "mysql-users"\ndatabase = "shop"', "site-file.needless-key"),
        ('kind = "records"\nhost = "server"', "site-file.records-elsewhere"),
    ):
        server = '[[hosts]]\nname = "server"\nkind = "ssh"\naddress = "10.0.0.5"\n'
        assert refusal(f'{SMALLEST}{server}[[sources]]\nname = "x"\n{lines}\n').code == code


def test_a_file_saved_by_a_windows_editor_is_the_same_file() -> None:
    assert read(b"\xef\xbb\xbf" + EXAMPLE.replace("\n", "\r\n").encode()).site == read(EXAMPLE).site


@pytest.mark.spec("S7")
def test_an_exported_site_is_readable_and_names_the_secrets_it_does_not_hold() -> None:
    written = write(read(EXAMPLE).site)
    assert "overwinter secret set north-house NAME" in written
    assert "repository-password, source:database:password, host:server:password" in written
    assert 'title = "Северная теплица"' in written
    assert "enabled" not in written  # it has its default


# --- problems ---------------------------------------------------------------------------------


PROBLEMS = [
    ("name =", 'name = "North House"', "site-file.wrong-value", "small letters"),
    ("name =", f'name = "{"n" * 41}"', "site-file.wrong-value", "at most 40"),
    ("name =", 'name = "north\\n"', "site-file.wrong-value", "small letters"),
    ("title =", f'title = "{"Т" * 201}"', "site-file.wrong-value", "200"),
    ("title =", 'title = "two\\nlines"', "site-file.wrong-value", "one line"),
    ("env =", 'env = "produc,tion"', "site-file.wrong-value", "letters A to Z"),
    ("app =", 'app = "гидро"', "site-file.wrong-value", "letters A to Z"),
    ("app =", "app = 5", "site-file.wrong-value", "letters A to Z"),
    ("time_zone =", 'time_zone = "Europe/Prag"', "site-file.unknown-time-zone", 'Did you mean "Europe/Prague"?'),
    ("time_zone =", 'time_zone = "Europe"', "site-file.unknown-time-zone", "Europe/"),
    ("url =", 'url = "disk/repo"', "site-file.wrong-address", "absolute path"),
    ("url =", 'url = "/r"\nbucket = "b-b"', "site-file.repository-twice", "Keep url"),
    ("url =", "", "site-file.no-repository", "Add url"),
    ('kind = "ssh"', 'kind = "ssl"', "site-file.wrong-value", 'Did you mean "ssh"?'),
    ("address =", "", "site-file.missing-key", "Add address"),
    ("address =", 'address = "ops@10.0.0.5"', "site-file.wrong-value", "fields of their own"),
    ("address =", 'address = "10.0.0.5"\nport = 65536', "site-file.wrong-value", "1 to 65535"),
    ("address =", 'address = "10.0.0.5"\nport = true', "site-file.wrong-value", "1 to 65535"),
    ("on =", 'on = "sever"', "site-file.unknown-host", 'Did you mean "server"?'),
    ("on =", 'on = "db-container"', "site-file.no-way-to-host", "kind ssh"),
    ('layer = "postgresql"', 'layer = "a b"', "site-file.wrong-value", "letters A to Z"),
    ('kind = "postgresql"', 'kind = "postgres"', "site-file.wrong-value", 'Did you mean "postgresql"?'),
    ("database =", 'root = "/x"\ndatabase = "hydro"', "site-file.needless-key", "Take root out"),
    ("database =", "", "site-file.missing-key", "Add database"),
    ("enabled =", 'enabled = "yes"', "site-file.wrong-value", "true or false"),
    ("root =", 'root = "www/laravel"', "site-file.relative-root", "whole path"),
    ("root =", 'root = "/var/../etc"', "site-file.relative-root", "without .."),
    ("root =", "", "site-file.missing-key", "Add root"),
    ("exclude =", 'exclude = ["../x"]', "site-file.outside", "inside the folder"),
    ("exclude =", 'exclude = "storage"', "site-file.wrong-value", "list"),
    ("clear_after =", 'clear_after = ["/etc/*"]', "site-file.outside", "inside the folder"),
    ("when =", 'when = "maintenance"', "site-file.wrong-value", 'Did you mean "maintenance_on"?'),
    ("run =", "run = []", "site-file.wrong-value", "program first"),
    ("run =", 'run = "php artisan down"', "site-file.wrong-value", "list"),
    ("timeout =", 'timeout = "60"', "site-file.wrong-value", '"60s"'),
    ("keep_weekly =", "keep_weekly = -1", "site-file.wrong-value", "0 to 10000"),
    ("keep_weekly =", "keep_weakly = 4", "site-file.unknown-key", 'Did you mean "keep_weekly"?'),
    ("keep_weekly =", 'keep_within = "14 days"', "site-file.wrong-value", "14d"),
    ("user =", 'password = "canary"', "site-file.unknown-key", "overwinter secret set"),
    ("[retention]", "[retension]", "site-file.unknown-key", 'Did you mean "retention"?'),
    ("format =", "format = 0", "site-file.wrong-value", "format = 1"),
    ("format =", "", "site-file.missing-key", "format = 1"),
]


@pytest.mark.spec("X3")
@pytest.mark.parametrize(("start", "line", "code", "remedy"), PROBLEMS)
def test_a_problem_is_named_with_its_line_and_what_to_write_instead(
    start: str, line: str, code: str, remedy: str
) -> None:
    number = line_of(start)
    error = refusal(with_line(line, number))
    said_line, fault = error.faults[0]
    assert error.code == code
    assert remedy in str(fault.remedy)
    assert remedy in str(error.problem.next)
    assert str(error.problem.what).startswith(f"Line {said_line}: ")
    if line:
        assert number <= said_line <= number + line.count("\n")
    else:  # the line of a missing key is that of its table
        assert said_line <= number
    assert "canary" not in str(error.problem)


@pytest.mark.spec("B2")
@pytest.mark.parametrize("root", ["/", "//", "/.", "C:\\\\", "c:/"])
def test_the_whole_disk_is_refused_without_include_and_exclude(root: str) -> None:
    source = f'[[sources]]\nname = "all"\nkind = "files"\nroot = "{root}"\n'
    assert refusal(SMALLEST + source).code == "site-file.whole-disk"
    assert read(SMALLEST + source + 'exclude = ["proc"]\n').site.sources[0].exclude == ("proc",)
    assert read(SMALLEST + source + 'include = ["etc"]\n').site.sources[0].include == ("etc",)


@pytest.mark.spec("B2")
def test_a_path_below_the_root_may_be_written_in_full() -> None:
    whole_disk = '[[sources]]\nname = "all"\nkind = "files"\nroot = "/"\nexclude = ["/proc", "sys"]\n'
    assert read(SMALLEST + whole_disk).site.sources[0].exclude == ("proc", "sys")
    laravel = EXAMPLE.replace('exclude = ["storage/logs"]', 'exclude = ["/var/www/laravel/storage/logs"]')
    assert read(laravel).site == read(EXAMPLE).site
    neighbour = EXAMPLE.replace('exclude = ["storage/logs"]', 'exclude = ["/var/www/laravel-2/storage"]')
    assert refusal(neighbour).code == "site-file.outside"


@pytest.mark.spec("B4")
@pytest.mark.parametrize("name", ["a,b", "a b", "", "a:b", "теплица", "a" * 65, "x\\n"])
@pytest.mark.parametrize("start", ['name = "server"', 'name = "database"', 'layer = "laravel"', "env =", "app ="])
def test_what_would_not_fit_into_a_tag_is_refused_before_anything_runs(start: str, name: str) -> None:
    key = start.partition(" ")[0]
    if name or key not in ("layer", "app"):  # left empty these are filled in
        assert refusal(with_line(f'{key} = "{name}"', line_of(start))).code == "site-file.wrong-value"


def test_names_are_used_once_large_letters_or_small() -> None:
    twice = EXAMPLE.replace('name = "laravel"', 'name = "Database"')
    error = refusal(twice)
    assert error.code == "site-file.duplicate-name"
    assert error.faults[0][0] == line_of('name = "laravel"')
    assert refusal(EXAMPLE.replace('name = "server"', 'name = "this-computer"')).code == "site-file.duplicate-name"
    assert refusal(EXAMPLE.replace('name = "laravel"', 'name = "manifest"')).code == "site-file.reserved-name"


def test_a_way_to_a_host_that_leads_in_a_circle_is_refused() -> None:
    one = '[[hosts]]\nname = "one"\nkind = "ssh"\naddress = "a"\njump = "two"\n'
    two = '[[hosts]]\nname = "two"\nkind = "ssh"\naddress = "b"\njump = "one"\n'
    assert {fault.code for _, fault in refusal(SMALLEST + one + two).faults} == {"no-way-to-host"}
    assert read(SMALLEST + one + two.replace('jump = "one"', "")).site.hosts[0].jump == "two"


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_their_lines() -> None:
    content = EXAMPLE.replace('"Europe/Prague"', '"Nowhere"').replace('root = "/var', 'root = "var')
    content = content.replace('on = "server"', 'on = "sever"').replace("keep_daily", "keep_dayly")
    error = refusal(content)
    found = [(line, fault.code) for line, fault in error.faults]
    assert found == [
        (line_of("time_zone"), "unknown-time-zone"),
        (line_of("on ="), "unknown-host"),
        (line_of("root ="), "relative-root"),
        (line_of("keep_daily"), "unknown-key"),
    ]
    assert error.code == "site-file.unknown-time-zone"
    assert error.problem.detail.count("\n") == 3
    assert "3 more problems" in str(error.problem.next)


def test_a_host_that_cannot_be_read_is_not_called_missing_as_well() -> None:
    error = refusal(with_line('kind = "ssl"', line_of('kind = "ssh"')))
    assert [fault.code for _, fault in error.faults] == ["wrong-value"]


@pytest.mark.parametrize("content", ["format = 2", 'format = 2\nnew_key = 1\nname = 5\n[[hosts]]\nx = "y"'])
def test_a_newer_file_asks_for_an_update_and_for_nothing_else(content: str) -> None:
    error = refusal(content)
    assert error.code == "site-file.newer"
    assert str(error.problem.next) == "Update Overwinter."
    assert len(error.faults) == 1


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("format = 1\nname = north\n", 2),
        ('format = 1\n\n[repository\nurl = "/r"\n', 3),
        ("format = 1\nlist = [1,\n", 3),
        ("name = 1\nname = 2\n", 2),
        (f"x = {'[' * 5000}", 1),
        (f"x = {'9' * 5000}", 1),
    ],
)
def test_what_is_not_toml_is_named_with_its_line(content: str, line: int) -> None:
    error = refusal(content)
    assert error.code == "site-file.not-toml"
    assert error.faults[0][0] == line


def test_a_file_in_another_encoding_is_named_with_its_line() -> None:
    error = refusal(EXAMPLE.encode("cp1251"))
    assert error.code == "site-file.not-text"
    assert error.faults[0][0] == line_of("title")


@pytest.mark.parametrize(
    "content", ["repository = 3", "hosts = 3", "hosts = [3]", "retention = []", "[sources]\nx = 1"]
)
def test_what_should_be_a_table_is_named(content: str) -> None:
    before = SMALLEST if not content.startswith("repository") else 'format = 1\nname = "south"\n'
    assert "not a table" in str(refusal(before + content).problem.what)


# --- credentials in addresses -----------------------------------------------------------------


@pytest.mark.spec("S3")
@pytest.mark.parametrize(
    ("url", "clean", "secrets"),
    [
        (
            "rest:https://ana:p%40ss@backup.example:8000/north/",
            "rest:https://backup.example:8000/north/",
            {"rest-username": "ana", "rest-password": "p@ss"},
        ),
        ("rest:http://ana@host/", "rest:http://host/", {"rest-username": "ana"}),
        ("rest:http://ana:p@ss@host/x", "rest:http://host/x", {"rest-username": "ana", "rest-password": "p@ss"}),
        (
            "s3:https://AKIA:ab/cd+ef==@s3.example.com/bucket/north",
            "s3:https://s3.example.com/bucket/north",
            {"s3-access-key": "AKIA", "s3-secret-key": "ab/cd+ef=="},
        ),
        (
            "s3:AKIA:hidden@host:9000/bucket",
            "s3:host:9000/bucket",
            {"s3-access-key": "AKIA", "s3-secret-key": "hidden"},
        ),
        ("rest:https://host/ana@example.com/", "rest:https://host/ana@example.com/", {}),
        ("sftp:ops@host:/srv/repo", "sftp:ops@host:/srv/repo", {}),
        ("/mnt/a:b@c/repo", "/mnt/a:b@c/repo", {}),
    ],
)
def test_credentials_are_cut_out_of_an_address_and_handed_back_as_secrets(
    url: str, clean: str, secrets: Mapping[str, str]
) -> None:
    found = read(SMALLEST.replace("/mnt/disk/south", url))
    assert found.site.repository.url == clean
    assert found.secrets == secrets
    assert set(secrets) <= set(found.site.secret_names())
    assert read(write(found.site)).secrets == {}
    for value in secrets.values():
        assert value not in repr(found)


@pytest.mark.spec("S3")
def test_credentials_in_an_endpoint_are_cut_out_too() -> None:
    content = 'format = 1\nname = "s"\n[repository]\nendpoint = "https://K:S@minio.example:9000"\nbucket = "green"\n'
    found = read(content)
    assert found.site.repository.address == "s3:https://minio.example:9000/green"
    assert found.secrets == {"s3-access-key": "K", "s3-secret-key": "S"}


@pytest.mark.spec("S4")
@pytest.mark.parametrize(
    "url",
    [
        "sftp://ops:canary@host/srv",
        "sftp:ops:canary@host:/srv",
        "rclone::sftp,host=x,pass=canary:repo",
        "https://ana:canary@host/",
        "rest:https://ana:can/ary",
        "ana:canary@host:/x",
    ],
)
def test_a_password_that_cannot_be_moved_is_refused_and_never_repeated(url: str) -> None:
    error = refusal(SMALLEST.replace("/mnt/disk/south", url))
    assert error.code in ("site-file.password-in-address", "site-file.wrong-address")
    assert "can" not in str(error.problem.detail).replace("cannot", "")


# --- the same site back -----------------------------------------------------------------------

TAGS = st.text("abcXYZ019._-", min_size=1, max_size=64)
LINES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30)
RELATIVE = st.text(min_size=1, max_size=20).filter(lambda path: not {"/", "\\", "\0", ".", ":"} & set(path))
FOLDERS = st.one_of(RELATIVE.map(lambda path: f"/{path}"), RELATIVE.map(lambda path: f"C:\\{path}"))
PATHS = st.lists(RELATIVE, max_size=3).map(tuple)
PORTS = st.integers(1, 65535)
TIMES = st.builds(lambda number, unit: f"{number}{unit}", st.integers(1, 999_999), st.sampled_from("smh"))
ARGUMENTS = st.lists(st.text().filter(lambda text: "\0" not in text), max_size=3)
PROGRAMS = st.text(min_size=1).filter(lambda text: "\0" not in text and text.strip() != "")


CONTACTS = st.builds(
    Contact, name=LINES.filter(bool), role=LINES, phone=st.sampled_from(["", "+420 123 (4)"]), note=LINES
)


@st.composite
def sources(draw: st.DrawFn, name: str) -> Source:
    kind = draw(st.sampled_from(SourceKind))
    fields: dict[str, Any] = {"name": name, "kind": kind, "enabled": draw(st.booleans())}
    fields["layer"] = draw(TAGS)
    if kind in DATABASE_KINDS and kind is not SourceKind.MYSQL_USERS:
        fields["database"] = draw(FOLDERS.filter(str.isprintable) if kind is SourceKind.SQLITE else TAGS)
    if kind in SERVER_KINDS:
        fields |= {"server": draw(TAGS), "port": draw(PORTS), "user": draw(LINES)}
    if kind in (SourceKind.FILES, SourceKind.WAL):
        fields["root"] = draw(FOLDERS)
    if kind is SourceKind.DOCKER_VOLUME:
        fields["volume"] = "mqtt_data"
    if kind in TREE_KINDS:
        fields |= {key: draw(PATHS) for key in ("include", "exclude", "keep_live", "clear_after")}
    return Source(**fields)


@st.composite
def hosts(draw: st.DrawFn, name: str) -> Host:
    if draw(st.booleans()):
        return Host(name=name, kind=HostKind.CONTAINER, container="db-1")
    return Host(
        name=name,
        kind=HostKind.SSH,
        address="10.0.0.5",
        port=draw(PORTS),
        user="ops",
        key_file=draw(LINES),
        sudo=draw(st.booleans()),
    )


@st.composite
def commands(draw: st.DrawFn, name: str) -> Command:
    return Command(
        name=name,
        when=draw(st.sampled_from(CommandWhen)),
        run=(draw(PROGRAMS), *draw(ARGUMENTS)),
        undo=tuple(draw(ARGUMENTS)),
        optional=draw(st.booleans()),
        timeout=draw(TIMES),
        folder=draw(st.one_of(st.just(""), FOLDERS)),
    )


@st.composite
def sites(draw: st.DrawFn) -> Site:
    names = draw(st.lists(TAGS.map(str.lower), min_size=6, max_size=6, unique=True))
    names = [f"{name[:60]}-{number}" for number, name in enumerate(names) if name not in RESERVED_SOURCES]
    repository = draw(
        st.one_of(
            FOLDERS.filter(str.isprintable).map(lambda path: Repository(url=path)),
            st.builds(
                Repository, bucket=st.just("green-1"), prefix=st.just("a/b"), region=st.sampled_from(["", "eu-1"])
            ),
            st.just(Repository(url="rest:https://host:8000/x/")),
        )
    )
    return Site(
        name=draw(st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True)),
        title=draw(LINES),
        app=draw(TAGS),
        env=draw(TAGS),
        time_zone=draw(st.sampled_from(["UTC", "Europe/Prague", "Asia/Yekaterinburg"])),
        repository=repository,
        hosts=tuple(draw(hosts(name)) for name in names[:2]),
        sources=tuple(draw(sources(name)) for name in names[2:4]),
        commands=tuple(draw(commands(name)) for name in names[4:6]),
        retention=Retention(
            keep_last=draw(st.integers(0, 3)),
            keep_daily=draw(st.integers(0, 10_000)),
            keep_weekly=draw(st.integers(0, 99)),
            keep_within=draw(st.sampled_from(["", "14d", "1y6m14d12h"])),
        ),
        contacts=tuple(draw(st.lists(CONTACTS, max_size=2))),
        runbook=RunbookNotes(kit=draw(LINES), notes=tuple(draw(st.lists(LINES, max_size=2)))),
    )


@pytest.mark.spec("S8")
def test_whom_to_call_and_what_to_know_stand_in_the_file() -> None:
    added = """
[[contacts]]
name = "Ольга"
phone = "+420 123 456 789"
email = "olga@example.org"

[runbook]
kit = "safe in the office"
notes = ["Close the CO2 valve by hand first."]
"""
    site = read(EXAMPLE + added).site
    assert site.contacts == (Contact(name="Ольга", phone="+420 123 456 789", email="olga@example.org"),)
    assert site.runbook == RunbookNotes(kit="safe in the office", notes=("Close the CO2 valve by hand first.",))
    assert "[runbook]" not in write(read(EXAMPLE).site)
    for wrong in ('phone = "ring me"', 'email = "no address"', 'name = ""', 'note = "two\\nlines"'):
        assert refusal(f'{EXAMPLE}\n[[contacts]]\nname = "x"\n{wrong}'.replace('name = "x"\nname', "name")).code == (
            "site-file.wrong-value"
        )


@pytest.mark.spec("S7")
@given(site=sites())
@settings(max_examples=60, deadline=None)
def test_every_site_comes_back_from_its_file_as_it_was(site: Site) -> None:
    assert faults_of(site) == ()
    again = read(write(site))
    assert again.site == site
    assert again.secrets == {}


@given(site=sites(), data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_damage_to_a_file_is_told_as_a_problem_of_a_line(site: Site, data: st.DataObject) -> None:
    content = write(site)
    at = data.draw(st.integers(0, len(content) - 1))
    damaged = content[:at] + data.draw(st.sampled_from('"=[]\n\\x')) + content[at + 1 :]
    faults: tuple[tuple[int, Fault], ...] = ()
    try:
        read(damaged)
    except SiteFileError as error:
        faults = error.faults
    assert all(1 <= line <= damaged.count("\n") + 1 for line, _ in faults)


# --- lines ------------------------------------------------------------------------------------

KEYS = st.sampled_from(["a", "b", '"c d"', "'e.f'", "1"])
SCALARS = st.sampled_from(
    [
        "1",
        "true",
        "-1.5e3",
        "2026-01-01 02:03:04",
        '"#]}"',
        "'''\n]'''",
        '"""x\\"""\n[a]\ny = 1 \\\n  """',
        '"""a"""""',
        "'\\'",
        '"\\\\"',
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda values: st.one_of(
        st.lists(values, max_size=3).map(lambda each: "[ # ]\n" + " , # x\n".join(each) + "\n]"),
        st.dictionaries(KEYS, values, max_size=2).map(
            lambda table: "{ " + " , ".join(f"{key} = {value}" for key, value in table.items()) + " }"
        ),
    ),
    max_leaves=5,
)
PAIRS = st.builds(
    lambda indent, keys, value: f"{indent}{' . '.join(keys)} = {value} # c",
    *[st.sampled_from(["", "  ", "\t"]), st.lists(KEYS, min_size=1, max_size=2), VALUES],
)
HEADERS = st.builds(
    lambda marks, keys: f"{marks[0]}{'.'.join(keys)}{marks[1]}  # [x]",
    st.sampled_from([("[", "]"), ("[[", "]]"), ("[ ", " ]")]),
    st.lists(KEYS, min_size=1, max_size=2),
)


def paths_of(value: Any, path: Path = ()) -> set[Path]:
    """Every place in a document as the standard library reads it."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    below = [paths_of(each, (*path, key)) | {(*path, key)} for key, each in inner]
    return set().union(*below)


@given(lines=st.lists(st.one_of(PAIRS, HEADERS, st.sampled_from(["", "# x", "\r"])), max_size=8))
@settings(max_examples=200, deadline=None)
def test_every_place_of_any_document_is_found_on_its_line(lines: list[str]) -> None:
    document = "\n".join(lines) + "\n"
    try:
        parsed = tomllib.loads(document)
    except tomllib.TOMLDecodeError:
        return
    found = lines_of(document)
    # A header such as [a.b] makes the table a without a line of its own.
    assert set(found) <= paths_of(parsed)
    assert {path for path in paths_of(parsed) if not _is_implied(path, found)} <= set(found)


def _is_implied(path: Path, found: Mapping[Path, int]) -> bool:
    return path not in found and any(other[: len(path)] == path for other in found)


def test_a_fault_of_a_form_is_the_fault_of_the_file() -> None:
    site = read(EXAMPLE).site
    bad = msgspec.structs.replace(site, env="a,b", repository=Repository(url="rest:http://u:p@h/"))
    assert {(fault.where, fault.code) for fault in faults_of(bad)} == {
        (("env",), "wrong-value"),
        (("repository", "url"), "password-in-address"),
    }
