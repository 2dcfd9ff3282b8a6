"""A site while it is edited: nothing is lost, kinds may change, and the site file's rules judge all of it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings

from app.settings.draft import Draft
from app.settings.fields import fields_of
from app.settings.kinds import TITLES
from app.settings.model import Host, HostKind, Repository, Site, Source, SourceKind
from app.settings.site_file import examined
from tests.unit.test_site_file import sites


def a_site(**fields: object) -> Site:
    return msgspec.structs.replace(Site(name="north-house", repository=Repository(url="/mnt/repo")), **fields)


def codes(draft: Draft) -> list[tuple[tuple[str | int, ...], str]]:
    return [(fault.where, fault.code) for fault in examined(draft.document()).faults]


@pytest.mark.spec("S2", "S7")
@given(site=sites())
@settings(max_examples=15, deadline=None)
def test_a_site_that_nobody_edits_is_the_same_site(site: Site) -> None:
    draft = Draft(site)
    found = examined(draft.document())
    assert found.faults == ()
    assert found.read is not None
    assert found.read.site == site
    assert not draft.is_changed


@pytest.mark.spec("S2")
def test_what_a_kind_fills_in_by_itself_follows_another_kind() -> None:
    source = Source(name="telemetry", kind=SourceKind.POSTGRESQL, database="hydro", user="hydro")
    draft = Draft(a_site(sources=(source,)))
    draft.put(("sources", 0, "kind"), "sqlite")
    draft.put(("sources", 0, "database"), "/srv/telemetry.sqlite")
    found = examined(draft.document()).read
    assert found is not None
    (changed,) = found.site.sources
    assert (changed.layer, changed.port, changed.server, changed.user) == ("sqlite", 0, "", "")
    draft.put(("sources", 0, "kind"), "postgresql")
    draft.put(("sources", 0, "database"), "hydro")
    assert not draft.is_changed


@pytest.mark.spec("S2")
def test_every_fault_names_the_place_it_stands_at() -> None:
    draft = Draft(a_site(hosts=(Host(name="server", kind=HostKind.SSH, address="10.0.0.5"),)))
    draft.put(("hosts", 0, "address"), "two words")
    draft.put(("time_zone",), "Europe/Prag")
    draft.put(("retention", "keep_daily"), "many")
    draft.add("sources", {"name": "", "kind": "files"})
    places = {where for where, _ in codes(draft)}
    assert {("hosts", 0, "address"), ("time_zone",), ("retention", "keep_daily"), ("sources", 0, "name")} <= places


@pytest.mark.spec("S2")
def test_rows_are_added_moved_and_taken_out() -> None:
    draft = Draft(a_site())
    for name in ("a", "b", "c"):
        draft.add("contacts", {"name": name})
    assert draft.is_changed_in(("contacts",))
    assert not draft.is_changed_in(("hosts", "name"))
    assert draft.move("contacts", 2, -1) == 1
    assert draft.move("contacts", 0, -1) == 0
    draft.remove("contacts", 0)
    assert [row["name"] for row in draft.rows("contacts")] == ["c", "b"]


@pytest.mark.spec("S3")
def test_credentials_in_an_address_come_out_as_secrets() -> None:
    draft = Draft(a_site())
    draft.put(("repository", "url"), "rest:https://olga:geheim@backup.example.org/north")
    found = examined(draft.document()).read
    assert found is not None
    assert found.secrets == {"rest-username": "olga", "rest-password": "geheim"}
    assert "geheim" not in found.site.repository.address


def test_every_choice_has_words() -> None:
    for struct in (Host, Source):
        (kind,) = [field for field in fields_of(struct) if field.name == "kind"]
        assert set(kind.choices()) <= {each.value for each in TITLES}
