"""What records do without a database: cleaning, shortening, chaining."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.errors import Problem
from app.foundation.events import Item, ItemStatus
from app.foundation.redact import Redactor
from app.foundation.words import Duration, Size, Text, text
from app.records.audit import BEGINNING, AuditEntry, first_broken
from app.records.cleaned import cleaned_item, cleaned_problem, cleaned_text
from app.records.owners import Owner
from app.records.run import new_run_id
from app.records.runs import EXCERPT_LIMIT, capped
from app.store.tables import storable

NOON = datetime(2026, 2, 11, 12, 0, 0, 5, tzinfo=UTC)


# --- cleaning -----------------------------------------------------------------------------------


@pytest.mark.spec("S4")
def test_a_secret_goes_out_of_a_sentences_fields_and_nothing_else_changes() -> None:
    said = text("{who} used {inner} for {size} in {time}", who="hunter2!", inner=text("{it}", it="a hunter2!"))
    said = msgspec.structs.replace(said, fields={**said.fields, "size": Size(3), "time": Duration(2.0)})
    assert cleaned_text(Redactor(["hunter2!"]), said) == Text(
        said.id,
        {
            "who": "[secret]",
            "inner": text("{it}", it="a [secret]"),
            "size": Size(3),
            "time": Duration(2.0),
        },
    )


@pytest.mark.spec("S4")
def test_our_own_words_stay_even_when_a_secret_is_one_of_them() -> None:
    problem = Problem(text("Disk full."), text("Nothing."), text("Look."), "disk.full", "full")
    cleaned = cleaned_problem(Redactor(["full"]), problem)
    assert cleaned == msgspec.structs.replace(problem, detail="[secret]")


@pytest.mark.spec("S4")
def test_a_secret_goes_out_of_the_names_of_what_is_missing() -> None:
    item = Item("files", ItemStatus.PARTIAL, "ab", missing=("/a/hunter2!", "/b\udcff"))
    assert cleaned_item(Redactor(["hunter2!"]), item).missing == ("/a/[secret]", "/b\udcff")


# --- shortening and making storable -------------------------------------------------------------


@pytest.mark.spec("J1")
@given(st.text(st.sampled_from("a\nя🌱\udcff\0")), st.integers(1, 200_000))
def test_a_log_is_never_kept_longer_than_it_may_be(words: str, times: int) -> None:
    log = words * times
    kept = capped(log)
    assert len(storable(kept).encode()) <= EXCERPT_LIMIT
    assert kept == log or "\n[...]\n" in kept


@given(st.text(st.characters()))
def test_any_text_can_be_stored_and_ordinary_text_as_it_is(words: str) -> None:
    stored = storable(words)
    assert "\0" not in stored
    assert stored.encode("utf-8").decode("utf-8") == stored
    assert stored == words or "\0" in words or any("\ud800" <= character <= "\udfff" for character in words)


# --- the chain ----------------------------------------------------------------------------------


def chain(length: int) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for number in range(1, length + 1):
        previous = entries[-1].digest if entries else BEGINNING
        entry = AuditEntry("north", number, NOON, "ann", "noted", {"b": "1", "a": "ж"}, previous, "")
        entries.append(msgspec.structs.replace(entry, digest=entry.expected_digest()))
    return entries


def edited(entries: list[AuditEntry], number: int, **changes: object) -> list[AuditEntry]:
    return [msgspec.structs.replace(each, **changes) if each.number == number else each for each in entries]


@pytest.mark.spec("J5")
@pytest.mark.parametrize(
    ("edit", "broken"),
    [
        (lambda entries: entries, None),
        (lambda _: [], None),
        (lambda entries: edited(entries, 2, who="bob"), 2),
        (lambda entries: edited(entries, 2, what="forgot"), 2),
        (lambda entries: edited(entries, 2, fields={}), 2),
        (lambda entries: edited(entries, 2, site="south"), 2),
        (lambda entries: edited(entries, 2, at=NOON + timedelta(microseconds=1)), 2),
        (lambda entries: edited(entries, 2, digest="0" * 64), 2),
        (lambda entries: entries[:1] + entries[2:], 2),
        (lambda entries: entries[1:], 1),
        (lambda entries: [entries[0], entries[2], entries[1]], 2),
        (lambda entries: [entries[0], *entries], 2),
    ],
)
def test_the_first_entry_that_is_not_as_it_was_written_is_found(
    edit: Callable[[list[AuditEntry]], list[AuditEntry]], broken: int | None
) -> None:
    assert first_broken(edit(chain(3))) == broken


@pytest.mark.spec("J5")
def test_a_digest_does_not_depend_on_the_order_of_fields_or_the_zone_of_the_time() -> None:
    (entry,) = chain(1)
    elsewhere = NOON.astimezone(timezone(timedelta(hours=3)))
    same = msgspec.structs.replace(entry, fields={"a": "ж", "b": "1"}, at=elsewhere)
    assert same.expected_digest() == entry.digest


@pytest.mark.spec("J5")
def test_a_digest_can_be_computed_by_anybody() -> None:
    canonical = (
        r'{"at":"2026-02-11T12:00:00.000005+00:00","fields":{"a":"\u0436","b":"1"},'
        r'"number":1,"site":"north","what":"noted","who":"ann"}'
    )
    assert chain(1)[0].digest == sha256(f"{'0' * 64}{canonical}".encode()).hexdigest()


# --- names --------------------------------------------------------------------------------------


def test_ids_of_runs_are_32_hex_characters_and_differ() -> None:
    ids = {new_run_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(each) == 32 and int(each, 16) for each in ids)


def test_a_computer_is_shown_by_its_name_alone() -> None:
    assert Owner("lab#7#3f2a9c1b", "boot", 1, 1.0).computer_name == "lab#7"
