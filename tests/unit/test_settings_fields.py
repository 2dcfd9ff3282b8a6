"""What the fields tell of themselves: enough to make a form of every one, without asking anything else."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from app.foundation.words import ENGLISH, Text
from app.settings.contacts import Contact, RunbookNotes
from app.settings.fields import Field, fields_of
from app.settings.model import (
    THIS_COMPUTER,
    Command,
    Host,
    HostKind,
    Repository,
    Retention,
    Site,
    Source,
    SourceKind,
    valid_secret_name,
)

STRUCTS: tuple[type[msgspec.Struct], ...] = (Site, Repository, Host, Source, Command, Retention, Contact, RunbookNotes)
FIELDS = [(struct, field) for struct in STRUCTS for field in fields_of(struct)]


def named(struct: type[msgspec.Struct], name: str) -> Field:
    return next(field for field in fields_of(struct) if field.name == name)


@pytest.mark.spec("S2")
@pytest.mark.parametrize(("struct", "field"), FIELDS, ids=lambda each: getattr(each, "name", each.__class__.__name__))
def test_every_field_has_a_title_a_help_and_a_remedy_that_can_be_rendered(
    struct: type[msgspec.Struct], field: Field
) -> None:
    for sentence in (field.about.title, field.about.help, field.about.remedy):
        assert isinstance(sentence, Text)
        assert ENGLISH.render(sentence).strip()
    assert re.fullmatch(r"[^.]+", ENGLISH.render(field.about.title))
    assert field.about.remedy.id.endswith((".", ")"))


@pytest.mark.spec("S2")
@pytest.mark.parametrize(("struct", "field"), FIELDS, ids=lambda each: getattr(each, "name", each.__class__.__name__))
def test_every_example_can_be_used(struct: type[msgspec.Struct], field: Field) -> None:
    example: Any = str(field.about.example)
    if example and field.table is None:
        if field.many:
            example = tuple(example.split())
        elif field.type.__origin__ is int:
            example = int(example)
        field.takes(example)


def test_a_form_knows_which_fields_a_kind_has_and_needs() -> None:
    root, database, port = named(Source, "root"), named(Source, "database"), named(Host, "port")
    assert root.has_kind(SourceKind.FILES)
    assert root.is_needed(SourceKind.FILES)
    assert not root.has_kind(SourceKind.MYSQL)
    assert database.is_needed(SourceKind.MYSQL)
    assert not database.is_needed(SourceKind.POSTGRESQL_GLOBALS)
    assert port.has_kind(HostKind.SSH)
    assert not port.has_kind(HostKind.CONTAINER)


def test_a_form_knows_what_can_be_chosen() -> None:
    assert named(Host, "kind").choices() == ("ssh", "container")
    assert named(Site, "env").choices() == ()
    assert named(Site, "hosts").table is Host
    assert named(Site, "hosts").many


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("repository-password", True),
        ("s3-session-token", True),
        ("rest-password", True),
        ("source:database:password", True),
        ("host:server.lan:key-passphrase", True),
        ("board-archive-key", True),
        ("repository-password\n", False),
        ("source::password", False),
        ("source:a b:password", False),
        ("source:a:b:password", False),
        ("password", False),
        ("", False),
    ],
)
def test_names_of_secrets_are_known(name: str, valid: bool) -> None:
    assert valid_secret_name(name) is valid


def test_a_site_names_the_secrets_it_may_need() -> None:
    site = Site(
        name="s",
        repository=Repository(bucket="green"),
        hosts=(Host(name="h", kind=HostKind.SSH, address="a"), Host(name="c", kind=HostKind.CONTAINER, container="x")),
        sources=(
            Source(name="db", kind=SourceKind.POSTGRESQL, database="d"),
            Source(name="f", kind=SourceKind.FILES, root="/r"),
        ),
    )
    assert site.secret_names() == (
        "repository-password",
        "s3-access-key",
        "s3-secret-key",
        "s3-session-token",
        "source:db:password",
        "host:h:password",
        "host:h:key-passphrase",
    )
    assert all(map(valid_secret_name, site.secret_names()))


@pytest.mark.spec("H1")
def test_the_way_to_a_host_names_every_host_that_it_leads_through() -> None:
    gate = Host(name="gate", kind=HostKind.SSH, address="10.0.0.1")
    server = Host(name="server", kind=HostKind.SSH, address="10.0.0.5", jump="gate")
    container = Host(name="db", kind=HostKind.CONTAINER, on="server", container="db-1")
    here = Host(name="here", kind=HostKind.CONTAINER, container="db-2")
    site = Site(name="north-house", repository=Repository(url="/repo"), hosts=(container, server, gate, here))
    assert [host.name for host in site.way_to("db")] == ["gate", "server", "db"]
    assert [host.name for host in site.way_to("here")] == ["here"]
    assert site.way_to(THIS_COMPUTER) == ()
    assert [name for host in site.way_to("db") for name in host.secret_names()] == [
        "host:gate:password", "host:gate:key-passphrase", "host:server:password", "host:server:key-passphrase",
    ]  # fmt: skip
