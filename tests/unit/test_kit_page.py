"""The printed page: what is on it, what is not, and that all of it can be typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.words import ENGLISH
from app.jobs.kit.page import Made, Page, page_of
from app.settings.check_characters import LONGEST, mistakes, without_marks
from app.settings.model import Host, HostKind, Repository, Site, Source, SourceKind
from app.settings.site_file import read

pytestmark = pytest.mark.spec("S6")

MADE = Made("2026-11-21", "eva", "0.19.0")
PASSWORD = "p'ss \\ wört  \"$x` 7"
SECRETS = {"repository-password": PASSWORD, "s3-access-key": "AKIA7", "s3-secret-key": "se/cret+7" * 30}


def a_site(**fields: object) -> Site:
    return Site(**{"name": "north-house", "repository": Repository(url="/mnt/repo"), **fields})  # type: ignore[arg-type]


def source(kind: SourceKind, name: str = "it", **fields: object) -> Source:
    return Source(**{"name": name, "kind": kind, **fields})  # type: ignore[arg-type]


def lines(page: Page) -> list[str]:
    return [line for section in page.sections for line in section.lines]


def commands(site: Site) -> str:
    return "\n".join(without_marks(lines(page_of(site, SECRETS, MADE))))


EVERYTHING = a_site(
    title="Северная теплица",
    hosts=(Host(name="server", kind=HostKind.SSH, address="10.0.0.5"),),
    sources=(
        source(SourceKind.POSTGRESQL, "database", database="hydro", server="127.0.0.1", user="hydro", host="server"),
        source(SourceKind.POSTGRESQL_GLOBALS, "roles", server="/run/postgresql"),
        source(SourceKind.MYSQL, "shop", database="shop", server="localhost"),
        source(SourceKind.MYSQL_USERS, "accounts", server="/run/mysqld"),
        source(SourceKind.SQLITE, "readings", database="/srv/readings.sqlite"),
        source(SourceKind.FILES, "laravel", root="/var/www/my laravel"),
        source(SourceKind.FILES, "windows", root="C:\\site\\data"),
        source(SourceKind.DOCKER_VOLUME, "volume", volume="mqtt"),
        source(SourceKind.RECORDS, "own"),
        source(SourceKind.FILES, "switched-off", root="/nowhere", enabled=False),
    ),
)


def test_each_source_has_its_own_command() -> None:
    said = commands(EVERYTHING)
    for expected in (
        "export RESTIC_REPOSITORY=/mnt/repo",
        "restic snapshots --tag site:north-house,type:manifest,outcome:complete",
        'restic dump latest --tag "$run",source:database /database.dump > ./database.dump',
        "export PGHOST=127.0.0.1",
        "createdb hydro",
        "pg_restore --no-owner -d hydro ./database.dump",
        "psql -d postgres -f ./roles.sql",
        "mariadb --protocol=tcp --host=localhost --port=3306 -p -e 'CREATE DATABASE `shop`'",
        "mariadb --protocol=socket --socket=/run/mysqld/mysqld.sock -p < ./accounts.sql",
        'restic dump latest --tag "$run",source:readings /readings.sqlite > ./readings.sqlite',
        "restic restore 'latest:/var/www/my laravel' --tag \"$run\",source:laravel --target ./tree-laravel",
        'restic restore latest:/C/site/data --tag "$run",source:windows --target ./tree-windows',
        'restic restore latest --tag "$run",source:volume --target ./tree-volume',
    ):
        assert expected in said
    assert "switched-off" not in said
    assert said.index("roles.sql") < said.index("database.dump")
    assert said.index("accounts.sql") < said.index("shop.sql")


def test_only_what_the_repository_needs_is_on_it_in_clear() -> None:
    s3 = a_site(repository=Repository(bucket="house", region="eu"))
    assert "AWS_ACCESS_KEY_ID=AKIA7" in commands(s3)
    assert "AWS_DEFAULT_REGION=eu" in commands(s3)
    assert "AKIA7" not in commands(a_site())
    page = page_of(a_site(), {**SECRETS, "source:database:password": "canary"}, MADE)
    assert "canary" not in page.text(ENGLISH)
    assert "wört" not in repr(page) + repr(page.sections)


def test_the_text_holds_every_line_whole_and_the_site_file() -> None:
    page = page_of(EVERYTHING, SECRETS, MADE)
    text = page.text(ENGLISH)
    printed = [line for line in text.splitlines() if without_marks([line])]
    assert printed == lines(page)
    assert mistakes(printed) == []
    assert 'root = "/var/www/my laravel"' in text
    assert "Северная теплица" in text


def test_the_codes_hold_the_same_lines_and_the_site_file() -> None:
    page = page_of(EVERYTHING, SECRETS, MADE)
    codes = page.codes()
    typed = "".join(code.content for code in codes if "Lines" in str(code.title))
    assert typed.splitlines() == without_marks(lines(page))
    file = "".join(code.content for code in codes if "Site file" in str(code.title))
    assert read(file).site == EVERYTHING
    assert max(len(code.content) for code in codes) <= 900
    assert "wört" not in repr(codes)


anything = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=400)


@given(password=anything.filter(lambda text: "\n" not in text), root=anything, database=anything)
def test_whatever_is_in_them_lines_can_be_typed(password: str, root: str, database: str) -> None:
    site = a_site(
        name="a" * 40,
        repository=Repository(url=f"/{root}"),
        sources=(
            source(SourceKind.FILES, "n" * 64, root=f"/{root}"),
            source(SourceKind.POSTGRESQL, "m" * 64, database=database, server=database, user=database),
            source(SourceKind.MYSQL, "o" * 64, database=database, server=database, user=database),
        ),
    )
    printed = lines(page_of(site, {"repository-password": password}, MADE))
    assert max(map(len, printed)) <= LONGEST
    assert all(line.isascii() for line in printed)
    assert mistakes(printed) == []
