"""The runbook: everything that brings the site back is in it, in order, and nothing that must not be."""

from __future__ import annotations

import html
import re
import shlex
from datetime import UTC, datetime

import msgspec
import pytest

from app.foundation.words import ENGLISH
from app.jobs.runbook.contents import Facts, contents, in_order
from app.jobs.runbook.document import Commands, Heading, Items, Paragraph, Part, Table, as_html, as_markdown
from app.jobs.runbook.recipes import Recipe, recipe_of, repository_lines
from app.settings.contacts import Contact, RunbookNotes
from app.settings.model import Host, HostKind, Repository, Site, Source, SourceKind
from app.settings.presets import Use, filled, with_parts

FACTS = Facts(datetime(2026, 11, 21, 2, 0, tzinfo=UTC), "laptop", {"repository-password": "keyring"})

SITE = Site(
    name="north-house",
    title="Северная теплица <1>",
    repository=Repository(endpoint="https://s3.example.org", bucket="green", prefix="north"),
    hosts=(
        Host(name="gate", kind=HostKind.SSH, address="gate.example.org", user="ops"),
        Host(name="server", kind=HostKind.SSH, address="10.0.0.5", port=2222, user="ops", jump="gate", key_file="~/k"),
    ),
    sources=(
        Source(name="laravel", kind=SourceKind.FILES, host="server", root="/var/www/a b", keep_live=(".env",)),
        Source(name="database", kind=SourceKind.POSTGRESQL, host="server", database='hyd"ro', user="hydro"),
        Source(name="roles", kind=SourceKind.POSTGRESQL_GLOBALS, host="server", user="postgres"),
        Source(name="volume", kind=SourceKind.DOCKER_VOLUME, volume="mqtt_data"),
    ),
    contacts=(Contact(name="Ольга | ночь", phone="+420 123"),),
    runbook=RunbookNotes(kit="safe in the office", notes=("Close the CO2 valve by hand first.",)),
)


def written(site: Site) -> str:
    return as_markdown(contents(site, FACTS), ENGLISH)


def recipe(name: str) -> Recipe:
    found = recipe_of(SITE, next(source for source in SITE.sources if source.name == name))
    assert found is not None
    return found


@pytest.mark.spec("S8")
def test_it_says_whom_to_call_where_the_keys_are_and_when_it_was_made() -> None:
    said = written(SITE)
    assert "2026-11-21 02:00 UTC" in said
    assert r"| Ольга \| ночь |" in said
    assert "safe in the office" in said
    assert "Close the CO2 valve by hand first." in said
    assert "keyring of laptop" in said
    assert re.search(r"s3-access-key \|.*NOT STORED", said)
    assert "~/k" in said
    assert "SSH ops@10.0.0.5, port 2222, through gate" in said


@pytest.mark.spec("S8")
def test_what_is_not_in_the_backup_is_said_and_gets_no_commands() -> None:
    said = written(SITE)
    assert re.search(r"volume \| docker-volume .*\| NO \|", said)
    assert "source:volume" not in said


@pytest.mark.spec("S8")
def test_sources_come_back_in_the_order_in_which_they_need_each_other() -> None:
    assert [source.name for source in in_order(SITE.sources)] == ["roles", "database", "laravel", "volume"]
    said = written(SITE)
    assert said.index("### roles") < said.index("### database") < said.index("### laravel")


@pytest.mark.spec("S8")
def test_commands_around_a_restore_stand_before_and_after_it() -> None:
    site = with_parts(SITE, filled(Use("laravel", "web", "server", {"db": "none"})))
    said = written(site)
    down, up = said.index("php artisan down"), said.index("php artisan up")
    assert down < said.index("### roles") < said.index("### laravel") < up
    assert "{bypass}" not in said


@pytest.mark.spec("S8")
def test_what_is_on_a_server_is_brought_there_through_the_hosts_on_the_way() -> None:
    (fetch,) = recipe("database").fetch
    assert fetch.startswith("restic dump --tag site:north-house,source:database latest /database.dump | ssh ")
    assert shlex.split(fetch)[7:] == ["ssh", "-p", "2222", "-i", "~/k", "-J", "ops@gate.example.org", "ops@10.0.0.5",
                                      "cat > database.dump"]  # fmt: skip
    restore, copy = recipe("laravel").fetch
    assert "'latest:/var/www/a b'" in restore
    assert shlex.split(copy)[-1] == "ops@10.0.0.5:/var/www/a b.restored/"


def test_every_command_is_words_that_a_shell_takes_as_they_are_meant() -> None:
    for name in ("database", "laravel", "roles"):
        for line in (*recipe(name).fetch, *recipe(name).apply):
            assert shlex.split(line)
    assert """-c 'ALTER DATABASE "hyd""ro" RENAME TO "hyd""ro_before"'""" in recipe("database").apply[2]


@pytest.mark.spec("S8")
def test_what_the_repository_wants_is_asked_for_and_never_printed() -> None:
    lines = repository_lines(SITE)
    assert lines[0].startswith("read -rs AWS_ACCESS_KEY_ID")
    assert "export RESTIC_REPOSITORY=s3:https://s3.example.org/green/north" in lines
    local = msgspec.structs.replace(SITE, repository=Repository(url="/mnt/disk of mine/repo"))
    assert repository_lines(local)[0] == "export RESTIC_REPOSITORY='/mnt/disk of mine/repo'"


@pytest.mark.spec("S8", "H3")
def test_what_runs_in_a_container_is_typed_on_its_host() -> None:
    said = written(with_parts(SITE, filled(Use("hydro-2", "hydro", "server"))))
    assert "# hydro-up (on server)\ndocker exec hydro-prod-laravel-1 php artisan up" in said


def test_a_site_of_nothing_has_a_runbook_too() -> None:
    said = written(Site(name="bare", repository=Repository(url="/repo")))
    assert "Nobody is named." in said
    assert "fill in where the kit is" in said


@pytest.mark.spec("S8")
def test_the_printed_page_needs_nothing_else_and_shows_every_character_as_itself() -> None:
    page = as_html(contents(SITE, FACTS), ENGLISH)
    assert "Северная теплица &lt;1&gt;" in page
    assert not re.search(r"(src|href|@import|url\()", page)
    assert "<script" not in page
    for line in repository_lines(SITE):
        assert html.escape(line) in page


def test_a_document_is_markdown_whose_special_characters_mean_nothing() -> None:
    parts: list[Part] = [
        Heading(2, "a # b"),
        Paragraph("*x* _y_ <b>"),
        Items(("one", "two"), numbered=True),
        Table((), ()),
        Commands(("echo *",)),
    ]
    said = as_markdown(parts, ENGLISH)
    assert r"## a \# b" in said
    assert r"\*x\* \_y\_ \<b\>" in said
    assert "1. one\n2. two" in said
    assert "```sh\necho *\n```" in said
