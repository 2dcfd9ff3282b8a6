"""A kit's file opens with its passphrase and in no other case; whatever else is wrong with it is told apart."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.errors import UserError
from app.settings.kit import (
    MAGIC,
    MOST_MEMORY,
    SUM,
    Cost,
    KitContent,
    comparable,
    fingerprints,
    opened_kit,
    parsed_kit,
    sealed_kit,
)
from app.settings.passphrases import check_passphrase, new_passphrase
from app.store.sealed import seal

pytestmark = pytest.mark.spec("S6")

PASSPHRASE = "теплица зимой 7"
CHEAP = Cost(cost=2)
CONTENT = KitContent(
    site="north-house",
    made=datetime(2026, 11, 21, 3, 4, 5, 678901, tzinfo=UTC),
    who="eva",
    computer="laptop",
    overwinter="0.1.0",
    restic="0.19.0",
    repository="/mnt/repo",
    repository_id="a" * 64,
    site_file='name = "Теплица"\n',
    secrets={"repository-password": "пароль'\"\\ 1", "source:db:password": "x\ny"},
    host_keys={"[10.0.0.5]:2222": "ssh-ed25519 AAAA"},
)
KIT = sealed_kit(CONTENT, "k" * 32, PASSPHRASE, CHEAP)


def code_of(file: bytes, passphrase: str = PASSPHRASE) -> str:
    with pytest.raises(UserError) as refused:
        opened_kit(parsed_kit(file), passphrase)
    return refused.value.code


def summed(whole: bytes) -> bytes:
    """As a forger would leave it: with the right sum at its end."""
    return whole + hashlib.sha256(whole).digest()


def forged(**fields: object) -> bytes:
    """The kit with another header, and the right sum."""
    first, second, rest = KIT[:-SUM].split(b"\n", 2)
    return summed(b"\n".join([first, json.dumps(json.loads(second) | fields).encode(), rest]))


def test_what_was_sealed_comes_back() -> None:
    assert opened_kit(parsed_kit(KIT), PASSPHRASE) == CONTENT
    assert parsed_kit(KIT).header.site == "north-house"
    assert opened_kit(parsed_kit(KIT), unicodedata.normalize("NFD", PASSPHRASE)) == CONTENT


def test_a_real_kit_costs_memory_to_guess() -> None:
    header = parsed_kit(sealed_kit(CONTENT, "k", PASSPHRASE, Cost())).header
    assert 128 * header.cost * header.block >= 128 * 1024 * 1024


def test_a_wrong_passphrase_is_told_apart_from_damage() -> None:
    assert code_of(KIT, "another passphrase") == "kit.wrong-passphrase"
    assert code_of(KIT, "") == "kit.wrong-passphrase"


@given(at=st.integers(0, len(KIT) * 8 - 1))
def test_one_bit_flipped_anywhere_is_found(at: int) -> None:
    flipped = bytearray(KIT)
    flipped[at // 8] ^= 1 << at % 8
    in_magic = at // 8 < len(MAGIC) - 1
    assert code_of(bytes(flipped)) == ("kit.no-kit" if in_magic else "kit.damaged")


@given(at=st.integers(0, (len(KIT) - SUM) * 8 - 1))
def test_one_bit_changed_by_somebody_who_mends_the_sum_never_opens(at: int) -> None:
    flipped = bytearray(KIT[:-SUM])
    flipped[at // 8] ^= 1 << at % 8
    expected = {"kit.no-kit", "kit.damaged", "kit.newer", "kit.cost", "kit.wrong-passphrase"}
    assert code_of(summed(bytes(flipped))) in expected


@given(length=st.integers(0, len(KIT) - 1))
def test_a_file_that_was_cut_short_is_found(length: int) -> None:
    assert code_of(KIT[:length]) == ("kit.no-kit" if length < len(MAGIC) - 1 else "kit.damaged")


@pytest.mark.parametrize("file", [b"", b"\0" * 100, b"overwinter-vault 1\n", b"PK\x03\x04", b"\n" * 40])
def test_what_is_no_kit_is_said_to_be_none(file: bytes) -> None:
    assert code_of(file) == "kit.no-kit"


def test_a_newer_kit_asks_for_an_update() -> None:
    assert code_of(summed(KIT[:-SUM].replace(MAGIC + b"1", MAGIC + b"2", 1))) == "kit.newer"
    assert code_of(forged(kdf="argon3")) == "kit.newer"
    inside = json.dumps({"format": 2, "other": "things"}).encode()
    header = KIT[: KIT.index(b"\n", KIT.index(b"\n") + 1) + 1]
    kit = parsed_kit(KIT)
    key = _key_of(kit.header.salt)
    assert code_of(summed(header + seal(key, inside, header))) == "kit.newer"
    assert code_of(summed(header + seal(key, b"no json", header))) == "kit.damaged"


def _key_of(salt: bytes) -> bytes:
    normal = unicodedata.normalize("NFC", PASSPHRASE).encode()
    return hashlib.scrypt(normal, salt=salt, n=CHEAP.cost, r=CHEAP.block, p=CHEAP.lanes, dklen=32)


@pytest.mark.parametrize(
    "fields",
    [
        {"cost": 2**40},
        {"cost": 2**63},
        {"cost": 2**19, "block": 16},
        {"block": 2**30},
        {"lanes": 5},
        {"lanes": 2**30},
        {"cost": 0},
        {"cost": -8},
        {"block": 0},
    ],
)
def test_a_kit_that_would_take_all_memory_or_time_is_refused_at_once(fields: dict[str, object]) -> None:
    tracemalloc.start()
    try:
        assert code_of(forged(**fields)) == "kit.cost"
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("fields", [{"cost": "many"}, {"cost": 3}, {"salt": "?"}, {"made": "yesterday"}])
def test_a_header_that_makes_no_sense_is_damage(fields: dict[str, object]) -> None:
    assert code_of(forged(**fields)) == "kit.damaged"


def test_the_most_memory_is_more_than_a_kit_takes() -> None:
    assert Cost().memory * 2 <= MOST_MEMORY


def test_nothing_of_it_shows_by_accident() -> None:
    for shown in (repr(CONTENT), repr(parsed_kit(KIT))):
        assert "пароль" not in shown


def test_fingerprints_tell_of_a_change_and_nothing_else() -> None:
    values = comparable("site", {"a": "same", "b": "same"}, {"place": "key"})
    marks = fingerprints("key", values)
    assert marks == fingerprints("key", values)
    assert len({*marks.values(), *fingerprints("other key", values).values()}) == 2 * len(marks)
    changed = fingerprints("key", comparable("site", {"a": "other", "b": "same"}, {"place": "key"}))
    assert [name for name in marks if marks[name] != changed[name]] == ["a"]


@pytest.mark.parametrize("weak", ["", "short", "elevenchars", "aaaaaaaaaaaaaaaaaaaa", "1212121212121212"])
def test_a_weak_passphrase_is_refused(weak: str) -> None:
    with pytest.raises(UserError) as refused:
        check_passphrase(weak)
    assert refused.value.code == "usage.kit-passphrase"


def test_a_made_passphrase_is_strong_and_another_each_time() -> None:
    made = {new_passphrase() for _ in range(100)}
    assert len(made) == 100
    for each in made:
        check_passphrase(each)
